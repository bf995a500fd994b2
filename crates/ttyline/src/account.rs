//! Users and groups by name.
//!
//! `/etc/passwd` and `/etc/group` are read directly first: the C library's look-up loads name service
//! modules, which an idle getty would carry in its memory for ever.

use std::fs;
use std::io::{BufRead, BufReader};

/// The id of a user, by name.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    third_field("/etc/passwd", name)
        .or_else(|| nix::unistd::User::from_name(name).ok().flatten().map(|u| u.uid.as_raw()))
}

/// The id of a group, by name.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    third_field("/etc/group", name)
        .or_else(|| nix::unistd::Group::from_name(name).ok().flatten().map(|g| g.gid.as_raw()))
}

/// `NAME:x:ID:…`: both files keep the id in the third field.
fn third_field(path: &str, name: &str) -> Option<u32> {
    if name.is_empty() || name.contains(':') {
        return None;
    }
    let mut reader = BufReader::with_capacity(1024, fs::File::open(path).ok()?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).ok()? > 0 {
        let mut fields = line.trim_ascii_end().split(|b| *b == b':');
        if fields.next() == Some(name.as_bytes()) {
            return std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok();
        }
        line.clear();
    }
    None
}

/// Changes this process for good to a user: supplementary groups, group, then user, each checked. The
/// caller must end the process if this fails.
///
/// # Errors
/// Any step that fails, or that did not take hold.
pub fn become_user(user: &nix::unistd::User) -> std::io::Result<()> {
    use nix::unistd::{getegid, geteuid, getgid, getuid, initgroups, setgid, setuid};
    let name = std::ffi::CString::new(user.name.as_str())?;
    initgroups(&name, user.gid)?;
    setgid(user.gid)?;
    setuid(user.uid)?;
    let taken =
        getuid() == user.uid && geteuid() == user.uid && getgid() == user.gid && getegid() == user.gid;
    // From an ordinary user there must be no way back to root.
    let back = !user.uid.is_root() && setuid(nix::unistd::ROOT).is_ok();
    if taken && !back { Ok(()) } else { Err(std::io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_names() {
        assert_eq!(user_id("root"), Some(0));
        assert_eq!(group_id("root"), Some(0));
        assert_eq!(user_id("no such user here"), None);
        assert_eq!(user_id(""), None);
        assert_eq!(third_field("/etc/passwd", "root:x"), None);
    }
}
