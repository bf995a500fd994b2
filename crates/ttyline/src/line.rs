//! An open tty: its settings, modem lines, hang-up, hand-over.

use crate::settings::Settings;
use crate::sys::termios::{self, Queue, When};
use crate::sys::tty::{self, ModemLines};
use crate::way_out;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a line is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// At once, carrier or not.
    AtOnce,
    /// When there is carrier (the original's `blocking`).
    AtCarrier,
}

/// Why a line could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The device: absent, no permission, no hardware behind it; `Interrupted` when a signal ended the
    /// wait for carrier.
    Open(io::Error),
    /// Something opened, but it is no tty.
    NotATty,
    /// Its settings cannot be read.
    Settings(io::Error),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Open(e) => write!(f, "cannot be opened: {e}"),
            OpenError::NotATty => f.write_str("is no terminal line"),
            OpenError::Settings(e) => write!(f, "does not tell its settings: {e}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// So many bytes.
    Bytes(usize),
    /// Nothing is there now.
    Nothing,
    /// The line is hung up: end of input, or an error that will not go away.
    HungUp,
}

/// How long [`Line::open`] waits for the old users of a hung-up line to let go, and how often it looks.
const DEAD: Duration = Duration::from_secs(5);
const DEAD_PAUSE: Duration = Duration::from_millis(100);

/// What becomes of the settings when the line is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restore {
    /// They stay as they are.
    Nothing,
    /// As they were found.
    Found,
    /// As they were found, but the last close drops DTR: a getty's line must hang up.
    FoundWithHangUp,
}

/// An open tty.
///
/// While it is ours it does not block (`O_NONBLOCK`); [`Line::hand_over`] clears that. The descriptor is
/// close-on-exec; [`Line::become_stdio`] puts copies on 0, 1 and 2.
#[derive(Debug)]
pub struct Line {
    // Before `fd`: its copy of the descriptor must go first.
    noted: Option<way_out::Noted>,
    fd: Arc<OwnedFd>,
    found: Settings,
    restore: Restore,
    stdio: bool,
}

