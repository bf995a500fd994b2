//! `dialin account test`: which account decides about a caller.

use super::{flag, kind, text};
use crate::command::code;
use crate::lint::{self, Effective, Files, PROOFS};
use crate::places::{self, CHAP, PAP};
use crate::session::{Session, say, say_json};
use anyhow::{Context, Result, bail};
use clap::ArgMatches;
use serde_json::json;
use std::io::BufRead;
use std::net::Ipv4Addr;
use ttyline::config::ppp_options;
use ttyline::config::ppp_secrets::{self, Address, Secret};
use ttyline::config::ppp_words;
use ttyline::sys::crypt;
use ttyline::visible;

/// What the server asks of callers who start PPP.
struct Asked {
    /// The options that name proofs, as `require-chap`.
    demanded: Vec<String>,
    /// `papcrypt`: secrets for PAP are never plain.
    encrypted: bool,
}

impl Asked {
    /// By the files and the command of `/AutoPPP/`; without one by the options of all callers.
    fn by(session: &Session) -> Result<Asked> {
        let (files, _) = Files::gather(&session.root, &session.places)?;
        let autoppp = lint::autoppp(&files);
        let command = match &autoppp {
            Some((place, words)) => (place.as_str(), words.as_str()),
            None => (places::DIALIN_PEER, "call dialin"),
        };
        let effective = Effective::of(&files, "", Some(command));
        let names: Vec<String> = effective.options.into_iter().map(|(_, setting)| setting.name).collect();
        let demanded = names.iter().filter(|n| PROOFS.iter().any(|(name, _)| n == name)).cloned().collect();
        Ok(Asked { demanded, encrypted: names.iter().any(|n| n == "papcrypt") })
    }

    /// The proofs that are demanded, if none of them is by this file's secrets.
    fn instead_of(&self, path: &str) -> Option<String> {
        let by_this = |name: &String| PROOFS.iter().any(|(n, file)| name == n && *file == path);
        let none = !self.demanded.is_empty() && !self.demanded.iter().any(by_this);
        none.then(|| self.demanded.join(", "))
    }
}

/// Whether a secret is the encrypted form of what was given, as pppd takes it for PAP.
fn encrypted(given: &[u8], secret: &[u8]) -> bool {
    std::str::from_utf8(secret).is_ok_and(|hash| crypt::matches(given, hash).unwrap_or(false))
}

/// The secret of `@FILE`: the first word of the file, as pppd reads it; without one pppd passes the account over.
fn in_file(session: &Session, file: &str) -> Result<Vec<u8>, String> {
    let bytes = session.root.read(file).ok().flatten().unwrap_or_default();
    let word = ppp_words::words(&bytes).into_iter().next();
    word.map(|word| word.bytes).ok_or_else(|| {
        format!("there is no secret in {}: pppd passes it over", visible::line(session.root.shown(file)))
    })
}

/// Runs it.
///
/// # Errors
/// A file cannot be read.
pub fn run(session: &Session, own: &ArgMatches) -> Result<u8> {
    let name = text(own, "name").unwrap_or_default();
    let host = nix::unistd::gethostname().ok().and_then(|h| h.into_string().ok()).unwrap_or_default();
    let own_name = |path: &str| -> Result<Option<String>> {
        let file = session.root.read(path)?.unwrap_or_default();
        let settings = ppp_options::read(&file);
        Ok(ppp_options::last(&settings, &["name"])
            .and_then(|s| s.value.clone())
            .map(|v| String::from_utf8_lossy(&v).into_owned()))
    };
    let server = match text(own, "server") {
        Some(server) => server.to_string(),
        None => own_name(places::DIALIN_PEER)?.or(own_name(places::OPTIONS)?).unwrap_or(host),
    };
    let address = match text(own, "address") {
        None => None,
        Some(word) => match word.parse::<Ipv4Addr>() {
            Ok(address) => Some(address),
            Err(_) => bail!("--address {}: an IPv4 address is expected", visible::terminal(word)),
        },
    };
    let given = if flag(own, "secret") {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("standard input")?;
        Some(line.trim_end_matches(['\n', '\r']).to_string())
    } else {
        None
    };
    let asked = Asked::by(session)?;
    let (mut answers, mut any) = (Vec::new(), false);
    for path in [PAP, CHAP] {
        let file = session.root.read(path)?.unwrap_or_default();
        let (entries, _) = ppp_secrets::read(&file);
        let Some(entry) = ppp_secrets::find(&entries, name.as_bytes(), server.as_bytes()) else {
            answers.push(json!({ "kind": kind(path), "account": null, "in": false }));
            if !session.json {
                say(format!(
                    "{}: no account for {} on {}",
                    kind(path),
                    visible::line(name),
                    visible::line(&server)
                ));
            }
            continue;
        };
        let mut why = Vec::new();
        let mut lets_in = true;
        if let Some(only) = asked.instead_of(path) {
            lets_in = false;
            why.push(format!(
                "callers are not asked for {}: the server demands {only}",
                kind(path).to_uppercase()
            ));
        }
        if entry.addresses.first().is_none_or(|word| word.bytes == b"-") {
            lets_in = false;
            why.push("no address is allowed: with `auth` he is refused".to_string());
        }
        if let Some(address) = address {
            let verdict = ppp_secrets::allowed(&entry.addresses, address);
            lets_in &= verdict != Address::Refused;
            why.push(match verdict {
                Address::Allowed => format!("{address} is allowed"),
                Address::Refused => format!("{address} is refused"),
                Address::Depends => format!("{address} depends on a name that pppd looks up"),
            });
        }
        let secret = match entry.secret() {
            Secret::Set => Some(entry.secret.bytes.clone()),
            Secret::Empty => None,
            Secret::File(file) => match in_file(session, &file) {
                Ok(secret) => Some(secret),
                Err(reason) => {
                    lets_in = false;
                    why.push(reason);
                    None
                }
            },
        };
        match (&given, secret) {
            (Some(given), Some(secret)) => {
                let same = secret == given.as_bytes() && !(path == PAP && asked.encrypted)
                    || path == PAP && encrypted(given.as_bytes(), &secret);
                lets_in &= same;
                why.push(if same { "the secret is right" } else { "the secret is wrong" }.into());
            }
            (_, None) if entry.secret() == Secret::Empty && path == CHAP => {
                why.push("it has no secret: whoever gives the name gets in".into())
            }
            (_, None) if entry.secret() == Secret::Empty => {
                why.push("it has no secret: the system's password with `login`, else any".into())
            }
            _ => {}
        }
        any |= lets_in;
        let wild = entry.client.bytes == b"*";
        if wild {
            why.push("it is everybody's account".into());
        }
        answers.push(json!({ "kind": kind(path), "account": { "file": path, "line": entry.at().line, "name": entry.client.text(), "server": entry.server.text() }, "in": lets_in, "why": why }));
        if !session.json {
            let verdict = if lets_in { "lets him in" } else { "does not let him in" };
            let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) };
            say(format!(
                "{}: {}:{} decides and {verdict}{why}",
                kind(path),
                session.root.shown(path),
                entry.at()
            ));
        }
    }
    if session.json {
        say_json(&json!({ "name": name, "server": server, "in": any, "answers": answers }));
    }
    Ok(if any { code::DONE } else { code::NO })
}
