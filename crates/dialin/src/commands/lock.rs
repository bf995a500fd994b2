//! `dialin lock`: lock files of lines, and taking away those that count for nothing.

use crate::command::{Entry, code};
use crate::json::shown;
use crate::see::columns::columns;
use crate::session::{Session, say, say_text};
use anyhow::{Result, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use ttyline::line_name::LineName;
use ttyline::lock::{self, Found, LockError, Locks, Standing};
use ttyline::visible;

/// The table's entry.
pub const ENTRY: Entry = Entry { name: "lock", reads: &["list"], build, run };

/// Where they are, on all the systems we run on.
const DIRECTORY: &str = "/var/lock";

fn build(command: Command) -> Command {
    command
        .about("Lists lock files of lines, and clears away dead ones")
        .subcommand_required(true)
        .subcommand(Command::new("list").about("Lists all lock files: whose they are and what they are worth"))
        .subcommand(
            Command::new("clear")
                .about("Removes lock files whose owner is dead, or that were forged; never one of a living owner")
                .arg(Arg::new("line").value_name("LINE").num_args(0..).help("of these lines; without any, of all")),
        )
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    if !session.root.is_host() {
        bail!("locks are of the running machine: there are none below --root");
    }
    let found = found()?;
    match matches.subcommand() {
        Some(("clear", own)) => clear(session, &found, own),
        _ => {
            list(session, &found);
            Ok(code::DONE)
        }
    }
}

/// A lock file and its line.
struct Seen {
    line: String,
    found: Found,
}

fn found() -> Result<Vec<Seen>> {
    let mut all = Vec::new();
    let entries = match std::fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(all),
        Err(e) => bail!("{DIRECTORY}: {}", ttyline::log::reason(&e)),
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str().map(String::from)).collect();
    names.sort();
    for name in names {
        let Some(id) = name.strip_prefix("LCK..").filter(|id| !id.is_empty()) else { continue };
        let line = line_of(id);
        let path = Path::new(DIRECTORY).join(&name);
        if let Ok(Some(found)) = lock::judge::look(&path, &Path::new("/dev").join(&line)) {
            all.push(Seen { line, found });
        }
    }
    Ok(all)
}

/// The line of a lock file's name: `pts_3` is `pts/3` if that is there.
fn line_of(id: &str) -> String {
    let with_slashes = id.replace('_', "/");
    let there = |line: &str| Path::new("/dev").join(line).exists();
    if !there(id) && there(&with_slashes) { with_slashes } else { id.to_string() }
}

fn worth(found: &Found) -> &'static str {
    match found.standing {
        Standing::Own | Standing::Valid(_) => "held",
        Standing::Secret => "unreadable",
        Standing::Stale(_) => "stale",
        Standing::Empty => "empty",
        Standing::Forged(_) => "forged",
    }
}

fn list(session: &Session, found: &[Seen]) {
    let owner = |pid: Option<i32>| pid.map(|pid| lock::process::command_line(pid, 100)).unwrap_or_default();
    if session.json {
        let all: Vec<Value> = found
            .iter()
            .map(|seen| {
                json!({ "line": seen.line, "file": seen.found.path.to_string_lossy(), "uid": seen.found.uid,
                        "pid": seen.found.pid(), "is": worth(&seen.found), "program": owner(seen.found.pid()) })
            })
            .collect();
        say(shown(&Value::from(all)));
    } else if found.is_empty() {
        say("no locks");
    } else {
        let mut rows = vec![["LINE", "IS", "PID", "UID", "PROGRAM"].map(String::from).to_vec()];
        for seen in found {
            let pid = seen.found.pid();
            rows.push(vec![
                seen.line.clone(),
                worth(&seen.found).into(),
                pid.map(|pid| pid.to_string()).unwrap_or_default(),
                seen.found.uid.to_string(),
                owner(pid),
            ]);
        }
        say_text(&columns(&rows));
    }
}

fn clear(session: &Session, found: &[Seen], matches: &ArgMatches) -> Result<u8> {
    let names: Vec<String> = matches
        .get_many::<String>("line")
        .unwrap_or_default()
        .map(|line| line.strip_prefix("/dev/").unwrap_or(line).to_string())
        .collect();
    let (mut cleared, mut code) = (Vec::<PathBuf>::new(), code::DONE);
    for name in &names {
        if !found.iter().any(|seen| seen.line == *name) {
            bail!("{}: no lock file names this line", visible::line(name));
        }
    }
    for seen in found.iter().filter(|seen| names.is_empty() || names.contains(&seen.line)) {
        session.role.require("lock", Some(&seen.line))?;
        if seen.found.counts() {
            // Without names only what is dead is meant.
            if !names.is_empty() {
                eprintln!(
                    "dialin: {}; it stays: end that program first",
                    visible::line(seen.found.to_string())
                );
                code = code::FAILED;
            }
            continue;
        }
        if session.plans_only() {
            cleared.push(seen.found.path.clone());
            continue;
        }
        let taken = LineName::new(&seen.line)
            .map_err(|e| e.to_string())
            .and_then(|line| Locks::in_directory(Path::new(DIRECTORY)).acquire_files(&line).map_err(said));
        match taken {
            // Taken as any program would take it, so that nobody's new lock is hit; then let go.
            Ok(lock) => {
                lock.release();
                cleared.push(seen.found.path.clone());
            }
            Err(why) => {
                eprintln!("dialin: {}: {}", visible::line(&seen.line), visible::line(why));
                code = code::FAILED;
            }
        }
    }
    if session.json {
        let files: Vec<_> = cleared.iter().map(|path| path.to_string_lossy()).collect();
        let what = if session.plans_only() { "dead" } else { "cleared" };
        say(shown(&json!({ what: files })));
    } else if cleared.is_empty() && code == code::DONE {
        say("nothing to clear");
    } else {
        let what = if session.plans_only() { "would clear" } else { "cleared" };
        for path in &cleared {
            say(format!("{what} {}", visible::line(path.to_string_lossy().as_bytes())));
        }
    }
    Ok(code)
}

fn said(error: LockError) -> String {
    error.to_string()
}
