//! `dialin account`: who may log in by PAP and CHAP.

mod sync;
mod test;

use crate::command::{Entry, code};
use crate::draft::{Draft, Readers};
use crate::places::{self, CHAP, PAP, Places};
use crate::session::{Session, say, say_json};
use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use std::io::{BufRead, IsTerminal};
use std::net::Ipv4Addr;
use ttyline::config::ppp_options;
use ttyline::config::ppp_secrets::{self, Entry as Account, Secret};
use ttyline::config::ppp_words;
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "account", reads: &["list", "test"], build, run };

fn build(command: Command) -> Command {
    let name =
        || Arg::new("name").value_name("NAME").required(true).help("the caller's name; `*` is everybody");
    let server = |help: &'static str| Arg::new("server").long("server").value_name("NAME").help(help);
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let kinds = |command: Command| {
        command
            .arg(flag("pap", "pap-secrets only"))
            .arg(flag("chap", "chap-secrets only").conflicts_with("pap"))
    };
    let secret = |command: Command| {
        command
            .arg(
                Arg::new("secret-file")
                    .long("secret-file")
                    .value_name("FILE")
                    .help("pppd reads the secret from this file at each login"),
            )
            .arg(
                flag("no-secret", "no secret here (PAP with `login` asks the system)")
                    .conflicts_with_all(["secret-file", "chap"]),
            )
    };
    let addresses = || {
        Arg::new("addresses")
            .long("addresses")
            .value_name("LIST")
            .help("`any`, `none`, or addresses and networks with commas (!NET forbids)")
    };
    command
        .about("Lists or edits the accounts of callers (pap-secrets, chap-secrets)")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Lists the accounts of both files, never their secrets"))
        .subcommand(kinds(secret(
            Command::new("add")
                .about("Adds an account; the secret is asked for, or is the first line of standard input")
                .arg(name())
                .arg(server("only where the server has this name (`*`)"))
                .arg(addresses().default_value("any")),
        )))
        .subcommand(kinds(secret(
            Command::new("set")
                .about("Changes an account")
                .arg(name())
                .arg(server("the account for this server name"))
                .arg(addresses())
                .arg(
                    flag("secret", "asks for a new secret, or takes the first line of standard input")
                        .conflicts_with_all(["no-secret", "secret-file"]),
                ),
        )))
        .subcommand(kinds(
            Command::new("rm").about("Takes an account away").arg(name()).arg(server("the account for this server name")),
        ))
        .subcommand(
            Command::new("test")
                .about("Tells which account decides about a caller, as pppd chooses it (exit status 3: none lets him in)")
                .arg(name())
                .arg(server("the server's name (that of the machine)"))
                .arg(Arg::new("address").long("address").value_name("ADDRESS").help("may he have this address?"))
                .arg(flag("secret", "compares the secret on standard input")),
        )
        .subcommand(
            Command::new("sync")
                .about("Gives each member of a Unix group a PAP account that asks the system, and takes away those of others")
                .arg(Arg::new("group").long("group").value_name("GROUP").required(true).help("the group"))
                .arg(server("only where the server has this name (`*`)")),
        )
}

fn text<'m>(matches: &'m ArgMatches, name: &str) -> Option<&'m str> {
    matches.try_get_one::<String>(name).ok().flatten().map(String::as_str)
}

fn flag(matches: &ArgMatches, name: &str) -> bool {
    matches.try_get_one::<bool>(name).ok().flatten().copied().unwrap_or(false)
}

/// The files a command is about.
fn files(matches: &ArgMatches) -> Vec<&'static str> {
    match (flag(matches, "pap"), flag(matches, "chap")) {
        (true, _) => vec![PAP],
        (_, true) => vec![CHAP],
        _ => vec![PAP, CHAP],
    }
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    match matches.subcommand() {
        Some(("list", _)) => list(session),
        Some(("test", own)) => test::run(session, own),
        Some(("add", own)) => add(session, own),
        Some(("set", own)) => set(session, own),
        Some(("rm", own)) => remove(session, own),
        Some(("sync", own)) => sync::run(session, own),
        _ => Ok(code::USAGE),
    }
}

fn kind(path: &str) -> &'static str {
    if path == PAP { "pap" } else { "chap" }
}

fn shown_words(words: &[ppp_words::Word]) -> String {
    words.iter().map(|w| visible::line(&w.bytes)).collect::<Vec<_>>().join(" ")
}

