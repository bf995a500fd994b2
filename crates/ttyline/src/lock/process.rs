//! What `/proc` tells about the process a lock file names.

use crate::sys::clock;
use crate::visible;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A living process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Real, effective and saved user; empty where `/proc` does not tell.
    pub users: Vec<u32>,
    /// When it was started; `None` where `/proc` does not tell.
    pub started: Option<SystemTime>,
}

/// The process, if it lives. One that has ended and only waits for its parent holds no line.
#[must_use]
pub fn find(pid: i32) -> Option<Process> {
    use nix::errno::Errno;
    match nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) {
        Ok(()) | Err(Errno::EPERM) => {}
        Err(_) => return None,
    }
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let stat = parse_stat(&stat);
    if matches!(stat, Some(('Z' | 'X', _))) {
        return None;
    }
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    Some(Process { users: parse_users(&status), started: stat.map(|(_, ticks)| started(ticks)) })
}

/// When the process was started, clock ticks since boot: with its number it stands for no other process.
#[must_use]
pub fn start_ticks(pid: i32) -> Option<u64> {
    parse_stat(&fs::read(format!("/proc/{pid}/stat")).ok()?).map(|(_, ticks)| ticks)
}

/// State and start time (ticks since boot) out of `/proc/PID/stat`. The program's name may contain
/// anything, also `) R 1`: the last parenthesis ends it.
fn parse_stat(stat: &[u8]) -> Option<(char, u64)> {
    let close = stat.iter().rposition(|b| *b == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    // Field 22 of the line; the state is field 3.
    Some((state, words.nth(18)?.parse().ok()?))
}

/// Whether the process is ending, or has ended, otherwise than by a hang-up signal.
#[must_use]
pub fn ends_by_itself(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/stat")).map_or(true, |stat| parse_ending(&stat).unwrap_or(false))
}

/// Out of `/proc/PID/stat`: `PF_EXITING` in field 9 and, in field 52, the signal that ends it.
fn parse_ending(stat: &[u8]) -> Option<bool> {
    const EXITING: u32 = 4;
    let close = stat.iter().rposition(|b| *b == b')')?;
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let (flags, code): (u32, i32) = (words.get(6)?.parse().ok()?, words.get(49)?.parse().ok()?);
    Some(flags & EXITING != 0 && code & 0x7f != libc::SIGHUP)
}

/// The users out of `/proc/PID/status` (the owner of `/proc/PID` itself is root for programs that changed
/// their user or group).
fn parse_users(status: &[u8]) -> Vec<u32> {
    let line = status.split(|b| *b == b'\n').find_map(|l| l.strip_prefix(b"Uid:"));
    let Some(Ok(line)) = line.map(std::str::from_utf8) else { return Vec::new() };
    line.split_ascii_whitespace().take(3).filter_map(|w| w.parse().ok()).collect()
}

fn started(ticks: u64) -> SystemTime {
    let after_boot = Duration::from_millis(ticks.saturating_mul(1000) / clock::ticks_per_second());
    SystemTime::now() - clock::since_boot().saturating_sub(after_boot)
}

/// Whether the process has the device open, as far as we may look.
#[must_use]
pub fn has_open(pid: i32, device: &Path) -> bool {
    let Ok(wanted) = fs::metadata(device) else { return false };
    let Ok(fds) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    wanted.file_type().is_char_device()
        && fds
            .filter_map(Result::ok)
            .filter_map(|fd| fs::metadata(fd.path()).ok())
            .any(|m| m.file_type().is_char_device() && m.rdev() == wanted.rdev())
}

/// The processes that have the device open, as far as we may look; not this one.
#[must_use]
pub fn holders(device: &Path) -> Vec<i32> {
    let me = std::process::id();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != me)
        .filter_map(|pid| i32::try_from(pid).ok())
        .filter(|pid| has_open(*pid, device))
        .collect()
}

/// The process that has an advisory lock (`flock`) on the device, without opening it (which raises DTR);
/// 0 for one that cannot be seen from here.
#[must_use]
pub fn flock_holder(device: &Path) -> Option<i32> {
    let wanted = fs::metadata(device).ok()?;
    let (major, minor) = (nix::sys::stat::major(wanted.dev()), nix::sys::stat::minor(wanted.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", wanted.ino());
    parse_flocks(&fs::read_to_string("/proc/locks").ok()?, &place)
}

/// Lines are `1: FLOCK  ADVISORY  WRITE 1234 00:05:92 0 EOF`; a `->` line waits for the lock.
fn parse_flocks(locks: &str, place: &str) -> Option<i32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        if words.next()? != "FLOCK" {
            return None;
        }
        let pid = words.nth(2)?.parse().ok()?;
        (words.next()? == place).then_some(pid)
    })
}

/// The command line, for people: printable, at most `limit` bytes; empty if it is not known.
#[must_use]
pub fn command_line(pid: i32, limit: usize) -> String {
    let mut bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    for byte in &mut bytes {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    bytes.truncate(limit);
    visible::field(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_told_from_a_hang_up() {
        let stat = |flags: u32, code: i32| {
            format!("7 (a) b) S 1 7 7 0 -1 {flags} {} {code}\n", "0 ".repeat(42).trim_end())
        };
        let of = |flags, code| parse_ending(stat(flags, code).as_bytes());
        assert_eq!(of(0x40_0000, 0), Some(false));
        assert_eq!(of(0x40_0004, 0), Some(true));
        assert_eq!(of(0x40_000c, 256), Some(true));
        assert_eq!(of(0x40_0004, libc::SIGHUP), Some(false));
        assert_eq!(parse_ending(b"7 (x) S 1"), None);
        assert!(!ends_by_itself(std::process::id().try_into().unwrap()));
        assert!(ends_by_itself(1 << 22), "nobody is there any more");
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let stat = b"12 (a) Z 1 (x) S 1 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 1 1";
        assert_eq!(parse_stat(stat), Some(('S', 4711)));
        assert_eq!(parse_stat(b"12 (a"), None);
        assert_eq!(parse_users(b"Name:\tx\nUid:\t1000\t0\t0\t0\n"), [1000, 0, 0]);
    }

    #[test]
    fn we_ourselves_live_and_have_started_before_now() {
        let me = find(std::process::id().cast_signed()).unwrap();
        assert!(me.users.contains(&nix::unistd::getuid().as_raw()));
        let age = SystemTime::now().duration_since(me.started.unwrap()).unwrap();
        assert!(age < Duration::from_secs(3600));
        assert!(find(1 << 22).is_none());
        let terminal = nix::pty::openpty(None, None).unwrap();
        let name = nix::unistd::ttyname(&terminal.slave).unwrap();
        let mut child =
            std::process::Command::new("sleep").arg("1000").stdin(terminal.slave).spawn().unwrap();
        assert_eq!(holders(&name), [i32::try_from(child.id()).unwrap()]);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn holders_of_advisory_locks() {
        let text = "1: POSIX  ADVISORY  WRITE 50 00:05:92 0 EOF\n2: FLOCK  ADVISORY  WRITE 1234 00:05:92 0 EOF\n\
                    2: -> FLOCK  ADVISORY  WRITE 99 00:05:92 0 EOF\n";
        assert_eq!(parse_flocks(text, "00:05:92"), Some(1234));
        assert_eq!(parse_flocks(text, "00:05:93"), None);
    }
}
