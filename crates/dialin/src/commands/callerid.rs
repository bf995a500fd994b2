//! `dialin callerid`: dialin.config, which callers are answered.

use crate::command::{Entry, code};
use crate::draft::Readers;
use crate::session::{Session, say, say_json};
use anyhow::{Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use ttyline::config::dialin_edit::{self, Rule};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "callerid", reads: &["list", "test"], build, run };

fn build(command: Command) -> Command {
    let place = |help: &'static str| {
        Arg::new("place").value_name("N").required(true).help(help).value_parser(clap::value_parser!(usize))
    };
    let number = Arg::new("number").value_name("NUMBER").required(true).help(
        "the beginning of numbers (digits, +, letters as O and P), `none` for callers without one, `all`",
    );
    let deny = Arg::new("deny").long("deny").action(ArgAction::SetTrue).help("such callers are not answered");
    command
        .about("Lists or edits the callers that are answered (dialin.config)")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Lists the rules in their order: the first that fits decides"))
        .subcommand(
            Command::new("add")
                .about("Adds a rule, before the first one that is for everybody")
                .arg(number.clone())
                .arg(deny.clone())
                .arg(
                    Arg::new("at")
                        .long("at")
                        .value_name("N")
                        .value_parser(clap::value_parser!(usize))
                        .help("as the Nth rule"),
                ),
        )
        .subcommand(
            Command::new("set")
                .about("Replaces the Nth rule")
                .arg(place("the rule"))
                .arg(number.clone())
                .arg(deny),
        )
        .subcommand(
            Command::new("mv").about("Moves a rule").arg(place("the rule")).arg(
                Arg::new("to").value_name("TO").required(true).help("`up`, `down` or the place it gets"),
            ),
        )
        .subcommand(Command::new("rm").about("Takes a rule away").arg(place("the rule")))
        .subcommand(
            Command::new("test")
                .about("Tells whether a caller is answered, and which rule decides (exit status 3: no)")
                .arg(
                    Arg::new("caller")
                        .value_name("CALLER")
                        .required(true)
                        .help("the number as the modem tells it, or `none`"),
                ),
        )
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let path = session.places.dialin_config();
    match matches.subcommand() {
        Some(("list", _)) => list(session, &path),
        Some(("test", own)) => {
            test(session, &path, own.get_one::<String>("caller").map_or("", String::as_str))
        }
        Some((name, own)) => edit(session, &path, name, own),
        None => Ok(code::USAGE),
    }
}

fn list(session: &Session, path: &str) -> Result<u8> {
    let text = session.root.read(path)?.unwrap_or_default();
    let rules = dialin_edit::rules(&text);
    if session.json {
        let all: Vec<_> = rules
            .iter()
            .zip(1..)
            .map(|(r, n)| json!({ "n": n, "number": r.prefix(), "allow": r.allows(), "line": r.at.line, "remark": remark(&rules, n - 1) }))
            .collect();
        say_json(&serde_json::Value::from(all));
        return Ok(code::DONE);
    }
    for (n, rule) in rules.iter().enumerate() {
        let who = match rule.prefix() {
            "all" | "" => "everybody".to_string(),
            "none" => "callers without a number".into(),
            prefix => format!("numbers that begin with {}", visible::line(prefix)),
        };
        let verdict = if rule.allows() { "answer" } else { "refuse" };
        let remark = remark(&rules, n).map_or(String::new(), |r| format!("   ({r})"));
        say(format!("{:>3}  {verdict}  {who}{remark}", n + 1));
    }
    say("     answer  whoever is left");
    Ok(code::DONE)
}

/// What is odd about a rule.
fn remark(rules: &[Rule], n: usize) -> Option<&'static str> {
    let rule = rules.get(n)?;
    if rules.iter().take(n).any(Rule::is_final) {
        return Some("never reached: a rule above is for everybody");
    }
    if rules
        .iter()
        .take(n)
        .any(|r| !r.is_final() && r.prefix() != "none" && rule.prefix().starts_with(r.prefix()))
    {
        return Some("never reached: a rule above takes all these numbers");
    }
    if rule.prefix().starts_with('#') {
        return Some(
            "a # behind other words begins no comment: this is a rule, and so is each word behind it",
        );
    }
    (rule.text == "!").then_some("a lone ! refuses everybody")
}

