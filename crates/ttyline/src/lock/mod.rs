//! UUCP lock files: one owner per line, across programs that know nothing of each other.
//!
//! The form is everybody's (`LCK..ttyS1` in `/var/lock`, ten digits and a newline); see [`names`] for the
//! names, [`content`] for what is understood, [`judge`] for what is believed.
//!
//! A lock is made with `link`, so that it appears complete or not at all. A lock that does not count is
//! replaced by an atomic exchange of the two files, so that there is no moment in which the name is free:
//! whoever looks sees the old one or ours. What came out of the exchange is looked at again, and put back
//! if it is not what was judged. Among our own programs an advisory lock on the directory makes these
//! replacements one at a time; somebody who holds that for ever only costs a tenth of a second.

pub mod content;
mod file;
pub mod judge;
pub mod keep;
pub mod names;
pub mod process;

use crate::line::Line;
use crate::line_name::LineName;
use crate::sys::tty;
use crate::way_out;
use file::{Replaced, Temporary};
pub use judge::{Forgery, Found, Standing};
pub use names::Names;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a lock may take in all; races with others are over long before.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long an empty lock file may be one that another program is just writing.
const BEING_WRITTEN: Duration = Duration::from_millis(300);

/// Where lock files are.
#[derive(Clone, Debug)]
pub struct Locks {
    directory: PathBuf,
}

impl Default for Locks {
    fn default() -> Self {
        Locks::in_directory(Path::new("/var/lock"))
    }
}

/// Who has a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, where it is known.
    pub pid: Option<i32>,
    /// The lock file; `None` if the line is held by an advisory lock (`flock`) alone.
    pub file: Option<PathBuf>,
}

impl Holder {
    /// `pid` is 0 for a process that cannot be seen from here (another container).
    fn by_flock(pid: i32) -> Holder {
        Holder { pid: Some(pid).filter(|pid| *pid > 0), file: None }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("an unknown process")?,
        }
        match &self.file {
            Some(file) => write!(f, " ({})", file.display()),
            None => f.write_str(" (flock)"),
        }
    }
}

/// Why a line could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Held(Holder),
    /// The directory cannot be written, or not even looked at.
    Directory(PathBuf, io::Error),
    /// A lock that does not count may not be removed by us (an ordinary user in a sticky directory).
    InTheWay(Found, io::Error),
    /// The line itself cannot be held.
    Line(io::Error),
    /// Others changed the lock all the time.
    Unquiet(PathBuf),
}

impl std::fmt::Display for LockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LockError::Held(holder) => write!(f, "the line is held by {holder}"),
            LockError::Directory(path, e) => {
                write!(f, "lock directory {} cannot be used: {}", path.display(), crate::log::reason(e))
            }
            LockError::InTheWay(found, e) => {
                write!(f, "{found}, but it cannot be removed: {}", crate::log::reason(e))
            }
            LockError::Line(e) => write!(f, "the line cannot be held: {}", crate::log::reason(e)),
            LockError::Unquiet(path) => write!(f, "{} does not come to rest", path.display()),
        }
    }
}

impl std::error::Error for LockError {}

/// The lock files of one line, as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Every lock file there is, valid or not.
    pub files: Vec<Found>,
    /// The process that holds the device by `flock`, if it is not this one; 0 if it cannot be seen.
    pub flock: Option<i32>,
}

impl Report {
    /// Who keeps us from the line.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let file = self.files.iter().find(|found| found.counts());
        let by_file = file.map(|found| Holder { pid: found.pid(), file: Some(found.path.clone()) });
        by_file.or_else(|| self.flock.map(Holder::by_flock))
    }
}

