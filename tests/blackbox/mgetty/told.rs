//! What a getty tells of its line and its calls: `ringback-lines`(5), `ringback-records`(5). The original
//! tells nothing.

use super::*;
use nix::sys::signal::Signal;
use std::os::unix::fs::PermissionsExt;

#[test]
fn the_state_of_the_line_follows_a_call_and_the_call_is_recorded() {
    let mut getty = Getty::new("rings 2");
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    getty.wait_state("\"state\":\"idle\"");
    let mode = std::fs::metadata(getty.state_path()).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    getty.modem.send("\r\nNMBR = 5551234\r\nRING\r\n");
    getty.wait_state("\"ring\":1,\"rings\":2");
    assert!(getty.state().contains("\"caller\":\"5551234\""), "{}", getty.state());
    getty.answer();
    getty.wait_state("\"state\":\"login\"");
    assert!(getty.state().contains("\"connect\":\"33600\""), "{}", getty.state());
    let mark = getty.modem.mark();
    getty.modem.expect("login: ", 0);
    getty.modem.send("nobody\r");
    getty.said(mark);
    getty.wait_state("\"state\":\"session\"");
    assert!(getty.state().contains("\"user\":\"nobody\""), "{}", getty.state());
    assert_eq!(getty.records(), Vec::<String>::new(), "a call is recorded when it is over");
    getty.modem.send("\r");
    assert_eq!(getty.status(), 0);
    let record = getty.wait_record("session ended");
    for field in [
        "\"tool\":\"mgetty\"",
        "\"dir\":\"in\"",
        "\"caller\":\"5551234\"",
        "\"connect\":\"33600\"",
        "\"user\":\"nobody\"",
        "\"rings\":2",
        "\"start\":\"",
        "\"end\":\"",
        "bin/program\"",
    ] {
        assert!(record.contains(field), "{field}: {record}");
    }
    getty.wait_state("\"state\":\"ended\"");
}

#[test]
fn each_call_that_comes_to_nothing_is_recorded() {
    let mut getty = Getty::new("answer-chat-timeout 1");
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    getty.prompt();
    getty.modem.send("\x04");
    assert_eq!(getty.status(), 0);
    assert!(getty.wait_record("quit at the prompt").contains("\"rings\":1"));
    getty.wait_state("\"state\":\"ended\"");
    let records = getty.sandbox.path().join("log/ringback/calls.jsonl");
    assert_eq!(std::fs::metadata(records).expect("the file").permissions().mode() & 0o777, 0o600);
    let mut refused = Getty::new("fax-only yes");
    refused.start();
    refused.wait_idle();
    refused.modem.send("\r\nNMBR = 666\r\nRING\r\n");
    assert!(refused.wait_record("\"cause\":\"refused\"").contains("\"caller\":\"666\""));
    let mut failed = Getty::with("", replying("ATA", "\r\nNO CARRIER\r\n"));
    failed.start();
    failed.wait_idle();
    failed.modem.ring();
    failed.wait_record("\"cause\":\"failed: no carrier\"");
}

#[test]
fn the_call_of_a_killed_getty_or_watcher_is_recorded_by_the_next() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    getty.prompt();
    getty.wait_state("\"state\":\"login\"");
    getty.running().signal(Signal::SIGKILL);
    getty.status();
    assert_eq!(getty.records(), Vec::<String>::new());
    getty.modem.hang_up();
    getty.start();
    getty.wait_state("\"state\":\"idle\"");
    assert!(getty.wait_record("cut short").contains("\"connect\":\"33600\""));
    // The same in a session whose watcher is killed as well.
    let said = getty.log_in("nobody");
    assert!(said.contains("<<end>>"));
    getty.wait_state("\"state\":\"session\"");
    let state: serde_json::Value = serde_json::from_str(&getty.state()).expect("JSON");
    let watcher = i32::try_from(state["watcher"].as_i64().expect("a watcher")).expect("a pid");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(watcher), Signal::SIGKILL).expect("kill");
    getty.running().signal(Signal::SIGKILL);
    getty.status();
    getty.modem.hang_up();
    getty.start();
    wait::until("the record", || (getty.records().len() == 2).then_some(()));
    assert!(getty.wait_record("\"user\":\"nobody\"").contains("cut short"));
}

/// The watcher of a call shares the getty's hold on the line until it has seen the getty's end.
#[test]
fn the_next_getty_waits_for_the_watcher_of_a_killed_one() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    let before = getty.sandbox.processes();
    getty.prompt();
    let watcher = wait::until("the watcher", || {
        getty.sandbox.processes().into_iter().find(|process| !before.contains(process))
    });
    getty.wait_state("\"state\":\"login\"");
    nix::sys::signal::kill(watcher, Signal::SIGSTOP).expect("stop");
    getty.running().signal(Signal::SIGKILL);
    getty.status();
    getty.modem.hang_up();
    getty.start();
    std::thread::sleep(ms(100));
    nix::sys::signal::kill(watcher, Signal::SIGCONT).expect("continue");
    getty.wait_state("\"state\":\"idle\"");
    getty.wait_record("cut short");
    assert!(!getty.log().contains("the line is held"), "{}", getty.log());
}

