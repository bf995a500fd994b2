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

/// Talks with dialin at a terminal: questions that come one after the other, and what is typed. Gives what was shown.
fn dialogue(tree: &Tree, pty: &Pty, words: &[&str], talk: &[(&str, &str)]) -> String {
    let side = || OpenOptions::new().read(true).write(true).open(pty.path()).expect("the pty");
    let mut command = tree.command(words);
    let mut child = command.stdin(side()).stdout(side()).stderr(side()).spawn().expect("dialin");
    let (mut shown, mut seen) = (String::new(), 0);
    for (question, answer) in talk {
        wait::until(question, || {
            shown.push_str(&String::from_utf8_lossy(&pty.read_now()));
            let place = shown[seen..].find(question)?;
            seen += place + question.len();
            Some(())
        });
        pty.write(format!("{answer}\n").as_bytes());
    }
    let status = wait::until("its end", || {
        shown.push_str(&String::from_utf8_lossy(&pty.read_now()));
        child.try_wait().expect("wait")
    });
    assert!(status.success(), "{shown}");
    shown
}

/// Who gives no line is asked for everything; an empty answer is what no flag says.
#[test]
fn setup_asks_for_all_that_its_flags_say() {
    let files = [("/sbin/mgetty", ""), ("/usr/sbin/pppd", ""), ("/etc/inittab", "")];
    let (asked, told) = (Tree::with(&files), Tree::with(&files));
    let pty = Pty::fresh();
    let talk = [
        ("Which lines", "ttyS0 ttyS1"),
        ("Rings before the answer", "none"),
        ("none: a number from 1 to 100 is expected", "3"),
        ("each line answering a ring later? [y/N]", "y"),
        ("The server's address", "10.0.0.1"),
        ("The first caller's address", "10.0.0.77"),
        ("Name servers", "9.9.9.9"),
        ("Name of a caller's account", "bob"),
        ("Secret for bob:", "s3cret"),
        ("Once more:", "s3cret"),
        ("login prompt? [Y/n]", ""),
        ("other networks", "forward"),
        ("numbers that are answered", "030 +49"),
        ("called back", "call_mary=123456"),
        ("Carry this out? [y/N]", "y"),
    ];
    dialogue(&asked, &pty, &["setup"], &talk);
    let words = "--yes setup --line ttyS0 --line ttyS1 --rings 3 --hunt --local 10.0.0.1 --remote 10.0.0.77 --dns 9.9.9.9 \
                 --forward --allow 030 --allow +49 --callback call_mary=123456 --account bob";
    told.feed("s3cret\n", &words.split_whitespace().collect::<Vec<_>>()).ok();
    for path in ["inittab", "mgetty", "ppp", "sysctl.d"] {
        let text =
            |tree: &Tree| tree.snapshot().into_iter().filter(|f| f.0.contains(path)).collect::<Vec<_>>();
        assert!(!text(&told).is_empty(), "{path}");
        assert_eq!(text(&asked), text(&told));
    }
    // Nothing but empty answers.
    let bare = Tree::with(&files);
    let mut empty = talk.map(|(question, _)| (question, ""));
    (empty[0].1, empty[14].1) = ("ttyS0", "y");
    let shown = dialogue(&bare, &pty, &["setup"], &[&empty[..2], &empty[4..8], &empty[10..]].concat());
    assert!(shown.contains("there is no account") && !bare.at("/etc/sysctl.d").exists(), "{shown}");
    assert!(bare.read("/etc/mgetty/mgetty.config").contains("rings 2"));
}

#[test]
fn setup_asks_at_a_terminal_and_shows_no_secret() {
    let tree = Tree::with(&[("/sbin/mgetty", ""), ("/usr/sbin/pppd", ""), ("/etc/inittab", "")]);
    let pty = Pty::fresh();
    let side = || OpenOptions::new().read(true).write(true).open(pty.path()).expect("the pty");
    let shown = dialogue(
        &tree,
        &pty,
        &["setup", "--line", "ttyS0"],
        &[
            ("Name of a caller's account", "bob"),
            ("Secret for bob:", "s3cret"),
            ("Once more:", "s3cret"),
            ("Carry this out? [y/N]", "y"),
        ],
    );
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
