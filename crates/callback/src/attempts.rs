//! Who has asked for calls in the last hour: `/var/lib/ringback/callback-attempts`, which survives a reboot.
//!
//! One line per event, `SECONDS KIND USER LINE NUMBER`, a `-` for what is not known. What is older than
//! [`KEPT`] is dropped at every use, and more than [`MOST`] events are never kept: then nobody is called.

use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the counters are.
pub const FILE: &str = "/var/lib/ringback/callback-attempts";
/// How long an event counts, s.
pub const KEPT: u64 = 3600;
/// Most events.
pub const MOST: usize = 2000;
/// A call that comes back to callback so soon after it was handed over is a loop, s.
const LOOP: u64 = 120;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A call was asked for and granted.
    Asked,
    /// A wrong password, or a number that is not allowed.
    Refused,
    /// The called user was handed to the getty.
    Connected,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Seconds since the epoch.
    pub time: u64,
    /// What happened.
    pub kind: Kind,
    /// The user; empty if not known.
    pub user: String,
    /// The line.
    pub line: String,
    /// The number, as dialled.
    pub number: String,
}

/// Why nobody is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The user has had his share.
    User(u32),
    /// All together have.
    All(u32),
    /// The user was called back just now: he asks on the call that we made.
    Loop,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Limit::User(most) => write!(f, "attempts: this user may ask {most} times in an hour"),
            Limit::All(most) => write!(f, "attempts: all users may ask {most} times in an hour"),
            Limit::Loop => f.write_str("loop: he was called back just now (is there a `*` in login.config?)"),
        }
    }
}

/// The events of the last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    events: Vec<Attempt>,
}

fn word(text: &str) -> String {
    let word: String =
        ttyline::visible::field(text).chars().take(64).map(|c| if c == ' ' { '_' } else { c }).collect();
    if word.is_empty() { "-".into() } else { word }
}

impl Attempts {
    /// Reads the file's text; lines that cannot be read are dropped. What lies in the future (the clock was
    /// set back) counts as just happened, so that it expires.
    #[must_use]
    pub fn parse(text: &str, now: u64) -> Attempts {
        let event = |line: &str| {
            let mut words = line.split(' ');
            let time = words.next()?.parse::<u64>().ok()?.min(now);
            let kind = match words.next()? {
                "asked" => Kind::Asked,
                "refused" => Kind::Refused,
                "connected" => Kind::Connected,
                _ => return None,
            };
            let mut text = || words.next().map(|w| if w == "-" { String::new() } else { w.to_string() });
            Some(Attempt { time, kind, user: text()?, line: text()?, number: text()? })
        };
        let mut events: Vec<Attempt> = text.lines().filter_map(event).collect();
        events.retain(|event| now - event.time < KEPT);
        let surplus = events.len().saturating_sub(MOST);
        events.drain(..surplus);
        Attempts { events }
    }

    /// As the file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let kind = match event.kind {
                Kind::Asked => "asked",
                Kind::Refused => "refused",
                Kind::Connected => "connected",
            };
            let words = [word(&event.user), word(&event.line), word(&event.number)].join(" ");
            text.push_str(&format!("{} {kind} {words}\n", event.time));
        }
        text
    }

    /// Whether this user may ask now. `quiet_connect`: nothing was said of a CONNECT, as after a call of ours.
    #[must_use]
    pub fn judge(
        &self,
        now: u64,
        user: &str,
        line: &str,
        limits: (u32, u32),
        quiet_connect: bool,
    ) -> Option<Limit> {
        let (mine, all) = limits;
        let known = word(user);
        let counts = |event: &&Attempt| event.kind != Kind::Connected;
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let same = |event: &&Attempt| word(&event.user) == known;
        let came_back = |event: &Attempt| {
            event.kind == Kind::Connected && event.line == line && now.saturating_sub(event.time) < LOOP
        };
        if quiet_connect && self.events.iter().any(came_back) {
            Some(Limit::Loop)
        } else if count(self.events.iter().filter(counts).count()) >= all || self.events.len() >= MOST {
            Some(Limit::All(all))
        } else if count(self.events.iter().filter(counts).filter(same).count()) >= mine {
            Some(Limit::User(mine))
        } else {
            None
        }
    }

    /// Adds an event.
    pub fn add(&mut self, event: Attempt) {
        if self.events.len() < MOST {
            self.events.push(event);
        }
    }
}

/// Seconds since the epoch.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// The file, held against other callbacks until it is dropped.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    _lock: Flock<File>,
    /// What stands in it.
    pub attempts: Attempts,
}

