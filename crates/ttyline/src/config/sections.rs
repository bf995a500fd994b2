//! Edits files of keywords with sections (`port` in mgetty.config, `port` and `user` in callback.config) without
//! touching another byte.

use super::document::{Document, LogicalLine};
use super::ppp_options::end_line;
use std::ops::Range;

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadValue {
    /// It has a line end or a NUL in it.
    Control,
    /// It ends in a backslash, which would join the next line.
    Backslash,
}

impl std::fmt::Display for BadValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BadValue::Control => "a value cannot have a line end in it",
            BadValue::Backslash => "a value cannot end in a backslash, which would join the next line",
        })
    }
}

/// A value that can stand in such a file.
///
/// # Errors
/// It cannot.
pub fn check_value(value: &str) -> Result<(), BadValue> {
    if value.bytes().any(|b| matches!(b, 0 | b'\n' | b'\r')) {
        return Err(BadValue::Control);
    }
    if value.ends_with('\\') { Err(BadValue::Backslash) } else { Ok(()) }
}

/// The lines that hold for exactly this device (`port ttyS1`, not `port ttyS?`), or the global ones; with the
/// place in the file where a new one belongs. `None`: there is no such section.
fn section<'d>(document: &'d Document, device: Option<&str>) -> Option<(Vec<&'d LogicalLine>, usize)> {
    let mut inside = device.is_none();
    let mut found = device.is_none();
    let (mut lines, mut end) = (Vec::new(), 0);
    for line in document.entries() {
        if let Some(word) = line.keyword().filter(|word| word.bytes == b"port" || word.bytes == b"user") {
            inside = word.bytes == b"port" && device.is_some_and(|d| line.value() == d.as_bytes());
            if inside {
                found = true;
                end = line.span.end;
            }
        } else if inside {
            lines.push(line);
            end = line.span.end;
        }
    }
    found.then_some((lines, end))
}

/// The value's bytes in the file; empty behind the keyword if there is none.
fn value_span(line: &LogicalLine) -> Range<usize> {
    match (line.words.get(1), line.words.last()) {
        (Some(first), Some(last)) => first.span.start..last.span.end,
        _ => line.keyword().map_or(0..0, |word| word.span.end..word.span.end),
    }
}

/// The file with `keyword value` for a device, or globally. An existing line keeps its place; a new one
/// follows the last of its section; a new section stands at the end.
#[must_use]
pub fn with(file: &[u8], device: Option<&str>, keyword: &str, value: &str) -> Vec<u8> {
    let document = Document::parse(file.to_vec());
    let line_of = |value: &str| format!("{keyword}{}{value}\n", if value.is_empty() { "" } else { " " });
    let Some((lines, end)) = section(&document, device) else {
        let mut out = file.to_vec();
        end_line(&mut out);
        if !out.is_empty() && !out.ends_with(b"\n\n") {
            out.push(b'\n');
        }
        out.extend(format!("port {}\n", device.unwrap_or_default()).bytes());
        out.extend(line_of(value).bytes());
        return out;
    };
    // Of several the last one counts.
    let old = lines.iter().rev().find(|l| l.keyword().is_some_and(|w| w.bytes == keyword.as_bytes()));
    if let Some(line) = old {
        if line.value() == value.as_bytes() {
            return file.to_vec();
        }
        let span = value_span(line);
        let new = if line.words.len() < 2 { format!(" {value}") } else { value.to_string() };
        return document.with(span, new.as_bytes()).bytes().to_vec();
    }
    let mut head = file.get(..end).unwrap_or_default().to_vec();
    if end > 0 {
        end_line(&mut head);
    } else if device.is_none() {
        // The global part says nothing yet: behind its comments, before the first section.
        let first = document.entries().next().map_or(file.len(), |line| line.span.start);
        head = file.get(..first).unwrap_or_default().to_vec();
        end_line(&mut head);
        let rest = file.get(first..).unwrap_or_default();
        return [head.as_slice(), line_of(value).as_bytes(), rest].concat();
    }
    let rest = file.get(end..).unwrap_or_default();
    [head.as_slice(), line_of(value).as_bytes(), rest].concat()
}

/// How many lines of a device's own section, or of the global part, have a keyword.
#[must_use]
pub fn count(file: &[u8], device: Option<&str>, keyword: &str) -> usize {
    let document = Document::parse(file.to_vec());
    let lines = section(&document, device).map(|(lines, _)| lines).unwrap_or_default();
    lines.iter().filter(|l| l.keyword().is_some_and(|w| w.bytes == keyword.as_bytes())).count()
}

/// The file without a keyword of a device's own section, or of the global part.
#[must_use]
pub fn without(file: &[u8], device: Option<&str>, keyword: &str) -> Vec<u8> {
    let document = Document::parse(file.to_vec());
    let Some((lines, _)) = section(&document, device) else { return file.to_vec() };
    let mut out = file.to_vec();
    for line in lines.iter().rev().filter(|l| l.keyword().is_some_and(|w| w.bytes == keyword.as_bytes())) {
        out.drain(line.span.clone());
    }
    out
}

