//! What is looked at: status, top, calls.

use super::tree::Tree;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs;
use std::process::{Command, Stdio};

const LINES: &str = "/run/ringback/lines";
const CALLS: &str = "/var/log/ringback/calls.jsonl";

fn calls() -> Tree {
    let call = |id: u32, rest: &str| format!("{{\"v\":1,\"id\":\"{id}\",\"tool\":\"mgetty\",{rest}}}\n");
    let old = call(
        1,
        r#""line":"ttyS0","dir":"in","start":"2026-11-01T10:00:00+00:00","end":"2026-11-01T10:01:00+00:00","caller":"5551111","connect":"33600/ARQ","cause":"hang-up""#,
    );
    let new = [
        call(
            2,
            r#""line":"ttyS0","dir":"in","start":"2026-11-19T10:00:00+00:00","end":"2026-11-19T11:00:05+00:00","caller":"5551234","user":"max","connect":"14400","cause":"hang-up","later":7"#,
        ),
        call(
            3,
            r#""line":"ttyS1","dir":"in","start":"2026-11-20T10:00:00+00:00","end":"2026-11-20T10:00:01+00:00","caller":"=cmd()","cause":"refused: rule""#,
        ),
        "garbage\n".into(),
    ];
    Tree::with(&[(CALLS, &new.concat()), ("/var/log/ringback/calls.jsonl.1", &old)])
}

#[test]
fn lines_are_shown_with_what_they_do() {
    let tree = Tree::new();
    assert!(tree.run(&["status"]).ok().contains("no line has a getty"));
    tree.write(
        &format!("{LINES}/ttyS1.json"),
        r#"{"v":1,"line":"ttyS1","pid":1,"pid_started":1,"state":"session","user":"max","caller":"5551234","connect":"33600"}"#,
    );
    // A hostile one, one that is cut off, and one for nobody.
    tree.write(
        &format!("{LINES}/x.json"),
        r#"{"v":1,"line":"x\u001b[2J\u009b","pid":1,"state":"failed","why":"\u001b]0;evil\u0007"}"#,
    );
    tree.write(&format!("{LINES}/cut.json"), r#"{"v":1,"li"#);
    std::os::unix::fs::symlink("/etc/passwd", tree.at(&format!("{LINES}/link.json"))).expect("a link");
    let shown = tree.run(&["status"]).ok();
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.contains("no getty (was: session of max, 5551234)"), "{shown}");
    assert!(!shown.contains('\x1b') && shown.contains("\\x1b[2J"), "{shown}");
    assert_eq!(tree.run(&["status", "/dev/ttyS1"]).ok().lines().count(), 2);
    assert!(tree.run(&["status", "ttyS7"]).refused().contains("nothing is known"));
    let json = tree.run(&["--json", "status"]).ok();
    assert!(json.is_ascii() && json.contains("\\u001b") && !json.contains('\u{9b}'), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value[0]["stale"], true);
    assert_eq!(value[0]["user"], "max");
}

#[test]
fn calls_are_listed_filtered_and_counted() {
    let tree = calls();
    let count = |words: &[&str]| tree.run(&[&["calls"], words].concat()).ok().lines().count() - 1;
    let all = tree.run(&["calls"]);
    assert!(all.err.contains("1 line that is no call record"), "{}", all.err);
    let shown = all.ok();
    let ids: Vec<&str> = shown.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(ids.len(), 3, "{shown}");
    assert!(shown.lines().nth(1).is_some_and(|first| first.contains("5551111")), "oldest first: {shown}");
    assert!(shown.contains("1h00m"), "{shown}");
    assert_eq!(count(&["--line", "/dev/ttyS0"]), 2);
    assert_eq!(count(&["--number", "1234"]), 1);
    assert_eq!(count(&["--user", "max", "--cause", "hang"]), 1);
    assert_eq!(count(&["--since", "2026-11-10", "--until", "2026-11-20"]), 1);
    assert_eq!(count(&["--last", "2"]), 2);
    assert_eq!(tree.run(&["calls", "--tool", "modemd"]).ok(), "no calls\n");
    assert!(tree.run(&["calls", "--since", "soon"]).refused().contains("is no time"));
    let summary = tree.run(&["calls", "--summary"]).ok();
    assert!(summary.contains("CONNECT: 1 at 33600 bit/s, 1 at 14400 bit/s"), "{summary}");
    assert!(summary.contains("1 refused"), "{summary}");
    let json: serde_json::Value = serde_json::from_str(&tree.run(&["--json", "calls"]).ok()).expect("JSON");
    assert_eq!(json[1]["later"], 7, "unknown fields stay");
    let counted: serde_json::Value =
        serde_json::from_str(&tree.run(&["--json", "calls", "--summary"]).ok()).expect("JSON");
    assert_eq!(counted["all"]["calls"], 3);
}

#[test]
fn a_spreadsheet_sees_no_formulas() {
    let csv = calls().run(&["calls", "--csv"]).ok();
    assert!(csv.starts_with("id,tool,line,dir,start,end,caller,"), "{csv}");
    assert!(csv.contains(",\"'=cmd()\","), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 4);
}

