//! What happened, step by step: for `--why`, `--explain` and `--trace`. Off, it costs one test.

use crate::mask::{HIDDEN, Masker};
use crate::trace::{self, Trace};
use serde_json::Value;
use std::time::Duration;
use ttyline::expect::words::Place;

/// So much of what came last in a step is kept, bytes.
const KEPT: usize = 120;

/// What a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword and its argument, as written.
    Keyword(&'static str, Vec<u8>),
    /// An expect or one of its alternatives, escapes resolved.
    Expect {
        /// The string.
        text: Vec<u8>,
        /// Limit, seconds; none if not above 0.
        timeout: i32,
    },
    /// A send; the bytes, or nothing if they are secret.
    Send(Option<Vec<u8>>),
    /// Reading the script.
    Script,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As wanted.
    Done,
    /// The alarm rang.
    TimedOut,
    /// Nothing was there, and it was not waited for.
    Nothing,
    /// End of file, or the line cannot be read: hung up.
    HungUp,
    /// The abort string of this index (from 0), and where it was set.
    Abort {
        /// In the list of strings in force.
        index: usize,
        /// The string.
        string: Vec<u8>,
        /// Where it stands in the script.
        place: Place,
        /// The step that set it.
        step: usize,
    },
    /// The line took nothing more in time.
    SendTimedOut,
    /// The line cannot be written.
    SendFailed(String),
    /// A signal.
    Signal(&'static str),
    /// Anything else: a message of the original's.
    Fatal(String),
}

/// One step of a dialogue.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The number of the script's step, from 1; alternatives share it.
    pub step: usize,
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// When it began.
    pub at: Duration,
    /// How long it took.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// The last bytes that came, secrets hidden.
    pub came: Vec<u8>,
    /// How many bytes came.
    pub count: u64,
}

/// The record of one run.
#[derive(Default)]
pub struct Journal {
    on: bool,
    /// All steps that were begun, in order.
    pub entries: Vec<Entry>,
    /// The secrets known.
    pub masker: Masker,
    trace: Option<Trace>,
    open: bool,
    /// What the send under way puts out is not written down, only that it did.
    pub secret_send: bool,
    secret_bytes: bool,
}

impl Journal {
    /// A journal; `on` if anything will be told from it.
    pub fn new(on: bool, trace: Option<Trace>) -> Journal {
        Journal { on: on || trace.is_some(), trace, ..Journal::default() }
    }

    /// Whether anything is written down.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// A step begins.
    pub fn begin(&mut self, step: usize, place: Place, kind: Kind, now: Duration) {
        if !self.on {
            return;
        }
        let event: Vec<(&str, Value)> = match &kind {
            Kind::Keyword(name, argument) => {
                vec![("keyword", Value::from(*name)), ("argument", self.shown(argument))]
            }
            Kind::Expect { text, timeout } => {
                vec![("expect", self.shown(text)), ("timeout", Value::from(*timeout))]
            }
            Kind::Send(_) | Kind::Script => vec![],
        };
        self.secret_send = false;
        if !event.is_empty() {
            let mut event = event;
            event.push(("step", Value::from(step)));
            self.write(now, &event);
        }
        let outcome = Outcome::Done;
        let (took, came) = (Duration::ZERO, Vec::new());
        self.entries.push(Entry { step, place, kind, at: now, took, outcome, came, count: 0 });
        self.open = true;
    }

    /// The step ends. `awaited`: the length of the string that was found at the end of what came.
    pub fn end(&mut self, outcome: Outcome, awaited: usize, now: Duration) {
        if !self.on || !std::mem::take(&mut self.open) {
            return;
        }
        let mut rest = Vec::new();
        self.masker.settle(awaited, &mut rest);
        self.keep(&rest, now);
        let mut event = None;
        if let Some(entry) = self.entries.last_mut() {
            entry.took = now.saturating_sub(entry.at);
            match (&entry.kind, &outcome) {
                (Kind::Keyword(..) | Kind::Send(_), Outcome::Done) => {}
                (_, outcome) => event = Some(word(outcome)),
            }
            entry.outcome = outcome;
        }
        if let Some(event) = event {
            self.write(now, &[("end", Value::from(event))]);
        }
    }

    /// The program cannot go on: ends the step under way, or makes one of it.
    pub fn fail(&mut self, step: usize, place: Place, text: &str, now: Duration) {
        if !self.open {
            self.begin(step, place, Kind::Script, now);
        }
        self.end(Outcome::Fatal(text.to_string()), 0, now);
    }

    /// Bytes came from the line.
    pub fn received(&mut self, bytes: &[u8], now: Duration) {
        if !self.on {
            return;
        }
        if let Some(entry) = self.entries.last_mut() {
            entry.count += bytes.len() as u64;
        }
        let mut shown = Vec::new();
        self.masker.push(bytes, &mut shown);
        self.keep(&shown, now);
    }

    fn keep(&mut self, shown: &[u8], now: Duration) {
        if let Some(entry) = self.entries.last_mut() {
            entry.came.extend_from_slice(shown);
            if entry.came.len() > 4 * KEPT {
                entry.came.drain(..entry.came.len() - KEPT);
            }
        }
        if let Some(trace) = &mut self.trace {
            trace.received(shown, now);
        }
    }

    /// Bytes went out to the line. Those of a secret send are written down at its end, as nothing.
    pub fn sent(&mut self, bytes: &[u8], now: Duration) {
        if self.secret_send {
            self.secret_bytes = true;
        } else if self.on {
            let bytes = self.masker.text(bytes);
            self.write(now, &[("send", trace::text(&bytes))]);
        }
    }

    /// A BREAK went out.
    pub fn sent_break(&mut self, now: Duration) {
        if self.on {
            self.write(now, &[("break", Value::from(true))]);
        }
    }

    /// A send is complete.
    pub fn send_complete(&mut self, now: Duration) {
        self.secret_send = false;
        if self.on && std::mem::take(&mut self.secret_bytes) {
            self.write(now, &[("send", Value::Null)]);
        }
    }

    /// The line was hung up.
    pub fn hung_up(&mut self, now: Duration) {
        if self.on {
            self.write(now, &[("eof", Value::from(true))]);
        }
    }

    /// The end of the program. Gives the first error of writing the trace.
    pub fn close(&mut self, status: u8, now: Duration) -> Option<String> {
        self.write(now, &[("exit", Value::from(status))]);
        self.trace.as_ref().and_then(|t| t.error()).map(ToString::to_string)
    }

    fn shown(&self, bytes: &[u8]) -> Value {
        trace::text(&self.masker.text(bytes))
    }

    fn write(&mut self, now: Duration, event: &[(&str, Value)]) {
        if let Some(trace) = &mut self.trace {
            trace.event(now, event);
        }
    }
}

impl Entry {
    /// The end of what came, at most `most` bytes.
    pub fn last(&self, most: usize) -> &[u8] {
        self.came.get(self.came.len().saturating_sub(most)..).unwrap_or_default()
    }

    /// The bytes of a send for people, or a mask.
    pub fn send_text(&self) -> &[u8] {
        match &self.kind {
            Kind::Send(Some(bytes)) => bytes,
            _ => HIDDEN,
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "got it",
        Outcome::TimedOut | Outcome::Nothing => "timeout",
        Outcome::HungUp => "hung up",
        Outcome::Abort { .. } => "abort",
        Outcome::SendTimedOut => "send timed out",
        Outcome::SendFailed(_) => "send failed",
        Outcome::Signal(name) => name,
        Outcome::Fatal(_) => "failed",
    }
}
