//! A multiplexer of the kernel's `n_gsm` as a port: up to 61 lines, each a real tty with modem
//! lines, DTR and carrier included.
//!
//! One pty pair; the line discipline sits on the slave, [`mux::Peer`] speaks on the master. Each
//! line's device node is made where the user wants it and removed at the end; what is not a node
//! of ours is never replaced. Needs root.

use super::{Channel, Event, ModemLines, News, Port};
use crate::mux::{self, FromTerminal, Peer, ToTerminal};
use anyhow::{Context, Result, bail};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Unread octets of one line from which on its program is held back (CTS off), and up to which it
/// is let go on. Before the kernel heeds CTS, it may have filled the pty (64 KiB) and its own queue.
const HOLD: usize = 4 * 1024;
const LET_GO: usize = 1024;
/// What is kept of one line at most. A kernel that ignores CTS loses what comes beyond.
const LIMIT: usize = 256 * 1024;
/// How long the kernel may take to answer at the beginning and at the end.
const PATIENCE: Duration = Duration::from_secs(5);
const PATIENCE_AT_END: Duration = Duration::from_millis(500);

/// One multiplexer.
pub struct MuxPort {
    master: File,
    /// Held open: the line discipline lives as long as somebody has the slave open.
    _slave: File,
    peer: Peer,
    major: u64,
    first_minor: u64,
    /// Index 0 is channel 1.
    lines: Vec<Option<Line>>,
}

#[derive(Default)]
struct Line {
    path: PathBuf,
    device: u64,
    shown: ModemLines,
    input: VecDeque<u8>,
    /// CTS is off because of `input`.
    holding: bool,
    /// DTR and RTS as last told.
    said: Option<(bool, bool)>,
    /// The last write was short.
    starved: bool,
}

