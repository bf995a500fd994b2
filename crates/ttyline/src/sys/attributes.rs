//! Extended attributes: security labels and access lists that belong to a file as much as its bytes.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// One attribute: its name and its value.
pub type Attribute = (CString, Vec<u8>);

/// All attributes of an open file that this process may see; none where the file system has none.
///
/// # Errors
/// What the kernel says.
pub fn all(file: BorrowedFd<'_>) -> io::Result<Vec<Attribute>> {
    let names = match sized(|room| {
        // SAFETY: the kernel writes at most `room.len()` bytes into `room`; with an empty one it only tells
        // how many there would be.
        unsafe { libc::flistxattr(file.as_raw_fd(), room.as_mut_ptr().cast(), room.len()) }
    }) {
        Ok(names) => names,
        Err(e) if e.raw_os_error() == Some(libc::ENOTSUP) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut attributes = Vec::new();
    for name in names.split_inclusive(|b| *b == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let value = sized(|room| {
            // SAFETY: a C string, and as above.
            unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), room.as_mut_ptr().cast(), room.len()) }
        });
        // One that vanishes meanwhile, or that may be listed but not read, is not there.
        if let Ok(value) = value {
            attributes.push((name.to_owned(), value));
        }
    }
    Ok(attributes)
}

/// Gives an open file an attribute.
///
/// # Errors
/// Not allowed, or not known to the file system.
pub fn set(file: BorrowedFd<'_>, (name, value): &Attribute) -> io::Result<()> {
    // SAFETY: a C string and a buffer of the length that is told with it.
    let result =
        unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    super::checked(result)
}

/// Asks for the size, then for the bytes; again if they have grown in between.
fn sized(mut ask: impl FnMut(&mut [u8]) -> isize) -> io::Result<Vec<u8>> {
    loop {
        let size = usize::try_from(ask(&mut [])).map_err(|_| io::Error::last_os_error())?;
        let mut room = vec![0; size];
        match usize::try_from(ask(&mut room)) {
            Ok(size) => {
                room.truncate(size);
                return Ok(room);
            }
            Err(_) => match io::Error::last_os_error() {
                e if e.raw_os_error() == Some(libc::ERANGE) => {}
                e => return Err(e),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_set_is_found() {
        let file = tempfile::tempfile().unwrap();
        let wanted = (CString::new("user.ringback").unwrap(), b"label\0x".to_vec());
        // Not every file system has user attributes.
        if set(file.as_fd(), &wanted).is_ok() {
            assert!(all(file.as_fd()).unwrap().contains(&wanted));
        }
        assert!(all(file.as_fd()).is_ok());
    }
}
