//! dialin doctor: on trees that stand for machines, and with a modem on the exchange.

use super::tree::Tree;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};

fn machine() -> Tree {
    let tree = Tree::with(&[
        ("/usr/sbin/pppd", "#!"),
        ("/sbin/mgetty", "#!"),
        ("/bin/login", "#!"),
        ("/etc/group", "dip:x:30:max\n"),
        ("/dev/ppp", ""),
        ("/sys/module/ppp_generic/refcnt", "0\n"),
        ("/proc/sys/net/ipv4/ip_forward", "1\n"),
        ("/etc/sysctl.d/60-dialin.conf", "net.ipv4.ip_forward = 1\n"),
        ("/etc/mgetty/login.config", "* - - /bin/login @\n"),
        ("/proc/77/cmdline", "/usr/sbin/ModemManager\0"),
        ("/etc/udev/rules.d/60-ringback.rules", "ENV{ID_MM_DEVICE_IGNORE}=\"1\"\n"),
    ]);
    fs::create_dir_all(tree.at("/var/lock")).expect("a directory");
    tree.chmod("/var/lock", 0o1777);
    tree.chmod("/usr/sbin/pppd", 0o4754);
    tree.chmod("/etc/mgetty/login.config", 0o600);
    tree
}

#[test]
fn a_machine_is_looked_at_and_told_what_to_type() {
    let tree = machine();
    let told = tree.run(&["doctor"]);
    // Below /dev/shm files belong to whoever runs the test, and only root's may be set-uid root's.
    if nix::unistd::geteuid().is_root() {
        assert!(told.out.contains("ok       ModemManager: runs, and is kept away"), "{}", told.out);
        assert!(told.out.contains("ok       forwarding: is on, and will be after a boot"), "{}", told.out);
        assert_eq!(told.status, 0, "{}", told.out);
    }
    tree.chmod("/usr/sbin/pppd", 0o755);
    tree.write("/var/lib/dpkg/statoverride", "root root 0755 /usr/sbin/pppd\n");
    tree.chmod("/etc/mgetty/login.config", 0o644);
    tree.write("/etc/modprobe.d/hard.conf", "# no\ninstall ppp_generic /bin/false\n");
    tree.write("/proc/78/cmdline", "/sbin/agetty\0-L\0ttyS0\x1b[2J\0");
    fs::remove_file(tree.at("/etc/udev/rules.d/60-ringback.rules")).expect("remove");
    let told = tree.run(&["doctor"]);
    assert_eq!(told.status, 3, "{}", told.out);
    for wanted in [
        "PROBLEM  pppd: has no set-uid bit (mode 0755",
        "dpkg-statoverride keeps it so",
        "lets nobody in by it",
        "hard.conf:2: install ppp_generic",
        "PROBLEM  ModemManager: runs (process 77)",
        "note     ttyS0\\x1b[2J: another getty",
        "chmod 4754 /usr/sbin/pppd",
        "4 problems, ",
    ] {
        assert!(told.out.contains(wanted), "{wanted}: {}", told.out);
    }
    assert!(!told.out.contains('\x1b'));
    let json: serde_json::Value = serde_json::from_str(&tree.run(&["--json", "doctor"]).out).expect("JSON");
    assert!(
        json.as_array()
            .is_some_and(|all| all.iter().any(|f| f["weight"] == "problem" && f["place"] == "pppd"))
    );
    assert!(tree.run(&["doctor", "ttyS0"]).refused().contains("no lines with --root"));
}

/// A line of the exchange, and dialin beside our programs in a private view of the machine.
struct Office {
    sandbox: Sandbox,
    exchange: Child,
    device: PathBuf,
}

