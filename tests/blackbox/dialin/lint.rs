//! dialin lint and explain: each trap in a tree of its own.

use super::setup::on_a_machine;
use super::tree::Tree;
use ringback_tests::sandbox::Sandbox;

const MGETTY: &str = "/etc/mgetty/mgetty.config";
const LOGIN: &str = "/etc/mgetty/login.config";
const OPTIONS: &str = "/etc/ppp/options";
const INITTAB: &str = "/etc/inittab";
const LINE: &str = "S1:2345:respawn:/sbin/mgetty ttyS1\n";
const PPP: &str = "/AutoPPP/ - a_ppp /usr/sbin/pppd\n";

#[test]
fn each_trap_is_told_with_its_place() {
    for (files, place, says) in [
        (&[(MGETTY, "speeed 38400\n")][..], "mgetty.config:1:1", "unknown keyword"),
        (&[(MGETTY, "port ttyS1\n  speed 33600\n")], "mgetty.config:2:9", "a rate between two modems"),
        (
            &[(INITTAB, "S1:2345:respawn:/sbin/mgetty -s 112000 ttyS1\n")],
            "inittab:1",
            "no speed of a serial port",
        ),
        (&[(INITTAB, "c1:2345:respawn:/sbin/mgetty cua1\n")], "inittab:1", "call-out devices are gone"),
        (
            &[(INITTAB, "S1:2345:respawn:/sbin/mgetty ttyS1\nT1:2345:respawn:/sbin/getty -L ttyS1 9600\n")],
            "inittab:2",
            "served twice",
        ),
        (&[(MGETTY, "init-chat \u{201c}\u{201d} ATZ OK\n")], "mgetty.config:1:11", "a typographic quote"),
        (
            &[(INITTAB, "S1:2345:respawn:/sbin/mgetty \u{2013}D ttyS1\n")],
            "inittab:1:30",
            "a dash that is no minus",
        ),
        (
            &[("/etc/mgetty/login.conf", "x\n"), (LOGIN, "* - - /bin/login @\n")],
            "login.conf",
            "read by nobody",
        ),
        (&[("/etc/mgetty/callback.conf", "delay 1\n")], "callback.conf", "read by nobody"),
        (&[("/etc/mgetty/callback.config", "atempts 1 2\n")], "callback.config:1:1", "unknown keyword"),
        (&[("/etc/mgetty/callback.config", "attempts many\n")], "callback.config:1:10", "two numbers"),
        (
            &[(LOGIN, "* - - /bin/login @\n/AutoPPP/ - a_ppp /usr/sbin/pppd\n")],
            "login.config:2:1",
            "never reached",
        ),
        (
            &[(LOGIN, "max - - /usr/sbin/callback -S 123\n"), ("/etc/passwd", "max:x:1:1::/:/bin/sh\n")],
            "login.config:1:1",
            "is a user of this machine",
        ),
        (&[(LOGIN, "cb - - /usr/sbin/callback -S\n")], "login.config:1:1", "asks for the number"),
        (&[(LOGIN, "* - - /usr/sbin/callback -S 123\n")], "login.config:1:1", "endless loop"),
        (
            &[(INITTAB, LINE), (LOGIN, PPP), (OPTIONS, "noauth\n")],
            "options:1:1",
            "without a name or a password",
        ),
        (
            &[(INITTAB, LINE), (LOGIN, PPP), (OPTIONS, "noauth\n"), ("/etc/mgetty/dialin.config", "555\n")],
            "options:1:1",
            "forged easily",
        ),
        (&[(INITTAB, LINE), (LOGIN, PPP), (OPTIONS, "lock\nauth\n")], "options:2:1", "offers EAP first"),
        (&[(INITTAB, LINE), (LOGIN, PPP)], "ttyS1", "nothing demands a name"),
        (&[("/etc/ppp/pap-secrets", "* * \"\" *\n")], "pap-secrets:1:1", "any password"),
        (&[("/etc/ppp/pap-secrets", "bob * \"\" *\n")], "pap-secrets:1:1", "`bob` gets in with any password"),
        (
            &[("/etc/ppp/pap-secrets", "* * \"\" *\n"), (OPTIONS, "login\n")],
            "pap-secrets:1:1",
            "every user of this machine",
        ),
        (&[("/etc/ppp/chap-secrets", "bob * \"\" *\n")], "chap-secrets:1:1", "by CHAP without a secret"),
        (&[("/etc/ppp/pap-secrets", "* * secret *\n")], "pap-secrets:1:1", "one password for everybody"),
        (&[("/etc/ppp/pap-secrets", "\"\" * secret *\n")], "pap-secrets:1:1", "everybody is written *"),
        (&[("/etc/ppp/pap-secrets", "max * secret\n")], "pap-secrets:1:1", "may use none"),
        (&[("/etc/ppp/pap-secrets", "max *\n")], "pap-secrets:1:1", "too few words"),
        (
            &[
                (INITTAB, LINE),
                (OPTIONS, "ms-dns 1.1.1.1\nms-dns 1.1.1.2\n"),
                ("/etc/ppp/options.ttyS1", "ms-dns 1.1.1.3\n"),
            ],
            "options:1:1",
            "the last two",
        ),
        (&[(OPTIONS, "show-password\n")], "options:1:1", "into the system's log"),
        (
            &[(LOGIN, "/AutoPPP/ - a_ppp /usr/sbin/pppd auth show-password\n")],
            "login.config:1:1",
            "system's log",
        ),
        (
            &[(LOGIN, "ppp - - /usr/sbin/pppd 10.0.0.1:10.0.0.2 auth detach 7 debug\n")],
            "login.config:1:1",
            "`detach` is no option",
        ),
        (&[(OPTIONS, "detach 7 debug\n")], "options:1:1", "no option pppd 2.4.9 knows"),
        (
            &[
                (INITTAB, "S1:2345:respawn:/sbin/mgetty ttyS1\nS2:2345:respawn:/sbin/mgetty ttyS2\n"),
                (OPTIONS, "10.0.0.1:10.0.0.2\n"),
            ],
            "ttyS1, ttyS2",
            "10.0.0.2",
        ),
        (&[("/etc/mgetty/dialin.config", "!all\n555\n")], "dialin.config:2:1", "never reached"),
        (&[("/etc/mgetty/dialin.config", "!\n")], "dialin.config:1:1", "lone `!`"),
        (&[("/etc/mserver.conf", "5800 /dev/ttyS1 115200,8,N,1\n")], "mserver.conf:1", "this machine"),
        (
            &[("/etc/mserver.conf", "5800 /dev/ttyS1 115200,8,N,1 *\n")],
            "mserver.conf:1",
            "whoever reaches port",
        ),
        (
            &[("/etc/mserver.conf", "5800 /dev/ttyS1 115200,8,N,1 ::/0\n")],
            "mserver.conf:1",
            "whoever reaches port",
        ),
        (&[(INITTAB, "S1:2345:respawn:/sbin/mgetty ttyS1\r\n")], "inittab:1", "a carriage return"),
        (
            &[("/etc/ppp/ip-up.d/x", "#!/bin/sh\nfind /var/lock -name 'LCK*' -delete\n")],
            "ip-up.d/x:2:1",
            "locks of all lines",
        ),
        (
            &[("/usr/local/bin/x", "for f in /var/lock/LCK*; do rm $f; done\n")],
            "bin/x:1:1",
            "locks of all lines",
        ),
        (&[("/etc/mserver.conf", "5800 /dev/ttyS1 115200,8,N\n")], "mserver.conf:1", ""),
        (
            &[("/usr/local/bin/ppp-call", "#!/bin/sh\nrm -f /var/lock/LCK*\n")],
            "ppp-call:2:1",
            "locks of all lines",
        ),
        (&[("/etc/ringback/caller-rules", "frobnicate all\n")], "caller-rules:1", ""),
    ] {
        let tree = Tree::with(files);
        let ran = tree.run(&["--json", "lint"]);
        let found: Vec<serde_json::Value> =
            serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {} {}", ran.out, ran.err));
        let text =
            |value: &serde_json::Value, name: &str| value[name].as_str().unwrap_or_default().to_string();
        assert!(
            found.iter().any(|f| text(f, "place").contains(place) && text(f, "says").contains(says)),
            "{files:?}: {place} {says}\n{}",
            ran.out
        );
        let problem = found.iter().any(|f| f["weight"] == "problem");
        assert_eq!(ran.status, if problem { 3 } else { 0 }, "{}", ran.out);
    }
}

