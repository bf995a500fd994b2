//! `dialin calls`: the call records.

use crate::command::{Entry, code};
use crate::json::shown;
use crate::see::columns::columns;
use crate::see::history::{self, Call, Wanted};
use crate::see::summary::Summary;
use crate::see::times;
use crate::session::{Session, say, say_text};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::SystemTime;
use ttyline::record;
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "calls", reads: &["*"], build, run };

fn build(command: Command) -> Command {
    let value = |name: &'static str, of: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(of).help(help)
    };
    command
        .about("Lists calls, oldest first, or sums them up")
        .arg(value("since", "TIME", "from this time on: 2026-11-20, \"2026-11-20 08:00\", today, 12h, 7d"))
        .arg(value("until", "TIME", "before this time"))
        .arg(value("line", "LINE", "on this line"))
        .arg(value("user", "NAME", "of this user"))
        .arg(value("number", "DIGITS", "whose caller's or called number ends so"))
        .arg(value("tool", "NAME", "of this program: mgetty, callback, modemd, mserver"))
        .arg(value("cause", "TEXT", "whose end cause begins so"))
        .arg(value("last", "N", "the last N of them").value_parser(clap::value_parser!(usize)))
        .arg(
            Arg::new("summary")
                .long("summary")
                .action(ArgAction::SetTrue)
                .conflicts_with("csv")
                .help("end causes and CONNECT rates, for each line and each caller"),
        )
        .arg(Arg::new("csv").long("csv").action(ArgAction::SetTrue).help("as a table for spreadsheets"))
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let now = SystemTime::now();
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let time = |name: &str| text(name).map(|text| times::parse(&text, now)).transpose();
    let wanted = Wanted {
        since: time("since")?,
        until: time("until")?,
        line: text("line"),
        user: text("user"),
        number: text("number"),
        tool: text("tool"),
        cause: text("cause"),
    };
    let last = matches.get_one::<usize>("last").copied().unwrap_or(usize::MAX);
    let mut calls = VecDeque::new();
    let odd = history::read(&session.root, &wanted, |call| {
        calls.push_back(call);
        if calls.len() > last {
            calls.pop_front();
        }
    })?;
    let mut calls: Vec<Call> = calls.into();
    // They were written when they ended.
    calls.sort_by_key(|call| call.record.start.or(call.record.end));
    if odd > 0 {
        eprintln!(
            "dialin: {odd} line{} that {} no call record",
            if odd == 1 { "" } else { "s" },
            if odd == 1 { "is" } else { "are" }
        );
    }
    if matches.get_flag("summary") {
        let summary = Summary::of(calls.iter().map(|call| &call.record));
        if session.json {
            say(shown(&summary.to_json()));
        } else {
            say_text(&summary.to_text());
        }
    } else if session.json {
        say(shown(&Value::from(calls.into_iter().map(|call| call.value).collect::<Vec<_>>())));
    } else if matches.get_flag("csv") {
        say_text(&csv(&calls));
    } else if calls.is_empty() {
        say("no calls");
    } else {
        say_text(&table(&calls));
    }
    Ok(code::DONE)
}

fn text(field: &Option<String>) -> String {
    field.clone().unwrap_or_default()
}

/// Calls for people.
#[must_use]
pub fn table(calls: &[Call]) -> String {
    let head = ["START", "LONG", "TOOL", "LINE", "DIR", "CALLER", "CALLED", "USER", "CONNECT", "END"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for Call { record, .. } in calls {
        let long = match (record.start, record.end) {
            (Some(start), Some(end)) => end.duration_since(start).map(times::lasting).unwrap_or_default(),
            _ => String::new(),
        };
        let start = record.start.or(record.end).map(record::stamp).unwrap_or_default();
        rows.push(vec![
            start.get(..19).unwrap_or_default().replace('T', " "),
            long,
            record.tool.to_string(),
            record.line.clone(),
            record
                .dir
                .map(|dir| if dir == record::Direction::In { "in" } else { "out" })
                .unwrap_or_default()
                .into(),
            text(&record.caller),
            text(&record.called),
            text(&record.user),
            text(&record.connect),
            record.cause.clone(),
        ]);
    }
    columns(&rows)
}

/// The columns of `--csv`, in the order of ringback-records(5).
const FIELDS: [&str; 16] = [
    "id",
    "tool",
    "line",
    "dir",
    "start",
    "end",
    "caller",
    "called",
    "rings",
    "connect",
    "user",
    "program",
    "peer",
    "bytes_in",
    "bytes_out",
    "cause",
];

fn csv(calls: &[Call]) -> String {
    let mut text = format!("{}\r\n", FIELDS.join(","));
    for call in calls {
        let cells = FIELDS.map(|field| match call.value.get(field) {
            Some(Value::String(value)) => visible::csv_cell(value),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        });
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}
