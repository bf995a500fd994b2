//! Sessions: bytes between a client and a modem.

use super::seats::State;
use super::{SCRATCH, Server, Source, Timer};
use crate::access::Caller;
use crate::dial::Guard;
use crate::lines::{News, Waiting};
use crate::port::LinePort;
use crate::speech::{Decided, Speech, Wanted};
use mio::Interest;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use nix::sys::socket::{setsockopt, sockopt};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};
use ttyline::config::mserver::Shared;
use ttyline::line::Input;
use ttyline::log::Severity;
use ttyline::record::{self, Record};
use ttyline::share::hold::Held;
use ttyline::sys::termios;
use ttyline::telnet::codec;
use ttyline::telnet::marks::Marks;
use ttyline::telnet::notices;

/// How long bytes for a side that does not take them are kept after the other side has ended.
const DRAIN: Duration = Duration::from_secs(5);
/// How long the modem may be silent after the client has closed its half.
const LINGER: Duration = Duration::from_secs(1);
/// How often modem lines are looked at where they cannot be waited for.
const LOOK: Duration = Duration::from_millis(50);
/// How often they are looked at beside the waiting.
const LOOK_ALSO: Duration = Duration::from_secs(1);
/// How long a break lasts that has no end of its own.
const BREAK: Duration = Duration::from_millis(250);
/// Why a session ends whose client cannot be written to.
const GONE: &str = "the client is gone";
/// How many reads a session has in one turn.
const TURN: usize = 16;
/// The most a client's side of a session is kept waiting, bytes: beyond, answers wait with the data.
const MOST_ANSWERS: usize = 16 * 1024;

/// A client that has a modem, or whose modem is being made ready.
#[derive(Debug)]
pub(super) struct Session {
    stream: TcpStream,
    pub(super) caller: Caller,
    pub(super) seat: usize,
    pub(super) conf: Rc<Shared>,
    held: Option<Held>,
    speech: Speech,
    /// Bytes the line has not taken, and bytes the client has not taken.
    to_line: Vec<u8>,
    to_net: Vec<u8>,
    net_readable: bool,
    net_writable: bool,
    net_closing: bool,
    line_readable: bool,
    line_writable: bool,
    /// When the client closed its half.
    net_ended: Option<Instant>,
    /// When the line hung up.
    line_ended: Option<Instant>,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) start: Instant,
    moved: Instant,
    serial: u64,
    record: Box<Record>,
    timer: Option<Instant>,
    control: Option<Box<Control>>,
    /// Watches what is dialled, where somebody wants that.
    guard: Option<Box<Guard>>,
    pub(super) watchers: Vec<usize>,
}

/// What only clients of RFC 2217 need.
#[derive(Debug, Default)]
struct Control {
    waiting: Option<Waiting>,
    /// Waiting is not possible here: look.
    look: Option<Instant>,
    /// The line tells nothing of its modem lines.
    blind: bool,
    break_ends: Option<Instant>,
    marks: Option<Marks>,
}

/// Somebody who looks on.
#[derive(Debug)]
pub(super) struct Watcher {
    stream: TcpStream,
    pub(super) caller: Caller,
    session: usize,
}

impl Session {
    pub(super) fn net_event(&mut self, event: &mio::event::Event) {
        self.net_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.net_writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        self.net_closing |= event.is_read_closed() || event.is_error();
    }

    pub(super) fn line_event(&mut self, event: &mio::event::Event) {
        self.line_readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.line_writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    pub(super) fn language(&self) -> &'static str {
        self.speech.word()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.held.is_some()
    }

    /// When somebody's patience is over.
    fn deadline(&self) -> Option<Instant> {
        let idle = self.conf.options.idle.map(|limit| self.moved + limit);
        let drain = self.net_ended.map(|at| {
            let stuck = !self.to_line.is_empty() || !self.to_net.is_empty();
            self.moved.max(at) + if stuck { DRAIN } else { LINGER }
        });
        let rest = self.line_ended.map(|at| at + DRAIN);
        let control = self.control.as_ref();
        let look = control.and_then(|c| c.look);
        let end_of_break = control.and_then(|c| c.break_ends);
        [idle, drain, rest, look, end_of_break].into_iter().flatten().min()
    }

