//! Received text as the original shows it: in the log by lines, on descriptor 2 byte by byte.

use crate::messages::{Messages, push_visible, visible};
use std::io::{self, Write};

/// A line is logged in pieces of this many bytes.
const PIECE: usize = 80;
/// The original's receive buffer, bytes.
const BUFFER: usize = 1024;
/// So many bytes at least it keeps when it makes room: the longest ABORT string, and one.
const KEPT: usize = 50;

/// The received line that is not logged yet.
#[derive(Default)]
pub struct Unlogged {
    text: Vec<u8>,
    /// Bytes in this wait.
    count: usize,
    /// When the original next makes room in its buffer; it then logs what it throws away.
    room: usize,
    kept: usize,
}

impl Unlogged {
    /// A wait for a string of this length begins; what an earlier one left is not logged any more.
    pub fn begin_wait(&mut self, expected: usize) {
        self.text.clear();
        self.count = 0;
        self.room = BUFFER;
        self.kept = expected.max(KEPT);
    }

    /// One received byte.
    pub fn byte(&mut self, byte: u8, messages: &mut Messages) {
        self.count += 1;
        if byte == b'\n' {
            self.line(messages);
        } else {
            self.text.push(byte);
            if self.text.len() >= PIECE {
                self.line(messages);
            }
        }
    }

    /// After each byte that ended nothing: where the original's buffer is full, what is unfinished is
    /// logged, if it is long enough (chat.md section 9).
    pub fn full(&mut self, messages: &mut Messages) {
        if self.count < self.room {
            return;
        }
        self.room += BUFFER - self.kept.min(BUFFER) + 1;
        if self.text.len() >= self.kept {
            self.line(messages);
        }
    }

    /// The wait ends by a match: what is unfinished is logged.
    pub fn rest(&mut self, messages: &mut Messages) {
        if !self.text.is_empty() {
            self.line(messages);
        }
    }

    fn line(&mut self, messages: &mut Messages) {
        messages.detail(&visible(&self.text));
        self.text.clear();
    }
}

/// One byte to descriptor 2, as echo and `-V` show it.
///
/// # Errors
/// The system's.
pub fn echo(byte: u8) -> io::Result<()> {
    let mut out = Vec::new();
    match byte {
        b'\r' => return Ok(()),
        b'\n' => out.push(b'\n'),
        _ => push_visible(&mut out, byte, true),
    }
    io::stderr().write_all(&out)
}
