//! `dialin ppp`: pppd's options, for all, for callers, or for one line.

use crate::command::{Entry, code};
use crate::draft::{Draft, Readers};
use crate::mask;
use crate::places;
use crate::session::{Session, say, say_json};
use anyhow::{Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use std::net::Ipv4Addr;
use ttyline::config::ppp_options::{self, ADDRESSES, Kind};
use ttyline::config::ppp_words;
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "ppp", reads: &["show"], build, run };

fn build(command: Command) -> Command {
    let line = Arg::new("line").long("line").value_name("LINE").help("options of this line only");
    let dialin = Arg::new("dialin")
        .long("dialin")
        .action(ArgAction::SetTrue)
        .conflicts_with("line")
        .help("options of callers only (/etc/ppp/peers/dialin)");
    command
        .about("Shows or sets pppd's options")
        .subcommand_required(true)
        .subcommand(
            Command::new("show")
                .about("Lists the options with their places")
                .arg(line.clone())
                .arg(dialin.clone()),
        )
        .subcommand(
            Command::new("set")
                .about("Sets options")
                .arg(line)
                .arg(dialin)
                .arg(
                    Arg::new("option")
                        .value_name("OPTION[=VALUE]")
                        .num_args(0..)
                        .help("an option of pppd, or LOCAL:REMOTE addresses; ms-dns may come twice"),
                )
                .arg(
                    Arg::new("unset")
                        .long("unset")
                        .value_name("OPTION")
                        .action(ArgAction::Append)
                        .help("back to what pppd does by itself (`addresses` for the pair)"),
                ),
        )
}

fn file(matches: &ArgMatches) -> Result<String> {
    if matches.get_flag("dialin") {
        return Ok(places::DIALIN_PEER.into());
    }
    match matches.get_one::<String>("line") {
        Some(line) => Ok(places::line_options(&super::line::named(line)?)),
        None => Ok(places::OPTIONS.into()),
    }
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    match matches.subcommand() {
        Some(("show", own)) => show(session, &file(own)?),
        Some((_, own)) => {
            if session.role.restricted() {
                session
                    .role
                    .require("ppp", own.get_one::<String>("line").map(|l| l.trim_start_matches("/dev/")))?;
                if own.get_one::<String>("line").is_none() && !session.role.may_everywhere("ppp") {
                    bail!("{} may set the options of single lines only (--line)", session.role.who);
                }
            }
            let mut draft = session.draft();
            let words: Vec<&str> =
                own.get_many::<String>("option").into_iter().flatten().map(String::as_str).collect();
            let unset: Vec<&str> =
                own.get_many::<String>("unset").into_iter().flatten().map(String::as_str).collect();
            if words.is_empty() && unset.is_empty() {
                bail!("say what to set: OPTION, OPTION=VALUE, LOCAL:REMOTE or --unset OPTION");
            }
            set(&mut draft, &file(own)?, &words, &unset)?;
            session.carry_out(draft)
        }
        None => Ok(code::USAGE),
    }
}

fn show(session: &Session, path: &str) -> Result<u8> {
    let text = session.root.read(path)?;
    let settings = ppp_options::read(text.as_deref().unwrap_or_default());
    if session.json {
        let all: Vec<_> = settings
            .iter()
            .map(|s| {
                let value = s.value.as_ref().map(|v| mask::option(&s.name, v));
                json!({ "option": s.name, "value": value, "file": path, "line": s.at.line, "column": s.at.column,
                        "known": s.kind != Kind::Unknown })
            })
            .collect();
        say_json(&serde_json::Value::from(all));
        return Ok(code::DONE);
    }
    if text.is_none() {
        say(format!("{}: there is no such file", session.root.shown(path)));
    }
    for s in &settings {
        let value = match &s.value {
            Some(value) => format!(" {}", mask::option(&s.name, value)),
            None => String::new(),
        };
        let doubt =
            if s.kind == Kind::Unknown { "   (pppd 2.4.9 does not know this; a plugin's?)" } else { "" };
        say(format!("{}:{}: {}{value}{doubt}", session.root.shown(path), s.at, visible::line(&s.name)));
    }
    Ok(code::DONE)
}

