//! What people are told: why it failed, and the whole dialogue.

use crate::journal::{Entry, Journal};
use crate::lexer::Place;
use crate::machine::{Ending, Outcome};
use crate::play::End;
use std::path::Path;
use std::time::Duration;
use ttyline::talk::table;
use ttyline::visible;

/// So much of what came is shown in one line.
const TAIL: usize = 60;

/// `FILE:LINE:COLUMN`, as editors like it.
#[must_use]
pub fn place(script: &Path, place: Place) -> String {
    format!("{}:{place}", visible::terminal(script.display().to_string()))
}

/// The ending in a few words.
#[must_use]
pub fn ending(end: &End) -> String {
    match end {
        End::Machine(Ending::Done) => "done".into(),
        End::Machine(Ending::Halted) => "halt".into(),
        End::Machine(Ending::HungUp) => "hung up".into(),
        End::Machine(Ending::Limit) => "time over".into(),
        End::Machine(Ending::Broken(why)) => (*why).into(),
        End::Signal(name) => (*name).into(),
        End::Failed(why) => why.clone(),
    }
}

/// One line: why the script did not come to its end. With `more`, what came instead and what to look at.
#[must_use]
pub fn why(journal: &Journal, end: &End, more: bool) -> String {
    let last = journal.entries.back();
    let during =
        last.filter(|e| e.outcome.is_none()).map_or(String::new(), |e| format!(" during {}", e.what));
    let text = match end {
        End::Machine(Ending::Done) => "done".into(),
        End::Machine(Ending::Halted) => match timed_out(journal) {
            Some(entry) => format!(
                "halt, after {} (line {}) had waited {:.1} s in vain",
                entry.what,
                entry.place.line,
                entry.took.as_secs_f64()
            ),
            None => "halt".into(),
        },
        End::Machine(Ending::HungUp) => format!("the line was hung up{during}"),
        End::Machine(Ending::Limit) => format!("the time of --limit was over{during}"),
        End::Machine(Ending::Broken(why)) => format!("the script cannot go on: {why}"),
        End::Signal(name) => format!("{name}{during}"),
        End::Failed(why) => why.clone(),
    };
    if !more {
        return text;
    }
    let told = match end {
        End::Machine(Ending::Halted) => timed_out(journal),
        _ => last.filter(|e| e.waited),
    };
    let Some(entry) = told else { return text };
    let hint = if journal.received == 0 {
        "; no byte at all came: check cable, speed, and that the modem is connected".to_string()
    } else if entry.count == 0 {
        "; nothing came in this step".to_string()
    } else {
        format!("; what came instead ends in \"{}\"", visible::terminal(entry.last(TAIL)))
    };
    text + &hint
}

/// The last wait, if nothing came of it.
fn timed_out(journal: &Journal) -> Option<&Entry> {
    journal.entries.iter().rev().find(|e| e.waited).filter(|e| e.outcome == Some(Outcome::TimedOut))
}

/// The whole dialogue, numbered, with times.
#[must_use]
pub fn table(journal: &Journal, script: &Path, status: u8, end: Duration) -> String {
    let mut rows = Vec::new();
    for entry in &journal.entries {
        let mut result = entry.result.clone();
        if entry.count > 0 {
            let tail = entry.last(TAIL);
            let cut = if entry.count as usize > tail.len() { "…" } else { "" };
            let comma = if result.is_empty() { "" } else { "; " };
            result.push_str(&format!("{comma}{} bytes: {cut}\"{}\"", entry.count, visible::terminal(tail)));
        }
        rows.push([
            entry.number.to_string(),
            format!("{:.3}", entry.at.as_secs_f64()),
            place(script, entry.place),
            entry.what.clone(),
            format!("{:.3}", entry.took.as_secs_f64()),
            result,
        ]);
    }
    let mut text = String::new();
    let left_out = journal.steps.saturating_sub(journal.entries.len() as u64);
    if left_out > 0 {
        text.push_str(&format!("({left_out} earlier steps are not kept)\n"));
    }
    text.push_str(&table::table(rows));
    text.push_str(&format!("exit status {status} after {:.3} s\n", end.as_secs_f64()));
    text
}
