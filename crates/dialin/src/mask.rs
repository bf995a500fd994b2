//! What of a file may be shown: secrets are replaced, everything is made safe for a terminal. Pure.

use std::ops::Range;
use ttyline::config::ppp_words;
use ttyline::visible;

/// What stands in a secret's place.
pub const MASK: &str = "****";

/// A file's lines for people: as many as the file has, without line ends.
#[must_use]
pub fn lines(path: &str, file: &[u8]) -> Vec<String> {
    let secrets = secrets(path, file);
    let mut start = 0;
    file.split_inclusive(|b| *b == b'\n')
        .map(|line| {
            let end = start + line.len();
            let text = masked(file, start..end - usize::from(line.ends_with(b"\n")), &secrets);
            start = end;
            text
        })
        .collect()
}

fn masked(file: &[u8], line: Range<usize>, secrets: &[Range<usize>]) -> String {
    let mut text = String::new();
    let mut at = line.start;
    for secret in secrets.iter().filter(|s| s.start < line.end && s.end > line.start) {
        text.push_str(&visible::line(file.get(at..secret.start.max(at)).unwrap_or_default()));
        text.push_str(MASK);
        at = secret.end.clamp(at, line.end);
    }
    text.push_str(&visible::line(file.get(at..line.end).unwrap_or_default()));
    text
}

/// Where a file's secrets stand.
fn secrets(path: &str, file: &[u8]) -> Vec<Range<usize>> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name.ends_with("-secrets") && !path.starts_with("/etc/ringback/") {
        return third_words(file);
    }
    if matches!(name, "shadow" | "gshadow" | "callback-secrets") {
        return second_fields(file);
    }
    if path.starts_with("/etc/ppp/") {
        return passwords(file);
    }
    Vec::new()
}

/// `client server SECRET addresses`; a word that is left open may hide anything up to the end.
fn third_words(file: &[u8]) -> Vec<Range<usize>> {
    let mut place = 0;
    let mut spans = Vec::new();
    for word in ppp_words::words(file) {
        place = if word.first { 0 } else { place + 1 };
        let reference = word.bytes.starts_with(b"@") && word.bytes.len() > 1;
        if word.open || (place == 2 && !word.bytes.is_empty() && !reference) {
            spans.push(word.span);
        }
    }
    // What is commented out was a secret once.
    let mut start = 0;
    for line in file.split_inclusive(|b| *b == b'\n') {
        let text = line.trim_ascii_start();
        if let Some(rest) = text.strip_prefix(b"#") {
            let offset = start + (line.len() - text.len()) + 1;
            if let Some(word) = ppp_words::words(rest).get(2).filter(|w| !w.bytes.is_empty()) {
                spans.push(word.span.start + offset..word.span.end + offset);
            }
        }
        start += line.len();
    }
    spans.sort_by_key(|s| s.start);
    spans
}

/// `name:HASH:…`
fn second_fields(file: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut spans = Vec::new();
    for line in file.split_inclusive(|b| *b == b'\n') {
        let mut fields = line.splitn(3, |b| *b == b':');
        if let (Some(name), Some(hash)) = (fields.next(), fields.next()) {
            let at = start + name.len() + 1;
            let hash = hash.trim_ascii_end();
            if !hash.is_empty() {
                spans.push(at..at + hash.len());
            }
        }
        start += line.len();
    }
    spans
}

/// The word behind `password` in options.
fn passwords(file: &[u8]) -> Vec<Range<usize>> {
    let words = ppp_words::words(file);
    words.windows(2).filter(|w| w[0].bytes == b"password").map(|w| w[1].span.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secrets_are_not_shown() {
        for (path, file, shown) in [
            ("/etc/ppp/pap-secrets", "bob * s3cret *\n", "bob * **** *"),
            ("/etc/ppp/chap-secrets", "bob * \"s3 cret\" 1.2.3.4 # x", "bob * **** 1.2.3.4 # x"),
            ("/etc/ppp/pap-secrets", "bob * @/etc/x *", "bob * @/etc/x *"),
            ("/etc/ppp/pap-secrets", "bob * \"\" *", "bob * \"\" *"),
            ("/etc/ppp/pap-secrets", "#bob\t* s3cret *", "#bob\t* **** *"),
            ("/etc/ppp/pap-secrets", "bob * \"s3cret", "bob * ****"),
            ("/etc/ppp/options", "lock password s3cret\n", "lock password ****"),
            ("/etc/shadow", "bob:$6$s3cret:1:::\n", "bob:****:1:::"),
            ("/etc/mgetty/login.config", "a\x1b[2J\tb", "a\\x1b[2J\tb"),
        ] {
            assert_eq!(lines(path, file.as_bytes()), [shown], "{file}");
        }
        assert_eq!(lines("/etc/ppp/pap-secrets", b"a b \"s3\ncret\" *\n"), ["a b ****", "**** *"]);
    }

    proptest! {
        #[test]
        fn every_line_has_its_text(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            for path in ["/etc/ppp/pap-secrets", "/etc/shadow", "/etc/ppp/options", "/etc/x"] {
                prop_assert_eq!(lines(path, &file).len(), file.split_inclusive(|b| *b == b'\n').count());
            }
        }
    }
}
