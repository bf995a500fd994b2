//! What each line is doing, for people and tools: one small JSON file per line in `/run/ringback/lines`.
//!
//! Whoever holds the line writes the file anew at each change: a getty, the watcher beside a session. What
//! other programs use the line for stands beside that ([`uses`]). The file is replaced by rename, so a reader
//! sees the whole of the old or of the new one.
//! Nothing here may harm a line: a full or read-only `/run` costs the knowledge, not the call. See
//! ringback-lines(5); fields that are not known are kept, a field is never renamed.

mod json;
mod uses;

pub use uses::{CallBack, DialOut, Sharer, Step, called_back, calls_back, released, taken};

use crate::line_name::LineName;
use crate::lock::process;
use crate::record::Record;
use crate::sys::tty;
use serde_json::{Map, Value};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Where the files are.
pub const DIRECTORY: &str = "/run/ringback/lines";

/// The longest file that is read, bytes.
pub const LONGEST: u64 = 16 * 1024;

/// What a line is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// A getty is opening it and initialising the modem.
    #[default]
    Starting,
    /// Waits for calls.
    Idle,
    /// It rings: [`LineState::ring`] of [`LineState::rings`].
    Ringing,
    /// The modem has been told to pick up.
    Answering,
    /// Connected; the caller has not said who he is.
    Login,
    /// A program serves [`LineState::user`].
    Session,
    /// Another program has the line: [`LineState::peer`].
    DialOut,
    /// A call-back is going to be made, or is being dialled.
    CallBack,
    /// It cannot be served: [`LineState::why`]. Attempts go on.
    Failed,
    /// Carrier is on though nobody is connected: the modem shows carrier always (`AT&C0`).
    CarrierStuck,
    /// The last session or getty has ended, and the next getty has not started.
    Ended,
}

/// Every state with its word in the file.
pub const STATES: [(State, &str); 11] = [
    (State::Starting, "starting"),
    (State::Idle, "idle"),
    (State::Ringing, "ringing"),
    (State::Answering, "answering"),
    (State::Login, "login"),
    (State::Session, "session"),
    (State::DialOut, "dial-out"),
    (State::CallBack, "call-back"),
    (State::Failed, "failed"),
    (State::CarrierStuck, "carrier-stuck"),
    (State::Ended, "ended"),
];

impl State {
    /// Its word in the file.
    #[must_use]
    pub fn word(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// The state of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<State> {
        STATES.iter().find(|(_, known)| *known == word).map(|(state, _)| *state)
    }
}

/// A line's file.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct LineState {
    /// The line, without `/dev/`.
    pub line: String,
    /// The process that wrote this, and answers for the line.
    pub pid: i32,
    /// When that process was started, clock ticks since boot (field 22 of `/proc/PID/stat`): tells it from
    /// a later one of the same number.
    pub pid_started: u64,
    /// The process that stays beside a session to write its end, and when it was started.
    pub watcher: Option<(i32, u64)>,
    /// What the line is doing.
    pub state: State,
    /// Since when.
    pub since: Option<SystemTime>,
    /// This ring, while it rings.
    pub ring: Option<u32>,
    /// Rings before the answer.
    pub rings: Option<u32>,
    /// The caller's number.
    pub caller: Option<String>,
    /// The number called.
    pub called: Option<String>,
    /// What the modem said behind CONNECT.
    pub connect: Option<String>,
    /// Who is logged in, or whom a call-back is for.
    pub user: Option<String>,
    /// The program that serves him.
    pub program: Option<String>,
    /// The program that has taken the line for a call out.
    pub peer: Option<String>,
    /// Why it is not served, or what is odd.
    pub why: Option<String>,
    /// The record of the call that is going on; whoever finds its writer dead completes it.
    pub call: Option<Record>,
    /// A program that shares the line has it.
    pub dial_out: Option<DialOut>,
    /// A call-back waits for its time or is dialled.
    pub call_back: Option<CallBack>,
    /// Fields of a later version.
    pub other: Map<String, Value>,
}

impl LineState {
    /// A line in a state that begins now, written by this process.
    #[must_use]
    pub fn new(line: &LineName, state: State) -> LineState {
        let pid = nix::unistd::getpid().as_raw();
        LineState {
            line: line.device().to_string(),
            pid,
            pid_started: process::start_ticks(pid).unwrap_or(0),
            state,
            since: Some(SystemTime::now()),
            ..LineState::default()
        }
    }

