//! Linux' `n_gsm` line discipline: makes ttys of the channels of a 27.010 multiplexer.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

const N_GSM0710: libc::c_int = 21;
const GSMIOC_GETCONF: libc::c_ulong = 0x804C_4700;
const GSMIOC_SETCONF: libc::c_ulong = 0x404C_4701;
const GSMIOC_GETFIRST: libc::c_ulong = 0x8004_4704;

/// `struct gsm_config` of linux/gsmmux.h.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Config {
    adaption: u32,
    encapsulation: u32,
    initiator: u32,
    t1: u32,
    t2: u32,
    t3: u32,
    n2: u32,
    mru: u32,
    mtu: u32,
    k: u32,
    i: u32,
    unused: [u32; 8],
}

/// Puts the multiplexer on `tty`, with the kernel as the side that begins (it sends SABM for
/// channel 0 at once), the basic option, and convergence layer type 2. `mtu` is the longest
/// information field in octets, both ways.
///
/// Errors: `EINVAL` where the kernel has no `n_gsm`, else what the ioctls say.
pub fn attach(tty: BorrowedFd<'_>, mtu: u16) -> io::Result<()> {
    let discipline = N_GSM0710;
    // SAFETY: TIOCSETD reads one int behind the pointer, which lives through the call.
    nix::errno::Errno::result(unsafe {
        libc::ioctl(tty.as_raw_fd(), libc::TIOCSETD, &raw const discipline)
    })?;
    let mut config = Config::default();
    // SAFETY: with N_GSM on the tty GETCONF writes a `struct gsm_config`, of which `Config` is the layout.
    nix::errno::Errno::result(unsafe { libc::ioctl(tty.as_raw_fd(), GSMIOC_GETCONF, &raw mut config) })?;
    config.adaption = 2;
    config.encapsulation = 0;
    config.initiator = 1;
    // In 10 ms. The other side answers within milliseconds; if it dies, the kernel waits n2 × t1
    // at most before it lets go of the tty.
    config.t1 = 50;
    config.t2 = 50;
    config.n2 = 10;
    config.mru = u32::from(mtu);
    config.mtu = u32::from(mtu);
    // SAFETY: SETCONF reads a `struct gsm_config` behind the pointer, which lives through the call.
    nix::errno::Errno::result(unsafe { libc::ioctl(tty.as_raw_fd(), GSMIOC_SETCONF, &raw const config) })?;
    Ok(())
}

/// The minor number of channel 1 of the multiplexer on `tty`; channel *n* is *n* − 1 further.
pub fn first_minor(tty: BorrowedFd<'_>) -> io::Result<u32> {
    let mut minor: u32 = 0;
    // SAFETY: GETFIRST writes one u32 behind the pointer, which lives through the call.
    nix::errno::Errno::result(unsafe { libc::ioctl(tty.as_raw_fd(), GSMIOC_GETFIRST, &raw mut minor) })?;
    Ok(minor)
}
