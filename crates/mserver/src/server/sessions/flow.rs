//! Bytes between a client and its modem.

use super::{GONE, Session};
use crate::dial::Guard;
use crate::pending::Pending;
use crate::port::LinePort;
use crate::server::{SCRATCH, Server, Source};
use crate::speech::{Decided, Speech, Wanted};
use mio::Interest;
use mio::unix::SourceFd;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use ttyline::config::mserver::Unplugged;
use ttyline::line::Input;
use ttyline::log::Severity;
use ttyline::share::hold::Held;
use ttyline::telnet::codec::{self, Event};
use ttyline::telnet::marks::Marks;

/// How many reads of each side a session has in one turn. Few: what comes from a fast client is much at a time, what
/// a line has is little, and that it has more is known only after the turn.
const TURN: usize = 2;
/// The most a client's side of a session is kept waiting, bytes: beyond, answers wait with the data.
const MOST_ANSWERS: usize = 16 * 1024;

impl Session {
    /// Sends bytes to the client, after what waits already.
    pub(super) fn give_net(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        if self.to_net.is_empty() && self.net_writable {
            match self.stream.write(rest) {
                Ok(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    self.net_writable = rest.is_empty() && !self.stream.has_unsent();
                }
                Err(e) if is_later(&e) => self.net_writable = false,
                Err(e) => return Err(e),
            }
        }
        self.to_net.push(rest);
        Ok(())
    }

    /// What the client says goes to the line, or is judged first.
    fn hear(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(guard) = &mut self.guard else {
            self.give_line(bytes);
            return Ok(());
        };
        let (mut to_line, mut back) = (Vec::new(), Vec::new());
        guard.from_client(bytes, &mut to_line, &mut back);
        self.give_line(&to_line);
        self.give_net(&back)
    }

    fn give_line(&mut self, bytes: &[u8]) {
        self.sent += bytes.len() as u64;
        let wrote = if self.to_line.is_empty() { self.write_line(bytes) } else { 0 };
        if self.line_ended.is_none() {
            self.to_line.push(bytes.get(wrote..).unwrap_or_default());
        }
    }

    /// Writes until the line takes nothing any more; gives how much it took. After a piece the next one is
    /// tried at once: a pty's other side may have made room meanwhile, and being woken for it costs more.
    fn write_line(&mut self, bytes: &[u8]) -> usize {
        let Some(held) = &self.held else { return 0 };
        let mut rest = bytes;
        while self.line_writable && !rest.is_empty() {
            match held.line.write_some(rest) {
                Ok(0) => self.line_writable = false,
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(_) => {
                    self.line_ended = self.line_ended.or(Some(self.moved));
                    break;
                }
            }
        }
        bytes.len() - rest.len()
    }

    /// Gives what waits to the side that takes bytes again. Gives whether anything moved.
    fn flush(&mut self) -> io::Result<bool> {
        let mut moved = false;
        if self.net_writable && self.stream.has_unsent() {
            match self.stream.flush() {
                Ok(()) => moved = true,
                Err(e) if is_later(&e) => self.net_writable = false,
                Err(e) => return Err(e),
            }
        }
        if !self.to_net.is_empty() && self.net_writable {
            match self.stream.write(self.to_net.bytes()) {
                Ok(n) => {
                    moved |= n > 0;
                    self.net_writable = n == self.to_net.len() && !self.stream.has_unsent();
                    self.to_net.went(n);
                }
                Err(e) if is_later(&e) => self.net_writable = false,
                Err(e) => return Err(e),
            }
        }
        if !self.to_line.is_empty() && self.line_writable {
            let pending = std::mem::take(&mut self.to_line);
            let wrote = self.write_line(pending.bytes());
            moved |= wrote > 0;
            if self.line_ended.is_none() {
                self.to_line = pending;
                self.to_line.went(wrote);
            }
        }
        Ok(moved)
    }

    /// Whether the client has been sent everything.
    pub(super) fn net_is_clear(&self) -> bool {
        self.to_net.is_empty() && !self.stream.has_unsent()
    }

    pub(super) fn suspended(&self) -> bool {
        match &self.speech {
            Speech::Telnet(telnet) => telnet.com_port.as_ref().is_some_and(|server| server.suspended()),
            _ => false,
        }
    }
}

