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
    if path.starts_with("/etc/chatscripts/") {
        return answers(file);
    }
    if path.starts_with("/etc/ppp/") {
        return passwords(file);
    }
    Vec::new()
}

/// An option's value as far as it may be shown.
#[must_use]
pub fn option(name: &str, value: &[u8]) -> String {
    if name == "password" { MASK.into() } else { masked(value, 0..value.len(), &answers(value)) }
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

/// The word behind `password` in options, and what their scripts answer (`connect "chat … word: SECRET"`).
fn passwords(file: &[u8]) -> Vec<Range<usize>> {
    let words = ppp_words::words(file);
    let mut spans: Vec<_> =
        words.windows(2).filter(|w| w[0].bytes == b"password").map(|w| w[1].span.clone()).collect();
    for word in words.iter().filter(|word| word.bytes.contains(&b' ')) {
        let text = file.get(word.span.clone()).unwrap_or_default();
        // Without the quote before it; the one behind it ends the last word.
        let from = word.span.start + usize::from(text.starts_with(b"\"") || text.starts_with(b"'"));
        let end = word.span.end - usize::from(from > word.span.start && !word.open);
        let inner = answers(file.get(from..end).unwrap_or_default());
        spans.extend(inner.into_iter().map(|span| span.start + from..span.end + from));
    }
    spans.sort_by_key(|span| span.start);
    spans
}

/// What a chat script sends when it is asked for a password or a PIN: the word behind `ssword:`, what stands
/// behind `AT+CPIN=`, and the last word of the line behind pppconfig's mark.
fn answers(script: &[u8]) -> Vec<Range<usize>> {
    let (mut spans, mut start) = (Vec::new(), 0);
    let (mut asked, mut marked) = (false, false);
    for line in script.split_inclusive(|b| *b == b'\n') {
        let from = start;
        start += line.len();
        if line.trim_ascii_start().starts_with(b"#") {
            marked = line.trim_ascii().ends_with(b"isppassword");
            continue;
        }
        let words = chat_words(line);
        for (number, span) in words.iter().enumerate() {
            let word = line.get(span.clone()).unwrap_or_default().to_ascii_lowercase();
            let place = from + span.start..from + span.end;
            let pin = memchr::memmem::find(&word, b"+cpin=").map(|at| place.start + at + 6..place.end);
            if std::mem::take(&mut asked) || marked && number + 1 == words.len() {
                spans.push(place);
            } else if let Some(pin) = pin {
                spans.push(pin);
            } else {
                asked = [&b"word:"[..], b"ssword", b"passw", b"passphrase"]
                    .iter()
                    .any(|ask| memchr::memmem::find(&word, ask).is_some());
            }
        }
        marked &= words.is_empty();
    }
    spans
}

/// The words of a line of a chat script, quotes included.
fn chat_words(line: &[u8]) -> Vec<Range<usize>> {
    let (mut words, mut at) = (Vec::new(), 0);
    while let Some(byte) = line.get(at) {
        if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (start, quote) = (at, matches!(byte, b'"' | b'\'').then_some(*byte));
        at += usize::from(quote.is_some());
        while let Some(byte) = line.get(at) {
            match (*byte, quote) {
                (b'\\', _) => at += 1,
                (byte, Some(quote)) if byte == quote => break,
                (byte, None) if byte.is_ascii_whitespace() => break,
                _ => {}
            }
            at += 1;
        }
        at = (at + usize::from(quote.is_some())).min(line.len());
        words.push(start..at);
    }
    words
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
            (
                "/etc/ppp/peers/x",
                "connect \"chat ogin: bob word: s3#cret\"",
                "connect \"chat ogin: bob word: ****\"",
            ),
            (
                "/etc/ppp/peers/x",
                "connect 'chat assword: \\\"s3cret\\\" X'",
                "connect 'chat assword: **** X'",
            ),
            ("/etc/chatscripts/x", "ogin: bob ssword: \\qs3cret", "ogin: bob ssword: ****"),
            ("/etc/chatscripts/x", "Password:--Password: 's3 cret' ok", "Password:--Password: **** ok"),
            ("/etc/chatscripts/x", "OK AT+CPIN=1234", "OK AT+CPIN=****"),
            ("/etc/chatscripts/x", "OK 'AT+CPIN=1234", "OK 'AT+CPIN=****"),
            ("/etc/shadow", "bob:$6$s3cret:1:::\n", "bob:****:1:::"),
            ("/etc/mgetty/login.config", "a\x1b[2J\tb", "a\\x1b[2J\tb"),
        ] {
            assert_eq!(lines(path, file.as_bytes()), [shown], "{file}");
        }
        assert_eq!(lines("/etc/ppp/pap-secrets", b"a b \"s3\ncret\" *\n"), ["a b ****", "**** *"]);
        let marked = lines("/etc/chatscripts/x", b"# isppassword\n\ncode: s3cret\n# postlogin\nx y\n");
        assert_eq!(marked, ["# isppassword", "", "code: ****", "# postlogin", "x y"]);
        assert_eq!(lines("/etc/chatscripts/x", b"word:\ns3cret\n"), ["word:", "****"]);
    }

    proptest! {
        #[test]
        fn every_line_has_its_text(file in proptest::collection::vec(any::<u8>(), 0..200)) {
            for path in ["/etc/ppp/pap-secrets", "/etc/shadow", "/etc/ppp/options", "/etc/chatscripts/x", "/etc/x"] {
                prop_assert_eq!(lines(path, &file).len(), file.split_inclusive(|b| *b == b'\n').count());
            }
        }
    }
}
