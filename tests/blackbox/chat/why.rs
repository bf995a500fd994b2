//! `--why`: one line that says what went wrong; without it not a byte more than the original.

use super::{chat, end, off_line, on_line, run};
use ringback_tests::pty::Pty;
use std::fs;

fn why(args: &[&str], before: &[u8]) -> String {
    let (ended, ..) = run(&[&["--why"], args].concat(), before);
    ended.stderr
}

#[test]
fn nothing_is_told_unasked() {
    let (ended, ..) = run(&["-t", "1", "OK", ""], b"no");
    assert_eq!((ended.status, ended.stderr.as_str()), (3, ""));
}

#[test]
fn each_failure_has_its_sentence() {
    if chat().original {
        return;
    }
    assert_eq!(
        why(&["-t", "1", "OK", ""], b""),
        "chat: step 1 (word 1): awaited \"OK\" for 1.0 s and no byte at all came: check cable, speed, or that the modem is not in data mode (exit status 3)\n"
    );
    assert_eq!(
        why(&["-t", "1", "OK", ""], b"\r\nERR\x1b"),
        "chat: step 1 (word 1): awaited \"OK\" for 1.0 s; what came instead ends in \"\\r\\nERR\\e\" (exit status 3)\n"
    );
    let text = why(&["ABORT", "NO", "ABORT", "BUSY", "", "ATD", "CONNECT", ""], b"\r\nBUSY");
    assert!(
        text.starts_with(
            "chat: step 5 (word 7): while \"CONNECT\" was awaited, the abort string \"BUSY\" came after "
        ),
        "{text}"
    );
    assert!(text.contains("(number 2, set in step 2, word 4)"), "{text}");
    assert!(text.ends_with("what came last was \"\\r\\nBUSY\" (exit status 5)\n"), "{text}");
}

#[test]
fn a_hang_up_is_named() {
    if chat().original {
        return;
    }
    let mut pty = Pty::raw();
    let child = on_line(&chat(), &pty, &["--why", "-t", "20", "", "x\\c", "CONNECT", ""]).spawn().unwrap();
    pty.let_go();
    ringback_tests::wait::until("it to begin", || (pty.read_now() == b"x").then_some(()));
    drop(pty);
    let ended = end(child);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("end of file after"), "{}", ended.stderr);
    assert!(ended.stderr.contains("the line was hung up"), "{}", ended.stderr);
}

#[test]
fn bad_scripts_are_placed() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    fs::write(&path, "'' a\n'' 'b\n").unwrap();
    let path = path.to_str().unwrap();
    let text = why(&["-f", path], b"");
    assert_eq!(
        text,
        format!(
            "chat: step 4 ({path}:2:4): unterminated quote (line 2): expected the same quote again on this line (exit status 1)\n"
        )
    );
    let text = why(&["-f", "/no/such"], b"");
    assert!(text.contains("/no/such -- open failed: No such file or directory"), "{text}");
    let text = why(&["ABORT", &"x".repeat(50)], b"");
    assert!(
        text.contains("(word 2): Illegal or too-long ABORT string") && text.contains("49 bytes at most"),
        "{text}"
    );
}

#[test]
fn no_terminal_is_explained() {
    if chat().original {
        return;
    }
    let ended = off_line(&["-S", "--why", "", "AT"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("descriptor 0 must be the line"), "{}", ended.stderr);
}

#[test]
fn the_environment_and_a_terminal_ask_for_it_too() {
    if chat().original {
        return;
    }
    let pty = Pty::raw();
    let mut command = on_line(&chat(), &pty, &["-t", "1", "OK", ""]);
    let ended = end(command.env("CHAT_WHY", "1").spawn().unwrap());
    assert!(ended.stderr.contains("no byte at all came"), "{}", ended.stderr);
    let (pty, screen) = (Pty::raw(), Pty::raw());
    let mut command = on_line(&chat(), &pty, &["-t", "1", "OK", ""]);
    let child = command.stderr(screen.slave().try_clone().unwrap()).spawn().unwrap();
    assert_eq!(end(child).status, 3);
    let shown = String::from_utf8_lossy(&screen.read_now()).into_owned();
    assert!(shown.contains("no byte at all came"), "{shown}");
}

/// A secret is in nothing that is told, whatever the far end does with it.
#[test]
fn secrets_are_told_nobody() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (script, trace, pin) = (dir.path().join("s"), dir.path().join("t"), dir.path().join("pin"));
    fs::write(&pin, "\\qFileWord99\n").unwrap();
    let text = format!(
        "ABORT BAD\n'' user\\qHidden77\nword: \\q$SECRET\nmore: \\q\\T\npin: @{}\nOK AT\\T\nNEVER ''\n",
        pin.display()
    );
    fs::write(&script, text).unwrap();
    let secrets = ["Hidden77", "EnvWord55", "5551234", "FileWord99"];
    let echo = "userHidden77\r\nword: EnvWord55\r\nmore: 5551234\r\npin: FileWord99\r\nOK AT5551234 EnvWord55\r\nHidden77";
    let pty = Pty::raw();
    pty.write(echo.as_bytes());
    let path = |p: &std::path::Path| p.to_str().unwrap().to_string();
    let args = [
        "--why",
        "--explain",
        "--trace",
        &path(&trace),
        "-E",
        "-T",
        "5551234",
        "-t",
        "1",
        "-f",
        &path(&script),
    ];
    let mut command = on_line(&chat(), &pty, &args);
    let ended = end(command.env("SECRET", "EnvWord55").spawn().unwrap());
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    let traced = fs::read_to_string(&trace).unwrap();
    let mut plans = String::new();
    let file = path(&script);
    for option in ["--check", "--dry-run"] {
        for json in [&[][..], &["--json"]] {
            let args = [&[option][..], json, &["-E", "-T", "5551234", "-f", &file]].concat();
            let mut command = std::process::Command::new(&chat().path);
            let output = command.args(&args).env("SECRET", "EnvWord55").output().unwrap();
            plans.push_str(&String::from_utf8_lossy(&output.stdout));
            plans.push_str(&String::from_utf8_lossy(&output.stderr));
        }
    }
    for secret in secrets {
        assert!(!ended.stderr.contains(secret), "{secret} told: {}", ended.stderr);
        assert!(!traced.contains(secret), "{secret} traced: {traced}");
        assert!(!plans.contains(secret), "{secret} planned: {plans}");
    }
    assert!(ended.stderr.contains("??????") && traced.contains("??????") && plans.contains("??????"));
    // The masked sends match any send when it is replayed: it fails in the same place.
    let mut command = std::process::Command::new(&chat().path);
    let args =
        ["-S", "-E", "-T", "other", "-t", "1", "--why", "--replay", &path(&trace), "-f", &path(&script)];
    let output = command.args(args).env("SECRET", "another").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("step 12"), "{text}");
}
