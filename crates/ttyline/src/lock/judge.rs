//! Whether a lock file counts.
//!
//! The directory is world-writable: a file in it is believed only if somebody with a right to it can have
//! written it for the process it names.

use super::content;
use super::process;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A lock file is a dozen bytes; what is larger than this is none.
const LARGEST: u64 = 1024;

/// Clocks of processes tick a hundred times a second, those of files at least that often.
const SLACK: Duration = Duration::from_secs(1);

/// Which file it is: device, inode, time of the last change, size. Inodes alone are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(u64, u64, i64, i64, u64);

impl Identity {
    pub(super) fn of(meta: &fs::Metadata) -> Identity {
        Identity(meta.dev(), meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size())
    }

    /// Time since the last change; `None` if that lies ahead.
    pub(super) fn age(&self) -> Option<Duration> {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(self.2).ok()?);
        SystemTime::now().duration_since(changed).ok()
    }
}

/// What a lock file is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It names this very process.
    Own,
    /// It counts: the line belongs to this process.
    Valid(i32),
    /// It may count: we are not allowed to read it.
    Secret,
    /// It names a process that has ended.
    Stale(i32),
    /// It names no process.
    Empty,
    /// Nobody with a right to it wrote it.
    Forged(Forgery),
}

/// How a forged lock was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// Not a regular file: a symlink, FIFO, directory …
    NoFile,
    /// Far too large.
    Huge,
    /// The process belongs to somebody else than the file, and the file neither to root nor to uucp.
    Owner(i32),
    /// The process was started after the file was written, and has not opened the line.
    Younger(i32),
}

/// A lock file that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// What it is worth.
    pub standing: Standing,
    pub(super) identity: Identity,
}

impl Found {
    /// Whether it keeps others from the line.
    #[must_use]
    pub fn counts(&self) -> bool {
        matches!(self.standing, Standing::Valid(_) | Standing::Secret)
    }

    /// The process it names, living or not.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        match self.standing {
            Standing::Valid(pid)
            | Standing::Stale(pid)
            | Standing::Forged(Forgery::Owner(pid) | Forgery::Younger(pid)) => Some(pid),
            Standing::Own => Some(own_pid()),
            _ => None,
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, uid) = (self.path.display(), self.uid);
        match self.standing {
            Standing::Own => write!(f, "{path} is our own"),
            Standing::Valid(pid) => write!(f, "{path} is held by process {pid}"),
            Standing::Secret => write!(f, "{path} (uid {uid}) cannot be read"),
            Standing::Stale(pid) => write!(f, "{path} (uid {uid}) names process {pid}, which has ended"),
            Standing::Empty => write!(f, "{path} (uid {uid}) names no process"),
            Standing::Forged(Forgery::NoFile) => write!(f, "{path} (uid {uid}) is forged: no regular file"),
            Standing::Forged(Forgery::Huge) => write!(f, "{path} (uid {uid}) is forged: far too large"),
            Standing::Forged(Forgery::Owner(pid)) => {
                write!(f, "{path} (uid {uid}) is forged: process {pid} belongs to somebody else")
            }
            Standing::Forged(Forgery::Younger(pid)) => {
                write!(f, "{path} (uid {uid}) is older than process {pid}, which it names")
            }
        }
    }
}

pub(super) fn own_pid() -> i32 {
    nix::unistd::getpid().as_raw()
}

/// Looks at a lock file of `device`; `None` if there is none.
///
/// # Errors
/// What keeps us from looking at all, such as a directory that may not be searched.
pub fn look(path: &Path, device: &Path) -> io::Result<Option<Found>> {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let found = |meta: &fs::Metadata, standing| {
        Some(Found { path: path.into(), uid: meta.uid(), standing, identity: Identity::of(meta) })
    };
    if !meta.is_file() {
        return Ok(found(&meta, Standing::Forged(Forgery::NoFile)));
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) => {
            return match (e.kind(), e.raw_os_error()) {
                (io::ErrorKind::NotFound, _) => Ok(None),
                (io::ErrorKind::PermissionDenied, _) => Ok(found(&meta, Standing::Secret)),
                // It was exchanged for a symlink just now.
                (_, Some(libc::ELOOP)) => Ok(found(&meta, Standing::Forged(Forgery::NoFile))),
                _ => Err(e),
            };
        }
    };
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(found(&meta, Standing::Forged(Forgery::NoFile)));
    }
    if meta.size() > LARGEST {
        return Ok(found(&meta, Standing::Forged(Forgery::Huge)));
    }
    let mut bytes = Vec::with_capacity(content::READ);
    file.take(content::READ as u64).read_to_end(&mut bytes)?;
    let Some(pid) = content::parse(&bytes) else { return Ok(found(&meta, Standing::Empty)) };
    if pid == own_pid() {
        return Ok(found(&meta, Standing::Own));
    }
    let Some(process) = process::find(pid) else { return Ok(found(&meta, Standing::Stale(pid))) };
    let open = || process::has_open(pid, device);
    Ok(found(&meta, standing(pid, &process, meta.uid(), meta.modified()?, is_uucp, open)))
}

/// The rule for a lock whose process lives. A process that has the line open is believed even if it is
/// younger than the file: when the clock was set forward after the file was written, all files look old.
fn standing(
    pid: i32,
    process: &process::Process,
    owner: u32,
    written: SystemTime,
    is_uucp: impl Fn(u32) -> bool,
    has_line_open: impl Fn() -> bool,
) -> Standing {
    let allowed = owner == 0 || process.users.is_empty() || process.users.contains(&owner) || is_uucp(owner);
    if !allowed {
        return Standing::Forged(Forgery::Owner(pid));
    }
    if process.started.is_some_and(|started| started > written + SLACK) && !has_line_open() {
        return Standing::Forged(Forgery::Younger(pid));
    }
    Standing::Valid(pid)
}

fn is_uucp(uid: u32) -> bool {
    crate::account::user_id("uucp") == Some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_lock_for_whom() {
        let now = SystemTime::now();
        let process = |users: &[u32], age| process::Process {
            users: users.to_vec(),
            started: Some(now - Duration::from_secs(age)),
        };
        let old = process(&[1000, 1000, 1000], 60);
        let judge = |p: &process::Process, owner, open| standing(7, p, owner, now, |uid| uid == 10, || open);
        assert_eq!(judge(&old, 0, false), Standing::Valid(7));
        assert_eq!(judge(&old, 10, false), Standing::Valid(7), "uucp");
        assert_eq!(judge(&old, 1000, false), Standing::Valid(7));
        assert_eq!(judge(&old, 1001, true), Standing::Forged(Forgery::Owner(7)));
        let setuid = process(&[1000, 0, 0], 60);
        assert_eq!(judge(&setuid, 1000, false), Standing::Valid(7));
        let written_before = now - Duration::from_secs(3600);
        let young = |open| standing(7, &old, 0, written_before, |_| false, || open);
        assert_eq!(young(false), Standing::Forged(Forgery::Younger(7)));
        assert_eq!(young(true), Standing::Valid(7));
    }
}
