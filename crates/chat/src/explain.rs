//! What people are told: why it failed (`--why`), and the whole dialogue (`--explain`).

use crate::args::{Options, Script};
use crate::journal::{Entry, Journal, Kind, Outcome};
use crate::mask::Masker;
use std::time::Duration;
use ttyline::expect::words::Place;
use ttyline::talk::table;
use ttyline::visible;

/// So much of what came is shown in the one line.
const TAIL: usize = 60;

/// Where a word stands, as editors like it.
pub fn place(script: &Script, place: Place) -> String {
    match script {
        Script::File(path) if place.line > 0 => {
            format!("{}:{}:{}", visible::terminal(path.display().to_string()), place.line, place.column)
        }
        Script::File(path) => visible::terminal(path.display().to_string()),
        _ if place.column > 0 => format!("word {}", place.column),
        _ => "script".into(),
    }
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", visible::terminal(bytes))
}

fn hidden(masker: &Masker, bytes: &[u8]) -> String {
    quoted(&masker.text(bytes))
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// One line: why the script failed.
pub fn why(journal: &Journal, options: &Options, status: u8) -> String {
    let failed = journal.entries.last().filter(|e| e.outcome != Outcome::Done);
    let Some(entry) = failed else {
        let text = match status {
            2 => "the script was carried out, but the line was hung up: its settings could not be put back",
            _ => "the script was carried out",
        };
        return format!("chat: {text} (exit status {status})\n");
    };
    let text = reason(journal, options, entry);
    let at = place(&options.script, entry.place);
    let step = if entry.step == 0 { String::new() } else { format!("step {} ", entry.step) };
    format!("chat: {step}({at}): {text} (exit status {status})\n")
}

fn reason(journal: &Journal, options: &Options, entry: &Entry) -> String {
    let masker = &journal.masker;
    let awaited = match &entry.kind {
        Kind::Expect { text, .. } => hidden(masker, text),
        _ => String::new(),
    };
    let tries = journal.entries.iter().rev().take_while(|e| e.step == entry.step);
    let tries = tries.filter(|e| matches!(e.kind, Kind::Expect { .. })).count();
    let tries = if tries > 1 { format!(", try {tries}") } else { String::new() };
    let came = match entry.count {
        0 => String::new(),
        _ => format!("; what came last was {}", quoted(entry.last(TAIL))),
    };
    match &entry.outcome {
        Outcome::TimedOut => {
            let limit = seconds(entry.took);
            let nothing_ever = journal.entries.iter().all(|e| e.count == 0);
            match entry.count {
                0 if nothing_ever => format!(
                    "awaited {awaited} for {limit}{tries} and no byte at all came: check cable, speed, or that the modem is not in data mode"
                ),
                0 => format!("awaited {awaited} for {limit}{tries} and nothing came in this step"),
                _ => format!(
                    "awaited {awaited} for {limit}{tries}; what came instead ends in {}",
                    quoted(entry.last(TAIL))
                ),
            }
        }
        Outcome::Nothing => format!(
            "awaited {awaited}{tries}, and nothing was there to read: the line does not block, or the send before took longer than TIMEOUT{came}"
        ),
        Outcome::HungUp => format!(
            "awaited {awaited}{tries}; end of file after {}: the line was hung up{came}",
            seconds(entry.took)
        ),
        Outcome::Abort { index, string, place: set, step } => format!(
            "while {awaited} was awaited, the abort string {} came after {} (number {}, set in step {step}, {}){came}",
            hidden(masker, string),
            seconds(entry.took),
            index + 1,
            place(&options.script, *set),
        ),
        Outcome::SendTimedOut => format!(
            "{} could not be sent within TIMEOUT ({}): delays in it, or flow control (RTS/CTS, XOFF) holds the line",
            quoted(entry.send_text()),
            seconds(entry.took),
        ),
        Outcome::SendFailed(why) => {
            format!("{} could not be sent: {why}; the line was hung up", quoted(entry.send_text()))
        }
        Outcome::Signal(name) => match entry.kind {
            Kind::Expect { .. } => format!("{name} while {awaited} was awaited{came}"),
            _ => format!("{name} during a send"),
        },
        Outcome::Fatal(text) => {
            let text = visible::terminal(masker.text(text.as_bytes()));
            let more = if text.starts_with("unterminated quote") {
                ": expected the same quote again on this line"
            } else if text.starts_with("Illegal or too-long") {
                ": 49 bytes at most, escapes resolved"
            } else if text.starts_with("Too many") {
                ": 50 at most may be in force"
            } else {
                ""
            };
            format!("{text}{more}")
        }
        Outcome::Done => "done".into(),
    }
}

/// One line: descriptor 0 is no line.
pub fn no_terminal(message: &str) -> String {
    format!(
        "chat: {message}: descriptor 0 must be the line (a tty); start me from pppd, with `<DEV >DEV`, or with --device DEV (exit status 2)\n"
    )
}

/// The whole dialogue, numbered, with times.
pub fn table(journal: &Journal, options: &Options, status: u8, end: Duration) -> String {
    let masker = &journal.masker;
    let mut rows = Vec::new();
    for entry in &journal.entries {
        let what = match &entry.kind {
            Kind::Keyword(name, argument) => format!("{name} {}", hidden(masker, argument)),
            Kind::Expect { text, timeout } if *timeout > 0 => {
                format!("expect {} ({timeout} s)", hidden(masker, text))
            }
            Kind::Expect { text, .. } => format!("expect {} (no limit)", hidden(masker, text)),
            Kind::Send(Some(bytes)) => format!("send {}", hidden(masker, bytes)),
            Kind::Send(None) => format!("send {}", quoted(entry.send_text())),
            Kind::Script => "script".into(),
        };
        let mut result = match &entry.outcome {
            Outcome::Done => match entry.kind {
                Kind::Keyword(..) | Kind::Script => String::new(),
                Kind::Send(_) => "sent".into(),
                Kind::Expect { .. } => "got it".into(),
            },
            Outcome::TimedOut => "time-out".into(),
            Outcome::Nothing => "nothing there".into(),
            Outcome::HungUp => "end of file: hung up".into(),
            Outcome::Abort { index, string, .. } => {
                format!("abort string {}: {}", index + 1, hidden(masker, string))
            }
            Outcome::SendTimedOut => "not sent in time".into(),
            Outcome::SendFailed(why) => format!("not sent: {why}"),
            Outcome::Signal(name) => (*name).into(),
            Outcome::Fatal(text) => visible::terminal(masker.text(text.as_bytes())),
        };
        if entry.count > 0 {
            let cut = if entry.count as usize > entry.last(TAIL).len() { "…" } else { "" };
            result.push_str(&format!("; {} bytes came: {cut}{}", entry.count, quoted(entry.last(TAIL))));
        }
        rows.push([
            entry.step.to_string(),
            format!("{:.3}", entry.at.as_secs_f64()),
            place(&options.script, entry.place),
            what,
            format!("{:.3}", entry.took.as_secs_f64()),
            result,
        ]);
    }
    let mut text = table::table(rows);
    text.push_str(&format!("exit status {status} after {:.3} s\n", end.as_secs_f64()));
    text
}