    /// Whether the process that answers for the line is gone: what is written does not hold any more.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        !lives(self.pid, self.pid_started)
    }

    /// Whether its writer is no getty: what idles with a program named is mserver, which shares the line.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.state == State::Idle && self.program.is_some()
    }

    /// Whether the process that stays beside the session lives: it will complete the record of the call.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.watcher.is_some_and(|(pid, started)| lives(pid, started))
    }

    /// The record of a call whose getty and watcher were killed, with its end. `me` is who asks: his own file
    /// is of a getty before him.
    #[must_use]
    pub fn cut_short(&self, me: i32) -> Option<Record> {
        if self.pid != me && !self.is_stale() || self.is_watched() {
            return None;
        }
        let cause = "cut short: its process was killed".to_string();
        self.call.clone().map(|call| Record { end: Some(SystemTime::now()), cause, ..call })
    }

    /// In a few words for people, such as `ringing 1 of 2, 5551234`.
    #[must_use]
    pub fn describe(&self) -> String {
        let doing = self.doing();
        let mut text = match doing {
            State::Ringing => match (self.ring, self.rings) {
                (Some(ring), Some(of)) => format!("ringing {ring} of {of}"),
                _ => "ringing".into(),
            },
            State::Login => "at the login prompt".into(),
            State::Session => format!("session of {}", self.user.as_deref().unwrap_or("somebody")),
            State::DialOut => match &self.dial_out {
                Some(DialOut { peer, client: Some(client), .. }) => {
                    format!("dial-out by {peer} for {client}")
                }
                Some(DialOut { peer, .. }) => format!("dial-out by {peer}"),
                None => format!("dial-out by {}", self.peer.as_deref().unwrap_or("another program")),
            },
            State::CallBack => {
                let step = self.call_back.as_ref().map(|call_back| call_back.step).unwrap_or_default();
                match (step, self.doing_for()) {
                    (Step::Pending, Some(user)) => format!("call-back of {user} pending"),
                    (Step::Pending, None) => "call-back pending".into(),
                    (Step::Dialling, Some(user)) => format!("calling {user} back"),
                    (Step::Dialling, None) => "calling back".into(),
                }
            }
            other => other.word().to_string(),
        };
        let details = match doing {
            State::Ringing | State::Answering | State::Login | State::Session => self.caller.as_deref(),
            State::Failed | State::CarrierStuck => self.why.as_deref(),
            _ => None,
        };
        if let Some(details) = details.filter(|details| !details.is_empty()) {
            text.push_str(", ");
            text.push_str(details);
        }
        text
    }
}

fn lives(pid: i32, started: u64) -> bool {
    process::find(pid).is_some() && process::start_ticks(pid).is_none_or(|ticks| ticks == started)
}

/// The file of a line: its name as in the lock file, every `/` a `_`.
#[must_use]
pub fn path(directory: &Path, line: &LineName) -> PathBuf {
    directory.join(format!("{}.json", line.device().replace('/', "_")))
}

/// Replaces a line's file; what goes on beside the state is kept. The directory is on a tmpfs: nothing waits.
///
/// # Errors
/// No such directory, no room, no right. Nobody's call may fail for it.
pub fn write(directory: &Path, line: &LineName, state: &LineState) -> io::Result<()> {
    let _turn = Turn::take(directory);
    match read(directory, line) {
        Ok(Some(old)) if old.dial_out.is_some() || old.call_back.is_some() => {
            let mut state = state.clone();
            state.keep_uses_of(old);
            replace(directory, line, &state)
        }
        _ => replace(directory, line, state),
    }
}

/// Makes a new state of the one that is there. A file that makes no sense counts as none, one that may not be
/// read stays.
fn change(
    directory: &Path,
    line: &LineName,
    with: impl FnOnce(Option<LineState>) -> Option<LineState>,
) -> io::Result<()> {
    let _turn = Turn::take(directory);
    let old = match read(directory, line) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(error),
        other => other.ok().flatten(),
    };
    with(old).map_or(Ok(()), |new| replace(directory, line, &new))
}

/// Between reading a file and replacing it nobody else replaces it. Anybody may hold the directory: he is
/// waited for a few milliseconds, and then an update may be lost.
struct Turn {
    _held: Option<File>,
}

