//! Carries a change out: all of it, or nothing.
//!
//! 1. The change is written into the journal, with every file as it was and as it will be.
//! 2. Each new file is written beside its old one and synced: all the room that is needed is taken here.
//! 3. Each is swapped with the old one in one step (`RENAME_EXCHANGE`); what was swapped out is looked at once more.
//! 4. The old ones are taken away, and the journal says done.
//!
//! What fails in 2 or 3 is taken back. Who is killed leaves a pending entry; the next run either finds no file
//! changed and takes it back, or some, and finishes ([`recover`]). A file is the old or the new one at any moment.

use crate::draft::Edit;
use crate::holder::{self, Holder};
use crate::journal::{Entry, Journal};
use crate::root::{Contents, Place, Root, State, look_at, missing_parents};
use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, symlinkat, unlinkat};
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use ttyline::log::reason;
use ttyline::sys::{attributes, beneath};

/// Who asks for a change, by what.
pub struct Cause {
    /// Who.
    pub who: String,
    /// The command as typed.
    pub command: String,
    /// The change it takes back.
    pub undoes: Option<u64>,
}

/// Carries out a change; gives its number in the journal.
///
/// # Errors
/// A sentence; nothing was changed then, unless it says otherwise.
pub fn apply(root: &Root, edits: Vec<Edit>, cause: Cause) -> Result<u64> {
    let holder = Holder::take(root, &cause.who)?;
    let journal = Journal::make(root)?;
    recover_with(root, &journal)?;
    let paths: Vec<&str> = edits.iter().map(|e| e.path.as_str()).collect();
    let _users = holder::users(root, &paths)?;
    for edit in &edits {
        let now = root.look(&edit.path, !edit.link)?;
        if !same(&now, &edit.before) {
            bail!(
                "{}: was changed by somebody else since the plan was made; look at it and try again \
                 (nothing was changed)",
                root.shown(&edit.path)
            );
        }
    }
    let mut made = Vec::new();
    for edit in &edits {
        for dir in missing_parents(root, &edit.path) {
            if !made.contains(&dir) {
                made.push(dir);
            }
        }
    }
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let time = time.map_or(0, |t| i64::try_from(t.as_secs()).unwrap_or(0));
    let Cause { who, command, undoes } = cause;
    let mut entry = Entry { id: 0, time, who, command, undoes, made, edits };
    journal.begin(&mut entry).context("nothing was changed")?;
    if let Err(e) = carry_out(root, &entry) {
        // Whatever failed: back to what was, which needs no room on the disk.
        match roll_back(root, &entry) {
            Ok(()) => journal.forget(entry.id),
            Err(back) => bail!(
                "{e:#}; and putting the old files back failed: {back:#}. The change is pending: `dialin undo` \
                 tries again"
            ),
        }
        return Err(e.context("nothing was changed"));
    }
    clean_up(root, &entry);
    journal.done(entry.id)?;
    journal.bound();
    drop(holder);
    Ok(entry.id)
}

/// Finishes or takes back what was interrupted. Says what it did.
///
/// # Errors
/// It cannot; a sentence.
pub fn recover(root: &Root, who: &str) -> Result<Vec<String>> {
    match Journal::open(root)? {
        Some(journal) if !journal.pending()?.is_empty() => {
            let _holder = Holder::take(root, who)?;
            recover_with(root, &journal)
        }
        _ => Ok(Vec::new()),
    }
}

fn recover_with(root: &Root, journal: &Journal) -> Result<Vec<String>> {
    journal.sweep()?;
    let mut said = Vec::new();
    for id in journal.pending()? {
        let entry = journal.read(id, true)?;
        let now: Vec<State> =
            entry.edits.iter().map(|e| root.look(&e.path, !e.link)).collect::<Result<_>>()?;
        let begun = now.iter().zip(&entry.edits).any(|(now, edit)| same(now, &edit.after));
        if begun && carry_out(root, &entry).is_ok() {
            clean_up(root, &entry);
            journal.done(id)?;
            said.push(format!("change {id} ({}) was interrupted; it is finished now", entry.command));
        } else {
            roll_back(root, &entry).with_context(|| format!("change {id} was interrupted"))?;
            journal.forget(id);
            said.push(format!("change {id} ({}) was interrupted; it is taken back", entry.command));
        }
    }
    Ok(said)
}

