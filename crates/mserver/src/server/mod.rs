//! The event loop: visitors come in, get a seat, have a session, and the seat's modem is cleaned.
//!
//! mio tells of a descriptor's readiness once (edge-triggered), so that sessions remember what they were
//! told until a call says that it would block. Nothing here waits, but for a few microseconds when a
//! thread that waits for modem lines is ended.

mod seats;
mod sessions;
pub mod start;
mod status;
mod visitors;

use crate::journal::Journal;
use crate::lines::{self, News};
use crate::lookup::Lookups;
use crate::slab::Slab;
use crate::tls::Keys;
use mio::net::{TcpListener, UnixListener};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::signal::Signal;
use seats::Seat;
use sessions::Session;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use ttyline::log::Severity;
use ttyline::signal::Signals;
use visitors::Visitor;

/// The buffer all sessions share; a session has one of its own only while a side does not take its bytes.
const SCRATCH: usize = 64 * 1024;
/// How long TERM leaves the modems to be cleaned.
const FAREWELL: Duration = Duration::from_secs(8);

/// News of a session's modem lines: its number and serial, and what there is to tell.
type LineNews = ((usize, u64), News);

/// What a token stands for: a number in the upper bits, a kind in the lower three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Port(usize),
    Net(usize),
    Line(usize),
    Visitor(usize),
    Seat(usize),
    Watcher(usize),
    Special(usize),
}

const SIGNALS: Source = Source::Special(0);
const WAKER: Source = Source::Special(1);
const STATUS: Source = Source::Special(2);

impl Source {
    fn token(self) -> Token {
        let (kind, number) = match self {
            Source::Port(n) => (0, n),
            Source::Net(n) => (1, n),
            Source::Line(n) => (2, n),
            Source::Visitor(n) => (3, n),
            Source::Seat(n) => (4, n),
            Source::Watcher(n) => (5, n),
            Source::Special(n) => (6, n),
        };
        Token(number << 3 | kind)
    }

    fn of(token: Token) -> Source {
        let number = token.0 >> 3;
        match token.0 & 7 {
            0 => Source::Port(number),
            1 => Source::Net(number),
            2 => Source::Line(number),
            3 => Source::Visitor(number),
            4 => Source::Seat(number),
            5 => Source::Watcher(number),
            _ => Source::Special(number),
        }
    }
}

/// What a time in the heap is for. Whether it is still due is asked of the thing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Seat(usize),
    Session(usize),
    Visitor(usize),
    Retry,
}

/// One port that is listened to.
#[derive(Debug)]
struct Port {
    number: u16,
    listener: TcpListener,
    /// What its clients must speak TLS with.
    keys: Option<Keys>,
    /// Its lines, in the order of the file.
    seats: Vec<usize>,
    /// Clients that wait for one of them, the first come first.
    waiting: VecDeque<usize>,
}

/// The server.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    journal: Journal,
    config: PathBuf,
    ports: Vec<Option<Port>>,
    seats: Vec<Option<Seat>>,
    visitors: Slab<Visitor>,
    sessions: Slab<Session>,
    watchers: Slab<sessions::Watcher>,
    /// Sessions with more to do than one turn allows.
    again: Vec<usize>,
    timers: BinaryHeap<Reverse<(Instant, Timer)>>,
    retrying: bool,
    /// Ports with more connections than one turn allows, and ports that were out of descriptors.
    accept_again: Vec<usize>,
    accept_later: Vec<usize>,
    scratch: Box<[u8; SCRATCH]>,
    out: Vec<u8>,
    now: Instant,
    serial: u64,
    signals: Signals,
    waker: Arc<Waker>,
    lookups: Lookups,
    line_news: (Sender<LineNews>, Receiver<LineNews>),
    status: Option<(UnixListener, PathBuf)>,
    /// What has been said of a line lately, so that a broken one does not fill the log.
    said: HashMap<String, Instant>,
    /// The file of records, for when its path may not be opened any more.
    records: Option<std::fs::File>,
    leaving: Option<Instant>,
    /// How often another configuration has been taken.
    reloads: u64,
}

