//! `dialin log`: what was changed, when, by whom.

use crate::command::{Entry, code};
use crate::journal::Journal;
use crate::session::{Session, say, say_json};
use anyhow::Result;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;
use ttyline::sys::clock;
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "log", reads: &["*"], build, run };

fn build(command: Command) -> Command {
    command.about("Lists the changes of the journal, or shows one").arg(
        Arg::new("change")
            .value_name("CHANGE")
            .help("shows what this one changed")
            .value_parser(clap::value_parser!(u64)),
    )
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let Some(journal) = Journal::open(&session.root)? else {
        say(if session.json { "[]" } else { "no changes yet" });
        return Ok(code::DONE);
    };
    if let Some(id) = matches.get_one::<u64>("change") {
        let entry = journal.read(*id, false)?;
        if session.json {
            let files: Vec<_> = entry
                .edits
                .iter()
                .map(|edit| json!({ "path": edit.path, "diff": crate::session::shown(&session.root, edit) }))
                .collect();
            say_json(&json!({ "id": entry.id, "time": entry.time, "who": entry.who,
                              "command": entry.command, "undoes": entry.undoes, "files": files }));
            return Ok(code::DONE);
        }
        say(line(&entry));
        for edit in &entry.edits {
            crate::session::say_text(&crate::session::shown(&session.root, edit));
        }
        return Ok(code::DONE);
    }
    let mut all = Vec::new();
    for id in journal.ids()? {
        let entry = journal.read(id, false)?;
        if session.json {
            let files: Vec<_> = entry.edits.iter().map(|edit| edit.path.clone()).collect();
            all.push(json!({ "id": entry.id, "time": entry.time, "who": entry.who,
                             "command": entry.command, "undoes": entry.undoes, "files": files }));
        } else {
            say(line(&entry));
        }
    }
    if session.json {
        say_json(&serde_json::Value::from(all));
    }
    Ok(code::DONE)
}

fn line(entry: &crate::journal::Entry) -> String {
    let t = clock::local(entry.time);
    let undoes = entry.undoes.map_or_else(String::new, |id| format!("  (takes {id} back)"));
    format!(
        "{:>4}  {:04}-{:02}-{:02} {:02}:{:02}:{:02}  {}  dialin {}{undoes}",
        entry.id,
        t.year,
        t.month,
        t.day,
        t.hour,
        t.minute,
        t.second,
        visible::line(&entry.who),
        visible::line(&entry.command),
    )
}