fn list(session: &Session) -> Result<u8> {
    let mut all = Vec::new();
    for path in [PAP, CHAP] {
        let file = session.root.read(path)?.unwrap_or_default();
        let (entries, short) = ppp_secrets::read(&file);
        for entry in &entries {
            let secret = match entry.secret() {
                Secret::Empty => "none".to_string(),
                Secret::File(file) => format!("in {}", visible::line(file)),
                Secret::Set => "set".into(),
            };
            let addresses = shown_words(&entry.addresses);
            if session.json {
                all.push(json!({ "file": path, "line": entry.at().line, "name": entry.client.text(), "server": entry.server.text(),
                                 "secret": secret, "addresses": addresses, "options": shown_words(&entry.options) }));
                continue;
            }
            let addresses = match addresses.as_str() {
                "*" => "any address".to_string(),
                "" => "no address (with auth nobody gets in so)".into(),
                list => list.to_string(),
            };
            let client = match entry.client.bytes.as_slice() {
                b"*" => "* (everybody)".to_string(),
                b"" => "\"\" (callers without a name only)".into(),
                name => visible::line(name),
            };
            let options = if entry.options.is_empty() {
                String::new()
            } else {
                format!("  -- {}", shown_words(&entry.options))
            };
            say(format!(
                "{:<5}{client:<20}  server {:<12}  secret {secret:<8}  {addresses}{options}",
                kind(path),
                visible::line(&entry.server.bytes)
            ));
        }
        if !session.json {
            for s in short {
                say(format!(
                    "{}:{}: too short for an account: NAME SERVER SECRET ADDRESSES",
                    session.root.shown(path),
                    s.at
                ));
            }
        }
    }
    if session.json {
        say_json(&serde_json::Value::from(all));
    }
    Ok(code::DONE)
}

/// A file that can be edited safely.
fn secrets_file(draft: &mut Draft<'_>, path: &str) -> Result<Vec<u8>> {
    let file = draft.text(path)?;
    if let Some(open) = ppp_words::words(&file).iter().find(|w| w.open) {
        bail!(
            "{}:{}: a quote that is never closed; mend that first (nothing was changed)",
            draft.root().shown(path),
            open.at
        );
    }
    Ok(file)
}

/// A new secret: asked for without echo, or the first line of standard input. Never an argument, which
/// everybody could see.
fn ask_secret(session: &Session, own: &ArgMatches, name: &str) -> Result<Vec<u8>> {
    if let Some(file) = text(own, "secret-file") {
        if session.role.restricted() {
            bail!("{} may name no files here", session.role.who);
        }
        if !file.starts_with('/') {
            bail!("--secret-file {}: a path from / is expected", visible::terminal(file));
        }
        return Ok([b"@", file.as_bytes()].concat());
    }
    if flag(own, "no-secret") {
        return Ok(Vec::new());
    }
    let secret = if std::io::stdin().is_terminal() {
        let first = crate::ask::hidden(&format!("Secret for {}: ", visible::terminal(name)))?;
        if crate::ask::hidden("Once more: ")? != first {
            bail!("the two are not the same; nothing was changed");
        }
        first
    } else {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.context("standard input, where the secret is expected; nothing was changed")?;
        line.trim_end_matches(['\n', '\r']).to_string()
    };
    check_secret(&secret)?;
    Ok(secret.into_bytes())
}

/// What can be a secret.
///
/// # Errors
/// It cannot.
pub fn check_secret(secret: &str) -> Result<()> {
    if secret.is_empty() {
        bail!(
            "an empty secret lets everybody in; say --no-secret if the system's passwords are meant; nothing was changed"
        );
    }
    if secret.starts_with('@') {
        bail!("a secret that begins with @ is the name of a file for pppd; nothing was changed");
    }
    if secret.bytes().any(|b| b == 0) || secret.len() > 255 {
        bail!("a secret has at most 255 bytes, and no NUL among them; nothing was changed");
    }
    Ok(())
}

