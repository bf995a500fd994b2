//! `dialin autoppp`: whether a caller who speaks PPP at once gets pppd.

use crate::command::{Entry, code};
use crate::commands::account;
use crate::draft::{Draft, Readers};
use crate::places;
use crate::session::{Session, say, say_json};
use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;
use ttyline::config::login::{AUTO_PPP, MOST_ARGUMENTS, key_matches};
use ttyline::config::login_edit::{self, NewEntry};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "autoppp", reads: &["show"], build, run };

/// Where pppd is.
pub const PPPD: &str = "/usr/sbin/pppd";

fn build(command: Command) -> Command {
    let args = Arg::new("args")
        .long("args")
        .value_name("ARGUMENTS")
        .help("pppd's arguments (`call dialin` where /etc/ppp/peers/dialin is there, else `auth`)");
    command
        .about("Lets callers that speak PPP at once have pppd, or not")
        .subcommand_required(true)
        .subcommand(Command::new("show").about("Tells whether it is on, and what is run"))
        .subcommand(
            Command::new("on").about("On; arguments that are there stay unless --args is given").arg(args),
        )
        .subcommand(Command::new("off").about("Off: the line is kept behind a #"))
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let path = session.places.login_config();
    let mut draft = session.draft();
    match matches.subcommand() {
        Some(("on", own)) => {
            on(&mut draft, &path, own.get_one::<String>("args").map(String::as_str))?;
            account::warn_of_open_doors(&mut draft, &session.places)?;
            session.carry_out(draft)
        }
        Some(("off", _)) => {
            off(&mut draft, &path)?;
            session.carry_out(draft)
        }
        _ => show(session, &path),
    }
}

fn show(session: &Session, path: &str) -> Result<u8> {
    let text = session.root.read(path)?.unwrap_or_default();
    let lines = login_edit::lines(&text);
    let found = lines
        .iter()
        .filter(|line| !line.is_after_callback())
        .find(|line| key_matches(line.key.as_bytes(), AUTO_PPP));
    let on = found.filter(|line| line.key.as_bytes() == AUTO_PPP);
    if session.json {
        say_json(&json!({ "on": on.is_some(), "command": on.map(login_edit::Line::command),
                          "line": on.map(|l| l.at.line) }));
        return Ok(code::DONE);
    }
    match (on, found) {
        (Some(line), _) => {
            say(format!("on: {} ({}:{})", visible::line(line.command()), session.root.shown(path), line.at));
        }
        (None, Some(line)) => say(format!(
            "off: `{}` ({}:{}) stands before any /AutoPPP/ line and takes such callers",
            visible::line(&line.key),
            session.root.shown(path),
            line.at
        )),
        (None, None) => say("off"),
    }
    Ok(code::DONE)
}

/// Switches it on.
///
/// # Errors
/// Arguments that login.config cannot hold.
pub fn on(draft: &mut Draft<'_>, path: &str, arguments: Option<&str>) -> Result<()> {
    if let Some(arguments) = arguments {
        let count = arguments.split_ascii_whitespace().count();
        if count > MOST_ARGUMENTS {
            bail!(
                "{count} arguments: login.config takes {MOST_ARGUMENTS} at most; put the rest into {} and say `call dialin`",
                places::DIALIN_PEER
            );
        }
        if arguments.contains(['"', '\'', '\\', '\n']) {
            bail!(
                "login.config knows no quotes; put such options into {} and say `call dialin`",
                places::DIALIN_PEER
            );
        }
    }
    let text = draft.text(path)?;
    let lines = login_edit::lines(&text);
    let catch_all =
        lines.iter().position(|l| key_matches(l.key.as_bytes(), AUTO_PPP) && l.key.as_bytes() != AUTO_PPP);
    let own = lines.iter().position(|l| l.key.as_bytes() == AUTO_PPP);
    let reached = own.filter(|at| catch_all.is_none_or(|all| *at < all)).and_then(|at| lines.get(at));
    if let Some(line) = reached {
        let Some(arguments) = arguments else { return Ok(()) };
        let command = format!("{PPPD} {arguments}");
        if line.command() != command.trim_end() {
            draft.write(path, login_edit::with_command(&text, line, command.trim_end()), Readers::Owner)?;
        }
        return Ok(());
    }
    // One that stands below `*` is never reached: it moves up with its arguments.
    let unreached = own.and_then(|at| lines.get(at));
    if arguments.is_none() && unreached.is_none() {
        if let Some(text) = switched_on(&text) {
            return draft.write(path, text, Readers::Owner);
        }
    }
    let command = match (arguments, unreached) {
        (Some(arguments), _) => format!("{PPPD} {arguments}"),
        (None, Some(line)) => line.command(),
        (None, None) if draft.read(places::DIALIN_PEER)?.is_some() => format!("{PPPD} call dialin"),
        (None, None) => format!("{PPPD} auth"),
    };
    let text = unreached.map_or(text.clone(), |line| login_edit::without(&text, line));
    let entry = NewEntry { key: "/AutoPPP/", user: "-", utmp: "a_ppp", command: command.trim_end() };
    draft.write(path, login_edit::with_entry(&text, &entry), Readers::Owner)
}

/// Switches it off.
///
/// # Errors
/// The file cannot be read.
pub fn off(draft: &mut Draft<'_>, path: &str) -> Result<()> {
    loop {
        let text = draft.text(path)?;
        let lines = login_edit::lines(&text);
        let Some(line) = lines.iter().find(|l| l.key.as_bytes() == AUTO_PPP) else { return Ok(()) };
        draft.write(path, login_edit::switched_off(&text, line), Readers::Owner)?;
    }
}

/// The file with a `#/AutoPPP/` line (what `off` leaves, and what distributions ship) in force again, if it
/// would be reached there.
fn switched_on(text: &[u8]) -> Option<Vec<u8>> {
    let mut start = 0;
    for line in text.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b"#/AutoPPP/ ") || line.starts_with(b"#/AutoPPP/\t") {
            let mut new = text.to_vec();
            new.remove(start);
            let lines = login_edit::lines(&new);
            let first = lines.iter().find(|l| key_matches(l.key.as_bytes(), AUTO_PPP))?;
            if first.key.as_bytes() == AUTO_PPP && !first.command().is_empty() {
                return Some(new);
            }
        }
        start += line.len();
    }
    None
}
