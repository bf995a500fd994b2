//! `dialin setup`: the plan, the machine's files after it, and the test call.

use super::tree::Tree;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::{ours, top};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

const SECRETS: &str = "s3cret\nl0gin\n";

/// A bare Debian in a tree.
fn debian() -> Tree {
    let tree = Tree::with(&[
        ("/lib/systemd/systemd", ""),
        ("/sbin/mgetty", ""),
        ("/usr/sbin/pppd", ""),
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/sh\n"),
        ("/etc/shadow", "root:*:19000:0:99999:7:::\n"),
        ("/etc/group", "root:x:0:\ndip:x:30:\n"),
        ("/etc/ppp/options", "# Debian\nasyncmap 0\nauth\ncrtscts\nlock\nmodem\n"),
        ("/etc/mgetty/mgetty.config", "debug 4\nfax-id 49 115 xxxxxxxx\n\n"),
        (
            "/etc/mgetty/login.config",
            "#/AutoPPP/ -\ta_ppp\t/usr/sbin/pppd auth -chap +pap login debug\n*\t-\t-\t/bin/login @\n",
        ),
        ("/etc/ppp/pap-secrets", "# INBOUND\n*\thostname\t\"\"\t*\n"),
    ]);
    tree.chmod("/etc/shadow", 0o640);
    tree.chmod("/etc/ppp/pap-secrets", 0o600);
    tree.chmod("/etc/mgetty/login.config", 0o600);
    tree
}

const ALL: &[&str] = &[
    "setup",
    "--line",
    "ttyS0",
    "--line",
    "/dev/ttyS1",
    "--hunt",
    "--rings",
    "2",
    "--account",
    "bob",
    "--login",
    "pppuser",
    "--dns",
    "9.9.9.9",
    "--idle",
    "600",
    "--nat",
    "--allow",
    "030",
    "--callback",
    "call_mary=123456",
    "--proxyarp",
];

#[test]
fn from_bare_debian_to_a_server_and_back() {
    let tree = debian();
    let before = tree.snapshot();
    let ran = tree.feed(SECRETS, &[&["--yes"], ALL].concat());
    assert!(!format!("{}{}", ran.out, ran.err).contains("s3cret") && !ran.out.contains("l0gin"));
    let said = ran.ok();
    assert!(said.contains("people who call to speak will hear it"), "{said}");
    // What Debian ships lets everybody in.
    assert!(said.contains("pap-secrets:2:1 lets everybody in with any name and password"), "{said}");
    for (path, text) in [
        (
            "/etc/mgetty/mgetty.config",
            "debug 4\nfax-id 49 115 xxxxxxxx\n\nport ttyS0\ndata-only yes\nspeed 115200\nrings 2\n\nport ttyS1\ndata-only yes\nspeed 115200\nrings 3\n",
        ),
        ("/etc/ppp/options.ttyS0", "192.168.77.1:192.168.77.10\n"),
        ("/etc/ppp/options.ttyS1", "192.168.77.1:192.168.77.11\n"),
        ("/etc/ppp/options", "# Debian\nasyncmap 0\nauth\ncrtscts\nlock\nmodem\n"),
        ("/etc/ppp/pap-secrets", "# INBOUND\n#*\thostname\t\"\"\t*\nbob\t*\ts3cret\t*\n"),
        ("/etc/ppp/chap-secrets", "bob\t*\ts3cret\t*\n"),
        ("/etc/mgetty/dialin.config", "030\n!all\n"),
        ("/etc/sysctl.d/60-ringback.conf", "net.ipv4.ip_forward = 1\n"),
    ] {
        assert_eq!(tree.read(path), text, "{path}");
    }
    let peer = tree.read("/etc/ppp/peers/dialin");
    for option in [
        "auth\n",
        "require-pap\n",
        "require-chap\n",
        "ms-dns 9.9.9.9\n",
        "idle 600\n",
        "proxyarp\n",
        "nodefaultroute\n",
    ] {
        assert!(peer.contains(option), "{peer}");
    }
    let login = tree.read("/etc/mgetty/login.config");
    assert!(login.contains("\n/AutoPPP/\t-\ta_ppp\t/usr/sbin/pppd call dialin\n"), "{login}");
    assert!(login.contains("call_mary\t-\t-\t/usr/sbin/callback -S 123456\n*\t-"), "{login}");
    assert!(tree.read("/etc/passwd").ends_with("pppuser:x:1001:30:dial-in:/:/etc/ppp/ppplogin\n"));
    assert!(tree.read("/etc/shadow").contains("\npppuser:$6$"));
    assert_eq!(tree.mode("/etc/shadow") & 0o077, 0);
    assert_eq!(tree.mode("/etc/ppp/ppplogin"), 0o755);
    assert_eq!(
        tree.read("/etc/ppp/ppplogin"),
        fs::read_to_string(top().join("etc/ppp/ppplogin")).expect("ours")
    );
    assert!(tree.read("/etc/ringback/nat.nft").contains("ip saddr { 192.168.77.10, 192.168.77.11 }"));
    assert!(tree.at("/etc/systemd/system/dev-ttyS1.device.wants/mgetty@ttyS1.service").is_symlink());
    // Again: nothing to change, nobody is asked.
    assert!(tree.change(ALL).ends_with("nothing to change\n"));
    assert_eq!(tree.run(&["account", "test", "bob", "--address", "192.168.77.10"]).status, 0);
    tree.change(&["undo"]);
    assert_eq!(tree.snapshot(), before);
}

