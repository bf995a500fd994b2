//! Modem families (`modem-profile`) and `--probe`: each of the exchange's modems, and hostile ones. New, so not for
//! the original.

use super::*;
use ringback_tests::subject::ours;
use serde_json::Value;
use std::process::{Child, Command, Stdio};

/// The exchange's families, what each is told so that it shows callers, and whether it knows ATI's number only.
const FAMILIES: [(&str, &str); 9] = [
    ("rockwell", "AT+VCID=1"),
    ("usr", "AT#CID=1"),
    ("zyxel", "ATS40.2=1"),
    ("multitech", "AT+VCID=1"),
    ("elsa", ""),
    ("acm", "AT+VCID=1"),
    ("wifi", ""),
    ("iridium", "AT+CLIP=1"),
    ("ties", "AT+VCID=1"),
];

/// One line of each family.
struct Exchange {
    child: Child,
    dir: tempfile::TempDir,
}

impl Exchange {
    fn new() -> Exchange {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let mut command = ringback_tests::mortal::command(ours("exchange"));
        for (place, (family, _)) in FAMILIES.iter().enumerate() {
            let path = dir.path().join(family);
            command.arg(format!("--line={}={},profile={family}", 100 + place, path.display()));
        }
        command.arg("--far=5550").arg("--cadence=300ms").arg("--control").arg(dir.path().join("ctl"));
        command.arg("--log").arg(dir.path().join("log"));
        let child = command.stdin(Stdio::null()).spawn().expect("start the exchange");
        let exchange = Exchange { child, dir };
        wait::until("the exchange", || exchange.dir.path().join("ctl").exists().then_some(()));
        exchange
    }

    /// `pts/N` of a family's line.
    fn line(&self, family: &str) -> String {
        let path = std::fs::canonicalize(self.dir.path().join(family)).expect("a pty");
        path.strip_prefix("/dev").expect("under /dev").display().to_string()
    }

