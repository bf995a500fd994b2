//! What modemd tells of its use of a line: `ringback-lines`(5), `ringback-records`(5).

use super::*;
use crate::dialin::status::{doing, status};

fn record(sandbox: &Sandbox) -> serde_json::Value {
    let text = std::fs::read_to_string(sandbox.path().join("log/ringback/calls.jsonl")).expect("records");
    serde_json::from_str(text.lines().last().expect("a record")).expect("JSON")
}

/// A getty that waits on the line of a modem.
fn getty(sandbox: &Sandbox, modem: &Modem) -> Running {
    sandbox.write_etc("mgetty.config", "data-only yes\ntoggle-dtr no\nissue-file none\n", 0o644);
    let getty = sandbox.start(&ours("mgetty"), &[&modem.line()]);
    wait::until("the getty", || (status(sandbox, &modem.line())["state"] == "idle").then_some(()));
    getty
}

#[test]
fn the_bytes_of_both_ways_are_counted_exactly() {
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0"]);
    let noise = |count: u32, salt: u32| -> Vec<u8> {
        (0..count).map(|n| (n.wrapping_mul(2_654_435_761).rotate_left(9) ^ salt) as u8).collect()
    };
    let (sent, received) = (noise(150_001, 1), noise(90_007, 7));
    let (mut client, told) = (served.client.try_clone().expect("dup"), sent.clone());
    let writer = std::thread::spawn(move || client.write_all(&told).expect("write"));
    assert_eq!(until_read(&pty, sent.len()), sent);
    writer.join().expect("the writer");
    let mut heard = vec![0; received.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| pty.write_long(&received));
        served.client.read_exact(&mut heard).expect("bytes from the modem");
    });
    assert_eq!(heard, received);
    served.client.shutdown(Shutdown::Both).expect("close");
    assert_eq!(served.modemd.status(), 0);
    let record = record(&sandbox);
    assert_eq!((&record["bytes_out"], &record["bytes_in"]), (&sent.len().into(), &received.len().into()));
}

#[test]
fn the_line_s_state_says_who_has_it() {
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let args = [path.as_str(), "--init", "none", "--dtr-down", "0"];
    // The first bytes pass before the state is written.
    let until_told =
        || wait::until("the state", || (status(&sandbox, &pty.line())["stale"] == false).then_some(()));
    let mut served = serve(&sandbox, &args);
    served.settle(&pty);
    until_told();
    let used = status(&sandbox, &pty.line());
    assert_eq!((&used["state"], &used["peer"]), (&"dial-out".into(), &"modemd".into()));
    assert_eq!((&used["dial_out"]["client"], &used["stale"]), (&"127.0.0.1".into(), &false.into()));
    assert_eq!(doing(&sandbox, &pty.line()), "dial-out by modemd for 127.0.0.1");
    served.client.shutdown(Shutdown::Both).expect("close");
    assert_eq!(served.modemd.status(), 0);
    let left = status(&sandbox, &pty.line());
    assert_eq!((&left["state"], &left["stale"]), (&"ended".into(), &true.into()));
    assert_eq!(left.get("dial_out"), None);
    // What a killed one leaves is known to be old.
    let mut killed = serve(&sandbox, &args);
    killed.settle(&pty);
    until_told();
    killed.modemd.signal(Signal::SIGKILL);
    killed.modemd.status();
    let left = status(&sandbox, &pty.line());
    assert_eq!((&left["state"], &left["stale"]), (&"dial-out".into(), &true.into()));
    let shown = doing(&sandbox, &pty.line());
    assert_eq!(shown, "no getty (was: dial-out by modemd for 127.0.0.1)");
    // And is replaced by the next.
    let mut next = serve(&sandbox, &args);
    next.settle(&pty);
    until_told();
}

#[test]
fn a_getty_s_state_is_what_it_was_after_the_use_and_after_kill_9() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let mut waiting = getty(&sandbox, &modem);
    let line = modem.line();
    let before = status(&sandbox, &line);
    let used = || wait::until("the use", || (status(&sandbox, &line)["state"] == "dial-out").then_some(()));
    // Nothing comes from the modem: the getty sleeps on.
    let args = [line.as_str(), "--init", "none", "--dtr-down", "0"];
    let mut served = serve(&sandbox, &args);
    used();
    assert_eq!(status(&sandbox, &line)["line_state"], "idle");
    served.client.shutdown(Shutdown::Both).expect("close");
    assert_eq!(served.modemd.status(), 0);
    assert_eq!(status(&sandbox, &line), before);
    let mut killed = serve(&sandbox, &args);
    used();
    killed.modemd.signal(Signal::SIGKILL);
    killed.modemd.status();
    assert_eq!(status(&sandbox, &line), before);
    // A modem that talks wakes it: it says whom it found, and the client is still known.
    let mut talks = serve(&sandbox, &[&line]);
    talks.say("ATI\r");
    talks.hear("OK\r\n");
    wait::until("the getty to notice", || {
        (status(&sandbox, &line)["pid"] == before["pid"]
            && status(&sandbox, &line)["state"] == "dial-out"
            && status(&sandbox, &line).get("line_state").is_none())
        .then_some(())
    });
    assert_eq!(doing(&sandbox, &line), "dial-out by modemd for 127.0.0.1");
    talks.client.shutdown(Shutdown::Both).expect("close");
    assert_eq!(talks.modemd.status(), 0);
    waiting.status();
    assert_eq!(status(&sandbox, &line)["state"], "ended");
}
