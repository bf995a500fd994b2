//! The escapes of the chat language (chat.md section 8).
//!
//! A send goes through two steps, because what is logged is the state between them: the escapes
//! that stand for bytes are resolved, those that stand for acts are left with their backslash.

/// Looks a variable up by name; `None` if it is not set.
pub type Variables<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<u8>>;

/// What the escapes of a word can refer to.
#[derive(Clone, Copy, Default)]
pub struct Values<'a> {
    /// The value of `\T` (option `-T`).
    pub phone: Option<&'a [u8]>,
    /// The value of `\U` (option `-U`).
    pub phone2: Option<&'a [u8]>,
    /// Where `$NAME` is looked up; `None` without option `-E`.
    pub variables: Option<Variables<'a>>,
}

/// A send between the two steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Send {
    /// The text; acts and literal bytes still have their backslash. With the final CR.
    pub text: Vec<u8>,
    /// The word held a `\q`: the log must not show the text.
    pub quiet: bool,
    /// Where in the text each `\q` stood.
    pub quiet_at: Vec<usize>,
    /// Values of `\T`, `\U` and `$NAME` that went in.
    pub values: Vec<Vec<u8>>,
}

impl Send {
    /// The text up to the first NUL: what messages and `SAY` show.
    pub fn shown(&self) -> &[u8] {
        self.text.split(|&b| b == 0).next().unwrap_or_default()
    }

    /// The second step: what goes out, in order.
    pub fn output(&self) -> Vec<Output> {
        let mut all = Vec::new();
        let mut bytes = Vec::new();
        let mut rest = self.text.iter();
        while let Some(&byte) = rest.next() {
            let act = match byte {
                b'\\' => match rest.next() {
                    Some(b'd') => Output::Delay,
                    Some(b'p') => Output::Pause,
                    Some(b'K') => Output::Break,
                    Some(&other) => {
                        bytes.push(other);
                        continue;
                    }
                    // A value's own backslash at the very end (chat.md section 14).
                    None => {
                        bytes.push(b'\\');
                        continue;
                    }
                },
                _ => {
                    bytes.push(byte);
                    continue;
                }
            };
            if !bytes.is_empty() {
                all.push(Output::Bytes(std::mem::take(&mut bytes)));
            }
            all.push(act);
        }
        if !bytes.is_empty() {
            all.push(Output::Bytes(bytes));
        }
        all
    }
}

/// One act of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// These bytes go out.
    Bytes(Vec<u8>),
    /// `\d`: one second.
    Delay,
    /// `\p`: ten milliseconds.
    Pause,
    /// `\K`: a BREAK.
    Break,
}

/// The first step of a send. The two words `EOT` and `BREAK` are a byte and a BREAK, without CR.
pub fn send(word: &[u8], values: Values<'_>) -> Send {
    match word {
        b"EOT" => return Send { text: vec![4], ..Send::default() },
        b"BREAK" => return Send { text: b"\\K".to_vec(), ..Send::default() },
        _ => {}
    }
    send_text(word, values)
}

