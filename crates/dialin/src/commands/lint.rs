//! `dialin lint`: the traps in the files.

use crate::command::Entry;
use crate::lint::{self, Files};
use crate::places;
use crate::see::finding::{Finding, report};
use crate::session::Session;
use crate::tool;
use anyhow::Result;
use clap::{ArgMatches, Command};
use std::collections::BTreeSet;
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

/// Tries each command that starts PPP for callers as pppd itself would read it: by itself, then on each line that
/// has options of its own.
fn tried(files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !std::path::Path::new(PPPD).exists() {
        return findings;
    }
    let lines: BTreeSet<&str> = files
        .served
        .iter()
        .filter(|served| served.runs && served.untouched().is_none())
        .map(|served| served.line.as_str())
        .filter(|line| files.has(&places::line_options(line)))
        .collect();
    for (place, words) in lint::pppd_commands(files) {
        if let Some(why) = refusal(&words) {
            let says = format!("pppd does not take this command: {why}");
            findings.push(Finding::problem(place, says, REMEDY));
            continue;
        }
        for line in &lines {
            // pppd reads them where it gets the line, after all the rest.
            let options = places::line_options(line);
            if let Some(why) = refusal(&[words.as_slice(), &["file".into(), options.clone()]].concat()) {
                let says = format!("pppd does not take them for callers of {line} ({place}): {why}");
                findings.push(Finding::problem(options, says, REMEDY));
            }
        }
    }
    findings
}

const REMEDY: &str = "mend the line; `pppd OPTIONS dryrun` shows what it makes of it";

/// Why pppd refuses these options.
fn refusal(words: &[String]) -> Option<String> {
    let words = words.iter().map(String::as_str).chain(["dryrun", "nodetach", "notty"]);
    match tool::run(PPPD, &words.collect::<Vec<_>>(), Duration::from_secs(10)) {
        Err(why) => Some(why),
        // 2: an option it does not take. All else (no PPP in the kernel, no right) says nothing of the line.
        Ok(told) if told.code != Some(2) => None,
        Ok(told) => {
            let said = told.err.lines().next().or(told.out.lines().next());
            Some(said.unwrap_or("without a word").to_string())
        }
    }
}