/// The file without a device's own section; comments in it stay.
#[must_use]
pub fn without_section(file: &[u8], device: &str) -> Vec<u8> {
    let document = Document::parse(file.to_vec());
    let mut inside = false;
    let mut gone = Vec::new();
    for line in document.entries() {
        if line.keyword().is_some_and(|word| word.bytes == b"port") {
            inside = line.value() == device.as_bytes();
        }
        if inside {
            gone.push(line.span.clone());
        }
    }
    let mut out = file.to_vec();
    for span in gone.into_iter().rev() {
        out.drain(span);
    }
    out
}

/// The keywords of a device's own section with their values, in their order.
#[must_use]
pub fn own(file: &[u8], device: &str) -> Vec<(String, String)> {
    let document = Document::parse(file.to_vec());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lines = section(&document, Some(device)).map(|(lines, _)| lines).unwrap_or_default();
    lines.iter().filter_map(|l| Some((text(&l.keyword()?.bytes), text(&l.value())))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "# all\ndebug 4\n\nspeed 38400 \n# ttyS1\nport ttyS1\nrings 2\n  speed\t57600\n\n# ttyS2\nport ttyS2\n";

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn edits_touch_nothing_else() {
        let set = |device: Option<&str>, keyword: &str, value: &str| {
            text(with(FILE.as_bytes(), device, keyword, value))
        };
        assert_eq!(set(None, "speed", "115200"), FILE.replace("38400", "115200"));
        assert_eq!(set(None, "rings", "3"), FILE.replace("38400 \n", "38400 \nrings 3\n"));
        assert_eq!(set(Some("ttyS1"), "speed", "9600"), FILE.replace("57600", "9600"));
        assert_eq!(set(Some("ttyS1"), "data-only", "yes"), FILE.replace("57600\n", "57600\ndata-only yes\n"));
        assert_eq!(set(Some("ttyS2"), "rings", "1"), format!("{FILE}rings 1\n"));
        assert_eq!(set(Some("ttyS3"), "rings", "1"), format!("{FILE}\nport ttyS3\nrings 1\n"));
        assert_eq!(set(Some("ttyS1"), "rings", "2"), FILE, "nothing to do");
        assert_eq!(text(without(FILE.as_bytes(), Some("ttyS1"), "rings")), FILE.replace("rings 2\n", ""));
        assert_eq!(
            text(without_section(FILE.as_bytes(), "ttyS1")),
            FILE.replace("port ttyS1\nrings 2\n  speed\t57600\n", "")
        );
        assert_eq!(
            text(with(b"# c\nport a\nx 1\n", None, "speed", "9600")),
            "# c\nspeed 9600\nport a\nx 1\n"
        );
        assert_eq!(text(with(b"", Some("a"), "x", "1")), "port a\nx 1\n");
        let users = b"delay 1\nuser bob\n  attempts 1 2\nport a\nx 1\n";
        assert_eq!(
            text(with(users, None, "attempts", "3 4")),
            "delay 1\nattempts 3 4\nuser bob\n  attempts 1 2\nport a\nx 1\n"
        );
        assert_eq!(text(with(b"direct\nport a", None, "direct", "no")), "direct no\nport a");
        assert_eq!(text(with(b"init-chat a \\\n b\n", None, "init-chat", "c d")), "init-chat c d\n");
        assert_eq!(
            own(FILE.as_bytes(), "ttyS1"),
            [("rings".into(), "2".into()), ("speed".into(), "57600".into())]
        );
    }

    #[test]
    fn values_that_cannot_stand_there() {
        assert_eq!(check_value("a\nb"), Err(BadValue::Control));
        assert_eq!(check_value("a\\"), Err(BadValue::Backslash));
        assert_eq!(check_value("@ login: "), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_set_holds_and_nothing_else_changes(file in "(#?[abp]{0,2}(port)? ?[a-c0-9\\\\]{0,4} ?\n?){0,8}", value in "[a-z0-9]{1,6}", own_section in any::<bool>()) {
            // A last backslash has nothing to join with until something follows it.
            prop_assume!(!file.trim_end().ends_with('\\'));
            let device = own_section.then_some("a");
            let new = with(file.as_bytes(), device, "key", &value);
            let document = Document::parse(new.clone());
            let (lines, _) = section(&document, device).unwrap();
            let last = lines.iter().rev().find(|l| l.keyword().unwrap().bytes == b"key").unwrap();
            prop_assert_eq!(last.value(), value.as_bytes());
            prop_assert_eq!(with(&new, device, "key", &value), new.clone());
            let lines_of = |bytes: &[u8]| Document::parse(bytes.to_vec()).entries()
                .map(|l| [l.keyword().unwrap().bytes.as_slice(), &l.value()].join(&b' '))
                .filter(|l| !l.starts_with(b"key") && l != b"port a").collect::<Vec<_>>();
            prop_assert_eq!(lines_of(&new), lines_of(file.as_bytes()));
        }
    }
}