#[test]
fn what_is_said_to_help_helps() {
    let files = [
        (LOGIN, "cb - - /usr/sbin/callback -S\n"),
        ("/etc/mgetty/callback.config", "user cb\n  password yes\n"),
    ];
    assert_eq!(Tree::with(&files).run(&["lint"]).ok(), "\n0 problems, 0 notes\n");
    assert_eq!(Tree::with(&files[..1]).run(&["lint"]).status, 3);
}

#[test]
fn a_good_set_up_has_no_problems() {
    let tree = Tree::with(&[
        (INITTAB, LINE),
        (MGETTY, "port ttyS1\n  speed 115200\n  data-only y\n"),
        (
            LOGIN,
            "/AutoPPP/ - a_ppp /usr/sbin/pppd auth require-chap\nTop_Secret_Dialer - - /usr/sbin/callback -S\n* - - /bin/login @\n",
        ),
        (OPTIONS, "lock\ncrtscts\n# \u{201c}quoted\u{201d} in a comment\n"),
        ("/etc/ppp/chap-secrets", "max * geheim *\n"),
    ]);
    let ran = tree.run(&["lint"]);
    assert_eq!((ran.status, ran.out.contains("0 problems, 0 notes")), (0, true), "{}{}", ran.out, ran.err);
    let shown = tree.run(&["lint"]).out;
    assert!(!shown.contains("geheim"));
}

