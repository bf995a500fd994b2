//! The client's descriptors, wherever the super-server left them.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{self, SockaddrStorage};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use ttyline::share::keepalive;
use ttyline::sys::process;

/// The client: one socket, or two pipes.
#[derive(Debug)]
pub struct Client {
    input: File,
    output: File,
    /// Its address, if it is a socket of the Internet.
    pub peer: Option<IpAddr>,
    /// The address it reached us at.
    pub reached_at: Option<(IpAddr, u16)>,
    /// What is to be put back when the descriptors are somebody else's, too.
    flags: [OFlag; 2],
}

impl Client {
    /// Takes descriptors 0 and 1 (inetd, systemd with `StandardInput=socket`), or 3 (a systemd socket
    /// with `Accept=yes` alone), and makes them non-blocking.
    ///
    /// # Errors
    /// Closed descriptors.
    pub fn take() -> io::Result<Client> {
        let (input, output) = match activated() {
            Some(socket) => (socket.try_clone()?, socket),
            None => {
                let (input, output) = (io::stdin(), io::stdout());
                (input.as_fd().try_clone_to_owned()?, output.as_fd().try_clone_to_owned()?)
            }
        };
        let flags = [flags_of(&input)?, flags_of(&output)?];
        let mut client =
            Client { peer: None, reached_at: None, input: input.into(), output: output.into(), flags };
        client.find_addresses();
        client.set_blocking(false);
        Ok(client)
    }

    fn find_addresses(&mut self) {
        use std::os::fd::AsRawFd;
        let fd = self.input.as_raw_fd();
        self.peer = socket::getpeername::<SockaddrStorage>(fd).ok().and_then(|a| address(&a)).map(|(a, _)| a);
        self.reached_at = socket::getsockname::<SockaddrStorage>(fd).ok().and_then(|a| address(&a));
    }

    /// Makes the kernel notice a client that is gone without a word, and sends every byte at once.
    pub fn watch(&self, limit: Option<Duration>) {
        keepalive::watch(&self.input, limit);
    }

    fn set_blocking(&self, on: bool) {
        for (file, before) in [(&self.input, self.flags[0]), (&self.output, self.flags[1])] {
            let wanted = if on { before } else { before | OFlag::O_NONBLOCK };
            let _ = fcntl(file, FcntlArg::F_SETFL(wanted));
        }
    }

    /// Where its bytes come from.
    #[must_use]
    pub fn input(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }

    /// Where its bytes go to.
    #[must_use]
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// As read(2).
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.input).read(buffer)
    }

    /// Writes what is taken.
    ///
    /// # Errors
    /// As write(2).
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.output).write(bytes)
    }

    /// Lets go of the client: it sees the end at once, whatever is still to be done for its modem.
    pub fn part(self) {
        self.set_blocking(true);
        if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
            let _ = nix::unistd::dup2_stdin(&null);
            let _ = nix::unistd::dup2_stdout(&null);
            let _ = nix::unistd::dup2_stderr(&null);
        }
    }
}

fn flags_of(fd: &OwnedFd) -> io::Result<OFlag> {
    Ok(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?))
}

/// Descriptor 3, if systemd says that it is the connection.
fn activated() -> Option<OwnedFd> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID") != Some(std::process::id()) || number("LISTEN_FDS") != Some(1) {
        return None;
    }
    process::inherited(3).ok()
}

fn address(address: &SockaddrStorage) -> Option<(IpAddr, u16)> {
    let v4 = address.as_sockaddr_in().map(|a| (IpAddr::V4(a.ip()), a.port()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| (IpAddr::V6(a.ip()).to_canonical(), a.port())))
}