impl MuxPort {
    /// Makes a multiplexer without lines.
    ///
    /// # Errors
    /// No pty to be had, no `n_gsm` in the kernel (`modprobe n_gsm`), no right to use it.
    pub fn open() -> Result<Self> {
        let master =
            nix::pty::posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC)
                .context("cannot open a pty for the multiplexer")?;
        nix::pty::grantpt(&master).and_then(|()| nix::pty::unlockpt(&master))?;
        let name = nix::pty::ptsname_r(&master)?;
        let slave = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&name)
            .with_context(|| format!("cannot open {name}"))?;
        let mut settings = nix::sys::termios::tcgetattr(&slave)?;
        nix::sys::termios::cfmakeraw(&mut settings);
        nix::sys::termios::tcsetattr(&slave, nix::sys::termios::SetArg::TCSANOW, &settings)?;
        let master = File::from(master.as_fd().try_clone_to_owned()?);
        // Bit 2 makes an open() that waits for carrier return at once: as n_gsm never wakes it, it
        // would sleep for ever. Best effort: an exchange can live without.
        let _ = fs::write("/sys/module/n_gsm/parameters/debug", "2");
        let before: Vec<u64> = live_minors();
        ttyline::sys::gsm::attach(slave.as_fd(), mux::MTU as u16)
            .context("cannot put the multiplexer (n_gsm) on a pty; is the module loaded, are you root?")?;
        let mut port = Self {
            master,
            _slave: slave,
            peer: Peer::new(),
            major: major()?,
            first_minor: 0,
            lines: Vec::new(),
        };
        port.handshake()?;
        port.first_minor = match ttyline::sys::gsm::first_minor(port._slave.as_fd()) {
            Ok(minor) => u64::from(minor),
            // Kernels before GETFIRST: the minors that were not there before.
            Err(_) => live_minors()
                .into_iter()
                .filter(|m| !before.contains(m))
                .min()
                .context("cannot find the ttys of the multiplexer")?,
        };
        Ok(port)
    }

    /// Waits until channel 0 is up and the kernel has taken note of it: an open() before that fails.
    fn handshake(&mut self) -> Result<()> {
        let (mut up, mut alive) = (false, false);
        let end = Instant::now() + PATIENCE;
        while !alive {
            if Instant::now() > end {
                bail!("the kernel's multiplexer (n_gsm) does not begin");
            }
            let was = up;
            self.exchange_once(Duration::from_millis(100), |event| match event {
                mux::Event::Up => up = true,
                mux::Event::Alive => alive = true,
                _ => {}
            })?;
            if up && !was {
                self.peer.probe();
            }
            self.push()?;
        }
        Ok(())
    }

    /// Waits at most `patience` for octets and takes one helping in. For the beginning and the end only.
    fn exchange_once(&mut self, patience: Duration, tell: impl FnMut(mux::Event<'_>)) -> io::Result<()> {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO);
        match nix::poll::poll(&mut fds, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(()),
            Ok(_) => {}
            Err(e) => return Err(e.into()),
        }
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(count) => self.peer.receive(buffer.get(..count).unwrap_or_default(), tell),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// Writes what is queued, as far as there is room.
    fn push(&mut self) -> io::Result<()> {
        while !self.peer.output().is_empty() {
            match self.master.write(self.peer.output()) {
                Ok(count) => self.peer.written(count),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Reads everything there is.
    fn pull(&mut self, happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        let mut buffer = [0; 8192];
        loop {
            let count = match self.master.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            let lines = &mut self.lines;
            let mut down = false;
            self.peer.receive(buffer.get(..count).unwrap_or_default(), |event| match event {
                mux::Event::Opened(n) => happened.push((n, Event::Opened)),
                mux::Event::Closed(n) => {
                    if let Some(line) = line(lines, n) {
                        line.said = None;
                    }
                    happened.push((n, Event::Closed));
                }
                mux::Event::Lines(n, FromTerminal { dtr, rts, .. }) => {
                    if let Some(line) = line(lines, n)
                        && line.said.replace((dtr, rts)) != Some((dtr, rts))
                    {
                        happened.push((n, Event::Lines { dtr, rts }));
                    }
                }
                mux::Event::Data(n, data) => {
                    if let Some(line) = line(lines, n) {
                        let room = LIMIT.saturating_sub(line.input.len()).min(data.len());
                        line.input.extend(data.iter().take(room));
                        if happened.last() != Some(&(n, Event::Readable)) {
                            happened.push((n, Event::Readable));
                        }
                    }
                }
                mux::Event::Down => down = true,
                mux::Event::Up | mux::Event::Alive | mux::Event::Break(_) => {}
            });
            if down {
                return Err(io::Error::other("the kernel closed the multiplexer down"));
            }
            self.hold_back();
            self.push()?;
        }
    }

    /// Takes CTS from the programs whose octets pile up and gives it back where they do not.
    fn hold_back(&mut self) {
        for (n, line) in (1..).zip(&mut self.lines) {
            let Some(line) = line else { continue };
            let hold = if line.holding { line.input.len() > LET_GO } else { line.input.len() >= HOLD };
            if hold != line.holding {
                line.holding = hold;
                self.peer.set_lines(n, line.effective());
            }
        }
    }

    fn tell_room(&mut self, happened: &mut Vec<(Channel, Event)>) {
        for (n, line) in (1..).zip(&mut self.lines) {
            let Some(line) = line else { continue };
            // A closed line takes everything (and loses it): nobody must wait for it.
            if line.starved && (self.peer.has_room(n) || !self.peer.is_open(n)) {
                line.starved = false;
                happened.push((n, Event::Writable));
            }
        }
    }

    fn device_number(&self, channel: Channel) -> u64 {
        makedev(self.major, self.first_minor + u64::from(channel) - 1)
    }

    /// Makes a device node. One in its place is replaced only if it is a gsmtty left over from an
    /// exchange that was killed (no living multiplexer is behind it, or by now this one, which has
    /// no such line) and none of devtmpfs' own.
    fn make_node(&self, path: &Path, device: u64) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(there) => {
                let minor = nix::sys::stat::minor(there.rdev());
                let ours =
                    (self.first_minor..self.first_minor + u64::from(mux::LAST_CHANNEL)).contains(&minor);
                let used = self.lines.iter().flatten().any(|l| l.device == there.rdev());
                let leftover = there.file_type().is_char_device()
                    && nix::sys::stat::major(there.rdev()) == self.major
                    && !path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"gsmtty"))
                    && if ours { !used } else { !live_minors().contains(&minor) };
                if !leftover {
                    let why = format!("{} exists and is not a node of a dead exchange", path.display());
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
                }
                fs::remove_file(path)?;
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        mknod(path, SFlag::S_IFCHR, Mode::from_bits_truncate(0o600), device)?;
        // As serial ports are: for root and those who may dial.
        if let Ok(Some(group)) = nix::unistd::Group::from_name("dialout") {
            std::os::unix::fs::chown(path, None, Some(group.gid.as_raw()))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        }
        Ok(())
    }
}

impl Line {
    fn effective(&self) -> ToTerminal {
        let ModemLines { dcd, ri, cts, dsr } = self.shown;
        ToTerminal { dcd, ri, dsr, cts: cts && !self.holding }
    }
}

impl Port for MuxPort {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut SourceFd(&self.master.as_raw_fd()), token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut SourceFd(&self.master.as_raw_fd()))
    }

    fn ready(
        &mut self,
        _news: News,
        _registry: &Registry,
        happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()> {
        self.pull(happened)?;
        self.push()?;
        self.tell_room(happened);
        Ok(())
    }

    fn read(&mut self, channel: Channel, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(line) = line(&mut self.lines, channel) else { return Err(gone()) };
        if line.input.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = line.input.read(buffer)?;
        // `VecDeque::read` stops at its seam; a short result would say that there is no more.
        let more = line.input.read(buffer.get_mut(count..).unwrap_or_default())?;
        if line.input.is_empty() {
            line.input.shrink_to(2 * HOLD); // After a burst.
        }
        self.hold_back();
        self.push()?;
        Ok(count + more)
    }

    fn write(&mut self, channel: Channel, bytes: &[u8], _registry: &Registry) -> io::Result<usize> {
        if !self.peer.is_open(channel) {
            return Ok(bytes.len());
        }
        let mut taken = 0;
        loop {
            let count = self.peer.send(channel, bytes.get(taken..).unwrap_or_default());
            taken += count;
            self.push()?;
            if count == 0 || taken == bytes.len() {
                break;
            }
        }
        if taken < bytes.len()
            && let Some(line) = line(&mut self.lines, channel)
        {
            line.starved = true;
        }
        if taken == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }

    fn show(&mut self, channel: Channel, lines: ModemLines, _registry: &Registry) -> io::Result<()> {
        let Some(line) = line(&mut self.lines, channel) else { return Err(gone()) };
        line.shown = lines;
        self.peer.set_lines(channel, line.effective());
        self.push()
    }

    fn look(&mut self, _channel: Channel, _happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        Ok(()) // Everything here comes as an event.
    }

    fn flush(&mut self, channel: Channel) -> io::Result<()> {
        if let Some(line) = line(&mut self.lines, channel) {
            line.input.clear();
        }
        self.hold_back();
        self.push()
    }

    fn wants_tick(&self) -> bool {
        self.peer.any_open()
    }

    fn tick(&mut self, _registry: &Registry, happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        self.peer.repeat();
        self.push()?;
        self.tell_room(happened);
        Ok(())
    }

    fn add_line(&mut self, path: &Path, _registry: &Registry) -> io::Result<Option<Channel>> {
        let Some(free) = self
            .lines
            .iter()
            .position(Option::is_none)
            .or_else(|| (self.lines.len() < usize::from(mux::LAST_CHANNEL)).then_some(self.lines.len()))
        else {
            return Ok(None);
        };
        let channel = free as Channel + 1;
        let device = self.device_number(channel);
        self.make_node(path, device)?;
        let fresh = Line { path: path.to_owned(), device, ..Line::default() };
        match self.lines.get_mut(free) {
            Some(place) => *place = Some(fresh),
            None => self.lines.push(Some(fresh)),
        }
        self.peer.wire(channel);
        Ok(Some(channel))
    }

    fn remove_line(&mut self, channel: Channel, _registry: &Registry) {
        self.peer.unwire(channel);
        let _ = self.push(); // A dead port shows itself at the next read.
        if let Some(place) = self.lines.get_mut(usize::from(channel).wrapping_sub(1))
            && let Some(line) = place.take()
        {
            remove_node(&line.path, line.device);
        }
    }

    fn lines(&self) -> usize {
        self.lines.iter().flatten().count()
    }

    fn device(&self, channel: Channel) -> String {
        let line = self.lines.get(usize::from(channel).wrapping_sub(1)).and_then(Option::as_ref);
        line.map(|l| l.path.display().to_string()).unwrap_or_default()
    }
}

impl Drop for MuxPort {
    fn drop(&mut self) {
        for line in self.lines.drain(..).flatten() {
            remove_node(&line.path, line.device);
        }
        // Let the kernel agree to the end, else taking the multiplexer off its tty waits for it.
        self.peer.shut_down();
        let end = Instant::now() + PATIENCE_AT_END;
        let mut down = false;
        while !down && Instant::now() < end && self.push().is_ok() {
            let told = self.exchange_once(Duration::from_millis(50), |e| down |= e == mux::Event::Down);
            if told.is_err() {
                break;
            }
        }
    }
}

fn line(lines: &mut [Option<Line>], channel: Channel) -> Option<&mut Line> {
    lines.get_mut(usize::from(channel).checked_sub(1)?)?.as_mut()
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such line on this multiplexer")
}

/// The major number of `gsmtty`, from /proc/devices.
fn major() -> Result<u64> {
    let devices = fs::read_to_string("/proc/devices").context("cannot read /proc/devices")?;
    let number = devices.lines().find_map(|l| l.trim().strip_suffix(" gsmtty"));
    Ok(number.context("the kernel has no gsmtty (module n_gsm)")?.trim().parse()?)
}

/// The minors of the gsmttys that exist now, of whatever program's multiplexers.
fn live_minors() -> Vec<u64> {
    let Ok(entries) = fs::read_dir("/sys/class/tty") else { return Vec::new() };
    entries.flatten().filter_map(|e| e.file_name().to_str()?.strip_prefix("gsmtty")?.parse().ok()).collect()
}

fn remove_node(path: &Path, device: u64) {
    if fs::symlink_metadata(path).is_ok_and(|m| m.file_type().is_char_device() && m.rdev() == device) {
        let _ = fs::remove_file(path); // At the end nobody could do anything about it.
    }
}
