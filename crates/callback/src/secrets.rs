//! The users' passwords: `/etc/ringback/callback-secrets`, lines `USER:HASH` as crypt(3) makes them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use ttyline::config::{self, Source};
use ttyline::sys::crypt;

/// Where they are.
pub const FILE: &str = "/etc/ringback/callback-secrets";

/// Why no password can be right.
#[derive(Debug)]
pub enum NoSecrets {
    /// There is no such file, or it cannot be read.
    Unreadable(String),
    /// Others than root may read or change it.
    Access,
    /// Hashes cannot be checked on this machine.
    Crypt(String),
}

impl std::fmt::Display for NoSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoSecrets::Unreadable(why) => write!(f, "{FILE}: {why}"),
            NoSecrets::Access => write!(f, "{FILE} must be root's, with mode 0600"),
            NoSecrets::Crypt(why) => write!(f, "passwords cannot be checked: {why}"),
        }
    }
}

/// Whether it is the user's password. Where no user is known (the original's mgetty tells none), the line
/// for `*` holds.
///
/// # Errors
/// [`NoSecrets`].
pub fn is_right(file: &Path, user: &str, password: &[u8]) -> Result<bool, NoSecrets> {
    let (bytes, meta) = match config::read(file) {
        Source::Read(bytes, meta) => (bytes, meta),
        Source::Missing => return Err(NoSecrets::Unreadable("it does not exist".into())),
        Source::Unreadable(e) => return Err(NoSecrets::Unreadable(ttyline::log::reason(&e))),
    };
    if meta.uid() != 0 || meta.mode() & 0o077 != 0 {
        return Err(NoSecrets::Access);
    }
    let Some(hash) = find(&String::from_utf8_lossy(&bytes), user) else { return Ok(false) };
    crypt::matches(password, &hash).map_err(|e| NoSecrets::Crypt(e.to_string()))
}

fn find(text: &str, user: &str) -> Option<String> {
    let user = if user.is_empty() { "*" } else { user };
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut hashes = lines.filter_map(|line| line.split_once(':')).filter(|(name, _)| *name == user);
    let hash = hashes.next()?.1.split(':').next()?.trim();
    // An empty field lets nobody in, and neither does `!` or `*`, as in shadow(5).
    (hash.len() >= 13).then(|| hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_hash() {
        let text = "# c\nmary:$5$abcdefghijk$x:more\njohn:\nlocked:!\n*:$6$0123456789ab\n";
        assert_eq!(find(text, "mary").as_deref(), Some("$5$abcdefghijk$x"));
        assert_eq!(find(text, "john"), None);
        assert_eq!(find(text, "locked"), None);
        assert_eq!(find(text, "nobody"), None);
        assert_eq!(find(text, "").as_deref(), Some("$6$0123456789ab"));
    }
}
