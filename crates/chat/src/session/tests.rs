//! The reader at every border, with fifty ABORT strings, to the byte that is left.

use super::*;
use crate::report::ReportFile;
use proptest::prelude::*;

/// A line that gives its bytes in pieces: never more than up to the next border at once.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    borders: Vec<usize>,
    sent: Vec<u8>,
}

impl Line for Pieces {
    fn read(&mut self, buffer: &mut [u8], _wait: bool) -> Input {
        let border = self.borders.iter().copied().find(|b| *b > self.at).unwrap_or(self.bytes.len());
        let count = buffer.len().min(border - self.at);
        if count == 0 {
            return Input::Alarm;
        }
        buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
        self.at += count;
        Input::Bytes(count)
    }
    fn write(&mut self, bytes: &[u8]) -> line::Output {
        self.sent.extend_from_slice(bytes);
        line::Output::Done(bytes.len())
    }
    fn pause(&mut self, _time: Duration) -> line::Output {
        line::Output::Done(0)
    }
    fn send_break(&mut self) {}
    fn set_alarm(&mut self, _seconds: i32) {}
    fn alarm_rang(&mut self) -> bool {
        false
    }
    fn ignore_hangup(&mut self, _ignored: bool) {}
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// Status, what was sent, what is left on the line.
fn run(words: &[Vec<u8>], bytes: &[u8], borders: Vec<usize>) -> (u8, Vec<u8>, Vec<u8>) {
    let mut line = Pieces { bytes: bytes.to_vec(), at: 0, borders, sent: Vec::new() };
    let mut messages = Messages::new(false, false, false);
    let mut reports = Reports::new(ReportFile::default());
    let mut journal = Journal::default();
    let values = Values::default();
    let mut session = Session::new(&mut line, &mut messages, &mut reports, &mut journal, values);
    let status = match session.carry_out(&mut Source::words(words)) {
        Ok(()) => 0,
        Err(Stop(status)) => status,
    };
    let left = line.bytes.split_off(line.at);
    (status, line.sent, left)
}

fn fifty_aborts() -> Vec<Vec<u8>> {
    (0..50)
        .flat_map(|n| [b"ABORT".to_vec(), format!("{}FAIL{n:02}", "C".repeat(n % 9)).into_bytes()])
        .collect()
}

#[test]
fn at_every_border_the_rest_is_left_to_the_byte() {
    let stream = b"\r\nCCCFAIL5CONNECCCONNECT 9600\r\nCFAIL09login: x";
    let mut words = fifty_aborts();
    words.extend(["CONNECT", "a", "ogin:", "b\\c"].map(|w| w.as_bytes().to_vec()));
    for border in 0..=stream.len() {
        // FAIL09 fires while the login is awaited.
        let (status, sent, left) = run(&words, stream, vec![border]);
        assert_eq!((status, sent.as_slice(), left.as_slice()), (4 + 9, &b"a\r"[..], &b"login: x"[..]));
    }
    let each: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(run(&words, stream, each).2, b"login: x");
    let quiet = b"xxCCFAICONNECT 57600\r\nlogin: rest";
    for border in 0..=quiet.len() {
        let (status, sent, left) = run(&words, quiet, vec![border]);
        assert_eq!((status, sent.as_slice(), left.as_slice()), (0, &b"a\rb"[..], &b" rest"[..]));
    }
}

/// The plainest reader: one byte after the other, everything compared.
fn plain(expected: &[Vec<u8>], aborts: &[Vec<u8>], stream: &[u8]) -> (u8, usize) {
    let mut at = 0;
    for string in expected {
        let begin = at;
        loop {
            if at == stream.len() {
                return (3, at);
            }
            at += 1;
            let seen = &stream[begin..at];
            if seen.ends_with(string) {
                break;
            }
            if let Some(n) = aborts.iter().position(|a| seen.ends_with(a)) {
                return (4 + u8::try_from(n).unwrap(), at);
            }
        }
    }
    (0, at)
}

proptest! {
    #[test]
    fn pieces_of_any_size_make_no_difference(
        expected in prop::collection::vec("[ab]{1,6}", 1..4),
        aborts in prop::collection::vec("[ab]{2,9}", 0..50),
        stream in "[abc]{0,200}",
        borders in prop::collection::btree_set(0usize..200, 0..60),
    ) {
        let bytes = |list: &[String]| list.iter().map(|s| s.clone().into_bytes()).collect::<Vec<_>>();
        let mut words = Vec::new();
        for abort in &aborts {
            words.extend([b"ABORT".to_vec(), abort.clone().into_bytes()]);
        }
        for string in &expected {
            words.extend([string.clone().into_bytes(), b"\\c".to_vec()]);
        }
        let borders: Vec<usize> = borders.into_iter().filter(|b| *b < stream.len()).collect();
        let (status, _, left) = run(&words, stream.as_bytes(), borders);
        let (wanted, at) = plain(&bytes(&expected), &bytes(&aborts), stream.as_bytes());
        prop_assert_eq!((status, left.as_slice()), (wanted, &stream.as_bytes()[at..]));
    }
}
