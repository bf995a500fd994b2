//! pppd's options: every row of spec/admin.md 1.3, as an edit that keeps every other byte.

use super::tree::Tree;

const OPTIONS: &str = "/etc/ppp/options";

/// The file after `dialin ppp set WORDS`.
fn after(before: &str, words: &[&str]) -> String {
    let tree = Tree::with(&[(OPTIONS, before)]);
    tree.change(&[&["ppp", "set"], words].concat());
    tree.read(OPTIONS)
}

#[test]
fn each_line_the_module_damages_is_kept() {
    for (before, words, wanted) in [
        ("lock crtscts modem\n", &["--unset", "lock"][..], "crtscts modem\n"),
        ("  proxyarp\n", &["proxyarp", "idle=5"], "  proxyarp\nidle 5\n"),
        (
            "192.168.1.1:192.168.1.2 netmask 255.255.255.0\n",
            &["10.0.0.1:10.0.0.2"],
            "10.0.0.1:10.0.0.2 netmask 255.255.255.0\n",
        ),
        (":10.0.0.2\n", &["10.0.0.1:10.0.0.9"], "10.0.0.1:10.0.0.9\n"),
        ("host1:host2\n", &[":10.0.0.9"], ":10.0.0.9\n"),
        ("10.0.0.1:\n", &["--unset", "addresses", "lock"], "lock\n"),
        ("ms-dns 8.8.8.8 # google\n", &["ms-dns=9.9.9.9"], "ms-dns 9.9.9.9 # google\n"),
        ("-chap +pap\n-detach\n", &["require-pap"], "-chap require-pap\n-detach\n"),
        ("connect \"chat ... ATZ#1\" lock\n", &["--unset", "lock"], "connect \"chat ... ATZ#1\"\n"),
        ("# noauth\r\nnoauth\r\n", &["auth"], "# noauth\r\nauth\r\n"),
    ] {
        assert_eq!(after(before, words), wanted, "{before:?} {words:?}");
    }
}

#[test]
fn a_line_has_its_own_file_and_callers_have_theirs() {
    let tree = Tree::with(&[(OPTIONS, "lock\n")]);
    tree.change(&["ppp", "set", "--line", "/dev/term/a", "10.0.0.1:10.0.0.2"]);
    assert_eq!(tree.read("/etc/ppp/options.term.a"), "10.0.0.1:10.0.0.2\n");
    tree.change(&["ppp", "set", "--dialin", "auth", "require-pap"]);
    assert_eq!(tree.read("/etc/ppp/peers/dialin"), "auth\nrequire-pap\n");
    assert_eq!(tree.read(OPTIONS), "lock\n");
    let shown = tree.run(&["ppp", "show", "--line", "term/a"]).ok();
    assert!(shown.ends_with("/etc/ppp/options.term.a:1:1: addresses 10.0.0.1:10.0.0.2\n"), "{shown}");
}

#[test]
fn what_pppd_would_refuse_is_refused() {
    let tree = Tree::with(&[(OPTIONS, "lock\n"), ("/etc/ppp/options.ttyS1", "connect \"chat\n")]);
    for (words, said) in [
        (&["300.0.0.1:10.0.0.2"][..], "is no IPv4 address"),
        (&["idle=soon"], "a number is expected"),
        (&["detach"], "no option pppd 2.4.9 knows"),
        (&["lock=yes"], "takes no value"),
        (&["idle"], "needs a value"),
        (&["ms-dns=dns.example"], "an IPv4 address"),
        (&["ms-dns=1.1.1.1", "ms-dns=2.2.2.2", "ms-dns=3.3.3.3"], "the last two"),
        (&["password=x"], "dialin account"),
        (&["auth", "noauth"], "against each other"),
        (&["lock", "--unset", "lock"], "against each other"),
        (&["--line", "ttyS1", "lock"], "never closed"),
    ] {
        let before = tree.snapshot();
        let err = tree.run(&[&["--yes", "ppp", "set"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
        assert_eq!(tree.snapshot(), before);
    }
}

#[test]
fn passwords_are_not_shown() {
    let tree = Tree::with(&[(OPTIONS, "password s3cret lock\n")]);
    let all = tree.run(&["ppp", "show"]).ok()
        + &tree.run(&["--json", "ppp", "show"]).ok()
        + &tree.change(&["ppp", "set", "idle=5"]);
    assert!(!all.contains("s3cret") && all.contains("****"), "{all}");
    assert_eq!(tree.read(OPTIONS), "password s3cret lock\nidle 5\n");
    let script = "connect=chat '' ATDT1 ogin: bob word: s3cret";
    let all = tree.change(&["ppp", "set", script])
        + &tree.run(&["ppp", "show"]).ok()
        + &tree.run(&["--json", "ppp", "show"]).ok()
        + &tree.run(&["log"]).ok()
        + &tree.run(&["--json", "log", "2"]).ok();
    assert!(!all.contains("s3cret") && all.matches("word: ****").count() > 4, "{all}");
    assert!(tree.read(OPTIONS).contains("word: s3cret"));
}
