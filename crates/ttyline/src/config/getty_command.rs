//! A getty's command line as it stands in inittab or a unit: words as a shell reads them, options as getopt
//! does, each with its place, so that one can be changed without touching another.

use std::ops::Range;

/// mgetty's letters, and whether they take a value: getopt's `c:x:s:rp:n:R:i:DC:FS:k:m:I:baV`.
pub const LETTERS: &[(u8, bool)] = &[
    (b'c', true),
    (b'x', true),
    (b's', true),
    (b'r', false),
    (b'p', true),
    (b'n', true),
    (b'R', true),
    (b'i', true),
    (b'D', false),
    (b'C', true),
    (b'F', false),
    (b'S', true),
    (b'k', true),
    (b'm', true),
    (b'I', true),
    (b'b', false),
    (b'a', false),
    (b'V', false),
];

/// Letters that say what a keyword of mgetty.config says, and win over it; whether they take a value.
pub const KEYWORDS: &[(u8, &str, bool)] = &[
    (b's', "speed", true),
    (b'n', "rings", true),
    (b'r', "direct", false),
    (b'b', "blocking", false),
    (b'a', "autobauding", false),
    (b'D', "data-only", false),
    (b'F', "fax-only", false),
    (b'x', "debug", true),
    (b'p', "login-prompt", true),
    (b'R', "ringback-time", true),
    (b'i', "issue-file", true),
    (b'C', "modem-type", true),
    (b'm', "init-chat", true),
    (b'I', "fax-id", true),
    (b'S', "fax-server-file", true),
];

/// A word of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What the program sees.
    pub text: String,
    /// Its bytes in the command, quotes included.
    pub span: Range<usize>,
}

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// Its letter.
    pub letter: u8,
    /// Its value; empty if it takes none.
    pub value: String,
    /// The word it stands in.
    word: usize,
    /// Its place in that word's text.
    place: usize,
    /// Whether the value is the next word.
    apart: bool,
}

/// What a command starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// mgetty: it is edited.
    Mgetty,
    /// vgetty: shown, not touched.
    Vgetty,
    /// Another getty: it would fight for the line.
    Other,
}

/// A getty's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GettyCommand {
    text: String,
    words: Vec<Word>,
    /// Which getty.
    pub program: Program,
    /// The program's word.
    at: usize,
    /// Options in their order.
    pub flags: Vec<Flag>,
    /// The line, as written; empty if none is named.
    pub device: String,
}

impl GettyCommand {
    /// Reads a command; `None` if it starts no getty.
    #[must_use]
    pub fn read(text: &str) -> Option<GettyCommand> {
        let words = shell_words(text);
        let base = |word: &Word| word.text.rsplit('/').next().unwrap_or_default().to_string();
        let at = words.iter().position(|w| {
            let name = base(w);
            matches!(name.as_str(), "mgetty" | "vgetty") || name.ends_with("getty")
        })?;
        // `exec`, `nice -5`, `env A=b` and the like may stand before it, another program's arguments may not.
        let lead = words.get(..at)?;
        let harmless = |w: &Word| {
            w.text.starts_with('-')
                || w.text.contains('=')
                || w.text.bytes().all(|b| b.is_ascii_digit())
                || matches!(base(w).as_str(), "exec" | "nice" | "ionice" | "env" | "setsid" | "start")
        };
        if !lead.iter().all(harmless) {
            return None;
        }
        let program = match base(words.get(at)?).as_str() {
            "mgetty" => Program::Mgetty,
            "vgetty" => Program::Vgetty,
            _ => Program::Other,
        };
        let mut command =
            GettyCommand { text: text.into(), words, program, at, flags: Vec::new(), device: String::new() };
        match program {
            Program::Other => command.device = command.guess_device(),
            _ => command.options(),
        }
        Some(command)
    }

    /// The command as it stands.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line's name below `/dev`.
    #[must_use]
    pub fn line(&self) -> &str {
        self.device.strip_prefix("/dev/").unwrap_or(&self.device)
    }

    /// The value of an option; the last one counts. Empty for those without one.
    #[must_use]
    pub fn value(&self, letter: u8) -> Option<&str> {
        self.flags.iter().rev().find(|f| f.letter == letter).map(|f| f.value.as_str())
    }

    fn options(&mut self) {
        let mut operands = Vec::new();
        let mut n = self.at + 1;
        while let Some(word) = self.words.get(n).map(|w| w.text.clone()) {
            if word == "--" {
                operands.extend(self.words.iter().skip(n + 1).map(|w| w.text.clone()));
                break;
            }
            if let Some(long) = word.strip_prefix("--") {
                // Ours: --config-dir DIR.
                n += usize::from(long == "config-dir");
            } else if word.len() > 1 && word.starts_with('-') {
                n += self.cluster(n, &word);
            } else {
                operands.push(word);
            }
            n += 1;
        }
        self.device = operands.into_iter().next().unwrap_or_default();
    }

