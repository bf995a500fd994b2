//! crypt(3), found when it is needed: of all tools only callback checks passwords, and only if told to.

use std::ffi::{CStr, CString, c_char};
use std::io;

type Crypt = unsafe extern "C" fn(*const c_char, *const c_char) -> *const c_char;

/// Whether `password` gives `hash`, with the hash's own method and salt. Not for several threads at once.
///
/// # Errors
/// No libcrypt on this machine.
pub fn matches(password: &[u8], hash: &str) -> io::Result<bool> {
    let (Ok(password), Ok(hash)) = (CString::new(password), CString::new(hash)) else { return Ok(false) };
    let crypt = load()?;
    // SAFETY: both are C strings that live on; the result is null or a C string in the library's own buffer.
    let result = unsafe { crypt(password.as_ptr(), hash.as_ptr()) };
    if result.is_null() {
        return Ok(false);
    }
    // SAFETY: not null, hence a C string that stays as it is until the next call.
    let result = unsafe { CStr::from_ptr(result) }.to_bytes();
    let wanted = hash.as_bytes();
    // All bytes are compared: how long it takes tells nothing.
    let differences = result.iter().zip(wanted).fold(0, |all, (a, b)| all | (a ^ b));
    Ok(result.len() == wanted.len() && differences == 0 && result.first() != Some(&b'*'))
}

/// The hash of a password, for a method and salt such as `$6$salt`. Not for several threads at once.
///
/// # Errors
/// No libcrypt on this machine, or it does not know the method.
pub fn hash(password: &[u8], setting: &str) -> io::Result<String> {
    let (Ok(password), Ok(setting)) = (CString::new(password), CString::new(setting)) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let crypt = load()?;
    // SAFETY: as in `matches`.
    let result = unsafe { crypt(password.as_ptr(), setting.as_ptr()) };
    if result.is_null() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: not null, hence a C string that stays as it is until the next call.
    let hash = unsafe { CStr::from_ptr(result) }.to_string_lossy().into_owned();
    if hash.starts_with('*') { Err(io::ErrorKind::Unsupported.into()) } else { Ok(hash) }
}

fn load() -> io::Result<Crypt> {
    for library in [c"libcrypt.so.1", c"libcrypt.so.2"] {
        // SAFETY: opens a system library by name; its initialisers are the system's own.
        let handle = unsafe { libc::dlopen(library.as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() {
            continue;
        }
        // SAFETY: the handle is valid; the library stays loaded, so what is found stays valid too.
        let symbol = unsafe { libc::dlsym(handle, c"crypt".as_ptr()) };
        if !symbol.is_null() {
            // SAFETY: crypt(3) has this type in every libcrypt.
            return Ok(unsafe { std::mem::transmute::<*mut libc::c_void, Crypt>(symbol) });
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, "libcrypt.so is not installed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        // Drepper's test vector for SHA-256 crypt.
        let hash = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
        let Ok(right) = matches(b"Hello world!", hash) else { return };
        assert!(right);
        assert!(!matches(b"hello world!", hash).unwrap());
        assert_eq!(super::hash(b"Hello world!", "$5$saltstring").unwrap(), hash);
        for bad in ["", "*", "*0", "!", "x", "$5$"] {
            assert!(!matches(b"Hello world!", bad).unwrap(), "{bad:?}");
        }
        assert!(!matches(b"a\0b", hash).unwrap());
    }
}
