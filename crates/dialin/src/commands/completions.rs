//! `dialin completions`: what a shell needs to complete dialin's commands and options.

use crate::command::{Entry, code, command};
use crate::session::{Session, say_text};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "completions", reads: &["*"], build, run };

fn build(command: Command) -> Command {
    command
        .about("Writes the completions for a shell; scripts/install puts them in place")
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)))
}

fn run(_: &Session, matches: &ArgMatches) -> Result<u8> {
    let Some(shell) = matches.get_one::<Shell>("shell") else { return Ok(code::USAGE) };
    let mut text = Vec::new();
    generate(*shell, &mut command(), "dialin", &mut text);
    say_text(&String::from_utf8_lossy(&text));
    Ok(code::DONE)
}
