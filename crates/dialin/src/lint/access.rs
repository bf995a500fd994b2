//! Traps of login.config: who gets in by it, and what it costs.

use super::Files;
use crate::see::finding::Finding;
use ttyline::config::Document;
use ttyline::config::call_policy;
use ttyline::config::callback::CallbackConfig;
use ttyline::config::login::{LoginConfig, LoginEntry, key_matches};

/// Names shorter than this are found by trying.
const SHORT: usize = 8;

pub(super) fn look(files: &Files, findings: &mut Vec<Finding>) {
    let path = files.places.login_config();
    let config = LoginConfig::parse(&Document::parse(files.get(&path).to_vec()));
    let users = users(files);
    for problem in &config.problems {
        findings.push(Finding::problem(files.at(&path, problem.at), problem.fault.to_string(), ""));
    }
    for (number, entry) in config.entries.iter().enumerate() {
        let key = entry.key.as_str().into_owned();
        let earlier = config.entries.iter().take(number).find(|earlier| shadows(earlier, entry));
        if let Some(earlier) = earlier {
            let says = format!(
                "`{key}` is never reached: `{}` in line {} matches before it",
                earlier.key.as_str(),
                earlier.at.line
            );
            let remedy = format!(
                "move line {} of {} above line {}",
                entry.at.line,
                files.shown(&path),
                earlier.at.line
            );
            findings.push(Finding::problem(files.at(&path, entry.at), says, remedy));
        }
        if base(entry) == "callback" {
            call_back(files, &path, entry, &key, &users, findings);
        }
    }
}

fn base(entry: &LoginEntry) -> String {
    entry.program.as_str().rsplit('/').next().unwrap_or_default().to_string()
}

/// Whether `later` can never be chosen because of `earlier`.
fn shadows(earlier: &LoginEntry, later: &LoginEntry) -> bool {
    use ttyline::config::login::When;
    let covers = earlier.when == When::Always || earlier.when == later.when;
    // A key that ends in `*` is matched as a name would be, without its star.
    let name = later.key.as_bytes();
    covers
        && key_matches(earlier.key.as_bytes(), name.strip_suffix(b"*").unwrap_or(name))
        && (!name.ends_with(b"*") || earlier.key.as_bytes().ends_with(b"*"))
}

fn users(files: &Files) -> Vec<String> {
    let text = String::from_utf8_lossy(files.get("/etc/passwd")).into_owned();
    text.lines().filter_map(|line| line.split(':').next()).map(String::from).collect()
}

/// Whether this name has to give a password before it is called.
fn asks_password(files: &Files, name: &str) -> bool {
    let document = Document::parse(files.get(&files.places.callback_config()).to_vec());
    call_policy::load(&mut CallbackConfig::default(), &document, None, Some(name)).0.password
}

fn call_back(
    files: &Files,
    path: &str,
    entry: &LoginEntry,
    key: &str,
    users: &[String],
    findings: &mut Vec<Finding>,
) {
    use ttyline::config::login::Argument;
    let place = files.at(path, entry.at);
    if key.contains('*') && !key.starts_with('/') {
        findings.push(Finding::problem(
            place.clone(),
            format!(
                "`{key}` calls back everybody, those it has called back too: an endless loop that costs money"
            ),
            "write whole names, or a line for called-back callers above it (!version 2, column two)",
        ));
        return;
    }
    if users.iter().any(|user| user == key) {
        findings.push(Finding::note(
            place.clone(),
            format!(
                "the call-back name `{key}` is a user of this machine: he is called back whenever he logs in"
            ),
            "take a name that is no user's",
        ));
    }
    // With a number behind -S the caller cannot choose one.
    let words: Vec<String> = entry
        .arguments
        .iter()
        .filter_map(|argument| match argument {
            Argument::Literal(text) => Some(text.as_str().into_owned()),
            _ => None,
        })
        .collect();
    let asks = words.iter().position(|word| word == "-S").is_some_and(|at| words.get(at + 1).is_none());
    if asks && key.len() < SHORT && !asks_password(files, key) {
        findings.push(Finding::problem(
            place,
            format!("`{key}` asks for the number to call and has {} characters: whoever guesses the name makes you call any number", key.len()),
            "take a long name, add `password yes` to callback.config, or give the number behind -S",
        ));
    }
}
