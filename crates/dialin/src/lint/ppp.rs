//! Traps of pppd's files: authentication, open accounts, addresses.

use super::Files;
use crate::places;
use crate::see::finding::Finding;
use std::collections::BTreeMap;
use ttyline::config::Document;
use ttyline::config::dialin_edit;
use ttyline::config::login::{Argument, LoginConfig, LoginEntry};
use ttyline::config::login_edit;
use ttyline::config::ppp_options::{self, Kind, Setting};
use ttyline::config::ppp_secrets::{self, Secret};

/// Options that demand a proof of callers, and whose secrets it is made with.
pub const PROOFS: &[(&str, &str)] = &[
    ("require-pap", places::PAP),
    ("+pap", places::PAP),
    ("require-chap", places::CHAP),
    ("+chap", places::CHAP),
    ("require-mschap", places::CHAP),
    ("require-mschap-v2", places::CHAP),
    ("require-eap", places::CHAP),
];

/// What callers of a line get from pppd: where each option comes from.
pub struct Effective {
    /// Options in the order in which pppd takes them; of those that compete the last counts.
    pub options: Vec<(String, Setting)>,
}

impl Effective {
    /// The option in force among those that compete with `names`.
    #[must_use]
    pub fn last(&self, names: &[&str]) -> Option<&(String, Setting)> {
        self.options.iter().rev().find(|(_, setting)| names.contains(&setting.name.as_str()))
    }

    /// Options of `/etc/ppp/options`, of the line's file, and of the command line with its `file` and `call`,
    /// in the order in which pppd takes them.
    #[must_use]
    pub fn of(files: &Files, line: &str, command: Option<(&str, &str)>) -> Effective {
        let mut effective = Effective { options: Vec::new() };
        for path in [places::OPTIONS.to_string(), places::line_options(line)] {
            effective.add(files, &path, files.get(&path), 0);
        }
        if let Some((place, words)) = command {
            effective.add(files, place, words.as_bytes(), 0);
        }
        effective
    }

    fn add(&mut self, files: &Files, path: &str, bytes: &[u8], depth: usize) {
        for setting in ppp_options::read(bytes) {
            let value = setting.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned());
            let inner = match (setting.name.as_str(), value) {
                ("file", Some(file)) => Some(file),
                ("call", Some(name)) => Some(format!("/etc/ppp/peers/{name}")),
                _ => None,
            };
            self.options.push((path.to_string(), setting));
            // pppd itself gives up on files that name each other; here the depth is bounded.
            if let Some(inner) = inner.filter(|_| depth < 5) {
                self.add(files, &inner, files.get(&inner), depth + 1);
            }
        }
    }
}

/// The command of `/AutoPPP/`: its place, and what stands behind the program.
#[must_use]
pub fn autoppp(files: &Files) -> Option<(String, String)> {
    let path = files.places.login_config();
    let line = login_edit::lines(files.get(&path)).into_iter().find(|line| line.key == "/AutoPPP/")?;
    let command = line.command();
    let words = command.split_once(char::is_whitespace).map_or("", |(_, words)| words).to_string();
    Some((format!("{path}:{}", line.at.line), words))
}

/// The commands of login.config that start pppd: their places and options, without what stands for the caller.
#[must_use]
pub fn pppd_commands(files: &Files) -> Vec<(String, Vec<String>)> {
    let path = files.places.login_config();
    let config = LoginConfig::parse(&Document::parse(files.get(&path).to_vec()));
    let starts_pppd =
        |entry: &LoginEntry| entry.program.as_bytes().rsplit(|b| *b == b'/').next() == Some(b"pppd");
    let words = |entry: &LoginEntry| {
        let literal = entry.arguments.iter().filter_map(|argument| match argument {
            Argument::Literal(text) => Some(text.as_str().into_owned()),
            _ => None,
        });
        (files.at(&path, entry.at), literal.collect())
    };
    config.entries.iter().filter(|entry| starts_pppd(entry)).map(words).collect()
}

pub(super) fn look(files: &Files, findings: &mut Vec<Finding>) {
    let autoppp = autoppp(files);
    let mut remotes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for served in files.served.iter().filter(|served| served.runs && served.untouched().is_none()) {
        let command = autoppp.as_ref().map(|(place, words)| (place.as_str(), words.as_str()));
        let effective = Effective::of(files, &served.line, command);
        if autoppp.is_some() {
            authentication(files, &served.line, &effective, findings);
        }
        for name in ["ms-dns", "ms-wins"] {
            let all: Vec<_> = effective.options.iter().filter(|(_, setting)| setting.name == name).collect();
            if let (Some((path, first)), true) = (all.first(), all.len() > 2) {
                findings.push(Finding::note(
                    files.at(path, first.at),
                    format!(
                        "{name} {} times for {}: pppd tells callers the last two",
                        all.len(),
                        served.line
                    ),
                    "name two",
                ));
            }
        }
        if let Some((_, pair)) = effective.last(&["addresses"]) {
            let text = pair.value.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
            if let Some((_, remote)) = text.split_once(':').filter(|(_, remote)| !remote.is_empty()) {
                remotes.entry(remote.to_string()).or_default().push(served.line.clone());
            }
        }
    }
    for (remote, lines) in remotes.iter().filter(|(_, lines)| lines.len() > 1) {
        findings.push(Finding::problem(
            lines.join(", "),
            format!("callers of these lines all get the address {remote}: two at once cannot both use it"),
            "give each line its own: dialin ppp set --line LINE LOCAL:REMOTE",
        ));
    }
    for (path, bytes) in files.all().filter(|(path, _)| is_options(path)) {
        for setting in ppp_options::read(bytes) {
            odd_option(files.at(path, setting.at), &setting, findings);
        }
    }
    for (place, words) in pppd_commands(files) {
        let line = words.join(" ");
        for setting in ppp_options::read(line.as_bytes()) {
            odd_option(place.clone(), &setting, findings);
        }
    }
    for path in [places::PAP, places::CHAP] {
        open_accounts(files, path, findings);
    }
}

