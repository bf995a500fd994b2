//! A lock that somebody removes is made again.
//!
//! Dial-up scripts that begin with `rm -f /var/lock/LCK*` are in many copied documents; they take the locks
//! of live calls away. Only a missing file is made again: one that names somebody else stays, whatever it is
//! worth.

use super::file::Temporary;
use super::{Lock, Mine, judge};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// Watches over the lock files of a line. It holds nothing itself, so that it can go on in another process
/// than the lock's.
#[derive(Debug)]
pub struct Keeper {
    changes: Inotify,
    directory: PathBuf,
    files: Vec<PathBuf>,
    pid: i32,
}

impl Keeper {
    /// Begins to watch over a lock. What is made again names the process that the lock names now.
    ///
    /// # Errors
    /// No inotify to be had.
    pub fn watch(lock: &Lock) -> io::Result<Keeper> {
        Keeper::over(lock.files.iter().map(|mine| mine.path.clone()).collect(), lock.names)
    }

    /// As [`Keeper::watch`], by the lock's [files](Lock::files) and the process they name: for a program that
    /// stays beside that process.
    ///
    /// # Errors
    /// As [`Keeper::watch`]; no files.
    pub fn over(files: Vec<PathBuf>, pid: i32) -> io::Result<Keeper> {
        let directory =
            files.first().and_then(|file| file.parent()).ok_or(io::ErrorKind::NotFound)?.to_path_buf();
        let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        changes.add_watch(&directory, AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM)?;
        Ok(Keeper { changes, directory, files, pid })
    }

    /// What becomes readable when a lock has been removed, ours or another.
    #[must_use]
    pub fn source(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }

    /// Takes note of the news; gives whether a file of ours is missing.
    #[must_use]
    pub fn missing(&self) -> bool {
        // One read takes many events; what is left wakes us again.
        let _ = self.changes.read_events();
        self.files.iter().any(|path| std::fs::symlink_metadata(path).is_err())
    }

    /// Makes what is missing again; gives what was made.
    #[must_use]
    pub fn mend(&self) -> Vec<PathBuf> {
        if !self.missing() {
            return Vec::new();
        }
        // Without the directory there is nothing to be done; it is looked at again with the next event.
        let Ok(temporary) = Temporary::write(&self.directory, self.pid) else { return Vec::new() };
        self.files.iter().filter(|path| temporary.link(path).unwrap_or(false)).cloned().collect()
    }
}

/// Whether a lock file is one that we (or our [`Keeper`]) made.
pub(super) fn is_ours(mine: &Mine, pid: i32) -> bool {
    let names_us = || match judge::look(&mine.path, std::path::Path::new("/dev/null")) {
        Ok(Some(found)) => found.uid == nix::unistd::geteuid().as_raw() && found.pid() == Some(pid),
        _ => false,
    };
    super::is_still(mine) || names_us()
}