    /// Reads the letters of a word; gives how many more words they take.
    fn cluster(&mut self, word: usize, text: &str) -> usize {
        for (place, letter) in text.bytes().enumerate().skip(1) {
            let takes = LETTERS.iter().find(|(l, _)| *l == letter).is_some_and(|(_, takes)| *takes);
            let mut flag = Flag { letter, value: String::new(), word, place, apart: false };
            if takes {
                let attached = text.get(place + 1..).unwrap_or_default();
                flag.apart = attached.is_empty();
                flag.value = if flag.apart {
                    self.words.get(word + 1).map(|w| w.text.clone()).unwrap_or_default()
                } else {
                    attached.to_string()
                };
                let apart = flag.apart;
                self.flags.push(flag);
                return usize::from(apart);
            }
            self.flags.push(flag);
        }
        0
    }

    /// Another getty's line: the first word that looks like one.
    fn guess_device(&self) -> String {
        let words = self.words.iter().skip(self.at + 1).map(|w| w.text.as_str());
        let mut devices = words.filter(|w| {
            let name = w.strip_prefix("/dev/").unwrap_or(w);
            name.starts_with("tty") || name.starts_with("term/") || name.starts_with("cua") || *w != name
        });
        devices.next().unwrap_or_default().to_string()
    }

    /// The command with an option set to a value (`""` for those without one).
    #[must_use]
    pub fn with(&self, letter: u8, value: &str) -> String {
        let takes = LETTERS.iter().find(|(l, _)| *l == letter).is_some_and(|(_, takes)| *takes);
        let Some(flag) = self.flags.iter().rev().find(|f| f.letter == letter) else {
            let end = self.words.get(self.at).map_or(self.text.len(), |w| w.span.end);
            let letter = char::from(letter);
            let new =
                if takes { format!(" -{letter} {}", shell_quoted(value)) } else { format!(" -{letter}") };
            return self.spliced(end..end, &new);
        };
        if !takes || flag.value == value {
            return self.text.clone();
        }
        let number = if flag.apart { flag.word + 1 } else { flag.word };
        let Some(word) = self.words.get(number) else {
            // The letter is the last word and its value is missing.
            return format!("{} {}", self.text, shell_quoted(value));
        };
        if flag.apart {
            return self.spliced(word.span.clone(), &shell_quoted(value));
        }
        let head = word.text.get(..=flag.place).unwrap_or_default();
        self.spliced(word.span.clone(), &shell_quoted(&format!("{head}{value}")))
    }

    /// The command without an option, wherever and however often it stands.
    #[must_use]
    pub fn without(&self, letter: u8) -> String {
        let Some(flag) = self.flags.iter().rev().find(|f| f.letter == letter) else {
            return self.text.clone();
        };
        let Some(word) = self.words.get(flag.word) else { return self.text.clone() };
        let last = if flag.apart { self.words.get(flag.word + 1).unwrap_or(word) } else { word };
        let head = word.text.get(..flag.place).unwrap_or_default();
        let takes = LETTERS.iter().find(|(l, _)| *l == letter).is_some_and(|(_, takes)| *takes);
        let tail = if takes { "" } else { word.text.get(flag.place + 1..).unwrap_or_default() };
        let left = format!("{head}{tail}");
        let text = if left == "-" {
            // With one of the blanks around it.
            let blanks = self.text.get(..word.span.start).unwrap_or_default();
            let start = blanks.trim_end_matches([' ', '\t']).len();
            self.spliced(start..last.span.end, "")
        } else {
            self.spliced(word.span.start..last.span.end, &shell_quoted(&left))
        };
        match GettyCommand::read(&text) {
            Some(command) if command.value(letter).is_some() => command.without(letter),
            _ => text,
        }
    }

    fn spliced(&self, span: Range<usize>, new: &str) -> String {
        let mut text = self.text.clone();
        text.replace_range(span, new);
        text
    }
}

/// Words as a shell (and init) reads them: blanks, `'…'`, `"…"`, `\`. A word that begins with `#` ends the
/// command, as in a shell; what else a shell would do with a word is left as it stands.
#[must_use]
pub fn shell_words(text: &str) -> Vec<Word> {
    let bytes = text.as_bytes();
    let (mut words, mut at): (Vec<Word>, usize) = (Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        if byte == b' ' || byte == b'\t' || byte == b'\r' {
            at += 1;
            continue;
        }
        if byte == b'#' {
            break;
        }
        let start = at;
        let mut word = Vec::new();
        let mut quote = None;
        while let Some(&byte) = bytes.get(at) {
            match (quote, byte) {
                (None, b' ' | b'\t' | b'\r') => break,
                (None, b'\'' | b'"') => quote = Some(byte),
                (Some(q), b) if b == q => quote = None,
                (None | Some(b'"'), b'\\') if bytes.get(at + 1).is_some() => {
                    at += 1;
                    let next = bytes.get(at).copied().unwrap_or_default();
                    if quote.is_some() && !b"\"\\$`".contains(&next) {
                        word.push(b'\\');
                    }
                    word.push(next);
                }
                (_, b) => word.push(b),
            }
            at += 1;
        }
        words.push(Word { text: String::from_utf8_lossy(&word).into_owned(), span: start..at });
    }
    words
}

