//! A connection to a server: looked up beside the event loop, made address by address, with or without TLS.

use crate::address::Address;
use crate::config::Options;
use crate::fault::{Fault, reason};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
#[cfg(target_os = "linux")]
use nix::sys::socket::{setsockopt, sockopt};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// What TLS needs, if the address wants it.
#[cfg(feature = "tls")]
pub type Secrets = std::sync::Arc<rustls::ClientConfig>;
/// Built without TLS: there is none.
#[cfg(not(feature = "tls"))]
pub type Secrets = std::convert::Infallible;

/// Reads what TLS needs; `None` without TLS.
///
/// # Errors
/// A file that cannot be used.
pub fn secrets(address: &Address, options: &Options) -> Result<Option<Secrets>, String> {
    #[cfg(feature = "tls")]
    if address.tls {
        return crate::tls::prepare(options).map(Some);
    }
    let _ = (address, options);
    Ok(None)
}

/// The addresses of a host. Takes as long as the machine's resolver takes: in a thread of its own.
///
/// # Errors
/// There are none.
pub fn look_up(host: &str, port: u16) -> Result<VecDeque<SocketAddr>, Fault> {
    let found = (host, port).to_socket_addrs().map_err(|e| {
        let text = reason(&e);
        let why = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
        Fault::NoHost(format!("{host}: {why}"))
    })?;
    Ok(found.collect())
}

/// A connection, or the try to make one.
#[derive(Debug)]
pub struct Net {
    stream: TcpStream,
    token: Token,
    /// Addresses that have not been tried.
    others: VecDeque<SocketAddr>,
    stage: Stage,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "the system's own keepalive is used"))]
    keepalive: Option<Duration>,
    #[cfg(feature = "tls")]
    tls: Option<Box<rustls::ClientConnection>>,
    /// As the loop was told; until a call says that it would wait.
    readable: bool,
    writable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Connecting,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS shakes hands"))]
    Shaking,
    Up,
}

impl Net {
    /// Begins to connect to the first of `addresses` that takes us.
    ///
    /// # Errors
    /// None of them does, said at once.
    pub fn open(
        mut addresses: VecDeque<SocketAddr>,
        host: &str,
        secrets: Option<&Secrets>,
        options: &Options,
        registry: &Registry,
        token: Token,
    ) -> Result<Net, Fault> {
        let stream = begin(&mut addresses, registry, token, None)?;
        #[cfg(not(feature = "tls"))]
        let _ = (host, secrets);
        Ok(Net {
            stream,
            token,
            others: addresses,
            stage: Stage::Connecting,
            keepalive: options.keepalive,
            #[cfg(feature = "tls")]
            tls: secrets.map(|config| crate::tls::connect(config, host).map(Box::new)).transpose()?,
            readable: false,
            writable: false,
        })
    }

    /// The loop was told something of the socket.
    pub fn event(&mut self, event: &mio::event::Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_error();
    }

    /// Whether data may pass.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// Goes on with connecting; gives whether the connection has come to stand just now.
    ///
    /// # Errors
    /// No address is left, or TLS failed.
    pub fn advance(&mut self, registry: &Registry) -> Result<bool, Fault> {
        if self.stage == Stage::Connecting {
            if !self.writable {
                return Ok(false);
            }
            let failed = match self.stream.take_error() {
                Ok(None) => self.stream.peer_addr().err(),
                Ok(Some(e)) | Err(e) => Some(e),
            };
            if let Some(error) = failed {
                if error.kind() == io::ErrorKind::NotConnected {
                    self.writable = false;
                    return Ok(false);
                }
                let _ = registry.deregister(&mut self.stream);
                self.stream = begin(&mut self.others, registry, self.token, Some(&error))?;
                (self.readable, self.writable) = (false, false);
                return Ok(false);
            }
            self.prepare();
            self.stage = Stage::Up;
            #[cfg(feature = "tls")]
            if self.tls.is_some() {
                self.stage = Stage::Shaking;
            }
            if self.stage == Stage::Up {
                return Ok(true);
            }
        }
        #[cfg(feature = "tls")]
        if self.stage == Stage::Shaking {
            self.shake()?;
            return Ok(self.stage == Stage::Up);
        }
        Ok(false)
    }

