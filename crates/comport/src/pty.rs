//! The port of an application on Linux: a pty behind a stable symlink.
//!
//! **What it sets** is read from the pty's own settings. Packet mode (`TIOCPKT`) tells flushes; it tells new
//! settings only while `EXTPROC` is set, and with that the kernel edits no lines, echoes nothing and maps no
//! CR: so it is set only while the application wants none of these. A program that writes its flags anew
//! clears it; it is set again a moment later, when programs that set things in a row are through.
//!
//! **Who has it open** is asked of the master (`POLLHUP`); inotify says when to ask.
//!
//! **Hang-up** is the closing of the master: SIGHUP and end of file, as on a serial line. A new pty takes
//! its place behind the symlink.

use crate::config::{Byte, Options};
use crate::port::{Input, Port};
use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Group, chown, geteuid};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ttyline::claim;
use ttyline::settings::{Flow, Settings, input, local};
use ttyline::sys::pty::{packet, set_packet_mode};
use ttyline::sys::termios::{self, Queue, When};
use ttyline::telnet::com_port_client::Wanted;
use ttyline::telnet::com_port_server::Purge;
use ttyline::telnet::frame::Frame;

/// How long after a change `EXTPROC` is set again.
const REARM: Duration = Duration::from_millis(20);
/// How often a line is looked at whose changes are not told (its application edits lines).
const LOOK: Duration = Duration::from_millis(500);

/// Who may use the device.
#[derive(Clone, Copy, Debug)]
struct Access {
    group: Option<Gid>,
    mode: u32,
}

/// A pty.
#[derive(Debug)]
pub struct PtyPort {
    master: PtyMaster,
    slave: PathBuf,
    device: u64,
    link: PathBuf,
    access: Access,
    token: Option<Token>,
    open: bool,
    settings: Settings,
    /// Data bits and parity: the configuration's, or what comport-preload was told.
    byte: Byte,
    /// DTR and RTS as comport-preload was told; raised by an open.
    dtr: bool,
    rts: bool,
    rearm: Option<Duration>,
}

fn fresh(access: Access) -> io::Result<(PtyMaster, PathBuf)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let slave = PathBuf::from(ptsname_r(&master)?);
    if let Some(group) = access.group {
        chown(&slave, None, Some(group))?;
    }
    // The group a pty has by itself is that of programs which write to terminals.
    let mode = if access.group.is_some() { access.mode } else { access.mode & !0o070 };
    fs::set_permissions(&slave, fs::Permissions::from_mode(mode))?;
    set_packet_mode(&master, true)?;
    let mut settings = termios::get(&master)?.for_modem(9600, Flow::None);
    settings.local |= local::EXTPROC;
    termios::set(&master, &settings, When::Now)?;
    // Opened and closed once, it says that nobody has it open.
    drop(slave_of(&slave)?);
    Ok((master, slave))
}

fn slave_of(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

/// Whether the kernel has nothing to do for the application but to pass bytes.
fn is_raw(settings: &Settings) -> bool {
    // ICANON, ECHO, ISIG; INLCR, IGNCR, ICRNL. (XON/XOFF is done at the modem's end.)
    let editing = local::ICANON | local::ECHO | local::ISIG;
    settings.local & editing == 0 && settings.input & (input::ICRNL | 0o100 | 0o200) == 0
}

/// EIO on a master means: nobody is there.
fn is_hung_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::errno::Errno::EIO as i32)
}

impl PtyPort {
    /// A new pty with its symlink; nothing may be there ([`ttyline::claim`]).
    ///
    /// # Errors
    /// No ptys, no such group, no permission.
    pub fn new(link: &Path, options: &Options) -> io::Result<PtyPort> {
        let group = match &options.group {
            Some(name) => {
                let found = Group::from_name(name)?
                    .or(name.parse().ok().and_then(|n| Group::from_gid(Gid::from_raw(n)).ok().flatten()));
                let unknown = || io::Error::new(io::ErrorKind::NotFound, "there is no such group (group=)");
                Some(found.ok_or_else(unknown)?.gid)
            }
            None if geteuid().is_root() => Group::from_name("dialout")?.map(|g| g.gid),
            None => None,
        };
        let access = Access { group, mode: options.mode };
        let (master, slave) = fresh(access)?;
        let device = fs::metadata(&slave)?.rdev();
        claim::link_to(&slave, link)?;
        let settings = termios::get(&master)?;
        Ok(PtyPort {
            master,
            slave,
            device,
            link: link.to_path_buf(),
            access,
            token: None,
            open: false,
            settings,
            byte: options.byte,
            dtr: true,
            rts: true,
            rearm: None,
        })
    }

    /// The device behind the symlink.
    #[must_use]
    pub fn slave(&self) -> &Path {
        &self.slave
    }