    /// Sends bytes to the client, after what waits already.
    fn give_net(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        if self.to_net.is_empty() && self.net_writable {
            match self.stream.write(rest) {
                Ok(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    self.net_writable = rest.is_empty();
                }
                Err(e) if is_later(&e) => self.net_writable = false,
                Err(e) => return Err(e),
            }
        }
        self.to_net.extend_from_slice(rest);
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
        let mut rest = bytes;
        self.sent += bytes.len() as u64;
        if self.to_line.is_empty() && self.line_writable {
            let Some(held) = &self.held else { return };
            match held.line.write_some(rest) {
                Ok(n) => {
                    rest = rest.get(n..).unwrap_or_default();
                    self.line_writable = rest.is_empty();
                }
                Err(_) => {
                    self.line_ended = self.line_ended.or(Some(self.moved));
                    return;
                }
            }
        }
        self.to_line.extend_from_slice(rest);
    }

    /// Gives what waits to the side that takes bytes again. Gives whether anything moved.
    fn flush(&mut self) -> io::Result<bool> {
        let mut moved = false;
        if !self.to_net.is_empty() && self.net_writable {
            match self.stream.write(&self.to_net) {
                Ok(n) => {
                    moved = n > 0;
                    self.net_writable = n == self.to_net.len();
                    shift(&mut self.to_net, n);
                }
                Err(e) if is_later(&e) => self.net_writable = false,
                Err(e) => return Err(e),
            }
        }
        if let (false, true, Some(held)) = (self.to_line.is_empty(), self.line_writable, &self.held) {
            match held.line.write_some(&self.to_line) {
                Ok(n) => {
                    moved |= n > 0;
                    self.line_writable = n == self.to_line.len();
                    shift(&mut self.to_line, n);
                }
                Err(_) => {
                    self.line_ended = self.line_ended.or(Some(self.moved));
                    self.to_line = Vec::new();
                }
            }
        }
        Ok(moved)
    }

    fn suspended(&self) -> bool {
        match &self.speech {
            Speech::Telnet(telnet) => telnet.com_port.as_ref().is_some_and(|server| server.suspended()),
            _ => false,
        }
    }
}

