//! Clients that are gone without a word.

use nix::sys::socket::{setsockopt, sockopt};
use std::os::fd::AsFd;
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
