//! Sends: files, escapes, pauses, and what stops them.

use super::{Session, Stop};
use crate::journal::{Kind, Outcome};
use crate::line;
use std::io::{self, Read};
use std::time::Duration;
use ttyline::expect::escape;
use ttyline::expect::script::{file_name, file_text};
use ttyline::expect::words::Place;
use ttyline::log::reason;

impl Session<'_> {
    pub(super) fn send(&mut self, word: &[u8], place: Place) -> Result<(), Stop> {
        self.progress.place = place;
        let contents;
        let word = match file_name(word) {
            None => word,
            Some(name) => {
                contents = self.file_contents(name)?;
                file_text(&contents)
            }
        };
        let send = escape::send(word, self.values);
        let output = send.output();
        if self.journal.is_on() {
            self.note_send(&send, &output, place);
        }
        if send.quiet {
            self.messages.detail(b"send (??????)");
        } else {
            self.messages.detail_of("send", send.shown());
        }
        self.line.begin_send(send.quiet);
        self.line.set_alarm(self.timeout);
        let result = self.put_out(&output);
        self.line.set_alarm(0);
        result?;
        self.line.end_send();
        self.journal.send_complete(self.line.now());
        self.journal.end(Outcome::Done, 0, self.line.now());
        Ok(())
    }

    fn note_send(&mut self, send: &escape::Send, output: &[escape::Output], place: Place) {
        let mut bytes = Vec::new();
        for act in output {
            if let escape::Output::Bytes(b) = act {
                bytes.extend_from_slice(b);
            }
        }
        if send.quiet {
            for secret in secrets(send) {
                self.journal.masker.add(&secret);
            }
        }
        let shown = self.journal.masker.text(&bytes);
        let secret = send.quiet || shown != bytes;
        let shown = (!send.quiet).then_some(shown);
        self.journal.begin(self.progress.step, place, Kind::Send(shown), self.line.now());
        self.journal.secret_send = secret;
    }

    fn file_contents(&mut self, name: &[u8]) -> Result<Vec<u8>, Stop> {
        let mut file = self.open(name)?;
        let (mut contents, mut block) = (Vec::new(), [0; 1023]);
        while contents.len() < block.len() {
            let left = block.len() - contents.len();
            match file.read(&mut block[..left]) {
                Ok(0) => break,
                Ok(n) => contents.extend_from_slice(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => self.interrupted()?,
                // A directory is an empty file.
                Err(_) => break,
            }
        }
        Ok(contents)
    }

    fn put_out(&mut self, output: &[escape::Output]) -> Result<(), Stop> {
        let mut late = false;
        for act in output {
            match act {
                escape::Output::Bytes(bytes) if self.pace.is_zero() => self.put_bytes(bytes, &mut late)?,
                escape::Output::Bytes(bytes) => {
                    for byte in bytes {
                        self.pause(self.pace, &mut late)?;
                        self.put_bytes(std::slice::from_ref(byte), &mut late)?;
                    }
                }
                escape::Output::Delay => self.pause(Duration::from_secs(1), &mut late)?,
                escape::Output::Pause => self.pause(Duration::from_millis(10), &mut late)?,
                escape::Output::Break => {
                    self.line.send_break();
                    self.journal.sent_break(self.line.now());
                }
            }
        }
        // An alarm in the last moment.
        if self.line.alarm_rang() {
            self.messages.detail(b"alarm");
            late = true;
        }
        self.progress.late |= late;
        Ok(())
    }

    fn put_bytes(&mut self, mut bytes: &[u8], late: &mut bool) -> Result<(), Stop> {
        while !bytes.is_empty() {
            if *late {
                return Err(self.send_failed(b" -- write timed out", Outcome::SendTimedOut));
            }
            match self.line.write(bytes) {
                line::Output::Done(count) => {
                    let (gone, rest) = bytes.split_at(count.min(bytes.len()));
                    bytes = rest;
                    if self.journal.is_on() {
                        self.journal.sent(gone, self.line.now());
                    }
                }
                line::Output::Alarm => {
                    self.messages.detail(b"alarm");
                    *late = true;
                }
                line::Output::Fatal(fatal) => return Err(self.signal(fatal)),
                line::Output::Failed(error) => {
                    let why = reason(&error);
                    let text = [b" -- write failed: ", why.as_bytes()].concat();
                    return Err(self.send_failed(&text, Outcome::SendFailed(why)));
                }
            }
        }
        Ok(())
    }

    /// Waits; the alarm cuts it short and makes the next byte too late.
    fn pause(&mut self, time: Duration, late: &mut bool) -> Result<(), Stop> {
        match self.line.pause(time) {
            line::Output::Alarm => {
                self.messages.detail(b"alarm");
                *late = true;
                Ok(())
            }
            line::Output::Fatal(fatal) => Err(self.signal(fatal)),
            _ => Ok(()),
        }
    }

    fn send_failed(&mut self, detail: &[u8], outcome: Outcome) -> Stop {
        self.messages.detail(detail);
        self.messages.fatal(b"Failed");
        self.journal.end(outcome, 0, self.line.now());
        Stop(1)
    }
}

/// What a quiet send must hide: all its bytes, its parts between pauses, what stands behind each
/// `\q`, and the values in it.
pub fn secrets(send: &escape::Send) -> Vec<Vec<u8>> {
    let bare = |bytes: &[u8]| bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec();
    let mut all = Vec::new();
    for from in std::iter::once(0).chain(send.quiet_at.iter().copied()) {
        let text = send.text.get(from..).unwrap_or_default().to_vec();
        let parts = escape::Send { text, ..escape::Send::default() }.output();
        let mut whole = Vec::new();
        for act in parts {
            if let escape::Output::Bytes(bytes) = act {
                all.push(bare(&bytes));
                whole.extend_from_slice(&bytes);
            }
        }
        all.push(bare(&whole));
    }
    all.extend(send.values.iter().cloned());
    all
}