#[test]
fn addresses_do_not_clash() {
    let tree = debian();
    tree.write("/etc/ppp/options.ttyS5", "10.1.1.1:10.1.1.11\n");
    tree.change(&[
        "setup",
        "--line",
        "ttyS0",
        "--line",
        "ttyS1",
        "--local",
        "10.1.1.1",
        "--remote",
        "10.1.1.10",
    ]);
    assert_eq!(tree.read("/etc/ppp/options.ttyS0"), "10.1.1.1:10.1.1.10\n");
    assert_eq!(tree.read("/etc/ppp/options.ttyS1"), "10.1.1.1:10.1.1.12\n", "ttyS5 has the one between");
    let err = tree.run(&["--yes", "setup", "--line", "ttyS7", "--remote", "10.1.1.11"]).refused();
    assert!(err.contains("address of another line"), "{err}");
    // No network's own address and no broadcast address behind .254.
    let tree = debian();
    tree.change(&[
        "setup",
        "--line",
        "ttyS0",
        "--line",
        "ttyS1",
        "--local",
        "10.1.1.1",
        "--remote",
        "10.1.1.254",
    ]);
    assert_eq!(tree.read("/etc/ppp/options.ttyS1"), "10.1.1.1:10.1.2.1\n");
}

#[test]
fn callers_prove_themselves_as_it_was_said_last() {
    let tree = debian();
    let asked = || {
        let peer = tree.read("/etc/ppp/peers/dialin");
        peer.lines().filter(|l| l.starts_with("require-")).map(str::to_string).collect::<Vec<_>>().join(" ")
    };
    tree.change(&["setup", "--line", "ttyS0", "--auth", "chap"]);
    assert_eq!(asked(), "require-chap");
    // A further line opens no other way.
    tree.change(&["setup", "--line", "ttyS1"]);
    assert_eq!(asked(), "require-chap");
    tree.change(&["setup", "--line", "ttyS1", "--auth", "pap"]);
    assert_eq!(asked(), "require-pap");
    tree.change(&["setup", "--line", "ttyS1", "--auth", "any"]);
    assert_eq!(asked(), "require-pap require-chap require-mschap-v2");
}

#[test]
fn without_autoppp_ppp_begins_after_a_login_only() {
    let tree = debian();
    let login = "/etc/mgetty/login.config";
    tree.write(login, "/AutoPPP/ - a_ppp /usr/sbin/pppd auth -chap +pap login debug\n* - - /bin/login @\n");
    let told = tree.change(&["setup", "--line", "ttyS0", "--no-autoppp"]);
    assert!(told.contains("/AutoPPP/ is switched off"), "{told}");
    assert!(tree.read(login).starts_with("#/AutoPPP/"), "{}", tree.read(login));
}

