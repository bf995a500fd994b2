//! A pty pair whose master the test holds.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::ttyname;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// Both ends of a pty. The slave is held open so that the master never reads an error
/// between two users of the line, like a serial port.
pub struct Pty {
    master: File,
    slave: Option<OwnedFd>,
    path: PathBuf,
}

impl Pty {
    /// A raw pty, 8-bit clean, without echo.
    pub fn raw() -> Pty {
        let pty = Pty::fresh();
        let slave = pty.slave.as_ref().expect("just opened");
        let mut settings = tcgetattr(slave).expect("settings of a new pty");
        cfmakeraw(&mut settings);
        tcsetattr(slave, SetArg::TCSANOW, &settings).expect("raw pty");
        pty
    }

    /// A pty with the settings the kernel gives it (cooked, echo).
    pub fn fresh() -> Pty {
        let pair = openpty(None, None).expect("a pty");
        let path = ttyname(&pair.slave).expect("its name");
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("non-blocking master");
        fcntl(&pair.master, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).expect("cloexec");
        fcntl(&pair.slave, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).expect("cloexec");
        Pty { master: File::from(pair.master), slave: Some(pair.slave), path }
    }

    /// `/dev/pts/N`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `pts/N`, as a getty is told its line.
    pub fn line(&self) -> String {
        self.path.strip_prefix("/dev").expect("a pty is under /dev").display().to_string()
    }

    /// The slave, for its settings or as somebody's standard input.
    pub fn slave(&self) -> &OwnedFd {
        self.slave.as_ref().expect("slave is held")
    }

    /// A new descriptor of the slave: a getty that starts hangs the line up for all who had it before.
    pub fn user(&self) -> File {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = (OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits();
        let user = File::options().read(true).write(true).custom_flags(flags).open(&self.path);
        user.expect("the line")
    }

    /// Lets go of our own hold on the slave; the next last close is then seen by the master.
    pub fn let_go(&mut self) {
        self.slave = None;
    }

    /// Whether bytes wait on the line for a program that reads.
    pub fn is_readable(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        poll(&mut [PollFd::new(self.slave().as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO)
            .is_ok_and(|n| n > 0)
    }

    /// Another handle on the master.
    pub fn master(&self) -> File {
        self.master.try_clone().expect("dup of the master")
    }

    /// Reads what is there now; empty if nothing is.
    pub fn read_now(&self) -> Vec<u8> {
        let mut buffer = [0; 65536];
        match (&self.master).read(&mut buffer) {
            Ok(n) => buffer[..n].to_vec(),
            Err(_) => Vec::new(),
        }
    }

    /// Writes all of `bytes` (a test never writes more than the line takes).
    pub fn write(&self, bytes: &[u8]) {
        (&self.master).write_all(bytes).expect("write to the line");
    }

    /// Writes more than the line takes at once, as far as somebody reads it.
    pub fn write_long(&self, mut bytes: &[u8]) {
        crate::wait::until("the line to take everything", || {
            match (&self.master).write(bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => panic!("write to the line: {e}"),
            }
            bytes.is_empty().then_some(())
        });
    }
}
