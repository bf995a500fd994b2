//! callback alone: command line, dialling, failures. With `SUBJECT=original` against Debian's.

use super::bench::{Bench, TAKES, modem};
use ringback_tests::modem::{Manner, Modem};
use ringback_tests::wait::until;
use std::process::Command;

const QUICK: &str = "delay 4\ndelay-randomize 1\nretry-time 1\nmax-time 5\nmodem-init \"\" ATZ OK\n";

#[test]
fn usage() {
    let bench = Bench::new("");
    let (status, text) = bench.run(&["-Z"]);
    assert_eq!(status, 2);
    assert!(text.contains("callback: invalid option -- 'Z'\n"), "{text}");
    assert!(text.contains("Usage: callback [-x <debug level>] [-V] [-l <modem lines>] [-m <initstring>]\n"));
    let (status, text) = bench.run(&["-l", "/foo/bar", "1"]);
    assert_eq!(status, 1);
    assert!(text.ends_with(": -l: device must be located in /dev!\n"), "{text}");
    assert_eq!(bench.run(&["-s", "1234", "1"]).0, 2);
    let (status, text) = bench.run(&["-V"]);
    assert_eq!(status, 0);
    assert!(text.starts_with("\nmgetty+sendfax by Gert Doering\n"), "{text}");
    assert!(text.ends_with("\nlog file written to '/var/log/mgetty/mg_callback.log'\n\n"), "{text}");
}

#[test]
fn only_root() {
    let bench = Bench::new("");
    // Somewhere an ordinary user may execute it.
    let program = bench.sandbox.path().join("bin/callback");
    std::fs::copy(&bench.subject.path, &program).unwrap();
    let out =
        Command::new("setpriv").args(["--reuid", "65534", "--clear-groups"]).arg(&program).arg("-V").output();
    let out = out.expect("setpriv");
    assert_eq!(out.status.code(), Some(2));
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    let sorry = "\nSorry, callback must be run as userid \"root\", otherwise it won't work.\n\n";
    assert!(text.starts_with(sorry), "{text}");
}

#[test]
fn a_connected_call_is_given_to_the_getty() {
    let bench = Bench::new(QUICK);
    let modem = Modem::new();
    let _getty = bench.getty(&modem.line(), TAKES);
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 0, "{}", bench.log());
    modem.expect("Connection established, please wait...\r\n", 0);
    let commands = modem.commands();
    // Ours makes sure that the getty has seen something; this one has never opened the line.
    assert_eq!(commands, ["ATZ", "ATD0123456"]);
    let success = format!("##### callback: success, device=/dev/{}, mgetty=", modem.line());
    assert!(bench.log().contains(&success), "{}", bench.log());
    assert_eq!(bench.locks(), 1, "the lock is the getty's now");
    if !bench.subject.original {
        let record = &bench.records()[0];
        assert_eq!(record["cause"], "handed over");
        assert_eq!((&record["called"], &record["connect"]), (&"0123456".into(), &"33600".into()));
        assert_eq!((&record["line"], &record["dir"]), (&modem.line().into(), &"out".into()));
    }
}

/// Every failure: exit 10 when the time is over. The original leaves its lock behind.
fn fails(reply: &str, cause: &str) {
    let bench = Bench::new(QUICK);
    let modem = modem("ATD0123456", reply);
    let _getty = bench.getty(&modem.line(), TAKES);
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 10, "{}", bench.log());
    if bench.subject.original {
        assert_eq!(bench.locks(), 1);
    } else {
        assert_eq!(bench.locks(), 0);
        assert_eq!(bench.records()[0]["cause"], cause);
        assert!(bench.log().contains(&format!("cause='{cause}'")), "{}", bench.log());
    }
}

#[test]
fn busy() {
    fails("BUSY", "busy");
}

#[test]
fn no_dialtone() {
    fails("NO DIALTONE", "no dial tone");
}

#[test]
fn no_carrier() {
    fails("NO CARRIER", "no carrier");
}

#[test]
fn answers_that_the_original_does_not_understand() {
    if Bench::new("").subject.original {
        return; // It would wait three minutes.
    }
    let all: Vec<_> = [
        ("NO DIAL TONE", "no dial tone"),
        ("NO ANSWER", "no answer"),
        ("VOICE", "voice"),
        ("RINGING\r\n\r\nRINGING\r\n\r\nBUSY", "busy"),
        ("DELAYED 00:10:00", "delayed by the modem"),
        ("BLACKLISTED", "blacklisted by the modem"),
        ("RING", "an incoming call came first"),
    ]
    .into_iter()
    .map(|(reply, cause)| std::thread::spawn(move || fails(reply, cause)))
    .collect();
    for one in all {
        one.join().unwrap();
    }
}

#[test]
fn several_numbers_are_tried_in_turn() {
    let bench = Bench::new(&QUICK.replace("max-time 5", "max-time 60"));
    let modem = modem("ATD111", "BUSY");
    let _getty = bench.getty(&modem.line(), TAKES);
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "111", "222"]);
    assert_eq!(status, 0, "{}", bench.log());
    let dialled: Vec<String> = modem.commands().into_iter().filter(|c| c.starts_with("ATD")).collect();
    assert_eq!(dialled, ["ATD111", "ATD222"]);
}

