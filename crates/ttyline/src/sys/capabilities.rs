//! Capabilities that outlive the change from root to another user.

use super::checked;
use std::io;

/// May replace others' files in sticky directories: stale locks.
pub const FOWNER: u32 = 3;
/// May bind ports below 1024.
pub const NET_BIND_SERVICE: u32 = 10;

/// `struct __user_cap_header_struct` of linux/capability.h.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`; version 3 has two of them.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

const VERSION_3: u32 = 0x2008_0522;

/// What is permitted now stays permitted when the user id changes from root's; [`keep_only`] is to follow.
///
/// # Errors
/// None that Linux gives.
pub fn survive_change_of_user() -> io::Result<()> {
    // SAFETY: PR_SET_KEEPCAPS takes an integer and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) })
}

/// Gives every capability up for good but those of the given numbers (below 32), which are in force then.
///
/// # Errors
/// `EPERM` if one of them is not permitted.
pub fn keep_only(wanted: &[u32]) -> io::Result<()> {
    let bits = wanted.iter().filter(|n| **n < 32).fold(0, |all, n| all | 1u32 << n);
    let header = Header { version: VERSION_3, pid: 0 };
    let data = [Data { effective: bits, permitted: bits, inheritable: 0 }, Data::default()];
    // SAFETY: capset reads one header and, of version 3, two data structures; both live through the call.
    checked(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })
}
