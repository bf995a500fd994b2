//! Edits login.config without touching another byte. Both formats: behind `!version 2` a line has the
//! call-back column, and a new line gets it.

use super::document::{Document, LogicalLine};
use super::login::key_matches;
use super::ppp_options::end_line;

/// A line to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewEntry<'a> {
    /// The key.
    pub key: &'a str,
    /// As whom: a user or `-`.
    pub user: &'a str,
    /// What utmp says: text, `-` or `@`.
    pub utmp: &'a str,
    /// Program and arguments.
    pub command: &'a str,
}

/// A line of the file, active or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its key.
    pub key: String,
    /// Its words, the key first.
    pub words: Vec<String>,
    /// Its bytes.
    pub span: std::ops::Range<usize>,
    /// Where it begins.
    pub at: super::Position,
    /// Whether it has the call-back column.
    pub version: u8,
    /// Where its program begins.
    program_at: Option<usize>,
    /// Where its last word ends.
    end: usize,
}

impl Line {
    /// Whether it is for callers only that were called back.
    #[must_use]
    pub fn is_after_callback(&self) -> bool {
        self.version == 2 && self.words.get(1).is_some_and(|word| word.starts_with(['Y', 'y']))
    }

    /// Program and arguments.
    #[must_use]
    pub fn command(&self) -> String {
        let skip = if self.version == 2 { 4 } else { 3 };
        self.words.get(skip..).unwrap_or_default().join(" ")
    }
}

/// The lines that count, in their order.
#[must_use]
pub fn lines(file: &[u8]) -> Vec<Line> {
    let document = Document::parse(file.to_vec());
    let mut version = 1;
    let mut lines = Vec::new();
    for line in document.entries() {
        let Some(key) = line.keyword() else { continue };
        if key.bytes.first() == Some(&b'!') {
            match (key.bytes.as_slice(), line.value().as_slice()) {
                (b"!version", b"1") => version = 1,
                (b"!version", b"2") => version = 2,
                _ => {}
            }
            continue;
        }
        lines.push(of(line, version));
    }
    lines
}

fn of(line: &LogicalLine, version: u8) -> Line {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let words: Vec<String> = line.words.iter().map(|w| text(&w.bytes)).collect();
    let program = if version == 2 { 4 } else { 3 };
    Line {
        key: words.first().cloned().unwrap_or_default(),
        words,
        span: line.span.clone(),
        at: line.at,
        version,
        program_at: line.words.get(program).map(|w| w.span.start),
        end: line.words.last().map_or(line.span.end, |w| w.span.end),
    }
}

/// The file with a new line where it is reached: before the first one that means the same name (`*`), else
/// at the end.
#[must_use]
pub fn with_entry(file: &[u8], entry: &NewEntry<'_>) -> Vec<u8> {
    let all = lines(file);
    let before = all.iter().find(|line| key_matches(line.key.as_bytes(), entry.key.as_bytes()));
    let version = before.map_or_else(|| version_at_end(file), |line| line.version);
    let column = if version == 2 { "-\t" } else { "" };
    let new = format!("{}\t{column}{}\t{}\t{}\n", entry.key, entry.user, entry.utmp, entry.command);
    let mut out = file.to_vec();
    match before {
        Some(line) => {
            out.splice(line.span.start..line.span.start, new.bytes());
        }
        None => {
            end_line(&mut out);
            out.extend(new.bytes());
        }
    }
    out
}

fn version_at_end(file: &[u8]) -> u8 {
    let document = Document::parse(file.to_vec());
    let last = document.entries().filter(|l| l.keyword().is_some_and(|w| w.bytes == b"!version")).last();
    if last.is_some_and(|l| l.value() == b"2") { 2 } else { 1 }
}

/// The file with another program and arguments in a line.
#[must_use]
pub fn with_command(file: &[u8], line: &Line, command: &str) -> Vec<u8> {
    let mut out = file.to_vec();
    match line.program_at {
        Some(start) => {
            out.splice(start..line.end, command.bytes());
        }
        None => {
            out.splice(line.end..line.end, format!(" {command}").bytes());
        }
    }
    out
}

/// The file without a line.
#[must_use]
pub fn without(file: &[u8], line: &Line) -> Vec<u8> {
    let mut out = file.to_vec();
    out.drain(line.span.clone());
    out
}

/// The file with a line behind a `#`.
#[must_use]
pub fn switched_off(file: &[u8], line: &Line) -> Vec<u8> {
    let mut out = file.to_vec();
    out.insert(line.span.start, b'#');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "# Automatic PPP\n#/AutoPPP/ -\ta_ppp\t/usr/sbin/pppd auth\nfido uucp - /bin/x\n\n*\t-\t-\t/bin/login @\n";
    const PPP: NewEntry<'_> =
        NewEntry { key: "/AutoPPP/", user: "-", utmp: "a_ppp", command: "/usr/sbin/pppd auth" };

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_new_line_stands_where_it_is_reached() {
        let new = "/AutoPPP/\t-\ta_ppp\t/usr/sbin/pppd auth\n";
        assert_eq!(text(with_entry(FILE.as_bytes(), &PPP)), FILE.replace("*\t-", &format!("{new}*\t-")));
        assert_eq!(text(with_entry(b"a - - /x", &PPP)), format!("a - - /x\n{new}"));
        let two = "!version 2\n* N - - /usr/sbin/callback -S\n";
        assert_eq!(
            text(with_entry(two.as_bytes(), &PPP)),
            "!version 2\n/AutoPPP/\t-\t-\ta_ppp\t/usr/sbin/pppd auth\n* N - - /usr/sbin/callback -S\n"
        );
        assert_eq!(
            text(with_entry(b"!version 2\n", &PPP)),
            "!version 2\n/AutoPPP/\t-\t-\ta_ppp\t/usr/sbin/pppd auth\n"
        );
    }

    #[test]
    fn lines_are_edited_in_place() {
        let line = &lines(FILE.as_bytes())[0];
        assert_eq!((line.key.as_str(), line.command().as_str()), ("fido", "/bin/x"));
        assert_eq!(text(with_command(FILE.as_bytes(), line, "/bin/y 1")), FILE.replace("/bin/x", "/bin/y 1"));
        assert_eq!(text(without(FILE.as_bytes(), line)), FILE.replace("fido uucp - /bin/x\n", ""));
        assert_eq!(text(switched_off(FILE.as_bytes(), line)), FILE.replace("fido", "#fido"));
    }

    proptest! {
        #[test]
        fn a_new_line_decides_for_its_name(file in "(#?!?[a*]{1,2}( [-Ya]){0,4} ?\n){0,5}") {
            let new = with_entry(file.as_bytes(), &PPP);
            let all = lines(&new);
            let first = all.iter().find(|l| key_matches(l.key.as_bytes(), b"/AutoPPP/")).unwrap();
            prop_assert_eq!(first.key.as_str(), "/AutoPPP/");
            prop_assert_eq!(first.command(), "/usr/sbin/pppd auth");
            prop_assert_eq!(without(&new, first), file.as_bytes());
        }
    }
}
