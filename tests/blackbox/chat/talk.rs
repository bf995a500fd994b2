//! `--trace`, `--replay`, `--explain`.

use super::{chat, end, off_line, on_line};
use ringback_tests::modem::Modem;
use std::fs;

#[test]
fn what_was_traced_replays_in_no_time() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace").to_str().unwrap().to_string();
    let modem = Modem::new();
    let words = ["ABORT", "BUSY", "", "ATZ", "OK", "ATDT1", "CONNECT", "\\d\\c"];
    let args = [&["--trace", &trace, "--explain"][..], &words].concat();
    let ended = end(on_line(&chat(), modem.pty(), &args).spawn().unwrap());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(ended.stderr.contains("send \"ATZ\\r\""), "{}", ended.stderr);
    assert!(ended.stderr.contains("exit status 0 after 1."), "{}", ended.stderr);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
    // A busy machine may be slow once; a second that is waited for is one each time.
    let in_no_time = || {
        let start = std::time::Instant::now();
        let ended = off_line(&[&["-S", "--replay", &trace, "--explain"][..], &words].concat());
        assert_eq!(ended.status, 0, "{ended:?}");
        assert!(ended.stderr.contains("exit status 0 after 1."), "{}", ended.stderr);
        start.elapsed().as_secs_f64() < 0.9
    };
    assert!((0..10).any(|_| in_no_time()), "the second of \\d is not waited for");
    // Another script leaves the recording, and is told where.
    let ended = off_line(&["-S", "--replay", &trace, "", "AT&F", "OK", "\\c"]);
    assert_eq!(ended.status, 3);
    assert!(ended.stderr.contains("waits for \"ATZ\\r\", the script sent \"AT&F\\r\""), "{}", ended.stderr);
}

#[test]
fn a_remote_written_by_hand() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let remote = dir.path().join("remote");
    fs::write(
        &remote,
        "# rings after a minute\n> ATS0=0\\r\n< \\r\\nOK\\r\\n\n. 60\n< RING\n> ATA\\r\neof\n",
    )
    .unwrap();
    let remote = remote.to_str().unwrap();
    let ended = off_line(&[
        "-S", "--why", "--replay", remote, "TIMEOUT", "70", "", "ATS0=0", "OK", "\\c", "RING", "ATA",
        "CONNECT", "",
    ]);
    assert_eq!(ended.status, 3, "{ended:?}");
    assert!(ended.stderr.contains("end of file after 0.0 s: the line was hung up"), "{}", ended.stderr);
    fs::write(remote, "<\n").unwrap();
    let ended = off_line(&["-S", "--replay", remote, "OK", ""]);
    assert_eq!(ended.status, 1);
    assert!(ended.stderr.ends_with(": line 1: nothing is sent\n"), "{}", ended.stderr);
}