    /// Its number, by which an open descriptor of it is known.
    #[must_use]
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Registers the master, edge-triggered, for good.
    ///
    /// # Errors
    /// As epoll.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.token = Some(token);
        let interest = Interest::READABLE | Interest::WRITABLE;
        SourceFd(&self.master.as_raw_fd()).register(registry, token, interest)
    }

    /// Looks whether somebody has the port open; gives what is new.
    pub fn look(&mut self) -> Option<bool> {
        let mut fds = [PollFd::new(self.master.as_fd(), PollFlags::empty())];
        let polled = poll(&mut fds, PollTimeout::ZERO);
        let hung_up = fds.iter().any(|fd| fd.revents().is_some_and(|r| r.contains(PollFlags::POLLHUP)));
        let open = polled.is_ok() && !hung_up;
        (std::mem::replace(&mut self.open, open) != open).then(|| {
            if open {
                (self.dtr, self.rts) = (true, true);
            } else if let Ok(user) = slave_of(&self.slave) {
                // What the last user has not read is not for the next one.
                let _ = termios::flush(&user, Queue::Input);
            }
            open
        })
    }

    /// Whether somebody has it open, as [`PtyPort::look`] saw it last.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Reads the settings; gives whether they differ from those read before. Sees to `EXTPROC`.
    pub fn settings_changed(&mut self, now: Duration) -> bool {
        let Ok(mut found) = termios::get(&self.master) else { return false };
        let told = found.local & local::EXTPROC != 0;
        let raw = is_raw(&found);
        if told && !raw {
            // The application kept a flag it knows nothing of.
            found.local &= !local::EXTPROC;
            let _ = termios::set(&self.master, &found, When::Now);
        }
        match (told, raw, self.rearm) {
            (true, true, _) => self.rearm = None,
            (false, true, None) => self.rearm = Some(now + REARM),
            (false, true, Some(at)) if now >= at => {
                self.rearm = None;
                found.local |= local::EXTPROC;
                let _ = termios::set(&self.master, &found, When::Now);
            }
            (false, true, Some(_)) => {}
            (_, false, _) => self.rearm = self.open.then_some(now + LOOK),
        }
        found.local &= !local::EXTPROC;
        std::mem::replace(&mut self.settings, found) != found
    }

    /// When [`PtyPort::settings_changed`] is to be called, unless something comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.rearm
    }

    /// Whether the settings have to be looked at because nothing tells their changes.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.rearm.is_some()
    }

    /// Whether the line is hung up by the last close.
    #[must_use]
    pub fn hangs_up_on_close(&self) -> bool {
        self.settings.control & ttyline::settings::control::HUPCL != 0
    }

    /// DTR and RTS, as comport-preload is told to drive them.
    #[must_use]
    pub fn outputs(&self) -> (bool, bool) {
        (self.dtr && self.settings.speed_out != 0, self.rts)
    }

    /// Drives DTR and RTS.
    pub fn drive(&mut self, dtr: bool, rts: bool) {
        (self.dtr, self.rts) = (dtr, rts);
    }

    /// Data bits and parity in force.
    #[must_use]
    pub fn byte(&self) -> Byte {
        self.byte
    }

    /// Sets data bits and parity, which the pty itself cannot hold.
    pub fn set_byte(&mut self, byte: Byte) {
        self.byte = byte;
    }

    /// Hangs up whoever has the port open; a new pty takes its place behind the symlink.
    ///
    /// # Errors
    /// No ptys; the symlink's directory cannot be written.
    pub fn hang_up(&mut self, registry: &Registry) -> io::Result<()> {
        let (master, slave) = fresh(self.access)?;
        let device = fs::metadata(&slave)?.rdev();
        if self.owns_link() {
            let mut name = self.link.clone().into_os_string();
            name.push(".new");
            let _ = fs::remove_file(&name);
            claim::link_to(&slave, name.as_ref())?;
            fs::rename(&name, &self.link)?;
        }
        let _ = SourceFd(&self.master.as_raw_fd()).deregister(registry);
        self.settings = termios::get(&master)?;
        (self.master, self.slave, self.device) = (master, slave, device);
        (self.open, self.rearm) = (false, None);
        match self.token {
            Some(token) => self.register(registry, token),
            None => Ok(()),
        }
    }

    fn owns_link(&self) -> bool {
        fs::read_link(&self.link).is_ok_and(|target| target == self.slave)
    }
}

impl Port for PtyPort {
    /// The byte before them is the packet's kind.
    const DATA_AT: usize = 1;

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input> {
        let count = match self.master.read(buffer) {
            Ok(0) => return Ok(Input::Closed),
            Ok(count) => count,
            Err(e) if is_hung_up(&e) => return Ok(Input::Closed),
            Err(e) => return Err(e),
        };
        let kind = buffer.first().copied().unwrap_or(0);
        if kind == 0 {
            return Ok(Input::Data(count - 1));
        }
        let (received, unsent) = (kind & packet::FLUSH_READ != 0, kind & packet::FLUSH_WRITE != 0);
        if received || unsent {
            return Ok(Input::Purge(Purge { received, unsent }));
        }
        Ok(Input::Settings)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.master.write(bytes)
    }

    fn wanted(&self) -> Wanted {
        let frame = Frame::of(&self.settings);
        let here = self.open;
        Wanted {
            frame: Frame { data_bits: self.byte.data_bits, parity: self.byte.parity, ..frame },
            dtr: self.dtr && (here || !self.hangs_up_on_close()),
            rts: self.rts && (here || !self.hangs_up_on_close()),
        }
    }

    fn minds_carrier(&self) -> bool {
        self.open && !self.settings.ignores_carrier()
    }

    /// A pty has no modem lines; comport-preload asks for them.
    fn show(&mut self, _: u8) {}

    fn discard(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(Input::Data(_) | Input::Purge(_) | Input::Settings) = self.read(&mut buffer) {}
    }
}

impl Drop for PtyPort {
    fn drop(&mut self) {
        if self.owns_link() {
            let _ = fs::remove_file(&self.link);
        }
    }
}
