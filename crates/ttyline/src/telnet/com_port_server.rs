//! The server's end of RFC 2217: every request is answered with the value in force.

use super::com_port::{Answer, Control, Request, line_state, modem_state};
use super::frame::Frame;
use crate::settings::Settings;

/// Which of the two lines a client drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Data terminal ready.
    Dtr,
    /// Request to send.
    Rts,
}

/// Which queue is thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// What was received from the line.
    pub received: bool,
    /// What is to be sent to it.
    pub unsent: bool,
}

/// The port behind the server. What it cannot do it says by `None`.
pub trait Port {
    /// The settings in force; `None` when the line is gone.
    fn settings(&self) -> Option<Settings>;
    /// Sets the line.
    fn set(&mut self, settings: &Settings);
    /// Whether it has no wire: a pty keeps eight bits and no parity whatever is set, so that the value
    /// asked for is taken as in force.
    fn has_no_wire(&self) -> bool;
    /// Drives DTR or RTS.
    fn drive(&mut self, output: Output, on: bool);
    /// How DTR or RTS is; `None` where the port cannot tell.
    fn output(&self, output: Output) -> Option<bool>;
    /// Begins or ends a break.
    fn set_break(&mut self, on: bool);
    /// Throws away what is asked.
    fn purge(&mut self, what: Purge);
    /// The [`modem_state`] bits of the input lines (no deltas); `None` where the port cannot tell.
    fn modem_state(&self) -> Option<u8>;
    /// The client asks for these [`line_state`] bits; gives those the port can tell.
    fn watch_line_state(&mut self, mask: u8) -> u8;
}

/// The state of one client's control of a port.
#[derive(Debug)]
pub struct Server {
    signature: String,
    /// Nothing is told before the client has agreed to the option.
    active: bool,
    line_mask: u8,
    modem_mask: u8,
    /// What the client heard last.
    told: u8,
    suspended: bool,
    breaking: bool,
    /// As asked, for ports that cannot tell.
    dtr: bool,
    rts: bool,
    /// As asked, for ports without a wire.
    asked: Option<Frame>,
}

impl Server {
    /// A port whose client is told `signature` (a program and its version, never a path).
    #[must_use]
    pub fn new(signature: &str) -> Server {
        Server {
            signature: signature.into(),
            active: false,
            line_mask: 0,
            modem_mask: 255,
            told: 0,
            suspended: false,
            breaking: false,
            dtr: true,
            rts: true,
            asked: None,
        }
    }

    /// The client agreed to the option: it is told the modem state at once (pyserial has no lines before).
    pub fn activate(&mut self, port: &dyn Port, out: &mut Vec<u8>) {
        if !self.active {
            self.active = true;
            self.tell_modem_state(port, out);
        }
    }

    /// Whether the client wants to hear of changes of the modem lines.
    #[must_use]
    pub fn wants_modem_state(&self) -> bool {
        self.active && self.modem_mask != 0
    }

    /// The modem state the client heard of last.
    #[must_use]
    pub fn told(&self) -> u8 {
        self.told
    }

