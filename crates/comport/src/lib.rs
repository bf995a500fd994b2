//! A local serial port that is a modem elsewhere.
//!
//! [`args`] reads the command line, [`config`] and [`address`] what it means; [`session`] decides when there
//! is a connection (pure; RFC 2217 itself is `ttyline::telnet::com_port_client`); [`redirect`] carries that
//! out for one port, with its application's side ([`port`]: [`pty`]) and its network side ([`net`], [`tls`]);
//! [`run`] is the event loop, [`stdio`] does without a port, [`lines`] serves comport-preload.

pub mod address;
pub mod args;
pub mod config;
pub mod fault;
pub mod journal;
#[cfg(target_os = "linux")]
pub mod lines;
pub mod net;
pub mod port;
#[cfg(target_os = "linux")]
pub mod pty;
#[cfg(target_os = "linux")]
pub mod redirect;
#[cfg(target_os = "linux")]
pub mod run;
#[cfg(any(not(target_os = "linux"), feature = "serial"))]
pub mod serial;
pub mod session;
pub mod stdio;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(target_os = "linux")]
pub mod watch;
