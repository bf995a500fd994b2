//! Section 1: start and command line.

use super::*;
use std::process::Command;

/// Runs the program to its end: exit code, standard output, standard error.
fn run(sandbox: &Sandbox, arg0: Option<&str>, args: &[&str]) -> (Option<i32>, String, String) {
    let subject = subject("mgetty");
    let mut command: Command = sandbox.command(&subject.path, arg0);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let output = command.args(args).output().expect("run the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn version_is_told_on_standard_output() {
    let (code, out, _) = run(&Sandbox::new(), None, &["-V"]);
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = out.split('\n').collect();
    assert_eq!((lines[0], lines[1], lines[3]), ("", "mgetty+sendfax by Gert Doering", ""));
    assert_eq!(lines[4], "log file written to '/var/log/mgetty/mg_<ttyX>.log'");
    assert_eq!(lines[5], "config file read from '/etc/mgetty/mgetty.config'");
    assert_eq!(lines[6..], ["", ""]);
}

#[test]
fn wrong_words_are_usage_errors() {
    for (args, message) in [
        (&["-z", "ttyS1"][..], "invalid option -- 'z'"),
        (&["ttyS1", "-n"], "option requires an argument -- 'n'"),
        (&["--speed", "ttyS1"], "invalid option -- '-'"),
        (&["-s", "1234", "ttyS1"], ""),
        (&["-s", "fast", "ttyS1"], ""),
        (&["-D"], ""),
        (&["-c", "/etc/gettydefs"], ""),
    ] {
        let sandbox = Sandbox::new();
        let (code, out, err) = run(&sandbox, None, args);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{args:?}");
        assert!(err.contains(message), "{args:?}: {err}");
    }
    let sandbox = Sandbox::new();
    run(&sandbox, None, &["-z"]);
    assert!(sandbox.log_text("mg_unknown.log").contains("Usage: mgetty [-x debug] [-s speed] [-r] line"));
}

#[test]
fn options_stand_anywhere_and_further_words_say_nothing() {
    let mut getty = Getty::new("");
    let line = getty.modem.line();
    getty.running = Some(
        getty
            .sandbox
            .start(&getty.subject.path, &[&line, "-s", "115200", "-D", &format!("/dev/{line}"), "vt100"]),
    );
    getty.wait_idle();
    let settings = nix::sys::termios::tcgetattr(getty.modem.pty().user()).expect("settings");
    assert_eq!(nix::sys::termios::cfgetospeed(&settings), nix::sys::termios::BaudRate::B115200);
    let said = getty.log_in("joe");
    // TERM comes from init's environment, not from the ignored word.
    assert!(said.contains("<<TERM=linux>>"), "{said}");
}

#[test]
fn a_line_may_be_named_with_its_directory() {
    let mut getty = Getty::new("");
    let line = format!("/dev/{}", getty.modem.line());
    getty.running = Some(getty.sandbox.start(&getty.subject.path, &["-x4", &line]));
    getty.wait_idle();
    assert!(getty.pid_path().exists());
}

#[test]
fn called_as_getty_it_greets_at_once() {
    let mut getty = Getty::new("");
    let line = getty.modem.line();
    getty.running = Some(getty.sandbox.start_as(&getty.subject.path, Some("getty"), &[&line]));
    getty.modem.expect("login: ", 0);
    assert!(getty.modem.commands().is_empty());
}

#[test]
fn the_chat_on_the_command_line_replaces_the_configured_one() {
    let mut getty = Getty::new("init-chat \"\" ATZ9 OK");
    getty.args = vec!["-m".into(), "\"\" AT&F OK \"AT X\" OK".into(), "-n".into(), "2".into()];
    getty.start();
    getty.wait_idle();
    assert_eq!(getty.modem.commands(), ["AT&F", "AT X"]);
    let mark = getty.modem.mark();
    getty.modem.ring();
    assert!(getty.modem.expect_within("AT", mark, ms(500)).is_none(), "-n 2 waits for a second ring");
    getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
}

#[test]
fn new_options_are_long() {
    if subject("mgetty").original {
        return;
    }
    let sandbox = Sandbox::new();
    let (code, out, _) = run(&sandbox, None, &["-D", "--help-all"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("--config-dir"));
    let mut getty = Getty::new("");
    let other = getty.sandbox.path().join("bin");
    std::fs::write(other.join("mgetty.config"), format!("{BASE}init-chat \"\" ATZ7 OK\n")).expect("write");
    getty.args = vec![format!("--config-dir={}", other.display())];
    getty.start();
    getty.wait_idle();
    assert_eq!(getty.modem.commands(), ["ATZ7"]);
}