#[test]
fn a_silent_modem() {
    let bench = Bench::new(QUICK);
    let modem = Modem::with(Manner { answers: false, ..Manner::default() });
    let _getty = bench.getty(&modem.line(), TAKES);
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 255);
    assert_eq!(bench.locks(), usize::from(bench.subject.original));
}

#[test]
fn a_modem_that_says_error_is_dialled_all_the_same() {
    let bench = Bench::new(QUICK);
    let modem = modem("ATZ", "ERROR");
    let _getty = bench.getty(&modem.line(), TAKES);
    assert_eq!(bench.run(&["-d", "-l", &modem.line(), "0123456"]).0, 0);
}

#[test]
fn no_getty_and_no_line() {
    let bench = Bench::new(QUICK);
    let modem = Modem::new();
    let lines = format!("ttyNOSUCH:{}", modem.line());
    assert_eq!(bench.run(&["-d", "-l", &lines, "0123456"]).0, 2, "{}", bench.log());
    assert!(modem.commands().is_empty());
    assert_eq!(bench.locks(), 0);
}

#[test]
fn a_pid_file_that_names_somebody_else_is_not_believed() {
    let bench = Bench::new(QUICK);
    let modem = Modem::new();
    let mut victim = Command::new("sleep").arg("100").spawn().unwrap();
    let file = bench.sandbox.run(&format!("mgetty.pid.{}", modem.line().replace('/', "-")));
    std::fs::write(&file, format!("{}\n", victim.id())).unwrap();
    if bench.subject.original {
        // It dials and then kills the stranger.
        let mut callback = bench.sandbox.start(&bench.subject.path, &["-d", "-l", &modem.line(), "0123456"]);
        until("the end of the victim", || victim.try_wait().unwrap());
        callback.signal(nix::sys::signal::Signal::SIGTERM);
        callback.status();
        return;
    }
    assert_eq!(bench.run(&["-d", "-l", &modem.line(), "0123456"]).0, 2);
    assert!(victim.try_wait().unwrap().is_none(), "the stranger lives");
    assert!(modem.commands().is_empty());
    assert!(bench.log().contains("the pid file is not believed"), "{}", bench.log());
    // A getty, but on another line.
    let _other = bench.getty("ttyS99", TAKES);
    let pid = std::fs::read(bench.sandbox.run("mgetty.pid.ttyS99")).unwrap();
    std::fs::write(&file, pid).unwrap();
    assert_eq!(bench.run(&["-d", "-l", &modem.line(), "0123456"]).0, 2);
    assert!(bench.log().contains("is a getty on another line"), "{}", bench.log());
    let _ = (victim.kill(), victim.wait());
}

#[test]
fn a_getty_that_goes_away_costs_the_call() {
    let bench = Bench::new(QUICK);
    if bench.subject.original {
        return; // It waits half a minute.
    }
    let modem = Modem::new();
    let _getty = bench.getty(&modem.line(), "exit 0");
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 5, "{}", bench.log());
    modem.expect("Fatal error: can't pass control, hanging up.\r\n", 0);
    assert_eq!(bench.locks(), 0);
    assert!(bench.records()[0]["cause"].as_str().unwrap().starts_with("not handed over"));
}

#[test]
fn a_getty_that_says_nothing_costs_the_call() {
    let bench = Bench::new(&format!("{QUICK}hand-over-time 1\n"));
    if bench.subject.original {
        return; // The same, but after half a minute: 36 seconds for this test.
    }
    let modem = Modem::new();
    let _getty = bench.getty(&modem.line(), ":");
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 5, "{}", bench.log());
    modem.expect("Fatal error: can't pass control, hanging up.\r\n", 0);
    assert!(bench.log().contains("does not answer"), "{}", bench.log());
    assert_eq!(bench.locks(), 0);
    assert_eq!(bench.records()[0]["cause"].as_str().map(|c| c.starts_with("not handed over")), Some(true));
}

#[test]
fn a_line_that_is_in_use_is_waited_for_and_a_stale_lock_is_not() {
    let bench = Bench::new(&QUICK.replace("max-time 5", "max-time 60"));
    let modem = Modem::new();
    let _getty = bench.getty(&modem.line(), TAKES);
    let lock = bench.sandbox.lock(&format!("LCK..{}", modem.line().replace('/', "_")));
    let mut owner = Command::new("sleep").arg("6").spawn().unwrap();
    std::fs::write(&lock, format!("{:10}\n", owner.id())).unwrap();
    // Waited for at once: a process that has ended and is not waited for still counts for the original.
    let owner = std::thread::spawn(move || owner.wait().map(|_| std::time::Instant::now()));
    let (status, _) = bench.run(&["-d", "-l", &modem.line(), "0123456"]);
    assert_eq!(status, 0, "{}", bench.log());
    let ended = owner.join().unwrap().unwrap();
    let dialled = modem.connected_at().unwrap();
    assert!(ended < dialled, "dialled while the line was in use");
}

