//! Modem lines and breaks: what only clients of RFC 2217 need.

use super::Session;
use crate::lines::{News, Waiting};
use crate::server::Server;
use crate::speech::Speech;
use std::time::{Duration, Instant};
use ttyline::settings::Settings;
use ttyline::sys::termios;
use ttyline::telnet::marks::Marks;
use ttyline::telnet::notices;

/// How often modem lines are looked at where they cannot be waited for.
const LOOK: Duration = Duration::from_millis(50);
/// How often they are looked at beside the waiting.
const LOOK_ALSO: Duration = Duration::from_secs(1);
/// How long a break lasts that has no end of its own.
const BREAK: Duration = Duration::from_millis(250);

/// What only clients of RFC 2217 need.
#[derive(Debug, Default)]
pub(super) struct Control {
    waiting: Option<Waiting>,
    /// When the modem lines are looked at next.
    look: Option<Instant>,
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
            control.look = Some(now + if control.waiting.is_some() { LOOK_ALSO } else { LOOK });
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
        // A change between the thread's look and its waiting is seen by this.
        let next = if control.waiting.is_some() { LOOK_ALSO } else { LOOK };
        control.look = Some(self.now + next);
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
                    if let Some(look) = session.control.as_mut().and_then(|c| c.look.as_mut()) {
                        *look = (*look).min(self.now + LOOK);
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
