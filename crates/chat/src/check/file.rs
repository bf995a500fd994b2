//! Faults of the file as a text: line ends, length, quotes, signs from a web page.

use super::{Finding, Level, finding};
use ttyline::expect::words::{PIECE, Place};

/// Signs that a word processor or a web page puts in the place of the ones people type.
const TYPOGRAPHIC: &[(&str, &str)] = &[
    ("\u{2018}", "'"),
    ("\u{2019}", "'"),
    ("\u{201A}", "'"),
    ("\u{2032}", "'"),
    ("\u{00B4}", "'"),
    ("\u{201C}", "\""),
    ("\u{201D}", "\""),
    ("\u{201E}", "\""),
    ("\u{00AB}", "\""),
    ("\u{00BB}", "\""),
    ("\u{2010}", "-"),
    ("\u{2011}", "-"),
    ("\u{2012}", "-"),
    ("\u{2013}", "-"),
    ("\u{2014}", "-"),
    ("\u{2212}", "-"),
    ("\u{00A0}", " "),
    ("\u{2026}", "..."),
];

/// The same in a file that Windows saved in its own character set (1252).
const TYPOGRAPHIC_1252: &[(u8, &str, &str)] = &[
    (0x91, "byte 0x91", "'"),
    (0x92, "byte 0x92", "'"),
    (0x93, "byte 0x93", "\""),
    (0x94, "byte 0x94", "\""),
    (0x96, "byte 0x96", "-"),
    (0x97, "byte 0x97", "-"),
    (0xA0, "byte 0xA0", " "),
];

/// A typographic sign in these bytes: where, and what ought to stand there.
pub fn typographic(text: &[u8]) -> Option<(usize, &'static str, &'static str)> {
    let found = |(sign, plain): &(&'static str, &'static str)| {
        let at = text.windows(sign.len()).position(|w| w == sign.as_bytes())?;
        Some((at, *sign, *plain))
    };
    if std::str::from_utf8(text).is_ok() {
        return TYPOGRAPHIC.iter().filter_map(found).min_by_key(|(at, _, _)| *at);
    }
    text.iter().enumerate().find_map(|(at, byte)| {
        let (_, sign, plain) = TYPOGRAPHIC_1252.iter().find(|(b, _, _)| b == byte)?;
        Some((at, *sign, *plain))
    })
}

/// Checks the bytes of a file.
pub fn check(text: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    let at = |line: usize, column: usize| Place {
        line: u32::try_from(line + 1).unwrap_or(u32::MAX),
        column: u32::try_from(column + 1).unwrap_or(u32::MAX),
    };
    if text.starts_with(b"\xEF\xBB\xBF") {
        findings.push(finding(
            at(0, 0),
            Level::Error,
            "bom",
            b"",
            "the file begins with a byte order mark, which becomes part of the first word",
        ));
    }
    let crlf: Vec<usize> = (0..lines.len()).filter(|&n| lines[n].ends_with(b"\r")).collect();
    if let Some(&first) = crlf.first() {
        findings.push(finding(
            at(first, lines[first].len() - 1),
            Level::Error,
            "crlf",
            b"",
            format!(
                "CR at the end of {} line(s): it becomes part of the last word, so that keywords and strings do not match (save the file with plain line ends)",
                crlf.len()
            ),
        ));
    }
    for (n, line) in lines.iter().enumerate() {
        if line.len() > PIECE {
            let message = if line.first() == Some(&b'#') {
                "a comment of more than 1023 bytes: the rest of it is carried out as script"
            } else {
                "a line of more than 1023 bytes is cut: a word at the cut becomes two"
            };
            findings.push(finding(at(n, PIECE), Level::Error, "long-line", b"", message));
        }
        if let Some(column) = line.iter().position(|&b| b == 0) {
            let message = "a NUL byte hides the rest of the line";
            findings.push(finding(at(n, column), Level::Error, "nul", b"", message));
        }
        if line.first() == Some(&b'#') {
            continue;
        }
        if let Some((column, sign, plain)) = typographic(line) {
            let message =
                format!("{sign} (as on a web page) is an ordinary character here; meant was perhaps {plain}");
            findings.push(finding(at(n, column), Level::Error, "typographic", b"", message));
        }
        if let Some(column) = glued_quote(line) {
            let message = "text right behind a closing quote begins a new word";
            findings.push(finding(at(n, column), Level::Warning, "glued-quote", b"", message));
        }
    }
    findings
}

/// Where a word follows a closing quote without a blank.
fn glued_quote(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        match byte {
            b' ' | b'\t' => at += 1,
            b'\'' | b'"' => {
                at += 1;
                while *line.get(at)? != byte {
                    at += if line.get(at) == Some(&b'\\') { 2 } else { 1 };
                }
                at += 1;
                if line.get(at).is_some_and(|b| !matches!(b, b' ' | b'\t' | b'\r')) {
                    return Some(at);
                }
            }
            _ => {
                while line.get(at).is_some_and(|b| !matches!(b, b' ' | b'\t')) {
                    at += 1;
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &[u8]) -> Vec<(&'static str, u32, u32)> {
        check(text).iter().map(|f| (f.code, f.place.line, f.place.column)).collect()
    }

    #[test]
    fn faults_of_the_text_are_placed() {
        assert_eq!(codes(b"'' ATZ\nOK ''\n"), []);
        assert_eq!(codes(b"ABORT BUSY\r\n'' ATZ\r\n"), [("crlf", 1, 11)]);
        assert_eq!(codes("\u{FEFF}'' ATZ\n".as_bytes()), [("bom", 1, 1)]);
        assert_eq!(codes("# don\u{2019}t\nABORT \u{2019}BUSY\u{2019}\n".as_bytes()), [("typographic", 2, 7)]);
        assert_eq!(codes(b"ABORT \x92BUSY\x92\n"), [("typographic", 1, 7)]);
        assert_eq!(codes(b"'AT'X\n"), [("glued-quote", 1, 5)]);
        assert_eq!(codes(b"a\0b\n"), [("nul", 1, 2)]);
        let long = format!("#{}\n", "x".repeat(1023));
        assert_eq!(codes(long.as_bytes()), [("long-line", 1, 1024)]);
        assert_eq!(codes(format!("#{}\n", "x".repeat(1022)).as_bytes()), []);
    }
}