pub(super) fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Throws away what the modem has said, but not unheard; see [`Guard::from_modem`].
fn throw_away(held: &Held, guard: &mut Guard) -> bool {
    let (mut said, mut stop) = ([0; 512], false);
    // What a terminal keeps for its reader; a modem that goes on talking is not waited for.
    for _ in 0..16 {
        let Ok(Input::Bytes(count)) = held.line.read(&mut said) else { break };
        stop |= guard.from_modem(said.get(..count).unwrap_or_default());
    }
    stop
}

impl Server {
    /// Carries bytes both ways, for one turn.
    pub(in crate::server) fn pump(&mut self, n: usize) {
        if self.leaves_absent(n) {
            return self.end_session(n, "the client closed");
        }
        for _ in 0..TURN {
            match self.pump_once(n) {
                Ok(true) => {}
                Ok(false) => {
                    self.watch_line(n);
                    return self.after_pump(n);
                }
                Err(cause) => return self.end_session(n, cause),
            }
        }
        self.again.push(n);
    }

    /// Has the loop told when a line takes bytes again, while there are some for it.
    fn watch_line(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let Some(held) = &session.held else { return };
        let wanted = !session.to_line.is_empty() || session.line_watched && !session.line_idle;
        session.line_idle = false;
        if wanted == session.line_watched {
            return;
        }
        let interest = if wanted { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let fd = held.line.as_fd().as_raw_fd();
        let token = Source::Line(n).token();
        // A line that is gone cannot be watched; reading it says so.
        if self.poll.registry().reregister(&mut SourceFd(&fd), token, interest).is_ok() {
            session.line_watched = wanted;
        }
    }

    fn pump_once(&mut self, n: usize) -> Result<bool, &'static str> {
        let Some(session) = self.sessions.get_mut(n) else { return Ok(false) };
        // Nothing is read of a client before its modem is ready.
        if session.held.is_none() {
            return Ok(false);
        }
        let mut moved = session.flush().map_err(|_| GONE)?;
        if moved && session.net_closing {
            session.moved = self.now;
        }
        let answers_wait = session.to_net.len() > MOST_ANSWERS;
        // What the modem says is judged before what the client says next: a client that does not listen is not
        // listened to.
        let deaf = session.guard.is_some() && !session.net_is_clear();
        if session.net_readable
            && session.to_line.is_empty()
            && session.net_ended.is_none()
            && !answers_wait
            && !deaf
        {
            match session.stream.read(&mut *self.scratch) {
                Ok(0) => session.net_ended = Some(self.now),
                Ok(count) => {
                    let all = count < SCRATCH && session.stream.short_reads_are_all();
                    session.net_readable = !all || session.net_closing;
                    session.moved = self.now;
                    self.take_from_net(n, count)?;
                    moved = true;
                }
                Err(e) if is_later(&e) => session.net_readable = false,
                Err(_) => return Err(GONE),
            }
        }
        let Some(session) = self.sessions.get_mut(n) else { return Ok(false) };
        if session.line_readable
            && session.net_is_clear()
            && session.line_ended.is_none()
            && !session.suspended()
        {
            let Some(held) = &session.held else { return Ok(false) };
            match held.line.read(&mut *self.scratch) {
                Ok(Input::Bytes(count)) => {
                    session.line_readable = count == SCRATCH;
                    session.moved = self.now;
                    self.take_from_line(n, count)?;
                    moved = true;
                }
                Ok(Input::Nothing) => session.line_readable = false,
                Ok(Input::HungUp) | Err(_) => session.line_ended = Some(self.now),
            }
        }
        Ok(moved)
    }

