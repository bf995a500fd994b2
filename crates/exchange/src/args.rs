//! The command line: `exchange [options]`, and `exchange ctl PATH [ORDER…]`.

use crate::journal::Journal;
use crate::ladder::Ladder;
use crate::modem::Make;
use crate::options::{NewLine, Setting, Socket, SocketKind};
use crate::program::Exchange;
use crate::switch::Habits;
use crate::{faults, orders};
use anyhow::{Context, Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

fn command() -> Command {
    let many = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
    };
    let one = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    Command::new("exchange")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A telephone exchange in software: modems on ptys, calls between them, faults on demand")
        .args_conflicts_with_subcommands(true)
        .arg(many(
            "line",
            "NUMBER=PATH[,KEY=VALUE…]",
            "a line with a modem on a pty; PATH becomes a symlink to it",
        ))
        .arg(many(
            "mux-line",
            "NUMBER=NODE[,KEY=VALUE…]",
            "a line on a 27.010 multiplexer; NODE becomes its device",
        ))
        .arg(many(
            "usb-line",
            "NUMBER=acm|ftdi[:SERIAL[:VENDOR:PRODUCT]][,KEY=VALUE…]",
            "a line behind an emulated USB adapter; the kernel makes its ttyACM or ttyUSB",
        ))
        .arg(many("far", "NUMBER[,KEY=VALUE…]", "a line without a computer, for orders and scripts"))
        .arg(many("set", "KEY=VALUE", "what all lines are told first (connect, pace, handshake …)"))
        .arg(one("control", "PATH", "takes orders on this Unix socket (mode 0600)"))
        .arg(many("script", "FILE", "takes orders from this file"))
        .arg(one("log", "FILE", "appends what happens as JSON lines"))
        .arg(
            Arg::new("ladder")
                .long("ladder")
                .action(ArgAction::SetTrue)
                .help("shows the calls live, for people"),
        )
        .arg(one("cadence", "TIME", "from one ring to the next (6s)"))
        .arg(one("hold", "TIME", "keeps a call when only the called party has hung up (0s)"))
        .arg(one("outside", "DIGIT", "the digit that asks for an outside line"))
        .subcommand(
            Command::new("ctl")
                .about("Gives orders to a running exchange: one an argument, or one a line on standard input")
                .arg(Arg::new("path").value_name("PATH").required(true))
                .arg(Arg::new("order").value_name("ORDER").action(ArgAction::Append)),
        )
}

/// Runs the program; the result is its exit code.
pub fn run() -> i32 {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { 2 } else { 0 };
        }
    };
    let result = match matches.subcommand() {
        Some(("ctl", matches)) => ctl(matches),
        _ => exchange(&matches).map(|()| 0),
    };
    result.unwrap_or_else(|e| {
        eprintln!("exchange: {e:#}");
        1
    })
}

fn all<'a>(matches: &'a ArgMatches, name: &str) -> impl Iterator<Item = &'a String> {
    matches.get_many::<String>(name).into_iter().flatten()
}

fn lines(matches: &ArgMatches) -> Result<Vec<NewLine>> {
    let mut lines = Vec::new();
    let kinds = [("line", SocketKind::Pty), ("mux-line", SocketKind::Mux), ("usb-line", SocketKind::Usb)];
    for (option, kind) in kinds {
        for text in all(matches, option) {
            let line = NewLine::parse(text, kind).map_err(|e| anyhow!("--{option}: {e}"))?;
            if line.socket == Socket::None {
                bail!("--{option} {text}: NUMBER=… is wanted (a line without a computer is --far)");
            }
            lines.push(line);
        }
    }
    for text in all(matches, "far") {
        let line = NewLine::parse(text, SocketKind::Pty).map_err(|e| anyhow!("--far: {e}"))?;
        if line.socket != Socket::None {
            bail!("--far {text}: a far end has no path");
        }
        lines.push(line);
    }
    Ok(lines)
}

