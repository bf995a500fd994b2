//! One change at a time: the lock between two administrators.

use crate::root::Root;
use anyhow::{Result, anyhow, bail};
use nix::fcntl::{Flock, FlockArg, OFlag};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use ttyline::log::reason;
use ttyline::visible;

/// The lock file.
pub const LOCK: &str = "/var/lib/ringback/dialin.lock";

/// How long one administrator waits for the other's files to be written.
const PATIENCE: Duration = Duration::from_secs(10);

/// The tables of users, and the lock that useradd, passwd and the like take before they change them
/// (lckpwdf(3)).
const USERS: [&str; 3] = ["/etc/passwd", "/etc/shadow", "/etc/group"];

/// Takes the lock of the tables of users, if one of them is among the files; let go when dropped.
///
/// # Errors
/// Somebody else is changing them.
pub fn users(root: &Root, paths: &[&str]) -> Result<Option<File>> {
    if !paths.iter().any(|path| USERS.contains(path)) {
        return Ok(None);
    }
    let failed = |e: std::io::Error| anyhow!("/etc/.pwd.lock: {}; nothing was changed", reason(&e));
    let directory = root.directory("/etc").map_err(failed)?;
    let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    let fd =
        nix::fcntl::openat(&directory, Path::new(".pwd.lock"), flags, mode).map_err(|e| failed(e.into()))?;
    let end = Instant::now() + PATIENCE;
    loop {
        match ttyline::sys::locks::whole_file(&fd) {
            Ok(()) => return Ok(Some(File::from(fd))),
            Err(_) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            Err(_) => bail!(
                "the tables of users are being changed by another program; nothing was changed, try again"
            ),
        }
    }
}

/// Held while files are written; let go when dropped, or when the process ends.
pub struct Holder {
    _file: Flock<File>,
}

impl Holder {
    /// Takes the lock.
    ///
    /// # Errors
    /// Somebody else has it for long, or it cannot be made.
    pub fn take(root: &Root, who: &str) -> Result<Holder> {
        let failed = |e: &std::io::Error| {
            let path = root.shown(LOCK);
            let hint = match e.raw_os_error() {
                Some(code) if code == nix::errno::Errno::EACCES as i32 => " (only root may change things)",
                _ => "",
            };
            anyhow!("{path} cannot be made: {}{hint}; nothing was changed", reason(e))
        };
        root.make_parents(LOCK, 0o755).map_err(|e| e.context("nothing was changed"))?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_NOFOLLOW;
        let directory = root.directory("/var/lib/ringback").map_err(|e| failed(&e))?;
        let fd = nix::fcntl::openat(
            &directory,
            Path::new("dialin.lock"),
            flags | OFlag::O_CLOEXEC,
            nix::sys::stat::Mode::from_bits_truncate(0o600),
        )
        .map_err(|e| failed(&e.into()))?;
        let mut file = File::from(fd);
        let end = Instant::now() + PATIENCE;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut held) => {
                    // For the other one's message; it does not matter if it cannot be written.
                    let _ = held.set_len(0).and_then(|()| held.rewind());
                    let _ = writeln!(held, "{who}, process {}", std::process::id());
                    return Ok(Holder { _file: held });
                }
                Err((mut other, nix::errno::Errno::EWOULDBLOCK)) => {
                    if Instant::now() >= end {
                        let mut text = String::new();
                        let _ =
                            other.rewind().and_then(|()| (&mut other).take(200).read_to_string(&mut text));
                        bail!(
                            "another dialin is changing files just now ({}); nothing was changed, try again",
                            visible::terminal(text.trim())
                        );
                    }
                    file = other;
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err((_, e)) => return Err(failed(&e.into())),
            }
        }
    }
}
