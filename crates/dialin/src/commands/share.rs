//! `dialin share`: mserver.conf, which modems are shared over the network.

use crate::command::{Entry, code};
use crate::draft::{Draft, Readers};
use crate::places::MSERVER;
use crate::session::{Session, say, say_json};
use anyhow::{Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use ttyline::config::mserver::{self, Config};
use ttyline::config::mserver_edit::{self, Line};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "share", reads: &["list"], build, run };

fn build(command: Command) -> Command {
    let port = || {
        Arg::new("port").value_name("PORT").required(true).help("its TCP port, or a service of /etc/services")
    };
    let device = |help: &'static str| Arg::new("device").long("device").value_name("DEVICE").help(help);
    let hosts = || {
        Arg::new("hosts")
            .long("hosts")
            .value_name("LIST")
            .help("who may use it: addresses, networks, names with commas; * is everybody")
    };
    let settings = || {
        Arg::new("settings")
            .long("settings")
            .value_name("SPEED,BITS,PARITY,STOP")
            .help("how the line is set, and what clients speak")
    };
    let keys = || Arg::new("key").value_name("KEY=VALUE").num_args(0..).help("see mserver.conf(5)");
    command
        .about("Lists or edits the modems that are shared over the network (mserver.conf)")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Lists the shared modems"))
        .subcommand(
            Command::new("add")
                .about("Shares a modem")
                .arg(port())
                .arg(Arg::new("device").value_name("DEVICE").required(true).help("its device"))
                .arg(settings().default_value("115200,8,N,1"))
                .arg(hosts())
                .arg(keys()),
        )
        .subcommand(
            Command::new("set")
                .about("Changes a shared modem")
                .arg(port())
                .arg(device("the one of these, if several stand at the port"))
                .arg(settings())
                .arg(hosts())
                .arg(
                    Arg::new("unset")
                        .long("unset")
                        .value_name("KEY")
                        .action(ArgAction::Append)
                        .help("takes a key away"),
                )
                .arg(keys()),
        )
        .subcommand(
            Command::new("rm").about("Shares a modem no longer").arg(port()).arg(device("this one only")),
        )
}

fn text<'m>(own: &'m ArgMatches, name: &str) -> Option<&'m str> {
    own.try_get_one::<String>(name).ok().flatten().map(String::as_str)
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    match matches.subcommand() {
        Some(("list", _)) => list(session),
        Some((name, own)) => edit(session, name, own),
        None => Ok(code::USAGE),
    }
}

fn of(bytes: Vec<u8>, session: &Session) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| anyhow!("{}: is no UTF-8; mend that first", session.root.shown(MSERVER)))
}

fn list(session: &Session) -> Result<u8> {
    let file = of(session.root.read(MSERVER)?.unwrap_or_default(), session)?;
    let mut all = Vec::new();
    for line in mserver_edit::lines(&file) {
        let word = |n: usize| line.words.get(n).map_or("", |w| w.text.as_str());
        let hosts = line.hosts().map(|w| w.text.as_str());
        let keys: Vec<&str> =
            line.words.iter().skip(3).map(|w| w.text.as_str()).filter(|w| w.contains('=')).collect();
        if session.json {
            all.push(json!({ "port": word(0), "device": word(1), "settings": word(2), "hosts": hosts, "keys": keys, "line": line.number }));
            continue;
        }
        let hosts = match hosts {
            None => "this machine only (no host list)".to_string(),
            Some("*") => "everybody (*)".into(),
            Some(list) => visible::line(list),
        };
        say(format!(
            "{:<7}{:<24} {:<16} {hosts}  {}",
            visible::line(word(0)),
            visible::line(word(1)),
            visible::line(word(2)),
            visible::line(keys.join(" "))
        ));
    }
    if session.json {
        say_json(&serde_json::Value::from(all));
    } else {
        complain(session, &file);
    }
    Ok(code::DONE)
}

/// What mserver says of the file.
fn complain(session: &Session, file: &str) {
    let shown = session.root.shown(MSERVER);
    match Config::parse(file, &service(session)) {
        Ok(config) => {
            config.warnings.iter().for_each(|w| say(format!("{shown}:{}", visible::line(w.to_string()))))
        }
        Err(mistakes) => {
            mistakes.iter().for_each(|m| say(format!("{shown}:{}", visible::line(m.to_string()))))
        }
    }
}

