//! A script file as words (chat.md section 3), each with its place for messages.

/// A line is taken in pieces of at most this many bytes, its line feed included.
pub const PIECE: usize = 1023;

/// Where a word begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Line of the file, from 1; 0 for a word of the command line.
    pub line: u32,
    /// Column in bytes, from 1; the number of the word for a word of the command line.
    pub column: u32,
}

/// One word of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Its bytes, quotes taken off, escapes as written.
    pub text: Vec<u8>,
    /// Where it begins.
    pub place: Place,
    /// It stood in quotes.
    pub quoted: bool,
}

impl Word {
    /// Where byte `at` of the word stands: behind the quote, if there is one.
    pub fn place_at(&self, at: usize) -> Place {
        let Place { line, column } = self.place;
        if line == 0 || at == 0 {
            return self.place;
        }
        let at = u32::try_from(at).unwrap_or(u32::MAX / 2);
        Place { line, column: column.saturating_add(at).saturating_add(u32::from(self.quoted)) }
    }
}

/// A quote that is not closed on its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unterminated {
    /// Number of the piece, from 1, as the original counts lines.
    pub piece: u32,
    /// Where the quote stands.
    pub place: Place,
}

/// Cuts the next piece off: up to and with a line feed, at most [`PIECE`] bytes. `None` if more
/// bytes are wanted; at the end of the file all that is left is a piece.
pub fn next_piece(bytes: &[u8], at_end: bool) -> Option<usize> {
    let within = bytes.get(..PIECE).unwrap_or(bytes);
    match within.iter().position(|&b| b == b'\n') {
        Some(end) => Some(end + 1),
        None if within.len() == PIECE => Some(PIECE),
        None if at_end && !within.is_empty() => Some(within.len()),
        None => None,
    }
}

/// Takes pieces in order, gives words.
#[derive(Clone, Debug)]
pub struct Lexer {
    pieces: u32,
    line: u32,
    /// Bytes of the current line before this piece.
    before: u32,
}

impl Default for Lexer {
    fn default() -> Self {
        Lexer { pieces: 0, line: 1, before: 0 }
    }
}

impl Lexer {
    /// Appends the words of one piece to `words`; those before an unclosed quote are appended too.
    ///
    /// # Errors
    /// A quote that does not end on the piece.
    pub fn piece(&mut self, piece: &[u8], words: &mut Vec<Word>) -> Result<(), Unterminated> {
        self.pieces += 1;
        let (line, before) = (self.line, self.before);
        if piece.last() == Some(&b'\n') {
            self.line += 1;
            self.before = 0;
        } else {
            self.before += u32::try_from(piece.len()).unwrap_or(u32::MAX);
        }
        if piece.first() == Some(&b'#') {
            return Ok(());
        }
        let text = piece.strip_suffix(b"\n").unwrap_or(piece);
        // A NUL hides what follows it.
        let text = text.split(|&b| b == 0).next().unwrap_or_default();
        let place = |at: usize| Place {
            line,
            column: before + u32::try_from(at).unwrap_or(u32::MAX - before - 1) + 1,
        };
        let mut at = 0;
        while let Some(&first) = text.get(at) {
            if first == b' ' || first == b'\t' {
                at += 1;
                continue;
            }
            let begin = at;
            if first == b'\'' || first == b'"' {
                let Some(length) = quoted_length(&text[at + 1..], first) else {
                    return Err(Unterminated { piece: self.pieces, place: place(begin) });
                };
                words.push(Word {
                    text: text[at + 1..at + 1 + length].to_vec(),
                    place: place(begin),
                    quoted: true,
                });
                at += length + 2;
            } else {
                while text.get(at).is_some_and(|&b| b != b' ' && b != b'\t') {
                    at += 1;
                }
                words.push(Word { text: text[begin..at].to_vec(), place: place(begin), quoted: false });
            }
        }
        Ok(())
    }
}

/// Bytes before the closing quote; a backslash hides the byte after it.
fn quoted_length(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

/// All words of a whole text, and the error that ends it, if any.
pub fn words(text: &[u8]) -> (Vec<Word>, Option<Unterminated>) {
    let (mut lexer, mut words, mut rest) = (Lexer::default(), Vec::new(), text);
    while let Some(end) = next_piece(rest, true) {
        let (piece, after) = rest.split_at(end);
        rest = after;
        if let Err(error) = lexer.piece(piece, &mut words) {
            return (words, Some(error));
        }
    }
    (words, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(script: &str) -> Vec<String> {
        let (words, error) = words(script.as_bytes());
        assert_eq!(error, None);
        words.iter().map(|w| String::from_utf8_lossy(&w.text).into_owned()).collect()
    }

    #[test]
    fn words_and_quotes() {
        assert_eq!(texts("'' ATZ\nOK\tATD\n"), ["", "ATZ", "OK", "ATD"]);
        assert_eq!(texts("'AT'X '''a'''"), ["AT", "X", "", "a", ""]);
        assert_eq!(texts("a\\ b x'y"), ["a\\", "b", "x'y"]);
        assert_eq!(texts("'a\\'b' \"c'd\""), ["a\\'b", "c'd"]);
        assert_eq!(texts("# no\n # yes\nOK\r\n"), ["#", "yes", "OK\r"]);
        assert_eq!(texts("a\0b\nc"), ["a", "c"]);
    }

    #[test]
    fn an_open_quote_names_its_piece_and_place() {
        let (found, error) = words(b"'' a\n'' 'b\n");
        assert_eq!(found.len(), 3);
        assert_eq!(error, Some(Unterminated { piece: 2, place: Place { line: 2, column: 4 } }));
        assert!(words(b"'a\\").1.is_some());
        assert!(words(b"'a\\'").1.is_some());
    }

    #[test]
    fn long_lines_are_cut_and_the_tail_of_a_comment_is_script() {
        let long = format!("{}\n", "x".repeat(1030));
        assert_eq!(texts(&long).iter().map(String::len).collect::<Vec<_>>(), [1023, 7]);
        let comment = format!("#{} y\nz", "c".repeat(1030));
        assert_eq!(texts(&comment), ["cccccccc", "y", "z"]);
        let (found, _) = words(comment.as_bytes());
        assert_eq!(found[1].place, Place { line: 1, column: 1033 });
    }

    proptest! {
        #[test]
        fn never_panics_and_places_are_true(text in prop::collection::vec(any::<u8>(), 0..3000)) {
            let (found, _) = words(&text);
            let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
            for word in found {
                let line = lines[word.place.line as usize - 1];
                let begin = word.place.column as usize - 1 + usize::from(word.quoted);
                prop_assert_eq!(&line[begin..begin + word.text.len()], &word.text[..]);
            }
        }
    }
}
