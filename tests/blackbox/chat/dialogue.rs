//! Dialogues: the same against the original.

use super::{chat, end, off_line, on_line, run};
use ringback_tests::modem::{Manner, Modem};
use ringback_tests::pty::Pty;
use std::time::{Duration, Instant};

#[test]
fn a_call_is_dialled_and_the_line_is_left_to_pppd() {
    let modem = Modem::with(Manner { connect: "CONNECT 33600\r\n~\x7f}#".into(), ..Manner::default() });
    let args = ["-t", "5", "ABORT", "BUSY", "", "ATZ", "OK", "ATDT123", "CONNECT", "\\c"];
    let ended = end(on_line(&chat(), modem.pty(), &args).spawn().unwrap());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(ended.stderr, "");
    assert_eq!(modem.commands(), ["ATZ", "ATDT123"]);
    // What comes after the awaited string is not chat's.
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(String::from_utf8_lossy(&super::left(modem.pty())), " 33600\r\n~\x7f}#\r\n");
}

#[test]
fn abort_strings_give_their_number() {
    for (text, status) in [("BUSY", 5), ("NO CARRIER", 4), ("zzz", 3)] {
        let args = ["-t", "1", "ABORT", "NO CARRIER", "ABORT", "BUSY", "CONNECT", ""];
        let (ended, sent, _) = run(&args, format!("\r\n{text}\r\n").as_bytes());
        assert_eq!((ended.status, sent.as_str()), (status, ""), "{text}");
    }
}

#[test]
fn with_fifty_aborts_the_rest_is_left_to_the_byte() {
    let mut args = vec!["-t".to_string(), "2".into()];
    for n in 0..50 {
        args.extend(["ABORT".into(), format!("FAILURE NUMBER {n:02} {}", "x".repeat(n % 20))]);
    }
    args.extend(["CONNECT".into(), "\\c".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let stream = b"FAILURE NUMBER 4FAILURE NUMBER CONNECCONNECT 57600\r\nFAILURE NUMBER 07";
    for cut in (0..stream.len()).step_by(9) {
        let pty = Pty::raw();
        pty.write(&stream[..cut]);
        let child = on_line(&chat(), &pty, &args).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        pty.write(&stream[cut..]);
        let ended = end(child);
        let left = super::left(&pty);
        assert_eq!(ended.status, 0, "cut at {cut}");
        assert_eq!(String::from_utf8_lossy(&left), " 57600\r\nFAILURE NUMBER 07", "cut at {cut}");
    }
}

#[test]
fn usage_names_the_program_as_it_was_called() {
    for args in [&["-x"][..], &["--help"], &["-t"], &["-h"], &["-?"]] {
        let ended = off_line(args);
        assert_eq!(ended.status, 1);
        assert_eq!(
            ended.stderr,
            "Usage: chat [-e] [-E] [-v] [-V] [-t timeout] [-r report-file]\n     [-T phone-number] [-U phone-number2] {-f chat-file | chat-script}\n"
        );
    }
}

/// A deliberate difference: the bytes of a send go out at once; `--pace 10` is the original's way.
#[test]
fn sends_go_out_at_once_unless_paced() {
    let subject = chat();
    let hundred = "x".repeat(100);
    let timed = |options: &[&str]| {
        let start = Instant::now();
        let args = [options, &["", &hundred]].concat();
        let (ended, sent, _) = run(&args, b"");
        assert_eq!((ended.status, sent.len()), (0, 101));
        start.elapsed()
    };
    if subject.original {
        assert!(timed(&[]) >= Duration::from_secs(1));
    } else {
        assert!(timed(&["--pace", "10"]) >= Duration::from_secs(1));
        // A busy machine may be slow once.
        assert!((0..10).any(|_| timed(&[]) < Duration::from_secs(1)));
    }
}

#[test]
fn a_word_that_looks_like_a_new_option_is_a_script_word_after_the_first() {
    let (ended, sent, _) = run(&["-t", "1", "", "--why", "--check"], b"");
    // `--check` is an expect: its first piece is empty and found at once.
    assert_eq!((ended.status, sent.as_str()), (0, "--why\r"));
    let (ended, sent, _) = run(&["--", "--why", "x"], b"");
    assert_eq!((ended.status, sent.as_str()), (0, "x\r"));
}

/// Defects of the original that are not copied.
#[test]
fn where_the_original_breaks_we_do_not() {
    if chat().original {
        return;
    }
    let args = ["-t", "1", "REPORT", "A", "A", "x\\c", "CLR_REPORT", "A", "B", "y\\c"];
    let (ended, sent, _) = run(&args, b"A 1\rB");
    assert_eq!((ended.status, sent.as_str()), (0, "xy"), "{ended:?}");
    let (ended, sent, _) = run(&["-T", "\\", "", "x\\T\\c"], b"");
    assert_eq!((ended.status, sent.as_str()), (0, "x\\"));
    // A signal during the wait for the rest of a report line.
    let pty = Pty::raw();
    let before = nix::sys::termios::tcgetattr(pty.slave()).unwrap();
    pty.write(b"CON 9");
    let child = on_line(&chat(), &pty, &["REPORT", "CON", "CON", "y\\c"]).spawn().unwrap();
    ringback_tests::wait::until("the send", || (pty.read_now() == b"y").then_some(()));
    std::thread::sleep(Duration::from_millis(50));
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::SIGTERM).unwrap();
    let ended = end(child);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.ends_with(" CON 9\n"), "{}", ended.stderr);
    assert_eq!(nix::sys::termios::tcgetattr(pty.slave()).unwrap(), before);
}