fn is_options(path: &str) -> bool {
    path.starts_with("/etc/ppp/options") || path.starts_with("/etc/ppp/peers/")
}

fn authentication(files: &Files, line: &str, effective: &Effective, findings: &mut Vec<Finding>) {
    let demands = |setting: &Setting| PROOFS.iter().any(|(name, _)| *name == setting.name);
    let protocol = effective.options.iter().any(|(_, setting)| demands(setting));
    let refused = effective.options.iter().any(|(_, s)| ["refuse-eap", "-eap"].contains(&s.name.as_str()));
    match effective.last(&["auth", "noauth"]) {
        Some((path, setting)) if setting.name == "noauth" => {
            let only = if dialin_edit::rules(files.get(&files.places.dialin_config())).is_empty() {
                ""
            } else {
                "; the list of callers' numbers protects nothing: numbers are forged easily"
            };
            findings.push(Finding::problem(
                files.at(path, setting.at),
                format!("noauth: whoever calls {line} gets PPP without a name or a password{only}"),
                "write auth and require-chap or require-pap instead",
            ));
        }
        Some((path, setting)) if !protocol && !refused => findings.push(Finding::note(
            files.at(path, setting.at),
            format!("auth alone on {line}: pppd offers EAP first, and old clients (Windows 9x, consoles) never answer that"),
            "add require-pap or require-chap, or refuse-eap",
        )),
        None if !protocol => findings.push(Finding::problem(
            line,
            "nothing demands a name and a password of callers who start PPP",
            "dialin ppp set auth require-chap",
        )),
        _ => {}
    }
}

fn odd_option(place: String, setting: &Setting, findings: &mut Vec<Finding>) {
    if setting.kind == Kind::Unknown {
        findings.push(Finding::note(
            place,
            format!(
                "`{}` is no option pppd 2.4.9 knows: it ends there with an error, unless a plugin brings it",
                setting.name
            ),
            "",
        ));
    } else if setting.name == "show-password" {
        findings.push(Finding::problem(
            place,
            "show-password writes callers' passwords into the system's log",
            "take it out",
        ));
    }
}

/// Whether pppd asks the system for passwords of callers.
fn asks_system(files: &Files) -> bool {
    let files_say = [places::OPTIONS, places::DIALIN_PEER]
        .iter()
        .any(|path| ppp_options::last(&ppp_options::read(files.get(path)), &["login"]).is_some());
    files_say || autoppp(files).is_some_and(|(_, words)| words.split_whitespace().any(|w| w == "login"))
}

fn open_accounts(files: &Files, path: &str, findings: &mut Vec<Finding>) {
    let (entries, short) = ppp_secrets::read(files.get(path));
    for line in short {
        findings.push(Finding::problem(
            files.at(path, line.at),
            "too few words: CLIENT SERVER SECRET ADDRESS ...",
            "",
        ));
    }
    for entry in entries {
        let place = files.at(path, entry.at());
        let everybody = entry.client.bytes == b"*";
        // `-` forbids all addresses: the account is a lock.
        let usable = entry.addresses.first().is_some_and(|word| word.bytes != b"-");
        let no_secret = usable && entry.secret() == Secret::Empty && !entry.client.bytes.is_empty();
        let who = if everybody { "everybody".to_string() } else { format!("`{}`", entry.client.text()) };
        if no_secret && path == places::CHAP {
            findings.push(Finding::problem(
                place,
                format!("{who} gets in by CHAP without a secret"),
                "dialin account set --chap --secret NAME",
            ));
        } else if no_secret && !asks_system(files) {
            findings.push(Finding::problem(
                place,
                format!("{who} gets in with any password: pppd's `login`, which asks the system for it, is not set"),
                if everybody { "write names, or use the option login" } else { "dialin account set --pap --secret NAME, or use the option login" },
            ));
        } else if no_secret && everybody {
            findings.push(Finding::note(place, "every user of this machine gets PPP with his password", ""));
        } else if no_secret {
            // The system is asked.
        } else if everybody && !entry.addresses.is_empty() {
            findings.push(Finding::note(
                place,
                "one password for everybody: nobody can be told apart or locked out",
                "",
            ));
        } else if entry.client.bytes.is_empty() {
            findings.push(Finding::problem(
                place,
                "an empty name matches an empty name only; everybody is written *",
                "write *",
            ));
        } else if entry.addresses.is_empty() {
            findings.push(Finding::note(
                place,
                "without an address behind the secret this account may use none, and cannot connect",
                "write * behind the secret",
            ));
        }
    }
}
