//! Messages as the original writes them: syslog and descriptor 2 (chat.md section 9).

use std::io::Write;
use ttyline::log::{Facility, Severity, Syslog};

/// The longest message, bytes.
const LONGEST: usize = 1023;

/// Where messages go.
pub struct Messages {
    /// `-v`.
    pub verbose: bool,
    stderr: bool,
    syslog: Option<Syslog>,
}

impl Messages {
    /// As the options say.
    pub fn new(verbose: bool, stderr: bool, syslog: bool) -> Messages {
        Messages { verbose, stderr, syslog: syslog.then(|| Syslog::new("chat", Facility::Local2)) }
    }

    /// What happens, when `-v` is on.
    pub fn detail(&mut self, text: &[u8]) {
        if self.verbose {
            self.put(Severity::Info, text);
        }
    }

    /// `NAME (TEXT)` in visible form, when `-v` is on.
    pub fn detail_of(&mut self, name: &str, text: &[u8]) {
        if self.verbose {
            let text = [name.as_bytes(), b" (", &visible(text), b")"].concat();
            self.put(Severity::Info, &text);
        }
    }

    /// What went wrong: always to descriptor 2 with `-s`, to syslog with `-v`.
    pub fn notice(&mut self, text: &[u8]) {
        self.put(Severity::Info, text);
    }

    /// Why the program ends.
    pub fn fatal(&mut self, text: &[u8]) {
        self.put(Severity::Error, text);
    }

    fn put(&mut self, severity: Severity, text: &[u8]) {
        let text = text.get(..LONGEST).unwrap_or(text);
        if severity == Severity::Error || self.verbose {
            if let Some(syslog) = &mut self.syslog {
                syslog.send(severity, text);
            }
        }
        if self.stderr {
            to_stderr(&[text, b"\n"].concat());
        }
    }
}

/// Writes to descriptor 2; that it cannot be written is nobody's business.
pub fn to_stderr(text: &[u8]) {
    let _ = std::io::stderr().write_all(text);
}

/// The form of sent, expected and received text inside messages: `M-` for the eighth bit, `^X` for
/// control characters; a tab stays a tab.
pub fn visible(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 8);
    for &byte in text {
        push_visible(&mut out, byte, false);
    }
    out
}

/// One byte of [`visible`]; `tab`: a tab becomes `^I` too, as in echo.
pub fn push_visible(out: &mut Vec<u8>, byte: u8, tab: bool) {
    if byte >= 0x80 {
        out.extend_from_slice(b"M-");
    }
    match byte & 0x7F {
        b'\t' if !tab => out.push(b'\t'),
        control @ (0..0x20 | 0x7F) => out.extend_from_slice(&[b'^', control ^ 0x40]),
        plain => out.push(plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_form() {
        assert_eq!(visible(b"a\r\n\t\x7f\0\xe9\x8d\xffz"), b"a^M^J\t^?^@M-iM-^MM-^?z");
    }
}