    /// What the client sent goes to the line.
    fn take_from_net(&mut self, n: usize, count: usize) -> Result<(), &'static str> {
        let Some(session) = self.sessions.get_mut(n) else { return Ok(()) };
        if let Speech::Raw = session.speech {
            let heard = session.hear(self.scratch.get(..count).unwrap_or_default());
            return heard.map_err(|_| GONE);
        }
        self.out.clear();
        let first = self.scratch.get(..count).unwrap_or_default();
        let kept = match session.speech.decide(first, &mut self.out) {
            Decided::NotYet => return Ok(()),
            Decided::Known { kept } => kept,
        };
        let mut kept_byte = [codec::IAC];
        if let Speech::Raw = session.speech {
            let heard = if kept { session.hear(&kept_byte) } else { Ok(()) };
            return heard.and_then(|()| session.hear(first)).map_err(|_| GONE);
        }
        if kept {
            if let Some(telnet) = session.speech.telnet() {
                telnet.decode(&mut kept_byte);
            }
        }
        self.decode(n, count)?;
        self.answer(n)
    }

    fn decode(&mut self, n: usize, count: usize) -> Result<(), &'static str> {
        let Some(session) = self.sessions.get_mut(n) else { return Ok(()) };
        let mut at = 0;
        while let Some(rest) = self.scratch.get_mut(at..count).filter(|rest| !rest.is_empty()) {
            let Some(telnet) = session.speech.telnet() else { break };
            let piece = telnet.decode(rest);
            let data = self.scratch.get(at..at + piece.data).unwrap_or_default();
            at += piece.used.max(1);
            if !data.is_empty() {
                session.hear(data).map_err(|_| GONE)?;
            }
            let (Some(event), Some(held)) = (piece.event, &session.held) else { continue };
            let asked = matches!(event, Event::Sub);
            let mut port = LinePort::new(&held.line);
            port.guarded = session.guard.is_some();
            let Some(telnet) = session.speech.telnet() else { break };
            let wanted = telnet.act(event, &mut port, &mut self.out);
            let (purged, marking) = (port.purged, port.marking);
            let mut stop = false;
            let suspended = telnet.com_port.as_ref().is_some_and(|server| server.suspended());
            if let Some(guard) = &mut session.guard {
                if port.disturbed || suspended || wanted == Wanted::Break {
                    guard.may_be_in_command_state();
                }
                stop = purged.received && throw_away(held, guard);
            }
            if asked && matches!(session.conf.options.unplugged, Unplugged::Wait(_)) {
                session.control.get_or_insert_default().settings = held.line.settings().ok();
            }
            if purged.unsent {
                session.to_line = Pending::default();
            }
            if let Some(on) = marking {
                session.control.get_or_insert_default().marks = on.then(Marks::default);
            }
            if wanted == Wanted::Break {
                session.short_break(self.now);
            }
            if stop {
                session.give_line(b"\r");
            }
        }
        Ok(())
    }

    /// Sends what is in `out`, and sees to the waiting for modem lines.
    pub(super) fn answer(&mut self, n: usize) -> Result<(), &'static str> {
        let out = std::mem::take(&mut self.out);
        let Some(session) = self.sessions.get_mut(n) else { return Ok(()) };
        if !out.is_empty() {
            session.give_net(&out).map_err(|_| GONE)?;
        }
        self.out = out;
        self.wait_for_lines(n);
        Ok(())
    }

    /// What the modem sent goes to the client, and to whoever looks on.
    fn take_from_line(&mut self, n: usize, count: usize) -> Result<(), &'static str> {
        let Some(session) = self.sessions.get_mut(n) else { return Ok(()) };
        let mut count = count;
        let mut marked = 0;
        if let Some(marks) = session.control.as_mut().and_then(|c| c.marks.as_mut()) {
            let (kept, state) = marks.take_out(self.scratch.get_mut(..count).unwrap_or_default());
            (count, marked) = (kept, state);
        }
        let data = self.scratch.get(..count).unwrap_or_default();
        session.received += count as u64;
        if session.guard.as_mut().is_some_and(|guard| guard.from_modem(data)) {
            session.give_line(b"\r");
        }
        let is_telnet = session.speech.telnet().is_some();
        let given = if is_telnet && !codec::is_plain(data) {
            self.out.clear();
            codec::push_data(data, &mut self.out);
            session.give_net(&self.out)
        } else {
            session.give_net(data)
        };
        given.map_err(|_| GONE)?;
        if marked != 0 {
            self.out.clear();
            if let Some(server) = session.speech.telnet().and_then(|t| t.com_port.as_mut()) {
                server.line_state_changed(marked, &mut self.out);
            }
            session.give_net(&self.out).map_err(|_| GONE)?;
        }
        if !session.watchers.is_empty() {
            let watchers = session.watchers.clone();
            for watcher in watchers {
                // One who does not keep up misses something; the user is never held up.
                if let Some(watcher) = self.watchers.get_mut(watcher) {
                    let _ = watcher.stream.write(self.scratch.get(..count).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Tells of numbers that were refused.
    pub(super) fn tell_refused(&mut self, n: usize) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let Some(guard) = &mut session.guard else { return };
        if guard.refused.is_empty() {
            return;
        }
        for refused in std::mem::take(&mut guard.refused) {
            let device = session.conf.device.display();
            let text = format!("{device}: {} may not dial {refused}", session.caller.shown());
            self.journal.say(Severity::Warning, text);
        }
    }
}