    #[cfg(feature = "tls")]
    fn shake(&mut self) -> Result<(), Fault> {
        loop {
            self.flush()?;
            let Some(tls) = &mut self.tls else { return Ok(()) };
            if !tls.is_handshaking() {
                self.stage = Stage::Up;
                return Ok(());
            }
            if !self.take_in()? {
                return Ok(());
            }
        }
    }

    /// Takes TLS records in; false when there are none now.
    #[cfg(feature = "tls")]
    fn take_in(&mut self) -> Result<bool, Fault> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        match tls.read_tls(&mut self.stream) {
            Ok(0) if tls.is_handshaking() => {
                return Err(Fault::Tls("the server ended the connection while hands were shaken".into()));
            }
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(false);
            }
            Err(e) => return Err(broken(&e)),
        }
        if let Err(e) = tls.process_new_packets() {
            // The server is told why.
            let _ = tls.write_tls(&mut self.stream);
            return Err(crate::tls::fault(&e));
        }
        Ok(true)
    }

    /// Commands go out at once; a peer that is gone is found out.
    fn prepare(&self) {
        let _ = self.stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        if let Some(silence) = self.keepalive {
            let seconds = u32::try_from(silence.as_secs()).unwrap_or(u32::MAX);
            let each = (seconds / 3).max(1);
            let _ = setsockopt(&self.stream, sockopt::KeepAlive, &true);
            let _ = setsockopt(&self.stream, sockopt::TcpKeepIdle, &seconds);
            let _ = setsockopt(&self.stream, sockopt::TcpKeepInterval, &each);
            let _ = setsockopt(&self.stream, sockopt::TcpKeepCount, &3);
            // What was sent and not acknowledged for so long, milliseconds.
            let most = seconds.saturating_add(3 * each).saturating_mul(1000);
            let _ = setsockopt(&self.stream, sockopt::TcpUserTimeout, &most);
        }
    }

    /// Reads; `None` when there is nothing now, 0 when the server has ended the connection.
    ///
    /// # Errors
    /// The connection broke.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Fault> {
        #[cfg(feature = "tls")]
        while let Some(tls) = &mut self.tls {
            match tls.reader().read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                // It went without saying so.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Some(0)),
                Err(e) => return Err(broken(&e)),
            }
            if !self.readable || !self.take_in()? {
                return Ok(None);
            }
        }
        if !self.readable {
            return Ok(None);
        }
        loop {
            match self.stream.read(buffer) {
                Ok(count) => return Ok(Some(count)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(None);
                }
                Err(e) => return Err(broken(&e)),
            }
        }
    }

    /// Writes; 0 when there is no room now.
    ///
    /// # Errors
    /// The connection broke.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            self.flush()?;
            let Some(tls) = &mut self.tls else { return Ok(0) };
            if tls.wants_write() {
                return Ok(0);
            }
            let taken = tls.writer().write(bytes).map_err(|e| broken(&e))?;
            self.flush()?;
            return Ok(taken);
        }
        loop {
            match self.stream.write(bytes) {
                Ok(count) => return Ok(count),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(0);
                }
                Err(e) => return Err(broken(&e)),
            }
        }
    }

    /// Sends what TLS still has to send.
    ///
    /// # Errors
    /// The connection broke.
    pub fn flush(&mut self) -> Result<(), Fault> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                match tls.write_tls(&mut self.stream) {
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        self.writable = false;
                        break;
                    }
                    Err(e) => return Err(broken(&e)),
                }
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent; what the server still says can be read.
    pub fn finish(&mut self) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Puts it into the loop under another token.
    ///
    /// # Errors
    /// As epoll.
    pub fn reregister(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Takes the socket out of the loop.
    pub fn deregister(&mut self, registry: &Registry) {
        let _ = registry.deregister(&mut self.stream);
    }
}

/// Begins with the first address that does not fail at once; `why` is how the one before failed.
fn begin(
    addresses: &mut VecDeque<SocketAddr>,
    registry: &Registry,
    token: Token,
    why: Option<&io::Error>,
) -> Result<TcpStream, Fault> {
    let mut fault = why.map_or(Fault::NoHost("it has no address".into()), Fault::of_connect);
    while let Some(address) = addresses.pop_front() {
        let started = TcpStream::connect(address).and_then(|mut stream| {
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match started {
            Ok(stream) => return Ok(stream),
            Err(e) => fault = Fault::of_connect(&e),
        }
    }
    Err(fault)
}

fn broken(error: &io::Error) -> Fault {
    Fault::Broken(reason(error))
}
