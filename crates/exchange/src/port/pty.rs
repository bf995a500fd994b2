//! A line on a pseudo-terminal, behind a stable symlink.
//!
//! **Who has it open.** The exchange holds only the master. When the last program closes the
//! slave, the master gets an edge (EPOLLHUP) once, and with edge-triggered epoll stays silent
//! after it: nothing wakes while nobody is there. The opening comes from inotify ([`super::watch`]).
//! A close that is followed by an open before the exchange has had a look (microseconds) is not
//! seen; real modems overlook such short DTR drops, too (S25).
//!
//! **Hang-up.** A pty has no carrier, but closing its master is a true hang-up (SIGHUP, EIO). So
//! when DCD falls while CLOCAL is off on the slave, the master is closed, a new pty is made and
//! the symlink moved to it, as a program would have to open a hung-up serial line again. Slaves
//! start with CLOCAL on, as serial lines do.

use super::watch::Watch;
use super::{Channel, Event, ModemLines, News, Port};
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::inotify::WatchDescriptor;
use nix::sys::stat::Mode;
use nix::sys::termios::{ControlFlags, FlushArg, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use ttyline::claim;

/// One pty.
pub struct PtyPort {
    master: PtyMaster,
    slave: PathBuf,
    link: PathBuf,
    watch: Option<Rc<Watch>>,
    watched: Option<WatchDescriptor>,
    token: Option<Token>,
    open: bool,
    dtr: bool,
    blocked: bool,
    muted: bool,
    shown: ModemLines,
    /// Whether a falling DCD hangs the terminal up (when CLOCAL is off).
    hangs_up: bool,
}

fn fresh() -> io::Result<(PtyMaster, PathBuf)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = PathBuf::from(ptsname_r(&master)?);
    // Raw, or the modem's answers would be echoed back to it as commands; CLOCAL and HUPCL as on
    // a serial line. The settings stay while the master lives.
    let user = slave_of(&slave)?;
    let mut settings = tcgetattr(&user)?;
    cfmakeraw(&mut settings);
    settings.control_flags |= ControlFlags::CLOCAL | ControlFlags::HUPCL | ControlFlags::CREAD;
    tcsetattr(&user, SetArg::TCSANOW, &settings)?;
    Ok((master, slave))
}

fn slave_of(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

impl PtyPort {
    /// A new pty with the symlink `link` to it; nothing may be there ([`ttyline::claim`]).
    pub fn new(link: &Path, hangs_up: bool, watch: Option<&Rc<Watch>>) -> io::Result<PtyPort> {
        let (master, slave) = fresh()?;
        claim::link_to(&slave, link)?;
        Ok(PtyPort {
            master,
            slave,
            link: link.to_path_buf(),
            watch: watch.map(Rc::clone),
            watched: None,
            token: None,
            open: false,
            dtr: false,
            blocked: false,
            muted: false,
            shown: ModemLines::default(),
            hangs_up,
        })
    }

    /// Whether anybody has the slave open now.
    fn is_open(&self) -> bool {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::empty())];
        let polled = poll(&mut fds, PollTimeout::ZERO);
        let hung_up = fds[0].revents().is_some_and(|r| r.contains(PollFlags::POLLHUP));
        polled.is_ok() && !hung_up
    }

    /// The slave's control modes; the master shows them.
    fn control(&self) -> ControlFlags {
        tcgetattr(&self.master).map_or(ControlFlags::empty(), |s| s.control_flags)
    }

    fn interest(&mut self, registry: &Registry, blocked: bool, muted: bool) -> io::Result<()> {
        let changed = (self.blocked, self.muted) != (blocked, muted);
        let (Some(token), true) = (self.token, changed) else { return Ok(()) };
        (self.blocked, self.muted) = (blocked, muted);
        // A pty has no urgent data, so PRIORITY is nothing but the hang-up, which is always told.
        let wanted = if muted { Interest::PRIORITY } else { Interest::READABLE };
        let wanted = if blocked { wanted | Interest::WRITABLE } else { wanted };
        SourceFd(&self.master.as_raw_fd()).reregister(registry, token, wanted)
    }

    fn opened(&mut self, happened: &mut Vec<(Channel, Event)>) {
        if !self.open {
            self.open = true;
            self.dtr = true;
            happened.push((0, Event::Opened));
        }
    }

    fn closed(&mut self, happened: &mut Vec<(Channel, Event)>) {
        if std::mem::replace(&mut self.open, false) {
            self.dtr = false;
            happened.push((0, Event::Closed));
            // What the last user has not read is not for the next one. Our own close is another
            // hang-up, which finds the line closed already.
            if !self.is_open()
                && let Ok(user) = slave_of(&self.slave)
            {
                let _ = tcflush(&user, FlushArg::TCIFLUSH);
            }
        }
    }

    /// Closes the master under whoever has the slave open, and goes on with a new pty.
    fn hang_up(&mut self, registry: &Registry) -> io::Result<()> {
        let (master, slave) = fresh()?;
        if self.owns(&self.link) {
            let mut name = self.link.clone().into_os_string();
            name.push(".new");
            let _ = std::fs::remove_file(&name);
            claim::link_to(&slave, name.as_ref())?;
            std::fs::rename(&name, &self.link)?;
        }
        if let Some(token) = self.token {
            self.deregister(registry)?;
            self.master = master;
            self.slave = slave;
            (self.blocked, self.muted) = (false, false);
            self.register(registry, token)?;
        }
        Ok(())
    }
}

