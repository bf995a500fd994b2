//! Processes: descriptors that stand for them, what they leave open over exec.

use super::checked;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A descriptor that becomes readable when the process ends. Close-on-exec.
///
/// # Errors
/// `ESRCH` if there is no such process, `ENOSYS` before Linux 5.3.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    checked(fd)?;
    let fd = i32::try_from(fd).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // SAFETY: the call succeeded, so `fd` is a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the very process a pidfd stands for, never to a later one of the same number.
///
/// # Errors
/// `ESRCH` if it has ended, `EPERM`.
pub fn pidfd_signal(pidfd: impl AsFd, signal: i32) -> io::Result<()> {
    let fd = pidfd.as_fd().as_raw_fd();
    // SAFETY: the third argument may be null (siginfo is made up by the kernel); no memory is touched.
    checked(unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, fd, signal, std::ptr::null::<libc::siginfo_t>(), 0)
    })
}

/// Runs `child` in a copy of this process, which then ends with exit status 0. Gives the copy's id.
///
/// Only for processes of one thread, as the drop-in tools are: of several, only the calling one would
/// be in the copy, and a lock another one holds (the allocator's) would never be freed there. Nothing is
/// undone in the copy: no destructor, no [`crate::way_out`].
///
/// # Errors
/// `EAGAIN`, `ENOMEM`: no process can be made.
pub fn fork(child: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: fork touches no memory of ours; the copy of a single-threaded process is whole.
    let pid = unsafe { libc::fork() };
    checked(pid)?;
    if pid == 0 {
        child();
        // SAFETY: _exit ends the copy at once, without running anything of the original's.
        unsafe { libc::_exit(0) };
    }
    Ok(pid)
}

/// Marks every descriptor from `first` on close-on-exec, so that a program started in our place gets none.
///
/// # Errors
/// Only where neither `close_range` nor `/proc/self/fd` is there.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: close_range takes three integers; with CLOSE_RANGE_CLOEXEC it closes nothing now.
    let done =
        unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    // Linux before 5.11.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name();
        let Some(fd) = name.to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        if u32::try_from(fd).is_ok_and(|fd| fd >= first) {
            // SAFETY: F_SETFD takes integers only; on a descriptor that is gone by now it fails, no more.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// Closes every descriptor from 3 on except `kept`, in a copy of a process ([`fork`]) that ends without running
/// any destructor: whatever else holds a descriptor there must not use it any more.
pub fn close_all_but(kept: &[std::os::fd::BorrowedFd<'_>]) {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(fd.as_raw_fd()).ok()).collect();
    kept.sort_unstable();
    let mut first: u32 = 3;
    for last in kept.into_iter().chain([u32::MAX]) {
        if last > first {
            let end = if last == u32::MAX { last } else { last - 1 };
            // SAFETY: close_range takes three integers. What it closes is not used again: the caller's promise.
            unsafe { libc::syscall(libc::SYS_close_range, first, end, 0) };
        }
        first = first.max(last.saturating_add(1));
    }
}

/// Gives memory that is free back to the kernel, before a long sleep: freed heap, and the part of the stack
/// that deeper calls have used. Does nothing where it could do harm.
pub fn release_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only touches memory that the allocator has free; it takes its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
    release_stack();
}

/// How far below the present frame the stack may have been used, bytes.
const DEEPEST: usize = 96 * 1024;

#[inline(never)]
fn release_stack() {
    // Only the main thread's stack has nothing else close below it (the kernel keeps a megabyte free).
    if nix::unistd::gettid() != nix::unistd::getpid() {
        return;
    }
    let marker = 0_u8;
    // SAFETY: sysconf takes an integer and touches no memory of ours.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    let here = std::hint::black_box(&raw const marker) as usize;
    // This frame and the call below it stay. A signal handler cannot suffer: it runs before the call or
    // after it, never while the kernel is at it.
    let end = here.saturating_sub(512) & !(page - 1);
    let start = end.saturating_sub(DEEPEST);
    // SAFETY: everything there is below the stack pointer of this thread, so nothing lives in it; what of
    // it is mapped reads as zero from now on, and what is not mapped (ENOMEM) is left alone.
    unsafe {
        libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED);
    }
}

/// A descriptor that the process was started with, such as those of `LISTEN_FDS`. Close-on-exec from now on.
///
/// # Errors
/// `EBADF` if it is not open. The caller must not ask for the same one twice.
pub fn inherited(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: F_SETFD takes integers only; it fails on a descriptor that is not open.
    checked(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open (above), and nobody in this process owns it: we only just learned of it from
    // whoever started us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_goes_on_after_its_memory_was_released() {
        // In a process of its own, so that it happens on the main thread.
        if std::env::args().any(|word| word == "--test-threads=1") {
            return release_memory();
        }
        #[inline(never)]
        fn deep(depth: usize) -> usize {
            let room = std::hint::black_box([depth; 512]);
            if depth == 0 { 0 } else { deep(depth - 1) + room[0] }
        }
        let kept: Vec<usize> = (0..1000).collect();
        let before = deep(10);
        release_memory();
        assert_eq!(deep(10), before);
        assert_eq!(kept.iter().sum::<usize>(), 499_500);
        let program = std::env::current_exe().unwrap();
        let this = "sys::process::tests::the_program_goes_on_after_its_memory_was_released";
        let status = std::process::Command::new(program)
            .args(["--exact", this, "--test-threads=1"])
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    }
}
