//! `dialin setup`: from a machine with a modem to a dial-in PPP server.

mod call;
mod interview;
mod plan;
mod routing;
mod users;

use crate::ask;
use crate::command::{Entry, code};
use crate::commands::{account, line, port};
use crate::services;
use crate::session::{Session, say};
use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::io::{BufRead, IsTerminal};
use std::net::Ipv4Addr;
use ttyline::visible;

pub use routing::{forward_no_more, forwards};

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "setup", reads: &[], build, run };

fn build(command: Command) -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let value = |name: &'static str, of: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(of).help(help)
    };
    let many = |name: &'static str, of: &'static str, help: &'static str| {
        value(name, of, help).action(ArgAction::Append)
    };
    command
        .about(
            "Sets up a dial-in PPP server: asks, or takes flags; shows the plan; proves it with a test call",
        )
        .arg(many("line", "LINE", "a line with a modem; may come often"))
        .arg(value("rings", "N", "rings before the answer").value_parser(clap::value_parser!(u32)))
        .arg(flag("hunt", "a hunt group: each further line answers one ring later"))
        .arg(value("speed", "SPEED", "port speed, bit/s"))
        .arg(value("local", "ADDRESS", "the server's address on all lines"))
        .arg(value("remote", "ADDRESS", "the first line's caller's address; the others follow it"))
        .arg(many("dns", "ADDRESS", "a name server for callers; two at most"))
        .arg(
            value("idle", "SECONDS", "hangs up after so long without traffic")
                .value_parser(clap::value_parser!(u32)),
        )
        .arg(flag("proxyarp", "callers are reached as if on the server's Ethernet"))
        .arg(many(
            "account",
            "NAME",
            "a caller's PAP and CHAP account; its secret is asked for, or is the next line of standard input",
        ))
        .arg(value("auth", "WAY", "how callers prove who they are").value_parser([
            "any",
            "pap",
            "chap",
            "mschap-v2",
        ]))
        .arg(many("login", "NAME", "a Unix user who logs in at the prompt and gets PPP (/etc/ppp/ppplogin)"))
        .arg(
            value("shell", "PROGRAM", "what such a user's shell is")
                .value_parser(["ppplogin", "pppd"])
                .default_value("ppplogin"),
        )
        .arg(flag("no-autoppp", "PPP only after a login at the prompt"))
        .arg(flag("forward", "callers reach other networks (sysctl)"))
        .arg(flag("nat", "and appear there with the server's address (nftables)"))
        .arg(many("allow", "NUMBER", "only callers whose number begins so are answered"))
        .arg(many("callback", "NAME[=NUMBER]", "a name that is called back"))
        .arg(value("init", "WHICH", "what starts gettys here").value_parser(["systemd", "inittab"]))
        .arg(flag("no-test", "no test call"))
        .arg(value(
            "call",
            "NUMBER",
            "when all is in place, calls this number from the last of several lines, for real",
        ))
}

/// What is wanted, all of it.
pub struct Wanted {
    /// Lines below `/dev`.
    pub lines: Vec<String>,
    /// Rings before the answer.
    pub rings: Option<u32>,
    /// One more for each further line.
    pub hunt: bool,
    /// Port speed.
    pub speed: Option<String>,
    /// The server's address.
    pub local: Option<Ipv4Addr>,
    /// The first caller's.
    pub remote: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Seconds.
    pub idle: Option<u32>,
    /// `proxyarp`
    pub proxyarp: bool,
    /// Accounts with their secrets.
    pub accounts: Vec<(String, Vec<u8>)>,
    /// `any`, `pap` …; none: what is there stays, else any.
    pub auth: Option<String>,
    /// Unix users with their passwords; none: they are there already.
    pub logins: Vec<(String, Option<Vec<u8>>)>,
    /// Their shell is pppd itself.
    pub pppd_shell: bool,
    /// /AutoPPP/
    pub autoppp: bool,
    /// ip_forward
    pub forward: bool,
    /// Masquerading.
    pub nat: bool,
    /// Caller ID.
    pub allow: Vec<String>,
    /// Names, and numbers where they are fixed.
    pub callback: Vec<(String, Option<String>)>,
    /// `--init`
    pub init: Option<String>,
}

fn run(session: &Session, own: &ArgMatches) -> Result<u8> {
    if let Some(number) = own.get_one::<String>("call") {
        call::check(session, number)?;
    }
    let wanted = wanted(session, own)?;
    let mut draft = session.draft();
    plan::plan(session, &mut draft, &wanted)?;
    let edits = draft.edits();
    if !session.json && !edits.is_empty() {
        say("What this means:");
        for sentence in plan::implications(&wanted) {
            say(format!("  - {sentence}"));
        }
    }
    let test = !own.get_flag("no-test") && !edits.is_empty() && !session.plans_only();
    if test {
        match call::rehearse(session, &mut draft, &wanted) {
            Ok(told) if !session.json => {
                told.iter().for_each(|line| say(format!("test call: {}", visible::line(line))));
            }
            Ok(_) => {}
            Err(e) => bail!("the test call failed: {e:#}; nothing was changed (--no-test does without)"),
        }
    }
    // Lines that were served before take their new settings when they are idle.
    let all = services::all(&session.root)?;
    let served: Vec<String> = wanted
        .lines
        .iter()
        .filter(|l| all.iter().any(|s| &s.line == *l && s.runs && s.untouched().is_none()))
        .cloned()
        .collect();
    let (mut code, changed) = session.carry_out_for(draft, None)?;
    if changed && session.root.is_host() && !served.is_empty() && code == code::DONE {
        code = line::reload(session, &served, false, false)?;
    }
    match own.get_one::<String>("call") {
        Some(number) if code == code::DONE && !session.plans_only() => call::real(session, &wanted, number),
        _ => Ok(code),
    }
}

