//! Clients that are gone without a word, or have gone before their last word is read.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// Makes the kernel end a connection whose other side has answered nothing for `limit` (not at all: never),
/// and send every byte at once. On pipes and Unix sockets this does nothing, and is not needed.
pub fn watch(socket: &impl AsFd, limit: Option<Duration>) {
    let _ = setsockopt(socket, sockopt::TcpNoDelay, &true);
    let Some(limit) = limit else {
        let _ = setsockopt(socket, sockopt::KeepAlive, &false);
        let _ = setsockopt(socket, sockopt::TcpUserTimeout, &0);
        return;
    };
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).clamp(4, 30_000);
    let _ = setsockopt(socket, sockopt::KeepAlive, &true);
    let _ = setsockopt(socket, sockopt::TcpKeepIdle, &(seconds / 2));
    let _ = setsockopt(socket, sockopt::TcpKeepInterval, &(seconds / 8).max(1));
    let _ = setsockopt(socket, sockopt::TcpKeepCount, &4);
    // Keepalive is silent while unacknowledged data wait.
    let _ = setsockopt(socket, sockopt::TcpUserTimeout, &(seconds * 1000));
}

/// POLLRDHUP, which nix does not name: the other side has closed its half.
pub const RDHUP: i16 = 0x2000;

/// Whether the client closes its connection or its half of it within this time. Nothing of what it sends is read.
#[must_use]
pub fn closes(client: BorrowedFd<'_>, within: PollTimeout) -> bool {
    let mut fds = [PollFd::new(client, PollFlags::from_bits_retain(RDHUP))];
    poll(&mut fds, within).is_ok_and(|n| n > 0)
}
