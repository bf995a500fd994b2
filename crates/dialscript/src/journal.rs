//! What happened, step by step: for `--why`, `--explain` and `--trace`. Secrets do not get in.

use crate::lexer::Place;
use crate::machine::{Awaited, Outcome, Step, What};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;
use ttyline::talk::mask::Masker;
use ttyline::talk::trace::{self, Trace};

/// So much of what came last in a step is kept, bytes.
const KEPT: usize = 120;
/// So many steps are kept: a script may go round for days.
const MOST_ENTRIES: usize = 1000;

/// So many secrets are looked for. A script that makes more of them in a loop is told about without what came.
const MOST_SECRETS: usize = 64;
/// Longer secrets are looked for in pieces of this many bytes, so that looking stays cheap.
const LONGEST_SECRET: usize = 256;

/// One step.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, from 1.
    pub number: u64,
    /// Where its command stands.
    pub place: Place,
    /// What it did, for people, secrets hidden.
    pub what: String,
    /// It waited for the line.
    pub waited: bool,
    /// When it began.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended; `None`: the run ended in it.
    pub outcome: Option<Outcome>,
    /// For people: what came, if something was awaited.
    pub result: String,
    /// The last bytes that came, secrets hidden.
    pub came: Vec<u8>,
    /// How many bytes came.
    pub count: u64,
}

/// The record of a run.
#[derive(Default)]
pub struct Journal {
    /// The last steps.
    pub entries: VecDeque<Entry>,
    /// Steps in all.
    pub steps: u64,
    /// Bytes received in all.
    pub received: u64,
    masker: Masker,
    secrets: Vec<Vec<u8>>,
    /// There are too many secrets to look for: nothing that comes is shown.
    blind: bool,
    trace: Option<Trace>,
    /// Of the step under way.
    strings: Vec<Awaited>,
    secret_send: bool,
}

impl Journal {
    /// A journal that also writes to `trace`.
    #[must_use]
    pub fn new(trace: Option<Trace>) -> Journal {
        Journal { trace, ..Journal::default() }
    }

    /// From now on this is hidden. Line ends around and in it are not part of the secret.
    pub fn hide(&mut self, secret: &[u8]) {
        for piece in secret.split(u8::is_ascii_control).flat_map(|p| p.chunks(LONGEST_SECRET)) {
            if self.secrets.iter().any(|s| s == piece) {
                continue;
            }
            if self.secrets.len() >= MOST_SECRETS {
                self.blind = true;
                return;
            }
            self.secrets.push(piece.to_vec());
            self.masker.add(piece);
        }
    }

    /// Hides a value as it is and as `transmit` without raw sends it.
    pub fn hide_both(&mut self, value: &[u8]) {
        self.hide(value);
        self.hide(&crate::escape::translate(value));
    }

    /// A text for people in quotes, secrets hidden.
    #[must_use]
    pub fn quoted(&self, bytes: &[u8]) -> String {
        format!("\"{}\"", ttyline::visible::terminal(self.masker.text(bytes)))
    }

