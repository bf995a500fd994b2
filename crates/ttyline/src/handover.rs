//! How a call that our callback has dialled reaches the waiting getty.
//!
//! A getty that waits listens on `/run/ringback/handover/NAME` (a Unix stream socket, root only). Messages
//! are lines of printable ASCII, at most [`LONGEST`] bytes with the line feed:
//!
//! | who | line | meaning |
//! |---|---|---|
//! | callback | `dial 1` | it has locked the line and will dial; 1 is the version of this protocol |
//! | getty | `waiting` | it has let go of the line and does not read it |
//! | callback | `take TEXT` | connected, TEXT is what followed CONNECT; the lock names the callback's process |
//! | getty | `taken` | the lock names the getty, the line is open: callback lets go and ends |
//! | getty | `refused TEXT` | it cannot; callback hangs up |
//!
//! Whoever closes the connection before `taken` has given up. Each end looks at the other's process by
//! `SO_PEERCRED` (root, and the process the lock names). Where there is no socket, callback uses the
//! original's pid file and SIGUSR1.

use crate::line_name::LineName;
use crate::visible;
use std::path::{Path, PathBuf};

/// Where the sockets are, below `/run`.
pub const DIRECTORY: &str = "/run/ringback/handover";

/// The longest line, bytes.
pub const LONGEST: usize = 256;

/// The socket of a line: the name as in its lock file, every `/` a `_`.
#[must_use]
pub fn socket(directory: &Path, line: &LineName) -> PathBuf {
    directory.join(line.device().replace('/', "_"))
}

/// What callback says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// It will dial.
    Dial,
    /// It is connected: the text behind CONNECT.
    Take(String),
}

/// What the getty says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It keeps off the line.
    Waiting,
    /// It has the line.
    Taken,
    /// It cannot: why.
    Refused(String),
}

/// A line with its line feed; what is not printable is replaced, what is too long cut.
fn line(word: &str, text: &str) -> Vec<u8> {
    let mut line = format!("{word} {}", visible::field(text)).trim_end().to_string();
    line.truncate(LONGEST - 1);
    line.push('\n');
    line.into_bytes()
}

/// The words of a line without its line feed; `None` for what cannot be one.
fn words(line: &[u8]) -> Option<(&str, &str)> {
    if line.len() >= LONGEST || !line.iter().copied().all(visible::is_printable) {
        return None;
    }
    let text = std::str::from_utf8(line).ok()?;
    Some(text.split_once(' ').unwrap_or((text, "")))
}

impl Request {
    /// As it is sent.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        match self {
            Request::Dial => line("dial", "1"),
            Request::Take(connect) => line("take", connect),
        }
    }

    /// Reads a line (without its line feed).
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Request> {
        match words(line)? {
            ("dial", "1") => Some(Request::Dial),
            ("take", connect) => Some(Request::Take(connect.to_string())),
            _ => None,
        }
    }
}

impl Answer {
    /// As it is sent.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        match self {
            Answer::Waiting => line("waiting", ""),
            Answer::Taken => line("taken", ""),
            Answer::Refused(why) => line("refused", why),
        }
    }

    /// Reads a line (without its line feed).
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Answer> {
        match words(line)? {
            ("waiting", "") => Some(Answer::Waiting),
            ("taken", "") => Some(Answer::Taken),
            ("refused", why) => Some(Answer::Refused(why.to_string())),
            _ => None,
        }
    }
}

/// Collects bytes of a connection into lines.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<u8>);

/// The other end does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl Lines {
    /// Takes bytes; gives the next complete line without its line feed. Call it again with no bytes until
    /// it gives `None`.
    ///
    /// # Errors
    /// [`TooLong`]: more than [`LONGEST`] bytes without a line feed.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<Vec<u8>>, TooLong> {
        self.0.extend_from_slice(bytes);
        match self.0.iter().position(|b| *b == b'\n') {
            Some(end) if end < LONGEST => {
                let mut line: Vec<u8> = self.0.drain(..=end).collect();
                line.pop();
                Ok(Some(line))
            }
            None if self.0.len() < LONGEST => Ok(None),
            _ => Err(TooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn messages_are_lines() {
        assert_eq!(Request::Dial.to_line(), b"dial 1\n");
        assert_eq!(Request::Take(String::new()).to_line(), b"take\n");
        assert_eq!(Answer::Waiting.to_line(), b"waiting\n");
        assert_eq!(Answer::Refused("no\nway".into()).to_line(), b"refused no_way\n");
        assert_eq!(Request::parse(b"dial 2"), None);
        assert_eq!(Answer::parse(b"taken x"), None);
        assert_eq!(Answer::parse(b"\xff"), None);
        let line = LineName::new("pts/3").unwrap();
        assert_eq!(socket(Path::new(DIRECTORY), &line), Path::new("/run/ringback/handover/pts_3"));
    }

    #[test]
    fn lines_are_collected_and_bounded() {
        let mut lines = Lines::default();
        assert_eq!(lines.next(b"wai"), Ok(None));
        assert_eq!(lines.next(b"ting\ntaken\n"), Ok(Some(b"waiting".to_vec())));
        assert_eq!(lines.next(b""), Ok(Some(b"taken".to_vec())));
        assert_eq!(lines.next(b""), Ok(None));
        assert_eq!(lines.next(&[b'x'; 300]), Err(TooLong));
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(connect in ".{0,400}") {
            let line = Request::Take(connect.clone()).to_line();
            prop_assert!(line.len() <= LONGEST);
            let read = Request::parse(line.strip_suffix(b"\n").unwrap());
            prop_assert!(matches!(read, Some(Request::Take(_))));
        }

        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Request::parse(&bytes), Answer::parse(&bytes));
        }
    }
}
