//! `dialin doctor`: whether the machine, and the modems on some lines, can do the work.

use crate::command::Entry;
use crate::doctor::{Facts, examine};
use crate::see::finding::{Finding, report};
use crate::session::Session;
use crate::tool;
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde_json::Value;
use std::time::Duration;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "doctor", reads: &["*"], build, run };

/// How long a modem may take to be asked at five speeds.
const PROBE: Duration = Duration::from_secs(60);
/// How long the packet filter may take.
const FILTER: Duration = Duration::from_secs(5);

fn build(command: Command) -> Command {
    command
        .about("Looks whether this machine can be a dial-in server, and says what to type where it cannot")
        .arg(Arg::new("line").value_name("LINE").num_args(0..).help("asks the modems on these lines too"))
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let mut facts = Facts::gather(&session.root, &session.places.login_config())?;
    if session.root.is_host() {
        facts.masquerades = masquerades();
    }
    let mut findings = examine(&facts);
    for line in matches.get_many::<String>("line").unwrap_or_default() {
        if !session.root.is_host() {
            anyhow::bail!("modems are on the running machine: no lines with --root");
        }
        session.role.require("test", Some(&super::line::named(line)?))?;
        findings.extend(modem(line));
    }
    Ok(report(session, &findings))
}

/// Asks nft and iptables, whichever is there. `None`: nobody knows.
fn masquerades() -> Option<bool> {
    let says = |program: &str, arguments: &[&str], words: &[&str]| {
        let told = tool::run(program, arguments, FILTER).ok().filter(|told| told.code == Some(0))?;
        Some(words.iter().any(|word| told.out.contains(word)))
    };
    let nft = says("nft", &["list", "ruleset"], &["masquerade", "snat"]);
    let tables = says("iptables", &["-t", "nat", "-S"], &["MASQUERADE", "SNAT"]);
    match (nft, tables) {
        (None, None) => None,
        (nft, tables) => Some(nft == Some(true) || tables == Some(true)),
    }
}

/// What mgetty finds out about a line's modem.
fn modem(line: &str) -> Vec<Finding> {
    let told = match tool::run("mgetty", &["--probe", line, "--json"], PROBE) {
        Ok(told) => told,
        Err(why) => return vec![Finding::problem(line, why, "")],
    };
    let Ok(value) = serde_json::from_str::<Value>(&told.out) else {
        let why = told.err.trim().trim_start_matches("mgetty: ").to_string();
        return vec![Finding::problem(line, why, "")];
    };
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
    let mut findings = vec![Finding::good(
        line,
        format!("a modem answers, profile {}: {}", text("profile"), text("family")),
    )];
    if text("caller_id").is_empty() {
        let says = "the modem tells no caller's number, or not by a command we know";
        findings.push(Finding::note(line, says, ""));
    }
    let quirks = text("quirks");
    if !quirks.is_empty() {
        findings.push(Finding::note(line, format!("quirks of its family: {quirks}"), ""));
    }
    findings
}
