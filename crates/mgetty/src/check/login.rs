//! login.config: entries that do not work, are never reached, or let in whom they should not.

use super::Report;
use std::path::Path;
use ttyline::config::login::{self, AUTO_PPP, Argument, LoginEntry, LoginFile, RunAs, When};
use ttyline::number::Fixed;
use ttyline::{account, visible};

const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "csh", "busybox"];
/// Options of pppd by which the caller has to prove who he is.
const PROOFS: [&str; 12] = [
    "auth",
    "login",
    "+pap",
    "+chap",
    "require-pap",
    "require-chap",
    "require-mschap",
    "require-mschap-v2",
    "require-eap",
    "+ua",
    "+mschap",
    "+mschap-v2",
];

pub(super) fn check(path: &Path, report: &mut Report) {
    let config = match login::load_file(path) {
        LoginFile::Usable(config) => config,
        LoginFile::Missing => return report.warn(path, None, "not there, /bin/login is run for everybody"),
        LoginFile::Rejected(why) => return report.error(path, None, format!("{why}: nobody may log in")),
    };
    report.problems(path, &config.problems, &[]);
    for (place, entry) in config.entries.iter().enumerate() {
        works(path, entry, report);
        let before = config.entries.get(..place).unwrap_or(&[]);
        if let Some(earlier) = before.iter().find(|earlier| covers(earlier, entry)) {
            let line = earlier.at.line;
            let text = if entry.key.as_bytes() == AUTO_PPP {
                format!(
                    "/AutoPPP/ is never reached: `{}` of line {line} catches PPP too; move it up",
                    earlier.key.as_str()
                )
            } else {
                format!(
                    "`{}` is never reached: line {line} decides before it",
                    visible::terminal(entry.key.as_bytes())
                )
            };
            report.say(entry.key.as_bytes() == AUTO_PPP, path, Some(entry.at), text);
        }
        loops(path, entry, report);
        numbers(path, entry, report);
        root(path, entry, report);
    }
}

fn base(entry: &LoginEntry) -> String {
    entry.program.as_str().rsplit('/').next().unwrap_or_default().to_string()
}

fn works(path: &Path, entry: &LoginEntry, report: &mut Report) {
    if let RunAs::User(name) = &entry.run_as {
        if account::user(&name.as_str()).is_none() {
            let name = visible::terminal(name.as_bytes());
            report.error(
                path,
                Some(entry.at),
                format!("there is no user `{name}`: the entry lets nobody in"),
            );
        }
    }
    report.program(path, Some(entry.at), &entry.program.as_str(), "program");
}

/// Whether an earlier entry takes every call of a later one.
fn covers(earlier: &LoginEntry, later: &LoginEntry) -> bool {
    let calls = earlier.when == When::Always || earlier.when == later.when;
    let plain = later.key.as_bytes();
    // A key with a `*` of its own is covered where its letters are, as keys have at most one at each end.
    let key = login::key_matches(earlier.key.as_bytes(), plain) && earlier.key != later.key
        || earlier.key == later.key;
    let wild = plain.contains(&b'*') && earlier.key != later.key && earlier.key.as_bytes() != b"*";
    calls && key && !wild
}

/// Who is called back logs in again: the same entry must not call him again.
fn loops(path: &Path, entry: &LoginEntry, report: &mut Report) {
    let wild = entry.key.as_bytes().contains(&b'*');
    if wild && base(entry) == "callback" && entry.when != When::NotAfterCallback {
        let key = visible::terminal(entry.key.as_bytes());
        let text = format!(
            "`{key}` runs callback for everybody, also for those who were called back: they are called for ever; \
             write `!version 2` above and `N` behind `{key}`"
        );
        report.error(path, Some(entry.at), text);
    }
}

/// What callback would call a usage error: the caller would hear of it, not the administrator.
fn numbers(path: &Path, entry: &LoginEntry, report: &mut Report) {
    if base(entry) != "callback" {
        return;
    }
    let mut words = entry.arguments.iter().filter_map(|argument| match argument {
        Argument::Literal(text) => Some(text.as_str()),
        _ => None,
    });
    let mut dash = false;
    while let Some(word) = words.next() {
        let shown = visible::terminal(word.as_bytes());
        if dash && word == "S" {
            report.error(path, Some(entry.at), "callback: `- S` are two words, did you mean `-S`?");
        } else if word == "-" {
            dash = true;
            continue;
        } else if ["-l", "-m", "-s", "-x", "--config-dir"].contains(&word.as_ref()) {
            words.next();
        } else if !word.starts_with('-') && Fixed::parse(word.as_bytes()).is_err() {
            report.error(path, Some(entry.at), format!("callback: `{shown}` is no telephone number"));
        }
        dash = false;
    }
}

/// Programs that run as root for whoever calls.
fn root(path: &Path, entry: &LoginEntry, report: &mut Report) {
    let base = base(entry);
    let words: Vec<String> = entry
        .arguments
        .iter()
        .map(|argument| match argument {
            Argument::Literal(text) => text.as_str().into_owned(),
            Argument::Name => "@".into(),
            Argument::Connect | Argument::CallerId => String::new(),
        })
        .collect();
    let at = Some(entry.at);
    let as_root = match &entry.run_as {
        RunAs::Root => true,
        RunAs::User(name) => account::user_id(&name.as_str()) == Some(0),
    };
    if SHELLS.contains(&base.as_str()) && as_root {
        report.error(
            path,
            at,
            format!("{base} runs as root for whoever types the name: no password is asked"),
        );
    }
    if base == "login" && words.iter().any(|word| word.starts_with("-f")) {
        report.error(path, at, "login -f asks for no password: whoever knows a name is in, root too");
    }
    if base == "login" && words.iter().any(|word| word == "root") {
        report.warn(path, at, "every caller may try root's password");
    }
    if base == "pppd" {
        let has = |word: &str| words.iter().any(|w| w == word);
        let files = ["/etc/ppp/options"].into_iter().map(String::from).chain(file_of(&words));
        let options: Vec<String> = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
        let in_files = |word: &str| {
            let mut lines = options.iter().flat_map(|text| text.lines());
            lines.any(|line| {
                let line = line.split('#').next().unwrap_or_default();
                line.split_ascii_whitespace().any(|w| w == word)
            })
        };
        if has("noauth") {
            report.warn(path, at, "pppd noauth: the caller need not prove who he is");
        } else if !PROOFS.iter().any(|word| has(word) || in_files(word)) {
            let text = "pppd asks for no proof of who calls: say `auth` here or in its options file";
            report.warn(path, at, text);
        }
    }
}

/// The option file of `file NAME`.
fn file_of(words: &[String]) -> Option<String> {
    let at = words.iter().position(|word| word == "file")?;
    words.get(at + 1).cloned()
}