impl Locks {
    /// Lock files in another directory than `/var/lock`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Locks {
        Locks { directory: directory.to_path_buf() }
    }

    /// The lock files of a line, all names, and its advisory lock. Changes nothing, opens no device.
    ///
    /// # Errors
    /// A directory that may not be searched.
    pub fn look(&self, line: &LineName) -> io::Result<Report> {
        let (device, names) = self.names(line);
        let mut files = Vec::new();
        let aliases = aliases(&self.directory, &device, &names);
        for name in names.own.iter().chain(&names.honoured).chain(&aliases) {
            files.extend(judge::look(&self.directory.join(name), &device)?);
        }
        let own = judge::own_pid();
        Ok(Report { files, flock: process::flock_holder(&device).filter(|pid| *pid != own) })
    }

    /// Locks a line for this process. With an open `line`, that is held too (`flock`, `TIOCEXCL`) until
    /// the lock is dropped.
    ///
    /// # Errors
    /// [`LockError`]; nothing is locked then.
    pub fn acquire(&self, name: &LineName, line: Option<&Line>) -> Result<Lock, LockError> {
        let (device, names) = self.names(name);
        let mut lock = Lock::nothing(&self.directory, device);
        for name in &names.own {
            lock.take(name)?;
        }
        lock.settle(&names, line)?;
        Ok(lock)
    }

    /// Locks a line by its files alone. For a program that opens the line next and then calls
    /// [`Lock::hold`]: to look for somebody's `flock` before that ([`Locks::acquire`] does) means to read
    /// `/proc/locks`, which makes the kernel wait for all its processors, 10 ms and more.
    ///
    /// # Errors
    /// [`LockError`]; nothing is locked then.
    pub fn acquire_files(&self, name: &LineName) -> Result<Lock, LockError> {
        let (device, names) = self.names(name);
        let mut lock = Lock::nothing(&self.directory, device);
        for name in &names.own {
            lock.take(name)?;
        }
        lock.settle_files(&names)?;
        Ok(lock)
    }

    /// Takes a line over from process `from`, which agrees: the lock that names it names us from now on,
    /// without a moment in between.
    ///
    /// # Errors
    /// [`LockError::Held`] if the lock names another process than `from`.
    pub fn take_over(&self, name: &LineName, from: i32, line: Option<&Line>) -> Result<Lock, LockError> {
        let (device, names) = self.names(name);
        let mut lock = Lock::nothing(&self.directory, device);
        for name in &names.own {
            // The other program may have locked one of the names only, or have let go by now.
            if !lock.swap(name, from)? {
                lock.take(name)?;
            }
        }
        lock.settle(&names, line)?;
        Ok(lock)
    }

    fn names(&self, line: &LineName) -> (PathBuf, Names) {
        let called = line.path();
        let device = std::fs::canonicalize(&called).unwrap_or_else(|_| called.clone());
        let names = names::names(&called, &device);
        (device, names)
    }
}

/// One file that we hold.
#[derive(Clone, Debug)]
struct Mine {
    path: PathBuf,
    identity: judge::Identity,
}

/// A line that is ours. Dropping it frees the line, in the process that took it.
#[derive(Debug)]
#[must_use]
pub struct Lock {
    // Before `line`: its copy of the descriptor must go first.
    noted: Option<way_out::Noted>,
    directory: PathBuf,
    device: PathBuf,
    files: Vec<Mine>,
    removed: Vec<Found>,
    line: Option<Arc<OwnedFd>>,
    taken_by: i32,
    /// The process that the files name.
    names: i32,
    keeper: Option<keep::Keeper>,
}

impl Lock {
    fn nothing(directory: &Path, device: PathBuf) -> Lock {
        Lock {
            noted: None,
            directory: directory.to_path_buf(),
            device,
            files: Vec::new(),
            removed: Vec::new(),
            line: None,
            taken_by: judge::own_pid(),
            names: judge::own_pid(),
            keeper: None,
        }
    }

    /// The locks that did not count and were removed on the way: for the log.
    #[must_use]
    pub fn removed(&self) -> &[Found] {
        &self.removed
    }

