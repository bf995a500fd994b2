//! init's table: `ID:LEVELS:ACTION:PROCESS`, read and edited line by line. The process is everything behind
//! the third colon (a prompt may have colons). Linux' sysvinit and BusyBox know no joined lines.

use super::document::Position;
use super::getty_command::GettyCommand;
use std::ops::Range;

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitLine {
    /// Its id, at most four bytes for sysvinit.
    pub id: String,
    /// Run levels; none: all.
    pub levels: String,
    /// `respawn`, `off`, `initdefault` …
    pub action: String,
    /// What is run.
    pub process: String,
    /// The process's place in the file.
    pub process_span: Range<usize>,
    /// The whole line, with its end.
    pub span: Range<usize>,
    /// Where it begins.
    pub at: Position,
    /// Whether it stands behind a `#`.
    pub disabled: bool,
}

impl InitLine {
    /// The getty it starts.
    #[must_use]
    pub fn getty(&self) -> Option<GettyCommand> {
        GettyCommand::read(self.process.strip_prefix('+').unwrap_or(&self.process))
    }

    /// Whether init runs it: not behind a `#`, and not `off`.
    #[must_use]
    pub fn runs(&self) -> bool {
        !self.disabled && self.action != "off"
    }
}

/// All lines of the form, those behind a `#` too.
#[must_use]
pub fn read(file: &[u8]) -> Vec<InitLine> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (number, raw) in (1_u32..).zip(file.split_inclusive(|b| *b == b'\n')) {
        let span = start..start + raw.len();
        start = span.end;
        let Ok(text) = std::str::from_utf8(raw) else { continue };
        let body = text.trim_end_matches(['\n', '\r']);
        let trimmed = body.trim_start();
        let disabled = trimmed.starts_with('#');
        let entry = trimmed.trim_start_matches('#').trim_start();
        let mut fields = entry.splitn(4, ':');
        let (Some(id), Some(levels), Some(action), Some(process)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let word = |w: &str| w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-/.".contains(&b));
        // A comment with colons in it is no line that was switched off.
        if disabled && (id.is_empty() || !word(id) || !word(levels) || !word(action) || action.is_empty()) {
            continue;
        }
        let offset = body.len() - process.len();
        let trimmed = process.trim();
        let lead = process.len() - process.trim_start().len();
        let process_start = span.start + offset + lead;
        lines.push(InitLine {
            id: id.into(),
            levels: levels.into(),
            action: action.into(),
            process: trimmed.into(),
            process_span: process_start..process_start + trimmed.len(),
            at: Position { line: number, column: 1 },
            span,
            disabled,
        });
    }
    lines
}

/// The file with another process in a line.
#[must_use]
pub fn with_process(file: &[u8], line: &InitLine, process: &str) -> Vec<u8> {
    let mut out = file.to_vec();
    out.splice(line.process_span.clone(), process.bytes());
    out
}

/// The file with one more line at its end.
#[must_use]
pub fn with_line(file: &[u8], id: &str, process: &str) -> Vec<u8> {
    let mut out = file.to_vec();
    if out.last().is_some_and(|b| *b != b'\n') {
        out.push(b'\n');
    }
    out.extend(format!("{id}:2345:respawn:{process}\n").bytes());
    out
}

/// The file without a line.
#[must_use]
pub fn without(file: &[u8], line: &InitLine) -> Vec<u8> {
    let mut out = file.to_vec();
    out.drain(line.span.clone());
    out
}

/// An id for a line that nobody has: the end of its name, as is the custom (`S0` for ttyS0).
#[must_use]
pub fn free_id(lines: &[InitLine], device: &str) -> String {
    let name: Vec<char> = device.chars().filter(char::is_ascii_alphanumeric).collect();
    let taken = |id: &str| lines.iter().any(|l| l.id == id && !l.disabled);
    let ends =
        [2, 3, 4].into_iter().map(|n| name.iter().skip(name.len().saturating_sub(n)).collect::<String>());
    let numbered = (0..1000).map(|n| format!("m{n}"));
    ends.filter(|id| !id.is_empty()).chain(numbered).find(|id| !taken(id)).unwrap_or_else(|| "mgty".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "# /etc/inittab: a comment: with: colons\nid:2:initdefault:\n\
        S0:2345:respawn:/sbin/mgetty -D -p \"@!login: \" ttyS0\r\n#S1:23:respawn:/sbin/mgetty ttyS1\n\
        ttyS2::respawn:/sbin/getty -L ttyS2 9600\nx:y\n";

    #[test]
    fn lines_of_every_form() {
        let lines = read(FILE.as_bytes());
        let ids: Vec<_> = lines.iter().map(|l| (l.id.as_str(), l.disabled)).collect();
        assert_eq!(ids, [("id", false), ("S0", false), ("S1", true), ("ttyS2", false)]);
        let getty = lines[1].getty().unwrap();
        assert_eq!((getty.line(), getty.value(b'p')), ("ttyS0", Some("@!login: ")));
        assert_eq!(lines[0].getty(), None);
        assert_eq!(lines[1].at.line, 3);
        assert!(!lines[2].runs() && lines[3].runs());
    }

    #[test]
    fn edits_touch_nothing_else() {
        let lines = read(FILE.as_bytes());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(with_process(FILE.as_bytes(), &lines[1], "/sbin/mgetty ttyS0")),
            FILE.replace(" -D -p \"@!login: \"", "")
        );
        assert_eq!(
            text(without(FILE.as_bytes(), &lines[2])),
            FILE.replace("#S1:23:respawn:/sbin/mgetty ttyS1\n", "")
        );
        assert_eq!(text(with_line(b"a:b:c:d", "S1", "x y")), "a:b:c:d\nS1:2345:respawn:x y\n");
        assert_eq!(free_id(&lines, "ttyS0"), "yS0");
        assert_eq!(free_id(&lines, "ttyS1"), "S1");
    }

    proptest! {
        #[test]
        fn any_file_is_read_and_kept(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            for line in read(&file) {
                let same = with_process(&file, &line, &line.process);
                prop_assert_eq!(&same, &file);
            }
        }
    }
}
