//! `dialin undo`: takes a change back, byte for byte.

use crate::apply;
use crate::command::Entry;
use crate::commands::line;
use crate::commands::setup::{forward_no_more, forwards};
use crate::draft::Draft;
use crate::journal::{Entry as Change, Journal};
use crate::places::{INITTAB, MSERVER, NAT, NAT_SERVICE, NAT_UNIT, SYSCTL, UNITS};
use crate::root::State;
use crate::services::{escaped, unescaped};
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
    }
    let started = Started::by(&change);
    started.steps(session, &mut draft, &change);
    let (code, done) = session.carry_out_for(draft, Some(change.id))?;
    if done {
        apply::remove_made(&session.root, &change);
        if session.root.is_host() {
            started.stop(session)?;
        }
    }
    Ok(code)
}

/// What the undone change had started and stopped, as its links in systemd's directories tell.
#[derive(Debug, Default, PartialEq, Eq)]
struct Started {
    /// Lines it began to serve.
    lines: Vec<String>,
    /// Lines it ceased to serve.
    gone: Vec<String>,
    /// Lines from which it took the console's getty.
    consoles: Vec<String>,
}

impl Started {
    fn by(change: &Change) -> Started {
        let mut all = Started::default();
        for edit in change.edits.iter().filter(|e| e.link && e.path.starts_with(UNITS)) {
            let mut parts = edit.path.rsplit('/');
            let (Some(unit), Some(directory)) = (parts.next(), parts.next()) else { continue };
            let instance = |template: &str| {
                let instance = unit.strip_prefix(template)?.strip_suffix(".service")?;
                directory.ends_with(".wants").then(|| unescaped(instance))
            };
            let list = match (instance("mgetty@"), instance("serial-getty@"), edit.before == State::Absent) {
                (Some(line), _, true) => (&mut all.lines, line),
                (Some(line), _, false) if edit.after == State::Absent => (&mut all.gone, line),
                (_, Some(line), false) if edit.after == State::Absent => (&mut all.consoles, line),
                _ => continue,
            };
            if !list.0.contains(&list.1) {
                list.0.push(list.1);
            }
        }
        all
    }

    /// What follows the undoing, as far as it may be said beforehand.
    fn steps(&self, session: &Session, draft: &mut Draft<'_>, change: &Change) {
        let touched = |path: &str| change.edits.iter().find(|e| e.path == path);
        match touched(NAT_UNIT) {
            // Before systemd forgets how.
            Some(edit) if edit.before == State::Absent => {
                draft.step(&["systemctl", "stop", NAT_SERVICE], "address translation ends");
            }
            None if touched(NAT).is_some_and(|edit| edit.before == State::Absent) => {
                draft.step(&["nft", "delete", "table", "ip", "ringback"], "address translation ends");
            }
            _ => {}
        }
        if change.edits.iter().any(|e| e.path.starts_with("/etc/systemd/")) {
            draft.step(&["systemctl", "daemon-reload"], "systemd reads its units again");
        }
        if touched(NAT_UNIT).is_some_and(|edit| edit.before != State::Absent) {
            draft.step(&["systemctl", "restart", NAT_SERVICE], "address translation as before");
        }
        if touched(INITTAB).is_some() {
            let why = "init reads its table again and ends the gettys of lines that are no longer in it";
            draft.tell_init(why);
        }
        for line in &self.gone {
            let instance = escaped(line);
            draft.step(
                &["systemctl", "stop", &format!("serial-getty@{instance}.service")],
                "the console's getty lets go of the line",
            );
            draft.step(
                &["systemctl", "--no-block", "start", &format!("mgetty@{instance}.service")],
                "the line is served again",
            );
        }
        if touched(MSERVER).is_some() {
            draft.step(
                &["systemctl", "try-reload-or-restart", "mserver.service"],
                "mserver reads its file again; sessions go on",
            );
        }
        for line in &self.lines {
            draft.note(format!("{line}: its getty is stopped after that, unless a call is on"));
        }
        if touched(&session.places.mgetty_config()).is_some() {
            draft.note(
                "idle lines take their settings from before with `dialin line apply`, others after the call",
            );
        }
        let text = |state: &State| state.bytes().unwrap_or_default().to_vec();
        if let Some(edit) =
            touched(SYSCTL).filter(|e| forwards(&text(&e.after)) && !forwards(&text(&e.before)))
        {
            forward_no_more(draft, &text(&edit.after));
        }
    }

    /// Stops the gettys that were started; the console's getty comes back where none is busy.
    fn stop(&self, session: &Session) -> Result<()> {
        let busy = line::let_go(session, &self.lines)?;
        for line in self.consoles.iter().filter(|l| !busy.contains(&l.as_str())) {
            let unit = format!("serial-getty@{}.service", escaped(line));
            line::program(&["systemctl", "--no-block", "start", &unit])?;
        }
        Ok(())
    }
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
