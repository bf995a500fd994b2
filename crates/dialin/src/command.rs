//! The command line: one table of commands, each with its arguments and what it does.

use crate::commands;
use crate::session::{Session, unsaid};
use anyhow::Result;
use clap::{Arg, ArgAction, ArgMatches, Command};
use ttyline::visible;

/// A command.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Those of its subcommands that only read; `"*"`: all of it only reads. Anything else needs the right of
    /// the command's name (see [`crate::roles`]).
    pub reads: &'static [&'static str],
    /// Its arguments.
    pub build: fn(Command) -> Command,
    /// What it does; gives the exit code.
    pub run: fn(&Session, &ArgMatches) -> Result<u8>,
}

/// All commands, in the order of the manual page.
pub const TABLE: &[Entry] = &[
    commands::status::STATUS,
    commands::status::TOP,
    commands::calls::ENTRY,
    commands::test::ENTRY,
    commands::lock::ENTRY,
    commands::doctor::ENTRY,
    commands::setup::ENTRY,
    commands::port::ENTRY,
    commands::line::ENTRY,
    commands::import::ENTRY,
    commands::explain::ENTRY,
    commands::lint::ENTRY,
    commands::ppp::ENTRY,
    commands::autoppp::ENTRY,
    commands::callerid::ENTRY,
    commands::account::ENTRY,
    commands::callback::ENTRY,
    commands::share::ENTRY,
    commands::log::ENTRY,
    commands::undo::ENTRY,
    commands::backup::BACKUP,
    commands::backup::RESTORE,
    commands::completions::ENTRY,
];

/// Exit codes.
pub mod code {
    /// Done, or there was nothing to do.
    pub const DONE: u8 = 0;
    /// It could not be done; a sentence says why. Nothing was changed.
    pub const FAILED: u8 = 1;
    /// The command line makes no sense.
    pub const USAGE: u8 = 2;
    /// A question was answered with no (`callerid test`, `account test` …).
    pub const NO: u8 = 3;
}

/// The whole command line.
#[must_use]
pub fn command() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).global(true).help(help)
    };
    let value = |name: &'static str, of: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(of).global(true).help(help)
    };
    let command = Command::new("dialin")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Sets up a dial-in server, shows what it does, and changes it safely")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .arg(flag("yes", "carries the plan out without asking").short('y'))
        .arg(flag("plan", "shows the plan and changes nothing").short('n'))
        .arg(flag("json", "answers in JSON"))
        .arg(value("root", "DIR", "works on the tree below DIR instead of the machine"))
        .arg(value("config-dir", "DIR", "mgetty's configuration (/etc/mgetty, else /etc/mgetty+sendfax)"));
    TABLE.iter().fold(command, |all, entry| all.subcommand((entry.build)(Command::new(entry.name))))
}

/// Runs the program; the result is its exit code.
#[must_use]
pub fn run() -> u8 {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(e) => {
            let _ = e.print();
            return if e.use_stderr() { code::USAGE } else { code::DONE };
        }
    };
    match dispatch(&matches) {
        Ok(code) => match unsaid() {
            None => code,
            Some(why) => {
                eprintln!("dialin: standard output: {}", visible::line(why));
                code::FAILED
            }
        },
        Err(e) => {
            eprintln!("dialin: {}", sentence(&e));
            code::FAILED
        }
    }
}

/// An error with what it is about, outermost first, safe for a terminal.
fn sentence(error: &anyhow::Error) -> String {
    visible::line(format!("{error:#}"))
}

fn dispatch(matches: &ArgMatches) -> Result<u8> {
    let Some((name, own)) = matches.subcommand() else { return Ok(code::USAGE) };
    let Some(entry) = TABLE.iter().find(|entry| entry.name == name) else { return Ok(code::USAGE) };
    let reads = match own.subcommand_name() {
        _ if entry.reads.contains(&"*") => true,
        Some(sub) => entry.reads.contains(&sub),
        None => false,
    };
    let session = Session::open(own, if reads { None } else { Some(entry.name) })?;
    (entry.run)(&session, own)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
