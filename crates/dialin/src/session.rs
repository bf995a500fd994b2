//! One run of dialin: whose, on which tree, and how a change is shown, asked about and carried out.

use crate::apply::{self, Cause};
use crate::command::code;
use crate::commands::line;
use crate::draft::{Draft, Edit, Step};
use crate::places::Places;
use crate::roles::Role;
use crate::root::{Root, State};
use crate::{diff, mask};
use anyhow::{Result, bail};
use clap::ArgMatches;
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use ttyline::log::reason;
use ttyline::visible;

/// Commands that hold a right for single lines to these; all others are about the whole machine.
const OF_LINES: [&str; 4] = ["line", "lock", "ppp", "test"];

/// One run.
pub struct Session {
    /// The tree.
    pub root: Root,
    /// Where its files are.
    pub places: Places,
    /// Who asks, and what he may do.
    pub role: Role,
    /// `--json`
    pub json: bool,
    yes: bool,
    plan_only: bool,
    command: String,
}

impl Session {
    /// Opens the tree, finishes what an earlier run left, and looks whether this may be done; `right` is what
    /// it needs, `None` for what only reads.
    ///
    /// # Errors
    /// A sentence.
    pub fn open(matches: &ArgMatches, right: Option<&str>) -> Result<Session> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let root = Root::open(Path::new(text("root").unwrap_or("/")))?;
        let role = Role::find()?;
        role.require(right.unwrap_or("view"), None)?;
        if let Some(right) = right.filter(|right| !OF_LINES.contains(right) && !role.may_everywhere(right)) {
            bail!("{} is about more than single lines: {} has the right for these only", right, role.who);
        }
        if role.restricted() && (text("root").is_some() || text("config-dir").is_some()) {
            bail!("--root and --config-dir are root's alone");
        }
        if let Some(dir) = text("config-dir").filter(|dir| !dir.starts_with('/') || !root.exists(dir)) {
            bail!("--config-dir {}: there is no such directory", visible::terminal(dir));
        }
        let places = Places::find(&root, text("config-dir"));
        // `connect=chat … word: SECRET` is a command too.
        let words = std::env::args_os().skip(1).map(|w| mask::option("", w.as_bytes()));
        let session = Session {
            places,
            json: matches.get_flag("json"),
            yes: matches.get_flag("yes"),
            plan_only: matches.get_flag("plan"),
            command: words.collect::<Vec<_>>().join(" "),
            role,
            root,
        };
        session.recover(right.is_some())?;
        Ok(session)
    }

    fn recover(&self, writes: bool) -> Result<()> {
        match apply::recover(&self.root, &self.role.who) {
            Ok(said) => {
                for line in said {
                    eprintln!("dialin: {}", visible::line(line));
                }
                Ok(())
            }
            // Who only reads may not be allowed to see the journal.
            Err(_) if !writes => Ok(()),
            Err(e) if nix::unistd::geteuid().is_root() => Err(e),
            Err(_) => Ok(()),
        }
    }

    /// `--plan`
    #[must_use]
    pub fn plans_only(&self) -> bool {
        self.plan_only
    }

    /// `--yes`
    #[must_use]
    pub fn says_yes(&self) -> bool {
        self.yes
    }

    /// A new draft.
    #[must_use]
    pub fn draft(&self) -> Draft<'_> {
        Draft::new(&self.root)
    }

    /// Shows a draft, asks, carries it out.
    ///
    /// # Errors
    /// A sentence.
    pub fn carry_out(&self, draft: Draft<'_>) -> Result<u8> {
        self.carry_out_for(draft, None).map(|(code, _)| code)
    }

    /// As [`Session::carry_out`], for a change that takes another one back. Tells whether files were changed.
    ///
    /// # Errors
    /// A sentence.
    pub fn carry_out_for(&self, draft: Draft<'_>, undoes: Option<u64>) -> Result<(u8, bool)> {
        let edits = draft.edits();
        if !self.json {
            for note in &draft.notes {
                say(format!("note: {}", visible::line(note)));
            }
        }
        if edits.is_empty() {
            self.report(&edits, &draft, None);
            return Ok((code::DONE, false));
        }
        if !self.json {
            for edit in &edits {
                say_text(&shown(&self.root, edit));
            }
            for step in &draft.steps {
                say(format!("then: {}  # {}", visible::line(step.argv.join(" ")), visible::line(&step.why)));
            }
        }
        if self.plan_only {
            self.report(&edits, &draft, None);
            return Ok((code::DONE, false));
        }
        if !self.yes {
            self.ask()?;
        }
        let cause = Cause { who: self.role.who.clone(), command: self.command.clone(), undoes };
        let id = apply::apply(&self.root, edits.clone(), cause)?;
        self.report(&edits, &draft, Some(id));
        let failed = self.steps(&draft.steps);
        Ok((if failed { code::FAILED } else { code::DONE }, true))
    }

    fn ask(&self) -> Result<()> {
        if !std::io::stdin().is_terminal() {
            bail!("nothing was changed: this is no terminal to ask at; say --yes to carry the plan out");
        }
        let mut out = std::io::stdout();
        let _ = write!(out, "Carry this out? [y/N] ");
        let _ = out.flush();
        let mut answer = String::new();
        let _ = std::io::stdin().read_line(&mut answer);
        if !matches!(answer.trim(), "y" | "Y" | "yes" | "j" | "J" | "ja" | "o" | "oui") {
            bail!("nothing was changed");
        }
        Ok(())
    }

    fn report(&self, edits: &[Edit], draft: &Draft<'_>, id: Option<u64>) {
        if self.json {
            let files: Vec<_> = edits
                .iter()
                .map(|edit| json!({ "path": edit.path, "diff": shown(&self.root, edit) }))
                .collect();
            let steps: Vec<_> = draft.steps.iter().map(|s| json!({ "argv": s.argv, "why": s.why })).collect();
            say_json(
                &json!({ "changed": id.is_some(), "id": id, "files": files, "then": steps, "notes": draft.notes }),
            );
        } else if edits.is_empty() {
            say("nothing to change");
        } else if let Some(id) = id {
            say(format!("change {id} is carried out; `dialin undo` takes it back"));
        } else {
            say("nothing was changed (--plan)");
        }
    }

    /// Runs what follows a change; true if something failed.
    fn steps(&self, steps: &[Step]) -> bool {
        let mut failed = false;
        for step in steps {
            let shown = visible::line(step.argv.join(" "));
            if !self.root.is_host() {
                eprintln!("dialin: on the machine itself follows: {shown}");
                continue;
            }
            let calls = if step.ends_calls { line::calls_on_gone_lines(self) } else { Ok(Vec::new()) };
            match calls {
                Ok(calls) if !calls.is_empty() => {
                    let calls = calls.join("; ");
                    eprintln!(
                        "dialin: `{shown}` would end a call: {calls}. `dialin line apply --wait` does it after that"
                    );
                    continue;
                }
                Ok(_) => {}
                Err(e) => {
                    eprintln!(
                        "dialin: `{shown}` is not run, as it might end calls: {}",
                        visible::line(format!("{e:#}"))
                    );
                    failed = true;
                    continue;
                }
            }
            let Some((program, arguments)) = step.argv.split_first() else { continue };
            let said = match Command::new(program).args(arguments).status() {
                Ok(status) if status.success() => continue,
                Ok(status) => format!("ended with {status}"),
                Err(e) => format!("cannot be started: {}", ttyline::log::reason(&e)),
            };
            eprintln!(
                "dialin: `{shown}` {said}; the files are in place, run it yourself when that is mended"
            );
            failed = true;
        }
        failed
    }
}

