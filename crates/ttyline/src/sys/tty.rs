//! Modem lines, controlling terminal, exclusive use, line discipline.

use super::checked;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The modem lines of a port, as the bits of TIOCMGET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModemLines(pub i32);

impl ModemLines {
    /// Data terminal ready: we are there.
    pub const DTR: ModemLines = ModemLines(libc::TIOCM_DTR);
    /// Request to send.
    pub const RTS: ModemLines = ModemLines(libc::TIOCM_RTS);

    /// Carrier detect.
    #[must_use]
    pub fn carrier(self) -> bool {
        self.0 & libc::TIOCM_CD != 0
    }

    /// Data set ready: the modem is there.
    #[must_use]
    pub fn dsr(self) -> bool {
        self.0 & libc::TIOCM_DSR != 0
    }

    /// Clear to send.
    #[must_use]
    pub fn cts(self) -> bool {
        self.0 & libc::TIOCM_CTS != 0
    }

    /// Ring indicator.
    #[must_use]
    pub fn ring(self) -> bool {
        self.0 & libc::TIOCM_RI != 0
    }

    /// Data terminal ready.
    #[must_use]
    pub fn dtr(self) -> bool {
        self.0 & libc::TIOCM_DTR != 0
    }

    /// Request to send.
    #[must_use]
    pub fn rts(self) -> bool {
        self.0 & libc::TIOCM_RTS != 0
    }
}

/// The modem lines; a pty and some USB ports have none.
///
/// # Errors
/// `ENOTTY` or `EINVAL` where there are none, `EIO` after a hang-up.
pub fn modem_lines(fd: impl AsFd) -> io::Result<ModemLines> {
    let mut bits: libc::c_int = 0;
    // SAFETY: TIOCMGET writes one int, which `bits` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCMGET as _, &raw mut bits) })?;
    Ok(ModemLines(bits))
}

/// Raises the given lines.
///
/// # Errors
/// As [`modem_lines`].
pub fn raise(fd: impl AsFd, lines: ModemLines) -> io::Result<()> {
    change(&fd, libc::TIOCMBIS as i64, lines)
}

/// Drops the given lines.
///
/// # Errors
/// As [`modem_lines`].
pub fn lower(fd: impl AsFd, lines: ModemLines) -> io::Result<()> {
    change(&fd, libc::TIOCMBIC as i64, lines)
}

/// Sets all lines to exactly these.
///
/// # Errors
/// As [`modem_lines`].
pub fn set_modem_lines(fd: impl AsFd, lines: ModemLines) -> io::Result<()> {
    change(&fd, libc::TIOCMSET as i64, lines)
}

fn change(fd: &impl AsFd, request: i64, lines: ModemLines) -> io::Result<()> {
    let bits: libc::c_int = lines.0;
    // SAFETY: TIOCMBIS, TIOCMBIC and TIOCMSET read one int, which `bits` is; the descriptor is open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request as _, &raw const bits) })
}

/// Bytes that the driver has counted since it knows the port, modulo 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// From the line.
    pub received: u32,
    /// To the line.
    pub sent: u32,
}

/// The driver's counters; zero where it leaves them alone.
///
/// # Errors
/// `ENOTTY` or `EINVAL` where there are none, `EIO` after a hang-up.
pub fn traffic(fd: impl AsFd) -> io::Result<Traffic> {
    // struct serial_icounter_struct of linux/serial.h: cts, dsr, rng, dcd, rx, tx, and 14 more.
    let mut counters: [libc::c_int; 20] = [0; 20];
    // SAFETY: TIOCGICOUNT writes one serial_icounter_struct, which is 20 ints; the descriptor is open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGICOUNT as _, &raw mut counters) })?;
    Ok(Traffic { received: counters[4] as u32, sent: counters[5] as u32 })
}

/// Major and minor number of the device.
///
/// # Errors
/// `EBADF`.
pub fn device_number(fd: impl AsFd) -> io::Result<(u64, u64)> {
    let device = nix::sys::stat::fstat(fd)?.st_rdev;
    Ok((nix::sys::stat::major(device), nix::sys::stat::minor(device)))
}

/// Waits until one of the given input lines (RI, CD, DSR, CTS bits) changes.
///
/// # Errors
/// As [`modem_lines`]; `EINTR` when a signal came.
pub fn wait_for_change(fd: impl AsFd, lines: ModemLines) -> io::Result<()> {
    // SAFETY: TIOCMIWAIT takes an integer; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCMIWAIT as _, lines.0) })
}