    /// The lock files, the real device's first.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        self.files.iter().map(|mine| mine.path.as_path()).collect()
    }

    /// Takes one name, replacing a lock that does not count.
    fn take(&mut self, name: &str) -> Result<(), LockError> {
        let path = self.directory.join(name);
        let unusable = |e| LockError::Directory(self.directory.clone(), e);
        let temporary = Temporary::write(&self.directory, judge::own_pid()).map_err(unusable)?;
        let end = Instant::now() + PATIENCE;
        let mut empty_since = None;
        while Instant::now() < end {
            if temporary.link(&path).map_err(unusable)? {
                self.files.push(Mine { path, identity: temporary.identity() });
                return Ok(());
            }
            let Some(found) = judge::look(&path, &self.device).map_err(unusable)? else { continue };
            if found.counts() {
                return Err(LockError::Held(Holder { pid: found.pid(), file: Some(path) }));
            }
            if found.standing == Standing::Empty && is_fresh(&found, &mut empty_since) {
                std::thread::sleep(Duration::from_millis(5));
                continue;
            }
            match temporary.replace(&found, &self.device) {
                Ok(Replaced::Done) => {
                    self.files.push(Mine { path, identity: temporary.identity() });
                    if found.standing != Standing::Own {
                        self.removed.push(found);
                    }
                    return Ok(());
                }
                Ok(Replaced::Changed) => {}
                Err(e) => return Err(LockError::InTheWay(found, e)),
            }
        }
        Err(LockError::Unquiet(path))
    }

    /// Takes one name if its lock names `from`; gives whether it did.
    fn swap(&mut self, name: &str, from: i32) -> Result<bool, LockError> {
        let path = self.directory.join(name);
        let unusable = |e| LockError::Directory(self.directory.clone(), e);
        let Some(found) = judge::look(&path, &self.device).map_err(unusable)? else { return Ok(false) };
        if found.pid() != Some(from) {
            return Ok(false);
        }
        let temporary = Temporary::write(&self.directory, judge::own_pid()).map_err(unusable)?;
        match temporary.replace(&found, &self.device) {
            Ok(Replaced::Done) => {
                self.files.push(Mine { path, identity: temporary.identity() });
                Ok(true)
            }
            Ok(Replaced::Changed) => Ok(false),
            Err(e) => Err(LockError::InTheWay(found, e)),
        }
    }

    /// The last steps: names that others use, the line itself, and what is undone in a panic.
    fn settle(&mut self, names: &Names, line: Option<&Line>) -> Result<(), LockError> {
        self.settle_files(names)?;
        if let Some(line) = line {
            self.hold(line)?;
        } else if let Some(pid) = process::flock_holder(&self.device).filter(|pid| *pid != self.taken_by) {
            // Not opened yet: opening would raise DTR on somebody else's line.
            return Err(LockError::Held(Holder::by_flock(pid)));
        }
        Ok(())
    }

    fn settle_files(&mut self, names: &Names) -> Result<(), LockError> {
        // After our own names were taken: whoever came by another name before is seen now.
        for name in names.honoured.iter().chain(&aliases(&self.directory, &self.device, names)) {
            let path = self.directory.join(name);
            match judge::look(&path, &self.device) {
                Ok(Some(found)) if found.counts() => {
                    return Err(LockError::Held(Holder { pid: found.pid(), file: Some(path) }));
                }
                _ => {}
            }
        }
        self.note_files();
        Ok(())
    }

    /// What is undone in a panic.
    fn note_files(&mut self) {
        let (files, names) = (self.files.clone(), self.names);
        self.noted = Some(way_out::note(move || files.iter().for_each(|mine| remove(mine, names))));
    }

    /// Holds the open line as well: `flock` and `TIOCEXCL`, for programs that know no lock files.
    ///
    /// # Errors
    /// [`LockError::Held`] if another program holds it by `flock`; [`LockError::Line`].
    pub fn hold(&mut self, line: &Line) -> Result<(), LockError> {
        let fd = line.share();
        match tty::try_flock(&*fd) {
            Ok(true) => {}
            Ok(false) => {
                return Err(LockError::Held(Holder { pid: process::flock_holder(&self.device), file: None }));
            }
            Err(e) => return Err(LockError::Line(e)),
        }
        // Only who has the flock sets or clears the mark: a loser must not clear the winner's.
        let _ = tty::set_exclusive(&*fd, true);
        self.line = Some(fd);
        Ok(())
    }

    /// Gives up `flock` and `TIOCEXCL`; the lock files stay.
    pub fn let_go_of_line(&mut self) {
        if let Some(fd) = self.line.take() {
            let _ = tty::set_exclusive(&*fd, false);
            let _ = tty::unflock(&*fd);
        }
    }

    /// Whether all lock files are still the ones we made. A program that removes "stale" locks without
    /// looking twice can take one away; a [`keep::Keeper`] makes it again.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.files.iter().all(is_still)
    }

    /// From now on [`Lock::source`] tells when somebody may have removed the lock. Without inotify it never
    /// does.
    pub fn guard(&mut self) {
        self.keeper = keep::Keeper::watch(self).ok();
    }

    /// What becomes readable when [`Lock::mend`] is to be called.
    #[must_use]
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.keeper.as_ref().map(keep::Keeper::source)
    }

    /// Makes lock files again that somebody has removed; gives them, for the log.
    #[must_use]
    pub fn mend(&self) -> Vec<PathBuf> {
        self.keeper.as_ref().map(keep::Keeper::mend).unwrap_or_default()
    }

    /// Lets the lock files name another process (a child that goes on with the line), each in one step.
    ///
    /// # Errors
    /// [`LockError::Unquiet`] if a lock is not ours any more; [`LockError::Directory`].
    pub fn restamp(&mut self, pid: i32) -> Result<(), LockError> {
        for mine in &mut self.files {
            let unusable = |e| LockError::Directory(self.directory.clone(), e);
            let temporary = Temporary::write(&self.directory, pid).map_err(unusable)?;
            let stands = temporary.replace_own(&mine.path, &mine.identity).map_err(unusable)?;
            if !stands {
                return Err(LockError::Unquiet(mine.path.clone()));
            }
            mine.identity = temporary.identity();
        }
        self.names = pid;
        self.note_files();
        Ok(())
    }

    /// Frees the line.
    pub fn release(self) {
        drop(self);
    }

    /// Leaves the lock files to the process they name (ours, before exec in place), and lets go of
    /// `flock` and `TIOCEXCL`.
    pub fn leave(mut self) {
        self.let_go_of_line();
        self.noted = None;
        self.files.clear();
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A forked child has a copy; the line is not its to free.
        if self.taken_by == judge::own_pid() {
            self.let_go_of_line();
            self.files.iter().for_each(|mine| remove(mine, self.names));
        }
    }
}

