//! The page "PPP Dialin Server" of Webmin's documentation, step by step, and what it promises.

use super::tree::Tree;
use ringback_tests::pty::Pty;
use ringback_tests::wait;
use std::fs::OpenOptions;

#[test]
fn the_page_step_by_step() {
    let tree = Tree::with(&[
        ("/sbin/mgetty", ""),
        ("/usr/sbin/pppd", ""),
        ("/etc/inittab", "id:2:initdefault:\n"),
        ("/etc/mgetty/login.config", "*\t-\t-\t/bin/login @\n"),
    ]);
    tree.chmod("/etc/mgetty/login.config", 0o600);
    // Serial Port Configuration: 1 to 7. 33600 is in the page's own example, and is no port speed.
    let why = tree.run(&["--yes", "line", "add", "/dev/ttyS0", "speed=33600"]).refused();
    assert!(why.contains("a rate between two modems") && why.contains("speed=38400"), "{why}");
    tree.change(&["line", "add", "/dev/ttyS0", "speed=57600", "rings=20"]);
    tree.change(&["line", "add", "/dev/ttyS1", "direct=yes"]);
    // PPP Options: 9 to 16.
    tree.change(&["autoppp", "on"]);
    tree.change(&[
        "ppp",
        "set",
        "192.168.5.1:192.168.5.2",
        "proxyarp",
        "modem",
        "auth",
        "idle=600",
        "ms-dns=192.168.5.1",
    ]);
    assert_eq!(
        tree.read("/etc/ppp/options"),
        "192.168.5.1:192.168.5.2\nproxyarp\nmodem\nauth\nidle 600\nms-dns 192.168.5.1\n"
    );
    // Several clients: back to the defaults, and a file for each port.
    tree.change(&["ppp", "set", "--unset", "addresses", "--unset", "modem"]);
    tree.change(&["ppp", "set", "--line", "ttyS0", "192.168.5.1:192.168.5.2", "modem"]);
    tree.change(&["ppp", "set", "--line", "ttyS1", "192.168.5.1:192.168.5.3", "local", "noauth"]);
    assert_eq!(tree.read("/etc/ppp/options.ttyS1"), "192.168.5.1:192.168.5.3\nlocal\nnoauth\n");
    // Managing PPP accounts.
    tree.feed("s3cret\n", &["--yes", "account", "add", "client", "--pap"]).ok();
    assert_eq!(tree.read("/etc/ppp/pap-secrets"), "client\t*\ts3cret\t*\n");
    assert_eq!(tree.run(&["account", "test", "client", "--address", "192.168.5.2"]).status, 0);
    tree.feed("n3w\n", &["--yes", "account", "set", "client", "--secret"]).ok();
    // Restricting access by caller ID: 555 and nobody else; later one more, which lands above the last rule.
    tree.change(&["callerid", "add", "555"]);
    tree.change(&["callerid", "add", "all", "--deny"]);
    tree.change(&["callerid", "add", "777"]);
    tree.change(&["callerid", "add", "none"]);
    assert_eq!(tree.read("/etc/mgetty/dialin.config"), "555\n777\nnone\n!all\n");
    assert_eq!(tree.run(&["callerid", "test", "5551234"]).status, 0);
    assert_eq!(tree.run(&["callerid", "test", "6661234"]).status, 3);
    // Deleting one port leaves the other; the whole story can be told and taken back.
    tree.change(&["line", "rm", "ttyS1"]);
    let list = tree.run(&["line", "list"]).ok();
    assert!(
        list.starts_with("ttyS0 ")
            && list.contains("modem")
            && list.contains("57600")
            && list.contains("rings 20"),
        "{list}"
    );
    let log = tree.run(&["log"]).ok();
    assert!(!log.contains("s3cret") && log.lines().count() > 10, "{log}");
    for _ in 0..log.lines().count() {
        tree.change(&["undo"]);
    }
    assert_eq!(tree.read("/etc/inittab"), "id:2:initdefault:\n");
    assert_eq!(tree.read("/etc/mgetty/login.config"), "*\t-\t-\t/bin/login @\n");
    assert!(!tree.at("/etc/ppp").exists());
}

#[test]
fn setup_asks_at_a_terminal_and_shows_no_secret() {
    let tree = Tree::with(&[("/sbin/mgetty", ""), ("/usr/sbin/pppd", ""), ("/etc/inittab", "")]);
    let pty = Pty::fresh();
    let side = || OpenOptions::new().read(true).write(true).open(pty.path()).expect("the pty");
    let mut command = tree.command(&["setup", "--line", "ttyS0"]);
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("dialin");
    let mut shown = String::new();
    let mut answer = |question: &str, answer: &str| {
        wait::until(question, || {
            shown.push_str(&String::from_utf8_lossy(&pty.read_now()));
            shown.contains(question).then_some(())
        });
        pty.write(format!("{answer}\n").as_bytes());
    };
    answer("Name of a caller's account", "bob");
    answer("Secret for bob:", "s3cret");
    answer("Once more:", "s3cret");
    answer("Carry this out? [y/N]", "y");
    let status = wait::until("its end", || {
        shown.push_str(&String::from_utf8_lossy(&pty.read_now()));
        child.try_wait().expect("wait")
    });
    assert!(status.success(), "{shown}");
    assert!(!shown.contains("s3cret") && shown.contains("****") && shown.contains("will hear it"), "{shown}");
    assert_eq!(tree.read("/etc/ppp/pap-secrets"), "bob\t*\ts3cret\t*\n");
    // ^C at the secret: nothing is changed, and the terminal has its echo again.
    let mut command = tree.command(&["account", "add", "ann"]);
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("dialin");
    let mut shown = String::new();
    wait::until("the question", || {
        shown.push_str(&String::from_utf8_lossy(&pty.read_now()));
        shown.contains("Secret for ann:").then_some(())
    });
    pty.write(b"half\x03");
    let status = wait::until("its end", || child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(1));
    let settings = nix::sys::termios::tcgetattr(side()).expect("settings");
    assert!(
        settings
            .local_flags
            .contains(nix::sys::termios::LocalFlags::ECHO | nix::sys::termios::LocalFlags::ISIG)
    );
}
