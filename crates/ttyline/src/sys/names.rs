//! The name of an address, as the machine's own resolver has it.

use std::io;
use std::net::IpAddr;

/// The host name of an address (`getnameinfo`). May take as long as the resolver takes.
///
/// # Errors
/// No name, or no answer.
pub fn name_of(address: IpAddr) -> io::Result<String> {
    let mut host = [0u8; 1025];
    let code = match address {
        IpAddr::V4(v4) => {
            // SAFETY: sockaddr_in is plain integers; all zero is a value of it.
            let mut raw: libc::sockaddr_in = unsafe { std::mem::zeroed() };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_addr.s_addr = u32::from(v4).to_be();
            ask((&raw const raw).cast(), std::mem::size_of_val(&raw), &mut host)
        }
        IpAddr::V6(v6) => {
            // SAFETY: sockaddr_in6 is plain integers; all zero is a value of it.
            let mut raw: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_addr.s6_addr = v6.octets();
            ask((&raw const raw).cast(), std::mem::size_of_val(&raw), &mut host)
        }
    };
    if code != 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    let name = host.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8(name.to_vec()).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn ask(address: *const libc::sockaddr, length: usize, host: &mut [u8; 1025]) -> i32 {
    let length = libc::socklen_t::try_from(length).unwrap_or(0);
    let room = libc::socklen_t::try_from(host.len()).unwrap_or(0);
    // SAFETY: `address` points to a sockaddr of `length` bytes that lives in the caller; getnameinfo
    // writes at most `room` bytes into `host`; no service is asked for, so its pointer may be null.
    unsafe {
        libc::getnameinfo(
            address,
            length,
            host.as_mut_ptr().cast(),
            room,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    }
}