/// Lock files that others made by the name of a symlink to the device (`LCK..modem`), as far as they are
/// among the first few hundred files of the directory.
fn aliases(directory: &Path, device: &Path, names: &Names) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let known = |name: &String| names.own.contains(name) || names.honoured.contains(name);
    let entries = entries.take(300).filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_alias = |name: &String| {
        let Some(below) = name.strip_prefix("LCK..").filter(|b| !b.is_empty()) else { return false };
        let leads_here =
            |path: PathBuf| path.is_symlink() && std::fs::canonicalize(path).is_ok_and(|real| real == device);
        let dev = Path::new("/dev");
        leads_here(dev.join(below)) || leads_here(dev.join(below.replace('_', "/")))
    };
    entries.filter(|name| !known(name) && is_alias(name)).collect()
}

/// Whether an empty lock file may still be being written: it changed a moment ago, and we have not
/// watched it for long.
fn is_fresh(found: &Found, since: &mut Option<(judge::Identity, Instant)>) -> bool {
    let now = Instant::now();
    match since {
        Some((identity, start)) if *identity == found.identity => now < *start + BEING_WRITTEN,
        _ => {
            *since = Some((found.identity, now));
            found.identity.age().is_some_and(|age| age < Duration::from_secs(2))
        }
    }
}

fn is_still(mine: &Mine) -> bool {
    std::fs::symlink_metadata(&mine.path).is_ok_and(|m| judge::Identity::of(&m) == mine.identity)
}

fn remove(mine: &Mine, names: i32) {
    if keep::is_ours(mine, names) {
        let _ = std::fs::remove_file(&mine.path);
    }
}

#[cfg(test)]
mod race;
#[cfg(test)]
mod tests;