/// The tree's /etc/services.
fn service(session: &Session) -> impl Fn(&str) -> Option<u16> + use<> {
    let services = session.root.read("/etc/services").ok().flatten().unwrap_or_default();
    let services = String::from_utf8_lossy(&services).into_owned();
    move |name: &str| mserver::service_port(&services, name)
}

fn edit(session: &Session, name: &str, own: &ArgMatches) -> Result<u8> {
    let mut draft = session.draft();
    let mut file = of(draft.text(MSERVER)?, session)?;
    let port = text(own, "port").unwrap_or_default();
    let keys: Vec<&str> =
        own.try_get_many::<String>("key").ok().flatten().into_iter().flatten().map(String::as_str).collect();
    for key in &keys {
        if !key.contains('=') || key.contains('\n') {
            bail!("`{}`: KEY=VALUE is expected", visible::terminal(key));
        }
    }
    if name == "add" {
        let device = text(own, "device").unwrap_or_default();
        if mserver_edit::lines(&file).iter().any(|l| {
            l.words.first().is_some_and(|w| w.text == port)
                && l.words.get(1).is_some_and(|w| w.text == device)
        }) {
            bail!(
                "{} is shared at port {} already; `dialin share set` changes it",
                visible::terminal(device),
                visible::terminal(port)
            );
        }
        let mut line = format!("{port} {device} {}", text(own, "settings").unwrap_or_default());
        if let Some(hosts) = text(own, "hosts") {
            line.push_str(&format!(" {hosts}"));
        }
        for (key, value) in keys.iter().filter_map(|k| k.split_once('=')) {
            line.push_str(&format!(" {key}={}", mserver_edit::quoted(value)));
        }
        if line.contains('\n') {
            bail!("a line end in a word; nothing was changed");
        }
        file = mserver_edit::with_line(&file, &line);
    } else {
        let which = find(&file, port, text(own, "device"))?;
        if name == "rm" {
            file = which.removed(&file);
        } else {
            let number = which.number;
            // Each edit moves the places behind it: the line is looked up again.
            let again = |file: &str| {
                mserver_edit::lines(file)
                    .into_iter()
                    .find(|l| l.number == number)
                    .ok_or_else(|| anyhow!("the line is gone"))
            };
            if let Some(settings) = text(own, "settings") {
                file = again(&file)?.with_word(&file, 2, settings);
            }
            if let Some(hosts) = text(own, "hosts") {
                file = again(&file)?.with_hosts(&file, hosts);
            }
            for (key, value) in keys.iter().filter_map(|k| k.split_once('=')) {
                file = again(&file)?.with_key(&file, key, Some(value));
            }
            for key in own.get_many::<String>("unset").into_iter().flatten() {
                file = again(&file)?.with_key(&file, key, None);
            }
        }
    }
    check(session, &mut draft, &file)?;
    draft.write(MSERVER, file.into_bytes(), Readers::All)?;
    draft.step(
        &["systemctl", "try-reload-or-restart", "mserver.service"],
        "mserver reads its file again; sessions go on",
    );
    session.carry_out(draft)
}

/// The one line that is meant.
fn find(file: &str, port: &str, device: Option<&str>) -> Result<Line> {
    let is = |line: &Line, n: usize, wanted: &str| line.words.get(n).is_some_and(|w| w.text == wanted);
    let lines = mserver_edit::lines(file);
    let mut matching = lines.into_iter().filter(|l| is(l, 0, port) && device.is_none_or(|d| is(l, 1, d)));
    let shown = visible::terminal(port);
    match (matching.next(), matching.next()) {
        (None, _) => bail!("nothing is shared at port {shown}; `dialin share list` shows what is"),
        (Some(_), Some(_)) => bail!("several modems stand at port {shown}; name one with --device"),
        (Some(line), None) => Ok(line),
    }
}

/// mserver's own reader judges the file as it will be.
fn check(session: &Session, draft: &mut Draft<'_>, file: &str) -> Result<()> {
    match Config::parse(file, &service(session)) {
        Ok(config) => {
            for line in config.lines.iter().filter(|line| line.is_open_to_all()) {
                draft.note(format!(
                    "mserver.conf:{}: whoever reaches port {} uses this modem",
                    line.line, line.port
                ));
            }
            for warning in &config.warnings {
                draft.note(format!("mserver.conf:{warning}"));
            }
            Ok(())
        }
        Err(mistakes) => {
            let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            bail!("mserver.conf:{}; nothing was changed", said.join("; "))
        }
    }
}
