//! Hides secrets in what is told about a dialogue.
//!
//! A secret is what a `\q` send put on the line, and the values that went into it. The far end
//! echoes it, perhaps in small reads, perhaps over two expects: bytes that may be the beginning of
//! a secret are held back until it is known.

/// What stands for a secret, as in the original's log.
pub const HIDDEN: &[u8] = b"??????";

/// This much of a secret's beginning may be shown when a wait ends in the middle of it: less says nothing.
const HARMLESS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Held,
    Shown,
    Secret,
}

/// Takes a stream of bytes and gives it without the secrets.
#[derive(Debug, Default)]
pub struct Masker {
    secrets: Vec<Vec<u8>>,
    recent: Vec<(u8, State)>,
    /// The last thing given was [`HIDDEN`].
    hiding: bool,
}

impl Masker {
    /// From now on these bytes are hidden.
    pub fn add(&mut self, secret: &[u8]) {
        if !secret.is_empty() && !self.secrets.iter().any(|s| s == secret) {
            self.secrets.push(secret.to_vec());
            // The longest first, so that a secret within a secret does not leave the rest.
            self.secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        }
    }

    /// Shows received bytes; what is certain now goes to `out`.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.secrets.is_empty() {
            out.extend_from_slice(bytes);
            return;
        }
        for &byte in bytes {
            self.recent.push((byte, State::Held));
            for secret in &self.secrets {
                if ends_with(&self.recent, secret) {
                    let begin = self.recent.len() - secret.len();
                    for (_, state) in self.recent.iter_mut().skip(begin) {
                        if *state == State::Held {
                            *state = State::Secret;
                        }
                    }
                }
            }
            let keep = self.undecided();
            let decided = self.recent.len() - keep;
            for (byte, state) in self.recent.drain(..decided).collect::<Vec<_>>() {
                self.give(byte, state, out);
            }
        }
    }

    /// The end of a wait: everything held is decided now. The last `awaited` bytes are the string
    /// that was awaited, which stands in the script anyway.
    pub fn settle(&mut self, awaited: usize, out: &mut Vec<u8>) {
        let open = self.recent.len().saturating_sub(awaited);
        let harmless = self.recent.len() <= HARMLESS;
        for at in 0..self.recent.len() {
            let (byte, state) = self.recent[at];
            let state = match state {
                State::Held if at < open && !harmless => State::Secret,
                other => other,
            };
            self.give(byte, state, out);
            self.recent[at].1 = State::Shown;
        }
        self.hiding = false;
    }

    /// A whole text at once, apart from the stream.
    pub fn text(&self, bytes: &[u8]) -> Vec<u8> {
        let mut all = Masker { secrets: self.secrets.clone(), ..Masker::default() };
        let mut out = Vec::new();
        all.push(bytes, &mut out);
        all.settle(bytes.len(), &mut out);
        out
    }

    fn give(&mut self, byte: u8, state: State, out: &mut Vec<u8>) {
        match state {
            State::Shown => {}
            State::Held => {
                self.hiding = false;
                out.push(byte);
            }
            State::Secret => {
                if !std::mem::replace(&mut self.hiding, true) {
                    out.extend_from_slice(HIDDEN);
                }
            }
        }
    }

    /// How many of the last bytes may still be the beginning of a secret.
    fn undecided(&self) -> usize {
        let longest = |secret: &Vec<u8>| {
            (1..secret.len()).rev().find(|&n| ends_with(&self.recent, secret.get(..n).unwrap_or_default()))
        };
        self.secrets.iter().filter_map(longest).max().unwrap_or(0)
    }
}

fn ends_with(recent: &[(u8, State)], text: &[u8]) -> bool {
    recent.len() >= text.len() && recent.iter().rev().zip(text.iter().rev()).all(|((a, _), b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(secrets: &[&str], pieces: &[&str]) -> String {
        let mut masker = Masker::default();
        secrets.iter().for_each(|s| masker.add(s.as_bytes()));
        let mut out = Vec::new();
        for piece in pieces {
            if *piece == "|" {
                masker.settle(0, &mut out);
            } else {
                masker.push(piece.as_bytes(), &mut out);
            }
        }
        masker.settle(0, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_echo_is_hidden_however_it_comes() {
        assert_eq!(run(&["secret"], &["pass: secret\r\nOK"]), "pass: ??????\r\nOK");
        assert_eq!(run(&["secret"], &["pass: se", "cr", "et\r\nOK"]), "pass: ??????\r\nOK");
        assert_eq!(run(&["secret"], &["pass: secr", "|", "et\r\nOK"]), "pass: ????????????\r\nOK");
        assert_eq!(run(&["aab"], &["aaaab"]), "aa??????");
        assert_eq!(run(&["ATDT12", "12"], &["ATDT12 12 1"]), "?????? ?????? 1");
        assert_eq!(run(&[], &["secret"]), "secret");
    }

    #[test]
    fn the_awaited_string_is_shown() {
        let mut masker = Masker::default();
        masker.add(b"login:me");
        let mut out = Vec::new();
        masker.push(b"\r\nlogin:", &mut out);
        masker.settle(6, &mut out);
        assert_eq!(out, b"\r\nlogin:");
        assert_eq!(masker.text(b"x login:me y"), b"x ?????? y");
    }

    proptest! {
        #[test]
        fn a_whole_secret_never_gets_through(
            head in "[a-c]{0,8}", secret in "[a-c]{4,6}", tail in "[a-c]{0,8}", cut in 0usize..20, settle: bool,
        ) {
            let stream = format!("{head}{secret}{tail}");
            let cut = cut.min(stream.len());
            let middle = if settle { "|" } else { "" };
            let out = run(&[&secret], &[&stream[..cut], middle, &stream[cut..]]);
            prop_assert!(!out.contains(&secret), "{}", out);
        }
    }
}