#[test]
fn a_program_that_outlives_its_carrier_is_ended() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    let program =
        getty.sandbox.script("deaf", "trap '' HUP TERM; echo '<<end>>'; exec sleep 1000 </dev/null");
    getty.sandbox.write_etc("login.config", &format!("* - - {} @\n", program.display()), 0o600);
    getty.start();
    getty.wait_idle();
    let log = getty.log_path();
    let mark = getty.prompt();
    getty.modem.send("nobody\r");
    getty.said(mark);
    getty.wait_state("\"state\":\"session\"");
    // The modem goes, and with it the line.
    getty.modem = Modem::new();
    assert_eq!(getty.status(), 128 + Signal::SIGKILL as i32);
    getty.wait_record("carrier lost, program ended by force");
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains("carrier is lost, the program runs on: SIGTERM"), "{log}");
}

#[test]
fn the_shipped_logrotate_file_rotates_records_and_logs() {
    let mut getty = Getty::new("fax-only yes");
    if getty.subject.original {
        return;
    }
    let rotate = std::path::Path::new("/usr/sbin/logrotate");
    if !rotate.exists() {
        eprintln!("logrotate is not installed");
        return;
    }
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    getty.wait_record("refused");
    let config = getty.sandbox.path().join("rotate.conf");
    let both = [
        include_str!("../../../etc/logrotate.d/ringback"),
        include_str!("../../../etc/logrotate.d/ringback-mgetty"),
    ];
    std::fs::write(&config, both.concat()).expect("the file");
    let state = getty.sandbox.path().join("rotate.state");
    let mut command = getty.sandbox.command(rotate, None);
    let output = command
        .args(["-f", "-v", "-s"])
        .args([&state, &config])
        .stderr(std::process::Stdio::piped())
        .output();
    let told = String::from_utf8_lossy(&output.expect("logrotate").stderr).into_owned();
    let old = |name: &str| getty.sandbox.path().join("log").join(name);
    assert!(old("ringback/calls.jsonl.1").exists() && !old("ringback/calls.jsonl").exists(), "{told}");
    assert!(old(&format!("mgetty/mg_{}.log.1", getty.id())).exists(), "{told}");
    // The next call is written to new files.
    getty.running().signal(Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    getty.wait_record("refused");
}

#[test]
fn a_full_disk_and_a_run_that_cannot_be_written_harm_nobody() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    std::fs::write(getty.sandbox.run("ringback"), "in the way").expect("a file");
    std::fs::write(getty.sandbox.path().join("log/ringback"), "in the way").expect("a file");
    getty.start();
    getty.wait_idle();
    let said = getty.log_in("nobody");
    assert!(said.contains("<<arg1=nobody>>"), "{said}");
    getty.modem.send("\r");
    assert_eq!(getty.status(), 0);
}

#[test]
fn a_process_left_behind_has_the_line_no_more() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    // As the last caller left it: open, and with settings of his own.
    let left =
        std::fs::File::options().read(true).write(true).open(getty.modem.pty().path()).expect("the line");
    let mut cat =
        std::process::Command::new("cat").stdin(left.try_clone().expect("dup")).spawn().expect("cat");
    getty.start();
    getty.wait_idle();
    let error = std::io::Write::write(&mut &left, b"Password: ").expect_err("written to the next caller");
    assert_eq!(error.raw_os_error(), Some(nix::libc::EIO));
    wait::until("its end of input", || cat.try_wait().expect("wait"));
    let said = getty.log_in("nobody");
    assert!(said.contains("<<arg1=nobody>>"), "{said}");
}

#[test]
fn who_guesses_gets_his_prompt_later_and_others_do_not() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    std::fs::write(getty.sandbox.path().join("log/wtmp"), "").expect("wtmp");
    let login = getty.sandbox.script("login", "echo '<<end>>'; read answer");
    getty.sandbox.write_etc("login.config", &format!("* - - {} @\n", login.display()), 0o600);
    let file = getty.sandbox.path().join("lib/ringback/guesses");
    let count = || std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    // A login that ends without a user in wtmp is a guess.
    getty.start();
    getty.wait_idle();
    getty.modem.send("\r\nNMBR = 555\r\n");
    getty.log_in("nobody");
    getty.modem.send("\r");
    wait::until("the guess", || (count() == 1).then_some(()));
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text.repeat(4)).expect("three more");
    for (caller, delayed) in [("555", true), ("556", false)] {
        let mut next = Getty::new("");
        std::fs::create_dir_all(next.sandbox.path().join("lib/ringback")).expect("a directory");
        std::fs::copy(&file, next.sandbox.path().join("lib/ringback/guesses")).expect("the guesses");
        next.start();
        next.wait_idle();
        next.modem.send(format!("\r\nNMBR = {caller}\r\n"));
        let mark = next.answer();
        let connected = next.modem.connected_at().expect("CONNECT");
        let place = next.modem.expect("login: ", mark);
        let waited = next.modem.time_of(place - 1) - connected;
        assert_eq!(next.log().contains("prompt 2 s later"), delayed, "{}", next.log());
        assert!(!delayed || waited >= ms(1900), "{waited:?}");
    }
}

#[test]
fn a_name_nobody_has_is_logged_by_its_length() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    getty.login_config("known - @ PROGRAM @\n* - @ PROGRAM @\n");
    getty.start();
    getty.wait_idle();
    let said = getty.log_in("my,secret");
    assert!(said.contains("<<arg1=my,secret>>"), "{said}");
    getty.wait_state("\"user\":\"?9\"");
    getty.modem.send("\r");
    getty.status();
    getty.wait_record("\"user\":\"?9\"");
    assert!(getty.log().contains("user='?9'") && !getty.log().contains("secret"), "{}", getty.log());
    getty.modem.hang_up();
    getty.start();
    wait::until("waiting again", || (getty.log().matches("waiting...").count() == 2).then_some(()));
    getty.log_in("known");
    assert!(getty.log().contains("user='known'"), "{}", getty.log());
}
