//! Making room for a pty's symlink, without ever taking a place that is somebody else's.
//!
//! A program that crashed leaves its symlinks behind, and by the time it is started again the
//! ptys they lead to may have gone, or belong to other programs. So that it can tell its own
//! leftovers from all else,
//!
//! - its symlinks are marked by the fraction of their own time of change (a mark in the target
//!   would confuse programs that take `/dev/` off a line's name);
//! - while it runs, it keeps a shared lock (flock) on each directory with symlinks of its own. A
//!   marked symlink in a directory that no other such program has locked is a leftover, and so is
//!   one that leads nowhere.

use nix::fcntl::{AT_FDCWD, Flock, FlockArg};
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The nanoseconds in the modification time of our symlinks.
const MARK: i64 = 424_242_424;

/// Makes a marked symlink; nothing may be there. On a file system without nanoseconds the mark
/// is lost, and a leftover has to be removed by hand.
///
/// # Errors
/// As `symlink(2)`.
pub fn link_to(slave: &Path, link: &Path) -> io::Result<()> {
    symlink(slave, link)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let marked = TimeSpec::new(i64::try_from(seconds).unwrap_or(0), MARK);
    let flags = UtimensatFlags::NoFollowSymlink;
    let _ = utimensat(AT_FDCWD, link, &TimeSpec::UTIME_OMIT, &marked, flags);
    Ok(())
}

/// The directories in which this program has symlinks, each with its lock.
#[derive(Debug, Default)]
pub struct Claims {
    directories: HashMap<PathBuf, Option<Flock<File>>>,
}

impl Claims {
    /// Makes room at `link`: makes its directory if need be and removes a leftover. Anything else
    /// that is there stays, and is an error. `ours` tells the symlinks of lines in use.
    ///
    /// # Errors
    /// What is there; as `mkdir(2)`, `readlink(2)`, `unlink(2)`.
    pub fn claim(&mut self, link: &Path, ours: impl Fn(&Path) -> bool) -> io::Result<()> {
        let parent = link.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let alone = self.alone(&parent.canonicalize()?);
        let Ok(meta) = link.symlink_metadata() else { return Ok(()) };
        let taken = |why: &str| Err(io::Error::new(io::ErrorKind::AlreadyExists, why.to_string()));
        if !meta.is_symlink() {
            return taken("exists and is not a symlink to a pty; it is left alone");
        }
        let target = fs::read_link(link)?;
        if !target.starts_with("/dev/pts") || meta.mtime_nsec() != MARK {
            return taken("is a symlink that leads elsewhere; it is left alone");
        }
        if ours(link) {
            return taken("is in use by this program already; it is left alone");
        }
        if !alone && target.exists() {
            return taken("may be in use by another program; it is left alone");
        }
        fs::remove_file(link)
    }

    /// Whether no other program has symlinks in a directory; from now on this one has.
    fn alone(&mut self, directory: &Path) -> bool {
        self.directories.remove(directory); // our own lock must not stand in the way
        let Ok(file) = File::open(directory) else { return false };
        let (file, alone) = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => (lock.unlock().ok(), true),
            Err((file, _)) => (Some(file), false),
        };
        let lock = file.and_then(|file| Flock::lock(file, FlockArg::LockSharedNonblock).ok());
        self.directories.insert(directory.to_path_buf(), lock);
        alone
    }
}

#[cfg(test)]
mod tests {
    use super::{Claims, link_to};
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    #[test]
    fn only_leftovers_make_room() {
        let dir = tempfile::tempdir().expect("a directory");
        let (link, mut claims) = (dir.path().join("sub/line"), Claims::default());
        assert!(claims.claim(&link, |_| false).is_ok() && dir.path().join("sub").is_dir());
        link_to(Path::new("/dev/pts/ptmx"), &link).expect("a symlink");
        assert!(claims.claim(&link, |_| true).is_err(), "a line in use");
        let mut other = Claims::default();
        assert!(other.claim(&link, |_| false).is_err(), "another exchange runs");
        drop(claims);
        assert!(other.claim(&link, |_| false).is_ok() && link.symlink_metadata().is_err(), "it has crashed");
        let mut third = Claims::default();
        link_to(Path::new("/dev/pts/999999"), &link).expect("a symlink");
        assert!(third.claim(&link, |_| false).is_ok(), "it leads nowhere");
        for target in ["/dev/pts/ptmx", "/dev/null", "nowhere"] {
            symlink(target, &link).expect("a symlink");
            assert!(third.claim(&link, |_| false).is_err(), "{target}");
            fs::remove_file(&link).expect("still there");
        }
        fs::write(&link, "mine").expect("a file");
        assert!(third.claim(&link, |_| false).is_err());
    }
}