    /// A step begins.
    pub fn begin(&mut self, step: &Step, now: Duration) {
        self.secret_send = false;
        self.strings.clear();
        match &step.what {
            What::Transmit { bytes, secret } => {
                self.secret_send = *secret;
                if *secret {
                    self.hide(bytes);
                }
            }
            What::WaitFor { strings, .. } => self.strings = strings.clone(),
            _ => {}
        }
        self.steps += 1;
        let what = self.describe(&step.what);
        if self.trace.is_some() && !matches!(step.what, What::Transmit { .. }) {
            self.write(
                now,
                &[
                    ("line", Value::from(step.place.line)),
                    ("step", Value::from(self.steps)),
                    ("begin", json!(what)),
                ],
            );
        }
        if self.entries.len() >= MOST_ENTRIES {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            number: self.steps,
            place: step.place,
            what,
            waited: matches!(step.what, What::WaitFor { .. } | What::GetIp(_)),
            at: now,
            took: Duration::ZERO,
            outcome: None,
            result: String::new(),
            came: Vec::new(),
            count: 0,
        });
    }

    fn describe(&self, what: &What) -> String {
        match what {
            What::Transmit { secret: true, .. } => "transmit (hidden)".into(),
            What::Transmit { bytes, .. } => format!("transmit {}", self.quoted(bytes)),
            What::WaitFor { strings, until } => {
                let all: Vec<String> = strings.iter().map(|s| self.awaited(s)).collect();
                let until = until.map_or(String::new(), |s| format!(" until {s}"));
                format!("waitfor {}{until}", all.join(", "))
            }
            What::Delay(seconds) => format!("delay {seconds}"),
            What::GetIp(number) => format!("getip {number}"),
            What::Port(port) => format!("set port {port}"),
            What::Keyboard(on) => format!("set screen keyboard {}", if *on { "on" } else { "off" }),
            What::Address(Some(address)) => format!("set ipaddr {address}"),
            What::Address(None) => "set ipaddr: no IP address".into(),
        }
    }

    fn awaited(&self, string: &Awaited) -> String {
        match string.secret {
            true => "(hidden)".into(),
            false => self.quoted(&string.bytes),
        }
    }

    /// The step has ended.
    pub fn end(&mut self, outcome: &Outcome, now: Duration) {
        let found = match outcome {
            Outcome::Matched(index) => self.strings.get(*index).cloned(),
            _ => None,
        };
        let length = found.as_ref().filter(|s| !s.secret).map_or(0, |s| s.bytes.len());
        let result = match (outcome, &found) {
            (Outcome::Matched(_), Some(string)) => format!("{} came", self.awaited(string)),
            (Outcome::TimedOut, _) => "time-out".into(),
            (Outcome::Address(address), _) => format!("{address} came"),
            _ => String::new(),
        };
        self.settle(length, now);
        let waited = self.entries.back().is_some_and(|e| e.waited);
        if waited {
            self.write(now, &[("end", json!(result))]);
        }
        if let Some(entry) = self.entries.back_mut() {
            entry.took = now.saturating_sub(entry.at);
            entry.outcome = Some(outcome.clone());
            entry.result = result;
        }
    }

    /// The run is over in the middle of a step, or behind the last.
    pub fn over(&mut self, ending: &str, status: u8, now: Duration) -> Option<String> {
        self.settle(0, now);
        if let Some(entry) = self.entries.back_mut().filter(|e| e.outcome.is_none()) {
            entry.took = now.saturating_sub(entry.at);
            entry.result = ending.into();
        }
        self.write(now, &[("end", json!(ending)), ("exit", Value::from(status))]);
        self.trace.as_ref().and_then(Trace::error).map(ToString::to_string)
    }

    /// Bytes came.
    pub fn received(&mut self, bytes: &[u8], now: Duration) {
        self.received += bytes.len() as u64;
        if let Some(entry) = self.entries.back_mut() {
            entry.count += bytes.len() as u64;
        }
        if self.blind {
            return;
        }
        let mut shown = Vec::new();
        self.masker.push(bytes, &mut shown);
        self.keep(&shown, now);
    }

    fn settle(&mut self, awaited: usize, now: Duration) {
        let mut rest = Vec::new();
        self.masker.settle(awaited, &mut rest);
        self.keep(&rest, now);
    }

    fn keep(&mut self, shown: &[u8], now: Duration) {
        if let Some(entry) = self.entries.back_mut() {
            entry.came.extend_from_slice(shown);
            if entry.came.len() > 4 * KEPT {
                entry.came.drain(..entry.came.len() - KEPT);
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.received(shown, now);
        }
    }

    /// All of a send has gone out. A secret one is written down as nothing, which matches any on replay.
    pub fn sent(&mut self, bytes: &[u8], now: Duration) {
        let text = if self.secret_send { Value::Null } else { trace::text(&self.masker.text(bytes)) };
        self.write(now, &[("send", text)]);
    }

    /// The line was hung up.
    pub fn hung_up(&mut self, now: Duration) {
        self.write(now, &[("eof", Value::from(true))]);
    }

    fn write(&mut self, now: Duration, event: &[(&str, Value)]) {
        if let Some(trace) = &mut self.trace {
            trace.event(now, event);
        }
    }
}

impl Entry {
    /// The end of what came, at most `most` bytes.
    #[must_use]
    pub fn last(&self, most: usize) -> &[u8] {
        self.came.get(self.came.len().saturating_sub(most)..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_makes_secrets_without_end_is_told_about_without_what_came() {
        let mut journal = Journal::default();
        let place = Place::default();
        for n in 0..200 {
            let bytes = format!("secret number {n}\r").into_bytes();
            journal.begin(&Step { place, what: What::Transmit { bytes, secret: true } }, Duration::ZERO);
            journal.end(&Outcome::Done, Duration::ZERO);
        }
        journal.begin(&Step { place, what: What::GetIp(1) }, Duration::ZERO);
        journal.received(b"secret number 199", Duration::ZERO);
        let last = journal.entries.back().unwrap();
        assert_eq!((last.count, last.came.len()), (17, 0));
        assert!(journal.entries.iter().all(|e| !e.what.contains("secret")));
    }

    #[test]
    fn long_secrets_are_hidden_too() {
        let mut journal = Journal::default();
        let secret = vec![b'x'; 1000];
        journal.hide(&secret);
        assert!(!journal.quoted(&secret).contains('x'));
    }
}
