//! What must hold for any input: called by the fuzz targets, and by the tests on their seeds.
//!
//! The matcher and the reader of script files are held against plain second writings of the same rules.

use super::escape::{self, Output, Values};
use super::matcher::Matcher;
use super::script::{Step, Turns, alternatives};
use super::words::{self, PIECE};

/// Awaits strings in a stream and compares each step with the plainest matcher there is.
///
/// The first byte says how many strings there are (1 to 51), each follows behind its length (the
/// first up to 63, the others up to 49); the rest is the stream. Its bytes are folded into a small
/// alphabet when the first byte is odd, so that near misses are frequent.
///
/// # Panics
/// When they differ: in the match, in the byte it is at, or in the number of bytes that may be read.
pub fn matcher(data: &[u8]) {
    let Some((&head, mut rest)) = data.split_first() else { return };
    let fold = |byte: u8| if head & 1 == 1 { b"abAB\r\xc1"[usize::from(byte) % 6] } else { byte };
    let mut strings: Vec<Vec<u8>> = Vec::new();
    for n in 0..=usize::from(head >> 1) % 51 {
        let Some((&length, after)) = rest.split_first() else { break };
        let most = if n == 0 { 63 } else { 49 };
        let length = (usize::from(length) % (most + 1)).min(after.len());
        let (string, after) = after.split_at(length);
        strings.push(string.iter().map(|&b| fold(b)).collect());
        rest = after;
    }
    if strings.is_empty() {
        return;
    }
    let stream: Vec<u8> = rest.iter().map(|&b| fold(b)).collect();
    let mut matcher = Matcher::new(strings.iter().map(Vec::as_slice));
    let mut seen: Vec<u8> = Vec::new();
    let mut at = 0;
    while at < stream.len() {
        let want = matcher.need();
        assert_eq!(want, plain_need(&strings, &seen), "bytes that may be read after {seen:?}");
        let want = want.min(stream.len() - at);
        let whole = matcher.clone().feed_read(&stream[at..at + want]);
        for (n, &byte) in stream[at..at + want].iter().enumerate() {
            seen.push(byte & 0x7F);
            let found = matcher.feed(byte);
            assert_eq!(found, plain_match(&strings, &seen), "after {seen:?}");
            if found.is_some() {
                assert_eq!(n + 1, want, "a byte was read behind the match");
                assert_eq!(whole, found, "all bytes at once, after {seen:?}");
                return;
            }
        }
        assert_eq!(whole, None, "all bytes at once, after {seen:?}");
        at += want;
    }
}

/// The first string that what was seen ends with.
fn plain_match(strings: &[Vec<u8>], seen: &[u8]) -> Option<usize> {
    strings.iter().position(|s| s.is_empty() || seen.ends_with(s))
}

/// The least number of further bytes that can complete a string.
fn plain_need(strings: &[Vec<u8>], seen: &[u8]) -> usize {
    let need = |string: &Vec<u8>| {
        if !string.is_ascii() {
            return usize::MAX;
        }
        if string.is_empty() {
            return 1;
        }
        let known = (0..string.len()).rev().find(|&n| seen.ends_with(&string[..n])).unwrap_or(0);
        string.len() - known
    };
    strings.iter().map(need).min().unwrap_or(usize::MAX)
}

/// Reads a script file and resolves everything in it; compares the words with a plain second reader.
///
/// # Panics
/// When they differ, or when something holds more than its source could give.
pub fn script(text: &[u8]) {
    let (found, error) = words::words(text);
    let (plain, plain_error) = plain_words(text);
    let texts: Vec<&[u8]> = found.iter().map(|w| w.text.as_slice()).collect();
    assert_eq!(texts, plain);
    assert_eq!(error.map(|e| e.piece), plain_error);
    let variables = |name: &[u8]| (name.len() < 4).then(|| name.repeat(2));
    let values = Values { phone: Some(b"12\\"), phone2: None, variables: Some(&variables) };
    let mut turns = Turns::default();
    for word in found {
        let Some(step) = turns.take(word) else { continue };
        match step {
            Step::Keyword(_, word) => expected(&word.text, values),
            Step::Send(word) => sent(&word.text, values),
            Step::Expect(word) => {
                let pieces = alternatives(&word.text);
                for (n, (at, piece)) in pieces.iter().enumerate() {
                    assert_eq!(word.text.get(*at..at + piece.len()), Some(*piece));
                    if n % 2 == 0 { expected(piece, values) } else { sent(piece, values) }
                }
            }
        }
    }
}

fn expected(word: &[u8], values: Values<'_>) {
    let text = escape::expect(word, Values { variables: None, ..values });
    assert!(text.len() <= word.len());
    assert!(!text.contains(&0) || word.contains(&0), "a NUL cannot be awaited");
    let _ = escape::expect(word, values);
}

fn sent(word: &[u8], values: Values<'_>) {
    let send = escape::send(word, values);
    assert!(send.quiet_at.iter().all(|&at| at <= send.text.len()));
    let acts = send.output();
    let bytes = |o: &Output| if let Output::Bytes(b) = o { b.len() } else { 2 };
    assert!(acts.iter().map(bytes).sum::<usize>() <= send.text.len() + 1);
    assert!(acts.iter().all(|o| *o != Output::Bytes(Vec::new())));
}

/// The words of a script file, one byte after the other; the piece with an open quote.
fn plain_words(text: &[u8]) -> (Vec<Vec<u8>>, Option<u32>) {
    let (mut words, mut piece_number, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        // A piece ends behind a line feed, or is full.
        let mut piece = Vec::new();
        while at < text.len() && piece.len() < PIECE {
            piece.push(text[at]);
            at += 1;
            if piece.last() == Some(&b'\n') {
                break;
            }
        }
        piece_number += 1;
        if piece[0] == b'#' {
            continue;
        }
        let end = piece.iter().position(|&b| b == 0).unwrap_or(piece.len());
        piece.truncate(end);
        if piece.last() == Some(&b'\n') {
            piece.pop();
        }
        let (mut word, mut quote, mut hidden): (Option<Vec<u8>>, Option<u8>, bool) = (None, None, false);
        for byte in piece {
            match (quote, &mut word) {
                (Some(_), Some(word)) if hidden => {
                    hidden = false;
                    word.push(byte);
                }
                (Some(q), _) if byte == q => {
                    words.extend(word.take());
                    quote = None;
                }
                (Some(_), Some(word)) => {
                    hidden = byte == b'\\';
                    word.push(byte);
                }
                (None, Some(_)) if byte == b' ' || byte == b'\t' => words.extend(word.take()),
                (None, Some(word)) => word.push(byte),
                (_, None) if byte == b' ' || byte == b'\t' => {}
                (_, None) if byte == b'\'' || byte == b'"' => {
                    quote = Some(byte);
                    word = Some(Vec::new());
                }
                (_, None) => word = Some(vec![byte]),
            }
        }
        if quote.is_some() {
            return (words, Some(piece_number));
        }
        words.extend(word);
    }
    (words, None)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The seeds of a fuzz target: the findings of the past are among them.
    fn seeds(target: &str, check: fn(&[u8])) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
        let mut count = 0;
        for entry in std::fs::read_dir(directory).expect("seeds") {
            check(&std::fs::read(entry.expect("a seed").path()).expect("a seed"));
            count += 1;
        }
        assert!(count > 3);
    }

    #[test]
    fn seeds_of_the_matcher() {
        seeds("chat_matcher", super::matcher);
    }

    #[test]
    fn seeds_of_the_script_reader() {
        seeds("chat_script", super::script);
    }
}
