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

/// A trace being written.
pub struct Trace {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl Trace {
    /// Creates the file.
    ///
    /// # Errors
    /// The system's.
    pub fn create(path: &Path) -> io::Result<Trace> {
        use std::os::unix::fs::OpenOptionsExt;
        // Telephone numbers and logins are in it.
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        let mut trace = Trace { file: BufWriter::new(file), failed: None };
        trace.event(Duration::ZERO, &[("chat", Value::from(VERSION))]);
        Ok(trace)
    }

    /// Writes one line.
    pub fn event(&mut self, at: Duration, fields: &[(&str, Value)]) {
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