#[test]
fn hostile_files_are_shown_harmlessly() {
    let tree = Tree::with(&[(MGETTY, "\x1b[2Jspeed 1\n"), (OPTIONS, "\x1b]0;x\x07\n")]);
    assert!(!tree.run(&["lint"]).out.contains('\x1b'));
}

#[test]
fn settings_are_explained_with_their_origins() {
    let tree = Tree::with(&[
        (INITTAB, "S1:2345:respawn:/sbin/mgetty -n3 ttyS1\n"),
        (MGETTY, "rings 1\nspeed 38400\ndebug 4\nport ttyS1\n  speed 115200\nport ttyS2\n  speed 9600\n"),
        (LOGIN, "/AutoPPP/ - a_ppp /usr/sbin/pppd auth file /etc/ppp/options.in\n"),
        (OPTIONS, "lock\nnoauth\nidle 60\npassword geheim\nms-dns 9.9.9.1\nms-dns 9.9.9.2\n"),
        ("/etc/ppp/options.ttyS1", "10.0.0.1:10.0.0.2\nidle 300\nms-dns 9.9.9.3\n"),
        ("/etc/ppp/options.in", "debug\n"),
    ]);
    let told = tree.run(&["explain", "/dev/ttyS1"]).ok();
    let root = tree.path().display().to_string();
    let line = |name: &str| {
        told.lines()
            .find(|l| l.trim_start().starts_with(name))
            .unwrap_or_else(|| panic!("{name}: {told}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(
        told.contains(&format!("ttyS1 is served by {root}/etc/inittab:1: /sbin/mgetty -n3 ttyS1")),
        "{told}"
    );
    assert_eq!(
        line("rings"),
        format!("rings 3 command line, -n wins over {root}/etc/mgetty/mgetty.config:1:1")
    );
    assert_eq!(
        line("speed"),
        format!(
            "speed 115200 {root}/etc/mgetty/mgetty.config:5:3 wins over {root}/etc/mgetty/mgetty.config:2:1"
        )
    );
    assert_eq!(
        line("auth"),
        format!("auth {root}/etc/mgetty/login.config:1 wins over {root}/etc/ppp/options:2:1 (noauth)")
            .replace("auth /", "auth - /")
    );
    assert_eq!(
        line("idle"),
        format!("idle 300 {root}/etc/ppp/options.ttyS1:2:1 wins over {root}/etc/ppp/options:3:1 (idle)")
    );
    assert_eq!(line("debug  "), format!("debug 4 {root}/etc/mgetty/mgetty.config:3:1"));
    assert!(!told.contains("9.9.9.1") && told.contains("9.9.9.2") && told.contains("9.9.9.3"), "{told}");
    assert!(told.contains("options.in:1:1") && !told.contains("geheim") && !told.contains("9600"), "{told}");
    let json: serde_json::Value =
        serde_json::from_str(&tree.run(&["--json", "explain", "ttyS1"]).ok()).expect("JSON");
    assert_eq!(json["served"]["command"], "/sbin/mgetty -n3 ttyS1");
    assert!(tree.run(&["explain", "ttyS9"]).refused().contains("no getty serves"));
    assert!(tree.run(&["explain", "ttyS1", "--all"]).ok().contains("built in"));
}

/// What stands in etc/, as it is installed.
#[test]
fn the_shipped_samples_are_no_traps() {
    let tree = Tree::new();
    let shipped = |name: &str| {
        let path = ringback_tests::subject::top().join("etc").join(name);
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    for name in ["mgetty.config", "login.config", "dialin.config", "callback.config"] {
        tree.write(&format!("/etc/mgetty/{name}"), shipped(&format!("mgetty/{name}")));
        tree.chmod(&format!("/etc/mgetty/{name}"), 0o600);
    }
    tree.write("/etc/ringback/caller-rules", shipped("ringback/caller-rules"));
    tree.write("/etc/mserver.conf", shipped("mserver.conf"));
    tree.write("/etc/inittab", shipped("inittab.example"));
    tree.write(OPTIONS, "lock\nauth\nrequire-chap\n");
    let told = tree.run(&["lint"]);
    assert_eq!((told.status, told.out.as_str()), (0, "\n0 problems, 0 notes\n"));
}

#[test]
fn the_commands_of_callers_are_tried_with_pppd() {
    // One that takes no `detach`, as Debian's, in files neither; the arguments that stand for the caller are not
    // given to it.
    let pppd = "#!/bin/sh\nexpect=\nfor word; do\n\
                [ -z \"$expect\" ] || ! grep -q detach \"$word\" || { echo \"pppd: In file $word: unrecognized option 'detach'\" >&2; exit 2; }\n\
                expect=; [ \"$word\" != file ] || expect=1; done\n\
                case \" $* \" in *\" detach \"*) echo \"pppd: unrecognized option 'detach'\" >&2; exit 2 ;; \
                *@*|*[\\\\]*) exit 2 ;; *\" dryrun \"*) exit 0 ;; esac\nexit 2\n";
    let refused = "login.config:1:1: pppd does not take this command: pppd: unrecognized option 'detach'";
    let second = "login.config:2:1: pppd does not take this command: pppd: unrecognized option 'detach'";
    let line = "options.ttyS7: pppd does not take them for callers of ttyS7";
    for (login, options, told) in [
        ("/AutoPPP/ - a_ppp /usr/sbin/pppd auth @ \\Y\n", "", &[][..]),
        ("/AutoPPP/ - a_ppp /usr/sbin/pppd auth detach 7 debug\n", "detach\n", &[refused]),
        ("/AutoPPP/ - a_ppp /usr/sbin/pppd auth\nppp - - /usr/sbin/pppd detach\n", "", &[second]),
        ("ppp - - /usr/sbin/pppd auth\n", "detach\n", &[line]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write_etc("login.config", login, 0o600);
        let ppp = sandbox.path().join("ppp");
        std::fs::create_dir_all(&ppp).expect("a directory");
        std::fs::write(ppp.join("options.ttyS7"), options).expect("a file");
        let links = sandbox.path().join("units/multi-user.target.wants");
        std::fs::create_dir_all(&links).expect("a directory");
        std::os::unix::fs::symlink("/lib/systemd/system/mgetty@.service", links.join("mgetty@ttyS7.service"))
            .expect("a link");
        let ran = on_a_machine(&sandbox, pppd, "", &["lint"]);
        for sentence in [refused, second, line] {
            assert_eq!(
                ran.out.contains(sentence),
                told.contains(&sentence),
                "{login}{options}: {}{}",
                ran.out,
                ran.err
            );
        }
    }
}