#[test]
fn a_lock_that_a_script_removes_costs_no_call() {
    let bench = Bench::new(QUICK);
    if bench.subject.original {
        return; // Its getty finds no lock to take over.
    }
    let modem = modem("ATD0123456", "RINGING");
    let _getty = bench.getty(&modem.line(), TAKES);
    let callback = bench.sandbox.start(&bench.subject.path, &["-d", "-l", &modem.line(), "0123456"]);
    until("dialling", || modem.commands().contains(&"ATD0123456".to_string()).then_some(()));
    let lock = bench.sandbox.lock(&format!("LCK..{}", modem.line().replace('/', "_")));
    // As the documents' own `ppp-call` begins.
    std::fs::remove_file(&lock).unwrap();
    let made = until("the lock", || std::fs::read_to_string(&lock).ok());
    assert_eq!(made, format!("{:10}\n", callback.pid()));
    modem.send("\r\nCONNECT 33600\r\n");
    let mut callback = callback;
    assert_eq!(callback.status(), 0, "{}", bench.log());
    assert!(bench.log().contains("was removed by somebody: made again"), "{}", bench.log());
}

#[test]
fn of_several_lines_the_first_free_one_is_dialled_on() {
    let bench = Bench::new(QUICK);
    let (busy, free) = (Modem::new(), Modem::new());
    let _gettys = [bench.getty(&busy.line(), TAKES), bench.getty(&free.line(), TAKES)];
    let lock = bench.sandbox.lock(&format!("LCK..{}", busy.line().replace('/', "_")));
    std::fs::write(&lock, format!("{:10}\n", std::process::id())).unwrap();
    let lines = format!("/dev/{}:{}", busy.line(), free.line());
    assert_eq!(bench.run(&["-d", "-l", &lines, "0123456"]).0, 0, "{}", bench.log());
    assert!(busy.commands().is_empty());
    assert!(free.commands().contains(&"ATD0123456".to_string()));
    // The same by the configuration.
    let _ = std::fs::remove_file(&lock);
    let third = Modem::new();
    let _getty = bench.getty(&third.line(), TAKES);
    bench.sandbox.write_etc("callback.config", &format!("{QUICK}dialout-devices {}\n", third.line()), 0o644);
    assert_eq!(bench.run(&["-d", "777"]).0, 0, "{}", bench.log());
    assert!(third.commands().contains(&"ATD777".to_string()));
}

#[test]
fn a_signal_ends_it_without_a_lock() {
    let bench = Bench::new(QUICK);
    let modem = modem("ATD0123456", "RINGING");
    let _getty = bench.getty(&modem.line(), TAKES);
    let mut callback = bench.sandbox.start(&bench.subject.path, &["-d", "-l", &modem.line(), "0123456"]);
    until("dialling", || modem.commands().contains(&"ATD0123456".to_string()).then_some(()));
    callback.signal(nix::sys::signal::Signal::SIGHUP);
    callback.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(callback.status(), 10);
    assert!(bench.log().contains("got signal 15, exiting"), "{}", bench.log());
    assert_eq!(bench.locks(), 0);
}

#[test]
fn the_typo_of_a_much_copied_document_is_understood() {
    let bench = Bench::new(QUICK);
    if bench.subject.original {
        return; // It dials `-`, `S` and 123456.
    }
    let (status, text) = bench.run(&["-", "S", "123456"]);
    assert_eq!(status, 2);
    assert!(text.ends_with("callback: `-` is no telephone number: did you mean -S?\n"), "{text}");
    for bad in ["123;ATH", "S=1", "12\r3", ""] {
        assert_eq!(bench.run(&["-d", bad]).0, 2, "{bad:?}");
    }
}

#[test]
fn own_line_without_a_tty() {
    let bench = Bench::new(QUICK);
    let (status, _) = bench.run(&["-S", "-d", "123456"]);
    assert_eq!(status, if bench.subject.original { 139 } else { 2 });
}

#[test]
fn check_number_says_which_rule_decides() {
    let bench = Bench::new("country-code 49\nnumber-deny 0301\nuser mary\nnumber-allow 0301\n");
    if bench.subject.original {
        return;
    }
    let check = |user: &str, number: &str| bench.run(&["--check-number", user, number]);
    let (status, text) = check("john", "+49 (0) 30 1234");
    assert_eq!((status, text.as_str()), (1, "dialled as: ATD0301234\nrefused: line 2: number-deny 0301\n"));
    let (status, text) = check("mary", "030 1234");
    assert_eq!((status, text.as_str()), (0, "dialled as: ATD0301234\nallowed: line 4: number-allow 0301\n"));
    let (status, text) = check("mary", "0900 1234567");
    assert_eq!(status, 1);
    assert!(text.contains("0900 is premium here"), "{text}");
    assert_eq!(check("mary", "12;34").0, 1);
    bench.sandbox.write_etc("callback.config", "blind-dial yes\nnonsense 1\n", 0o644);
    let (_, text) = check("mary", "123456");
    assert!(text.contains("callback.config:2:1: unknown keyword `nonsense`"), "{text}");
    assert!(text.contains("without a dial tone") && text.contains("no country-code"), "{text}");
}
