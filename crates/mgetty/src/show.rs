//! Shows the caller the issue and the prompt: gathers what their escapes stand for.

use crate::greeting::{self, Facts};
use nix::sys::signal::{Signal, killpg};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use ttyline::config::Text;
use ttyline::sys::{clock, utmp};

/// Longest issue file that is shown, bytes.
const ISSUE_MAX: u64 = 64 * 1024;
/// An issue program gets so long.
const PROGRAM_TIME: Duration = Duration::from_secs(10);

/// utmp, where sessions are noted.
pub const UTMP: &str = "/var/run/utmp";

/// What the machine is called.
pub fn machine(facts: Facts) -> Facts {
    let Ok(names) = nix::sys::utsname::uname() else { return facts };
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    Facts {
        node: text(names.nodename()),
        system: text(names.sysname()),
        machine: text(names.machine()),
        release: text(names.release()),
        version: text(names.version()),
        users: utmp::users(Path::new(UTMP)),
        time: Some(clock::local_now()),
        ..facts
    }
}

/// The issue as `issue-file` says: a file, a program's output (`!`), or the text itself. Empty if
/// there is none.
pub fn issue(setting: &Text, facts: &Facts) -> Vec<u8> {
    if let Some(command) = setting.as_bytes().strip_prefix(b"!") {
        program(command)
    } else if setting.as_bytes().starts_with(b"/") {
        let Ok(file) = std::fs::File::open(setting.as_path()) else { return Vec::new() };
        // Not a FIFO or a device that would hold the caller.
        if !file.metadata().is_ok_and(|m| m.is_file()) {
            return Vec::new();
        }
        let mut text = Vec::new();
        let _ = file.take(ISSUE_MAX).read_to_end(&mut text);
        greeting::issue_file(&text, facts)
    } else {
        greeting::issue_text(setting.as_bytes(), facts)
    }
}

/// What a program says within its time: words at blanks, no shell.
fn program(command: &[u8]) -> Vec<u8> {
    let words = command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut words = words.map(OsStr::from_bytes);
    let Some(name) = words.next() else { return Vec::new() };
    let started = Command::new(name)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut child) = started else { return Vec::new() };
    let mut out = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        let _ = nix::fcntl::fcntl(&pipe, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK));
        read_for(pipe, PROGRAM_TIME, &mut out);
    }
    let group = nix::unistd::Pid::from_raw(child.id() as i32);
    let _ = killpg(group, Signal::SIGKILL);
    let _ = child.wait();
    out
}

fn read_for(mut pipe: std::process::ChildStdout, limit: Duration, out: &mut Vec<u8>) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    let end = Instant::now() + limit;
    let mut buffer = [0; 4096];
    while out.len() < ISSUE_MAX as usize {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        let mut wanted = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        if !matches!(poll(&mut wanted, limit), Ok(1)) {
            continue;
        }
        match pipe.read(&mut buffer) {
            Ok(0) => return,
            Ok(n) => out.extend_from_slice(buffer.get(..n).unwrap_or(&[])),
            Err(_) => {}
        }
    }
}
