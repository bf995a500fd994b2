//! `dialin undo`: takes a change back, byte for byte.

use crate::apply;
use crate::command::Entry;
use crate::journal::{Entry as Change, Journal};
use crate::session::Session;
use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "undo", reads: &[], build, run };

fn build(command: Command) -> Command {
    command.about("Takes the last change back, or the one of this number").arg(
        Arg::new("change")
            .value_name("CHANGE")
            .help("its number in `dialin log`")
            .value_parser(clap::value_parser!(u64)),
    )
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let Some(journal) = Journal::open(&session.root)? else {
        bail!("nothing to undo: there is no journal yet")
    };
    let change = match matches.get_one::<u64>("change") {
        Some(id) => journal.read(*id, false)?,
        None => last(&journal)?,
    };
    let mut draft = session.draft();
    for edit in &change.edits {
        let now = session.root.look(&edit.path, !edit.link)?;
        if !apply::same(&now, &edit.after) {
            bail!(
                "{}: was changed since change {}; undo that first, or edit the file yourself (nothing was changed)",
                session.root.shown(&edit.path),
                change.id
            );
        }
        draft.set(&edit.path, edit.link, edit.before.clone())?;
        if edit.path.starts_with("/etc/systemd/") && session.root.is_host() {
            draft.step(&["systemctl", "daemon-reload"], "systemd reads its units again");
        }
        if edit.path == crate::places::INITTAB && session.root.is_host() {
            draft.step(&["telinit", "q"], "init reads its table again");
        }
    }
    let (code, done) = session.carry_out_for(draft, Some(change.id))?;
    if done {
        apply::remove_made(&session.root, &change);
    }
    Ok(code)
}

/// The last change that is in force: none that takes another back, none that was taken back.
fn last(journal: &Journal) -> Result<Change> {
    let mut gone = Vec::new();
    for id in journal.ids()?.into_iter().rev() {
        let change = journal.read(id, false)?;
        match change.undoes {
            // One that was taken back itself does not count.
            Some(other) if !gone.contains(&id) => gone.push(other),
            None if !gone.contains(&id) => return Ok(change),
            _ => {}
        }
    }
    bail!("nothing to undo: all changes are taken back")
}
