//! `dialin line`: which lines are served, and how.

mod edit;
mod reload;

use crate::command::{Entry, code};
use crate::services::{self, By, Served};
use crate::session::{Session, say, say_json};
use anyhow::{Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::json;
use ttyline::config::getty_command::Program;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{Document, Origin};
use ttyline::line_name::LineName;
use ttyline::visible;

pub use edit::{add, set};
pub use reload::{calls_on_gone_lines, let_go, program, reload};

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "line", reads: &["list"], build, run };

fn build(command: Command) -> Command {
    let line = || {
        Arg::new("line")
            .value_name("LINE")
            .required(true)
            .help("a device: ttyS1, /dev/ttyUSB0, /dev/serial/by-id/...")
    };
    let setting = || {
        Arg::new("setting")
            .value_name("KEYWORD=VALUE")
            .num_args(0..)
            .help("a keyword of mgetty.config(5): rings=2, speed=57600, direct=yes and so on")
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    command
        .about("Lists, adds, changes and removes lines")
        .subcommand_required(true)
        .subcommand(
            Command::new("list").about("Lists the lines of inittab and systemd with what holds for them"),
        )
        .subcommand(
            Command::new("add").about("Serves a line").arg(line()).arg(setting()).arg(
                Arg::new("init")
                    .long("init")
                    .value_name("WHICH")
                    .value_parser(["systemd", "inittab"])
                    .help("what starts gettys here, if it is not found out"),
            ),
        )
        .subcommand(
            Command::new("set").about("Changes how a line is served").arg(line()).arg(setting()).arg(
                Arg::new("unset")
                    .long("unset")
                    .value_name("KEYWORD")
                    .action(ArgAction::Append)
                    .help("back to what holds for all lines"),
            ),
        )
        .subcommand(
            Command::new("rm")
                .about("Serves a line no longer")
                .arg(line())
                .arg(flag("keep-settings", "its section of mgetty.config stays")),
        )
        .subcommand(
            Command::new("apply")
                .about("Makes changes hold: idle lines are started anew, calls are not touched")
                .arg(Arg::new("line").value_name("LINE").num_args(0..).help("these only"))
                .arg(flag("wait", "waits for calls to end"))
                .arg(flag("now", "ends calls").conflicts_with("wait")),
        )
}

/// A line's name, without `/dev/`.
///
/// # Errors
/// It cannot be one.
pub fn named(word: &str) -> Result<String> {
    let shown = visible::terminal(word);
    match LineName::new(word) {
        Ok(name) => {
            let device = name.device();
            let odd = device.split('/').any(|part| part == ".." || part == "." || part.is_empty());
            if odd
                || device.contains(char::is_whitespace)
                || device.contains(['#', '\'', '"', '\\'])
                // As in serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0, which alone tells two modems of one kind.
                || device.contains(':') && !device.starts_with("serial/")
                || device.starts_with('-')
            {
                bail!("{shown}: is no name of a line below /dev");
            }
            Ok(device.to_string())
        }
        Err(e) => bail!("{shown}: {e}"),
    }
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let words = |own: &ArgMatches, name: &str| -> Vec<String> {
        own.try_get_many::<String>(name).ok().flatten().into_iter().flatten().cloned().collect()
    };
    match matches.subcommand() {
        Some(("list", _)) => list(session),
        Some(("apply", own)) => {
            let lines = words(own, "line").iter().map(|l| named(l)).collect::<Result<Vec<_>>>()?;
            for line in &lines {
                session.role.require("line", Some(line))?;
            }
            if lines.is_empty() && !session.role.may_everywhere("line") {
                bail!("{} may apply single lines only; name them", session.role.who);
            }
            reload(session, &lines, own.get_flag("wait"), own.get_flag("now"))
        }
        Some((name, own)) => {
            let line = named(own.get_one::<String>("line").map_or("", String::as_str))?;
            session.role.require("line", Some(&line))?;
            let mut draft = session.draft();
            let settings = words(own, "setting");
            match name {
                "add" => add(
                    session,
                    &mut draft,
                    &line,
                    &settings,
                    own.get_one::<String>("init").map(String::as_str),
                )?,
                "set" => {
                    let unset = words(own, "unset");
                    if settings.is_empty() && unset.is_empty() {
                        bail!("say what to change: KEYWORD=VALUE or --unset KEYWORD");
                    }
                    let all = services::all(&session.root)?;
                    let served = edit::editable(&all, &line)?;
                    set(session, &mut draft, Some(served), &line, &settings, &unset)?;
                    draft.note(if served.runs {
                        format!("it holds from the next call on; `dialin line apply {line}` makes an idle line take it now")
                    } else {
                        format!("{line} is switched off; `dialin line add {line}` serves it")
                    });
                }
                _ => edit::remove(session, &mut draft, &line, own.get_flag("keep-settings"))?,
            }
            session.carry_out(draft)
        }
        None => Ok(code::USAGE),
    }
}

/// What holds for a line: file and command line together.
///
/// # Errors
/// mgetty.config cannot be read.
pub fn effective(session: &Session, served: &Served) -> Result<MgettyConfig> {
    let text = session.root.read(&session.places.mgetty_config())?.unwrap_or_default();
    let mut config = MgettyConfig::default();
    config.load(&Document::parse(text), Some(&served.line));
    let value = |letter| served.command.value(letter);
    let number = |letter| value(letter).and_then(|v| v.trim().parse::<i64>().ok());
    if let Some(n) = number(b's') {
        config.speed.override_with(n);
    }
    if let Some(n) = number(b'n') {
        config.rings.override_with(n);
    }
    if value(b'r').is_some() {
        config.direct.override_with(true);
    }
    if value(b'D').is_some() {
        config.data_only.override_with(true);
    }
    if value(b'F').is_some() {
        config.fax_only.override_with(true);
    }
    if let Some(text) = value(b'p') {
        config.login_prompt.override_with(text.into());
    }
    Ok(config)
}

fn list(session: &Session) -> Result<u8> {
    let all = services::all(&session.root)?;
    let mut rows = Vec::new();
    for served in &all {
        let place = match &served.by {
            By::Inittab(line) => format!("{}:{}", crate::places::INITTAB, line.at.line),
            By::Unit { unit, .. } => unit.clone(),
            By::Foreign { path } => path.clone(),
        };
        let mgetty = served.command.program == Program::Mgetty;
        let config = effective(session, served)?;
        let kind = if config.direct.value { "direct" } else { "modem" };
        let mode = match (config.is_data_only(), config.fax_only.value) {
            (_, true) => "fax",
            (true, _) => "data",
            _ => "data+fax",
        };
        let clash = all.iter().any(|other| {
            other.runs
                && served.runs
                && other.line == served.line
                && other != served
                && other.command.program != served.command.program
        });
        let remark = match (served.untouched(), clash, served.runs) {
            (_, true, _) => Some("two programs want this line"),
            (why, _, true) => why,
            (_, _, false) => Some("switched off"),
        };
        let origin = |o: Origin| match o {
            Origin::CommandLine => "",
            Origin::File(_) => "",
            Origin::BuiltIn => " (built in)",
        };
        if session.json {
            rows.push(json!({ "line": served.line, "service": place, "runs": served.runs, "type": kind,
                              "speed": config.speed.value, "rings": config.rings_wanted(), "mode": mode, "remark": remark }));
        } else if mgetty && served.untouched().is_none_or(|w| w.contains("unit")) {
            let rings =
                if config.direct.value { String::new() } else { format!("rings {}", config.rings_wanted()) };
            say(format!(
                "{:<20} {kind:<7} {:>6} bit/s{}  {rings:<8} {mode:<9} {}{}",
                visible::line(&served.line),
                config.speed.value,
                origin(config.speed.origin),
                visible::line(&place),
                remark.map_or(String::new(), |r| format!("   ({r})"))
            ));
        } else {
            say(format!(
                "{:<20} {}   ({})",
                visible::line(&served.line),
                visible::line(&place),
                remark.unwrap_or("not touched")
            ));
        }
    }
    if session.json {
        say_json(&serde_json::Value::from(rows));
    } else if all.is_empty() {
        say("no lines are served; `dialin line add` or `dialin setup`");
    }
    Ok(code::DONE)
}
