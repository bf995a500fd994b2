//! Where the computers are plugged in: the one trait behind which ptys, multiplexer lines and
//! USB adapters look alike.
//!
//! A [`Port`] owns a descriptor and carries one line (a pty) or several (a 27.010 multiplexer,
//! up to 63). Each line on it is a [`Channel`]. The program registers the port once with mio
//! (edge-triggered), calls [`Port::ready`] when its descriptor has news, and then pulls and
//! pushes bytes per channel. Pulling only when the other end of a call can take more is the whole
//! of back-pressure: what is not read stays with the computer, and nothing grows.

pub mod mux;
pub mod pty;
pub mod usb;
pub mod watch;

use crate::usb::Coding;
use mio::{Registry, Token};
use std::io;
use std::path::Path;

/// A line's place on its port: 0 on a pty, the DLCI (1 to 63) on a multiplexer.
pub type Channel = u8;

/// The modem lines from the modem to its computer (V.24 circuits 109, 125, 106, 107).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModemLines {
    /// Data carrier detect.
    pub dcd: bool,
    /// Ring indicator.
    pub ri: bool,
    /// Clear to send.
    pub cts: bool,
    /// Data set ready.
    pub dsr: bool,
}

/// What happened on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody has opened the line: DTR and RTS are on.
    Opened,
    /// The last user has closed it: DTR and RTS are off.
    Closed,
    /// The computer has set its lines (a pty shows only DTR: off at B0).
    Lines {
        /// Data terminal ready.
        dtr: bool,
        /// Request to send.
        rts: bool,
    },
    /// [`Port::read`] would give bytes.
    Readable,
    /// A channel whose last [`Port::write`] was short can take more.
    Writable,
    /// Somebody has opened the line, the last user has closed it, on a port that tells of DTR and
    /// RTS by themselves (USB).
    InUse(bool),
    /// Speed and frame (USB; a pty and a multiplexer do not carry them).
    Coding(Coding),
    /// The computer begins, ends a break.
    Break(bool),
    /// The adapter has been plugged in, pulled out.
    Plugged {
        /// In or out.
        on: bool,
        /// Whether the modem has its power from there.
        power: bool,
    },
}

/// What is done by hand to the cable between computer and modem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Pulls the adapter out.
    Unplug,
    /// Plugs it in again.
    Plug,
    /// Sends the computer a break.
    Break,
    /// Holds lines to the computer on or off whatever the modem says; `None` gives them back.
    Hold(Held),
}

/// Lines held by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Data carrier detect.
    pub dcd: Option<bool>,
    /// Ring indicator.
    pub ri: Option<bool>,
    /// Clear to send.
    pub cts: Option<bool>,
    /// Data set ready.
    pub dsr: Option<bool>,
}

impl Held {
    /// What the computer is shown instead of `lines`.
    pub fn over(self, lines: ModemLines) -> ModemLines {
        ModemLines {
            dcd: self.dcd.unwrap_or(lines.dcd),
            ri: self.ri.unwrap_or(lines.ri),
            cts: self.cts.unwrap_or(lines.cts),
            dsr: self.dsr.unwrap_or(lines.dsr),
        }
    }
}

/// One descriptor with one or more lines on it.
///
/// No method blocks. An `Err` other than `WouldBlock` means that the port is dead; the program
/// removes its lines and says so.
pub trait Port {
    /// Registers the descriptor, edge-triggered, under `token`. Called once.
    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()>;

    /// Takes the descriptor out of the poll. Called once, before the port is dropped.
    fn deregister(&mut self, registry: &Registry) -> io::Result<()>;

    /// The descriptor has news: does what needs doing at once (frames, flushing what is queued)
    /// and appends what happened. `Readable` is said once per new data, not again for what was
    /// left unread.
    fn ready(
        &mut self,
        news: News,
        registry: &Registry,
        happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()>;

    /// Reads data that the computer sent on `channel`. `WouldBlock` when there is none now; a
    /// `Readable` follows when there is. A result smaller than `buffer` means that there was no more.
    fn read(&mut self, channel: Channel, buffer: &mut [u8]) -> io::Result<usize>;

    /// Gives bytes to the computer; may take fewer than offered (then, and after `WouldBlock`, a
    /// `Writable` follows). On a line that nobody has open the bytes are gone, as on a serial line.
    fn write(&mut self, channel: Channel, bytes: &[u8], registry: &Registry) -> io::Result<usize>;

    /// Shows the modem lines to the computer, as far as this kind of port can. A falling DCD is
    /// a hang-up where the computer's settings say so.
    fn show(&mut self, channel: Channel, lines: ModemLines, registry: &Registry) -> io::Result<()>;

    /// Looks at what gives no event of its own (a pty's speed: B0; whether somebody has it open).
    /// Called when data moves, every 200 ms while the channel's modem is off the hook, and when
    /// asked for the state.
    fn look(&mut self, channel: Channel, happened: &mut Vec<(Channel, Event)>) -> io::Result<()>;

    /// Whether news of input is wanted. A line that moves at a pace is read by the clock: an event
    /// for each piece its computer writes would be for nothing. Muting is a wish; a port on which
    /// lines share a descriptor need not fulfil it. After `false`, input that waits is news again.
    fn mute(&mut self, _channel: Channel, _muted: bool, _registry: &Registry) -> io::Result<()> {
        Ok(())
    }

    /// Throws away what the computer has not read yet and what it sent that nobody read.
    fn flush(&mut self, channel: Channel) -> io::Result<()>;

    /// Does something to the cable. Only USB adapters have one.
    fn by_hand(
        &mut self,
        _channel: Channel,
        _deed: Deed,
        _registry: &Registry,
        _happened: &mut Vec<(Channel, Event)>,
    ) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "the line is not on the USB"))
    }

    /// Whether [`Port::tick`] is wanted every 100 ms now (multiplexer lines that are open).
    fn wants_tick(&self) -> bool {
        false
    }

    /// 100 ms are over: repeats what must be repeated, tries again what found no room, and appends
    /// what happened (a multiplexer's descriptor does not always say that it has room again).
    fn tick(&mut self, _registry: &Registry, _happened: &mut Vec<(Channel, Event)>) -> io::Result<()> {
        Ok(())
    }

    /// Puts one more line on this port with its device at `path`; `None` if it has no room (or
    /// is of a kind that carries one line only).
    fn add_line(&mut self, _path: &Path, _registry: &Registry) -> io::Result<Option<Channel>> {
        Ok(None)
    }

    /// Takes a line off: its symlink or node goes. The port itself is dropped when it carries
    /// no line any more.
    fn remove_line(&mut self, channel: Channel, registry: &Registry);

    /// Whether the symlink at `path` is this port's.
    fn owns(&self, _path: &Path) -> bool {
        false
    }

    /// How many lines it carries.
    fn lines(&self) -> usize;

    /// The device that a program would open, for `list`.
    fn device(&self, channel: Channel) -> String;
}

/// What mio said about a port's descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Something to read (or an error, which reading shows).
    pub readable: bool,
    /// Room to write.
    pub writable: bool,
    /// The other side is gone.
    pub hung_up: bool,
}