#[test]
fn calls_are_listed_by_their_beginning() {
    let tree = calls();
    // A long call is written after the short ones that it outlasted.
    let long = "{\"v\":1,\"id\":\"4\",\"tool\":\"mgetty\",\"line\":\"ttyS0\",\"start\":\"2026-11-18T10:00:00+00:00\",\"end\":\"2026-11-20T11:00:00+00:00\",\"cause\":\"\"}\n";
    tree.write(CALLS, tree.read(CALLS) + long);
    let listed = tree.run(&["--json", "calls"]).ok();
    let calls: Vec<serde_json::Value> = serde_json::from_str(&listed).expect("JSON");
    let ids: Vec<_> = calls.iter().filter_map(|call| call["id"].as_str()).collect();
    assert_eq!(ids, ["1", "4", "2", "3"]);
    assert!(tree.run(&["calls", "--summary"]).ok().contains("1 unknown"));
    for day in ["2026-11-31", "2026-13-40"] {
        assert!(tree.run(&["calls", "--since", day]).refused().contains("is no time"), "{day}");
    }
}

#[test]
fn a_list_that_a_full_disk_cut_off_is_no_success() {
    let tree = calls();
    for words in [&["calls", "--csv"][..], &["calls"], &["--json", "calls"], &["line", "list"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output = tree.command(words).stdout(full).output().expect("dialin");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && err.contains("standard output"), "{words:?}: {err}");
    }
}

#[test]
fn packed_logs_are_read_too() {
    let tree = calls();
    let packed = Command::new("gzip").arg(tree.at("/var/log/ringback/calls.jsonl.1")).status().expect("gzip");
    assert!(packed.success());
    assert_eq!(tree.run(&["calls"]).ok().lines().count(), 4);
}

#[test]
fn top_shows_the_same_on_a_screen_and_gives_it_back() {
    let tree = calls();
    assert!(tree.run(&["top"]).refused().contains("needs a terminal"));
    tree.write(&format!("{LINES}/ttyS1.json"), r#"{"v":1,"line":"ttyS1","pid":1,"state":"idle"}"#);
    let pty = Pty::fresh();
    let slave = || Stdio::from(pty.slave().try_clone().expect("the screen"));
    let mut command = Command::new(ours("dialin"));
    command.arg("--root").arg(tree.path()).arg("top");
    let mut child = command.stdin(slave()).stdout(slave()).spawn().expect("dialin");
    let mut seen = Vec::new();
    wait::until("the screen", || {
        seen.extend(pty.read_now());
        String::from_utf8_lossy(&seen).contains("the last calls").then_some(())
    });
    let text = String::from_utf8_lossy(&seen).into_owned();
    assert!(text.contains("\x1b[?1049h") && text.contains("ttyS1"), "{text}");
    pty.write(b"q");
    let status = wait::until("its end", || child.try_wait().expect("wait"));
    assert!(status.success());
    seen.extend(pty.read_now());
    assert!(String::from_utf8_lossy(&seen).ends_with("\x1b[?25h\x1b[?1049l"), "the screen is given back");
}

#[test]
fn dead_locks_are_cleared_and_living_ones_stay() {
    let sandbox = Sandbox::new();
    let run = |words: &[&str]| {
        let mut command = sandbox.command(&ours("dialin"), None);
        let output =
            command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("dialin");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let mut dead = Command::new("true").spawn().expect("true");
    let _ = dead.wait();
    fs::write(sandbox.lock("LCK..ttyS7"), format!("{:10}\n", dead.id())).expect("a lock");
    let mine = format!("{:10}\n", std::process::id());
    fs::write(sandbox.lock("LCK..ttyS8"), &mine).expect("a lock");
    std::os::unix::fs::symlink("/etc/passwd", sandbox.lock("LCK..ttyS9")).expect("a link");
    let (code, listed, _) = run(&["lock", "list"]);
    assert_eq!(code, Some(0));
    for (line, is) in [("ttyS7", "stale"), ("ttyS8", "held"), ("ttyS9", "forged")] {
        assert!(listed.lines().any(|l| l.starts_with(line) && l.contains(is)), "{line}: {listed}");
    }
    let (code, _, err) = run(&["lock", "clear", "ttyS8"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("it stays"), "{err}");
    assert!(run(&["lock", "clear", "ttyS1"]).2.contains("no lock file names this line"));
    let (code, planned, err) = run(&["--plan", "lock", "clear"]);
    assert_eq!((code, planned.contains("would clear")), (Some(0), true), "{planned}{err}");
    assert!(sandbox.lock("LCK..ttyS7").exists(), "a plan changes nothing");
    let (code, cleared, err) = run(&["lock", "clear"]);
    assert_eq!(code, Some(0), "{cleared}{err}");
    assert!(!sandbox.lock("LCK..ttyS7").exists());
    assert!(sandbox.lock("LCK..ttyS9").symlink_metadata().is_err());
    assert_eq!(fs::read_to_string(sandbox.lock("LCK..ttyS8")).expect("still there"), mine);
    assert_eq!(run(&["lock", "clear"]).1, "nothing to clear\n");
    let (code, _, err) = run(&["--root", "/", "lock", "list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(Tree::new().run(&["lock", "list"]).refused().contains("running machine"));
}