/// How often the input lines have changed, as the driver counts (all four together). Some drivers and
/// stand-ins count nothing and say 0.
///
/// # Errors
/// `ENOTTY`, `EINVAL`: no such counters; `EIO` after a hang-up.
pub fn input_line_changes(fd: impl AsFd) -> io::Result<u32> {
    // struct serial_icounter_struct (linux/serial.h): CTS, DSR, RI and DCD stand first.
    let mut counters: [libc::c_int; 20] = [0; 20];
    // SAFETY: TIOCGICOUNT writes one serial_icounter_struct, which is 20 ints; the descriptor is borrowed,
    // hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGICOUNT as _, counters.as_mut_ptr()) })?;
    Ok(counters.iter().take(4).fold(0, |sum, count| sum.wrapping_add(*count as u32)))
}

/// No further opens by ordinary users (`true`), or allowed again.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn set_exclusive(fd: impl AsFd, on: bool) -> io::Result<()> {
    let request = if on { libc::TIOCEXCL } else { libc::TIOCNXCL };
    // SAFETY: TIOCEXCL and TIOCNXCL take no argument; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request as _) })
}

/// Whether further opens are refused.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn is_exclusive(fd: impl AsFd) -> io::Result<bool> {
    let mut on: libc::c_int = 0;
    // SAFETY: TIOCGEXCL writes one int, which `on` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGEXCL as _, &raw mut on) })?;
    Ok(on != 0)
}

/// Makes the line this session's controlling terminal. `steal` takes it from another session (root only).
///
/// # Errors
/// `EPERM` if this process leads no session or the line controls another one.
pub fn set_controlling(fd: impl AsFd, steal: bool) -> io::Result<()> {
    // SAFETY: TIOCSCTTY takes an integer; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSCTTY as _, i32::from(steal)) })
}

/// Gives the controlling terminal up. For a session leader this hangs the line up.
///
/// # Errors
/// `ENOTTY` if the line is not this process's controlling terminal.
pub fn give_up_controlling(fd: impl AsFd) -> io::Result<()> {
    // SAFETY: TIOCNOTTY takes no argument; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCNOTTY as _) })
}

/// Puts one byte into the line's input as if it had been received. Needs root, or the own controlling
/// terminal on kernels that still allow it (`dev.tty.legacy_tiocsti`).
///
/// # Errors
/// `EPERM`, `EIO` where the kernel refuses.
pub fn push_back(fd: impl AsFd, byte: u8) -> io::Result<()> {
    // SAFETY: TIOCSTI reads one byte, which `byte` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSTI as _, &raw const byte) })
}

/// The line discipline's number (0 is the ordinary one, 3 is PPP).
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn discipline(fd: impl AsFd) -> io::Result<i32> {
    let mut number: libc::c_int = 0;
    // SAFETY: TIOCGETD writes one int, which `number` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGETD as _, &raw mut number) })?;
    Ok(number)
}

/// Changes the line discipline.
///
/// # Errors
/// `EINVAL` if the kernel has none of that number, `EPERM`, `EIO`.
pub fn set_discipline(fd: impl AsFd, number: i32) -> io::Result<()> {
    let number: libc::c_int = number;
    // SAFETY: TIOCSETD reads one int, which `number` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSETD as _, &raw const number) })
}

/// Switches the port's software carrier off (`TIOCSSOFTCAR` 0): CLOCAL alone decides.
///
/// # Errors
/// `ENOTTY`, `EIO`.
pub fn clear_software_carrier(fd: impl AsFd) -> io::Result<()> {
    let off: libc::c_int = 0;
    // SAFETY: TIOCSSOFTCAR reads one int, which `off` is; the descriptor is borrowed, hence open.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSSOFTCAR as _, &raw const off) })
}

/// Hangs up this session's controlling terminal for everybody (root only).
///
/// # Errors
/// `EPERM`.
pub fn hang_up_session() -> io::Result<()> {
    // SAFETY: vhangup takes no argument and touches no memory of ours.
    checked(unsafe { libc::vhangup() })
}

/// Takes the advisory lock (`flock`) of an open file without waiting; `false` if another open of it has it.
///
/// # Errors
/// `EBADF`, `ENOLCK`.
pub fn try_flock(fd: impl AsFd) -> io::Result<bool> {
    // SAFETY: flock takes integers; the descriptor is borrowed, hence open.
    match checked(unsafe { libc::flock(fd.as_fd().as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(e) => Err(e),
    }
}

/// Gives the advisory lock back.
///
/// # Errors
/// `EBADF`.
pub fn unflock(fd: impl AsFd) -> io::Result<()> {
    // SAFETY: flock takes integers; the descriptor is borrowed, hence open.
    checked(unsafe { libc::flock(fd.as_fd().as_raw_fd(), libc::LOCK_UN) })
}

/// Rows and columns of a terminal's screen; `None` where it does not tell.
#[must_use]
pub fn window_size(fd: impl AsFd) -> Option<(u16, u16)> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize, which is ours.
    let code = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (code == 0 && size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}