#[test]
fn inittab_machines_get_lines_of_inittab() {
    let tree = debian();
    fs::remove_file(tree.at("/lib/systemd/systemd")).expect("no systemd");
    tree.write("/etc/inittab", "id:2:initdefault:\nS0:2345:respawn:/sbin/mgetty -n 4 ttyS0\n");
    tree.feed(
        "s3cret\n",
        &[
            "--yes",
            "setup",
            "--line",
            "ttyS0",
            "--line",
            "ttyS1",
            "--rings",
            "3",
            "--account",
            "bob",
            "--auth",
            "pap",
        ],
    )
    .ok();
    assert_eq!(
        tree.read("/etc/inittab"),
        "id:2:initdefault:\nS0:2345:respawn:/sbin/mgetty -n 3 ttyS0\nS1:2345:respawn:/sbin/mgetty ttyS1\n"
    );
    assert!(!tree.read("/etc/ppp/peers/dialin").contains("chap"));
}

#[test]
fn what_cannot_be_set_up_is_a_sentence() {
    let tree = debian();
    for (words, said) in [
        (&[][..], "name the lines with --line"),
        (&["--line", "../x"], "no name of a line"),
        (&["--line", "ttyS0", "--local", "10.0.0"], "IPv4 address"),
        (&["--line", "ttyS0", "--speed", "33600"], "speed=38400"),
        (&["--line", "ttyS0", "--account", "bob"], "an empty secret"),
        (&["--line", "ttyS0", "--login", "Bad Name"], "small letters"),
        (&["--line", "ttyS0", "--callback", "*"], "again and again"),
        (&["--line", "ttyS0", "--callback", "ann"], "a user has this name"),
        (&["--line", "ttyS0", "--allow", "5 5"], "beginning of a number"),
        (&["--line", "ttyS0", "--dns", "a.b"], "an IPv4 address"),
        (&["--line", "ttyS0", "--local", "10.0.0.1", "--remote", "10.0.0.1"], "are both 10.0.0.1"),
        (&["--line", "ttyS0", "--call", "123"], "below --root nothing runs"),
        (&["--line", "ttyS0", "--dns", "1.1.1.1", "--dns", "1.1.1.2", "--dns", "1.1.1.3"], "the last two"),
    ] {
        let before = tree.snapshot();
        let err = tree.run(&[&["--yes", "setup"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
        assert_eq!(tree.snapshot(), before);
    }
    fs::remove_file(tree.at("/usr/sbin/pppd")).expect("no pppd");
    assert!(tree.run(&["--yes", "setup", "--line", "ttyS0"]).refused().contains("apt install ppp"));
}

/// A pppd that speaks LCP and PAP and asks the secrets where pppd would look.
const PPPD: &str = r##"#!/usr/bin/python3
import hashlib, os, sys, termios, tty
assert sys.argv[1:] == ["call", "dialin"], sys.argv
line = os.readlink("/proc/self/fd/0")[5:].replace("/", ".")
assert ":" in open("/etc/ppp/options." + line).read()
chap = "require-pap" not in open("/etc/ppp/peers/dialin").read()
known = [w.split()[:3] for w in open("/etc/ppp/chap-secrets" if chap else "/etc/ppp/pap-secrets") if w.strip() and w[0] != "#"]
tty.setraw(0)
def fcs(b):
    f = 0xffff
    for c in b:
        f ^= c
        for _ in range(8): f = f >> 1 ^ 0x8408 if f & 1 else f >> 1
    return f
def send(proto, p):
    b = b"\xff\x03" + proto.to_bytes(2, "big") + p
    b += (fcs(b) ^ 0xffff).to_bytes(2, "little")
    os.write(1, b"~" + b"".join(bytes([0x7d, c ^ 32]) if c < 32 or c in (0x7d, 0x7e) else bytes([c]) for c in b) + b"~")
send(0xc021, b"\1\1\0\x09\3\5\xc2\x23\5" if chap else b"\1\1\0\x08\3\4\xc0\x23")
buffer = b""
while True:
    got = os.read(0, 4096)
    if not got: break
    buffer += got
    *frames, buffer = buffer.split(b"~")
    for f in frames:
        b, e = bytearray(), False
        for c in f:
            if c == 0x7d: e = True
            else: b.append(c ^ 32 if e else c); e = False
        if fcs(b) != 0xf0b8: continue
        proto, p = int.from_bytes(b[2:4], "big"), bytes(b[4:-2])
        if proto == 0xc021 and p[0] == 1: send(0xc021, b"\2" + p[1:])
        if proto == 0xc021 and p[0] == 2 and chap: send(0xc223, b"\1\7\0\x0f\4abcdserver")
        if proto == 0xc021 and p[0] == 5: sys.exit(0)
        if proto == 0xc223 and p[0] == 2:
            name = p[21:].decode()
            good = any(n == name and hashlib.md5(b"\7" + s.encode() + b"abcd").digest() == p[5:21] for n, _, s in known)
            send(0xc223, bytes([3 if good else 4, p[1], 0, 6]) + b"no")
        if proto == 0xc023:
            n = p[4]; name, secret = p[5:5 + n].decode(), p[6 + n:].decode()
            good = [name, "*", secret] in known
            send(0xc023, bytes([2 if good else 3, p[1], 0, 7, 2]) + b"no")
"##;

/// dialin on the "machine itself": a private /etc, /run and /usr/sbin.
pub fn on_a_machine(sandbox: &Sandbox, pppd: &str, input: &str, words: &[&str]) -> super::tree::Ran {
    let sbin = sandbox.path().join("sbin");
    fs::create_dir_all(&sbin).expect("a directory");
    for (name, text) in [
        ("pppd", pppd),
        ("systemctl", "#!/bin/sh\necho \"$@\" >>\"$RAN\"\n"),
        ("telinit", "#!/bin/sh\necho telinit \"$@\" >>\"$RAN\"\n"),
        ("nft", "#!/bin/sh\necho nft \"$@\" >>\"$RAN\"\n"),
        ("sysctl", "#!/bin/sh\necho sysctl \"$@\" >>\"$RAN\"\n"),
    ] {
        if !text.is_empty() {
            fs::write(sbin.join(name), text).expect("a program");
            fs::set_permissions(sbin.join(name), fs::Permissions::from_mode(0o755)).expect("chmod");
        }
    }
    fs::copy(ours("mgetty"), sbin.join("mgetty")).expect("mgetty");
    let body = format!(
        "mount -t overlay overlay -o lowerdir={0}/sbin:/usr/sbin /usr/sbin || exit 90\n\
         mkdir -p /etc/ppp /etc/mgetty /etc/systemd/system /etc/sysctl.d /etc/ringback {0}/ppp {0}/units {0}/sysctl {0}/own; : >>{0}/ppp/pap-secrets\n\
         mount --bind {0}/ppp /etc/ppp; mount --bind {0}/units /etc/systemd/system; mount --bind {0}/sysctl /etc/sysctl.d; mount --bind {0}/own /etc/ringback\n\
         [ -e /etc/inittab ] || [ -e /usr/lib/systemd/systemd ] || : >/etc/inittab\n\
         exec {1} \"$@\"",
        sandbox.path().display(),
        ours("dialin").display()
    );
    let script = sandbox.script("machine", &body);
    let mut command = sandbox.command(&script, None);
    command.args(words).env("RAN", sandbox.path().join("ran")).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("dialin");
    {
        use std::io::Write;
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    }
    let output = child.wait_with_output().expect("its end");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    super::tree::Ran {
        status: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

const WORDS: &[&str] = &["--yes", "setup", "--line", "ttyS1", "--account", "bob", "--auth", "pap"];

#[test]
fn a_test_call_proves_the_plan_before_it_is_carried_out() {
    let sandbox = Sandbox::new();
    let said = on_a_machine(&sandbox, PPPD, "s3cret\n", WORDS).ok();
    assert!(said.contains("test call: the line was answered: CONNECT"), "{said}");
    assert!(said.contains("test call: bob was let in"), "{said}");
    assert!(said.contains("test call: a stranger was refused, as he should be"), "{said}");
    assert!(said.contains("change 1 is carried out"), "{said}");
    let login = sandbox.etc("login.config");
    assert!(fs::read_to_string(login).expect("login.config").contains("call dialin"));
    assert!(
        fs::read_dir(sandbox.path().join("run/lock")).expect("locks").next().is_none(),
        "nothing of the test call is left"
    );
}

#[test]
fn a_test_call_answers_chap_where_that_alone_is_asked() {
    let words = ["--yes", "setup", "--line", "ttyS1", "--account", "bob", "--auth", "chap"];
    let said = on_a_machine(&Sandbox::new(), PPPD, "s3cret\n", &words).ok();
    assert!(said.contains("test call: bob was let in"), "{said}");
    // The secret that pppd has is another.
    let other = PPPD.replace("s.encode()", "b'another'");
    let ran = on_a_machine(&Sandbox::new(), &other, "s3cret\n", &words);
    assert!(ran.refused().contains("the account was refused: no"));
}

#[test]
fn open_doors_are_told_of() {
    let tree = debian();
    let told = "pap-secrets:2:1 lets everybody in with any name and password; put a # before it";
    let on = ["autoppp", "on", "--args", "auth require-pap"];
    for words in [&on[..], &["account", "add", "max"], &["account", "set", "max", "--secret"]] {
        let said = tree.feed("geheim\n", &[&["--yes"], words].concat()).ok();
        assert!(said.contains(told), "{words:?}: {said}");
    }
    // Where the system is asked as well it is no open door.
    tree.feed("", &["--yes", "ppp", "set", "login"]).ok();
    let said = tree.feed("geheim\n", &["--yes", "account", "add", "mary"]).ok();
    assert!(!said.contains("lets everybody in"), "{said}");
}

/// A caller is on the line: this process stands for its getty.
fn a_call_on(sandbox: &Sandbox, line: &str) {
    a_call_of(sandbox, line, std::process::id());
}

fn a_call_of(sandbox: &Sandbox, line: &str, pid: u32) {
    let lines = sandbox.run("ringback/lines");
    fs::create_dir_all(&lines).expect("a directory");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let started: u64 = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok())
        .expect("the time of its start");
    let state = format!(
        r#"{{"v":1,"line":"{line}","pid":{pid},"pid_started":{started},"state":"session","user":"max"}}"#,
    );
    fs::write(lines.join(format!("{line}.json")), state).expect("a file");
}

#[test]
fn init_is_not_told_while_that_would_end_a_call() {
    let sandbox = Sandbox::new();
    let setup = ["--yes", "setup", "--no-test", "--init", "inittab", "--line", "ttyS1", "--line", "ttyS2"];
    on_a_machine(&sandbox, PPPD, "", &setup).ok();
    let ran = || fs::read_to_string(sandbox.path().join("ran")).unwrap_or_default();
    assert_eq!(ran(), "telinit q\n");
    a_call_on(&sandbox, "ttyS2");
    // A line that stays is no reason to wait.
    on_a_machine(&sandbox, "", "", &["--yes", "line", "rm", "ttyS1"]).ok();
    assert_eq!(ran(), "telinit q\ntelinit q\n");
    for words in
        [&["--yes", "line", "rm", "ttyS2"][..], &["--yes", "undo"], &["--yes", "line", "rm", "ttyS2"]]
    {
        let told = on_a_machine(&sandbox, "", "", words);
        assert_eq!(told.status, 0, "{}{}", told.out, told.err);
        let waits = "dialin: `telinit q` would end a call: ttyS2: session of max. `dialin line apply --wait` does it after that";
        assert_eq!(told.err.contains(waits), words[1] == "line", "{}{}", told.out, told.err);
    }
    assert_eq!(ran(), "telinit q\n".repeat(3));
    fs::remove_file(sandbox.run("ringback/lines").join("ttyS2.json")).expect("the state");
    on_a_machine(&sandbox, "", "", &["--yes", "undo"]).ok();
    assert_eq!(ran(), "telinit q\n".repeat(4));
}

#[test]
fn a_call_on_a_line_of_inittab_is_ended_when_that_is_said() {
    let sandbox = Sandbox::new();
    let setup = ["--yes", "setup", "--no-test", "--init", "inittab", "--line", "ttyS1"];
    on_a_machine(&sandbox, PPPD, "", &setup).ok();
    let mut session = Command::new("sleep").arg("1000").spawn().expect("sleep");
    a_call_of(&sandbox, "ttyS1", session.id());
    for (words, said) in [
        (&["line", "apply", "ttyS1"][..], "ttyS1: session of max; the new settings hold after that"),
        (&["--plan", "line", "apply", "--now"], "ttyS1: session of max; would be ended"),
    ] {
        let told = on_a_machine(&sandbox, "", "", words).ok();
        assert!(told.contains(said), "{told}");
    }
    assert!(session.try_wait().expect("wait").is_none(), "the call goes on");
    let ended = std::thread::spawn(move || session.wait().expect("wait"));
    let told = on_a_machine(&sandbox, "", "", &["line", "apply", "ttyS1", "--now"]).ok();
    assert!(told.contains("ttyS1: started anew"), "{told}");
    let status = ended.join().expect("its end");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15));
    assert_eq!(on_a_machine(&sandbox, "", "", &["line", "apply", "--now", "--wait"]).status, 2);
}

#[test]
fn undo_stops_what_setup_had_started() {
    let sandbox = Sandbox::new();
    let setup =
        ["--yes", "setup", "--no-test", "--init", "systemd", "--nat", "--line", "ttyS1", "--line", "ttyS2"];
    let console = sandbox.path().join("units/getty.target.wants");
    fs::create_dir_all(&console).expect("a directory");
    for line in ["ttyS1", "ttyS2"] {
        std::os::unix::fs::symlink(
            "/lib/systemd/system/serial-getty@.service",
            console.join(format!("serial-getty@{line}.service")),
        )
        .expect("a link");
    }
    on_a_machine(&sandbox, PPPD, "", &setup).ok();
    let ran = || fs::read_to_string(sandbox.path().join("ran")).unwrap_or_default();
    assert!(ran().contains("--no-block start mgetty@ttyS2.service\n"), "{}", ran());
    fs::write(sandbox.path().join("ran"), "").expect("a file");
    a_call_on(&sandbox, "ttyS2");
    // What the kernel did before is what it does after.
    let was_on = fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|text| text.trim() == "1");
    let forwarding =
        if was_on { "note: forwarding stays on" } else { "then: sysctl -q -w net.ipv4.ip_forward=0" };
    let said = on_a_machine(&sandbox, "", "", &["--yes", "undo"]).ok();
    for words in [
        "note: ttyS1: its getty is stopped after that, unless a call is on",
        forwarding,
        "then: systemctl daemon-reload",
        "ttyS1: stopped",
        "ttyS2: session of max; `dialin line apply ttyS2 --wait` stops its getty after that",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let ran = ran();
    assert!(
        ran.contains("\nstop mgetty@ttyS1.service\n--no-block start serial-getty@ttyS1.service\n"),
        "{ran}"
    );
    assert!(!ran.contains("ttyS2") && ran.contains("ringback"), "{ran}");
    assert_eq!(ran.contains("sysctl -q -w net.ipv4.ip_forward=0"), !was_on, "{ran}");
    assert!(console.join("serial-getty@ttyS2.service").is_symlink());
}

#[test]
fn a_failed_test_call_changes_nothing() {
    let sandbox = Sandbox::new();
    // One that lets everybody in: no accounts, and a stranger gets through.
    let open = PPPD.replace("good = ", "good = True or ");
    let ran = on_a_machine(&sandbox, &open, "", &["--yes", "setup", "--line", "ttyS1", "--auth", "pap"]);
    assert_eq!(ran.status, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("a stranger was let in"), "{}", ran.err);
    // With an account of his own, the first caller proves nothing.
    let ran = on_a_machine(&sandbox, &open, "s3cret\n", WORDS);
    assert!(ran.refused().contains("a stranger was let in"));
    assert!(!sandbox.etc("login.config").exists());
    // One that ends at once.
    let ran = on_a_machine(&sandbox, "#!/bin/sh\nexit 1\n", "s3cret\n", WORDS);
    if std::path::Path::new("/dev/ppp").exists() {
        assert!(ran.err.contains("no PPP frame came"), "{}{}", ran.out, ran.err);
    } else {
        assert!(ran.out.contains("this kernel has no PPP"), "{}{}", ran.out, ran.err);
    }
}
