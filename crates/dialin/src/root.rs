//! The file system dialin works on: the machine's own, or a tree below `--root`, which no path leaves.

use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, mkdirat};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use ttyline::config::LARGEST;
use ttyline::log::reason;
use ttyline::sys::attributes::{self, Attribute};
use ttyline::sys::beneath;
use ttyline::visible;

/// A regular file: everything that is kept and given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Extended attributes (labels, access lists).
    pub attributes: Vec<Attribute>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// A regular file.
    File(Contents),
    /// A symbolic link; links of files are followed before this is asked.
    Link(OsString),
}

impl State {
    /// A file's bytes.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            State::File(file) => Some(&file.bytes),
            _ => None,
        }
    }
}

/// The directory and the name that a path leads to.
pub struct Place {
    /// The directory.
    pub dir: OwnedFd,
    /// The name in it.
    pub name: OsString,
}

/// A tree.
pub struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

/// How many symbolic links a path may lead through, as the kernel has it.
const MOST_LINKS: usize = 40;

impl Root {
    /// Opens the tree at `path`.
    ///
    /// # Errors
    /// It is not there, or no directory.
    pub fn open(path: &Path) -> Result<Root> {
        let shown = visible::terminal(path.as_os_str().as_bytes());
        let path = path.canonicalize().map_err(|e| anyhow!("--root {shown}: {}", reason(&e)))?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = nix::fcntl::open(&path, flags, Mode::empty())
            .map_err(|e| anyhow!("--root {shown}: {}", reason(&e.into())))?;
        Ok(Root { dir, path })
    }

    /// Whether it is the machine's own: only then are services started and devices looked at.
    #[must_use]
    pub fn is_host(&self) -> bool {
        self.path == Path::new("/")
    }

    /// Where it stands.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path of the tree as the machine sees it, for messages.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        let whole =
            if self.is_host() { PathBuf::from(path) } else { self.path.join(path.trim_start_matches('/')) };
        visible::terminal(whole.as_os_str().as_bytes())
    }

    fn open_dir(&self, path: &Path) -> std::io::Result<OwnedFd> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        match beneath::open(self.dir.as_fd(), path, flags, 0) {
            // A kernel before 5.6: on the machine's own tree there is nothing to stay inside of.
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported && self.is_host() => {
                Ok(nix::fcntl::open(path, flags, Mode::empty())?)
            }
            other => other,
        }
    }

    /// Where a path leads; with `follow` a symbolic link at its end is followed. `None`: its directory is
    /// not there.
    ///
    /// # Errors
    /// A path that leads nowhere sensible.
    pub fn place(&self, path: &str, follow: bool) -> Result<Option<Place>> {
        let mut at = PathBuf::from(path);
        for _ in 0..MOST_LINKS {
            let Some(Component::Normal(name)) = at.components().next_back() else {
                bail!("{}: leads to a directory, where a file is expected", self.shown(path));
            };
            let name = name.to_os_string();
            let parent = at.parent().unwrap_or(Path::new("/"));
            let dir = match self.open_dir(parent) {
                Ok(dir) => dir,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(e) => bail!("{}: {}", self.shown(&parent.to_string_lossy()), reason(&e)),
            };
            match status(dir.as_fd(), &name)? {
                Some(stat) if follow && kind(&stat) == SFlag::S_IFLNK => {
                    let target = readlinkat(dir.as_fd(), name.as_os_str())
                        .map_err(|e| anyhow!("{}: {}", self.shown(path), reason(&e.into())))?;
                    at = parent.join(target);
                }
                _ => return Ok(Some(Place { dir, name })),
            }
        }
        bail!("{}: too many symbolic links", self.shown(path))
    }

    /// What stands at a path.
    ///
    /// # Errors
    /// It cannot be read, is a directory or device, or is larger than a configuration may be.
    pub fn look(&self, path: &str, follow: bool) -> Result<State> {
        match self.place(path, follow)? {
            None => Ok(State::Absent),
            Some(place) => look_at(&place).with_context(|| self.shown(path)),
        }
    }

    /// A file's bytes; `None` if there is none.
    ///
    /// # Errors
    /// As [`Root::look`].
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.look(path, true)? {
            State::File(file) => Ok(Some(file.bytes)),
            _ => Ok(None),
        }
    }

    /// The names in a directory, sorted; none if it is not there.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn names(&self, path: &str) -> Result<Vec<String>> {
        let dir = match self.open_dir(Path::new(path)) {
            Ok(dir) => dir,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) if e.raw_os_error() == Some(Errno::ENOTDIR as i32) => return Ok(Vec::new()),
            Err(e) => bail!("{}: {}", self.shown(path), reason(&e)),
        };
        let mut dir = nix::dir::Dir::from_fd(dir)?;
        let mut names: Vec<String> = dir
            .iter()
            .filter_map(|entry| entry.ok()?.file_name().to_str().ok().map(str::to_string))
            .filter(|name| name != "." && name != "..")
            .collect();
        names.sort();
        Ok(names)
    }

    /// Whether anything stands at a path, links followed.
    #[must_use]
    pub fn exists(&self, path: &str) -> bool {
        let there = |place: Place| status(place.dir.as_fd(), &place.name).ok().flatten().is_some();
        self.place(path, true).ok().flatten().is_some_and(there)
    }

    /// Makes the directories that lead to `path` and are missing; gives those it made, outermost first.
    ///
    /// # Errors
    /// One cannot be made.
    pub fn make_parents(&self, path: &str, mode: u32) -> Result<Vec<String>> {
        let mut made = Vec::new();
        for dir in missing_parents(self, path) {
            let at = self.place(&dir, true)?.ok_or_else(|| anyhow!("{}: not found", self.shown(&dir)))?;
            match mkdirat(at.dir.as_fd(), at.name.as_os_str(), Mode::from_bits_truncate(mode)) {
                Ok(()) => made.push(dir),
                Err(Errno::EEXIST) => {}
                Err(e) => bail!("{}: cannot make this directory: {}", self.shown(&dir), reason(&e.into())),
            }
        }
        Ok(made)
    }

    /// Opens a directory of the tree.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn directory(&self, path: &str) -> std::io::Result<OwnedFd> {
        self.open_dir(Path::new(path))
    }
}

