//! Sessions: a client and its modem, from the beginning to the record.
//!
//! [`flow`] carries the bytes, [`modem_lines`] sees to what RFC 2217 has beside them, [`watchers`] to those
//! who look on, [`unplugged`] to devices that go away and come back.

mod flow;
mod modem_lines;
mod unplugged;
mod watchers;

use super::seats::State;
use super::{Server, Source, Timer};
use crate::access::Caller;
use crate::dial::Guard;
use crate::pending::Pending;
use crate::speech::Speech;
use crate::wire::Wire;
use mio::Interest;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use modem_lines::Control;
use nix::poll::PollTimeout;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};
use ttyline::config::mserver::{Options, Shared};
use ttyline::log::Severity;
use ttyline::record::{self, Record};
use ttyline::share::hold::Held;
use ttyline::share::keepalive;
use ttyline::sys::termios;
pub(super) use watchers::Watcher;

/// How long bytes for a side that does not take them are kept after the other side has ended.
const DRAIN: Duration = Duration::from_secs(5);
/// How long nothing may move when a client has closed its connection behind bytes that the line does not take.
const STUCK: Duration = Duration::from_secs(15);
/// How long the modem may be silent after the client has closed its half.
const LINGER: Duration = Duration::from_secs(1);
/// How often a slow modem is asked whether it has taken everything.
const LOOK: Duration = Duration::from_millis(50);
/// Why a session ends whose client cannot be written to.
const GONE: &str = "the client is gone";

/// A client that has a modem, or whose modem is being made ready.
#[derive(Debug)]
pub(super) struct Session {
    stream: Wire,
    pub(super) caller: Caller,
    pub(super) seat: usize,
    pub(super) conf: Rc<Shared>,
    held: Option<Held>,
    speech: Speech,
    /// Bytes the line has not taken, and bytes the client has not taken.
    to_line: Pending,
    to_net: Pending,
    net_readable: bool,
    net_writable: bool,
    net_closing: bool,
    line_readable: bool,
    line_writable: bool,
    /// Whether the loop is told when the line takes bytes again. Not always: a pty says so whenever its other
    /// side has read something, which would wake the loop once for each byte of an interactive user.
    line_watched: bool,
    /// It was told so with nothing to write.
    line_idle: bool,
    /// When the client closed its half.
    net_ended: Option<Instant>,
    /// When the line hung up.
    line_ended: Option<Instant>,
    /// The client has been greeted: a line that is given now comes in the place of another.
    begun: bool,
    /// The device is gone; so long its return is waited for.
    absent_until: Option<Instant>,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) start: Instant,
    moved: Instant,
    serial: u64,
    /// The record is made at the end: so long the session costs less.
    began: SystemTime,
    timer: Option<Instant>,
    control: Option<Box<Control>>,
    /// Watches what is dialled, where somebody wants that.
    guard: Option<Box<Guard>>,
    pub(super) watchers: Vec<usize>,
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
        self.line_idle = self.to_line.is_empty();
    }

    pub(super) fn language(&self) -> &'static str {
        self.speech.word()
    }

    /// Its client has closed its connection, or its half of it, perhaps without the loop having been told yet.
    pub(super) fn is_ending(&mut self) -> bool {
        let closing = self.net_ended.is_some() || self.net_closing;
        closing || keepalive::closes(self.stream.socket().as_fd(), PollTimeout::ZERO)
    }

    /// A client that has closed its connection has left bytes that the line does not take, or takes none itself.
    fn is_stuck(&self) -> bool {
        self.net_closing && self.net_ended.is_none() && !(self.to_line.is_empty() && self.net_is_clear())
    }

    pub(super) fn is_ready(&self) -> bool {
        self.held.is_some()
    }

    /// When somebody's patience is over.
    fn deadline(&self) -> Option<Instant> {
        let idle = self.conf.options.idle.map(|limit| self.moved + limit);
        let drain = self.net_ended.map(|at| {
            let stuck = !self.to_line.is_empty() || !self.net_is_clear();
            self.moved.max(at) + if stuck { DRAIN } else { LINGER }
        });
        // Its end has not been read yet: it stands behind what the line does not take.
        let stuck = self.is_stuck().then(|| self.moved + STUCK);
        let rest = self.line_ended.map(|at| at + DRAIN);
        let control = self.control.as_ref().filter(|_| self.held.is_some()).and_then(|c| c.deadline());
        [idle, drain, stuck, rest, control, self.absent_until].into_iter().flatten().min()
    }
}

