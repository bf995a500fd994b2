//! Signals that interrupt a waiting system call and leave a mark, and the alarm clock.
//!
//! For `chat`: it reads two or three bytes at a time and must not pay a `poll` for each read, so
//! a signal ends the `read` itself. A handler that has left its mark also sets the alarm to one
//! second: a signal in the moment between the look at the marks and the read is then late, never lost.

use super::checked;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// Marks left and not taken yet, one bit for each signal number.
static MARKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn mark(signal: libc::c_int) {
    MARKS.fetch_or(1 << signal, Ordering::Relaxed);
    // SAFETY: alarm is async-signal-safe, takes an integer and leaves errno alone.
    unsafe { libc::alarm(1) };
}

/// `signal` (below 32) leaves a mark from now on, and interrupts system calls.
///
/// # Errors
/// `EINVAL` for a signal that cannot be caught.
pub fn catch(signal: i32) -> io::Result<()> {
    // SAFETY: sigaction is plain data; all zero is an empty mask and no flags, so no restarting.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = mark as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: `action` is initialised; `mark` does only what is async-signal-safe.
    checked(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })
}

/// Whether any mark is there.
#[inline]
#[must_use]
pub fn any() -> bool {
    MARKS.load(Ordering::Relaxed) != 0
}

/// Takes the mark of `signal` away; gives whether it was there.
#[must_use]
pub fn take(signal: i32) -> bool {
    let bit = 1 << signal;
    MARKS.fetch_and(!bit, Ordering::Relaxed) & bit != 0
}

/// SIGALRM comes in so many seconds; never for 0. An older mark and an older alarm are forgotten.
pub fn alarm(seconds: u32) {
    // SAFETY: alarm takes an integer and touches no memory of ours.
    unsafe { libc::alarm(seconds) };
    let _ = take(libc::SIGALRM);
}