/// As [`send`], without the two special words: for `SAY`.
pub fn send_text(word: &[u8], values: Values<'_>) -> Send {
    let mut out = Send::default();
    let mut carriage_return = true;
    let mut at = Reader(word);
    while let Some(byte) = at.next() {
        match byte {
            b'\\' => match at.next() {
                None => out.text.extend_from_slice(b"\\\\"),
                Some(b'b') => out.text.push(8),
                Some(b'c') if at.0.is_empty() => carriage_return = false,
                Some(b'c') => out.text.push(b'c'),
                Some(b'n') => out.text.push(b'\n'),
                Some(b'r') => out.text.push(b'\r'),
                Some(b's') => out.text.push(b' '),
                Some(b't') => out.text.push(b'\t'),
                Some(b'q') => {
                    out.quiet = true;
                    out.quiet_at.push(out.text.len());
                }
                // Only the log can tell the difference: observed in the original.
                Some(b'$') if values.variables.is_some() => out.text.push(b'$'),
                Some(b'N') => out.text.extend_from_slice(b"\\\0"),
                Some(letter @ (b'T' | b'U')) => {
                    let value = if letter == b'T' { values.phone } else { values.phone2 };
                    match value {
                        Some(value) => {
                            out.text.extend_from_slice(value);
                            out.values.push(value.to_vec());
                        }
                        None => out.text.extend_from_slice(&[b'\\', letter]),
                    }
                }
                Some(digit @ b'0'..=b'7') => match at.octal(digit) {
                    0 => out.text.extend_from_slice(b"\\\0"),
                    b'\\' => out.text.extend_from_slice(b"\\\\"),
                    byte => out.text.push(byte),
                },
                Some(other) => out.text.extend_from_slice(&[b'\\', other]),
            },
            b'^' => at.control(&mut out.text),
            b'$' if values.variables.is_some() => {
                if let Some(value) = at.variable(values) {
                    out.text.extend_from_slice(&value);
                    out.values.push(value);
                }
            }
            _ => out.text.push(byte),
        }
    }
    if carriage_return {
        out.text.push(b'\r');
    }
    out
}

/// An expect, `ABORT`, `REPORT`, `CLR_…` or `TIMEOUT` text.
pub fn expect(word: &[u8], values: Values<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut at = Reader(word);
    while let Some(byte) = at.next() {
        match byte {
            b'\\' => match at.next() {
                None | Some(b'q') => {}
                Some(b'b') => out.push(8),
                Some(b'n') => out.push(b'\n'),
                Some(b'r') => out.push(b'\r'),
                Some(b's') => out.push(b' '),
                Some(b't') => out.push(b'\t'),
                Some(letter @ (b'T' | b'U')) => out.extend_from_slice(&[b'\\', letter]),
                Some(digit @ b'0'..=b'7') => match at.octal(digit) {
                    0 => {}
                    byte => out.push(byte),
                },
                Some(other) => out.push(other),
            },
            b'^' => at.control(&mut out),
            b'$' if values.variables.is_some() => {
                out.extend_from_slice(&at.variable(values).unwrap_or_default());
            }
            _ => out.push(byte),
        }
    }
    out
}

/// What is left of a word.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// One to three octal digits, modulo 256.
    fn octal(&mut self, first: u8) -> u8 {
        let mut value = first - b'0';
        for _ in 0..2 {
            match self.0.first() {
                Some(&digit @ b'0'..=b'7') => {
                    value = value.wrapping_shl(3) | (digit - b'0');
                    self.next();
                }
                _ => break,
            }
        }
        value
    }

    /// What follows a caret.
    fn control(&mut self, out: &mut Vec<u8>) {
        match self.next() {
            None => out.push(b'^'),
            Some(byte) if byte & 0x1F == 0 => {}
            Some(byte) => out.push(byte & 0x1F),
        }
    }

    /// The value of the variable whose name follows; takes the name off.
    fn variable(&mut self, values: Values<'_>) -> Option<Vec<u8>> {
        let end = self.0.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_'));
        let (name, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest;
        if name.is_empty() { None } else { values.variables?(name) }
    }
}

