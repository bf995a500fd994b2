//! Devices that go away in the middle of a session, and come back.

use super::GONE;
use crate::pending::Pending;
use crate::port::LinePort;
use crate::server::Server;
use mio::unix::SourceFd;
use std::os::fd::{AsFd, AsRawFd};
use ttyline::config::mserver::Unplugged;
use ttyline::log::Severity;
use ttyline::sys::termios::When;

impl Server {
    /// The line hung up: the session ends, or waits for the device.
    pub(super) fn line_is_gone(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let Unplugged::Wait(limit) = session.conf.options.unplugged else {
            return self.end_session(n, "the line hung up");
        };
        let Some(held) = session.held.take() else { return };
        let fd = held.line.as_fd().as_raw_fd();
        let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        // What was on its way to a modem that has lost its call and its settings is of no use to it.
        session.to_line = Pending::default();
        session.line_ended = None;
        session.moved = self.now;
        session.absent_until = Some(self.now + limit);
        if let Some(control) = &mut session.control {
            control.line_is_gone();
        }
        if let Some(guard) = &mut session.guard {
            guard.start_again();
        }
        let text =
            format!("{}: gone; {} waits for it", session.conf.device.display(), session.caller.shown());
        let seat = session.seat;
        self.journal.say(Severity::Warning, text);
        self.unplug(seat, n, held);
        self.after_pump(n);
    }

    /// The client closed while its device was away. Nothing more is read of it then.
    pub(super) fn leaves_absent(&self, n: usize) -> bool {
        self.sessions.get(n).is_some_and(|s| s.absent_until.is_some() && s.net_closing)
    }

    /// The device is back, for a client that has been waiting for it.
    pub(super) fn go_on(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let Some(held) = &session.held else { return };
        session.absent_until = None;
        (session.line_readable, session.line_writable) = (true, true);
        self.out.clear();
        if let Some(settings) = session.control.as_ref().and_then(|c| c.settings) {
            let _ = held.line.set(&settings, When::Now);
        }
        if let Some(server) = session.speech.telnet().and_then(|t| t.com_port.as_mut()) {
            server.port_is_back(&mut LinePort::new(&held.line), &mut self.out);
        }
        let text = format!("{}: back for {}", session.conf.device.display(), session.caller.shown());
        self.journal.say(Severity::Notice, text);
        match self.answer(n) {
            Ok(()) => self.pump(n),
            Err(_) => self.end_session(n, GONE),
        }
    }
}
