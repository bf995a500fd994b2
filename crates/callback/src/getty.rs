//! The getty that waits on the line: finding it, and giving it the call.

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ttyline::handover::{self, Answer, Lines, Request};
use ttyline::line_name::LineName;
use ttyline::lock::process;
use ttyline::sys::process::{pidfd_open, pidfd_signal};

/// How long a getty has to answer the first message.
const GREETING: Duration = Duration::from_secs(3);

/// A getty that can take a call.
#[derive(Debug)]
pub enum Getty {
    /// Our own: it listens on a socket and has said that it keeps off the line.
    Socket {
        /// The connection.
        stream: UnixStream,
        /// Its process.
        pid: i32,
        /// Bytes not yet a message.
        lines: Lines,
    },
    /// One with the original's protocol: a pid file and signals.
    Signals {
        /// Its process; the number cannot become another one's.
        pidfd: OwnedFd,
        /// Its number, for the log.
        pid: i32,
    },
}

/// Why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoGetty {
    /// There is no pid file: nobody waits, or one is being started.
    Absent,
    /// The pid file names no getty on this line: why.
    Forged(String),
}

impl std::fmt::Display for NoGetty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoGetty::Absent => f.write_str("no getty waits on this line"),
            NoGetty::Forged(why) => write!(f, "the pid file is not believed: {why}"),
        }
    }
}

/// The pid file of a getty.
#[must_use]
pub fn pid_file(line: &LineName) -> PathBuf {
    PathBuf::from(format!("/var/run/mgetty.pid.{}", line.id()))
}

/// The process of the pid file, unverified.
#[must_use]
pub fn named(line: &LineName) -> Option<i32> {
    let mut text = String::new();
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    let mut options = std::fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::custom_flags(options.read(true), flags);
    options.open(pid_file(line)).ok()?.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 1)
}

/// Whether a process is a getty of root's on this very line: a pid file may be stale, or planted.
fn verify(pid: i32, line: &LineName) -> Result<(), String> {
    let Some(found) = process::find(pid) else { return Err(format!("process {pid} is gone")) };
    if found.users.first() != Some(&0) {
        return Err(format!("process {pid} is not root's"));
    }
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if !name.contains("getty") {
        let name = ttyline::visible::field(name.trim_end());
        return Err(format!("process {pid} is `{name}`, no getty"));
    }
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let serves = |word: &[u8]| {
        let word = word.strip_prefix(b"/dev/").unwrap_or(word);
        word == line.device().as_bytes()
    };
    if arguments.split(|b| *b == 0).skip(1).any(serves) || process::has_open(pid, &line.path()) {
        Ok(())
    } else {
        Err(format!("process {pid} is a getty on another line"))
    }
}

/// Finds the getty of a line. The line must be locked by us: a getty of ours lets go of it now.
///
/// # Errors
/// [`NoGetty`].
pub fn find(line: &LineName, sockets: &Path) -> Result<Getty, NoGetty> {
    if let Some(getty) = by_socket(&handover::socket(sockets, line), line) {
        return Ok(getty);
    }
    let pid = named(line).ok_or(NoGetty::Absent)?;
    // First the descriptor, then the questions: what is verified is what will be signalled.
    let pidfd = pidfd_open(pid).map_err(|_| NoGetty::Forged(format!("process {pid} is gone")))?;
    verify(pid, line).map_err(NoGetty::Forged)?;
    Ok(Getty::Signals { pidfd, pid })
}

fn by_socket(path: &Path, line: &LineName) -> Option<Getty> {
    let mut stream = UnixStream::connect(path).ok()?;
    let peer = getsockopt(&stream, PeerCredentials).ok()?;
    if peer.uid() != 0 {
        return None;
    }
    // A getty that calls the line by another name has a link here. One that was killed has left it, and the device
    // may be another line's by now.
    if path.is_symlink() && verify(peer.pid(), line).is_err() {
        return None;
    }
    stream.set_write_timeout(Some(GREETING)).ok()?;
    stream.write_all(&Request::Dial.to_line()).ok()?;
    let mut lines = Lines::default();
    match answer(&mut stream, &mut lines, GREETING).ok()? {
        Answer::Waiting => Some(Getty::Socket { stream, pid: peer.pid(), lines }),
        _ => None,
    }
}

fn answer(stream: &mut UnixStream, lines: &mut Lines, limit: Duration) -> io::Result<Answer> {
    let end = Instant::now() + limit;
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let mut buffer = [0; handover::LONGEST];
    let mut count = 0;
    loop {
        if let Some(line) = lines.next(buffer.get(..count).unwrap_or(&[])).map_err(|_| bad())? {
            return Answer::parse(&line).ok_or_else(bad);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        count = match stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
            Err(e) => return Err(e),
        };
    }
}

impl Getty {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        match self {
            Getty::Socket { pid, .. } | Getty::Signals { pid, .. } => *pid,
        }
    }

    /// Whether it has said by itself that it keeps off the line.
    #[must_use]
    pub fn has_said_so(&self) -> bool {
        matches!(self, Getty::Socket { .. })
    }

    /// Whether it has let go of the line.
    #[must_use]
    pub fn is_off(&self, line: &LineName) -> bool {
        self.has_said_so() || !process::has_open(self.pid(), &line.path())
    }

    /// Tells it to take the line. With a socket the answer is waited for; with signals the caller waits for
    /// SIGUSR1.
    ///
    /// # Errors
    /// It is gone, refuses, or does not answer within `limit`.
    pub fn give(&mut self, connect: &str, limit: Duration) -> io::Result<()> {
        match self {
            Getty::Socket { stream, lines, .. } => {
                stream.set_write_timeout(Some(limit))?;
                stream.write_all(&Request::Take(connect.to_string()).to_line())?;
                match answer(stream, lines, limit)? {
                    Answer::Taken => Ok(()),
                    Answer::Refused(why) => Err(io::Error::other(why)),
                    Answer::Waiting => Err(io::ErrorKind::InvalidData.into()),
                }
            }
            Getty::Signals { pidfd, .. } => pidfd_signal(pidfd, nix::libc::SIGUSR1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_a_getty_on_this_line_is_one() {
        let line = LineName::new("ttyS9").unwrap();
        let mine = i32::try_from(std::process::id()).unwrap();
        assert!(verify(mine, &line).unwrap_err().contains("no getty") || !nix::unistd::geteuid().is_root());
        assert!(verify(1 << 22, &line).unwrap_err().contains("gone"));
    }

    #[test]
    fn a_getty_of_ours_answers_on_its_socket() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pts_3");
        let listener = UnixListener::bind(&path).unwrap();
        let other = dir.path().join("serial_by-id_usb");
        let _silent = UnixListener::bind(&other).unwrap();
        let getty = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 100];
            let n = stream.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], b"dial 1\n");
            stream.write_all(b"waiting\n").unwrap();
            let n = stream.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], b"take 33600\n");
            stream.write_all(b"taken\n").unwrap();
        });
        if nix::unistd::geteuid().is_root() {
            // A link there is another line's socket, unless its getty is shown to serve this one.
            let (line, link) = (LineName::new("pts/3").unwrap(), dir.path().join("ttyACM9"));
            std::os::unix::fs::symlink(&other, &link).unwrap();
            assert!(by_socket(&link, &LineName::new("ttyACM9").unwrap()).is_none());
            let mut found = by_socket(&path, &line).unwrap();
            assert!(found.has_said_so());
            found.give("33600", Duration::from_secs(5)).unwrap();
            getty.join().unwrap();
        }
        assert!(by_socket(&dir.path().join("nobody"), &LineName::new("pts/4").unwrap()).is_none());
    }
}
