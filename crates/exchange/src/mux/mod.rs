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

/// What the fuzz target calls: a hostile other side. The first octet chooses how the rest is cut up.
///
/// # Panics
/// If an event names a channel that cannot be, or memory grows with the input.
pub fn fuzz(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else { return };
    let mut peer = Peer::new();
    (1..=LAST_CHANNEL).step_by(2).for_each(|n| peer.wire(n));
    let mut open = [false; 64];
    for piece in stream.chunks(usize::from(*cut) + 1) {
        peer.receive(piece, |event| match event {
            Event::Opened(n) => {
                assert!(n % 2 == 1 && !std::mem::replace(&mut open[usize::from(n)], true));
            }
            Event::Closed(n) => assert!(std::mem::take(&mut open[usize::from(n)])),
            Event::Lines(n, _) | Event::Break(n) => assert!(open[usize::from(n)]),
            Event::Data(n, data) => assert!(open[usize::from(n)] && !data.is_empty()),
            Event::Down => open = [false; 64],
            Event::Up | Event::Alive => {}
        });
        peer.set_lines(1, ToTerminal { dcd: piece.len() % 2 == 0, cts: true, ..ToTerminal::default() });
        peer.send(1, piece);
        peer.repeat();
        assert!(peer.output().len() < 40_000);
        peer.written(piece.len());
    }
}
