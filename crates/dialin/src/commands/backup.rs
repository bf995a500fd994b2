//! `dialin backup` and `dialin restore`: all files dialin edits, as one tar archive.

use crate::archive::{self, Body, LARGEST, Member};
use crate::command::{Entry, code};
use crate::places;
use crate::root::{Contents, State};
use crate::session::{Session, say, say_json};
use anyhow::{Result, anyhow, bail};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use ttyline::log::reason;
use ttyline::visible;

/// The table's entry of backup. It reads secrets: `view` is not enough.
pub const BACKUP: Entry = Entry { name: "backup", reads: &[], build: build_backup, run: backup };
/// The table's entry of restore.
pub const RESTORE: Entry = Entry { name: "restore", reads: &[], build: build_restore, run: restore };

fn build_backup(command: Command) -> Command {
    command
        .about("Writes all files dialin edits into a tar archive (with the secrets: keep it safe)")
        .arg(Arg::new("file").value_name("FILE").required(true).help("a new file, or - for standard output"))
}

fn build_restore(command: Command) -> Command {
    command
        .about("Puts the files of an archive back, after showing what would change")
        .arg(Arg::new("file").value_name("FILE").required(true).help("the archive, or - for standard input"))
}

fn named(session: &Session, matches: &ArgMatches) -> Result<String> {
    let name = matches.get_one::<String>("file").cloned().unwrap_or_default();
    if session.role.restricted() && name != "-" {
        bail!("{} may name no files here: use - (standard input or output)", session.role.who);
    }
    Ok(name)
}

fn backup(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let name = named(session, matches)?;
    let mut members = Vec::new();
    for path in places::all(&session.root, &session.places)? {
        let member =
            |mode, uid, gid, body| Member { path: path.trim_start_matches('/').into(), mode, uid, gid, body };
        match session.root.look(&path, !places::is_link(&path))? {
            State::Absent => {}
            State::File(file) => members.push(member(file.mode, file.uid, file.gid, Body::File(file.bytes))),
            State::Link(target) => {
                members.push(member(0o777, 0, 0, Body::Link(target.to_string_lossy().into_owned())));
            }
        }
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_secs());
    let bytes = archive::write(&members, now).map_err(|e| anyhow!("{e}"))?;
    let shown = visible::terminal(&name);
    if name == "-" {
        std::io::stdout().write_all(&bytes).map_err(|e| anyhow!("standard output: {}", reason(&e)))?;
        return Ok(code::DONE);
    }
    if session.plans_only() {
        say(format!("{shown}: {} files; nothing was written (--plan)", members.len()));
        return Ok(code::DONE);
    }
    // Never over a file that is there, and readable by its owner only.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name);
    let mut file = file.map_err(|e| anyhow!("{shown}: {}", reason(&e)))?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    if let Err(e) = written {
        let _ = std::fs::remove_file(&name);
        bail!("{shown}: {}", reason(&e));
    }
    if session.json {
        say_json(&json!({ "file": name, "files": members.len() }));
    } else {
        say(format!("{shown}: {} files", members.len()));
    }
    Ok(code::DONE)
}

fn restore(session: &Session, matches: &ArgMatches) -> Result<u8> {
    let name = named(session, matches)?;
    let shown = visible::terminal(&name);
    let mut bytes = Vec::new();
    let limit = LARGEST as u64 + 1;
    let read = if name == "-" {
        std::io::stdin().take(limit).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(&name).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    read.map_err(|e| anyhow!("{shown}: {}", reason(&e)))?;
    if bytes.len() > LARGEST {
        bail!("{shown}: larger than any configuration");
    }
    let members =
        archive::read(&bytes).map_err(|e| anyhow!("{shown}: {}; nothing was changed", visible::line(e)))?;
    let mut draft = session.draft();
    for member in members {
        let path = format!("/{}", member.path);
        // A fixed set of files: an archive is no way to write elsewhere.
        if !places::is_ours(&path, &session.places) {
            bail!("{shown}: {} is no file that dialin edits; nothing was changed", visible::terminal(&path));
        }
        let link = places::is_link(&path);
        match member.body {
            Body::Link(_) if !link => {
                bail!("{shown}: {} is a symbolic link; nothing was changed", visible::terminal(&path));
            }
            Body::Link(target) => draft.set(&path, true, State::Link(OsString::from(target)))?,
            Body::File(bytes) => {
                let now = session.root.look(&path, !link)?;
                let attributes =
                    if let State::File(now) = &now { now.attributes.clone() } else { Vec::new() };
                let (uid, gid) = if nix::unistd::geteuid().is_root() {
                    (member.uid, member.gid)
                } else {
                    (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw())
                };
                let mode = if places::is_secret(&path) { member.mode & 0o600 } else { member.mode & 0o755 };
                let mode = mode | 0o600;
                draft.set(&path, link, State::File(Contents { bytes, mode, uid, gid, attributes }))?;
            }
        }
    }
    session.carry_out(draft)
}
