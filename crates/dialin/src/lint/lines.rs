//! Traps of the lines: keywords, speeds, devices, callers' rules.

use super::Files;
use crate::places;
use crate::see::finding::Finding;
use crate::services::{By, Served};
use ttyline::config::call_policy;
use ttyline::config::callback::CallbackConfig;
use ttyline::config::caller_rules::CallerRules;
use ttyline::config::getty_command::Program;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::mserver;
use ttyline::config::spelling::did_you_mean;
use ttyline::config::{Document, Fault, Position, Problem, dialin};
use ttyline::speed;

pub(super) fn look(files: &Files, findings: &mut Vec<Finding>) {
    let document = |path: &str| Document::parse(files.get(path).to_vec());
    let mgetty = files.places.mgetty_config();
    problems(
        files,
        &mgetty,
        &MgettyConfig::check(&document(&mgetty)),
        &MgettyConfig::KEYWORDS.iter().map(|k| k.0).collect::<Vec<_>>(),
        findings,
    );
    speeds(files, &mgetty, &document(&mgetty), findings);
    let callback = files.places.callback_config();
    let known: Vec<&str> =
        CallbackConfig::KEYWORDS.iter().map(|k| k.0).chain(call_policy::KEYWORDS.iter().copied()).collect();
    problems(files, &callback, &callback_problems(&document(&callback)), &known, findings);
    let callers = files.places.dialin_config();
    problems(files, &callers, &dialin::check(files.get(&callers)), &[], findings);
    let rules = "/etc/ringback/caller-rules";
    problems(files, rules, &CallerRules::parse(&document(rules)).problems, &[], findings);
    gettys(files, findings);
    shared(files, findings);
}

/// What the original's callback would say, without what it does not know and ours does, and what ours would.
fn callback_problems(document: &Document) -> Vec<Problem> {
    let is_ours = |problem: &Problem| matches!(&problem.fault, Fault::UnknownKeyword(word) if call_policy::KEYWORDS.contains(&word.as_str()));
    let mut all = CallbackConfig::check(document);
    all.retain(|problem| !is_ours(problem));
    for problem in call_policy::load(&mut CallbackConfig::default(), document, None, None).1 {
        if !all.contains(&problem) {
            all.push(problem);
        }
    }
    all
}

fn problems(files: &Files, path: &str, problems: &[Problem], known: &[&str], findings: &mut Vec<Finding>) {
    for problem in problems {
        let mut remedy = String::new();
        if let Fault::UnknownKeyword(word) = &problem.fault {
            if let Some(meant) = did_you_mean(word, known.iter().copied()) {
                remedy = format!("{}: did you mean `{meant}`?", files.at(path, problem.at));
            }
        }
        let (place, says) = (files.at(path, problem.at), problem.fault.to_string());
        findings.push(if problem.is_mere_doubt() {
            Finding::note(place, says, remedy)
        } else {
            Finding::problem(place, says, remedy)
        });
    }
}

fn speeds(files: &Files, path: &str, document: &Document, findings: &mut Vec<Finding>) {
    for line in document.entries() {
        let Some(word) = line.keyword() else { continue };
        let value = String::from_utf8_lossy(&line.value()).into_owned();
        if ["speed", "switchbd"].contains(&word.text().as_ref()) {
            bad_speed(files.at(path, line.value_at()), value.trim(), findings);
        }
    }
}

fn bad_speed(place: String, value: &str, findings: &mut Vec<Finding>) {
    let Some(wanted) = speed::parse(value) else { return };
    if let Some(fault) = speed::fault(wanted) {
        findings.push(Finding::problem(
            place,
            format!("{wanted} bit/s {fault}"),
            format!("write the next real speed, {}", fault.next),
        ));
    }
}

fn gettys(files: &Files, findings: &mut Vec<Finding>) {
    for (number, served) in files.served.iter().enumerate() {
        let place = files.shown(&file_of(served));
        if served.runs && served.line.starts_with("cua") {
            findings.push(Finding::problem(
                place.clone(),
                format!("/dev/{}: call-out devices are gone from Linux", served.line),
                format!("write /dev/{}", served.line.replacen("cua", "ttyS", 1).replace("ttySa", "ttyS")),
            ));
        }
        if let (Program::Mgetty, Some(value)) = (served.command.program, served.command.value(b's')) {
            bad_speed(place.clone(), value, findings);
        }
        let other = files
            .served
            .iter()
            .take(number)
            .find(|other| other.runs && served.runs && other.line == served.line);
        if let Some(other) = other {
            findings.push(Finding::problem(
                place,
                format!(
                    "{} is served twice, by {} too: the two fight for the line",
                    served.line,
                    files.shown(&file_of(other))
                ),
                "keep one of them",
            ));
        }
    }
}

fn shared(files: &Files, findings: &mut Vec<Finding>) {
    let path = places::MSERVER;
    if !files.has(path) {
        return;
    }
    let text = String::from_utf8_lossy(files.get(path)).into_owned();
    let services = String::from_utf8_lossy(files.get("/etc/services")).into_owned();
    match mserver::Config::parse(&text, &|name| mserver::service_port(&services, name)) {
        Err(mistakes) => {
            for mistake in mistakes {
                findings.push(Finding::problem(files.at(path, mistake.at), mistake.text, ""));
            }
        }
        Ok(config) => {
            for line in config.lines.iter().filter(|line| line.is_open_to_all()) {
                let at = Position { line: line.line, column: 1 };
                findings.push(Finding::problem(
                    files.at(path, at),
                    format!("{}: whoever reaches port {} uses this modem", line.device.display(), line.port),
                    "name hosts instead of *, or demand certificates (tls=CERT,KEY,CLIENT-CA)",
                ));
            }
            for warning in config.warnings {
                findings.push(Finding::note(files.at(path, warning.at), warning.text, ""));
            }
        }
    }
}

/// Where a line's getty is configured.
#[must_use]
pub fn file_of(served: &Served) -> String {
    match &served.by {
        By::Inittab(line) => format!("{}:{}", places::INITTAB, line.at.line),
        By::Unit { unit, links } => links.first().cloned().unwrap_or_else(|| unit.clone()),
        By::Foreign { path } => path.clone(),
    }
}
