//! The master's end of a pty.

use super::checked;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// What the first byte of a read in packet mode says (linux/tty.h, `TIOCPKT_*`); 0 is before data.
pub mod packet {
    /// The application threw away what it had not read.
    pub const FLUSH_READ: u8 = 1;
    /// It threw away what it had written.
    pub const FLUSH_WRITE: u8 = 2;
    /// Its settings have changed (told while `EXTPROC` is set, or was until then).
    pub const IOCTL: u8 = 64;
}

/// Reads of the master tell flushes and new settings too, by a byte before the data.
///
/// # Errors
/// `ENOTTY` if it is no master.
pub fn set_packet_mode(master: impl AsFd, on: bool) -> io::Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: TIOCPKT reads one int, which `on` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(master.as_fd().as_raw_fd(), libc::TIOCPKT as _, &raw const on) })
}
