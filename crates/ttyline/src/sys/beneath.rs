//! Files below a directory that plays the root of a file system: no path and no symbolic link leads out.

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Opens `path` as it would be found if `root` were `/`: absolute links and `..` stay inside
/// (openat2(2), `RESOLVE_IN_ROOT`, Linux 5.6).
///
/// # Errors
/// What openat2 says; `Unsupported` from a kernel without it.
pub fn open(root: BorrowedFd<'_>, path: &Path, flags: OFlag, mode: u32) -> io::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::from_bits_truncate(mode))
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    loop {
        match openat2(root, path, how) {
            Ok(fd) => return Ok(fd),
            // Another process moves directories about just now: the kernel asks to try again.
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(Errno::ENOSYS) => return Err(io::ErrorKind::Unsupported.into()),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Where an open file stands now, as the whole system sees it.
///
/// # Errors
/// No /proc.
pub fn path_of(file: impl AsFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}

/// Swaps two names of one directory in one step: whoever looks sees the one file or the other.
///
/// # Errors
/// Either is missing, or the file system cannot do it (`EINVAL`).
pub fn exchange(directory: BorrowedFd<'_>, one: &OsStr, other: &OsStr) -> io::Result<()> {
    rename(directory, one, other, libc::RENAME_EXCHANGE)
}

/// Gives a file its name, unless something has that name.
///
/// # Errors
/// `AlreadyExists`, or what rename says.
pub fn rename_new(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr) -> io::Result<()> {
    rename(directory, from, to, libc::RENAME_NOREPLACE)
}

fn rename(directory: BorrowedFd<'_>, from: &OsStr, to: &OsStr, flags: libc::c_uint) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::OsStrExt;
    let from = std::ffi::CString::new(from.as_bytes())?;
    let to = std::ffi::CString::new(to.as_bytes())?;
    let fd = directory.as_raw_fd();
    // SAFETY: two C strings that live until the call is over, and a descriptor that is open. By number,
    // because musl has no function for it.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, fd, from.as_ptr(), fd, to.as_ptr(), flags) };
    super::checked(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn root(dir: &Path) -> OwnedFd {
        fs::File::open(dir).unwrap().into()
    }

    #[test]
    fn no_link_and_no_dots_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("root");
        fs::create_dir_all(top.join("etc")).unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        fs::write(top.join("secret"), "inside").unwrap();
        symlink(dir.path().join("secret"), top.join("etc/absolute")).unwrap();
        symlink("../../secret", top.join("etc/relative")).unwrap();
        symlink("/secret", top.join("etc/home")).unwrap();
        let fd = root(&top);
        let read = |path: &str| {
            let fd = open(fd.as_fd(), Path::new(path), OFlag::O_RDONLY, 0)?;
            io::read_to_string(fs::File::from(fd))
        };
        assert!(read("/etc/absolute").is_err());
        assert_eq!(read("/etc/relative").unwrap(), "inside");
        assert_eq!(read("/etc/home").unwrap(), "inside");
        assert_eq!(read("../../secret").unwrap(), "inside");
    }

    #[test]
    fn names_are_swapped_or_given_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "a").unwrap();
        fs::write(dir.path().join("b"), "b").unwrap();
        let fd = root(dir.path());
        exchange(fd.as_fd(), OsStr::new("a"), OsStr::new("b")).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("a")).unwrap(), "b");
        let taken = rename_new(fd.as_fd(), OsStr::new("a"), OsStr::new("b")).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        rename_new(fd.as_fd(), OsStr::new("a"), OsStr::new("c")).unwrap();
    }
}
