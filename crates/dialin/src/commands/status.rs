//! `dialin status` and `dialin top`: what the lines are doing.

use crate::command::{Entry, code};
use crate::json::shown;
use crate::see::columns::columns;
use crate::see::lines::{self, Line};
use crate::see::screen::Screen;
use crate::see::times;
use crate::see::{history, history::Wanted};
use crate::session::{Session, say, say_text};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// The table's entry.
pub const STATUS: Entry = Entry { name: "status", reads: &["*"], build: build_status, run: run_status };
/// The table's entry.
pub const TOP: Entry = Entry { name: "top", reads: &["*"], build: build_top, run: run_top };

fn build_status(command: Command) -> Command {
    command.about("Shows what each line is doing").arg(line_argument())
}

fn line_argument() -> Arg {
    Arg::new("line").value_name("LINE").num_args(0..).help("these lines only")
}

fn build_top(command: Command) -> Command {
    command.about("Shows lines and the last calls, and keeps the screen up to date").arg(
        Arg::new("every")
            .long("every")
            .value_name("SECONDS")
            .default_value("1")
            .value_parser(clap::value_parser!(u64).range(1..=3600))
            .help("looks this often"),
    )
}

fn chosen(session: &Session, matches: &ArgMatches) -> Result<Vec<Line>> {
    let bare = |line: &str| line.strip_prefix("/dev/").unwrap_or(line).to_string();
    let names: Vec<String> =
        matches.get_many::<String>("line").unwrap_or_default().map(|line| bare(line)).collect();
    let all = lines::all(&session.root)?;
    for name in &names {
        if !all.iter().any(|line| line.state.line == *name) {
            anyhow::bail!(
                "{name}: nothing is known of this line: no getty of ours has had it since the machine was started"
            );
        }
    }
    Ok(all.into_iter().filter(|line| names.is_empty() || names.contains(&line.state.line)).collect())
}

fn run_status(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let lines = chosen(session, matches)?;
    if session.json {
        let all = lines.iter().filter_map(|line| {
            let mut value: Value = serde_json::from_str(&line.state.to_json()).ok()?;
            value.as_object_mut()?.insert("stale".into(), line.stale.into());
            Some(value)
        });
        say(shown(&Value::from(all.collect::<Vec<_>>())));
    } else if lines.is_empty() {
        say("no line has a getty of ours (yet); `dialin line list` shows what is configured");
    } else {
        say_text(&table(&lines, SystemTime::now()));
    }
    Ok(code::DONE)
}

/// The lines for people.
fn table(lines: &[Line], now: SystemTime) -> String {
    let mut rows = vec![["LINE", "DOING", "FOR", "CALLER", "USER", "DETAILS"].map(String::from).to_vec()];
    for line in lines {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        rows.push(vec![
            line.state.line.clone(),
            line.doing(),
            line.lasting(now).map(times::lasting).unwrap_or_default(),
            text(&line.state.caller),
            line.state.doing_for().unwrap_or_default().to_string(),
            line.details(),
        ]);
    }
    columns(&rows)
}

/// How many calls `top` shows at most, and how old they may be.
const CALLS: usize = 200;
const RECENT: Duration = Duration::from_secs(86_400);

fn run_top(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let every = Duration::from_secs(matches.get_one::<u64>("every").copied().unwrap_or(1));
    let mut screen = Screen::open()?;
    loop {
        let now = SystemTime::now();
        let mut text = format!("dialin top, {}; q ends\n\n", ttyline::record::stamp(now));
        let lines = lines::all(&session.root)?;
        if lines.is_empty() {
            text.push_str("no line has a getty of ours (yet)\n");
        } else {
            text.push_str(&table(&lines, now));
        }
        text.push_str("\nthe last calls\n");
        text.push_str(&super::calls::table(&last_calls(session, now)));
        screen.show(&text)?;
        if screen.ended(every)? {
            return Ok(code::DONE);
        }
    }
}

/// Newest first.
fn last_calls(session: &Session, now: SystemTime) -> Vec<history::Call> {
    let wanted = Wanted { since: now.checked_sub(RECENT), ..Wanted::default() };
    let mut calls = std::collections::VecDeque::new();
    // A record that cannot be read is no reason to leave the screen.
    let _ = history::read(&session.root, &wanted, |call| {
        calls.push_front(call);
        calls.truncate(CALLS);
    });
    calls.into()
}
