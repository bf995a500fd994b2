//! Modem lines and breaks: what only clients of RFC 2217 need.

use super::Session;
use crate::lines::{Missed, News, Waiting};
use crate::server::Server;
use crate::speech::Speech;
use std::time::{Duration, Instant};
use ttyline::line::Line;
use ttyline::settings::Settings;
use ttyline::sys::termios;
use ttyline::telnet::com_port::modem_state;
use ttyline::telnet::marks::Marks;
use ttyline::telnet::notices;

/// How often modem lines are looked at where they cannot be waited for.
const LOOK: Duration = Duration::from_millis(50);
/// How soon it is asked whether the waiting thread has missed a change: first after news, and at last. The time
/// between doubles. At last the thread looks whatever the driver has counted: a change and its opposite may have
/// come between two reports of an adapter, which its driver never sees.
const ASK_FIRST: Duration = Duration::from_millis(1);
const ASK_LAST: Duration = Duration::from_millis(500);
/// Where nothing has happened, only so long after such a look.
const ASK_QUIET: Duration = Duration::from_millis(4);
/// How long a break lasts that has no end of its own.
const BREAK: Duration = Duration::from_millis(250);

/// What only clients of RFC 2217 need.
#[derive(Debug, Default)]
pub(super) struct Control {
    waiting: Option<Waiting>,
    /// When the modem lines are looked at next, or the thread that does so is asked after.
    look: Option<Instant>,
    /// The time between two of these.
    pause: Duration,
    /// The thread has been told to look, and has not shown yet that it did.
    sent: bool,
    /// Nothing has happened for [`ASK_LAST`].
    quiet: bool,
    /// The line tells nothing of its modem lines.
    blind: bool,
    break_ends: Option<Instant>,
    pub(super) marks: Option<Marks>,
    /// The settings in force since the client's last request, for a device that is plugged in again.
    pub(super) settings: Option<Settings>,
}

impl Control {
    /// Ends the waiting for lines that are not there.
    pub(super) fn line_is_gone(&mut self) {
        (self.waiting, self.look, self.blind, self.break_ends) = (None, None, false, None);
    }

    /// Something happened: the waiting thread is asked after soon, and ever more seldom.
    fn ask_soon(&mut self, now: Instant) {
        (self.pause, self.sent, self.quiet) = (ASK_FIRST, false, false);
        self.look = Some(now + ASK_FIRST);
    }

    /// Asks after the waiting thread. `ringing`: some drivers count no ring's end and wake nobody.
    fn ask(&mut self, line: &Line, ringing: bool, now: Instant) {
        let Some(waiting) = &self.waiting else { return };
        let missed = waiting.missed(line);
        let last = self.pause >= ASK_LAST;
        if ringing || last || missed != Missed::Nothing {
            waiting.look();
        }
        let first = missed == Missed::Something && !self.sent;
        self.sent = missed == Missed::Something;
        self.quiet |= last;
        self.pause = match self.pause * 2 {
            _ if first || last => ASK_FIRST,
            longer if ringing => longer.min(LOOK),
            longer if self.quiet && longer > ASK_QUIET => ASK_LAST,
            longer => longer.min(ASK_LAST),
        };
        self.look = Some(now + self.pause);
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.look, self.break_ends].into_iter().flatten().min()
    }
}

impl Session {
    /// A break that the client does not end itself.
    pub(super) fn short_break(&mut self, now: Instant) {
        let Some(held) = &self.held else { return };
        let _ = termios::set_break(&held.line, true);
        self.control.get_or_insert_default().break_ends = Some(now + BREAK);
    }
}

impl Server {
    /// The end of a break, and a look at the lines, if they are due.
    pub(super) fn control_timer(&mut self, n: usize) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(n) else { return };
        let (Some(control), Some(held)) = (&mut session.control, &session.held) else { return };
        if control.break_ends.is_some_and(|at| at <= now) {
            control.break_ends = None;
            let _ = termios::set_break(&held.line, false);
        }
        if control.look.is_some_and(|at| at <= now) {
            if control.waiting.is_some() {
                let told = session.speech.telnet().and_then(|t| t.com_port.as_ref()).map(|s| s.told());
                return control.ask(&held.line, told.is_some_and(|t| t & modem_state::RI != 0), now);
            }
            control.look = Some(now + LOOK);
            if let Ok(lines) = held.line.modem_lines() {
                self.tell_lines(n, notices::state_of(lines));
            }
        }
    }

    /// A client that wants to hear of modem lines gets a thread that waits for them; a port that has none
    /// to wait for is looked at; others are left alone.
    pub(super) fn wait_for_lines(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let (Speech::Telnet(telnet), Some(held)) = (&session.speech, &session.held) else { return };
        let wanting = telnet.com_port.as_ref().filter(|server| server.wants_modem_state());
        let Some(told) = wanting.map(|server| server.told()) else {
            if let Some(control) = &mut session.control {
                (control.waiting, control.look) = (None, None);
            }
            return;
        };
        let control = session.control.get_or_insert_default();
        if control.waiting.is_some() || control.look.is_some() || control.blind {
            return;
        }
        if held.line.modem_lines().is_err() {
            control.blind = true;
            return;
        }
        let tell = self.line_news.0.clone();
        let id = (n, session.serial);
        control.waiting =
            Waiting::begin(held.line.share(), told, id, tell, std::sync::Arc::clone(&self.waker));
        match control.waiting {
            Some(_) => control.ask_soon(self.now),
            None => control.look = Some(self.now + LOOK),
        }
    }

    /// News from the waiting threads.
    pub(in crate::server) fn lines_changed(&mut self) {
        while let Ok(((n, serial), news)) = self.line_news.1.try_recv() {
            let Some(session) = self.sessions.get_mut(n).filter(|s| s.serial == serial) else { continue };
            match news {
                // The waiting ends with the device: what it says then is of a line that is not there.
                _ if session.held.is_none() => {}
                News::State(state) => {
                    // One change seldom comes alone, and the driver wakes nobody between a look and the next wait.
                    if let Some(control) = session.control.as_mut().filter(|c| c.waiting.is_some()) {
                        control.ask_soon(self.now);
                    }
                    self.tell_lines(n, state);
                    self.after_pump(n);
                }
                News::Unsupported => {
                    let control = session.control.get_or_insert_default();
                    control.waiting = None;
                    control.look = Some(self.now + LOOK);
                    self.after_pump(n);
                }
            }
        }
    }

    fn tell_lines(&mut self, n: usize, state: u8) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        self.out.clear();
        if let Some(server) = session.speech.telnet().and_then(|t| t.com_port.as_mut()) {
            server.modem_state_changed(state, &mut self.out);
        }
        if let Err(cause) = self.answer(n) {
            self.end_session(n, cause);
        }
    }
}