fn exchange(matches: &ArgMatches) -> Result<()> {
    let lines = lines(matches)?;
    let usual: Vec<Setting> = all(matches, "set")
        .map(|text| Setting::parse(text).map_err(|e| anyhow!("--set: {e}")))
        .collect::<Result<_>>()?;
    let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let mut habits = Habits::default();
    if let Some(cadence) = text("cadence") {
        habits.cadence = orders::cadence(cadence).map_err(|e| anyhow!("--cadence: {e}"))?;
    }
    if let Some(hold) = text("hold") {
        habits.hold = faults::time(hold).with_context(|| format!("--hold: {hold:?} is no time"))?;
    }
    if let Some(outside) = text("outside") {
        habits.outside = match outside.as_bytes() {
            [digit] if digit.is_ascii_digit() => Some(char::from(*digit)),
            _ => bail!("--outside: one digit"),
        };
    }
    let scripts: Vec<(&String, String)> = all(matches, "script")
        .map(|path| Ok((path, std::fs::read_to_string(path).with_context(|| path.clone())?)))
        .collect::<Result<_>>()?;
    let log = text("log").map(|path| {
        OpenOptions::new().create(true).append(true).mode(0o640).open(path).with_context(|| path.to_string())
    });
    let ladder = matches.get_flag("ladder").then(Ladder::new);
    more_descriptors(lines.len());
    let mut exchange = Exchange::new(Make::default(), usual, habits, Journal::new(log.transpose()?, ladder))?;
    // What a crashed exchange has left is cleared away before new ptys take the same names.
    for line in &lines {
        if let Socket::Pty(path) = &line.socket {
            exchange.claim(path)?;
        }
    }
    for line in &lines {
        exchange.add(line).with_context(|| format!("line {}", line.number))?;
    }
    if let Some(path) = text("control") {
        exchange.listen(path.as_ref())?;
    }
    for (name, text) in &scripts {
        exchange.script(name, text);
    }
    exchange.run()
}

/// A descriptor for each line; the soft limit is often 1024.
fn more_descriptors(lines: usize) {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let wanted = lines as u64 + 256;
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < wanted
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, wanted.min(hard), hard);
    }
}

/// The client: sends orders one by one and prints the answers. 0: all were carried out.
fn ctl(matches: &ArgMatches) -> Result<i32> {
    let path = matches.get_one::<String>("path").context("which socket?")?;
    let stream = UnixStream::connect(path).with_context(|| path.clone())?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut failed = false;
    let mut obey = |order: &str| -> Result<()> {
        if order.trim().is_empty() || order.trim_start().starts_with('#') {
            return Ok(());
        }
        (&stream).write_all(format!("{}\n", order.trim_end_matches('\n')).as_bytes())?;
        let mut answer = String::new();
        if answers.read_line(&mut answer)? == 0 {
            bail!("the exchange has gone");
        }
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", "") => {}
            ("ok", text) => println!("{text}"),
            (_, why) => {
                eprintln!("exchange: {}: {why}", order.trim());
                failed = true;
            }
        }
        Ok(())
    };
    let orders: Vec<&String> = all(matches, "order").collect();
    if orders.is_empty() {
        for line in std::io::stdin().lock().lines() {
            obey(&line?)?;
        }
    }
    for order in orders {
        obey(order)?;
    }
    Ok(i32::from(failed))
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn the_manual_page_has_every_option_and_order() {
        let page = include_str!("../../../man/exchange.1");
        let command = command();
        for argument in command.get_arguments().filter_map(|a| a.get_long()) {
            assert!(page.contains(&format!("Fl -{argument}")), "--{argument} is missing");
        }
        let orders = "add add-mux add-usb remove list state set pace hold cadence dial answer hangup type expect heard \
                      wait fault cut play note unplug plug break lines sleep again quit";
        let orders = orders.split_whitespace();
        let words =
            "no-dialtone noise garbage drop deaf slow echo error lost-ring cid dtr-ignored power-cycle";
        let keys = "connect handshake answer-delay pace profile cid guard name withheld hold tty-hangup fault rts speed \
             frame breaks plugged device";
        for word in orders.chain(words.split_whitespace()).chain(keys.split_whitespace()) {
            let named = page.lines().any(|line| {
                (line.starts_with(".It") || line.starts_with(".Cm"))
                    && line.split([' ', ',']).any(|w| w == word)
            });
            assert!(named, "{word} is missing");
        }
        for (name, _) in crate::modem::caller_id::DIALECTS {
            assert!(page.contains(name), "{name} is missing");
        }
        for (name, _) in crate::switch::SOUNDS {
            assert!(page.contains(name) || name == "bye", "{name} is missing");
        }
        for profile in &crate::modem::profile::PROFILES {
            assert!(page.contains(profile.name), "{} is missing", profile.name);
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
