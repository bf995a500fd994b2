//! Scripts of `etc/chatscripts` over the exchange's lines: real dialling, real hang-ups.

use super::chat;
use ringback_tests::subject::{ours, top};
use ringback_tests::wait;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

const SERVER: &str = "5551234";
const CALLER: &str = "777";

/// An exchange with one line for chat and one far end.
pub(super) struct Exchange {
    dir: tempfile::TempDir,
    child: Child,
}

impl Exchange {
    pub(super) fn new() -> Exchange {
        Exchange::with("rockwell")
    }

    /// The line has a modem of this family.
    fn with(profile: &str) -> Exchange {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let control = dir.path().join("ctl");
        let mut command = Command::new(ours("exchange"));
        command
            .arg(format!("--line={CALLER}={},profile={profile}", dir.path().join("line").display()))
            .args([&format!("--far={SERVER}"), "--cadence=300ms", "--set=handshake=50ms"])
            .arg("--control")
            .arg(&control);
        let child = command.stdin(Stdio::null()).spawn().expect("start the exchange");
        wait::until("the control socket", || UnixStream::connect(&control).ok());
        Exchange { dir, child }
    }

    /// Runs a script with these options on the line, while the orders are carried out; what chat
    /// logged, and its status.
    fn chat(&self, script: &str, orders: &[&str]) -> (i32, String) {
        let path = top().join("etc/chatscripts").join(script);
        let device = self.dir.path().join("line");
        let (device, path) = (device.to_str().unwrap(), path.to_str().unwrap());
        let args = ["-Svs", "--why", "--device", device, "-T", SERVER, "-U", CALLER, "-f", path];
        let mut command = Command::new(&chat().path);
        let chat =
            command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("start chat");
        let answers = self.ask(orders);
        let ended = super::end(chat);
        assert!(!answers.contains("error"), "{answers}\n{}", ended.stderr);
        (ended.status, ended.stderr)
    }

    /// Runs a script on the line as pppd does (standard input and output), with the orders meanwhile.
    pub(super) fn chat_on_line(&self, script: &std::path::Path, orders: &[&str]) -> (i32, String) {
        let line = || {
            use std::os::unix::fs::OpenOptionsExt;
            let mut options = std::fs::File::options();
            let options = options.read(true).write(true).custom_flags(nix::libc::O_NOCTTY);
            Stdio::from(options.open(self.dir.path().join("line")).expect("the line"))
        };
        let mut command = Command::new(&chat().path);
        let command = command.arg0("chat").arg("-Svs").arg("-f").arg(script).stdin(line()).stdout(line());
        let chat = command.stderr(Stdio::piped()).spawn().expect("start chat");
        let answers = self.ask(orders);
        let ended = super::end(chat);
        assert!(!answers.contains("error"), "{answers}\n{}", ended.stderr);
        (ended.status, ended.stderr)
    }

    pub(super) fn orders(&self, orders: &[&str]) {
        let answers = self.ask(orders);
        assert!(!answers.contains("error"), "{answers}");
    }

    /// Gives orders one after the other; their answers.
    fn ask(&self, orders: &[&str]) -> String {
        if orders.is_empty() {
            return String::new();
        }
        let mut ctl = Command::new(ours("exchange"));
        let output = ctl.arg("ctl").arg(self.dir.path().join("ctl")).args(orders).output().expect("orders");
        let answers = [output.stdout, output.stderr].concat();
        let end = if output.status.success() { "" } else { "error" };
        format!("{}{end}", String::from_utf8_lossy(&answers))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_account_with_a_login_prompt() {
    if chat().original {
        return;
    }
    let exchange = Exchange::new();
    let (status, log) = exchange.chat(
        "isp",
        &[
            "wait 5551234 ringing",
            "answer 5551234",
            "wait 5551234 connected",
            "type 5551234 \\r\\nserver login: ",
            "expect 5551234 20s myname\\r",
            "type 5551234 myname\\r\\nPassword: ",
            "expect 5551234 20s mypassword\\r",
        ],
    );
    assert_eq!(status, 0, "{log}");
    assert!(log.contains("chat:  ") && log.contains("CONNECT 33600"), "the report: {log}");
}

#[test]
fn ppp_at_once() {
    if chat().original {
        return;
    }
    let exchange = Exchange::new();
    let (status, log) =
        exchange.chat("autoppp", &["wait 5551234 ringing", "answer 5551234", "wait 5551234 connected"]);
    assert_eq!(status, 0, "{log}");
}

#[test]
fn a_satellite_modem() {
    if chat().original {
        return;
    }
    let exchange = Exchange::with("iridium");
    let (status, log) = exchange.chat("iridium", &["wait 5551234 ringing", "answer 5551234"]);
    assert_eq!(status, 0, "{log}");
}

#[test]
fn a_busy_line_is_told() {
    if chat().original {
        return;
    }
    let exchange = Exchange::new();
    // Somebody else is talking to it.
    exchange.orders(&[
        "add 111",
        "dial 5551234 111",
        "wait 111 ringing",
        "answer 111",
        "wait 5551234 connected",
    ]);
    let (status, log) = exchange.chat("autoppp", &[]);
    assert_eq!(status, 4, "{log}");
    assert!(log.contains("the abort string \"BUSY\" came after"), "{log}");
}

#[test]
fn both_kinds_of_call_back() {
    if chat().original {
        return;
    }
    for script in ["callback", "callback.fr"] {
        let exchange = Exchange::new();
        let (status, log) = exchange.chat(
            script,
            &[
                "wait 5551234 ringing",
                "answer 5551234",
                "wait 5551234 connected",
                "type 5551234 \\r\\nlogin: ",
                "expect 5551234 20s ppp-pseudo-user\\r",
                "hangup 5551234",
                "wait 777 idle",
                "dial 5551234 777",
                "wait 5551234 connected",
                "type 5551234 \\r\\nlogin: ",
                "expect 5551234 20s pppuser\\r",
                "type 5551234 \\r\\nPassword: ",
            ],
        );
        assert_eq!(status, 0, "{script}: {log}");
    }
    let exchange = Exchange::new();
    let (status, log) = exchange.chat(
        "provider",
        &[
            "wait 5551234 ringing",
            "answer 5551234",
            "wait 5551234 connected",
            "type 5551234 \\r\\nlogin: ",
            "expect 5551234 20s cback\\r",
            "type 5551234 \\r\\ncallback: ",
            "expect 5551234 20s 777\\r",
            "hangup 5551234",
            "wait 777 idle",
            "dial 5551234 777",
            "wait 5551234 connected",
        ],
    );
    assert_eq!(status, 0, "provider: {log}");
}
