//! chat: dialogues as modems see them, what people are told, what pppd finds afterwards.

mod check;
mod device;
mod dialogue;
mod documents;
mod etc_scripts;
mod manual;
mod over_exchange;
mod talk;
mod why;

use ringback_tests::pty::Pty;
use ringback_tests::subject::{Subject, subject};
use ringback_tests::wait;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

/// What a run of chat left behind.
#[derive(Debug)]
struct Ended {
    /// As a shell shows it.
    status: i32,
    stderr: String,
    stdout: String,
}

fn chat() -> Subject {
    subject("chat")
}

/// Chat with these arguments on a line, messages never to syslog; not started yet.
fn on_line(subject: &Subject, pty: &Pty, args: &[&str]) -> Command {
    let line = || Stdio::from(pty.slave().try_clone().expect("a copy of the line"));
    let mut command = Command::new(&subject.path);
    command.arg0("chat").arg("-S").args(args).stdin(line()).stdout(line()).stderr(Stdio::piped());
    command.env_remove("CHAT_WHY").env("TZ", "UTC");
    command
}

/// Chat without a line.
fn off_line(args: &[&str]) -> Ended {
    let mut command = Command::new(&chat().path);
    command.arg0("chat").args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("CHAT_WHY");
    end(command.spawn().expect("start chat"))
}

/// Waits for the end.
fn end(mut child: Child) -> Ended {
    let mut stderr = child.stderr.take();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(pipe) = &mut stderr {
            let _ = pipe.read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut stdout = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        let _ = pipe.read_to_end(&mut stdout);
    }
    let status = wait::until("chat's end", || child.try_wait().expect("wait"));
    Ended {
        status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stderr: reader.join().expect("reader"),
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
    }
}

/// Runs chat on a line whose far end has said `before` already; also gives what was sent, and what
/// is left on the line.
fn run(args: &[&str], before: &[u8]) -> (Ended, String, Vec<u8>) {
    let pty = Pty::raw();
    pty.write(before);
    let ended = end(on_line(&chat(), &pty, args).spawn().expect("start chat"));
    // The kernel carries the last bytes over in its own time.
    let mut sent = pty.read_now();
    for _ in 0..3 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        sent.extend(pty.read_now());
    }
    (ended, String::from_utf8_lossy(&sent).into_owned(), left(&pty))
}

/// What the next program would read from the line.
fn left(pty: &Pty) -> Vec<u8> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(pty.slave(), FcntlArg::F_GETFL).expect("flags"));
    fcntl(pty.slave(), FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).expect("non-blocking");
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count) = nix::unistd::read(pty.slave(), &mut buffer) {
        if count == 0 {
            break;
        }
        all.extend_from_slice(&buffer[..count]);
    }
    all
}