/// Takes `n` bytes off the front; an empty buffer gives its room back.
fn shift(buffer: &mut Vec<u8>, n: usize) {
    if n >= buffer.len() {
        *buffer = Vec::new();
    } else {
        buffer.drain(..n);
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Makes the kernel notice a client that is gone without a word, and sends every byte at once.
pub(super) fn watch_over(stream: &TcpStream) {
    let _ = setsockopt(stream, sockopt::TcpNoDelay, &true);
    let _ = setsockopt(stream, sockopt::KeepAlive, &true);
    let _ = setsockopt(stream, sockopt::TcpKeepIdle, &20);
    let _ = setsockopt(stream, sockopt::TcpKeepInterval, &5);
    let _ = setsockopt(stream, sockopt::TcpKeepCount, &4);
    let _ = setsockopt(stream, sockopt::TcpUserTimeout, &40_000);
}

impl Server {
    /// A session in the slab, without its line yet.
    pub(super) fn new_session(
        &mut self,
        stream: TcpStream,
        caller: Caller,
        seat: usize,
        conf: Rc<Shared>,
    ) -> usize {
        self.serial += 1;
        let device = conf.device.display().to_string();
        let mut record = Record::begin("mserver", device.strip_prefix("/dev/").unwrap_or(&device));
        record.peer = Some(caller.peer.to_string());
        record.user = caller.known_name().map(str::to_string);
        self.sessions.insert(Session {
            stream,
            caller,
            seat,
            conf,
            held: None,
            speech: Speech::Raw,
            to_line: Vec::new(),
            to_net: Vec::new(),
            // What came before the session began has had its event already.
            net_readable: true,
            net_writable: true,
            net_closing: false,
            line_readable: true,
            line_writable: true,
            net_ended: None,
            line_ended: None,
            received: 0,
            sent: 0,
            start: self.now,
            moved: self.now,
            serial: self.serial,
            record: Box::new(record),
            timer: None,
            control: None,
            guard: None,
            watchers: Vec::new(),
        })
    }

    /// Takes a session back that came to nothing: its client is a visitor again.
    pub(super) fn dissolve(&mut self, n: usize) -> Option<(TcpStream, Caller)> {
        self.sessions.remove(n).map(|session| (session.stream, session.caller))
    }

    /// Does something with a session's stream and the registry; gives whether it went well.
    pub(super) fn with_stream(
        &mut self,
        n: usize,
        what: impl FnOnce(&mio::Registry, &mut TcpStream) -> io::Result<()>,
    ) -> bool {
        let registry = self.poll.registry();
        self.sessions.get_mut(n).is_some_and(|session| what(registry, &mut session.stream).is_ok())
    }

    /// The line is there and its modem clean.
    pub(super) fn begin_session(&mut self, n: usize, held: Held) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let fd = held.line.as_fd().as_raw_fd();
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = self.poll.registry().register(&mut SourceFd(&fd), Source::Line(n).token(), both);
        session.held = Some(held);
        if registered.is_err() {
            return self.end_session(n, "the line cannot be watched");
        }
        session.moved = self.now;
        session.guard = session.conf.options.dial.clone().map(|policy| Box::new(Guard::new(policy)));
        let mut greeting = Vec::new();
        session.speech = Speech::begin(session.conf.wish.protocol, &mut greeting);
        let greeted = session.give_net(&greeting);
        let text = format!("{}: {} begins", session.conf.device.display(), session.caller.shown());
        self.journal.say(Severity::Info, text);
        match greeted {
            Ok(()) => self.pump(n),
            Err(_) => self.end_session(n, GONE),
        }
    }

    /// Carries bytes both ways, for one turn.
    pub(super) fn pump(&mut self, n: usize) {
        for _ in 0..TURN {
            match self.pump_once(n) {
                Ok(true) => {}
                Ok(false) => return self.after_pump(n),
                Err(cause) => return self.end_session(n, cause),
            }
        }
        self.again.push(n);
    }

    fn pump_once(&mut self, n: usize) -> Result<bool, &'static str> {
        let Some(session) = self.sessions.get_mut(n) else { return Ok(false) };
        // Nothing is read of a client before its modem is ready.
        if session.held.is_none() {
            return Ok(false);
        }
        let mut moved = session.flush().map_err(|_| GONE)?;
        let answers_wait = session.to_net.len() > MOST_ANSWERS;
        if session.net_readable && session.to_line.is_empty() && session.net_ended.is_none() && !answers_wait
        {
            match session.stream.read(&mut *self.scratch) {
                Ok(0) => session.net_ended = Some(self.now),
                Ok(count) => {
                    session.net_readable = count == SCRATCH || session.net_closing;
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
            && session.to_net.is_empty()
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
            let mut port = LinePort::new(&held.line);
            let Some(telnet) = session.speech.telnet() else { break };
            let wanted = telnet.act(event, &mut port, &mut self.out);
            let (purged, marking) = (port.purged, port.marking);
            if purged.unsent {
                session.to_line = Vec::new();
            }
            if let Some(on) = marking {
                session.control.get_or_insert_default().marks = on.then(Marks::default);
            }
            if wanted == Wanted::Break {
                let _ = termios::set_break(&held.line, true);
                session.control.get_or_insert_default().break_ends = Some(self.now + BREAK);
            }
        }
        Ok(())
    }

    /// Sends what is in `out`, and sees to the waiting for modem lines.
    fn answer(&mut self, n: usize) -> Result<(), &'static str> {
        let out = std::mem::take(&mut self.out);
        let Some(session) = self.sessions.get_mut(n) else { return Ok(()) };
        if !out.is_empty() {
            session.give_net(&out).map_err(|_| GONE)?;
        }
        self.out = out;
        self.wait_for_lines(n);
        Ok(())
    }

    /// A client that wants to hear of modem lines gets a thread that waits for them; a port that has none
    /// to wait for is looked at; others are left alone.
    fn wait_for_lines(&mut self, n: usize) {
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
    pub(super) fn lines_changed(&mut self) {
        while let Ok(((n, serial), news)) = self.line_news.1.try_recv() {
            let Some(session) = self.sessions.get_mut(n).filter(|s| s.serial == serial) else { continue };
            match news {
                News::State(state) => self.tell_lines(n, state),
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
        if let Some(guard) = &mut session.guard {
            guard.from_modem(data);
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
    fn tell_refused(&mut self, n: usize) {
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

    /// Ends the session if it is over, else sees that somebody looks after it in time.
    fn after_pump(&mut self, n: usize) {
        self.tell_refused(n);
        let Some(session) = self.sessions.get_mut(n) else { return };
        if session.line_ended.is_some() && session.to_net.is_empty() {
            return self.end_session(n, "the line hung up");
        }
        let Some(at) = session.deadline() else { return };
        if session.timer.is_none_or(|before| at < before) {
            session.timer = Some(at);
            self.at(at, Timer::Session(n));
        }
    }

    pub(super) fn session_timer(&mut self, n: usize) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(n) else { return };
        session.timer = None;
        if let (Some(control), Some(held)) = (&mut session.control, &session.held) {
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
        let Some(session) = self.sessions.get_mut(n) else { return };
        if session.deadline().is_none_or(|at| at > now) {
            return self.after_pump(n);
        }
        let unsent = session.held.as_ref().and_then(|held| termios::unsent(&held.line).ok());
        if let Some(at) = session.net_ended.filter(|_| session.line_ended.is_none()) {
            // The kernel still has bytes for a slow modem.
            if unsent.is_some_and(|count| count > 0) && now < at + DRAIN && session.to_line.is_empty() {
                session.timer = Some(now + LOOK);
                return self.at(now + LOOK, Timer::Session(n));
            }
        }
        let cause = match (session.line_ended, session.net_ended) {
            (Some(_), _) => "the line hung up",
            (_, Some(_)) => "the client closed",
            _ => "idle for too long",
        };
        self.end_session(n, cause);
    }

    /// The end of a session, whatever the cause.
    pub(super) fn end_session(&mut self, n: usize, cause: &'static str) {
        let Some(mut session) = self.sessions.remove(n) else { return };
        // Ends the thread that holds the line, before anything else is done with it.
        session.control = None;
        let _ = self.poll.registry().deregister(&mut session.stream);
        let _ = session.stream.shutdown(std::net::Shutdown::Both);
        for watcher in std::mem::take(&mut session.watchers) {
            self.end_watcher(watcher);
        }
        let text = format!(
            "{}: {}: {cause}; {} s, {} bytes received, {} sent",
            session.conf.device.display(),
            session.caller.shown(),
            self.now.saturating_duration_since(session.start).as_secs(),
            session.received,
            session.sent
        );
        self.journal.say(Severity::Info, text);
        let mut record = session.record;
        record.end = Some(std::time::SystemTime::now());
        (record.bytes_in, record.bytes_out) = (Some(session.received), Some(session.sent));
        record.cause = cause.into();
        record.called = session.guard.take().map(|guard| guard.dialled.join(", ")).filter(|d| !d.is_empty());
        let appended =
            record.append(std::path::Path::new(record::FILE)).or_else(|e| match &mut self.records {
                Some(file) if e.kind() == io::ErrorKind::PermissionDenied => {
                    file.write(record.to_line().as_bytes()).map(drop)
                }
                _ => Err(e),
            });
        if let Err(e) = appended {
            self.complain(format!("no record: {}: {}", record::FILE, ttyline::log::reason(&e)));
        }
        match session.held.take() {
            Some(held) => {
                let fd = held.line.as_fd().as_raw_fd();
                let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
                self.give_back(session.seat, held);
            }
            // Its modem is being cleaned still: for nobody, now.
            None => {
                if let Some(State::Cleaning(cleaning)) =
                    self.seats.get_mut(session.seat).and_then(Option::as_mut).map(|s| &mut s.state)
                {
                    cleaning.next = None;
                }
            }
        }
    }

    /// Somebody looks on from now on.
    pub(super) fn add_watcher(&mut self, mut stream: TcpStream, caller: Caller, session: usize) {
        let text = format!("{} watches session {session}", caller.shown());
        self.journal.say(Severity::Notice, text);
        let _ = self.poll.registry().deregister(&mut stream);
        let n = self.watchers.insert(Watcher { stream, caller, session });
        if let Some(watcher) = self.watchers.get_mut(n) {
            let token = Source::Watcher(n).token();
            let _ = self.poll.registry().register(&mut watcher.stream, token, Interest::READABLE);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.watchers.push(n);
        }
        self.watcher_event(n);
    }

    /// What a watcher types is read and thrown away.
    pub(super) fn watcher_event(&mut self, n: usize) {
        let Some(watcher) = self.watchers.get_mut(n) else { return };
        let mut buffer = [0; 512];
        for _ in 0..64 {
            match watcher.stream.read(&mut buffer) {
                Ok(1..) => {}
                Err(e) if is_later(&e) => return,
                _ => return self.end_watcher(n),
            }
        }
        // One who floods is not listening.
        self.end_watcher(n);
    }

    fn end_watcher(&mut self, n: usize) {
        let Some(mut watcher) = self.watchers.remove(n) else { return };
        let _ = self.poll.registry().deregister(&mut watcher.stream);
        if let Some(session) = self.sessions.get_mut(watcher.session) {
            session.watchers.retain(|w| *w != n);
        }
    }
}