impl Office {
    fn new() -> Office {
        let sandbox = Sandbox::new();
        let link = sandbox.path().join("line");
        let mut command = ringback_tests::mortal::command(ours("exchange"));
        command.arg(format!("--line=1={}", link.display())).args(["--far=2,s0=1,answer-delay=0", "--far=3"]);
        command.args(["--set=handshake=50ms", "--control"]).arg(sandbox.path().join("ctl"));
        let exchange = command.stdin(Stdio::null()).spawn().expect("the exchange");
        let device = wait::until("the line", || fs::canonicalize(&link).ok());
        Office { sandbox, exchange, device }
    }

    fn dialin(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let path = format!(
            "{}:/usr/sbin:/usr/bin:/sbin:/bin",
            ours("dialin").parent().expect("a directory").display()
        );
        let mut command = self.sandbox.command(&ours("dialin"), None);
        let output = command
            .env("PATH", path)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output()
            .expect("dialin");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.exchange.kill();
        let _ = self.exchange.wait();
    }
}

#[test]
fn modems_on_lines_are_asked() {
    let office = Office::new();
    let name = office.device.display().to_string();
    let (code, text, err) = office.dialin(&["doctor", &name, "/dev/null"]);
    assert!(text.contains(&format!("ok       {name}: a modem answers")), "{code:?} {text}{err}");
    assert!(text.contains("PROBLEM  /dev/null: "), "{text}");
    assert_eq!(code, Some(3));
}

#[test]
fn a_modem_set_badly_is_told() {
    let office = Office::new();
    let name = office.device.display().to_string();
    let told = |words: &[&str]| {
        let (_, text, err) = office.dialin(&[&["doctor", &name], words].concat());
        format!("{text}{err}")
    };
    let good = told(&[]);
    for says in ["hangs up when DTR falls (&D2)", "+++ counts only in a pause of 1000 ms (S12=50)"] {
        assert!(good.contains(&format!("ok       {name}: {says}")), "{says}: {good}");
    }
    let order = |command: &str| {
        let mut line = fs::OpenOptions::new().read(true).write(true).open(&office.device).expect("the line");
        line.write_all(format!("{command}\r").as_bytes()).expect("a command");
        let (mut heard, mut room) = (Vec::<u8>::new(), [0; 100]);
        while !heard.windows(2).any(|two| two == &b"OK"[..]) {
            let n = line.read(&mut room).expect("an answer");
            heard.extend(&room[..n]);
        }
    };
    order("AT&D0S12=0");
    let bad = told(&[]);
    for says in ["does not hang up when DTR falls (&D0)", "+++ within the data takes the modem out of a call"]
    {
        assert!(bad.contains("PROBLEM  ") && bad.contains(says), "{says}: {bad}");
    }
    order("AT&D1S2=128");
    let other = told(&[]);
    assert!(
        other.contains("keeps the call when DTR falls (&D1)") && other.contains("S2 is above 127"),
        "{other}"
    );
}

#[test]
fn lines_are_tested_by_calls() {
    let office = Office::new();
    let name = office.device.display().to_string();
    let (code, text, err) = office.dialin(&["test", &name]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.starts_with("ok ") && text.contains("a modem answers"), "{text}");
    let (code, text, err) = office.dialin(&["test", &name, "--dial", "2"]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.contains("CONNECT") && text.ends_with("1 of 1 calls connected\n"), "{text}");
    let (code, text, err) = office.dialin(&["test", &name, "--dial", "2", "--times", "2"]);
    assert_eq!((code, text.matches("CONNECT").count()), (Some(0), 2), "{text}{err}");
    assert!(text.ends_with("2 of 2 calls connected\n"), "{text}");
    let (code, text, _) = office.dialin(&["--json", "test", &name, "--dial", "404"]);
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, told["good"].as_u64()), (Some(3), Some(0)), "{text}");
    assert!(told["tests"][0]["says"].as_str().is_some_and(|says| says.contains("NO CARRIER")), "{text}");
    let (code, _, err) = office.dialin(&["test", &name, "--dial", "1;H0"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("no number a modem could dial"), "{err}");
    assert_eq!(fs::read_dir(office.sandbox.path().join("run/lock")).expect("locks").count(), 0);
}
