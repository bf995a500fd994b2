//! Orders: the control socket, its client, scripts, the log and the ladder.

use super::{Exchange, SERVER};
use ringback_tests::subject::ours;
use ringback_tests::wait;
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

fn ctl(exchange: &Exchange, orders: &[&str]) -> (i32, String, String) {
    let output = Command::new(ours("exchange"))
        .arg("ctl")
        .arg(exchange.path("ctl"))
        .args(orders)
        .stdin(Stdio::null())
        .output()
        .expect("run ctl");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
}

#[test]
fn the_socket_is_for_its_owner_only() {
    let exchange = Exchange::new(&[]);
    let mode = fs::symlink_metadata(exchange.path("ctl")).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_socket_replaces_nothing_but_a_dead_one() {
    let mut exchange = Exchange::new(&[]);
    let start = |path: &str| {
        Command::new(ours("exchange"))
            .arg("--control")
            .arg(exchange.path(path))
            .output()
            .expect("run the exchange")
    };
    fs::write(exchange.path("file"), "mine").expect("write");
    assert_eq!(start("file").status.code(), Some(1));
    assert_eq!(fs::read_to_string(exchange.path("file")).expect("still there"), "mine");
    assert_eq!(start("ctl").status.code(), Some(1), "another exchange listens");
    exchange.order("list").expect("it is undisturbed");
    exchange.child.kill().expect("kill");
    exchange.child.wait().expect("wait");
    let dir = std::mem::replace(&mut exchange.dir, tempfile::tempdir().expect("a directory"));
    Exchange::with(dir, &[]).order("list").expect("an answer");
}

#[test]
fn the_client_gives_orders_and_tells_of_failures() {
    let exchange = Exchange::new(&[]);
    let (code, out, _) = ctl(&exchange, &[&format!("state {SERVER}"), "list"]);
    assert_eq!(code, 0);
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!(lines[0]["number"], SERVER);
    assert_eq!(lines[1].as_array().map(Vec::len), Some(3));
    let (code, _, err) = ctl(&exchange, &["state 404", "explode", "list"]);
    assert_eq!(code, 1);
    assert!(err.contains("there is no line 404") && err.contains("no such order"), "{err}");
    let mut child = Command::new(ours("exchange"))
        .arg("ctl")
        .arg(exchange.path("ctl"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("run ctl");
    child.stdin.take().expect("its input").write_all(b"# two orders\nadd 42\n\nstate 42\n").expect("write");
    let output = child.wait_with_output().expect("its end");
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"number\":\"42\""));
}

#[test]
fn waiting_has_a_limit() {
    let exchange = Exchange::new(&[]);
    let why = exchange.order(&format!("wait {SERVER} connected 50ms")).expect_err("nobody calls");
    assert!(why.starts_with("timeout") && why.contains("\"state\":\"idle\""), "{why}");
    let why = exchange.order("expect 5550 50ms login:").expect_err("silence");
    assert!(why.starts_with("timeout; heard"), "{why}");
}

#[test]
fn a_client_that_goes_away_waits_no_more() {
    let exchange = Exchange::new(&[]);
    for _ in 0..1000 {
        let mut stream = std::os::unix::net::UnixStream::connect(exchange.path("ctl")).expect("the socket");
        writeln!(stream, "wait {SERVER} connected 3600").expect("an order");
    }
    exchange.order("list").expect("there is room for another one");
}

#[test]
fn lines_come_and_go_while_it_runs() {
    let exchange = Exchange::new(&[]);
    let path = exchange.path("new");
    exchange.orders(&[&format!("add 4711={},connect=CONNECT 14400/ARQ", path.display())]);
    assert!(exchange.order("add 4711").is_err(), "the number is taken");
    let new = super::Computer::at(&path);
    exchange.orders(&["dial 5550 4711"]);
    new.expect("RING\r\n");
    new.write("ATA\r");
    new.expect("CONNECT 14400/ARQ\r\n");
    exchange.orders(&["wait 5550 connected", "remove 4711", "wait 5550 idle"]);
    assert!(path.symlink_metadata().is_err());
    assert!(exchange.order("state 4711").is_err());
    assert!(exchange.order("add 1=/proc/nowhere/x").is_err());
    assert!(exchange.order("state 1").is_err(), "a line that could not be made is not there");
    exchange.orders(&["add 1"]);
}

#[test]
fn far_ends_talk() {
    let exchange = Exchange::new(&["--far=777,s0=1,answer-delay=0"]);
    exchange.orders(&[
        "dial 5550 777",
        "wait 5550 connected",
        "type 5550 user\\r",
        "expect 777 2s user\\r",
        "type 777 Password:\\s",
        "expect 5550 2s word:\\s",
    ]);
    assert_eq!(exchange.order("heard 5550"), Ok("\"\"".into()));
    exchange.orders(&["type 777 \\x1b[2J", "expect 5550 2s [2J", "hangup 777", "wait 5550 idle"]);
    exchange.orders(&["dial 5550 777", "wait 5550 connected", "pace 5550 2400"]);
    exchange.orders(&[&format!("type 5550 {}end", "x".repeat(60)), "hangup 5550", "expect 777 2s xend"]);
    exchange.orders(&["wait 5550 idle"]);
    assert!(exchange.order("type 5550 x").is_err(), "not connected");
    assert!(exchange.order("answer 5550").is_err(), "it does not ring");
}

#[test]
fn a_script_plays_the_far_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let script = dir.path().join("script");
    fs::write(
        &script,
        "# answers, asks, listens, hangs up; again and again\n\
         wait 5550 ringing 3600\nanswer 5550\nwait 5550 connected\ntype 5550 login:\\s\n\
         expect 5550 5s guest\ntype 5550 bye\nsleep 100ms\nhangup 5550\nagain\n",
    )
    .expect("write");
    let exchange = Exchange::new(&[&format!("--script={}", script.display())]);
    let caller = exchange.caller();
    for _ in 0..2 {
        caller.write("ATE0DT5550\r");
        caller.expect("login: ");
        caller.write("guest\r");
        caller.expect("bye");
        caller.expect("NO CARRIER\r\n");
    }
}

