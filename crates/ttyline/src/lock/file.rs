//! Lock files on the disk: written aside, linked, exchanged.

use super::content;
use super::judge::{self, Found, Identity};
use crate::sys::tty;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use std::fs::{self, File, OpenOptions, Permissions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long we wait for our turn to replace a lock.
const TURN: Duration = Duration::from_millis(100);

/// What came of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// Our file stands in the place of the one judged.
    Done,
    /// Something else stood there by then; nothing was changed.
    Changed,
}

/// A complete lock file under a name of its own, removed in the end.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    identity: Identity,
}

impl Temporary {
    /// Writes a lock file for `pid`, readable by all.
    pub(super) fn write(directory: &Path, pid: i32) -> io::Result<Temporary> {
        // Names others cannot foresee: a planted one costs no more than another try.
        let mut tries = 0;
        let (path, mut file) = loop {
            let number = RandomState::new().build_hasher().finish() & 0xff_ffff;
            let path = directory.join(format!("LCK..TM.{number:06x}"));
            let flags = libc::O_NOFOLLOW | libc::O_CLOEXEC;
            match OpenOptions::new().write(true).create_new(true).mode(0o644).custom_flags(flags).open(&path)
            {
                Ok(file) => break (path, file),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && tries < 100 => tries += 1,
                Err(e) => return Err(e),
            }
        };
        let written = file
            .set_permissions(Permissions::from_mode(0o644))
            .and_then(|()| file.write_all(content::write(pid).as_bytes()))
            .and_then(|()| file.metadata());
        match written {
            Ok(meta) => Ok(Temporary { path, identity: Identity::of(&meta) }),
            Err(e) => {
                let _ = fs::remove_file(&path);
                Err(e)
            }
        }
    }

    /// Which file it is, under whatever name.
    pub(super) fn identity(&self) -> Identity {
        self.identity
    }

    /// Gives it its final name; `false` if that is taken.
    pub(super) fn link(&self, path: &Path) -> io::Result<bool> {
        match fs::hard_link(&self.path, path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Puts it in the place of a lock that was judged.
    pub(super) fn replace(&self, judged: &Found, device: &Path) -> io::Result<Replaced> {
        let _turn = Turn::wait(judged.path.parent().unwrap_or(Path::new("/")));
        // Others of ours may have been faster while we waited for our turn.
        match judge::look(&judged.path, device)? {
            Some(now) if now == *judged => {}
            _ => return Ok(Replaced::Changed),
        }
        self.exchange_if(&judged.path, || {
            // Under its new name it must be what it was: the file and what it says.
            let out = judge::look(&self.path, device).ok().flatten();
            out.is_some_and(|out| out.identity == judged.identity && out.standing == judged.standing)
        })
    }

    /// Puts it in the place of our own lock; `false` if that is not ours any more.
    pub(super) fn replace_own(&self, path: &Path, own: &Identity) -> io::Result<bool> {
        let same = |p: &Path| fs::symlink_metadata(p).is_ok_and(|m| Identity::of(&m) == *own);
        if !same(path) {
            return Ok(false);
        }
        Ok(self.exchange_if(path, || same(&self.path))? == Replaced::Done)
    }

    /// Exchanges the two files; back again if what came out is not right.
    fn exchange_if(&self, path: &Path, right: impl Fn() -> bool) -> io::Result<Replaced> {
        match exchange(&self.path, path) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Replaced::Changed),
            // A file system that cannot exchange (rare for /run/lock).
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {
                return self.move_aside(path, right);
            }
            Err(e) => return Err(e),
        }
        if right() {
            return Ok(Replaced::Done);
        }
        exchange(&self.path, path)?;
        Ok(Replaced::Changed)
    }

    /// The same where files cannot be exchanged: there is a short moment without a lock.
    fn move_aside(&self, path: &Path, right: impl Fn() -> bool) -> io::Result<Replaced> {
        let aside = self.path.with_extension("aside");
        fs::rename(&self.path, &aside)?;
        let moved = fs::rename(path, &self.path);
        let ok = moved.is_ok() && right();
        let result = if ok {
            let linked = fs::hard_link(&aside, path);
            discard(&self.path);
            linked.map_or(Replaced::Changed, |()| Replaced::Done)
        } else {
            if moved.is_ok() {
                let _ = fs::hard_link(&self.path, path);
                discard(&self.path);
            }
            Replaced::Changed
        };
        fs::rename(&aside, &self.path)?;
        Ok(result)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        discard(&self.path);
    }
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    match renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => Ok(()),
        Err(Errno::ENOENT) => Err(io::ErrorKind::NotFound.into()),
        Err(e) => Err(e.into()),
    }
}

/// Removes whatever has that name; a directory somebody planted stays if it is not empty.
fn discard(path: &Path) {
    if fs::remove_file(path).is_err() {
        let _ = fs::remove_dir(path);
    }
}

/// Our turn to replace locks in a directory: an advisory lock on the directory itself.
#[derive(Debug)]
struct Turn {
    // Closing it ends the turn.
    _directory: Option<File>,
}

impl Turn {
    /// Waits for at most [`TURN`], then goes on without: anybody may hold that lock.
    fn wait(directory: &Path) -> Turn {
        let flags = libc::O_DIRECTORY | libc::O_CLOEXEC;
        let Ok(file) = OpenOptions::new().read(true).custom_flags(flags).open(directory) else {
            return Turn { _directory: None };
        };
        let end = Instant::now() + TURN;
        while let Ok(false) = tty::try_flock(&file) {
            if Instant::now() >= end {
                break;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Turn { _directory: Some(file) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_exchange_a_lock_that_changed_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LCK..x");
        fs::write(&path, "fresh").unwrap();
        let temporary = Temporary::write(dir.path(), 1).unwrap();
        assert_eq!(temporary.move_aside(&path, || false).unwrap(), Replaced::Changed);
        assert_eq!(fs::read(&path).unwrap(), b"fresh");
        assert_eq!(temporary.move_aside(&path, || true).unwrap(), Replaced::Done);
        assert_eq!(fs::read(&path).unwrap(), b"         1\n");
        drop(temporary);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