fn would_block<T>() -> io::Result<T> {
    Err(io::ErrorKind::WouldBlock.into())
}

/// EIO on a master means: nobody is there.
const EIO: i32 = nix::errno::Errno::EIO as i32;

impl Port for PtyPort {
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.token = Some(token);
        self.watched = self.watch.as_ref().and_then(|watch| watch.add(&self.slave, token));
        SourceFd(&self.master.as_raw_fd()).register(registry, token, Interest::READABLE)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        if let (Some(watch), Some(watched)) = (&self.watch, self.watched.take()) {
            watch.remove(watched);
        }
        SourceFd(&self.master.as_raw_fd()).deregister(registry)
    }

    fn ready(
        &mut self,
        news: News,
        registry: &Registry,
        happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()> {
        if !news.hung_up {
            self.opened(happened); // nobody but a user of the slave causes news
        }
        if news.readable {
            happened.push((0, Event::Readable));
        }
        if news.writable && self.blocked {
            self.interest(registry, false, self.muted)?;
            happened.push((0, Event::Writable));
        }
        if news.hung_up {
            self.closed(happened);
            if self.is_open() {
                self.opened(happened);
            }
        }
        Ok(())
    }

    fn read(&mut self, _: Channel, buffer: &mut [u8]) -> io::Result<usize> {
        match self.master.read(buffer) {
            Ok(0) => would_block(),
            Err(e) if e.raw_os_error() == Some(EIO) => would_block(),
            other => other,
        }
    }

    fn write(&mut self, _: Channel, bytes: &[u8], registry: &Registry) -> io::Result<usize> {
        if !self.open && !self.is_open() {
            return Ok(bytes.len());
        }
        let written = match self.master.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) if e.raw_os_error() == Some(EIO) => return Ok(bytes.len()),
            other => other?,
        };
        if written < bytes.len() {
            self.interest(registry, true, self.muted)?;
        }
        if written == 0 { would_block() } else { Ok(written) }
    }

    fn show(&mut self, _: Channel, lines: ModemLines, registry: &Registry) -> io::Result<()> {
        let falls = self.shown.dcd && !lines.dcd;
        self.shown = lines;
        if falls && self.hangs_up && self.open && !self.control().contains(ControlFlags::CLOCAL) {
            self.hang_up(registry)?;
        }
        Ok(())
    }

    fn look(&mut self, _: Channel, happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        match self.is_open() {
            true => self.opened(happened),
            false => self.closed(happened),
        }
        let dtr = self.open && self.control().intersects(ControlFlags::CBAUD);
        if self.open && dtr != self.dtr {
            self.dtr = dtr;
            happened.push((0, Event::Lines { dtr, rts: dtr }));
        }
        Ok(())
    }

    fn mute(&mut self, _: Channel, muted: bool, registry: &Registry) -> io::Result<()> {
        self.interest(registry, self.blocked, muted)
    }

    fn flush(&mut self, _: Channel) -> io::Result<()> {
        if let Ok(user) = slave_of(&self.slave) {
            tcflush(&user, FlushArg::TCIFLUSH)?;
        }
        Ok(())
    }

    fn remove_line(&mut self, _: Channel, _: &Registry) {
        if self.owns(&self.link) {
            let _ = std::fs::remove_file(&self.link);
        }
    }

    fn owns(&self, link: &Path) -> bool {
        std::fs::read_link(link).is_ok_and(|target| target == self.slave)
    }

    fn lines(&self) -> usize {
        1
    }

    fn device(&self, _: Channel) -> String {
        self.link.display().to_string()
    }
}