/// Words for the address column.
fn addresses(list: &str) -> Result<Vec<Vec<u8>>> {
    match list {
        "any" | "*" => return Ok(vec![b"*".to_vec()]),
        "none" | "-" => return Ok(vec![b"-".to_vec()]),
        _ => {}
    }
    let mut words = Vec::new();
    for word in list.split([',', ' ']).filter(|w| !w.is_empty()) {
        let plain = word.strip_prefix('!').unwrap_or(word);
        let plain = plain.strip_suffix('+').unwrap_or(plain);
        let (net, bits) = plain.split_once('/').map_or((plain, None), |(net, bits)| (net, Some(bits)));
        let numeric = net.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let good = if numeric {
            net.parse::<Ipv4Addr>().is_ok()
        } else {
            net.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        let bits = bits.is_none_or(|b| b.parse::<u8>().is_ok_and(|b| (1..=32).contains(&b)));
        if net.is_empty() || !good || !bits {
            bail!(
                "--addresses: `{}` is neither an address nor a network (10.0.0.2, !10.0.0.0/8, 192.168.1.0/24+)",
                visible::terminal(word)
            );
        }
        words.push(word.as_bytes().to_vec());
    }
    if words.is_empty() {
        bail!("--addresses: `any`, `none` or a list is expected");
    }
    Ok(words)
}

/// What can be a name.
///
/// # Errors
/// It cannot.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        bail!("an empty name matches only callers without a name; everybody is `*`");
    }
    if name.bytes().any(|b| b.is_ascii_control()) || name.len() > 255 {
        bail!("`{}` is no name for an account", visible::terminal(name));
    }
    Ok(())
}

/// The names in both files.
///
/// # Errors
/// A file cannot be read.
pub fn names(session: &Session) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for path in [PAP, CHAP] {
        let file = session.root.read(path)?.unwrap_or_default();
        names.extend(ppp_secrets::read(&file).0.iter().map(|e| e.client.text().into_owned()));
    }
    Ok(names)
}

/// The entries of a name, and of a server if one is named.
fn those<'a>(entries: &'a [Account], name: &str, server: Option<&str>) -> Vec<&'a Account> {
    let is = |word: &ppp_words::Word, wanted: &str| word.bytes == wanted.as_bytes();
    entries.iter().filter(|e| is(&e.client, name) && server.is_none_or(|s| is(&e.server, s))).collect()
}

/// Puts an account into a file, or gives the one that is there another secret and addresses.
///
/// # Errors
/// The file is damaged.
pub fn put(
    draft: &mut Draft<'_>,
    path: &str,
    name: &str,
    server: &str,
    secret: &[u8],
    allowed: &[&[u8]],
) -> Result<()> {
    let file = secrets_file(draft, path)?;
    let (entries, _) = ppp_secrets::read(&file);
    let new = match those(&entries, name, Some(server)).first() {
        None => ppp_secrets::with_entry(&file, name.as_bytes(), server.as_bytes(), secret, allowed),
        Some(entry) => {
            // From behind, so that the places before stay true.
            let words: Vec<&[u8]> = entry.addresses.iter().map(|w| w.bytes.as_slice()).collect();
            let file = if words == allowed {
                file.clone()
            } else {
                ppp_secrets::with_addresses(&file, entry, allowed)
            };
            if entry.secret.bytes == secret { file } else { ppp_secrets::with_secret(&file, entry, secret) }
        }
    };
    draft.write(path, new, Readers::Owner)
}

fn add(session: &Session, own: &ArgMatches) -> Result<u8> {
    let name = text(own, "name").unwrap_or_default();
    let server = text(own, "server").unwrap_or("*");
    check_name(name)?;
    let words = addresses(text(own, "addresses").unwrap_or("any"))?;
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    let mut draft = session.draft();
    for path in files(own) {
        let file = secrets_file(&mut draft, path)?;
        let (entries, _) = ppp_secrets::read(&file);
        if let Some(entry) = those(&entries, name, Some(server)).first() {
            bail!(
                "{}:{}: there is an account {} already; `dialin account set` changes it",
                session.root.shown(path),
                entry.at(),
                visible::terminal(name)
            );
        }
    }
    let secret = ask_secret(session, own, name)?;
    for path in files(own) {
        // CHAP needs the secret itself; without one there is nothing to put there.
        if path == CHAP && secret.is_empty() {
            continue;
        }
        put(&mut draft, path, name, server, &secret, &words)?;
    }
    remarks(session, &mut draft, name, &secret)?;
    session.carry_out(draft)
}

/// What is odd about an account.
fn remarks(session: &Session, draft: &mut Draft<'_>, name: &str, secret: &[u8]) -> Result<()> {
    if name == "*" {
        draft.note("this account is everybody's: whatever name a caller gives, this secret lets him in");
    }
    if secret.is_empty() && !system_login(draft, &session.places)? {
        draft.note("without a secret pppd takes any password, unless its option `login` asks the system; it is not set in any file");
    }
    warn_of_open_doors(draft, &session.places)
}

