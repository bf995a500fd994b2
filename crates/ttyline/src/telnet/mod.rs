//! Telnet (RFC 854, 855, 856, 1143) and its COM port option (RFC 2217), both ends, pure.
//!
//! [`codec`] separates data from commands, [`options`] answers WILL and DO without ever looping,
//! [`com_port`] reads and writes the sub-negotiations of RFC 2217, [`com_port_server`] answers them for a
//! port, [`com_port_client`] asks, [`notices`] says when a modem state or a line state is worth telling.

pub mod check;
pub mod codec;
pub mod com_port;
pub mod com_port_client;
pub mod com_port_server;
pub mod frame;
pub mod marks;
pub mod notices;
pub mod options;

/// Options Ringback knows, by number.
pub mod option {
    /// Eight bits, nothing translated (RFC 856).
    pub const BINARY: u8 = 0;
    /// The other side echoes what is typed (RFC 857).
    pub const ECHO: u8 = 1;
    /// No go-ahead after each turn: character mode (RFC 858).
    pub const SUPPRESS_GO_AHEAD: u8 = 3;
    /// COM port control (RFC 2217).
    pub const COM_PORT: u8 = 44;
}
