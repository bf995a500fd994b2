//! Ending a thread that waits in a system call.

use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;

/// Sends a signal to one thread of this process: the system call it waits in ends with `EINTR`, provided
/// the signal has a handler ([`super::signals::set`]).
pub fn interrupt<T>(thread: &JoinHandle<T>, signal: i32) {
    if thread.is_finished() {
        return;
    }
    // SAFETY: the thread has not been joined (we hold its handle), so its pthread_t is valid; pthread_kill
    // touches no memory of ours.
    unsafe { libc::pthread_kill(thread.as_pthread_t(), signal) };
}