/// Whether two states are the same but for attributes, which systems change on their own.
#[must_use]
pub fn same(one: &State, other: &State) -> bool {
    match (one, other) {
        (State::File(a), State::File(b)) => {
            (&a.bytes, a.mode, a.uid, a.gid) == (&b.bytes, b.mode, b.uid, b.gid)
        }
        _ => one == other,
    }
}

/// The name beside a file where its other version stands.
fn beside(place: &Place, id: u64) -> OsString {
    let mut name = OsString::from(".");
    name.push(&place.name);
    name.push(format!(".dialin-{id:06}"));
    name
}

fn carry_out(root: &Root, entry: &Entry) -> Result<()> {
    let id = entry.id;
    for edit in &entry.edits {
        root.make_parents(&edit.path, 0o755)?;
    }
    let mut todo = Vec::new();
    for edit in &entry.edits {
        let place = root
            .place(&edit.path, !edit.link)?
            .ok_or_else(|| anyhow!("{}: its directory is gone", root.shown(&edit.path)))?;
        let now = look_at(&place).with_context(|| root.shown(&edit.path))?;
        if same(&now, &edit.after) {
            continue;
        }
        if !same(&now, &edit.before) {
            bail!("{}: was changed by somebody else meanwhile", root.shown(&edit.path));
        }
        write_beside(&place, id, &edit.after).with_context(|| root.shown(&edit.path))?;
        todo.push((edit, place));
    }
    for (edit, place) in &todo {
        swap(place, id, edit).with_context(|| root.shown(&edit.path))?;
    }
    Ok(())
}

/// Writes the new version of a file beside it.
fn write_beside(place: &Place, id: u64, state: &State) -> Result<()> {
    let name = beside(place, id);
    let _ = unlinkat(place.dir.as_fd(), name.as_os_str(), UnlinkatFlags::NoRemoveDir);
    let failed = |e: std::io::Error| anyhow!("cannot be written: {}", reason(&e));
    match state {
        State::Absent => Ok(()),
        State::Link(target) => {
            symlinkat(target.as_os_str(), place.dir.as_fd(), name.as_os_str()).map_err(|e| failed(e.into()))
        }
        State::File(file) => {
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            // Nobody else may read it before it has its mode.
            let fd = openat(place.dir.as_fd(), name.as_os_str(), flags, Mode::from_bits_truncate(0o600))
                .map_err(|e| failed(e.into()))?;
            let written = furnish(fd, file);
            if written.is_err() {
                let _ = unlinkat(place.dir.as_fd(), name.as_os_str(), UnlinkatFlags::NoRemoveDir);
            }
            written.map_err(failed)
        }
    }
}

fn furnish(fd: OwnedFd, file: &Contents) -> std::io::Result<()> {
    let stat = nix::sys::stat::fstat(fd.as_fd())?;
    if (stat.st_uid, stat.st_gid) != (file.uid, file.gid) {
        fchown(fd.as_fd(), Some(Uid::from_raw(file.uid)), Some(Gid::from_raw(file.gid)))?;
    }
    let mut out = File::from(fd);
    out.write_all(&file.bytes)?;
    fchmod(out.as_fd(), Mode::from_bits_truncate(file.mode))?;
    for attribute in &file.attributes {
        match attributes::set(out.as_fd(), attribute) {
            Ok(()) => {}
            // A label the system gives by itself, or a file system without attributes.
            Err(e) if matches!(e.raw_os_error(), Some(code) if code == Errno::EPERM as i32 || code == Errno::ENOTSUP as i32) =>
                {}
            Err(e) => return Err(e),
        }
    }
    out.sync_all()
}

