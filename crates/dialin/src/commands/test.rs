//! `dialin test LINE`: whether its modem answers, and with `--dial` whether calls connect; for a timer too.

use crate::command::{Entry, code};
use crate::json::shown;
use crate::modem::Modem;
use crate::session::{Session, say};
use crate::tool;
use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "test", reads: &[], build, run };

/// Between two calls: modems refuse numbers that are dialled again too soon.
const BETWEEN: Duration = Duration::from_secs(5);

fn build(command: Command) -> Command {
    let number = |name: &'static str, of: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name(of)
            .default_value(default)
            .value_parser(clap::value_parser!(u64).range(1..=1000))
            .help(help)
    };
    command
        .about("Tests a line: its modem, and with --dial calls to a number (exit status 3: it failed)")
        .arg(Arg::new("line").value_name("LINE").required(true))
        .arg(
            Arg::new("dial")
                .long("dial")
                .value_name("NUMBER")
                .help("calls this number and waits for CONNECT"),
        )
        .arg(number("times", "N", "1", "so many calls"))
        .arg(number("wait", "SECONDS", "60", "how long a call may take to connect"))
}

/// One test: what it was, whether it went well, what was said, how long it took.
struct Outcome {
    what: String,
    good: bool,
    says: String,
    took: Duration,
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    if !session.root.is_host() {
        bail!("modems are on the running machine: there is nothing to test below --root");
    }
    let line = matches.get_one::<String>("line").map_or("", String::as_str);
    // A right for a line is none for a path of one's own.
    let bare = &super::line::named(line)?;
    session.role.require("test", Some(bare))?;
    let device = format!("/dev/{bare}");
    let number = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(1);
    let mut outcomes = Vec::new();
    match matches.get_one::<String>("dial") {
        None => outcomes.push(probe(&device)),
        Some(to) => {
            check(to)?;
            if session.plans_only() {
                bail!("nothing is dialled with --plan");
            }
            for call in 0..number("times") {
                if call > 0 {
                    std::thread::sleep(BETWEEN);
                }
                let outcome = dial(&device, to, Duration::from_secs(number("wait")));
                if !session.json {
                    tell(&outcome);
                }
                outcomes.push(outcome);
            }
        }
    }
    let good = outcomes.iter().filter(|outcome| outcome.good).count();
    if session.json {
        let all: Vec<Value> = outcomes
            .iter()
            .map(|o| json!({ "test": o.what, "good": o.good, "says": o.says, "seconds": o.took.as_secs_f64() }))
            .collect();
        say(shown(&json!({ "line": bare, "good": good, "tests": all })));
    } else if matches.contains_id("dial") && matches.get_one::<String>("dial").is_some() {
        say(format!("{good} of {} calls connected", outcomes.len()));
    } else {
        outcomes.iter().for_each(tell);
    }
    Ok(if good == outcomes.len() { code::DONE } else { code::NO })
}

fn tell(outcome: &Outcome) {
    let word = if outcome.good { "ok" } else { "FAILED" };
    let text = format!("{word:6}  {} ({:.1} s): {}", outcome.what, outcome.took.as_secs_f64(), outcome.says);
    say(visible::line(text));
}

/// What may stand in a number of the administrator's: digits, `+ * #`, pauses and ways of dialling.
fn check(number: &str) -> Result<()> {
    let may = |c: char| c.is_ascii_digit() || "+*#,WwPpTt-. ()".contains(c);
    if number.is_empty()
        || number.len() > 40
        || !number.chars().all(may)
        || !number.contains(|c: char| c.is_ascii_digit())
    {
        bail!("{}: no number a modem could dial", visible::terminal(number));
    }
    Ok(())
}

fn probe(device: &str) -> Outcome {
    let begun = Instant::now();
    let (good, says) = match Modem::ask(device) {
        Ok(modem) => (true, modem.describe()),
        Err(why) => (false, why),
    };
    Outcome { what: format!("{device}: modem"), good, says, took: begun.elapsed() }
}

/// Calls and hangs up again: the last close of the line lets DTR fall.
fn dial(device: &str, number: &str, limit: Duration) -> Outcome {
    let begun = Instant::now();
    let wait = limit.as_secs().to_string();
    let command = format!("ATD{}", number.replace([' ', '(', ')', '.', '-'], ""));
    let script = [
        "--device",
        device,
        "--lock",
        "--why",
        "-e",
        "TIMEOUT",
        "5",
        "ABORT",
        "BUSY",
        "ABORT",
        "NO CARRIER",
        "ABORT",
        "NO DIALTONE",
        "ABORT",
        "NO DIAL TONE",
        "ABORT",
        "NO ANSWER",
        "ABORT",
        "ERROR",
        "ABORT",
        "DELAYED",
        "ABORT",
        "BLACKLISTED",
        "ABORT",
        "VOICE",
        "REPORT",
        "CONNECT",
        "",
        "ATE0V1Q0",
        "OK",
        &command,
        "TIMEOUT",
        &wait,
        "CONNECT",
        "\\c",
    ];
    let what = format!("{device}: call to {number}");
    match tool::run("chat", &script, limit + Duration::from_secs(30)) {
        Err(why) => Outcome { what, good: false, says: why, took: begun.elapsed() },
        Ok(told) => {
            let good = told.code == Some(0);
            let lines = || told.err.lines().map(str::trim);
            let says = if good {
                lines().find(|line| line.contains("CONNECT")).unwrap_or("CONNECT").to_string()
            } else {
                lines()
                    .rfind(|line| line.starts_with("chat: "))
                    .or(lines().next_back())
                    .unwrap_or("failed")
                    .to_string()
            };
            Outcome { what, good, says, took: begun.elapsed() }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_numbers_are_dialled() {
        for number in ["123", "0,123", "+49 (30) 12-3", "T*70W1"] {
            assert!(super::check(number).is_ok(), "{number}");
        }
        for number in ["", "12;H", "1\r2", "abc", "+", "1\\n", "'1'", &"1".repeat(41)] {
            assert!(super::check(number).is_err(), "{number}");
        }
    }
}
