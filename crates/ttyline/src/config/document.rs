//! The lossless reader: every byte kept, every word with line and column.
//!
//! Rules of mgetty's files (spec section 2): `\` as the last byte of a line joins it with the next one,
//! both bytes removed and no blank added, and before anything else is looked at, so a comment that ends so
//! swallows the next line; a line whose first word begins with `#` is a comment; words stand between any
//! white space; a NUL hides the rest of its line.

use std::ops::Range;

/// A place in a file, for people: both from 1, columns in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line of the file.
    pub line: u32,
    /// Byte of the line.
    pub column: u32,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// Its bytes, joined if it goes over the end of a line.
    pub bytes: Vec<u8>,
    /// Where it begins.
    pub at: Position,
    /// Its bytes in the file, from the first to the last.
    pub span: Range<usize>,
}

impl Word {
    /// The word as text.
    #[must_use]
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Nothing but white space.
    Blank,
    /// A comment.
    Comment,
    /// Words.
    Words,
}

/// One line as the reader sees it: one or more lines of the file, joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalLine {
    /// What it is.
    pub kind: LineKind,
    /// Its words, if it is no comment.
    pub words: Vec<Word>,
    /// All its bytes in the file, line end included.
    pub span: Range<usize>,
    /// Where it begins.
    pub at: Position,
}

impl LogicalLine {
    /// The first word: the keyword, or the key.
    #[must_use]
    pub fn keyword(&self) -> Option<&Word> {
        self.words.first()
    }

    /// The rest: words with one blank between them.
    #[must_use]
    pub fn value(&self) -> Vec<u8> {
        let words: Vec<&[u8]> = self.words.iter().skip(1).map(|w| w.bytes.as_slice()).collect();
        words.join(&b' ')
    }