/// The directories above `path` that are not there, outermost first.
#[must_use]
pub fn missing_parents(root: &Root, path: &str) -> Vec<String> {
    let mut missing: Vec<String> = Path::new(path)
        .ancestors()
        .skip(1)
        .filter_map(Path::to_str)
        .filter(|dir| *dir != "/" && !dir.is_empty())
        .take_while(|dir| !root.exists(dir))
        .map(str::to_string)
        .collect();
    missing.reverse();
    missing
}

/// The status of a name, not followed.
///
/// # Errors
/// What the kernel says, but for its not being there.
pub fn status(dir: BorrowedFd<'_>, name: &OsStr) -> Result<Option<FileStat>> {
    match fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::ENOENT) => Ok(None),
        Err(e) => bail!("{}", reason(&e.into())),
    }
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// What stands at a place, not followed further.
///
/// # Errors
/// As [`Root::look`].
pub fn look_at(place: &Place) -> Result<State> {
    let Some(stat) = status(place.dir.as_fd(), &place.name)? else { return Ok(State::Absent) };
    if kind(&stat) == SFlag::S_IFLNK {
        let target = readlinkat(place.dir.as_fd(), place.name.as_os_str())
            .map_err(|e| anyhow!("{}", reason(&e.into())))?;
        return Ok(State::Link(target));
    }
    // O_NONBLOCK: a FIFO in the file's place must not hold us.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = openat(place.dir.as_fd(), place.name.as_os_str(), flags, Mode::empty())
        .map_err(|e| anyhow!("cannot be read: {}", reason(&e.into())))?;
    let stat = fstat(fd.as_fd()).map_err(|e| anyhow!("{}", reason(&e.into())))?;
    if kind(&stat) != SFlag::S_IFREG {
        bail!("is no regular file");
    }
    let attributes = attributes::all(fd.as_fd()).unwrap_or_default();
    let mut bytes = Vec::new();
    File::from(fd)
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| anyhow!("cannot be read: {}", reason(&e)))?;
    if bytes.len() as u64 > LARGEST {
        bail!("is larger than {} MiB, which no configuration is", LARGEST >> 20);
    }
    let (mode, uid, gid) = (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid);
    Ok(State::File(Contents { bytes, mode, uid, gid, attributes }))
}
