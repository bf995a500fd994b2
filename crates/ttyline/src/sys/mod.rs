//! System calls that nix lacks or gets wrong for lines: the only `unsafe` of the workspace.
//!
//! Each function does one call and says what it gives; what is to be done with it is decided above.

pub mod attributes;
pub mod beneath;
pub mod capabilities;
pub mod clock;
pub mod crypt;
pub mod descriptors;
pub mod gsm;
pub mod interrupt;
pub mod locks;
pub mod memory;
pub mod names;
pub mod process;
pub mod pty;
pub mod signals;
pub mod termios;
pub mod threads;
pub mod tty;
pub mod utmp;

use std::io;

/// The result of a system call that gives -1 and `errno` on failure.
fn checked(result: impl Into<i64>) -> io::Result<()> {
    if result.into() == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