fn test(session: &Session, path: &str, caller: &str) -> Result<u8> {
    let text = session.root.read(path)?.unwrap_or_default();
    let rules = dialin_edit::rules(&text);
    let found = rules.iter().position(|r| r.decides(caller));
    let allowed = found.and_then(|n| rules.get(n)).is_none_or(Rule::allows);
    let verdict = if allowed { "answered" } else { "refused" };
    if session.json {
        say_json(&json!({ "caller": caller, "answered": allowed, "rule": found.map(|n| n + 1) }));
    } else if let Some((n, rule)) = found.and_then(|n| Some((n, rules.get(n)?))) {
        let at = format!("{}:{}", session.root.shown(path), rule.at);
        say(format!(
            "{} is {verdict} by rule {}, `{}` ({at})",
            visible::line(caller),
            n + 1,
            visible::line(&rule.text)
        ));
    } else {
        say(format!("{} is {verdict}: no rule is about it", visible::line(caller)));
    }
    Ok(if allowed { code::DONE } else { code::NO })
}

fn edit(session: &Session, path: &str, name: &str, own: &ArgMatches) -> Result<u8> {
    let mut draft = session.draft();
    let text = draft.text(path)?;
    let rules = dialin_edit::rules(&text);
    let rule_text = || {
        let number = own.get_one::<String>("number").map_or("", String::as_str);
        let text = if own.get_flag("deny") { format!("!{number}") } else { number.to_string() };
        if !dialin_edit::is_rule(&text) || number.starts_with('!') {
            bail!(
                "`{}` is no rule: the beginning of a number without blanks and commas, `none` or `all`, perhaps with --deny",
                visible::terminal(number)
            );
        }
        Ok(text)
    };
    let chosen = || {
        let n = own.get_one::<usize>("place").copied().unwrap_or(0);
        match n.checked_sub(1).filter(|at| *at < rules.len()) {
            Some(at) => Ok(at),
            None => bail!("there is no rule {n}; `dialin callerid list` shows {}", rules.len()),
        }
    };
    let new = match name {
        "add" => {
            let place = match own.get_one::<usize>("at").copied() {
                Some(n) if n == 0 || n > rules.len() + 1 => {
                    bail!("--at {n}: no place; 1 to {} are", rules.len() + 1)
                }
                at => at.map(|n| n - 1),
            };
            let text_of_rule = rule_text()?;
            if rules.iter().any(|r| r.text == text_of_rule) && place.is_none() {
                text
            } else {
                dialin_edit::with_rule(&text, &text_of_rule, place)
            }
        }
        "set" => match rules.get(chosen()?) {
            Some(rule) => dialin_edit::with_text(&text, rule, &rule_text()?),
            None => text,
        },
        "mv" => {
            let from = chosen()?;
            let to = match own.get_one::<String>("to").map_or("", String::as_str) {
                "up" => from.saturating_sub(1),
                "down" => (from + 1).min(rules.len() - 1),
                word => match word.parse::<usize>() {
                    Ok(n) if n >= 1 && n <= rules.len() => n - 1,
                    _ => bail!(
                        "`{}` is no place: `up`, `down` or 1 to {}",
                        visible::terminal(word),
                        rules.len()
                    ),
                },
            };
            dialin_edit::moved(&text, from, to)
        }
        _ => match rules.get(chosen()?) {
            Some(rule) => dialin_edit::without(&text, rule),
            None => text,
        },
    };
    // A rule that comes to stand first on its line and begins with # would be a comment.
    let count = dialin_edit::rules(&new).len();
    let wanted = match name {
        "add" if new != draft.text(path)? => rules.len() + 1,
        "rm" => rules.len() - 1,
        _ => rules.len(),
    };
    if count != wanted {
        bail!(
            "{}: words that begin with # would change their meaning; mend these lines first (nothing was changed)",
            session.root.shown(path)
        );
    }
    let all = dialin_edit::rules(&new);
    for n in 0..all.len() {
        if let (Some(rule), Some(remark)) = (all.get(n), remark(&all, n)) {
            draft.note(format!("rule {} `{}`: {remark}", n + 1, rule.text));
        }
    }
    if !new.is_empty() || draft.read(path)?.is_some() {
        draft.write(path, new, Readers::All)?;
    }
    session.carry_out(draft)
}
