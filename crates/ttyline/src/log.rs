//! Where messages go: log file, syslog, standard error.
//!
//! The file's format is mgetty's, byte for byte (spec section 4): people scrape it. Nothing here ever
//! waits or fails: a full disk, a stopped syslog or a missing directory costs messages, not calls.

use crate::sys::clock;
use crate::visible;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// How important a message is, as mgetty counts (`debug`, `-x`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// The program cannot go on.
    Fatal = 0,
    /// A system call failed.
    Error = 1,
    /// Who used the line when: for people and programs that watch the log.
    Audit = 2,
    /// Something is odd.
    Warn = 3,
    /// What happens. The default.
    Mesg = 4,
    /// Details.
    Noise = 5,
    /// Every byte.
    Junk = 6,
}

/// A program's log.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    infix: String,
    level: u8,
    file: Option<File>,
    /// Neither the file nor the console can be opened: not tried again before [`Log::reopen`].
    off: bool,
    /// Something has been written by this process: the `--` mark stands in the file.
    marked: bool,
    syslog: Option<Syslog>,
}

impl Log {
    /// A log that is opened with its first message. `infix` marks the line, see
    /// [`crate::line_name::LineName::infix`].
    #[must_use]
    pub fn new(path: &Path, infix: &str, level: u8) -> Log {
        Log {
            path: path.to_path_buf(),
            infix: infix.to_string(),
            level,
            file: None,
            off: false,
            marked: false,
            syslog: None,
        }
    }

    /// A log that goes nowhere.
    #[must_use]
    pub fn none() -> Log {
        let mut log = Log::new(Path::new("/dev/null"), "", 0);
        log.off = true;
        log
    }

    /// FATAL, ERROR and AUDIT go to syslog as well, facility auth.
    pub fn also_syslog(&mut self, ident: &str) {
        self.syslog = Some(Syslog::new(ident, Facility::Auth));
    }

    /// Changes what is written: 0 (FATAL only) to 9.
    pub fn set_level(&mut self, level: u8) {
        self.level = level;
    }

    /// Whether a message of this level is written.
    #[must_use]
    pub fn wants(&self, level: Level) -> bool {
        level as u8 <= self.level
    }

    /// Goes on in another file (the line is known now).
    pub fn move_to(&mut self, path: &Path, infix: &str) {
        self.path = path.to_path_buf();
        self.infix = infix.to_string();
        self.file = None;
        self.off = false;
        self.marked = false;
    }

    /// Closes the file; the next message opens it again. After each wake-up, so that it can be rotated.
    pub fn reopen(&mut self) {
        self.file = None;
        self.off = false;
    }

    /// One message. What is not printable ASCII becomes `_`.
    pub fn say(&mut self, level: Level, text: impl AsRef<str>) {
        self.message(level, &visible::field(text.as_ref()));
    }

    /// One message with the reason of a failed system call behind it.
    pub fn failed(&mut self, level: Level, text: impl AsRef<str>, error: &io::Error) {
        let text = format!("{}: {}", text.as_ref(), reason(error));
        self.message(level, &visible::field(text));
    }

    /// Appends to the message before it, without a new line: `visible` text of our own.
    pub fn append(&mut self, level: Level, text: impl AsRef<str>) {
        if self.wants(level) {
            self.put(visible::field(text.as_ref()).as_bytes());
        }
    }

    /// Appends what went over the line to the message before it, non-printables as `[0d]`.
    pub fn traffic(&mut self, level: Level, bytes: &[u8]) {
        if self.wants(level) {
            self.put(visible::traffic(bytes).as_bytes());
        }
    }

    fn message(&mut self, level: Level, text: &str) {
        if let (Some(syslog), Some(severity)) = (&mut self.syslog, severity(level)) {
            syslog.send(severity, text);
        }
        if !self.wants(level) {
            return;
        }
        let now = clock::local_now();
        let line = match level {
            Level::Audit => format!("\n{} ##### {text}\n", stamp(&now)),
            _ => {
                let blanks = match level {
                    Level::Junk => "    ",
                    Level::Noise => "   ",
                    _ => "  ",
                };
                format!("\n{} {}{blanks}{text}", stamp(&now), self.infix)
            }
        };
        self.put(line.as_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.file.is_none() && !self.off {
            self.open();
        }
        if let Some(file) = &mut self.file {
            // A full disk is no reason to drop a call.
            let _ = file.write_all(bytes);
        }
    }

    fn open(&mut self) {
        let open = |path: &Path, create: bool| {
            // O_NONBLOCK: neither a FIFO planted as the log nor a stopped console may hold us.
            OpenOptions::new()
                .append(true)
                .create(create)
                // It holds numbers and names.
                .mode(0o600)
                .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
                .open(path)
        };
        self.file = open(&self.path, true).or_else(|_| open(Path::new("/dev/console"), false)).ok();
        match &mut self.file {
            None => self.off = true,
            Some(file) if !self.marked => {
                self.marked = true;
                let _ = file.write_all(b"\n--");
            }
            Some(_) => {}
        }
    }
}

/// `MM/DD HH:MM:SS`.
fn stamp(t: &clock::Local) -> String {
    format!("{:02}/{:02} {:02}:{:02}:{:02}", t.month, t.day, t.hour, t.minute, t.second)
}

/// The system's text for an error, without Rust's number behind it.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(place) => text.get(..place).unwrap_or(&text).to_string(),
        None => text,
    }
}

