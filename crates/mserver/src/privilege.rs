//! From root to a user of its own, once the ports are bound.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use ttyline::account;
use ttyline::record;
use ttyline::state;
use ttyline::sys::capabilities::{self, FOWNER, NET_BIND_SERVICE};

/// Whose `mserver` becomes when root starts it and nothing else is said.
pub const USER: &str = "mserver";

/// Changes the user for good, keeping what a modem server needs: to replace stale locks and to bind low
/// ports. Gives whose it is now; `None` if it stays root because there is no user [`USER`].
///
/// # Errors
/// A user that does not exist, a change that does not take hold; for people.
pub fn give_up(wanted: Option<&str>) -> Result<Option<String>, String> {
    if !nix::unistd::geteuid().is_root() {
        return if wanted.is_some() { Err("only root can change the user".into()) } else { Ok(None) };
    }
    let name = wanted.unwrap_or(USER);
    if name == "root" {
        return Ok(None);
    }
    let Some(user) = account::user(name) else {
        return if wanted.is_some() { Err(format!("there is no user {name}")) } else { Ok(None) };
    };
    open_states(user.gid);
    let reason = |e: std::io::Error| format!("cannot become {name}: {}", ttyline::log::reason(&e));
    capabilities::survive_change_of_user().map_err(reason)?;
    account::become_user(&user).map_err(reason)?;
    capabilities::keep_only(&[FOWNER, NET_BIND_SERVICE]).map_err(reason)?;
    Ok(Some(user.name))
}

/// Lets our group write the states of lines. The files of others stay unread (0600): of a line that has a
/// getty its getty tells.
fn open_states(group: u32) {
    let directory = Path::new(state::DIRECTORY);
    let _ = std::fs::create_dir_all(directory);
    let ours = std::os::unix::fs::lchown(directory, None, Some(group));
    if ours.is_ok() {
        let _ = std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o775));
    }
}

/// The file of records, opened while that is possible: it belongs to root, and other tools write it too.
#[must_use]
pub fn open_records() -> Option<File> {
    let path = Path::new(record::FILE);
    std::fs::create_dir_all(path.parent()?).ok()?;
    // As the records' own writer opens it: no FIFO, no symlink.
    let flags = nix::fcntl::OFlag::O_NONBLOCK | nix::fcntl::OFlag::O_NOFOLLOW;
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(path).ok()
}
