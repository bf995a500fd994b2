//! Signal handlers that only write the signal's number to a pipe.
//!
//! signal-hook is not used for this: it installs its handlers with SA_RESTART, so a getty that waits in
//! `open` for carrier, or in `tcdrain` on a stopped line, would never hear that it is to end.

use super::checked;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

/// The writing end; -1 until there is one. Never closed: a handler may run at any moment.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// What a signal is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// What the kernel does with it by itself.
    Default,
    /// Nothing.
    Ignore,
    /// Its number is written to the pipe.
    Tell,
    /// A waiting system call ends with `EINTR`; nothing else happens.
    Interrupt,
}

extern "C" fn interrupt(_: libc::c_int) {}

extern "C" fn tell(signal: libc::c_int) {
    // SAFETY: errno is this thread's own; it is put back so that interrupted code never sees ours.
    unsafe {
        let errno = libc::__errno_location();
        let saved = *errno;
        let byte = u8::try_from(signal).unwrap_or(0);
        // The pipe does not block: if it is full, the reader has plenty to wake up for.
        libc::write(PIPE.load(Ordering::Relaxed), (&raw const byte).cast(), 1);
        *errno = saved;
    }
}

/// Sets the pipe that handlers write to: non-blocking, for the rest of the process's life.
/// Gives `false` (and drops `pipe`) if there is one already.
#[must_use]
pub fn set_pipe(pipe: OwnedFd) -> bool {
    if PIPE.load(Ordering::Relaxed) != -1 {
        return false;
    }
    PIPE.store(pipe.into_raw_fd(), Ordering::Relaxed);
    true
}

/// Sets what `signal` does. System calls it interrupts are not restarted.
///
/// # Errors
/// `EINVAL` for a signal that cannot be changed.
pub fn set(signal: i32, to: Disposition) -> io::Result<()> {
    // SAFETY: sigaction is plain data; all zero is an empty mask, no flags and SIG_DFL.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = match to {
        Disposition::Default => libc::SIG_DFL,
        Disposition::Ignore => libc::SIG_IGN,
        Disposition::Interrupt => interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t,
        Disposition::Tell => tell as extern "C" fn(libc::c_int) as libc::sighandler_t,
    };
    // SAFETY: `action` is initialised; `tell` only does what is async-signal-safe (write, atomics, errno).
    checked(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}
