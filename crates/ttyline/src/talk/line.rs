//! What a script talks over: a tty, or a recording of one.

use crate::expect::matcher::Matcher;
use std::io;
use std::time::Duration;

/// A signal that ends the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Their names.
pub enum Fatal {
    Int,
    Term,
    Hup,
}

impl Fatal {
    /// As messages name it.
    pub fn name(self) -> &'static str {
        match self {
            Fatal::Int => "SIGINT",
            Fatal::Term => "SIGTERM",
            Fatal::Hup => "SIGHUP",
        }
    }
}

/// What waiting for bytes gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// So many bytes.
    Bytes(usize),
    /// The alarm.
    Alarm,
    /// A signal.
    Fatal(Fatal),
    /// Nothing is there, and it was not to be waited for (or the line does not block).
    Nothing,
    /// End of file.
    End,
    /// The line cannot be read: it was hung up.
    Failed,
}

/// What a wait or a write was ended by.
#[derive(Debug)]
pub enum Output {
    /// So many bytes were taken; for a pause: it is over.
    Done(usize),
    /// The alarm came first.
    Alarm,
    /// A signal came first.
    Fatal(Fatal),
    /// The line takes nothing more.
    Failed(io::Error),
}

/// A line with an alarm clock.
pub trait Line {
    /// At most `buffer.len()` bytes; waits for the first one if `wait`.
    fn read(&mut self, buffer: &mut [u8], wait: bool) -> Input;
    /// Reads until one of the matcher's strings is complete, nothing behind it; gives its index.
    ///
    /// # Errors
    /// What [`Line::read`] gave instead of bytes.
    fn read_to_match(
        &mut self,
        matcher: &mut Matcher,
        buffer: &mut [u8],
        wait: bool,
    ) -> Result<usize, Input> {
        // A method of its own, so that the loop runs without a call through the table for each read:
        // there are three or four bytes in one.
        loop {
            let most = matcher.need().min(buffer.len());
            match self.read(&mut buffer[..most], wait) {
                Input::Bytes(count) => {
                    if let Some(index) = matcher.feed_read(&buffer[..count]) {
                        return Ok(index);
                    }
                }
                ended => return Err(ended),
            }
        }
    }
    /// Reads wait from now on, even if whoever opened the line did not want that.
    fn set_blocking(&mut self) {}
    /// Sends some bytes, waiting for room.
    fn write(&mut self, bytes: &[u8]) -> Output;
    /// Waits.
    fn pause(&mut self, time: Duration) -> Output;
    /// A send begins; its text is a secret or not.
    fn begin_send(&mut self, _secret: bool) {}
    /// All of a send has gone out.
    fn end_send(&mut self) {}
    /// Sends a BREAK.
    fn send_break(&mut self);
    /// Sets the alarm clock; 0 or less: never.
    fn set_alarm(&mut self, seconds: i32);
    /// The alarm has rung and was not heard of yet.
    fn alarm_rang(&mut self) -> bool;
    /// SIGHUP is ignored from now on, or fatal again.
    fn ignore_hangup(&mut self, ignored: bool);
    /// Time since the start.
    fn now(&self) -> Duration;
}