    /// Where the value begins, or would begin.
    #[must_use]
    pub fn value_at(&self) -> Position {
        let word = self.words.get(1).or_else(|| self.words.first());
        word.map_or(self.at, |w| w.at)
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    bytes: Vec<u8>,
    lines: Vec<LogicalLine>,
}

impl Document {
    /// Reads a file's bytes. Any bytes are a document.
    #[must_use]
    pub fn parse(bytes: Vec<u8>) -> Document {
        let lines = read_lines(&bytes).collect();
        Document { bytes, lines }
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All lines; their spans are the whole file without a gap.
    #[must_use]
    pub fn lines(&self) -> &[LogicalLine] {
        &self.lines
    }

    /// The lines that say something.
    pub fn entries(&self) -> impl Iterator<Item = &LogicalLine> {
        self.lines.iter().filter(|line| line.kind == LineKind::Words)
    }

    /// The document with other bytes in the place of some (a word's or line's span, or an empty one to
    /// insert). A span that reaches beyond the end is cut.
    #[must_use]
    pub fn with(&self, span: Range<usize>, new: &[u8]) -> Document {
        let end = span.end.min(self.bytes.len());
        let start = span.start.min(end);
        let mut bytes = self.bytes.clone();
        bytes.splice(start..end, new.iter().copied());
        Document::parse(bytes)
    }
}

/// Reads a file line by line without keeping any: for programs that only want to know what it says.
pub fn read_lines(bytes: &[u8]) -> impl Iterator<Item = LogicalLine> {
    let (mut start, mut number) = (0, 1);
    std::iter::from_fn(move || {
        (start < bytes.len()).then(|| {
            let line = read_line(bytes, start, &mut number);
            start = line.span.end;
            line
        })
    })
}

/// White space as C's `isspace` has it, which the originals use.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// Reads the logical line at `start`; `number` is the number of its first line, and of the next one after.
fn read_line(bytes: &[u8], start: usize, number: &mut u32) -> LogicalLine {
    let at = Position { line: *number, column: 1 };
    let mut line = LogicalLine { kind: LineKind::Blank, words: Vec::new(), span: start..start, at };
    let (mut place, mut line_start, mut hidden) = (start, start, false);
    // Whether the last byte belongs to a word that goes on.
    let mut inside = false;
    while let Some(&byte) = bytes.get(place) {
        // At the end of the file there is nothing to join with: the backslash stays.
        let joins = byte == b'\\' && bytes.get(place + 1) == Some(&b'\n') && bytes.len() > place + 2;
        if joins || byte == b'\n' {
            *number += 1;
            place += if joins { 2 } else { 1 };
            line_start = place;
            if joins {
                // The original reads line by line: a NUL hides no more than the line it stands in.
                hidden = false;
                continue;
            }
            break;
        }
        hidden |= byte == 0;
        if is_space(byte) || hidden {
            inside = false;
        } else {
            if !inside {
                let column = u32::try_from(place - line_start + 1).unwrap_or(u32::MAX);
                let at = Position { line: *number, column };
                line.words.push(Word { bytes: Vec::new(), at, span: place..place });
                inside = true;
            }
            if let Some(word) = line.words.last_mut() {
                word.bytes.push(byte);
                word.span.end = place + 1;
            }
        }
        place += 1;
    }
    line.span.end = place;
    if let Some(first) = line.words.first() {
        line.kind = LineKind::Words;
        if first.bytes.first() == Some(&b'#') {
            line.kind = LineKind::Comment;
            line.words.clear();
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let document = Document::parse(text.as_bytes().to_vec());
        document.entries().map(|l| l.words.iter().map(|w| w.text().into_owned()).collect()).collect()
    }

    #[test]
    fn joining_comes_before_the_comment_test() {
        assert_eq!(words("#c \\\nspeed 9600\nrings 2\n"), [["rings", "2"]]);
        assert_eq!(words("speed 38\\\n400\n"), [["speed", "38400"]]);
        assert_eq!(words("term a\\\n  b\n"), [["term", "a", "b"]]);
        assert_eq!(words("term a\\\\\nb\n"), [["term", "a\\b"]]);
        assert_eq!(words(" \\\nrings 3\n\\\nrings 4"), [["rings", "3"], ["rings", "4"]]);
    }

    #[test]
    fn odd_ends_of_lines() {
        assert_eq!(words("speed 300 \\ \nrings 2"), vec![vec!["speed", "300", "\\"], vec!["rings", "2"]]);
        assert_eq!(words("modem-type x\\"), [["modem-type", "x\\"]], "nothing to join with");
        assert_eq!(words("modem-type x\\\n"), [["modem-type", "x\\"]], "nothing to join with");
        assert_eq!(words("speed 300\r\nrings 2\r\n"), [["speed", "300"], ["rings", "2"]]);
        assert_eq!(words("term x\0y z\nrings 2"), [["term", "x"], ["rings", "2"]]);
        assert_eq!(words("term a # b"), [["term", "a", "#", "b"]], "no comments behind values");
    }

    #[test]
    fn words_know_where_they_stand() {
        let document = Document::parse(b"# x\n\n  speed\t 38\\\n400\nport ttyS1\n".to_vec());
        let lines: Vec<_> = document.entries().collect();
        assert_eq!(lines[0].words[0].at, Position { line: 3, column: 3 });
        assert_eq!(lines[0].words[1].at, Position { line: 3, column: 10 });
        assert_eq!(&document.bytes()[lines[0].words[1].span.clone()], b"38\\\n400");
        assert_eq!(lines[0].value(), b"38400");
        assert_eq!(lines[1].words[1].at.to_string(), "5:6");
        let edited = document.with(lines[0].words[1].span.clone(), b"9600");
        assert_eq!(edited.bytes(), b"# x\n\n  speed\t 9600\nport ttyS1\n");
    }

    proptest! {
        #[test]
        fn every_byte_is_kept_and_lies_in_one_line(bytes in proptest::collection::vec(
            prop_oneof![Just(b'\\'), Just(b'\n'), Just(b' '), Just(b'#'), Just(b'a'), any::<u8>()], 0..200)) {
            let document = Document::parse(bytes.clone());
            prop_assert_eq!(document.bytes(), &bytes[..]);
            let mut end = 0;
            let mut newest = Position { line: 0, column: 0 };
            for line in document.lines() {
                prop_assert_eq!(line.span.start, end);
                prop_assert!(line.span.end > end);
                end = line.span.end;
                prop_assert_eq!(line.at.column, 1);
                for word in &line.words {
                    prop_assert!(newest < word.at);
                    newest = word.at;
                    prop_assert!(!word.bytes.is_empty());
                    let there: Vec<u8> = bytes[word.span.clone()].to_vec();
                    let joined: Vec<u8> = String::from_utf8_lossy(&there).replace("\\\n", "").into_bytes();
                    if std::str::from_utf8(&there).is_ok() {
                        prop_assert_eq!(&word.bytes, &joined);
                    }
                    // The place says the same as the span.
                    let before = &bytes[..word.span.start];
                    let line_number = before.iter().filter(|b| **b == b'\n').count() + 1;
                    prop_assert_eq!(word.at.line as usize, line_number);
                    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
                    prop_assert_eq!(word.at.column as usize, word.span.start - line_start + 1);
                }
            }
            prop_assert_eq!(end, bytes.len());
        }
    }
}
