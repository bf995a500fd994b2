//! Locks of records (POSIX), which some of the system's own tools use.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Takes a write lock on a whole file for this process, as lockf(3) does; not waited for. Gone with the first
/// descriptor of the file that this process closes.
///
/// # Errors
/// Another process has it.
pub fn whole_file(file: &impl AsFd) -> io::Result<()> {
    // SAFETY: all zero is a value of it, and means the whole file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    // SAFETY: an open descriptor, and a structure that lives until the call is over.
    let result = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_SETLK, &raw const lock) };
    super::checked(result)
}

#[cfg(test)]
mod tests {
    #[test]
    fn once_per_process() {
        let file = tempfile::tempfile().unwrap();
        assert!(super::whole_file(&file).is_ok());
        assert!(super::whole_file(&file).is_ok(), "one's own lock is no obstacle");
    }
}