#[test]
fn quit_ends_it() {
    let mut exchange = Exchange::new(&[]);
    exchange.orders(&["quit"]);
    let status = wait::until("its end", || exchange.child.try_wait().expect("wait"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_log_tells_the_call_in_json() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let exchange = Exchange::new(&[&format!("--log={}", log.display())]);
    let (server, caller) = exchange.call();
    server.write("hello");
    caller.expect("hello");
    drop(caller);
    server.expect("NO CARRIER\r\n");
    exchange.orders(&["note 5550 that was all"]);
    let text = fs::read_to_string(&log).expect("a log");
    let events: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let names: Vec<&str> = events.iter().filter_map(|e| e["event"].as_str()).collect();
    let mut wanted =
        ["added", "opened", "command", "calls", "ring", "answered", "result", "closed", "ended", "note"]
            .iter()
            .peekable();
    for name in &names {
        wanted.next_if(|next| *next == name);
    }
    assert_eq!(wanted.next(), None, "{names:?}");
    let ended = events.iter().find(|e| e["event"] == "ended").expect("an end");
    assert_eq!((&ended["caller"], &ended["bytes_to_caller"]), (&"123456".into(), &5.into()));
}

#[test]
fn the_ladder_shows_the_call_and_no_control_characters() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (out, control) = (dir.path().join("out"), dir.path().join("ctl"));
    let mut child = Command::new(ours("exchange"))
        .args([format!("--line=1={}", path("one")), "--far=2".into(), "--ladder".into()])
        .args(["--set=handshake=10ms", "--cadence=300ms", "--control"])
        .arg(&control)
        .stdout(fs::File::create(&out).expect("a file"))
        .spawn()
        .expect("start the exchange");
    wait::until("the socket", || std::os::unix::net::UnixStream::connect(&control).ok());
    let one = super::Computer::at(&dir.path().join("one"));
    one.write("ATE0DT2\r");
    let status = Command::new(ours("exchange"))
        .arg("ctl")
        .arg(&control)
        .args([
            "wait 2 ringing",
            "answer 2",
            "wait 2 connected",
            "type 2 \\e[31mred\\x07",
            "sleep 50ms",
            "quit",
        ])
        .status();
    assert!(status.expect("run ctl").success());
    child.wait().expect("its end");
    let text = fs::read_to_string(&out).expect("a ladder");
    for wanted in ["▸ ATE0DT2", "calls", "rings", "answers", "◂ CONNECT 33600", "\\e[31mred\\x07"] {
        assert!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    assert!(text.lines().all(|l| l.chars().count() <= 100));
}

#[test]
fn bad_command_lines() {
    for (arguments, code) in [
        (vec!["--explode"], 2),
        (vec!["--line=12"], 1),
        (vec!["--line=x=y"], 1),
        (vec!["--far=1=path"], 1),
        (vec!["--far=1,pace=never"], 1),
        (vec!["--set=colour=red"], 1),
        (vec!["--cadence=0"], 1),
        (vec!["--script=/nonexistent"], 1),
        (vec!["--far=1", "--far=1"], 1),
        (vec!["ctl"], 2),
        (vec!["ctl", "/nonexistent", "list"], 1),
        (vec!["--help"], 0),
    ] {
        let output = Command::new(ours("exchange")).args(&arguments).output().expect("run the exchange");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert_eq!(code == 0, output.stderr.is_empty(), "{arguments:?}");
    }
}
