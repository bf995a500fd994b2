//! `--device`: chat opens, sets, locks and restores the line itself.

use super::{chat, end};
use nix::sys::termios::{BaudRate, cfgetospeed, tcgetattr};
use ringback_tests::modem::Modem;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::wait;
use std::process::{Command, Stdio};

#[test]
fn one_command_on_a_device() {
    if chat().original {
        return;
    }
    let modem = Modem::new();
    let before = tcgetattr(modem.pty().slave()).unwrap();
    let path = modem.pty().path().to_str().unwrap().to_string();
    let args = ["-S", "--device", &path, "-t", "5", "", "AT+CSQ", "OK", "\\c"];
    let mut command = Command::new(&chat().path);
    let ended = end(command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap());
    assert_eq!(ended.status, 0, "{ended:?}");
    assert_eq!(modem.commands(), ["AT+CSQ"]);
    assert_eq!(tcgetattr(modem.pty().slave()).unwrap(), before);
}

#[test]
fn the_speed_holds_while_it_runs_and_the_old_one_comes_back() {
    if chat().original {
        return;
    }
    let pty = Pty::raw();
    let before = tcgetattr(pty.slave()).unwrap();
    let path = pty.path().to_str().unwrap().to_string();
    let args = ["-S", "--device", &path, "--speed=57600", "", "AT", "OK", "\\c"];
    let mut command = Command::new(&chat().path);
    let child = command.args(args).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    wait::until("the command", || (pty.read_now() == b"AT\r").then_some(()));
    assert_eq!(cfgetospeed(&tcgetattr(pty.slave()).unwrap()), BaudRate::B57600);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::SIGTERM)
        .unwrap();
    assert_eq!(end(child).status, 2);
    assert_eq!(tcgetattr(pty.slave()).unwrap(), before);
}

#[test]
fn a_lock_is_held_and_respected() {
    if chat().original {
        return;
    }
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let lock = sandbox.lock(&format!("LCK..{}", path.rsplit('/').next().unwrap()));
    let args = ["-S", "--device", &path, "--lock", "-t", "20", "", "AT", "OK", "\\c"];
    let mut first = sandbox.start(&chat().path, &args);
    wait::until("the command", || (pty.read_now() == b"AT\r").then_some(()));
    let locks: Vec<_> = std::fs::read_dir(sandbox.path().join("run/lock"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(!locks.is_empty(), "no lock at all, nor {}", lock.display());
    let mut second = sandbox.start(&chat().path, &args);
    assert_eq!(second.status(), 2);
    assert_eq!(pty.read_now(), b"", "the second one said nothing");
    pty.write(b"OK\r\n");
    assert_eq!(first.status(), 0);
    assert_eq!(std::fs::read_dir(sandbox.path().join("run/lock")).unwrap().count(), 0);
}
