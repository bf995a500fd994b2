//! `dialin doctor`: whether the machine, and the modems on some lines, can do the work.

use crate::command::Entry;
use crate::doctor::{Facts, examine};
use crate::modem::Modem;
use crate::see::finding::{Finding, report};
use crate::session::Session;
use crate::tool;
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use std::time::Duration;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "doctor", reads: &["*"], build, run };

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

/// How the modem is set at the moment: whether a caller is let go, and can be kept from its command state.
fn settings(line: &str, modem: &Modem) -> Vec<Finding> {
    let mut findings = Vec::new();
    match modem.fact("dtr") {
        "&D0" => findings.push(Finding::problem(
            line,
            "the modem does not hang up when DTR falls (&D0): a call may go on when its program has ended",
            "put AT&D3 (or AT&D2) into init-chat of mgetty.config",
        )),
        "&D1" => findings.push(Finding::problem(
            line,
            "the modem keeps the call when DTR falls (&D1)",
            "put AT&D3 (or AT&D2) into init-chat of mgetty.config",
        )),
        "" => findings.push(Finding::note(
            line,
            "the modem does not tell whether it hangs up when DTR falls",
            format!("call, end the program, and see whether the call ends: dialin test {line} --dial NUMBER"),
        )),
        set => findings.push(Finding::good(line, format!("hangs up when DTR falls ({set})"))),
    }
    let number = |name: &str| modem.fact(name).parse::<u16>().ok();
    match (number("escape_character"), number("escape_guard")) {
        (Some(sign), _) if sign > 127 => {
            findings.push(Finding::good(line, "nothing in the data takes it out of a call (S2 is above 127)"))
        }
        (Some(_), Some(0)) => findings.push(Finding::problem(
            line,
            "+++ within the data takes the modem out of a call: its guard time is 0 (S12)",
            "put ATS12=50 into init-chat of mgetty.config, or ATS2=128, which ends the escape altogether",
        )),
        (Some(_), Some(guard)) => findings.push(Finding::good(
            line,
            format!("+++ counts only in a pause of {} ms (S12={guard})", u32::from(guard) * 20),
        )),
        _ => {}
    }
    let tells = modem.fact("caller_id").contains("+VCID");
    if tells && modem.fact("caller_id_set").trim_start_matches("+VCID:").trim() == "0" {
        findings.push(Finding::note(
            line,
            "the modem could tell the caller's number, and is not told to (AT+VCID=1)",
            "set modem-profile auto in mgetty.config, or put AT+VCID=1 into init-chat",
        ));
    }
    findings
}

/// What mgetty finds out about a line's modem.
fn modem(line: &str) -> Vec<Finding> {
    let modem = match Modem::ask(line) {
        Ok(modem) => modem,
        Err(why) => return vec![Finding::problem(line, why, "")],
    };
    let mut findings = vec![Finding::good(line, modem.describe())];
    if modem.fact("caller_id").is_empty() {
        let says = "the modem tells no caller's number, or not by a command we know";
        findings.push(Finding::note(line, says, ""));
    }
    findings.extend(settings(line, &modem));
    let quirks = modem.fact("quirks");
    if !quirks.is_empty() {
        findings.push(Finding::note(line, format!("quirks of its family: {quirks}"), ""));
    }
    findings
}
