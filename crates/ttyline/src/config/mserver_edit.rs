//! Edits mserver.conf without touching another byte. What a line means is [`super::mserver`]'s.

use std::ops::Range;

/// A word with its place; quotes stand in it as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// As written.
    pub text: String,
    /// Its bytes.
    pub span: Range<usize>,
}

/// A line that shares a modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its words: port, device, settings, hosts, `KEY=VALUE`…
    pub words: Vec<Word>,
    /// All its bytes.
    pub span: Range<usize>,
    /// Its number in the file.
    pub number: u32,
}

/// The lines that share modems (not `defaults`), in their order.
#[must_use]
pub fn lines(file: &str) -> Vec<Line> {
    let mut start = 0;
    let mut lines = Vec::new();
    for (number, raw) in (1_u32..).zip(file.split_inclusive('\n')) {
        let span = start..start + raw.len();
        let words = words(raw, start);
        start = span.end;
        if words.first().is_some_and(|w| w.text != "defaults") {
            lines.push(Line { words, span, number });
        }
    }
    lines
}

fn words(line: &str, offset: usize) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let (mut inside, mut open, mut escaped) = (false, false, false);
    for (at, c) in line.char_indices() {
        if c == '#' && !inside {
            break;
        }
        if c.is_whitespace() && !open {
            inside = false;
            continue;
        }
        let at = offset + at;
        if !inside {
            words.push(Word { text: String::new(), span: at..at });
            inside = true;
        }
        match c {
            '"' if !escaped => open = !open,
            _ => {}
        }
        escaped = c == '\\' && open;
        if let Some(word) = words.last_mut() {
            word.text.push(c);
            word.span.end = at + c.len_utf8();
        }
    }
    words
}

impl Line {
    /// The host list, if there is one.
    #[must_use]
    pub fn hosts(&self) -> Option<&Word> {
        self.words.get(3).filter(|w| !w.text.contains('='))
    }

    /// The file with another word in the place of the `n`th.
    #[must_use]
    pub fn with_word(&self, file: &str, n: usize, new: &str) -> String {
        let mut out = file.to_string();
        match self.words.get(n) {
            Some(word) => out.replace_range(word.span.clone(), new),
            None => self.append(&mut out, new),
        }
        out
    }

    /// The file with other hosts.
    #[must_use]
    pub fn with_hosts(&self, file: &str, hosts: &str) -> String {
        let mut out = file.to_string();
        match (self.hosts(), self.words.get(2)) {
            (Some(word), _) => out.replace_range(word.span.clone(), hosts),
            (None, Some(settings)) => out.insert_str(settings.span.end, &format!(" {hosts}")),
            (None, None) => {}
        }
        out
    }

    /// The file with a key's value; `None` takes the key away.
    #[must_use]
    pub fn with_key(&self, file: &str, key: &str, value: Option<&str>) -> String {
        let mut out = file.to_string();
        let old = self.words.iter().rev().find(|w| w.text.split_once('=').is_some_and(|(k, _)| k == key));
        match (old, value) {
            (Some(word), Some(value)) => {
                out.replace_range(word.span.clone(), &format!("{key}={}", quoted(value)))
            }
            (Some(word), None) => {
                let gap = out.get(..word.span.start).unwrap_or_default();
                let start = gap.trim_end_matches([' ', '\t']).len();
                out.replace_range(start..word.span.end, "");
            }
            (None, Some(value)) => self.append(&mut out, &format!("{key}={}", quoted(value))),
            (None, None) => {}
        }
        out
    }

    fn append(&self, out: &mut String, new: &str) {
        if let Some(last) = self.words.last() {
            out.insert_str(last.span.end, &format!(" {new}"));
        }
    }

    /// The file without the line.
    #[must_use]
    pub fn removed(&self, file: &str) -> String {
        let mut out = file.to_string();
        out.replace_range(self.span.clone(), "");
        out
    }
}

/// A value in quotes if it has blanks, a `#` or quotes in it.
#[must_use]
pub fn quoted(value: &str) -> String {
    if value.chars().any(|c| c.is_whitespace() || c == '"' || c == '#') {
        format!("\"{}\"", value.replace('"', "\\\""))
    } else {
        value.to_string()
    }
}

/// The file with one more line.
#[must_use]
pub fn with_line(file: &str, line: &str) -> String {
    let gap = if file.is_empty() || file.ends_with('\n') { "" } else { "\n" };
    format!("{file}{gap}{line}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# modems\ndefaults idle=600\n2006  /dev/ttyS1 115200,8,N,1 *.foo.org,127.0.0.1 busy-text=\"all # busy\" # one\n2007 /dev/ttyS2 9600,8,N,1 busy=refuse\n";

    #[test]
    fn edits_touch_nothing_else() {
        let all = lines(FILE);
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].number, all[0].words.len()), (3, 5));
        assert_eq!(all[0].with_word(FILE, 1, "/dev/ttyS9"), FILE.replace("/dev/ttyS1", "/dev/ttyS9"));
        assert_eq!(all[0].with_hosts(FILE, "*"), FILE.replace("*.foo.org,127.0.0.1", "*"));
        assert_eq!(all[1].with_hosts(FILE, "10.0.0.1"), FILE.replace("9600,8,N,1", "9600,8,N,1 10.0.0.1"));
        assert_eq!(all[0].with_key(FILE, "busy-text", None), FILE.replace(" busy-text=\"all # busy\"", ""));
        assert_eq!(all[0].with_key(FILE, "idle", Some("5")), FILE.replace("busy\" #", "busy\" idle=5 #"));
        assert_eq!(
            all[1].with_key(FILE, "busy", Some("wait 5")),
            FILE.replace("busy=refuse", "busy=\"wait 5\"")
        );
        assert_eq!(all[1].removed(FILE), FILE.replace("2007 /dev/ttyS2 9600,8,N,1 busy=refuse\n", ""));
        assert_eq!(with_line("a", "b"), "a\nb\n");
    }
}