fn address(own: &ArgMatches, name: &str) -> Result<Option<Ipv4Addr>> {
    match own.get_one::<String>(name) {
        None => Ok(None),
        Some(word) => match word.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => bail!(
                "--{name} {}: an IPv4 address (four numbers with dots) is expected",
                visible::terminal(word)
            ),
        },
    }
}

fn wanted(session: &Session, own: &ArgMatches) -> Result<Wanted> {
    let many =
        |name: &str| -> Vec<String> { own.get_many::<String>(name).into_iter().flatten().cloned().collect() };
    let asking = std::io::stdin().is_terminal() && !session.says_yes();
    let mut lines = many("line").iter().map(|l| line::named(l)).collect::<Result<Vec<_>>>()?;
    // Who names a line knows the flags; who names none is asked for all that no flag says.
    let talk = asking && lines.is_empty();
    if lines.is_empty() {
        lines = find_lines(session, asking)?;
    }
    lines.dedup();
    let rings = own.get_one::<u32>("rings").copied().or_else(|| talk.then(interview::rings).flatten());
    let hunt = own.get_flag("hunt") || talk && lines.len() > 1 && interview::hunt();
    let local = address(own, "local")?.or_else(|| talk.then(interview::local).flatten());
    let remote = address(own, "remote")?.or_else(|| talk.then(interview::remote).flatten());
    let mut dns = many("dns");
    if dns.is_empty() && talk {
        dns = interview::name_servers();
    }
    let mut accounts = Vec::new();
    let mut names = many("account");
    let logins = many("login");
    let known = account::names(session)?;
    if names.is_empty() && logins.is_empty() && known.is_empty() && asking {
        let name = ask::line("Name of a caller's account (empty: none)", "");
        if !name.is_empty() {
            names.push(name);
        }
    }
    for name in names {
        account::check_name(&name)?;
        // One that is there stays as it is: setup can be run again.
        if !known.contains(&name) {
            let secret = secret_of(&name)?;
            accounts.push((name, secret.into_bytes()));
        }
    }
    let mut users = Vec::new();
    for name in logins {
        users::check(&name)?;
        let password =
            if users::exists(session, &name)? { None } else { Some(secret_of(&name)?.into_bytes()) };
        users.push((name, password));
    }
    let autoppp = !own.get_flag("no-autoppp") && (!talk || interview::autoppp());
    let (mut forward, mut nat) = (own.get_flag("forward"), own.get_flag("nat"));
    if talk && !forward && !nat {
        (forward, nat) = interview::reach();
    }
    let mut allow = many("allow");
    if allow.is_empty() && talk {
        allow = interview::allow();
    }
    let mut callback = many("callback");
    if callback.is_empty() && talk {
        callback = interview::callback();
    }
    let callback = callback
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, number)) => (name.to_string(), Some(number.to_string())),
            None => (word.clone(), None),
        })
        .collect();
    Ok(Wanted {
        lines,
        rings,
        hunt,
        speed: own.get_one::<String>("speed").cloned(),
        local,
        remote,
        dns,
        idle: own.get_one::<u32>("idle").copied(),
        proxyarp: own.get_flag("proxyarp"),
        accounts,
        auth: own.get_one::<String>("auth").cloned(),
        logins: users,
        pppd_shell: own.get_one::<String>("shell").is_some_and(|shell| shell == "pppd"),
        autoppp,
        forward: forward || nat,
        nat,
        allow,
        callback,
        init: own.get_one::<String>("init").cloned(),
    })
}

/// A secret: asked for twice, or the next line of standard input.
fn secret_of(name: &str) -> Result<String> {
    let secret = if std::io::stdin().is_terminal() {
        let first = ask::hidden(&format!("Secret for {}: ", visible::terminal(name)))?;
        if ask::hidden("Once more: ")? != first {
            bail!("the two are not the same; nothing was changed");
        }
        first
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("standard input")?;
        line.trim_end_matches(['\n', '\r']).to_string()
    };
    account::check_secret(&secret).with_context(|| format!("the secret of {}", visible::terminal(name)))?;
    Ok(secret)
}

/// Ports with a modem, shown and chosen.
fn find_lines(session: &Session, asking: bool) -> Result<Vec<String>> {
    let chosen = |proposed: &str| -> Result<Vec<String>> {
        let answer = ask::line("Which lines (names with blanks between)", proposed);
        answer.split_ascii_whitespace().map(line::named).collect()
    };
    if !session.root.is_host() {
        if asking {
            return chosen("");
        }
        bail!("below --root no ports can be looked for: name the lines with --line");
    }
    let ports = port::find(true)?;
    let modems: Vec<_> = ports.iter().filter(|p| p.modem.is_some()).collect();
    if !session.json {
        ports.iter().for_each(|p| say(p.describe()));
    }
    let names: Vec<String> = modems.iter().map(|p| p.best_name().to_string()).collect();
    if asking {
        return chosen(&names.join(" "));
    }
    match names.as_slice() {
        [one] => Ok(vec![one.clone()]),
        [] => bail!(
            "no port has a modem that answers; plug one in, or name the line with --line (`dialin port list --probe` shows all)"
        ),
        many => bail!("{} modems are here ({}); say which with --line", many.len(), many.join(", ")),
    }
}
