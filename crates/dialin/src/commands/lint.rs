//! `dialin lint`: the traps in the files.

use crate::command::Entry;
use crate::lint::{self, Files};
use crate::see::finding::{Finding, report};
use crate::session::Session;
use crate::tool;
use anyhow::Result;
use clap::{ArgMatches, Command};
use std::time::Duration;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "lint", reads: &["*"], build, run };

const PPPD: &str = "/usr/sbin/pppd";

fn build(command: Command) -> Command {
    command.about("Says which traps are in the files, and how to come out of them")
}

fn run(session: &Session, _: &ArgMatches) -> Result<u8> {
    let (files, mut findings) = Files::gather(&session.root, &session.places)?;
    findings.extend(lint::all(&files));
    if session.root.is_host() {
        findings.extend(tried(&files));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
    Ok(report(session, &findings))
}

/// Tries the command that callers' PPP is started with, as pppd itself would read it.
fn tried(files: &Files) -> Option<Finding> {
    let (place, words) = lint::autoppp(files)?;
    if !std::path::Path::new(PPPD).exists() {
        return None;
    }
    // Arguments that stand for the caller.
    let words = words.split_whitespace().filter(|word| !matches!(*word, "@" | "\\I" | "\\Y"));
    let arguments: Vec<&str> = words.chain(["dryrun", "nodetach", "notty"]).collect();
    match tool::run(PPPD, &arguments, Duration::from_secs(10)) {
        Err(why) => Some(Finding::problem(place, why, "")),
        // 2: an option it does not take. All else (no PPP in the kernel, no right) says nothing of the line.
        Ok(told) if told.code != Some(2) => None,
        Ok(told) => {
            let why =
                told.err.lines().next().or(told.out.lines().next()).unwrap_or("without a word").to_string();
            let says = format!("pppd does not take this command: {why}");
            Some(Finding::problem(place, says, "mend the line; `pppd … dryrun` shows what it makes of it"))
        }
    }
}
