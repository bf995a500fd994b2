//! Users and groups by name, without the C library's name service.
//!
//! `/etc/passwd` and `/etc/group` are read directly; what is not in them is asked of `getent`. So an idle
//! getty carries no name service modules in its memory, and a statically linked one, which cannot load
//! them, still knows the users of LDAP and the like.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A directory service that is down must not hold a caller.
const GETENT_TIME: Duration = Duration::from_secs(5);
/// More than any user's line, bytes.
const ANSWER_MAX: usize = 1 << 20;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Id of the first group.
    pub gid: u32,
}

/// The user of that name.
#[must_use]
pub fn user(name: &str) -> Option<User> {
    let entry = entry("/etc/passwd", "passwd", name)?;
    let mut fields = entry.split(':');
    let user = User {
        name: fields.next()?.to_string(),
        uid: fields.nth(1)?.parse().ok()?,
        gid: fields.next()?.parse().ok()?,
    };
    // getent also finds users by number; a name is asked for here.
    (user.name == name).then_some(user)
}

/// The id of a user, by name.
#[must_use]
pub fn user_id(name: &str) -> Option<u32> {
    user(name).map(|user| user.uid)
}

/// The id of a group, by name.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    let entry = entry("/etc/group", "group", name)?;
    let mut fields = entry.split(':');
    if fields.next()? != name { None } else { fields.nth(1)?.parse().ok() }
}

/// The groups a user is in, the first group among them.
#[must_use]
pub fn groups(user: &User) -> Vec<u32> {
    let mut groups = vec![user.gid];
    let mut add = |group: u32| {
        if !groups.contains(&group) {
            groups.push(group);
        }
    };
    let _ = each_line("/etc/group", |line| {
        let mut fields = line.split(':');
        if let (Some(Ok(id)), Some(members)) = (fields.nth(2).map(str::parse), fields.next()) {
            if members.split(',').any(|member| member == user.name) {
                add(id);
            }
        }
        None::<()>
    });
    if has_more_services("group") {
        // NAME, then the ids, blanks between.
        let more = getent("initgroups", &user.name).unwrap_or_default();
        more.split_ascii_whitespace().skip(1).filter_map(|id| id.parse().ok()).for_each(add);
    }
    groups
}

/// Changes this process for good to a user: all groups, then user, each checked. The caller must end the
/// process if this fails.
///
/// # Errors
/// Any step that fails, or that did not take hold.
pub fn become_user(user: &User) -> io::Result<()> {
    use nix::unistd::{Gid, Uid, getegid, geteuid, getgid, getuid, setgid, setgroups, setuid};
    let groups: Vec<Gid> = groups(user).into_iter().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&groups)?;
    setgid(gid)?;
    setuid(uid)?;
    let taken = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
    // From an ordinary user there must be no way back to root.
    let back = !uid.is_root() && setuid(nix::unistd::ROOT).is_ok();
    if taken && !back { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The line for `name` in a file, else from `getent`.
fn entry(file: &str, database: &str, name: &str) -> Option<String> {
    if name.is_empty() || name.starts_with(['-', '+']) || name.contains([':', '\n', '\0']) {
        return None;
    }
    let own = |line: &str| (line.split(':').next() == Some(name)).then(|| line.to_string());
    match each_line(file, own) {
        Ok(Some(line)) => Some(line),
        _ if has_more_services(database) => getent(database, name),
        _ => None,
    }
}

/// Calls `look` with each line of a file until it gives something.
fn each_line<T>(path: &str, mut look: impl FnMut(&str) -> Option<T>) -> io::Result<Option<T>> {
    let mut reader = BufReader::with_capacity(1024, File::open(path)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if let Some(found) = look(String::from_utf8_lossy(&line).trim_end()) {
            return Ok(Some(found));
        }
        line.clear();
    }
    Ok(None)
}

/// Whether `/etc/nsswitch.conf` names other sources for a database than its file.
fn has_more_services(database: &str) -> bool {
    let more = each_line("/etc/nsswitch.conf", |line| {
        let services = line.trim_start().strip_prefix(database)?.trim_start().strip_prefix(':')?;
        let services = services.split('#').next().unwrap_or("");
        Some(services.split_ascii_whitespace().any(|word| word != "files" && !word.starts_with('[')))
    });
    matches!(more, Ok(Some(true)))
}

/// What `getent DATABASE NAME` prints, if it finds anything.
pub(crate) fn getent(database: &str, name: &str) -> Option<String> {
    // An argument vector, no shell; the name was checked not to look like an option.
    let mut command = Command::new("/usr/bin/getent");
    command.arg0("getent").args([database, name]);
    let text = output_within(&mut command, GETENT_TIME)?;
    let text = String::from_utf8(text).ok()?;
    (!text.is_empty()).then(|| text.trim_end().to_string())
}

/// What a program prints, if it ends well and in time; else it is killed.
fn output_within(command: &mut Command, limit: Duration) -> Option<Vec<u8>> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let end = Instant::now() + limit;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let (mut out, mut buffer) = (Vec::new(), [0; 4096]);
    let mut pipe = child.stdout.take()?;
    let whole = loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut wanted = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)) {
            Err(nix::errno::Errno::EINTR) => continue,
            Ok(1..) => {}
            _ => break false,
        }
        match pipe.read(&mut buffer) {
            Ok(0) => break true,
            Ok(n) if out.len() < ANSWER_MAX => out.extend_from_slice(buffer.get(..n).unwrap_or(&[])),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Ok(_) | Err(_) => break false,
        }
    };
    if !whole {
        let group = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
        let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    }
    let ended = child.wait().ok()?;
    (whole && ended.success()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_unknown_names() {
        assert_eq!(user("root"), Some(User { name: "root".into(), uid: 0, gid: 0 }));
        assert_eq!(user_id("root"), Some(0));
        assert_eq!(group_id("root"), Some(0));
        for bad in ["no such user here", "", "root:x", "-x", "0", "root\n"] {
            assert_eq!(user_id(bad), None, "{bad:?}");
            assert_eq!(group_id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn groups_are_those_the_system_knows() {
        for name in ["root", "uucp", "nobody", "man"] {
            let Some(user) = user(name) else { continue };
            let output = Command::new("id").args(["-G", name]).output().unwrap();
            let mut theirs: Vec<u32> = String::from_utf8(output.stdout)
                .unwrap()
                .split_ascii_whitespace()
                .map(|id| id.parse().unwrap())
                .collect();
            let mut ours = groups(&user);
            ours.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(ours, theirs, "{name}");
        }
    }

    #[test]
    fn a_name_service_that_hangs_is_not_waited_for() {
        let run = |script: &str, limit: u64| {
            output_within(Command::new("/bin/sh").args(["-c", script]), Duration::from_millis(limit))
        };
        assert_eq!(run("sleep 1000 & wait", 50), None);
        assert_eq!(run("exec >&-; exit 2", 60_000), None);
        assert_eq!(run("echo x", 60_000), Some(b"x\n".to_vec()));
    }

    #[test]
    fn getent_says_the_same_as_the_file() {
        let line = getent("passwd", "root").unwrap();
        assert!(line.starts_with("root:"), "{line}");
        assert_eq!(getent("passwd", "no such user here"), None);
    }
}
