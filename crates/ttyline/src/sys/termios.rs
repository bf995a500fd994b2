//! `termios2`: any speed, and no dependence on the C library's `cfset*speed` (they know only the
//! standard speeds, and block static linking).

use super::checked;
use crate::settings::Settings;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// When new settings take hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// After what was written has been sent; may wait for ever on a line that is stopped.
    Drained,
    /// As `Drained`, and what was received is thrown away.
    Flushed,
}

/// Which queue of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Received and not read yet.
    Input,
    /// Written and not sent yet.
    Output,
    /// Both.
    Both,
}

/// The settings of a line.
///
/// # Errors
/// `ENOTTY` if it is no tty, `EIO` if it has been hung up.
pub fn get(fd: impl AsFd) -> io::Result<Settings> {
    let mut raw = libc::termios2 {
        c_iflag: 0,
        c_oflag: 0,
        c_cflag: 0,
        c_lflag: 0,
        c_line: 0,
        c_cc: [0; 19],
        c_ispeed: 0,
        c_ospeed: 0,
    };
    // SAFETY: TCGETS2 writes one termios2, which `raw` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TCGETS2 as _, &raw mut raw) })?;
    Ok(Settings {
        input: raw.c_iflag,
        output: raw.c_oflag,
        control: raw.c_cflag,
        local: raw.c_lflag,
        discipline: raw.c_line,
        chars: raw.c_cc,
        speed_in: raw.c_ispeed,
        speed_out: raw.c_ospeed,
    })
}

/// Sets a line.
///
/// # Errors
/// As [`get`]; `EINTR` when a signal came during the wait of [`When::Drained`].
pub fn set(fd: impl AsFd, settings: &Settings, when: When) -> io::Result<()> {
    let raw = libc::termios2 {
        c_iflag: settings.input,
        c_oflag: settings.output,
        c_cflag: settings.control,
        c_lflag: settings.local,
        c_line: settings.discipline,
        c_cc: settings.chars,
        c_ispeed: settings.speed_in,
        c_ospeed: settings.speed_out,
    };
    let request = match when {
        When::Now => libc::TCSETS2,
        When::Drained => libc::TCSETSW2,
        When::Flushed => libc::TCSETSF2,
    };
    // SAFETY: the TCSETS2 family reads one termios2, which `raw` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request as _, &raw const raw) })
}

/// Throws a queue away.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn flush(fd: impl AsFd, queue: Queue) -> io::Result<()> {
    let which = match queue {
        Queue::Input => libc::TCIFLUSH,
        Queue::Output => libc::TCOFLUSH,
        Queue::Both => libc::TCIOFLUSH,
    };
    // SAFETY: TCFLSH takes an integer; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TCFLSH as _, which) })
}

/// Waits until everything written has been sent: for ever on a line that is stopped.
///
/// # Errors
/// `ENOTTY`, `EIO`; `EINTR` when a signal came.
pub fn drain(fd: impl AsFd) -> io::Result<()> {
    // SAFETY: TCSBRK with a non-zero integer is tcdrain and touches no memory; the descriptor is open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TCSBRK as _, 1) })
}

/// Sends a break of `tenths` of a second (0: the driver's own length, about a quarter of a second).
///
/// # Errors
/// `ENOTTY`, `EIO`, `EINTR`.
pub fn send_break(fd: impl AsFd, tenths: u8) -> io::Result<()> {
    // SAFETY: TCSBRKP takes an integer; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TCSBRKP as _, i32::from(tenths)) })
}

/// Begins (`true`) or ends a break.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn set_break(fd: impl AsFd, on: bool) -> io::Result<()> {
    let request = if on { libc::TIOCSBRK } else { libc::TIOCCBRK };
    // SAFETY: TIOCSBRK and TIOCCBRK take no argument; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request as _) })
}

/// Bytes written and not sent yet.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn unsent(fd: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int, which `count` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCOUTQ as _, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Bytes received and not read yet.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn unread(fd: impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which `count` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD as _, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}