impl Server {
    /// A session in the slab, without its line yet.
    pub(super) fn new_session(
        &mut self,
        stream: Wire,
        caller: Caller,
        seat: usize,
        conf: Rc<Shared>,
    ) -> usize {
        self.serial += 1;
        self.sessions.insert(Session {
            stream,
            caller,
            seat,
            conf,
            held: None,
            speech: Speech::Raw,
            to_line: Pending::default(),
            to_net: Pending::default(),
            // What came before the session began has had its event already.
            net_readable: true,
            net_writable: true,
            net_closing: false,
            line_readable: true,
            line_writable: true,
            line_watched: false,
            line_idle: false,
            net_ended: None,
            line_ended: None,
            begun: false,
            absent_until: None,
            received: 0,
            sent: 0,
            start: self.now,
            moved: self.now,
            serial: self.serial,
            began: SystemTime::now(),
            timer: None,
            control: None,
            guard: None,
            watchers: Vec::new(),
        })
    }

    /// Takes a session back that came to nothing: its client is a visitor again.
    pub(super) fn dissolve(&mut self, n: usize) -> Option<(Wire, Caller)> {
        self.sessions.remove(n).map(|session| (session.stream, session.caller))
    }

    /// Does something with a session's stream and the registry; gives whether it went well.
    pub(super) fn with_stream(
        &mut self,
        n: usize,
        what: impl FnOnce(&mio::Registry, &mut TcpStream) -> io::Result<()>,
    ) -> bool {
        let registry = self.poll.registry();
        self.sessions.get_mut(n).is_some_and(|session| what(registry, session.stream.socket()).is_ok())
    }

    /// The line is there and its modem clean.
    pub(super) fn begin_session(&mut self, n: usize, held: Held) {
        let Some(session) = self.sessions.get_mut(n) else { return };
        let fd = held.line.as_fd().as_raw_fd();
        let token = Source::Line(n).token();
        let registered = self.poll.registry().register(&mut SourceFd(&fd), token, Interest::READABLE);
        session.held = Some(held);
        session.line_watched = false;
        if registered.is_err() {
            return self.end_session(n, "the line cannot be watched");
        }
        session.moved = self.now;
        if session.begun {
            return self.go_on(n);
        }
        session.begun = true;
        if session.conf.options.keepalive != Some(Options::KEEPALIVE) {
            keepalive::watch(session.stream.socket(), session.conf.options.keepalive);
        }
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

    /// Ends the session if it is over, else sees that somebody looks after it in time.
    fn after_pump(&mut self, n: usize) {
        self.tell_refused(n);
        let Some(session) = self.sessions.get_mut(n) else { return };
        if session.line_ended.is_some() && session.net_is_clear() {
            return self.line_is_gone(n);
        }
        let Some(at) = session.deadline() else { return };
        if session.timer.is_none_or(|before| at < before) {
            session.timer = Some(at);
            self.at(at, Timer::Session(n));
        }
    }

    /// The time `at` has come. Of several that were set only the last one counts.
    pub(super) fn session_timer(&mut self, n: usize, at: Instant) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(n).filter(|s| s.timer == Some(at)) else { return };
        session.timer = None;
        self.control_timer(n);
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
            _ if session.absent_until.is_some_and(|at| at <= now) => "the device did not come back",
            (Some(_), _) => "the line hung up",
            (_, Some(_)) => "the client closed",
            _ if session.is_stuck() && now >= session.moved + STUCK => GONE,
            _ => "idle for too long",
        };
        self.end_session(n, cause);
    }

    /// Into the file of records.
    pub(super) fn append(&mut self, record: &Record) {
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
    }

    /// The end of a session, whatever the cause.
    pub(super) fn end_session(&mut self, n: usize, cause: &'static str) {
        let Some(mut session) = self.sessions.remove(n) else { return };
        // Ends the thread that holds the line, before anything else is done with it.
        session.control = None;
        let _ = self.poll.registry().deregister(session.stream.socket());
        session.stream.close();
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
        let device = session.conf.device.display().to_string();
        let name = device.strip_prefix("/dev/").unwrap_or(&device);
        let mut record = Record::since("mserver", name, session.began);
        record.peer = Some(session.caller.peer.to_string());
        record.user = session.caller.who().map(str::to_string);
        record.end = Some(SystemTime::now());
        (record.bytes_in, record.bytes_out) = (Some(session.received), Some(session.sent));
        record.cause = cause.into();
        record.called = session.guard.take().and_then(|guard| guard.numbers());
        self.append(&record);
        match session.held.take() {
            Some(held) => {
                let fd = held.line.as_fd().as_raw_fd();
                let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
                self.give_back(session.seat, held);
            }
            None => match self.seats.get_mut(session.seat).and_then(Option::as_mut).map(|s| &mut s.state) {
                // Its modem is being cleaned still: for nobody, now.
                Some(State::Cleaning(cleaning)) => cleaning.next = None,
                Some(State::Unplugged(_)) => self.give_up(session.seat),
                _ => {}
            },
        }
    }
}
