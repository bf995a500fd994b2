//! The grammar of chat scripts: keywords, alternation, alternatives (chat.md sections 4 and 5).

use super::words::Word;

/// A word that takes the next one as its argument, in expect position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The words themselves.
pub enum Keyword {
    Abort,
    ClrAbort,
    Report,
    ClrReport,
    Timeout,
    Echo,
    Say,
    Hangup,
}

impl Keyword {
    /// All of them.
    pub const ALL: [Keyword; 8] = [
        Keyword::Abort,
        Keyword::ClrAbort,
        Keyword::Report,
        Keyword::ClrReport,
        Keyword::Timeout,
        Keyword::Echo,
        Keyword::Say,
        Keyword::Hangup,
    ];

    /// As it stands in scripts.
    pub fn name(self) -> &'static str {
        match self {
            Keyword::Abort => "ABORT",
            Keyword::ClrAbort => "CLR_ABORT",
            Keyword::Report => "REPORT",
            Keyword::ClrReport => "CLR_REPORT",
            Keyword::Timeout => "TIMEOUT",
            Keyword::Echo => "ECHO",
            Keyword::Say => "SAY",
            Keyword::Hangup => "HANGUP",
        }
    }

    /// The keyword that a word is: exact case, before escapes.
    pub fn of(word: &[u8]) -> Option<Keyword> {
        Keyword::ALL.into_iter().find(|k| k.name().as_bytes() == word)
    }
}

/// What a script does, word by word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A keyword with its argument.
    Keyword(Keyword, Word),
    /// Await this word's alternatives.
    Expect(Word),
    /// Send this word.
    Send(Word),
}

impl Step {
    /// The word that is expected, sent, or the keyword's argument.
    pub fn word(&self) -> &Word {
        match self {
            Step::Keyword(_, word) | Step::Expect(word) | Step::Send(word) => word,
        }
    }
}

/// Says what each word is, by its turn.
#[derive(Clone, Debug, Default)]
pub struct Turns {
    keyword: Option<(Keyword, Word)>,
    sending: bool,
}

impl Turns {
    /// Takes the next word; `None` if it is a keyword whose argument is still to come.
    pub fn take(&mut self, word: Word) -> Option<Step> {
        if let Some((keyword, _)) = self.keyword.take() {
            return Some(Step::Keyword(keyword, word));
        }
        if std::mem::take(&mut self.sending) {
            return Some(Step::Send(word));
        }
        if let Some(keyword) = Keyword::of(&word.text) {
            self.keyword = Some((keyword, word));
            return None;
        }
        self.sending = true;
        Some(Step::Expect(word))
    }

    /// A keyword that still waits for its argument; ignored at the end of a script.
    pub fn open_keyword(&self) -> Option<&(Keyword, Word)> {
        self.keyword.as_ref()
    }

    /// The next word would be a send.
    pub fn sending(&self) -> bool {
        self.sending
    }
}

/// The pieces of an expect word, cut at each `-` that has no backslash before it: expect, send,
/// expect … with the offset of each in the word. A single `-` at the end adds nothing.
pub fn alternatives(word: &[u8]) -> Vec<(usize, &[u8])> {
    let (mut pieces, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(&byte) = word.get(at) {
        match byte {
            b'\\' => at += 2,
            b'-' => {
                pieces.push((begin, &word[begin..at]));
                at += 1;
                begin = at;
            }
            _ => at += 1,
        }
    }
    if begin < word.len() || pieces.is_empty() {
        pieces.push((begin, word.get(begin..).unwrap_or_default()));
    }
    pieces
}

/// The file name of an `@NAME` send; `None` if the word is text.
pub fn file_name(word: &[u8]) -> Option<&[u8]> {
    let name = word.strip_prefix(b"@")?;
    let start = name.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    name.get(start..)
}

/// The script text in an `@` file's contents: at most 1023 bytes, up to a NUL, without one final
/// line feed.
pub fn file_text(contents: &[u8]) -> &[u8] {
    let text = contents.get(..1023).unwrap_or(contents);
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|&b| b == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(word: &str) -> Vec<String> {
        alternatives(word.as_bytes())
            .iter()
            .map(|(at, p)| {
                assert_eq!(&word.as_bytes()[*at..*at + p.len()], *p);
                String::from_utf8_lossy(p).into_owned()
            })
            .collect()
    }

    #[test]
    fn words_are_cut_at_dashes() {
        assert_eq!(pieces("ogin:--ogin:"), ["ogin:", "", "ogin:"]);
        assert_eq!(pieces("ogin:-"), ["ogin:"]);
        assert_eq!(pieces("ogin:--"), ["ogin:", ""]);
        assert_eq!(pieces("-"), [""]);
        assert_eq!(pieces("---"), ["", "", ""]);
        assert_eq!(pieces("a\\-b-c"), ["a\\-b", "c"]);
        assert_eq!(pieces("a\\\\-b-c"), ["a\\\\", "b", "c"]);
        assert_eq!(pieces(""), [""]);
        assert_eq!(pieces("a\\"), ["a\\"]);
    }

    #[test]
    fn words_take_turns() {
        let mut turns = Turns::default();
        let kinds: Vec<String> = ["ABORT", "BUSY", "", "ABORT", "OK", "x", "SAY"]
            .iter()
            .filter_map(|w| turns.take(Word { text: w.as_bytes().to_vec(), ..Word::default() }))
            .map(|s| match s {
                Step::Keyword(k, w) => format!("{} {}", k.name(), String::from_utf8_lossy(&w.text)),
                Step::Expect(w) => format!("expect {}", String::from_utf8_lossy(&w.text)),
                Step::Send(w) => format!("send {}", String::from_utf8_lossy(&w.text)),
            })
            .collect();
        assert_eq!(kinds, ["ABORT BUSY", "expect ", "send ABORT", "expect OK", "send x"]);
        assert!(turns.open_keyword().is_some());
    }

    #[test]
    fn files() {
        assert_eq!(file_name(b"@ \tx y"), Some(b"x y".as_slice()));
        assert_eq!((file_name(b"@ "), file_name(b"@"), file_name(b"x@")), (None, None, None));
        assert_eq!(file_text(b"ab\0c\n"), b"ab");
        assert_eq!(file_text(b"ab\n\n"), b"ab\n");
    }
}
