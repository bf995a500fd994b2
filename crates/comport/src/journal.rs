//! What people are told: standard error, one write for each line.

use std::io::Write;

/// Says one line.
pub fn say(text: impl AsRef<str>) {
    let line = format!("comport: {}\n", ttyline::visible::terminal(text.as_ref()));
    // Nobody may be there to read it.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
