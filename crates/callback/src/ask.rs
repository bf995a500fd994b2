//! Carries the dialogue with the caller out: standard input and output, a line at a time.

use crate::question::{Do, Question, Reply};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use ttyline::number::Verdict;
use ttyline::settings::local;
use ttyline::sys::termios::{self, When};

/// How long a caller may think.
const SILENCE: Duration = Duration::from_secs(120);
/// The longest line that is looked at, bytes.
const LONGEST: usize = 64;
/// How much of a longer one is read before the caller is given up.
const FLOOD: usize = 1 << 20;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// Call this number.
    Call(Verdict),
    /// Nothing more was to be asked (the number was known before).
    Nothing,
    /// Nobody is to be called: why.
    Over(&'static str),
}

/// Runs the dialogue. `check` looks at a password, `refused` is told of each refusal.
///
/// # Errors
/// None besides those of a descriptor that is not open.
pub fn ask(
    question: &mut Question,
    mut check: impl FnMut(&[u8]) -> bool,
    mut refused: impl FnMut(&str, &str),
) -> io::Result<Answered> {
    let mut steps = question.start();
    loop {
        if steps.is_empty() {
            return Ok(Answered::Nothing);
        }
        let batch = std::mem::take(&mut steps);
        // Before he is asked: who types ahead must not see it either.
        let secret = batch.iter().any(|step| matches!(step, Do::Read(true)));
        let _quiet = if secret { Quiet::begin(io::stdin()) } else { None };
        for step in batch {
            match step {
                Do::Say(text) => say(text),
                Do::Read(_) => steps.extend(question.reply(read_line(io::stdin().as_fd())?)),
                Do::Check(password) => steps.extend(question.checked(check(&password))),
                Do::Refused(text, why) => refused(&text, &why),
                Do::Call(verdict) => return Ok(Answered::Call(verdict)),
                Do::Over(why) => return Ok(Answered::Over(why)),
            }
        }
    }
}

/// Writes to the caller; a line that takes nothing is no reason to wait for ever.
pub fn say(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Waits until the caller has been sent everything, for at most three seconds: the end of this program hangs
/// up, and what is still in the queue then is lost.
pub fn drain() {
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end && termios::unsent(io::stdout()).is_ok_and(|count| count > 0) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Reads one line; the tty is cooked, as mgetty leaves it.
fn read_line(fd: BorrowedFd<'_>) -> io::Result<Reply> {
    let end = Instant::now() + SILENCE;
    let (mut line, mut count) = (Vec::new(), 0);
    let reply = loop {
        let left = end.saturating_duration_since(Instant::now());
        let limit = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], limit) {
            Ok(0) => break Reply::Silence,
            Ok(_) => {}
            // SIGINT and SIGTERM are looked at by whoever called us.
            Err(Errno::EINTR) => break Reply::End,
            Err(e) => return Err(e.into()),
        }
        let mut byte = [0];
        match nix::unistd::read(fd, &mut byte) {
            Ok(1) if matches!(byte[0], b'\n' | b'\r') => {
                break if count > LONGEST { Reply::TooLong } else { Reply::Line(line) };
            }
            Ok(1) => {
                count += 1;
                if count > FLOOD {
                    break Reply::End;
                }
                if line.len() < LONGEST {
                    line.push(byte[0]);
                }
            }
            Ok(_) | Err(Errno::EIO) => break Reply::End,
            Err(Errno::EINTR) => break Reply::End,
            Err(Errno::EAGAIN) => {}
            Err(e) => return Err(e.into()),
        }
    };
    Ok(reply)
}

/// While it lives the tty does not echo.
struct Quiet {
    fd: io::Stdin,
    before: ttyline::settings::Settings,
}

impl Quiet {
    fn begin(fd: io::Stdin) -> Option<Quiet> {
        let before = termios::get(&fd).ok()?;
        let mut silent = before;
        silent.local &= !local::ECHO;
        termios::set(&fd, &silent, When::Now).ok()?;
        Some(Quiet { fd, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::set(&self.fd, &self.before, When::Now);
    }
}