    /// Whether data from the line must be kept back.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.suspended
    }

    /// Whether the client has a break on the line.
    #[must_use]
    pub fn breaking(&self) -> bool {
        self.breaking
    }

    /// The modem lines may have changed: appends a notice if the client wants it.
    pub fn modem_state_changed(&mut self, after: u8, out: &mut Vec<u8>) {
        let notice = super::notices::notice(self.told, after, self.modem_mask);
        self.told = after;
        if let Some(state) = notice.filter(|_| self.active) {
            Answer::ModemState(state).write(out);
        }
    }

    /// A break or a damaged byte came from the line: appends a notice if the client wants it.
    pub fn line_state_changed(&self, state: u8, out: &mut Vec<u8>) {
        if self.active && state & self.line_mask != 0 {
            Answer::LineState(state & self.line_mask).write(out);
        }
    }

    fn tell_modem_state(&mut self, port: &dyn Port, out: &mut Vec<u8>) {
        // A pty has no lines; a modem that is there, ready and connected is what most clients wait for.
        let usual = modem_state::DCD | modem_state::DSR | modem_state::CTS;
        self.told = port.modem_state().unwrap_or(usual);
        Answer::ModemState(self.told & self.modem_mask).write(out);
    }

    /// The port was away and is back: it is driven as the client wished, and the client is told its lines.
    pub fn port_is_back(&mut self, port: &mut dyn Port, out: &mut Vec<u8>) {
        for (output, on) in [(Output::Dtr, self.dtr), (Output::Rts, self.rts)] {
            if !on {
                port.drive(output, false);
            }
        }
        if self.breaking {
            port.set_break(true);
        }
        if let Some(state) = port.modem_state() {
            self.modem_state_changed(state, out);
        }
    }

    /// Does what a request says and appends the answer.
    pub fn handle(&mut self, request: Request<'_>, port: &mut dyn Port, out: &mut Vec<u8>) {
        match request {
            Request::Signature([]) => Answer::Signature(self.signature.as_bytes()).write(out),
            Request::Signature(_) => {}
            Request::Speed(speed) => {
                let frame = self.change(
                    port,
                    |s| (speed != 0).then(|| Frame::with_speed(s, speed)),
                    |f| f.speed = speed,
                );
                Answer::Speed(frame.speed).write(out);
            }
            Request::DataBits(v) => {
                let frame = self.change(port, |s| Frame::with_data_bits(s, v), |f| f.data_bits = v);
                Answer::DataBits(frame.data_bits).write(out);
            }
            Request::Parity(v) => {
                let frame = self.change(port, |s| Frame::with_parity(s, v), |f| f.parity = v);
                Answer::Parity(frame.parity).write(out);
            }
            Request::StopBits(v) => {
                let frame = self.change(port, |s| Frame::with_stop_bits(s, v), |f| f.stop_bits = v);
                Answer::StopBits(frame.stop_bits).write(out);
            }
            Request::Control(code) => Answer::Control(self.control(code, port)).write(out),
            Request::PollLineState => Answer::LineState(0).write(out),
            Request::PollModemState => self.tell_modem_state(port, out),
            Request::Suspend => self.suspended = true,
            Request::Resume => self.suspended = false,
            Request::LineStateMask(mask) => {
                let known =
                    line_state::BREAK | line_state::FRAMING | line_state::PARITY | line_state::OVERRUN;
                self.line_mask = port.watch_line_state(mask & known);
                Answer::LineStateMask(self.line_mask).write(out);
            }
            Request::ModemStateMask(mask) => {
                self.modem_mask = mask;
                Answer::ModemStateMask(mask).write(out);
                self.tell_modem_state(port, out);
            }
            Request::Purge(which @ 1..=3) => {
                port.purge(Purge { received: which & 1 != 0, unsent: which & 2 != 0 });
                Answer::Purge(which).write(out);
            }
            // There is no such queue: nothing was thrown away.
            Request::Purge(_) => Answer::Purge(0).write(out),
        }
    }

    /// Sets what `with` gives, if it gives anything, and tells what is in force then.
    fn change(
        &mut self,
        port: &mut dyn Port,
        with: impl FnOnce(Settings) -> Option<Settings>,
        as_asked: impl FnOnce(&mut Frame),
    ) -> Frame {
        let before = port.settings().unwrap_or_default();
        let mut frame = self.in_force(port, &before);
        let wanted = with(before);
        if let Some(wanted) = wanted {
            port.set(&wanted);
            frame = self.in_force(port, &port.settings().unwrap_or_default());
            if port.has_no_wire() {
                as_asked(&mut frame);
                self.asked = Some(frame);
            }
        } else if port.has_no_wire() {
            // The kernel would hold one and a half stop bits against the eight data bits it keeps.
            let mut wished = frame;
            as_asked(&mut wished);
            if wished.stop_bits != frame.stop_bits && matches!(wished.stop_bits, 1..=3) {
                frame = wished;
                self.asked = Some(frame);
            }
        }
        frame
    }

    fn in_force(&self, port: &dyn Port, settings: &Settings) -> Frame {
        let real = Frame::of(settings);
        match self.asked.filter(|_| port.has_no_wire()) {
            // Speed and flow control are kept by a pty; the frame is not.
            Some(asked) => Frame { speed: real.speed, flow: real.flow, in_flow: real.in_flow, ..asked },
            None => real,
        }
    }

    fn control(&mut self, code: u8, port: &mut dyn Port) -> u8 {
        use Control::*;
        let flag = |on: bool, yes: Control, no: Control| if on { yes as u8 } else { no as u8 };
        match Control::of(code) {
            Some(kind @ (AskFlow | FlowNone | FlowSoft | FlowHard | FlowDcd | FlowDsr)) => {
                self.change(port, |s| Frame::with_flow(s, kind), |_| ()).flow
            }
            Some(kind @ (AskInFlow | InFlowNone | InFlowSoft | InFlowHard | InFlowDtr)) => {
                self.change(port, |s| Frame::with_flow(s, kind), |_| ()).in_flow
            }
            Some(kind @ (AskBreak | BreakOn | BreakOff)) => {
                if kind != AskBreak {
                    self.breaking = kind == BreakOn;
                    port.set_break(self.breaking);
                }
                flag(self.breaking, BreakOn, BreakOff)
            }
            Some(kind @ (AskDtr | DtrOn | DtrOff)) => {
                if kind != AskDtr {
                    self.dtr = kind == DtrOn;
                    port.drive(Output::Dtr, self.dtr);
                }
                flag(port.output(Output::Dtr).unwrap_or(self.dtr), DtrOn, DtrOff)
            }
            Some(kind @ (AskRts | RtsOn | RtsOff)) => {
                if kind != AskRts {
                    self.rts = kind == RtsOn;
                    port.drive(Output::Rts, self.rts);
                }
                flag(port.output(Output::Rts).unwrap_or(self.rts), RtsOn, RtsOff)
            }
            // Nothing is called so; the client still waits for an answer.
            None => self.in_force(port, &port.settings().unwrap_or_default()).flow,
        }
    }
}

#[cfg(test)]
#[path = "com_port_server_tests.rs"]
mod tests;