fn severity(level: Level) -> Option<Severity> {
    match level {
        Level::Fatal => Some(Severity::Alert),
        Level::Error => Some(Severity::Error),
        Level::Audit => Some(Severity::Notice),
        _ => None,
    }
}

/// Who speaks, for syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Facility {
    /// Daemons.
    Daemon = 3,
    /// Log-ins.
    Auth = 4,
    /// The first one for local use (pppd's `chat` uses 2).
    Local2 = 18,
}

/// How urgent, for syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Severity {
    /// At once.
    Alert = 1,
    /// An error.
    Error = 3,
    /// A warning.
    Warning = 4,
    /// Normal but noteworthy.
    Notice = 5,
    /// For information.
    Info = 6,
    /// For finding faults.
    Debug = 7,
}

/// Datagrams to `/dev/log`, never waiting: what a stopped syslog does not take is lost.
#[derive(Debug)]
pub struct Syslog {
    socket: Option<UnixDatagram>,
    path: PathBuf,
    ident: String,
    facility: Facility,
}

impl Syslog {
    /// A writer for `ident[pid]`. Connects with the first message.
    #[must_use]
    pub fn new(ident: &str, facility: Facility) -> Syslog {
        Syslog { socket: None, path: PathBuf::from("/dev/log"), ident: ident.to_string(), facility }
    }

    /// Sends one message as it is: what must not reach the log has been made visible before.
    pub fn send(&mut self, severity: Severity, text: impl AsRef<[u8]>) {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let t = clock::local_now();
        let month = MONTHS.get((t.month as usize).wrapping_sub(1)).unwrap_or(&"Jan");
        let head = format!(
            "<{}>{month} {:2} {:02}:{:02}:{:02} {}[{}]: ",
            (self.facility as u8) << 3 | severity as u8,
            t.day,
            t.hour,
            t.minute,
            t.second,
            self.ident,
            std::process::id(),
        );
        let line = [head.as_bytes(), text.as_ref()].concat();
        // One more try: the daemon may have been restarted since the last message.
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = self.connect().ok();
            }
            let Some(socket) = &self.socket else { return };
            match socket.send(&line) {
                Ok(_) => return,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.socket = None,
            }
        }
    }

    fn connect(&self) -> io::Result<UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(&self.path)?;
        Ok(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_written_as_mgetty_writes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mg_ttyS1.log");
        let mut log = Log::new(&path, "yS1", 6);
        log.say(Level::Mesg, "wait\u{1b}ing");
        log.say(Level::Noise, "got: ");
        log.traffic(Level::Noise, b"\r\nOK");
        log.append(Level::Noise, " ** found **");
        log.failed(Level::Error, "TIOCMBIC failed", &io::Error::from_raw_os_error(libc::ENOTTY));
        log.say(Level::Audit, "failed dev=ttyS1");
        log.reopen();
        log.say(Level::Junk, "x");
        let text = std::fs::read_to_string(&path).unwrap();
        let stamps: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
        assert_eq!(
            stamps,
            "\n--\n99/99 99:99:99 yS9  wait_ing\n99/99 99:99:99 yS9   got: [9d][9a]OK ** found **\
             \n99/99 99:99:99 yS9  TIOCMBIC failed: Inappropriate ioctl for device\
             \n99/99 99:99:99 ##### failed dev=ttyS9\n\n99/99 99:99:99 yS9    x"
        );
    }

    #[test]
    fn levels_above_the_wanted_one_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut log = Log::new(&path, "x", 4);
        log.say(Level::Noise, "no");
        assert!(!path.exists());
        log.say(Level::Mesg, "yes");
        assert!(std::fs::read_to_string(&path).unwrap().ends_with(" x  yes"));
    }

    #[test]
    fn a_full_disk_or_a_fifo_costs_messages_only() {
        let mut log = Log::new(Path::new("/dev/full"), "x", 4);
        log.say(Level::Mesg, "lost");
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut log = Log::new(&fifo, "x", 4);
        log.off = true; // the console of this machine stays clean
        log.say(Level::Mesg, "lost");
    }

    #[test]
    fn a_syslog_that_reads_nothing_stalls_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut syslog = Syslog::new("mgetty", Facility::Auth);
        syslog.path = path;
        for n in 0..2000 {
            syslog.send(Severity::Notice, format!("message {n}"));
        }
        let mut buffer = [0; 200];
        let n = daemon.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        assert!(
            text.starts_with("<37>") && text.contains(" mgetty[") && text.ends_with("]: message 0"),
            "{text}"
        );
    }
}
