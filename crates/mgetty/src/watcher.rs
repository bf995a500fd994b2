//! The small process that stays beside a session.
//!
//! Forked at CONNECT (a fork between a frame and its program would cost a third of the time that
//! takes), an orphan in a session of its own: no login program must find a child it has not made.
//! It has one descriptor of the line, which is not its controlling tty, a pipe from the getty and a
//! pidfd of the session, and lets go of the line the moment the session ends, so that the last close
//! drops DTR. Its later duties (a program that outlives its carrier, the end of the call record)
//! will come here too; today it does one thing and ends.
//!
//! That thing: a PPP frame that told us to start pppd is not lost. pppd throws its input away when
//! it sets the line up, so the frame is put back after pppd has attached its line discipline.

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::fs::File;
use std::io::{self, Read, Write};
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

/// The getty's end of the pipe. Dropped (or closed by exec) without a word it sends the watcher home.
#[derive(Debug)]
pub struct Watcher {
    pipe: File,
}

impl Watcher {
    /// Forks it.
    ///
    /// # Errors
    /// No descriptors or processes left; then the first frame is lost, as with the original.
    pub fn start(line: impl AsFd) -> io::Result<Watcher> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let (mut reader, mut writer) = (Some(File::from(reader)), Some(File::from(writer)));
        let session = nix::unistd::getpid().as_raw();
        let middle = process::fork(|| {
            let _ = process::fork(|| {
                // Or it would never see the end of the pipe.
                writer = None;
                if let Some(reader) = reader.take() {
                    watch(&line, reader, session);
                }
            });
        })?;
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(middle), None)?;
        writer.map(|pipe| Watcher { pipe }).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// pppd is about to run; `head` is what has been read of the frame, from its flag on.
    ///
    /// # Errors
    /// It has ended before its time.
    pub fn keep_frame(&mut self, head: &[u8]) -> io::Result<()> {
        self.pipe.write_all(head)
    }
}

fn watch(line: &impl AsFd, mut pipe: File, session: i32) {
    // A session of its own: no hang-up signal of the caller's, no job control when it reads.
    let _ = nix::unistd::setsid();
    ttyline::signal::restore_defaults();
    let Ok(session) = process::pidfd_open(session) else { return };
    let mut frame = Vec::new();
    // Ends with the first word or with the getty: exec closes the pipe.
    let mut head = [0; 512];
    match pipe.read(&mut head) {
        Ok(n) if n > 0 => frame.extend_from_slice(head.get(..n).unwrap_or(&[])),
        _ => return,
    }
    drop(pipe);
    // Whatever the line does to a read: not longer than this.
    nix::unistd::alarm::set(5);
    let start = Instant::now();
    loop {
        let age = start.elapsed();
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
            if let Ok(1) = nix::unistd::read(line, &mut byte) {
                frame.extend_from_slice(&byte);
            }
            continue;
        }
        match tty::discipline(line) {
            Ok(N_PPP) => return put_back(line, &frame),
            // Some other program: it gets what is its own.
            Ok(_) if age > START_TIME => return put_back(line, &frame),
            Ok(_) => {}
            Err(_) => return,
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