    /// Commands a family's modem was given.
    fn commands(&self, family: &str) -> Vec<String> {
        let number =
            (100 + FAMILIES.iter().position(|(name, _)| *name == family).expect("known")).to_string();
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let of = |line: &str| {
            let event: Value = serde_json::from_str(line).ok()?;
            let command = event["event"] == "command" && event["line"] == number.as_str();
            command.then(|| event["text"].as_str().unwrap_or_default().to_string())
        };
        log.lines().filter_map(of).collect()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mgetty --probe` in a sandbox: code, standard output, standard error.
fn probe(sandbox: &Sandbox, args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = sandbox.command(&ours("mgetty"), None);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).args(args);
    let output = command.output().expect("run the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn settings(line: &str) -> String {
    let output = Command::new("stty").arg("-g").arg("-F").arg(format!("/dev/{line}")).output().expect("stty");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn each_family_is_probed_and_left_as_it_was() {
    if subject("mgetty").original {
        return;
    }
    let exchange = Exchange::new();
    std::thread::scope(|scope| {
        for (family, caller_id) in FAMILIES {
            let exchange = &exchange;
            scope.spawn(move || {
                let (sandbox, line) = (Sandbox::new(), exchange.line(family));
                let before = settings(&line);
                let (code, out, err) = probe(&sandbox, &["--probe", &line, "--json"]);
                assert_eq!((code, err.as_str()), (Some(0), ""), "{family}");
                let found: Value = serde_json::from_str(&out).expect("JSON");
                assert_eq!(found["profile"], family, "{out}");
                assert_eq!(
                    (&found["speed"], &found["line"]),
                    (&38400.into(), &format!("/dev/{line}").into())
                );
                let callers = found["caller_id"].as_str().unwrap_or_default();
                assert!(callers.contains(caller_id), "{family}: {callers}");
                assert_eq!(
                    (&found["dtr"], &found["escape_character"], &found["escape_guard"]),
                    (&"&D2".into(), &"43".into(), &"50".into()),
                    "{family}: {out}"
                );
                assert_eq!(settings(&line), before, "{family}");
                assert_eq!(std::fs::read_dir(sandbox.run("lock")).expect("locks").count(), 0, "{family}");
                for command in exchange.commands(family) {
                    let asks =
                        command.ends_with('?') || command.len() < 7 && !command.contains(['=', '&', 'Z']);
                    assert!(
                        asks || ["AT+G", "AT+C", "ATQ0V1", "AT&V"]
                            .iter()
                            .any(|head| command.starts_with(head)),
                        "{family}: {command}"
                    );
                    // An extended command could change a software modem's WiFi set-up.
                    assert!(family != "wifi" || !command.contains('+'), "{command}");
                }
            });
        }
    });
}

#[test]
fn each_family_is_recognised_and_set_up() {
    if subject("mgetty").original {
        return;
    }
    let exchange = Exchange::new();
    std::thread::scope(|scope| {
        for (family, caller_id) in FAMILIES {
            let exchange = &exchange;
            scope.spawn(move || {
                let sandbox = Sandbox::new();
                sandbox.write_etc("mgetty.config", &format!("{BASE}modem-profile auto\n"), 0o644);
                let line = exchange.line(family);
                let _getty = sandbox.start(&ours("mgetty"), &[&line]);
                let log = || sandbox.log_text(&format!("mg_{}.log", line.replace('/', "-")));
                wait::until(family, || log().contains("waiting...").then_some(()));
                assert!(log().contains(&format!("modem is {family}: ")), "{}", log());
                assert!(log().contains(&format!("modem profile {family}: ")), "{}", log());
                let told = format!("{caller_id} OK");
                assert!(caller_id.is_empty() || log().contains(&told), "{told}: {}", log());
                let commands = exchange.commands(family);
                assert!(commands.contains(&"ATS0=0".to_string()), "{commands:?}");
                assert!(!commands.iter().any(|c| c.contains("&F") || c.contains("&W") || c.contains("ATZ")));
            });
        }
    });
}

/// By name: nothing is asked. An unknown name, or none, is the init chat alone.
#[test]
fn a_chosen_family() {
    if subject("mgetty").original {
        return;
    }
    let rows: [(&str, &[&str]); 4] = [
        ("modem-profile zyxel", &["ATX4", "ATS0=0", "AT&C1&D2", "AT&H3", "ATS40.2=1"]),
        ("modem-profile none", &[]),
        ("modem-profile nosuch", &[]),
        ("", &[]),
    ];
    for (config, more) in rows {
        let mut getty = Getty::idle(config);
        let commands = getty.modem.commands();
        assert_eq!(commands[..2], ["ATQ0V1H0", "AT"]);
        assert_eq!(commands[2..], *more, "{config}");
        let said = getty.log().contains("no family `nosuch` is known");
        assert_eq!(said, config.contains("nosuch"), "{}", getty.log());
        let (_, out, err) = probe(&getty.sandbox, &["--check"]);
        let told = format!("{out}{err}").contains("modem-profile `nosuch`: known are auto, none, wifi");
        assert_eq!(told, config.contains("nosuch"), "{out}{err}");
        getty.prompt();
    }
}

/// A modem that says ERROR to everything but the init chat, one that falls silent, one that never stops talking.
#[test]
fn a_modem_nobody_knows_serves() {
    if subject("mgetty").original {
        return;
    }
    let reply = |text: &str| {
        let commands = ["ATI", "AT+GMI", "AT+GMM", "AT+FMI?", "ATI3"];
        commands.map(|command| (command.to_string(), text.to_string())).to_vec()
    };
    let escapes = "\r\n\x1b]0;x\x07\x1b[2J'\"; rm -rf /\r\n".repeat(100) + "OK\r\n";
    let rows = [
        ("\r\nERROR\r\n", "modem is of no family known here"),
        ("", "modem is of no family known here"),
        (escapes.as_str(), "modem is v250: "),
        ("\r\nRING\r\n56000\r\n\r\nOK\r\n", "modem is rockwell: "),
    ];
    each(&rows, |(text, said)| {
        let manner = Manner { replies: reply(text), ..Manner::default() };
        let mut getty = Getty::with("modem-profile auto", manner);
        getty.start();
        getty.wait_idle();
        assert!(getty.log().contains(said), "{}", getty.log());
        assert!(!getty.log().contains('\x1b'));
        getty.prompt();
    });
}

#[test]
fn a_probe_of_a_hostile_modem() {
    if subject("mgetty").original {
        return;
    }
    let replies = vec![("ATI".into(), "\r\n\x1b[2J\x1b]52;c;x\x07'\"\\\r\nOK\r\n".into())];
    let modem = Modem::with(Manner { replies, ..Manner::default() });
    let sandbox = Sandbox::new();
    let (code, out, _) = probe(&sandbox, &["--probe", &modem.line()]);
    assert_eq!(code, Some(0));
    assert!(out.contains("_[2J") && out.bytes().all(|b| b == b'\n' || (0x20..0x7f).contains(&b)), "{out}");
    // A megabyte without an end, begun when it is asked what it is.
    let modem = Modem::with(Manner { replies: vec![("ATI".into(), String::new())], ..Manner::default() });
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait::until("ATI", || modem.commands().contains(&"ATI".to_string()).then_some(()));
            let mut sent = 0;
            while sent < 1 << 20 && !stop.load(std::sync::atomic::Ordering::Relaxed) {
                match std::io::Write::write(&mut modem.pty().master(), &[b'x'; 4096]) {
                    Ok(n) => sent += n,
                    Err(_) => std::thread::sleep(ms(1)),
                }
            }
            modem.send("\r\n");
        });
        let (code, out, _) = probe(&sandbox, &["--probe", &modem.line(), "--json"]);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(code, Some(0));
        let found: Value = serde_json::from_str(&out).expect("JSON");
        assert!(out.len() < 20_000 && found["answers"][0]["command"] == "ATI", "{out}");
    });
}

#[test]
fn a_line_that_cannot_be_probed() {
    if subject("mgetty").original {
        return;
    }
    let sandbox = Sandbox::new();
    let modem = Modem::with(Manner { answers: false, ..Manner::default() });
    let line = modem.line();
    let lock = sandbox.lock(&format!("LCK..{}", line.replace('/', "_")));
    let mut other = Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    std::fs::write(&lock, format!("{:10}\n", other.id())).expect("a lock");
    let (code, out, err) = probe(&sandbox, &["--probe", &line]);
    assert_eq!((code, out.as_str()), (Some(20), ""));
    assert!(err.contains("the line is held by process"), "{err}");
    assert!(modem.commands().is_empty() && lock.exists());
    let _ = (other.kill(), other.wait());
    // Nobody answers: all speeds are tried, and the line is as before.
    let before = settings(&line);
    let (code, out, err) = probe(&sandbox, &["--probe", &line]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("no modem answers"), "{err}");
    assert_eq!(settings(&line), before);
    assert!(!lock.exists());
    for (args, wanted) in [
        (&["--probe", "nosuch/tty0"][..], 30),
        (&["--probe", "../etc/passwd"], 2),
        (&["--probe"], 2),
        (&["--json", "ttyS1"], 2),
    ] {
        let (code, out, err) = probe(&sandbox, args);
        assert_eq!((code, out.as_str()), (Some(wanted), ""), "{args:?}: {err}");
        assert!(err.starts_with("mgetty: "), "{err}");
    }
}

/// For a getty that waits on the line a probe is a program that dials out: it ends and is started anew.
#[test]
fn a_getty_makes_room_for_a_probe() {
    if subject("mgetty").original {
        return;
    }
    let mut getty = Getty::idle("");
    let line = getty.modem.line();
    let (code, out, err) = probe(&getty.sandbox, &["--probe", &line, "-s", "9600"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.contains("speed             9600 bit/s"), "{out}");
    assert_eq!(getty.status(), 0);
    getty.start();
    wait::until("a second life", || (getty.log().matches("waiting...").count() == 2).then_some(()));
    getty.prompt();
}
