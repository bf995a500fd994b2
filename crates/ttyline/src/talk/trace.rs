//! `--trace FILE`: the dialogue as JSON lines.
//!
//! Each line is an object with `t`, seconds since the start, and one event. Strings stand for
//! bytes, one character (U+0000 to U+00FF) each. Only `send`, `recv`, `break` and `eof` matter to
//! `--replay`; the others tell what the script was doing.

use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// The number in a trace's first line.
pub const VERSION: u64 = 1;

/// A pause this long between two bytes makes two lines.
const GAP: Duration = Duration::from_millis(20);
/// So many received bytes at most in one line.
const LONGEST_LINE: usize = 4096;

/// A trace being written.
pub struct Trace {
    file: BufWriter<File>,
    failed: Option<io::Error>,
    /// Received and not written yet; and when its first and last byte came.
    pending: Vec<u8>,
    pending_since: Duration,
    pending_last: Duration,
}

impl Trace {
    /// Creates the file; `tool` writes it.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path, tool: &str) -> io::Result<Trace> {
        use std::os::unix::fs::OpenOptionsExt;
        // Telephone numbers and logins are in it.
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut trace = Trace {
            file: BufWriter::new(file),
            failed: None,
            pending: Vec::new(),
            pending_since: Duration::ZERO,
            pending_last: Duration::ZERO,
        };
        trace.event(Duration::ZERO, &[(tool, Value::from(VERSION))]);
        Ok(trace)
    }

    /// Received bytes, secrets taken out: what comes closely together makes one line.
    pub fn received(&mut self, bytes: &[u8], now: Duration) {
        if bytes.is_empty() {
            return;
        }
        let full = self.pending.len() + bytes.len() > LONGEST_LINE;
        if full || now.saturating_sub(self.pending_last) > GAP {
            self.flush();
        }
        if self.pending.is_empty() {
            self.pending_since = now;
        }
        self.pending_last = now;
        self.pending.extend_from_slice(bytes);
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let received = text(&self.pending);
            self.pending.clear();
            self.line(self.pending_since, &[("recv", received)]);
        }
    }

    /// Writes an event, after what was received before it.
    pub fn event(&mut self, at: Duration, fields: &[(&str, Value)]) {
        self.flush();
        self.line(at, fields);
    }

    fn line(&mut self, at: Duration, fields: &[(&str, Value)]) {
        let mut object = Map::new();
        object.insert("t".into(), Value::from(at.as_micros() as f64 / 1e6));
        for (name, value) in fields {
            object.insert((*name).into(), value.clone());
        }
        // Flushed each time: a trace is most wanted when the program does not come to its end.
        let result = writeln!(self.file, "{}", Value::Object(object)).and_then(|()| self.file.flush());
        if let Err(error) = result {
            self.failed.get_or_insert(error);
        }
    }

    /// The first error of writing, if there was one.
    pub fn error(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }
}

/// Bytes as a JSON string.
pub fn text(bytes: &[u8]) -> Value {
    Value::String(bytes.iter().map(|&b| char::from(b)).collect())
}

/// A JSON string as bytes; `None` if a character stands for no byte.
pub fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
