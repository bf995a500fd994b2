//! Slows down who guesses passwords: the more logins of a caller have failed lately, the later he gets his prompt.
//!
//! A caller's number may be forged or absent, so it never keeps anybody out, and never decides about a ring: it
//! only delays the prompt, for that number alone; callers without one share a shorter delay, on their line.
//! A PPP frame is recognised meanwhile. The table is bounded, and what is older than an hour is forgotten.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the failures are remembered.
pub const FILE: &str = "/var/lib/ringback/guesses";
/// So long.
const MEMORY: u64 = 3600;
/// Most failures that are remembered, of all callers; the oldest go.
const MOST: usize = 200;
/// Failures that cost nothing: people mistype.
const FREE: u32 = 3;
/// The longest delay, and that of callers without a number.
const LONGEST: u64 = 30;
const LONGEST_UNKNOWN: u64 = 8;

/// One failed login.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    time: u64,
    line: String,
    caller: String,
}

/// The failed logins of the last hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guesses {
    failures: Vec<Failure>,
}

/// A word of the file.
fn word(text: &str) -> String {
    let harmless = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let word: String = text.chars().take(64).map(harmless).collect();
    if word.is_empty() || word == "none" { "-".into() } else { word }
}

impl Guesses {
    /// Reads lines `TIME LINE CALLER`; others, and what is too old at `now`, are passed over.
    #[must_use]
    pub fn parse(text: &str, now: u64) -> Guesses {
        let mut guesses = Guesses::default();
        for line in text.lines() {
            let mut words = line.split(' ');
            let (Some(Ok(time)), Some(line), Some(caller)) =
                (words.next().map(str::parse::<u64>), words.next(), words.next())
            else {
                continue;
            };
            // A clock that was set back must not keep anything for ever.
            if time <= now && now - time < MEMORY {
                guesses.failures.push(Failure { time, line: word(line), caller: word(caller) });
            }
        }
        let surplus = guesses.failures.len().saturating_sub(MOST);
        guesses.failures.drain(..surplus);
        guesses
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = self.failures.iter().map(|f| format!("{} {} {}\n", f.time, f.line, f.caller));
        lines.collect()
    }

    fn is_of(failure: &Failure, line: &str, caller: &str) -> bool {
        failure.caller == caller && (caller != "-" || failure.line == line)
    }

    /// A login of `caller` has failed, or was right: then his failures are forgotten.
    pub fn note(&mut self, line: &str, caller: &str, failed: bool, now: u64) {
        let (line, caller) = (word(line), word(caller));
        if failed {
            self.failures.push(Failure { time: now, line, caller });
            let surplus = self.failures.len().saturating_sub(MOST);
            self.failures.drain(..surplus);
        } else {
            self.failures.retain(|f| !Guesses::is_of(f, &line, &caller));
        }
    }

    /// How much later `caller` gets his prompt.
    #[must_use]
    pub fn delay(&self, line: &str, caller: &str) -> Duration {
        let (line, caller) = (word(line), word(caller));
        let count = self.failures.iter().filter(|f| Guesses::is_of(f, &line, &caller)).count();
        let longest = if caller == "-" { LONGEST_UNKNOWN } else { LONGEST };
        match u32::try_from(count).unwrap_or(u32::MAX).checked_sub(FREE) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(1_u64.checked_shl(more).unwrap_or(longest).clamp(1, longest)),
        }
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// What the file says; nothing if it cannot be read.
#[must_use]
pub fn load(file: &Path) -> Guesses {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let mut text = String::new();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(file);
    if let Ok(file) = opened {
        let _ = file.take(64 * 1024).read_to_string(&mut text);
    }
    Guesses::parse(&text, now())
}

/// Notes how a login went.
///
/// # Errors
/// A directory or file that cannot be written: no call fails for it.
pub fn note(file: &Path, line: &str, caller: &str, failed: bool) -> io::Result<()> {
    let before = load(file);
    let mut after = before.clone();
    after.note(line, caller, failed, now());
    if after == before {
        return Ok(());
    }
    if let Some(directory) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    let new = file.with_extension(format!("new.{}", std::process::id()));
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&new)?;
    let written = out.write_all(after.to_text().as_bytes()).and_then(|()| std::fs::rename(&new, file));
    written.inspect_err(|_| drop(std::fs::remove_file(&new)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_delay_grows_to_a_bound_and_is_one_callers_alone() {
        let mut guesses = Guesses::default();
        let mut delays = Vec::new();
        for n in 0..11 {
            delays.push(guesses.delay("ttyS0", "555").as_secs());
            guesses.note("ttyS0", "555", true, 1000 + n);
        }
        assert_eq!(delays, [0, 0, 0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(guesses.delay("ttyS1", "555").as_secs(), 30, "on every line");
        assert_eq!(guesses.delay("ttyS0", "556"), Duration::ZERO);
        assert_eq!(guesses.delay("ttyS0", "none"), Duration::ZERO);
        // A right password ends it.
        guesses.note("ttyS0", "555", false, 2000);
        assert_eq!(guesses.delay("ttyS0", "555"), Duration::ZERO);
        for _ in 0..20 {
            guesses.note("ttyS0", "none", true, 2000);
        }
        assert_eq!(guesses.delay("ttyS0", "").as_secs(), 8);
        assert_eq!(guesses.delay("ttyS1", ""), Duration::ZERO, "who has no number is known by his line");
    }

    #[test]
    fn what_is_old_is_forgotten_and_the_table_is_bounded() {
        let mut guesses = Guesses::default();
        for n in 0..1000 {
            guesses.note("ttyS0", &format!("{n}"), true, 10_000);
        }
        assert_eq!(guesses.failures.len(), MOST);
        let text = guesses.to_text();
        assert_eq!(Guesses::parse(&text, 10_000), guesses);
        assert_eq!(Guesses::parse(&text, 10_000 + MEMORY).failures.len(), 0);
        assert_eq!(Guesses::parse(&text, 9_000).failures.len(), 0, "the clock was set back");
    }

    #[test]
    fn the_file_is_roots_alone_and_a_bad_one_says_nothing() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("ringback/guesses");
        note(&file, "ttyS0", "555", true).expect("written");
        assert_eq!(file.metadata().expect("it").permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&file).failures.len(), 1);
        std::fs::write(&file, [0xff; 100]).expect("written");
        assert_eq!(load(&file), Guesses::default());
        assert!(note(Path::new("/proc/no/such"), "x", "y", true).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9 a-z\\n-]{0,400}", caller in ".{0,80}") {
            let mut guesses = Guesses::parse(&text, 5000);
            guesses.note("x", &caller, true, 5000);
            prop_assert_eq!(Guesses::parse(&guesses.to_text(), 5000), guesses);
        }
    }
}
