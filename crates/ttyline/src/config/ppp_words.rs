//! Words of pppd's files (options, options.ttyS0, peers/NAME, pap-secrets, chap-secrets), as pppd reads
//! them, with their places. Found by giving Debian's pppd 2.4.9 unknown options of every form:
//!
//! `"…"` and `'…'` may begin and end anywhere in a word and may hold white space and line ends; `#`
//! outside quotes ends a word and begins a comment, even in the middle (`idle 5#x`); `\` and a line end
//! vanish; `\n \r \t \s \a \b \f \v`, up to three octal digits and `\x` with up to two hex digits mean a byte,
//! before anything else `\` means that character; a comment that ends in `\` does not go on.

use super::document::Position;
use std::ops::Range;

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What pppd sees.
    pub bytes: Vec<u8>,
    /// Its bytes in the file, quotes included.
    pub span: Range<usize>,
    /// Where it begins.
    pub at: Position,
    /// Whether it is the first of its line: in the files of secrets an entry begins there.
    pub first: bool,
    /// Whether it ends in a quote that is not closed: it runs to the end of the file.
    pub open: bool,
}

impl Word {
    /// As text.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// The longest word pppd takes, bytes.
pub const LONGEST: usize = 1023;

/// All words of a file. Any bytes have words.
#[must_use]
pub fn words(file: &[u8]) -> Vec<Word> {
    let mut reader = Reader { file, at: 0, line: 1, line_start: 0 };
    let (mut words, mut first) = (Vec::new(), true);
    while let Some(byte) = reader.peek() {
        match byte {
            b'#' => {
                while reader.peek().is_some_and(|b| b != b'\n') {
                    reader.step();
                }
            }
            b'\n' => {
                reader.step();
                first = true;
            }
            b'\\' if reader.file.get(reader.at + 1) == Some(&b'\n') => {
                reader.step();
                reader.step();
            }
            _ if is_space(byte) => reader.step(),
            _ => {
                let mut word = reader.word();
                word.first = std::mem::take(&mut first);
                words.push(word);
            }
        }
    }
    words
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

struct Reader<'a> {
    file: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.file.get(self.at).copied()
    }

    fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
            self.line_start = self.at + 1;
        }
        self.at += 1;
    }

    fn word(&mut self) -> Word {
        let start = self.at;
        let column = u32::try_from(start - self.line_start + 1).unwrap_or(u32::MAX);
        let at = Position { line: self.line, column };
        let (mut bytes, mut quote) = (Vec::new(), None);
        while let Some(byte) = self.peek() {
            if quote.is_none() && (is_space(byte) || byte == b'#') {
                break;
            }
            self.step();
            match byte {
                b'\\' => self.escape(&mut bytes),
                _ if quote == Some(byte) => quote = None,
                b'"' | b'\'' if quote.is_none() => quote = Some(byte),
                _ => bytes.push(byte),
            }
        }
        Word { bytes, span: start..self.at, at, first: false, open: quote.is_some() }
    }

    /// What stands behind a backslash.
    fn escape(&mut self, bytes: &mut Vec<u8>) {
        let Some(byte) = self.peek() else { return };
        self.step();
        match byte {
            b'\n' => {}
            b'a' => bytes.push(0x07),
            b'b' => bytes.push(0x08),
            b'f' => bytes.push(0x0c),
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b's' => bytes.push(b' '),
            b't' => bytes.push(b'\t'),
            b'v' => bytes.push(0x0b),
            b'0'..=b'7' => {
                let first = u32::from(byte - b'0');
                let value = self.digits(8, 2, first);
                bytes.push(value);
            }
            b'x' => {
                let value = self.digits(16, 2, 0);
                bytes.push(value);
            }
            other => bytes.push(other),
        }
    }

    fn digits(&mut self, base: u32, most: usize, first: u32) -> u8 {
        let mut value = first;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(base)) else { break };
            value = value * base + digit;
            self.step();
        }
        // The low byte, as C has it.
        value.to_le_bytes()[0]
    }
}

/// A word as it must be written for pppd to read it back, in quotes only where they are needed.
/// Line ends and control bytes are written as escapes.
#[must_use]
pub fn quoted(word: &[u8]) -> Vec<u8> {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:/@*!+,=%&^~?<>[]{}|;()$".contains(b);
    if !word.is_empty() && word.iter().all(|b| plain(b) || !b.is_ascii()) {
        return word.to_vec();
    }
    let mut out = vec![b'"'];
    for &byte in word {
        match byte {
            b'"' | b'\\' => out.extend([b'\\', byte]),
            b'\n' => out.extend(*b"\\n"),
            b'\r' => out.extend(*b"\\r"),
            b'\t' => out.extend(*b"\\t"),
            0..=0x1f | 0x7f => out.extend(format!("\\{byte:03o}").into_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(file: &str) -> Vec<String> {
        words(file.as_bytes()).iter().map(|w| w.text().into_owned()).collect()
    }

    #[test]
    fn as_pppd_reads_them() {
        for (file, wanted) in [
            ("x\"a b\" c\n", vec!["xa b", "c"]),
            ("x'a b' c\n", vec!["xa b", "c"]),
            ("\"a b\"c d\n", vec!["a bc", "d"]),
            ("a\\ b\n", vec!["a b"]),
            ("\"a\\\"b\"\n", vec!["a\"b"]),
            ("'a\\'b'\n", vec!["a'b"]),
            ("a#b\nc", vec!["a", "c"]),
            ("\"a\nb\"\n", vec!["a\nb"]),
            ("a\\\nb\n", vec!["ab"]),
            ("\\\n  b\n", vec!["b"]),
            ("#c \\\nzz a\n", vec!["zz", "a"]),
            ("q\\x41\\102\\n\\q\n", vec!["qAB\nq"]),
            ("\"a\\x4\"\n", vec!["a\x04"]),
            ("'a\\tb'\n", vec!["a\tb"]),
            ("\"a'b\"\n", vec!["a'b"]),
            ("user \"\" zz", vec!["user", "", "zz"]),
            ("idle 5#x\n", vec!["idle", "5"]),
            ("\"a#b\"\n", vec!["a#b"]),
            ("a\\tb\\eb\\sb\n", vec!["a\tbeb b"]),
            ("a\\x414\n", vec!["aA4"]),
            ("x\r\n", vec!["x"]),
            ("a\\", vec!["a"]),
            ("\\#user", vec!["#user"]),
            ("\"zz", vec!["zz"]),
        ] {
            assert_eq!(read(file), wanted, "{file:?}");
        }
        assert!(words(b"a \"zz").last().unwrap().open);
        assert_eq!(words(b"\n a b\n\"c\"").iter().map(|w| w.first).collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(words(b"a\n  b")[1].at, Position { line: 2, column: 3 });
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(word in proptest::collection::vec(1u8..=255, 0..40)) {
            let mut file = quoted(&word);
            file.extend(b" next\n");
            let read = words(&file);
            prop_assert_eq!(read.len(), 2);
            prop_assert_eq!(&read[0].bytes, &word);
        }

        #[test]
        fn spans_are_in_order(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut end = 0;
            for word in words(&file) {
                prop_assert!(word.span.start >= end && word.span.end > word.span.start);
                end = word.span.end;
            }
            prop_assert!(end <= file.len());
        }
    }
}
