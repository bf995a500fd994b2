//! The way to a client: a TCP connection, or TLS over one.

use crate::tls::Secured;
use mio::net::TcpStream;
use std::io::{self, Read, Write};
use std::net::Shutdown;

/// One connection.
#[derive(Debug)]
pub enum Wire {
    /// The bytes are on the wire as they are.
    Plain(TcpStream),
    /// The bytes are in TLS's records.
    Tls(Box<Secured>),
}

impl Wire {
    /// What is watched.
    pub fn socket(&mut self) -> &mut TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(secured) => secured.socket(),
        }
    }

    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock`, a connection that is gone, records that are none.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(buffer),
            Wire::Tls(secured) => secured.read(buffer),
        }
    }

    /// Takes what can be taken now. With TLS some of it may wait in records, see [`Wire::has_unsent`].
    ///
    /// # Errors
    /// `WouldBlock`, a connection that is gone.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            Wire::Tls(secured) => secured.write(bytes),
        }
    }

    /// Whether a read that filled less than its buffer leaves nothing behind.
    #[must_use]
    pub fn short_reads_are_all(&self) -> bool {
        matches!(self, Wire::Plain(_))
    }

    /// Whether records wait for the socket to take them.
    #[must_use]
    pub fn has_unsent(&self) -> bool {
        matches!(self, Wire::Tls(secured) if secured.has_unsent())
    }

    /// Sends waiting records.
    ///
    /// # Errors
    /// `WouldBlock` while some are left, a connection that is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(_) => Ok(()),
            Wire::Tls(secured) => secured.flush(),
        }
    }

    /// Says that nothing more will come.
    pub fn end(&mut self) {
        if let Wire::Tls(secured) = self {
            secured.say_goodbye();
        }
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Says so, and closes.
    pub fn close(&mut self) {
        self.end();
        let _ = self.socket().shutdown(Shutdown::Both);
    }
}