/// Puts the new version in the old one's place.
fn swap(place: &Place, id: u64, edit: &Edit) -> Result<()> {
    let other = beside(place, id);
    let (dir, name) = (place.dir.as_fd(), place.name.as_os_str());
    let failed = |e: std::io::Error| anyhow!("cannot be replaced: {}", reason(&e));
    match (&edit.before, &edit.after) {
        (State::Absent, _) => beneath::rename_new(dir, &other, name).map_err(failed)?,
        (_, State::Absent) => beneath::rename_new(dir, name, &other).map_err(failed)?,
        _ => match beneath::exchange(dir, &other, name) {
            Ok(()) => {}
            // A file system that cannot swap: the old file is gone then, but stands in the journal.
            Err(e) if e.raw_os_error() == Some(Errno::EINVAL as i32) => {
                nix::fcntl::renameat(dir, other.as_os_str(), dir, name).map_err(|e| failed(e.into()))?;
                return sync(place);
            }
            Err(e) => return Err(failed(e)),
        },
    }
    // Somebody may have replaced it since it was compared.
    if edit.before != State::Absent {
        let out = look_at(&Place { dir: clone(place)?, name: other })?;
        if !same(&out, &edit.before) {
            take_back(place, id, edit)?;
            bail!("was changed by somebody else meanwhile");
        }
    }
    sync(place)
}

fn clone(place: &Place) -> Result<OwnedFd> {
    place.dir.try_clone().map_err(|e| anyhow!("{}", reason(&e)))
}

fn sync(place: &Place) -> Result<()> {
    nix::unistd::fsync(place.dir.as_fd()).map_err(|e| anyhow!("{}", reason(&e.into())))
}

fn take_back(place: &Place, id: u64, edit: &Edit) -> Result<()> {
    let other = beside(place, id);
    let (dir, name) = (place.dir.as_fd(), place.name.as_os_str());
    let swapped = match (&edit.before, &edit.after) {
        (State::Absent, _) => beneath::rename_new(dir, name, &other),
        (_, State::Absent) => beneath::rename_new(dir, &other, name),
        _ => beneath::exchange(dir, &other, name),
    };
    swapped.map_err(|e| anyhow!("cannot be put back: {}", reason(&e)))
}

/// Puts every file back as it was and takes away what was made beside it.
fn roll_back(root: &Root, entry: &Entry) -> Result<()> {
    for edit in entry.edits.iter().rev() {
        let Some(place) = root.place(&edit.path, !edit.link)? else { continue };
        let other = Place { dir: clone(&place)?, name: beside(&place, entry.id) };
        let now = look_at(&place).with_context(|| root.shown(&edit.path))?;
        if same(&now, &edit.after) && !same(&now, &edit.before) {
            let old = look_at(&other)?;
            if edit.before != State::Absent && !same(&old, &edit.before) {
                // The file system could not swap: the journal has the old one.
                let back = Edit { before: edit.after.clone(), after: edit.before.clone(), ..edit.clone() };
                write_beside(&place, entry.id, &back.after)?;
                swap(&place, entry.id, &back).with_context(|| root.shown(&edit.path))?;
            } else {
                take_back(&place, entry.id, edit).with_context(|| root.shown(&edit.path))?;
            }
        }
        let _ = unlinkat(place.dir.as_fd(), other.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        let _ = sync(&place);
    }
    remove_made(root, entry);
    Ok(())
}

/// Takes away the old versions, and after an undo the directories that its change had made.
fn clean_up(root: &Root, entry: &Entry) {
    for edit in &entry.edits {
        if let Ok(Some(place)) = root.place(&edit.path, !edit.link) {
            let _ =
                unlinkat(place.dir.as_fd(), beside(&place, entry.id).as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

/// Takes away directories that were made for a change, if nothing is in them.
pub fn remove_made(root: &Root, entry: &Entry) {
    for dir in entry.made.iter().rev() {
        if let Ok(Some(place)) = root.place(dir, true) {
            let _ = unlinkat(place.dir.as_fd(), place.name.as_os_str(), UnlinkatFlags::RemoveDir);
        }
    }
}