impl Server {
    /// A server without ports. `records` is used where the file of records cannot be opened by its path.
    ///
    /// # Errors
    /// No descriptors left.
    pub fn new(journal: Journal, config: PathBuf, records: Option<std::fs::File>) -> io::Result<Server> {
        let poll = Poll::new()?;
        let signals = Signals::listen(&[
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGUSR1,
            lines::WAKE_UP,
        ])?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER.token())?);
        poll.registry().register(
            &mut SourceFd(&signals.as_fd().as_raw_fd()),
            SIGNALS.token(),
            Interest::READABLE,
        )?;
        Ok(Server {
            poll,
            journal,
            config,
            ports: Vec::new(),
            seats: Vec::new(),
            visitors: Slab::default(),
            sessions: Slab::default(),
            watchers: Slab::default(),
            again: Vec::new(),
            timers: BinaryHeap::new(),
            retrying: false,
            accept_again: Vec::new(),
            accept_later: Vec::new(),
            scratch: Box::new([0; SCRATCH]),
            out: Vec::new(),
            now: Instant::now(),
            serial: 0,
            signals,
            lookups: Lookups::new(Arc::clone(&waker)),
            waker,
            line_news: channel(),
            status: None,
            said: HashMap::new(),
            records,
            leaving: None,
            reloads: 0,
        })
    }

    /// Serves until TERM.
    ///
    /// # Errors
    /// epoll itself failing.
    pub fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        self.now = Instant::now();
        self.clean_left();
        loop {
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            self.now = Instant::now();
            for event in &events {
                self.happened(Source::of(event.token()), event);
            }
            for session in std::mem::take(&mut self.again) {
                self.pump(session);
            }
            for port in std::mem::take(&mut self.accept_again) {
                self.accept(port);
            }
            self.run_timers();
            if self.leaving.is_some_and(|end| self.now >= end || self.nothing_left()) {
                return Ok(());
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() || !self.accept_again.is_empty() {
            return Some(Duration::ZERO);
        }
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let next = [timer, self.leaving].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn nothing_left(&self) -> bool {
        self.sessions.is_empty() && self.seats.iter().flatten().all(Seat::is_at_rest)
    }

    fn happened(&mut self, source: Source, event: &mio::event::Event) {
        match source {
            Source::Port(n) => self.accept(n),
            Source::Net(n) => {
                if let Some(session) = self.sessions.get_mut(n) {
                    session.net_event(event);
                    self.pump(n);
                }
            }
            Source::Line(n) => {
                if let Some(session) = self.sessions.get_mut(n) {
                    session.line_event(event);
                    self.pump(n);
                }
            }
            Source::Visitor(n) => self.visitor_event(n, event),
            Source::Seat(n) => self.seat_event(n),
            Source::Watcher(n) => self.watcher_event(n),
            WAKER => {
                self.names_found();
                self.lines_changed();
            }
            STATUS => self.answer_status(),
            _ => self.heard(),
        }
    }

    fn heard(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::SIGHUP => self.reload(),
                Signal::SIGUSR1 => self.log_status(),
                Signal::SIGTERM | Signal::SIGINT => self.leave(),
                _ => {}
            }
        }
    }

    fn leave(&mut self) {
        if self.leaving.is_some() {
            return;
        }
        self.journal.say(Severity::Notice, "ending");
        self.leaving = Some(self.now + FAREWELL);
        self.ports.clear();
        if let Some((_, path)) = self.status.take() {
            let _ = std::fs::remove_file(path);
        }
        let visitors: Vec<usize> = self.visitors.iter().map(|(n, _)| n).collect();
        visitors.into_iter().for_each(|n| drop(self.visitors.remove(n)));
        let sessions: Vec<usize> = self.sessions.iter().map(|(n, _)| n).collect();
        sessions.into_iter().for_each(|n| self.end_session(n, "the server ended"));
    }

    fn at(&mut self, when: Instant, timer: Timer) {
        self.timers.push(Reverse((when, timer)));
    }

    fn run_timers(&mut self) {
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > self.now {
                return;
            }
            self.timers.pop();
            match timer {
                Timer::Seat(n) => self.seat_timer(n),
                Timer::Session(n) => self.session_timer(n, at),
                Timer::Visitor(n) => self.visitor_timer(n),
                Timer::Retry => {
                    self.retrying = false;
                    self.retry();
                }
            }
        }
    }

    /// Says something of a line, the same thing at most once in a minute.
    fn complain(&mut self, text: String) {
        const MINUTE: Duration = Duration::from_secs(60);
        self.said.retain(|_, at| self.now.saturating_duration_since(*at) < MINUTE);
        if self.said.len() < 1000 && self.said.insert(text.clone(), self.now).is_none() {
            self.journal.say(Severity::Warning, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for n in [0, 1, 5000] {
            for source in [
                Source::Port(n),
                Source::Net(n),
                Source::Line(n),
                Source::Visitor(n),
                Source::Seat(n),
                Source::Watcher(n),
                Source::Special(n),
            ] {
                assert_eq!(Source::of(source.token()), source);
            }
        }
    }
}
