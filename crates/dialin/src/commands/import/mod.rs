//! `dialin import`: set-ups of other programs, or of another machine, become ours.

mod gettys;
mod pppconfig;
mod ser2net;
mod wvdial;

use crate::command::{Entry, code};
use crate::root::Root;
use crate::session::Session;
use anyhow::{Result, bail};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use std::path::Path;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "import", reads: &[], build, run };

fn build(command: Command) -> Command {
    let file =
        |of: &'static str| Arg::new("file").value_name("FILE").default_value(of).help("the file to read");
    command
        .about("Takes over what was set up for other programs, or on another machine")
        .subcommand_required(true)
        .arg(Arg::new("from").long("from").value_name("DIR").global(true).help(
            "reads the files of the tree below DIR (another machine's, a backup's) instead of this one's",
        ))
        .subcommand(
            Command::new("inittab")
                .about("mgetty's lines of inittab, for whatever starts gettys here")
                .arg(file("/etc/inittab")),
        )
        .subcommand(
            Command::new("wvdial")
                .about("wvdial's sections become peers for pon, with chat scripts and accounts")
                .arg(file("/etc/wvdial.conf")),
        )
        .subcommand(
            Command::new("pppconfig")
                .about("pppconfig's peers of another tree, with their chat scripts and secrets")
                .arg(Arg::new("name").value_name("NAME").num_args(0..).help("these peers only")),
        )
        .subcommand(
            Command::new("ser2net")
                .about("ser2net's connections become shared modems (ser2net.yaml, or the older ser2net.conf)")
                .arg(file("/etc/ser2net.yaml"))
                .arg(
                    Arg::new("hosts").long("hosts").value_name("LIST").help(
                        "who may use them; ser2net knows no list, and without one only this machine may",
                    ),
                ),
        )
}

/// Where the old set-up is.
struct Source<'s> {
    other: Option<Root>,
    session: &'s Session,
}

impl Source<'_> {
    fn root(&self) -> &Root {
        self.other.as_ref().unwrap_or(&self.session.root)
    }

    /// A file that must be there, as text; what is no UTF-8 is read as Latin-1.
    fn text(&self, path: &str) -> Result<String> {
        match self.root().read(path)? {
            Some(bytes) => Ok(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(e) => e.into_bytes().into_iter().map(char::from).collect(),
            }),
            None => bail!("{}: there is no such file; nothing was changed", self.root().shown(path)),
        }
    }
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let Some((name, own)) = matches.subcommand() else { return Ok(code::USAGE) };
    let from = own.get_one::<String>("from");
    if from.is_some() && session.role.restricted() {
        bail!("--from is root's alone");
    }
    let other = from.map(|dir| Root::open(Path::new(dir))).transpose()?;
    let source = Source { other, session };
    let mut draft = session.draft();
    let file = own.try_get_one::<String>("file").ok().flatten().map_or("", String::as_str);
    let older = "/etc/ser2net.conf";
    let file = match name {
        "ser2net"
            if own.value_source("file") == Some(ValueSource::DefaultValue)
                && !source.root().exists(file)
                && source.root().exists(older) =>
        {
            older
        }
        _ => file,
    };
    if !file.is_empty() && !file.starts_with('/') {
        bail!("{}: a whole path is expected", ttyline::visible::terminal(file));
    }
    match name {
        "inittab" => gettys::import(&source, file, &mut draft)?,
        "wvdial" => wvdial::import(&source, file, &mut draft)?,
        "pppconfig" => {
            let names: Vec<String> = own.get_many::<String>("name").unwrap_or_default().cloned().collect();
            pppconfig::import(&source, &names, &mut draft)?;
        }
        _ => ser2net::import(&source, file, own.get_one::<String>("hosts").map(String::as_str), &mut draft)?,
    }
    session.carry_out(draft)
}

/// A name for files: what is no letter, digit, `-` or `_` becomes `_`.
fn file_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' })
        .take(60)
        .collect();
    if name.is_empty() || name.starts_with('-') { format!("x{name}") } else { name }
}
