//! mgetty's lines of an inittab, with what their options say, served by whatever starts gettys here.

use super::Source;
use crate::commands::line;
use crate::draft::Draft;
use anyhow::{Result, bail};
use ttyline::config::getty_command::{GettyCommand, KEYWORDS, Program};
use ttyline::config::inittab;
use ttyline::visible;

pub(super) fn import(source: &Source<'_>, file: &str, draft: &mut Draft<'_>) -> Result<()> {
    let text = source.text(file)?;
    let mut found = 0;
    for own in inittab::read(text.as_bytes()) {
        let Some(command) = own.getty().filter(|c| c.program != Program::Other && own.runs()) else {
            continue;
        };
        let place = format!("{}:{}", source.root().shown(file), own.at.line);
        if command.program == Program::Vgetty {
            draft.note(format!("{place}: vgetty (voice) is left out: there is no answering machine here"));
            continue;
        }
        let name = match line::named(command.line()) {
            Ok(name) if !name.starts_with("term/") => name,
            Ok(name) => {
                draft.note(format!(
                    "{place}: {name}, a name of Solaris', is left out: `dialin line add` serves it by its name here"
                ));
                continue;
            }
            Err(why) => {
                draft.note(format!("{place} is left out: {why}"));
                continue;
            }
        };
        if source.other.is_none()
            && crate::services::all(source.root())?.iter().any(|s| s.line == name && s.runs)
        {
            draft.note(format!("{place}: {name} is served here already"));
            continue;
        }
        let settings = settings(&command);
        if !settings.iter().any(|setting| setting == "data-only=yes") && command.value(b'r').is_none() {
            draft.note(format!(
                "{place}: {name} could receive fax; no fax is received by Ringback, such calls are refused"
            ));
        }
        line::add(source.session, draft, &name, &settings, None)?;
        found += 1;
    }
    if found == 0 && draft.notes.is_empty() {
        bail!("{}: no mgetty is started there; nothing was changed", source.root().shown(file));
    }
    for path in
        ["/etc/mgetty/sendfax.config", "/etc/mgetty+sendfax/sendfax.config", "/var/spool/fax/outgoing"]
    {
        if source.root().exists(path) {
            draft.note(format!(
                "{} is there: fax is neither sent nor received by Ringback",
                source.root().shown(path)
            ));
        }
    }
    Ok(())
}

/// What the options say, as keywords of mgetty.config.
fn settings(command: &GettyCommand) -> Vec<String> {
    let said = |(letter, keyword, takes): &(u8, &str, bool)| {
        let value = command.value(*letter)?;
        Some(format!("{keyword}={}", if *takes { visible::line(value) } else { "yes".into() }))
    };
    let mut settings: Vec<String> = KEYWORDS.iter().filter_map(said).collect();
    if command.value(b'R').is_some() {
        settings.push("ringback=yes".into());
    }
    settings
}