/// The leading decimal integer, the C way: blanks, sign, digits; the rest is ignored, nothing
/// numeric is 0, what does not fit wraps as the C library's does.
pub fn leading_integer(text: &[u8]) -> i32 {
    let text = text.trim_ascii_start();
    let text = match text.strip_prefix(b"\x0b") {
        Some(rest) => rest.trim_ascii_start(),
        None => text,
    };
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    for digit in digits.iter().take_while(|b| b.is_ascii_digit()) {
        let digit = i64::from(digit - b'0');
        value = value.saturating_mul(10);
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
    }
    // `atoi` is `strtol` cut to an int.
    #[allow(clippy::cast_possible_truncation)]
    let cut = value as i32;
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(word: &str) -> (String, String) {
        let send = send(word.as_bytes(), Values::default());
        let mut bytes = String::new();
        for output in send.output() {
            match output {
                Output::Bytes(b) => bytes.extend(b.iter().map(|&b| char::from(b))),
                Output::Delay => bytes.push_str("<d>"),
                Output::Pause => bytes.push_str("<p>"),
                Output::Break => bytes.push_str("<K>"),
            }
        }
        (send.shown().iter().map(|&b| char::from(b)).collect(), bytes)
    }

    #[test]
    fn sends() {
        // word, state in the log, bytes out
        for (word, shown, bytes) in [
            ("AT", "AT\r", "AT\r"),
            ("", "\r", "\r"),
            ("a\\c", "a", "a"),
            ("a\\cb", "acb\r", "acb\r"),
            ("a\\c\\c", "ac", "ac"),
            ("\\\\c", "\\\\c\r", "\\c\r"),
            ("a\\", "a\\\\\r", "a\\\r"),
            ("x\\zy", "x\\zy\r", "xzy\r"),
            ("x\\Ny", "x\\", "x\0y\r"),
            ("\\134d", "\\\\d\r", "\\d\r"),
            ("\\400", "\\", "\0\r"),
            ("\\18", "\x018\r", "\x018\r"),
            ("^M^", "\r^\r", "\r^\r"),
            ("^ ^@x", "x\r", "x\r"),
            ("^\\d", "\x1cd\r", "\x1cd\r"),
            ("\\^A", "\\^A\r", "^A\r"),
            ("\\dA\\p\\K\\c", "\\dA\\p\\K", "<d>A<p><K>"),
            ("EOT", "\x04", "\x04"),
            ("BREAK", "\\K", "<K>"),
            ("EOT\\c", "EOT", "EOT"),
            ("\\T\\$", "\\T\\$\r", "T$\r"),
        ] {
            assert_eq!(sent(word), (shown.to_string(), bytes.to_string()), "{word}");
        }
        assert!(send(b"\\qx", Values::default()).quiet);
    }

    #[test]
    fn expects() {
        for (word, text) in [
            ("O\\dK", "OdK"),
            ("x\\Ny", "xNy"),
            ("x\\", "x"),
            ("\\0OK", "OK"),
            ("x\\134y", "x\\y"),
            ("x\\400y", "xy"),
            ("\\T\\q", "\\T"),
            ("^M^J", "\r\n"),
            ("b^", "b^"),
            ("$x", "$x"),
        ] {
            assert_eq!(expect(word.as_bytes(), Values::default()), text.as_bytes(), "{word}");
        }
    }

    #[test]
    fn variables_and_numbers() {
        let look = |name: &[u8]| (name == b"N_1").then(|| b"a\\db".to_vec());
        let values = Values { phone: Some(b"12\\"), phone2: None, variables: Some(&look) };
        assert_eq!(expect(b"$N_1-$X$", values), b"a\\db-");
        let send = send(b"$N_1", values);
        assert_eq!(send.output().len(), 3);
        assert_eq!(super::send(b"\\$\\c", values).shown(), b"$");
        assert_eq!(send_text(b"\\T\\c", values).output(), [Output::Bytes(b"12\\".to_vec())]);
        assert_eq!(send.values, [b"a\\db".to_vec()]);
    }

    #[test]
    fn integers() {
        for (text, value) in [
            ("5", 5),
            (" 7x", 7),
            ("-3", -3),
            ("+4", 4),
            ("abc", 0),
            ("", 0),
            ("0x10", 0),
            ("4294967297", 1),
            ("2147483648", i32::MIN),
            ("99999999999999999999", -1),
            ("-99999999999999999999", 0),
        ] {
            assert_eq!(leading_integer(text.as_bytes()), value, "{text}");
        }
    }
}
