//! Where the words of a script come from. A file is carried out as it is read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use ttyline::expect::words::{Lexer, Place, Unterminated, Word, next_piece};

/// What the source has next.
#[derive(Debug)]
pub enum Next {
    /// A word.
    Word(Word),
    /// No more.
    End,
    /// A quote is not closed on its line.
    Unterminated(Unterminated),
    /// A signal came while the file gave nothing (a FIFO).
    Interrupted,
}

/// Words, one after the other.
pub struct Source {
    ready: VecDeque<Word>,
    file: Option<Pieces>,
    error: Option<Unterminated>,
}

struct Pieces {
    file: File,
    buffer: Vec<u8>,
    lexer: Lexer,
}

impl Source {
    /// The words of a command line.
    pub fn words(words: &[Vec<u8>]) -> Source {
        let word = |(n, text): (usize, &Vec<u8>)| Word {
            text: text.clone(),
            place: Place { line: 0, column: u32::try_from(n + 1).unwrap_or(u32::MAX) },
            quoted: false,
        };
        Source { ready: words.iter().enumerate().map(word).collect(), file: None, error: None }
    }

    /// The words of a file.
    pub fn file(file: File) -> Source {
        let pieces = Pieces { file, buffer: Vec::new(), lexer: Lexer::default() };
        Source { ready: VecDeque::new(), file: Some(pieces), error: None }
    }

    /// The next word.
    pub fn next_word(&mut self) -> Next {
        loop {
            if let Some(word) = self.ready.pop_front() {
                return Next::Word(word);
            }
            if let Some(error) = self.error {
                return Next::Unterminated(error);
            }
            let Some(pieces) = &mut self.file else { return Next::End };
            let mut words = Vec::new();
            match pieces.piece(&mut words) {
                Ok(true) => self.ready.extend(words),
                Ok(false) => self.file = None,
                Err(Fault::Interrupted) => return Next::Interrupted,
                Err(Fault::Unterminated(error)) => {
                    self.ready.extend(words);
                    self.error = Some(error);
                }
            }
        }
    }
}

enum Fault {
    Interrupted,
    Unterminated(Unterminated),
}

impl Pieces {
    /// The words of the next piece; `false` at the end.
    fn piece(&mut self, words: &mut Vec<Word>) -> Result<bool, Fault> {
        let mut at_end = false;
        loop {
            if let Some(length) = next_piece(&self.buffer, at_end) {
                let rest = self.buffer.split_off(length);
                let piece = std::mem::replace(&mut self.buffer, rest);
                self.lexer.piece(&piece, words).map_err(Fault::Unterminated)?;
                return Ok(true);
            }
            if at_end {
                return Ok(false);
            }
            let mut block = [0; 4096];
            match self.file.read(&mut block) {
                Ok(n) => {
                    at_end = n == 0;
                    self.buffer.extend_from_slice(block.get(..n).unwrap_or_default());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(Fault::Interrupted),
                // A directory is an empty script (chat.md section 1).
                Err(_) => at_end = true,
            }
        }
    }
}
