//! The line behind an RFC 2217 client.

use nix::sys::stat::{fstat, major};
use ttyline::line::Line;
use ttyline::settings::{Settings, input};
use ttyline::sys::termios::{self, Queue, When};
use ttyline::sys::tty::{self, ModemLines};
use ttyline::telnet::com_port::line_state;
use ttyline::telnet::com_port_server::{Output, Port, Purge};
use ttyline::telnet::frame::Frame;
use ttyline::telnet::notices;

/// PARMRK and INPCK of termbits.h: breaks and damaged bytes are marked among the data.
const MARKING: u32 = 0o10 | 0o20;
const IGNBRK: u32 = 0o1;

/// An open line, for one request.
#[derive(Debug)]
pub struct LinePort<'a> {
    /// The line.
    pub line: &'a Line,
    /// What the session is to throw away of its own, too.
    pub purged: Purge,
    /// Whether the line marks breaks from now on.
    pub marking: Option<bool>,
    /// Something was done that brings a modem out of its data, or after which its answers may not be heard or
    /// read: DTR or RTS fell, a break began, the frame is another.
    pub disturbed: bool,
    /// Somebody reads what is said on the line: the modem gets all of it, as it was read, and what the modem says
    /// is not thrown away here.
    pub guarded: bool,
}

impl<'a> LinePort<'a> {
    /// For one request.
    #[must_use]
    pub fn new(line: &'a Line) -> LinePort<'a> {
        let purged = Purge { received: false, unsent: false };
        LinePort { line, purged, marking: None, disturbed: false, guarded: false }
    }
}

/// Whether a line is a pty's slave: majors 136 to 143.
#[must_use]
pub fn is_pty(line: &Line) -> bool {
    fstat(line).is_ok_and(|stat| (136..=143).contains(&major(stat.st_rdev)))
}

impl Port for LinePort<'_> {
    fn settings(&self) -> Option<Settings> {
        self.line.settings().ok()
    }

    fn set(&mut self, settings: &Settings) {
        let (frame, before) = (Frame::of(settings), self.settings().as_ref().map(Frame::of));
        // With less than seven bits a modem hears letters that were not sent.
        if self.guarded && frame.data_bits < 7 {
            return;
        }
        self.disturbed |= before.is_none_or(|before| {
            (before.speed, before.data_bits, before.parity) != (frame.speed, frame.data_bits, frame.parity)
        });
        // At once: waiting for output to drain would stop everybody else.
        let _ = self.line.set(settings, When::Now);
    }

    fn has_no_wire(&self) -> bool {
        is_pty(self.line)
    }

    fn drive(&mut self, output: Output, on: bool) {
        self.disturbed |= !on;
        let which = if output == Output::Dtr { ModemLines::DTR } else { ModemLines::RTS };
        let _ = if on { tty::raise(self.line, which) } else { tty::lower(self.line, which) };
    }

    fn output(&self, output: Output) -> Option<bool> {
        let lines = self.line.modem_lines().ok()?;
        Some(if output == Output::Dtr { lines.dtr() } else { lines.rts() })
    }

    fn set_break(&mut self, on: bool) {
        self.disturbed |= on;
        let _ = termios::set_break(self.line, on);
    }

    fn purge(&mut self, what: Purge) {
        self.purged.received |= what.received;
        if self.guarded {
            return;
        }
        self.purged.unsent |= what.unsent;
        let queue = match (what.received, what.unsent) {
            (true, true) => Queue::Both,
            (true, false) => Queue::Input,
            _ => Queue::Output,
        };
        let _ = self.line.flush(queue);
    }

    fn modem_state(&self) -> Option<u8> {
        self.line.modem_lines().ok().map(notices::state_of)
    }

    fn watch_line_state(&mut self, mask: u8) -> u8 {
        let known = mask & (line_state::BREAK | line_state::FRAMING | line_state::PARITY);
        let Ok(mut settings) = self.line.settings() else { return 0 };
        let on = known != 0;
        settings.input &= !(MARKING | IGNBRK | input::BRKINT | input::IGNPAR);
        if on {
            settings.input |= MARKING;
        }
        if self.line.set(&settings, When::Now).is_err() {
            return 0;
        }
        self.marking = Some(on);
        known
    }
}
