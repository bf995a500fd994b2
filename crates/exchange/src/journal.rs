//! What happens on the lines, told to whoever wants to know: the call log (JSON lines) and the
//! ladder (for people).

use crate::ladder::Ladder;
use crate::usb::Coding;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ttyline::visible;

/// Something that happened on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening<'a> {
    /// A line has been added, with this device (empty: a far end).
    Added(&'a str),
    /// A line has been removed.
    Removed,
    /// A program has opened the line.
    Opened,
    /// The last program has closed it.
    Closed,
    /// The computer has raised or dropped DTR otherwise.
    Dtr(bool),
    /// The computer has raised or dropped RTS.
    Rts(bool),
    /// The computer has set speed and frame.
    Coding(Coding),
    /// The computer begins, ends a break.
    Break(bool),
    /// The adapter has been plugged in, pulled out.
    Plugged(bool),
    /// The computer gave the modem a command line.
    Command(&'a str),
    /// The modem reported.
    Reported(&'a str),
    /// A call goes out to that number.
    Calls(&'a str),
    /// The line rings for the n-th time.
    Ring(u8),
    /// The exchange has sent the caller's number.
    CallerId(&'a str),
    /// The line has answered that caller.
    Answered(&'a str),
    /// Data to that number.
    Data(&'a str, &'a [u8]),
    /// The call is over.
    Ended(&'a Ended),
    /// A fault takes its course.
    Fault(&'a str),
    /// An order for the line.
    Order(&'a str),
    /// The line's user plays a sound.
    Plays(&'a str),
    /// A remark of whoever gives orders.
    Note(&'a str),
}

/// A call that is over, as the caller's line saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The caller's number.
    pub caller: String,
    /// The number called.
    pub called: String,
    /// Whether it was answered.
    pub answered: bool,
    /// From the last digit (or the answer) to the end.
    pub lasted: Duration,
    /// Bytes from the caller.
    pub sent: u64,
    /// Bytes to the caller.
    pub received: u64,
}

/// Where happenings go.
#[derive(Default)]
pub struct Journal {
    log: Option<File>,
    ladder: Option<Ladder>,
}

impl Journal {
    /// A journal with a log, a ladder, both, or neither.
    pub fn new(log: Option<File>, ladder: Option<Ladder>) -> Journal {
        Journal { log, ladder }
    }

    /// Whether data is to be told (it costs a look at each piece).
    pub fn wants_data(&self) -> bool {
        self.ladder.is_some()
    }

    /// Whether anybody listens at all.
    pub fn listens(&self) -> bool {
        self.log.is_some() || self.ladder.is_some()
    }

    /// Tells what happened on the line with that number.
    pub fn tell(&mut self, now: Duration, number: &str, what: Happening) {
        if let (Some(log), Some(event)) = (&mut self.log, event(&what)) {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let mut line = Map::new();
            line.insert("time".into(), json!(wall.as_millis() as f64 / 1000.0));
            line.insert("at".into(), json!((now.as_micros() / 100) as f64 / 10_000.0));
            line.insert("line".into(), json!(number));
            line.extend(event);
            let mut text = Value::Object(line).to_string();
            text.push('\n');
            // A log that cannot be written must not stop the telephone.
            let _ = log.write_all(text.as_bytes());
        }
        if let Some(ladder) = &mut self.ladder {
            ladder.tell(now, number, what);
        }
    }

    /// When [`Journal::tick`] is wanted next (data waiting to be summarised).
    pub fn deadline(&self) -> Option<Duration> {
        self.ladder.as_ref().and_then(Ladder::deadline)
    }

    /// Shows what has been waiting long enough.
    pub fn tick(&mut self, now: Duration) {
        if let Some(ladder) = &mut self.ladder {
            ladder.tick(now);
        }
    }
}

/// The event's own fields; `None` for what the log leaves out.
fn event(what: &Happening) -> Option<Map<String, Value>> {
    let value = match what {
        Happening::Added(device) => json!({"event": "added", "device": device}),
        Happening::Removed => json!({"event": "removed"}),
        Happening::Opened => json!({"event": "opened"}),
        Happening::Closed => json!({"event": "closed"}),
        Happening::Dtr(on) => json!({"event": "dtr", "on": on}),
        Happening::Rts(on) => json!({"event": "rts", "on": on}),
        Happening::Coding(coding) => {
            json!({"event": "coding", "speed": coding.speed, "frame": coding.frame.to_string()})
        }
        Happening::Break(on) => json!({"event": "break", "on": on}),
        Happening::Plugged(true) => json!({"event": "plugged"}),
        Happening::Plugged(false) => json!({"event": "unplugged"}),
        Happening::Command(text) => json!({"event": "command", "text": visible::terminal(text)}),
        Happening::Reported(text) => json!({"event": "result", "text": visible::terminal(text)}),
        Happening::Calls(to) => json!({"event": "calls", "to": to}),
        Happening::Ring(count) => json!({"event": "ring", "count": count}),
        Happening::CallerId(number) => json!({"event": "caller-id", "number": number}),
        Happening::Answered(caller) => json!({"event": "answered", "caller": caller}),
        Happening::Data(..) => return None,
        Happening::Ended(call) => json!({
            "event": "ended", "caller": call.caller, "called": call.called, "answered": call.answered,
            "seconds": call.lasted.as_millis() as f64 / 1000.0,
            "bytes_from_caller": call.sent, "bytes_to_caller": call.received,
        }),
        Happening::Fault(fault) => json!({"event": "fault", "fault": fault}),
        Happening::Order(order) => json!({"event": "order", "order": visible::terminal(order)}),
        Happening::Note(text) => json!({"event": "note", "text": text}),
        Happening::Plays(sound) => json!({"event": "plays", "sound": sound}),
    };
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}