impl Line {
    /// Opens a device. It does not become the controlling terminal.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(device: &Path, opening: Opening) -> Result<Line, OpenError> {
        let end = Instant::now() + DEAD;
        loop {
            let line = Line::open_once(device, opening)?;
            if !line.is_dead() || Instant::now() >= end {
                return Ok(line);
            }
            drop(line);
            std::thread::sleep(DEAD_PAUSE);
        }
    }

    /// Whether no byte can be written though the open succeeded: with some drivers (n_gsm) a hung-up
    /// tty stays so for new users until the last of its old ones has let go.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        nix::unistd::write(self, b"") == Err(nix::errno::Errno::EIO)
    }

    /// As [`Line::open`], but does not wait for the old users of a hung-up line.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_once(device: &Path, opening: Opening) -> Result<Line, OpenError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        let flags = libc::O_NOCTTY | libc::O_CLOEXEC;
        let file = match opening {
            Opening::AtOnce => options.custom_flags(flags | libc::O_NONBLOCK).open(device),
            Opening::AtCarrier => loop {
                // std retries on EINTR, so that a signal would not end the wait; nix does not.
                let flags = OFlag::from_bits_truncate(flags) | OFlag::O_RDWR;
                match nix::fcntl::open(device, flags, nix::sys::stat::Mode::empty()) {
                    Ok(fd) => break Ok(File::from(fd)),
                    // The line was hung up while we waited.
                    Err(nix::errno::Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(10)),
                    Err(e) => break Err(e.into()),
                }
            },
        };
        let line = Line::adopt(file.map_err(OpenError::Open)?.into())?;
        line.set_blocking(false).map_err(OpenError::Open)?;
        Ok(line)
    }

    /// Takes a tty that is open already (standard input, say), with its flags as they are.
    ///
    /// # Errors
    /// [`OpenError::NotATty`], [`OpenError::Settings`].
    pub fn adopt(fd: OwnedFd) -> Result<Line, OpenError> {
        let found = termios::get(&fd).map_err(|e| match e.raw_os_error() {
            Some(libc::ENOTTY | libc::EINVAL) => OpenError::NotATty,
            _ => OpenError::Settings(e),
        })?;
        Ok(Line { noted: None, fd: Arc::new(fd), found, restore: Restore::Nothing, stdio: false })
    }

    /// The settings the line had when it came to us.
    #[must_use]
    pub fn found(&self) -> &Settings {
        &self.found
    }

    /// The settings now.
    ///
    /// # Errors
    /// `EIO` after a hang-up.
    pub fn settings(&self) -> io::Result<Settings> {
        termios::get(self)
    }

    /// Sets the line.
    ///
    /// # Errors
    /// `EIO` after a hang-up, `EINVAL` for what the hardware cannot do at all.
    pub fn set(&self, settings: &Settings, when: When) -> io::Result<()> {
        termios::set(self, settings, when)
    }

    /// What is done with the settings on every way out: drop, [`way_out::leave`], panic.
    pub fn restore_on_way_out(&mut self, restore: Restore) {
        self.restore = restore;
        self.noted = None;
        if let Some(settings) = self.settings_to_leave() {
            let fd = Arc::clone(&self.fd);
            self.noted = Some(way_out::note(move || drop(termios::set(&*fd, &settings, When::Now))));
        }
    }

    fn settings_to_leave(&self) -> Option<Settings> {
        let mut settings = self.found;
        match self.restore {
            Restore::Nothing => return None,
            Restore::Found => {}
            Restore::FoundWithHangUp => settings.control |= crate::settings::control::HUPCL,
        }
        Some(settings)
    }

    /// Whether reads and writes wait (`true`) or not. This is a property of all copies of the descriptor.
    ///
    /// # Errors
    /// None that an open descriptor gives.
    pub fn set_blocking(&self, on: bool) -> io::Result<()> {
        let flags = OFlag::from_bits_retain(fcntl(self, FcntlArg::F_GETFL)?);
        let wanted = if on { flags - OFlag::O_NONBLOCK } else { flags | OFlag::O_NONBLOCK };
        if wanted != flags {
            fcntl(self, FcntlArg::F_SETFL(wanted))?;
        }
        Ok(())
    }

    /// Puts copies on descriptors 0, 1 and 2. When the line is let go, they become `/dev/null`.
    ///
    /// # Errors
    /// None that open descriptors give.
    pub fn become_stdio(&mut self) -> io::Result<()> {
        nix::unistd::dup2_stdin(&*self.fd)?;
        nix::unistd::dup2_stdout(&*self.fd)?;
        nix::unistd::dup2_stderr(&*self.fd)?;
        self.stdio = true;
        Ok(())
    }

    /// Makes this process lead a session of which the line is the controlling terminal.
    /// `steal` takes it from a session that has it already (root only).
    ///
    /// # Errors
    /// `EPERM` if another session has it.
    pub fn become_controlling(&self, steal: bool) -> io::Result<()> {
        // EPERM: we lead a process group; then TIOCSCTTY tells whether we lead the session as well.
        let _ = nix::unistd::setsid();
        tty::set_controlling(self, steal)
    }

    /// The modem lines; an error means that they are not known (a pty, some USB ports).
    ///
    /// # Errors
    /// `ENOTTY` or `EINVAL` where there are none, `EIO` after a hang-up.
    pub fn modem_lines(&self) -> io::Result<ModemLines> {
        tty::modem_lines(self)
    }

    /// Drops DTR: the modem hangs up.
    ///
    /// # Errors
    /// As [`Line::modem_lines`].
    pub fn lower_dtr(&self) -> io::Result<()> {
        tty::lower(self, ModemLines::DTR)
    }

    /// Raises DTR: the modem may answer.
    ///
    /// # Errors
    /// As [`Line::modem_lines`].
    pub fn raise_dtr(&self) -> io::Result<()> {
        tty::raise(self, ModemLines::DTR)
    }

    /// Hangs up and leaves it so: DTR low, speed 0 (which a pty's other side sees too), queues thrown away.
    pub fn hang_up(&self) {
        let _ = self.lower_dtr();
        let _ = termios::flush(self, Queue::Both);
        if let Ok(settings) = self.settings() {
            let _ = self.set(&settings.hung_up(), When::Now);
        }
    }

    /// Throws a queue away.
    ///
    /// # Errors
    /// `EIO` after a hang-up.
    pub fn flush(&self, queue: Queue) -> io::Result<()> {
        termios::flush(self, queue)
    }

    /// Reads what is there now.
    ///
    /// # Errors
    /// What is neither a hang-up nor "nothing there".
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Input> {
        loop {
            return match nix::unistd::read(self, buffer) {
                Ok(0)
                | Err(nix::errno::Errno::EIO | nix::errno::Errno::ENXIO | nix::errno::Errno::ENODEV) => {
                    Ok(Input::HungUp)
                }
                Ok(n) => Ok(Input::Bytes(n)),
                Err(nix::errno::Errno::EAGAIN) => Ok(Input::Nothing),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => Err(e.into()),
            };
        }
    }

    /// Writes what the line takes now; 0 if it takes nothing.
    ///
    /// # Errors
    /// `EIO` after a hang-up.
    pub fn write_some(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            return match nix::unistd::write(self, bytes) {
                Ok(n) => Ok(n),
                Err(nix::errno::Errno::EAGAIN) => Ok(0),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => Err(e.into()),
            };
        }
    }

    /// Writes all bytes, for at most `limit`: a line may be stopped for ever.
    ///
    /// # Errors
    /// `TimedOut`; `EIO` after a hang-up.
    pub fn write_all(&self, mut bytes: &[u8], limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        while !bytes.is_empty() {
            let n = self.write_some(bytes)?;
            bytes = bytes.get(n..).unwrap_or(&[]);
            if n == 0 {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() || !self.ready(PollFlags::POLLOUT, left)? {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
        Ok(())
    }

    /// Waits until everything written has been sent, for at most `limit`. Gives whether it was.
    ///
    /// # Errors
    /// `EIO` after a hang-up.
    pub fn drain_output(&self, limit: Duration) -> io::Result<bool> {
        // tcdrain waits for ever on a stopped line; the queue's length can be watched instead. The last
        // characters in the hardware are not counted: half a millisecond at 38400.
        let end = Instant::now() + limit;
        let mut nap = Duration::from_micros(500);
        while termios::unsent(self)? > 0 {
            if Instant::now() >= end {
                return Ok(false);
            }
            std::thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(20));
        }
        Ok(true)
    }

    /// Reads and throws away what comes until nothing has come for `quiet`, or `most` bytes have;
    /// `seen` is shown what came. Gives the number of bytes.
    ///
    /// # Errors
    /// What reading gives; a hang-up ends it without one.
    pub fn drain_input(
        &self,
        quiet: Duration,
        most: usize,
        seen: &mut dyn FnMut(&[u8]),
    ) -> io::Result<usize> {
        let (mut count, mut buffer) = (0, [0; 512]);
        let mut end = Instant::now() + quiet;
        while count < most {
            let left = end.saturating_duration_since(Instant::now());
            if !self.ready(PollFlags::POLLIN, left)? {
                if left.is_zero() {
                    break;
                }
                continue;
            }
            match self.read(&mut buffer)? {
                Input::Bytes(n) => {
                    seen(buffer.get(..n).unwrap_or(&[]));
                    count += n;
                    end = Instant::now() + quiet;
                }
                Input::Nothing => {}
                Input::HungUp => break,
            }
        }
        Ok(count)
    }

    /// Waits at most `limit` for one of the events; `false` when the time is over or a signal came.
    fn ready(&self, events: PollFlags, limit: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.as_fd(), events)];
        match ppoll(&mut fds, Some(TimeSpec::from(limit)), None) {
            Ok(n) => Ok(n > 0),
            Err(nix::errno::Errno::EINTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Another handle on the same line, for a lock that holds it.
    #[must_use]
    pub fn share(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.fd)
    }

    /// Leaves the line to the program that is to be run in our place: blocking, settings as they are,
    /// descriptors 0, 1 and 2 left open.
    ///
    /// # Errors
    /// None that an open descriptor gives.
    pub fn hand_over(mut self) -> io::Result<()> {
        self.set_blocking(true)?;
        self.restore = Restore::Nothing;
        self.noted = None;
        self.stdio = false;
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(settings) = self.settings_to_leave() {
            let _ = self.set(&settings, When::Now);
        }
        if self.stdio {
            if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
                let _ = nix::unistd::dup2_stdin(&null);
                let _ = nix::unistd::dup2_stdout(&null);
                let _ = nix::unistd::dup2_stderr(&null);
            }
        }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Flow, control};
    use std::io::{Read, Write};

    fn pty() -> (File, std::path::PathBuf, OwnedFd) {
        let pair = nix::pty::openpty(None, None).unwrap();
        let path = nix::unistd::ttyname(&pair.slave).unwrap();
        (File::from(pair.master), path, pair.slave)
    }

    #[test]
    fn settings_come_back_when_the_line_is_dropped() {
        let (_master, path, other) = pty();
        let found = termios::get(&other).unwrap();
        let mut line = Line::open(&path, Opening::AtOnce).unwrap();
        line.restore_on_way_out(Restore::Found);
        line.set(&line.found().for_modem(33_600, Flow::None), When::Now).unwrap();
        let now = termios::get(&other).unwrap();
        assert_eq!((now.speed_out, now.control & control::CBAUD), (33_600, control::BOTHER), "any speed");
        drop(line);
        assert_eq!(termios::get(&other).unwrap(), found);
        let mut line = Line::open(&path, Opening::AtCarrier).unwrap();
        line.restore_on_way_out(Restore::FoundWithHangUp);
        drop(line);
        assert_eq!(termios::get(&other).unwrap().control, found.control | control::HUPCL);
    }

    #[test]
    fn what_is_handed_over_stays_as_it_is_and_blocks() {
        let (_master, path, other) = pty();
        let line = Line::open(&path, Opening::AtOnce).unwrap();
        let copy = line.fd.try_clone().unwrap();
        line.set(&line.found().raw(), When::Now).unwrap();
        let flags = |fd: &OwnedFd| OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
        assert!(flags(&copy).contains(OFlag::O_NONBLOCK));
        line.hand_over().unwrap();
        assert!(!flags(&copy).contains(OFlag::O_NONBLOCK));
        assert_eq!(termios::get(&other).unwrap().local, 0);
    }

    #[test]
    fn silence_ends_the_drain_and_noise_is_bounded() {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let (mut master, path, other) = pty();
        let line = Line::open(&path, Opening::AtOnce).unwrap();
        line.set(&line.found().raw(), When::Now).unwrap();
        let started = Instant::now();
        master.write_all(b"RING\r\n").unwrap();
        // The kernel carries it over in its own time.
        poll(&mut [PollFd::new(other.as_fd(), PollFlags::POLLIN)], PollTimeout::from(20_000_u16)).unwrap();
        let mut seen = Vec::new();
        let quiet = Duration::from_millis(30);
        let count = line.drain_input(quiet, 10_000, &mut |bytes| seen.extend_from_slice(bytes)).unwrap();
        assert_eq!((count, seen.as_slice()), (6, b"RING\r\n".as_slice()));
        assert!(started.elapsed() >= quiet);
        master.write_all(&[b'x'; 2000]).unwrap();
        poll(&mut [PollFd::new(other.as_fd(), PollFlags::POLLIN)], PollTimeout::from(20_000_u16)).unwrap();
        assert!(line.drain_input(quiet, 600, &mut |_| {}).unwrap() < 2000);
    }

    #[test]
    fn a_line_that_takes_nothing_is_given_up_in_time() {
        let (mut master, path, _other) = pty();
        let line = Line::open(&path, Opening::AtOnce).unwrap();
        line.set(&line.found().raw(), When::Now).unwrap();
        let error = line.write_all(&[b'x'; 1 << 20], Duration::from_millis(20)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(master.read(&mut [0; 100]).unwrap() > 0);
        line.flush(Queue::Both).unwrap();
    }

    #[test]
    fn what_is_no_line_is_said_to_be_none() {
        let opened = |path: &str| Line::open(Path::new(path), Opening::AtOnce);
        assert!(matches!(opened("/dev/null"), Err(OpenError::NotATty)));
        assert!(matches!(opened("/dev/no such line"), Err(OpenError::Open(_))));
        let (master, path, other) = pty();
        let line = Line::open(&path, Opening::AtOnce).unwrap();
        assert!(line.modem_lines().is_err(), "unknown, never random");
        drop((master, other));
        assert_eq!(line.read(&mut [0; 10]).unwrap(), Input::HungUp);
    }
}