/// Sets and unsets options of a file.
///
/// # Errors
/// An option pppd does not know, a value that is none, a file that is damaged.
pub fn set(draft: &mut Draft<'_>, path: &str, words: &[&str], unset: &[&str]) -> Result<()> {
    let mut text = draft.text(path)?;
    check(draft, path, &text)?;
    let mut todo: Vec<(String, Vec<Option<String>>)> = Vec::new();
    for word in words {
        let (name, value) = understood(word)?;
        match todo.iter_mut().find(|(n, _)| *n == name) {
            Some((_, values)) if matches!(name.as_str(), "ms-dns" | "ms-wins" | "allow-ip") => {
                values.push(value)
            }
            Some((_, values)) => *values = vec![value],
            None => todo.push((name, vec![value])),
        }
    }
    for (number, (name, _)) in todo.iter().enumerate() {
        let rivals = ppp_options::rivals(name);
        let against =
            todo.iter().skip(number + 1).map(|(other, _)| other.as_str()).chain(unset.iter().copied());
        if let Some(other) = against.into_iter().find(|other| rivals.contains(other)) {
            bail!("`{name}` and `{other}` are against each other; say one of them");
        }
    }
    for (name, values) in &mut todo {
        if matches!(name.as_str(), "ms-dns" | "ms-wins") && values.len() > 2 {
            bail!(
                "{name} {} times: pppd tells callers two servers, and of more it keeps the last two; name two",
                values.len()
            );
        }
        let values: Vec<Option<&[u8]>> = values.iter().map(|v| v.as_ref().map(|v| v.as_bytes())).collect();
        text = ppp_options::with(&text, name, &values);
    }
    for name in unset {
        let name = if *name == "addresses" || ppp_options::is_pair(name) { ADDRESSES } else { name };
        text = ppp_options::without(&text, &ppp_options::rivals(name));
    }
    if text != draft.text(path)? || (draft.read(path)?.is_none() && !text.is_empty()) {
        draft.write(path, text, Readers::All)?;
    }
    Ok(())
}

/// Files in which nothing can be edited safely.
fn check(draft: &Draft<'_>, path: &str, text: &[u8]) -> Result<()> {
    let shown = draft.root().shown(path);
    if let Some(open) = ppp_words::words(text).iter().find(|w| w.open) {
        bail!("{shown}:{}: a quote that is never closed; mend that first (nothing was changed)", open.at);
    }
    if let Some(last) = ppp_options::read(text).last() {
        if last.value.is_none() && ppp_options::takes_value(&last.name) == Some(true) {
            bail!(
                "{shown}:{}: `{}` lacks its value; mend that first (nothing was changed)",
                last.at,
                visible::line(&last.name)
            );
        }
    }
    Ok(())
}

fn understood(word: &str) -> Result<(String, Option<String>)> {
    if ppp_options::is_pair(word) && !word.contains('=') {
        pair(word)?;
        return Ok((ADDRESSES.into(), Some(word.into())));
    }
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value.to_string())),
        None => (word, None),
    };
    let shown = visible::terminal(name);
    if name == ADDRESSES {
        let value = value.unwrap_or_default();
        if !ppp_options::is_pair(&value) {
            bail!(
                "addresses={}: LOCAL:REMOTE is expected, either may be left out",
                visible::terminal(&value)
            );
        }
        pair(&value)?;
        return Ok((ADDRESSES.into(), Some(value)));
    }
    match (ppp_options::takes_value(name), &value) {
        (None, _) => bail!("`{shown}` is no option pppd 2.4.9 knows; nothing was changed"),
        (Some(true), None) => bail!("`{shown}` needs a value: {shown}=VALUE"),
        (Some(false), Some(_)) => bail!("`{shown}` takes no value; to take it away say --unset {shown}"),
        _ => {}
    }
    if name == "password" {
        bail!(
            "a password on a command line is seen by everybody; put it into {} with `dialin account`",
            places::PAP
        );
    }
    if let Some(value) = &value {
        let bad = |expected: &str| bail!("{shown}={}: {expected} is expected", visible::terminal(value));
        match name {
            "idle" | "maxconnect" | "mtu" | "mru" | "lcp-echo-interval" | "lcp-echo-failure" | "holdoff"
            | "maxfail" | "unit" | "chap-interval"
                if value.parse::<u32>().is_err() =>
            {
                return bad("a number");
            }
            "ms-dns" | "ms-wins" | "netmask" if value.parse::<Ipv4Addr>().is_err() => {
                return bad("an IPv4 address (four numbers with dots)");
            }
            _ if value.len() > ppp_words::LONGEST => {
                bail!("{shown}: pppd takes words of at most {} bytes", ppp_words::LONGEST)
            }
            _ => {}
        }
    }
    Ok((name.into(), value))
}

/// Numbers that look like addresses must be some.
fn pair(word: &str) -> Result<()> {
    for side in word.split(':') {
        let numeric = !side.is_empty() && side.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if numeric && side.parse::<Ipv4Addr>().is_err() {
            bail!(
                "{}: `{side}` is no IPv4 address (four numbers from 0 to 255 with dots)",
                visible::terminal(word)
            );
        }
    }
    Ok(())
}
