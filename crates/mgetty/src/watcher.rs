//! The small process that stays beside a session.
//!
//! Forked just before exec, in a session of its own, with one descriptor of the line (which is not
//! its controlling tty) and a pidfd of the session. It lets go of the line the moment the session
//! ends, so that the last close drops DTR. Its later duties (a program that outlives its carrier,
//! the end of the call record) will come here too; today it does one thing and ends.
//!
//! That thing: a PPP frame that told us to start pppd is not lost. pppd throws its input away when
//! it sets the line up, so the frame is put back after pppd has attached its line discipline.

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use ttyline::sys::{process, tty};

/// The kernel's number of the PPP line discipline (`N_PPP`).
const N_PPP: i32 = 3;
const FLAG: u8 = 0x7e;
/// Longest frame that is kept: an LCP request is some 50 octets, all escaped twice that.
const FRAME_MAX: usize = 1024;
/// The rest of the frame is waited for so long.
const FRAME_TIME: Duration = Duration::from_millis(300);
/// PPP is waited for so long.
const START_TIME: Duration = Duration::from_secs(3);
/// Between two looks at the line discipline.
const LOOK: Duration = Duration::from_millis(2);

/// Forks the watcher. `head` is what has been read of the frame, from its flag on.
///
/// # Errors
/// No process can be made; then the frame is lost, as with the original.
pub fn start(line: impl AsFd, head: Vec<u8>) -> std::io::Result<()> {
    let session = nix::unistd::getpid().as_raw();
    process::fork(|| watch(line, head, session)).map(drop)
}

fn watch(line: impl AsFd, mut frame: Vec<u8>, session: i32) {
    // A session of its own: no hang-up signal of the caller's, no job control when it reads.
    let _ = nix::unistd::setsid();
    ttyline::signal::restore_defaults();
    // Whatever the line does to a read: not longer than this.
    nix::unistd::alarm::set(5);
    let Ok(session) = process::pidfd_open(session) else { return };
    let start = Instant::now();
    loop {
        match tty::discipline(&line) {
            Ok(N_PPP) => return put_back(&line, &frame),
            Ok(_) => {}
            Err(_) => return,
        }
        let age = start.elapsed();
        if age > START_TIME {
            // Some other program: it gets what is its own.
            return put_back(&line, &frame);
        }
        let reading = !complete(&frame) && age < FRAME_TIME;
        let wanted = if reading { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut fds = [PollFd::new(session.as_fd(), PollFlags::POLLIN), PollFd::new(line.as_fd(), wanted)];
        if ppoll(&mut fds, Some(TimeSpec::from(LOOK)), None).is_err() {
            return;
        }
        let happened = |at: usize| fds.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        if !happened(0).is_empty() || happened(1).intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            return;
        }
        if reading && happened(1).contains(PollFlags::POLLIN) {
            let mut byte = [0];
            if let Ok(1) = nix::unistd::read(&line, &mut byte) {
                frame.extend_from_slice(&byte);
            }
        }
    }
}

/// Whether the frame's closing flag has come (or nothing more is kept of it).
fn complete(frame: &[u8]) -> bool {
    frame.len() >= FRAME_MAX || frame.len() > 1 && frame.last() == Some(&FLAG)
}

fn put_back(line: impl AsFd, frame: &[u8]) {
    for &byte in frame {
        if tty::push_back(&line, byte).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_ends_with_its_second_flag() {
        assert!(!complete(b"\x7e"));
        assert!(!complete(b"\x7e\xff\x03\xc0\x21"));
        assert!(complete(b"\x7e\xff\x03\xc0\x21\x01\x7e"));
        assert!(complete(&[1; FRAME_MAX]));
    }
}