/// A file's change for people.
#[must_use]
pub fn shown(root: &Root, edit: &Edit) -> String {
    let path = root.shown(&edit.path);
    let none = "/dev/null".to_string();
    let name = |state: &State| if *state == State::Absent { none.clone() } else { path.clone() };
    let mut text = format!("--- {}\n+++ {}\n", name(&edit.before), name(&edit.after));
    let link = |state: &State| match state {
        State::Link(target) => Some(format!("symbolic link to {}\n", visible::line(target.as_bytes()))),
        _ => None,
    };
    if let Some(before) = link(&edit.before) {
        text.push_str(&format!("-{before}"));
    }
    if let Some(after) = link(&edit.after) {
        text.push_str(&format!("+{after}"));
    }
    match (&edit.before, &edit.after) {
        (State::File(b), State::File(a)) if b.mode != a.mode => {
            text.push_str(&format!("mode {:04o} becomes {:04o}\n", b.mode, a.mode));
        }
        (State::Absent | State::Link(_), State::File(a)) => {
            text.push_str(&format!("new file, mode {:04o}\n", a.mode));
        }
        _ => {}
    }
    let (old, new) = (edit.before.bytes().unwrap_or_default(), edit.after.bytes().unwrap_or_default());
    text.push_str(&diff::unified(old, new, &mask::lines(&edit.path, old), &mask::lines(&edit.path, new)));
    text
}

/// Why something could not be said; the first reason.
static UNSAID: OnceLock<String> = OnceLock::new();

/// Why standard output lacks something, as on a full disk.
#[must_use]
pub fn unsaid() -> Option<&'static str> {
    UNSAID.get().map(String::as_str)
}

/// A reader that has gone is no error.
fn said(result: std::io::Result<()>) {
    if let Err(e) = result {
        if e.kind() != std::io::ErrorKind::BrokenPipe {
            let _ = UNSAID.set(reason(&e));
        }
    }
}

/// One line to standard output.
pub fn say(line: impl AsRef<str>) {
    said(writeln!(std::io::stdout(), "{}", line.as_ref()));
}

/// JSON on one line to standard output, harmless for a terminal.
pub fn say_json(value: &serde_json::Value) {
    say(crate::json::shown(value));
}

/// Text with its line ends to standard output.
pub fn say_text(text: &str) {
    said(write!(std::io::stdout(), "{text}").and_then(|()| std::io::stdout().flush()));
}
