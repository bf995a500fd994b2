//! The multiplexer protocol of 3GPP TS 27.010, basic option, as the answering side speaks it.
//!
//! Linux' `n_gsm` line discipline speaks this protocol over any tty and makes a tty of each of its
//! channels, with modem lines that programs can see and set. That is how a modem made of software
//! gets true DTR and carrier: the kernel is the initiator on one end of a pty pair, [`Peer`] answers
//! on the other. Channel (DLCI) *n* is the kernel's `gsmtty`*n*.
//!
//! Everything here is pure: octets in, events and octets out, no descriptor and no clock. The
//! kernel's traps that shape it are told in [`peer`].

pub mod fcs;
pub mod frame;
pub mod peer;
#[cfg(test)]
mod tests;
pub mod v24;

pub use frame::{Deframer, Frame, Kind};
pub use peer::{Event, Peer};
pub use v24::{FromTerminal, ToTerminal};

/// The highest channel that carries a line. 62 and 63 are reserved (27.010 clause 5.6), and the
/// address octet of 62 cannot be told from a flag.
pub const LAST_CHANNEL: u8 = 61;

/// The longest information field that is sent and believed, in octets (the MTU and MRU the kernel is told).
pub const MTU: usize = 512;
