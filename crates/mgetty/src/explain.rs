//! `--explain-caller`: what becomes of a call from a number, and what decides.

use crate::args::Options;
use crate::judge;
use crate::service;
use std::fmt::Write as _;
use std::io::Write as _;
use ttyline::at::caller_data::CallerData;
use ttyline::config::caller_rules::Outcome;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{self, Document, Source};
use ttyline::visible;

const DAYS: [&str; 7] = ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"];

/// Prints the explanation; gives the exit code: 0 if the call would be answered.
pub fn explain(options: &Options, caller: &str) -> u8 {
    let directory = service::directory(options);
    let line = Some(options.device.as_str()).filter(|line| !line.is_empty());
    let mut config = MgettyConfig::default();
    if let Source::Read(bytes, _) = config::read(&directory.join("mgetty.config")) {
        let _ = config.load(&Document::parse(bytes), line);
    }
    let files = service::caller_files(&directory, &config);
    let mut data = CallerData::default();
    // As it would be if a modem had told it.
    data.line(&[b"NMBR = ", caller.as_bytes()].concat());
    let call = judge::call(&data, 0, line.unwrap_or(""));
    let judgement = files.judge(&call);
    let mut out = String::new();
    let day = usize::try_from(call.weekday).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"?");
    let (hour, minute) = (call.minute / 60, call.minute % 60);
    let place = line.map_or("any line".to_string(), visible::terminal);
    let _ = writeln!(out, "caller: {} on {place}, {day} {hour:02}:{minute:02}", visible::terminal(&data.id));
    for fault in &judgement.faults {
        let _ = writeln!(out, "error: {fault}");
    }
    let because = judgement.because.as_deref().unwrap_or("no word and no rule is about this caller");
    let _ = writeln!(out, "decides: {because}");
    let _ = writeln!(out, "outcome: {}", judgement.outcome);
    if judgement.outcome == Outcome::Answer {
        if let Some(words) = service::words(&config.cnd_program) {
            let words = visible::terminal(words.join(" "));
            let _ = writeln!(out, "then asked: {words} (exit code 1 refuses)");
        }
    }
    for doubt in files.doubts().iter().filter(|doubt| !judgement.faults.contains(doubt)) {
        let _ = writeln!(out, "note: {doubt}");
    }
    if line.is_none() && files.name_lines() {
        let _ = writeln!(out, "note: there are rules for single lines; ask for one with --line");
    }
    let _ = std::io::stdout().write_all(out.as_bytes());
    u8::from(judgement.outcome != Outcome::Answer)
}