/// Says which accounts make all others pointless: those that let everybody in. Debian's pap-secrets comes with one.
///
/// # Errors
/// A file cannot be read.
pub fn warn_of_open_doors(draft: &mut Draft<'_>, places: &Places) -> Result<()> {
    if system_login(draft, places)? {
        return Ok(());
    }
    let file = draft.text(PAP)?;
    for entry in ppp_secrets::read(&file).0.iter().filter(|entry| entry.is_open()) {
        draft.note(format!(
            "{}:{} lets everybody in with any name and password; put a # before it (`dialin account rm '*' --pap` takes it away)",
            draft.root().shown(PAP),
            entry.at()
        ));
    }
    Ok(())
}

/// Whether pppd asks the system for passwords: `login` in the options of all, or of callers.
///
/// # Errors
/// A file cannot be read.
pub fn system_login(draft: &mut Draft<'_>, places: &Places) -> Result<bool> {
    for path in [places::OPTIONS, places::DIALIN_PEER] {
        let file = draft.text(path)?;
        if ppp_options::last(&ppp_options::read(&file), &["login"]).is_some() {
            return Ok(true);
        }
    }
    let file = draft.text(&places.login_config())?;
    let lines = ttyline::config::login_edit::lines(&file);
    Ok(lines.iter().any(|l| l.key == "/AutoPPP/" && l.words.iter().any(|w| w == "login")))
}

fn set(session: &Session, own: &ArgMatches) -> Result<u8> {
    let name = text(own, "name").unwrap_or_default();
    let server = text(own, "server");
    let new_secret = flag(own, "secret") || flag(own, "no-secret") || text(own, "secret-file").is_some();
    let words = text(own, "addresses").map(addresses).transpose()?;
    if !new_secret && words.is_none() {
        bail!("say what to change: --secret, --secret-file, --no-secret or --addresses");
    }
    let mut draft = session.draft();
    let mut found = Vec::new();
    for path in files(own) {
        let file = secrets_file(&mut draft, path)?;
        let (entries, _) = ppp_secrets::read(&file);
        match those(&entries, name, server).as_slice() {
            [] => {}
            [_] => found.push(path),
            many => bail!(
                "{}: {} accounts {}; name one with --server",
                session.root.shown(path),
                many.len(),
                visible::terminal(name)
            ),
        }
    }
    if found.is_empty() {
        bail!("there is no account {}; `dialin account list` shows all", visible::terminal(name));
    }
    if flag(own, "no-secret") && found.contains(&CHAP) {
        let name = visible::terminal(name);
        bail!(
            "{name} is an account for CHAP too, which would let everybody in without a secret: say --pap, or take it away with `dialin account rm --chap {name}`; nothing was changed"
        );
    }
    let secret = if new_secret { Some(ask_secret(session, own, name)?) } else { None };
    for path in found {
        let mut file = secrets_file(&mut draft, path)?;
        if let Some(words) = &words {
            let (entries, _) = ppp_secrets::read(&file);
            if let Some(entry) = those(&entries, name, server).first() {
                file = ppp_secrets::with_addresses(
                    &file,
                    entry,
                    &words.iter().map(Vec::as_slice).collect::<Vec<_>>(),
                );
            }
        }
        if let Some(secret) = &secret {
            let (entries, _) = ppp_secrets::read(&file);
            if let Some(entry) = those(&entries, name, server).first() {
                file = ppp_secrets::with_secret(&file, entry, secret);
            }
        }
        draft.write(path, file, Readers::Owner)?;
    }
    if let Some(secret) = &secret {
        remarks(session, &mut draft, name, secret)?;
    }
    session.carry_out(draft)
}

fn remove(session: &Session, own: &ArgMatches) -> Result<u8> {
    let name = text(own, "name").unwrap_or_default();
    let mut draft = session.draft();
    let mut found = false;
    for path in files(own) {
        loop {
            let file = secrets_file(&mut draft, path)?;
            let (entries, _) = ppp_secrets::read(&file);
            let matching = those(&entries, name, text(own, "server"));
            let Some(entry) = matching.first() else { break };
            found = true;
            draft.write(path, ppp_secrets::without(&file, entry), Readers::Owner)?;
        }
    }
    if !found {
        bail!("there is no account {}; `dialin account list` shows all", visible::terminal(name));
    }
    session.carry_out(draft)
}