/// A word as a shell reads it back.
#[must_use]
pub fn shell_quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:@,+=%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> GettyCommand {
        GettyCommand::read(text).unwrap_or_else(|| panic!("{text}"))
    }

    /// Each line of the table in spec/admin.md 1.2.
    #[test]
    fn what_the_module_misreads() {
        let c = read("/sbin/mgetty ttyS1 -D /dev/ttyS1 vt100");
        assert_eq!((c.line(), c.value(b'D')), ("ttyS1", Some("")));
        let c = read("/sbin/mgetty ttyS1 -s 115200 -D /dev/ttyS1");
        assert_eq!(c.value(b's'), Some("115200"));
        let c = read("/sbin/mgetty -n3 -s38400 ttyS0");
        assert_eq!((c.value(b'n'), c.value(b's')), (Some("3"), Some("38400")));
        let c = read("/sbin/mgetty -D -p \"@!login: \" ttyS0");
        assert_eq!((c.value(b'p'), c.line()), (Some("@!login: "), "ttyS0"));
        let c = read("/sbin/mgetty -I 555-r123 ttyS0");
        assert_eq!((c.value(b'I'), c.value(b'r')), (Some("555-r123"), None));
        for (text, line) in [
            ("/sbin/mgetty modem", "modem"),
            ("/sbin/mgetty /dev/serial/by-id/usb-X-if00", "serial/by-id/usb-X-if00"),
            ("/sbin/mgetty ttyACM0 38400 vt100", "ttyACM0"),
            ("exec /sbin/mgetty ttyS0", "ttyS0"),
            ("/sbin/mgetty ttyS0   # modem", "ttyS0"),
            ("/usr/bin/nice -5 /sbin/mgetty -x 3 ttyS0", "ttyS0"),
            ("/usr/local/sbin/mgetty /dev/term/a", "term/a"),
        ] {
            assert_eq!(read(text).line(), line, "{text}");
        }
        assert_eq!(read("/sbin/getty -L ttyS0 9600 vt100").program, Program::Other);
        assert_eq!(read("/sbin/getty -L ttyS0 9600 vt100").line(), "ttyS0");
        assert_eq!(read("/sbin/vgetty ttyS2").program, Program::Vgetty);
        assert_eq!(GettyCommand::read("/usr/bin/vi /etc/mgetty/mgetty"), None);
        assert_eq!(GettyCommand::read("/etc/rc.d/rc 3"), None);
    }

    #[test]
    fn edits_touch_nothing_else() {
        for (text, letter, value, wanted) in [
            ("/sbin/mgetty  -n3 -s38400 ttyS0 # x", b'n', "5", "/sbin/mgetty  -n5 -s38400 ttyS0 # x"),
            ("/sbin/mgetty -n 3 ttyS0", b'n', "5", "/sbin/mgetty -n 5 ttyS0"),
            ("/sbin/mgetty -I 555-r123 ttyS0", b'r', "", "/sbin/mgetty -r -I 555-r123 ttyS0"),
            ("/sbin/mgetty -rDn3 ttyS0", b'n', "4", "/sbin/mgetty -rDn4 ttyS0"),
            ("mgetty -p '@ login: ' ttyS0", b'p', "it's: ", "mgetty -p 'it'\\''s: ' ttyS0"),
            ("mgetty ttyS0", b'p', "@!login: ", "mgetty -p '@!login: ' ttyS0"),
        ] {
            assert_eq!(read(text).with(letter, value), wanted, "{text}");
            assert_eq!(read(wanted).value(letter), Some(value), "{wanted}");
        }
        for (text, letter, wanted) in [
            ("/sbin/mgetty -rDn3 ttyS0", b'D', "/sbin/mgetty -rn3 ttyS0"),
            ("/sbin/mgetty -rDn3 ttyS0", b'n', "/sbin/mgetty -rD ttyS0"),
            ("/sbin/mgetty -n 3 ttyS0", b'n', "/sbin/mgetty ttyS0"),
            ("/sbin/mgetty ttyS0 -n3 -D -n 4", b'n', "/sbin/mgetty ttyS0 -D"),
            ("/sbin/mgetty ttyS0", b'n', "/sbin/mgetty ttyS0"),
        ] {
            assert_eq!(read(text).without(letter), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_is_read_back(word in "[ -~]{0,20}") {
            let words = shell_words(&format!("a {} b", shell_quoted(&word)));
            prop_assert_eq!(&words[1].text, &word);
        }

        #[test]
        fn any_command_can_be_edited(text in "mgetty ([-a-zA-Z0-9'\" ]{0,30})", value in "[0-9]{1,3}") {
            if let Some(command) = GettyCommand::read(&text) {
                let new = command.with(b'n', &value);
                let quotes = |t: &str| t.matches('\'').count() % 2 + t.matches('"').count() % 2;
                prop_assume!(quotes(&text) == 0 && !text.contains("--"));
                if let Some(read) = GettyCommand::read(&new) {
                    prop_assert_eq!(read.value(b'n'), Some(value.as_str()), "{}", new);
                }
                let _ = command.without(b'n');
            }
        }
    }
}
