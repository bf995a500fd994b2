//! Waiting for something to become true, with a limit that only a failure reaches.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a test waits for something that ought to happen at once.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Calls `probe` until it gives a value, or panics with `what` after [`PATIENCE`].
pub fn until<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    until_within(PATIENCE, probe).unwrap_or_else(|| panic!("waited {PATIENCE:?} in vain: {what}"))
}

/// Calls `probe` until it gives a value or `limit` is over.
pub fn until_within<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        sleep(Duration::from_millis(2));
    }
}

/// After reading to the end of a connection: it was an end, or a reset, and not the reader's time limit.
#[track_caller]
pub fn ended(read: std::io::Result<usize>, heard: &[u8]) {
    use std::io::ErrorKind::{TimedOut, WouldBlock};
    if let Err(e) = read {
        assert!(
            !matches!(e.kind(), WouldBlock | TimedOut),
            "the connection does not end; heard {:?}",
            String::from_utf8_lossy(heard)
        );
    }
}