impl Store {
    /// Opens and reads it; its directory is made if it is missing (0700).
    ///
    /// # Errors
    /// What opening or reading gives; `TimedOut` if another program holds it for more than two seconds.
    pub fn open(path: &Path) -> io::Result<Store> {
        if let Some(directory) = path.parent().filter(|d| !d.is_dir()) {
            std::fs::create_dir_all(directory)?;
        }
        // The lock is a file of its own: the counters' file is replaced at every change.
        let mut lock_path = path.as_os_str().to_owned();
        lock_path.push(".lock");
        let open = |path: &Path, create: bool| {
            let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
            OpenOptions::new()
                .read(true)
                .write(create)
                .create(create)
                .mode(0o600)
                .custom_flags(flags)
                .open(path)
        };
        let mut file = open(Path::new(&lock_path), true)?;
        let end = std::time::Instant::now() + Duration::from_secs(2);
        let lock = loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => break lock,
                Err((_, errno)) if std::time::Instant::now() >= end => {
                    return Err(if errno == nix::errno::Errno::EAGAIN {
                        io::ErrorKind::TimedOut.into()
                    } else {
                        errno.into()
                    });
                }
                Err((back, _)) => file = back,
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut text = Vec::new();
        match open(path, false) {
            Ok(file) => {
                file.take(1 << 20).read_to_end(&mut text)?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let attempts = Attempts::parse(&String::from_utf8_lossy(&text), now());
        Ok(Store { path: path.to_path_buf(), _lock: lock, attempts })
    }

    /// Writes it: a new file takes the old one's place.
    ///
    /// # Errors
    /// What writing gives.
    pub fn save(&self) -> io::Result<()> {
        let mut new = self.path.as_os_str().to_owned();
        new.push(".new");
        let _ = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(self.attempts.to_text().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(time: u64, kind: Kind, user: &str) -> Attempt {
        Attempt { time, kind, user: user.into(), line: "ttyS1".into(), number: "030".into() }
    }

    #[test]
    fn each_user_and_all_together_have_a_limit() {
        let mut attempts = Attempts::default();
        for n in 0..3 {
            assert_eq!(attempts.judge(5000, "mary", "ttyS1", (3, 5), false), None);
            attempts.add(event(5000 + n, Kind::Asked, "mary"));
        }
        assert_eq!(attempts.judge(5010, "mary", "ttyS1", (3, 5), false), Some(Limit::User(3)));
        assert_eq!(attempts.judge(5010, "john", "ttyS1", (3, 5), false), None);
        attempts.add(event(5011, Kind::Refused, ""));
        attempts.add(event(5012, Kind::Refused, ""));
        assert_eq!(attempts.judge(5013, "john", "ttyS1", (3, 5), false), Some(Limit::All(5)));
        let later = Attempts::parse(&attempts.to_text(), 5000 + KEPT);
        assert_eq!(later.judge(5000 + KEPT, "mary", "ttyS1", (3, 5), false), None, "the first has expired");
    }

    #[test]
    fn who_asks_on_the_call_we_made_is_in_a_loop() {
        let mut attempts = Attempts::default();
        attempts.add(event(5000, Kind::Connected, "mary"));
        assert_eq!(attempts.judge(5030, "mary", "ttyS1", (9, 9), true), Some(Limit::Loop));
        assert_eq!(attempts.judge(5030, "mary", "ttyS1", (9, 9), false), None);
        assert_eq!(attempts.judge(5030, "mary", "ttyS2", (9, 9), true), None);
        assert_eq!(attempts.judge(5200, "mary", "ttyS1", (9, 9), true), None);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nothing_for_ever() {
        let text = "99999999999 asked mary ttyS1 030\nrubbish\n5 asked\n";
        let attempts = Attempts::parse(text, 5000);
        assert_eq!(attempts.events, [event(5000, Kind::Asked, "mary")]);
    }

    #[test]
    fn the_file_is_kept_and_held() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/callback-attempts");
        let mut store = Store::open(&path).unwrap();
        store.attempts.add(event(now(), Kind::Asked, "a b\n"));
        store.save().unwrap();
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.attempts.events[0].user, "a_b_");
        assert_eq!(Store::open(&path).unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    proptest! {
        #[test]
        fn any_file_is_read_and_bounded(text in "([0-9]{1,12} (asked|refused|x) [a-z-]* [a-z]* [0-9]*\n){0,20}.{0,50}",
                                        now in 0u64..100_000) {
            let attempts = Attempts::parse(&text, now);
            prop_assert!(attempts.events.len() <= MOST);
            prop_assert_eq!(Attempts::parse(&attempts.to_text(), now), attempts);
        }
    }
}
