//! Tells an echo of what we have shown from what a caller types.
//!
//! A modem that has fallen back to command state (carrier lost, no DCD wired) echoes every character it is
//! sent: the getty would read its own greeting as a name, echo it, and so answer itself for ever.

/// So many shown characters in a row are nobody's name.
const RUN: usize = 12;
/// A whole prompt counts from this length on.
const PROMPT: usize = 5;
/// As much of what was shown is remembered, bytes.
const SHOWN: usize = 4096;

/// What was shown, and the last of what came back. Only printable characters count, blanks do not: the tty
/// and the modem change line ends.
#[derive(Debug, Clone, Default)]
pub struct Echo {
    shown: Vec<u8>,
    /// Its lines, as text.
    text: Vec<u8>,
    prompt: Vec<u8>,
    heard: Vec<u8>,
}

fn counts(byte: u8) -> bool {
    byte.is_ascii_graphic()
}

impl Echo {
    /// This goes to the caller; the last such text is the prompt.
    pub fn shown(&mut self, text: &[u8]) {
        self.prompt = text.iter().copied().filter(|b| counts(*b)).collect();
        self.shown.extend_from_slice(&self.prompt);
        self.text.extend_from_slice(text);
        let surplus = self.text.len().saturating_sub(SHOWN);
        self.text.drain(..surplus);
        let surplus = self.shown.len().saturating_sub(SHOWN);
        self.shown.drain(..surplus);
    }

    /// Whether a name is a whole line of what was shown. It may be a user's for all that: it proves something
    /// only where an empty line came before it.
    pub fn is_line(&self, name: &[u8]) -> bool {
        let mut lines = self.text.split(|b| matches!(b, b'\r' | b'\n'));
        !name.is_empty() && lines.any(|line| line.trim_ascii() == name.trim_ascii())
    }

    /// This came; true if it is our own.
    pub fn heard(&mut self, byte: u8) -> bool {
        let byte = byte & 0x7f;
        if !counts(byte) {
            return false;
        }
        if self.heard.len() >= 256 {
            self.heard.drain(..128);
        }
        self.heard.push(byte);
        let run = self.heard.len().checked_sub(RUN).and_then(|from| self.heard.get(from..));
        run.is_some_and(|run| self.shown.windows(RUN).any(|w| w == run))
            || self.prompt.len() >= PROMPT && self.heard.ends_with(&self.prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hears(shown: &[&str], typed: &str) -> bool {
        let mut echo = Echo::default();
        for text in shown {
            echo.shown(text.as_bytes());
        }
        typed.bytes().any(|byte| echo.heard(byte))
    }

    #[test]
    fn our_own_greeting_is_known_again() {
        let shown = ["\r\nWelcome to the ppp server\r\n", "\r\nhost!login: "];
        assert!(hears(&shown, "\rWelcome to the p"));
        assert!(hears(&shown, "garbage host!login:"));
        assert!(hears(&["login: "], "\r\rlogin: "));
        for name in ["ppp\r", "login\r", "server", "host", "a name that is long enough", "Welcome"] {
            assert!(!hears(&shown, name), "{name}");
        }
        assert!(!hears(&[">"], ">>>>>>>>>"), "a prompt of one character proves nothing");
    }

    #[test]
    fn a_whole_line_is_known_again() {
        let mut echo = Echo::default();
        echo.shown(b"\r\nHello there \r\nnone\r\n");
        echo.shown(b"login: ");
        for (name, known) in
            [("none", true), ("Hello there", true), ("Hello", false), ("", false), ("joe", false)]
        {
            assert_eq!(echo.is_line(name.as_bytes()), known, "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_grows(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let mut echo = Echo::default();
            for chunk in bytes.chunks(500) {
                echo.shown(chunk);
            }
            for byte in bytes {
                let _ = echo.heard(byte);
            }
            prop_assert!(echo.text.len() <= SHOWN && echo.shown.len() <= SHOWN && echo.heard.len() <= 256);
        }
    }
}