impl Turn {
    fn take(directory: &Path) -> Turn {
        let Ok(file) = File::open(directory) else { return Turn { _held: None } };
        for _ in 0..5 {
            match tty::try_flock(&file) {
                Ok(false) => std::thread::sleep(Duration::from_millis(1)),
                _ => break,
            }
        }
        Turn { _held: Some(file) }
    }
}

fn replace(directory: &Path, line: &LineName, state: &LineState) -> io::Result<()> {
    let path = path(directory, line);
    let new = directory.join(format!(".{}.new", line.device().replace('/', "_")));
    let text = state.to_json();
    let made = create(&new).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
            create(&new)
        }
        // Left behind by a writer that was killed. Of two at once one loses, and no file is mixed.
        io::ErrorKind::AlreadyExists => {
            fs::remove_file(&new)?;
            create(&new)
        }
        _ => Err(error),
    });
    let written = made.and_then(|mut file| file.write_all(text.as_bytes()));
    written.and_then(|()| fs::rename(&new, &path)).inspect_err(|_| drop(fs::remove_file(&new)))
}

/// It holds numbers and names: root's alone.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Reads a line's file, [settled](LineState::settled); `None` if there is none.
///
/// # Errors
/// A file that cannot be read, is no regular file, is too long or is not what it should be.
pub fn read(directory: &Path, line: &LineName) -> io::Result<Option<LineState>> {
    match read_file(&path(directory, line)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn read_file(path: &Path) -> io::Result<LineState> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let state = LineState::from_json(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(state.settled())
}

/// All lines of which something is known, by name; files that cannot be read or understood are left out.
#[must_use]
pub fn read_all(directory: &Path) -> Vec<LineState> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let names = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        name.ends_with(".json") && !name.starts_with('.')
    });
    let mut all: Vec<LineState> = names.filter_map(|path| read_file(&path).ok()).collect();
    all.sort_by(|a, b| a.line.cmp(&b.line));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> LineName {
        LineName::new(name).unwrap()
    }

    #[test]
    fn a_state_is_written_by_rename_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("ringback/lines");
        assert!(read(&place, &line("pts/3")).unwrap().is_none());
        let mut state = LineState::new(&line("pts/3"), State::Ringing);
        state.ring = Some(1);
        state.rings = Some(2);
        state.caller = Some("5551234".into());
        write(&place, &line("pts/3"), &state).unwrap();
        let file = place.join("pts_3.json");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        // A writer that was killed has left this behind.
        fs::write(place.join(".pts_3.new"), "{").unwrap();
        write(&place, &line("pts/3"), &state).unwrap();
        let back = read(&place, &line("pts/3")).unwrap().unwrap();
        assert_eq!(
            (back.state, back.ring, back.caller.as_deref()),
            (State::Ringing, Some(1), Some("5551234"))
        );
        assert_eq!(back.describe(), "ringing 1 of 2, 5551234");
        assert!(!back.is_stale());
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
    }

    #[test]
    fn a_process_of_the_same_number_is_another_one() {
        let mut state = LineState::new(&line("ttyS0"), State::Idle);
        assert!(!state.is_stale());
        state.pid_started += 1;
        assert!(state.is_stale());
        state.pid = 1 << 22;
        assert!(state.is_stale());
    }

    #[test]
    fn all_lines_are_listed_and_what_is_no_state_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["ttyS1", "ttyACM0"] {
            write(dir.path(), &line(name), &LineState::new(&line(name), State::Idle)).unwrap();
        }
        fs::write(dir.path().join("bad.json"), "{\"v\":1").unwrap();
        fs::write(dir.path().join("long.json"), vec![b' '; 20_000]).unwrap();
        nix::unistd::mkfifo(&dir.path().join("fifo.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link.json")).unwrap();
        let lines: Vec<_> = read_all(dir.path()).into_iter().map(|state| state.line).collect();
        assert_eq!(lines, ["ttyACM0", "ttyS1"]);
        assert!(read_all(Path::new("/nonexistent")).is_empty());
    }

    #[test]
    fn a_full_or_missing_place_is_an_error_and_nothing_is_left_behind() {
        let state = LineState::new(&line("x"), State::Idle);
        assert!(write(Path::new("/proc/ringback"), &line("x"), &state).is_err());
    }
}
