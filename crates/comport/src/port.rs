//! The application's side of a port: a pty on Linux, one end of a pair of serial ports elsewhere.

use std::io;
use ttyline::telnet::com_port_client::Wanted;
use ttyline::telnet::com_port_server::Purge;

/// What came from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// So many bytes of data, from [`Port::DATA_AT`] of the buffer on.
    Data(usize),
    /// It threw something away.
    Purge(Purge),
    /// It may have set the line otherwise.
    Settings,
    /// Nobody has the port open.
    Closed,
}

/// A port. Nothing waits; what would wait says `WouldBlock`.
pub trait Port {
    /// Where data stand in a buffer after [`Port::read`].
    const DATA_AT: usize;

    /// The next news of the application.
    ///
    /// # Errors
    /// `WouldBlock`, or the port is gone.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Input>;

    /// Gives bytes to the application; may take fewer.
    ///
    /// # Errors
    /// `WouldBlock`, or nobody has the port open.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// What the application wants to be in force at the modem's end.
    fn wanted(&self) -> Wanted;

    /// Whether the application wants to be hung up when the carrier is lost.
    fn minds_carrier(&self) -> bool;

    /// Shows the modem's lines ([`ttyline::telnet::com_port::modem_state`]), as far as the port can.
    fn show(&mut self, modem_state: u8);

    /// Throws away what the application has written and nobody read yet.
    fn discard(&mut self);
}
