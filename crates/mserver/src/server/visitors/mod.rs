//! Visitors: clients at the door, until they have a modem or are turned away.

mod handshake;

use super::seats::{NoSeat, State};
use super::sessions::Session;
use super::{Server, Source, Timer};
use crate::access::{self, Caller, Files};
use crate::lookup;
use crate::wire::Wire;
use handshake::Invited;
use mio::Interest;
use mio::net::TcpStream;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use ttyline::config::mserver::{Busy, Options, Shared};
use ttyline::hosts_access::lookup::HostName;
use ttyline::log::Severity;
use ttyline::share::keepalive;

/// How many visitors there may be at a time, all ports together.
const MOST: usize = 1024;
/// How many of them from one address: one that floods keeps nobody else out.
const MOST_OF_ONE: usize = MOST / 2;
/// How many connections of one port are taken in one turn.
const TURN: usize = 64;
/// How long a visitor waits for a modem that is being cleaned, or whose client has closed its connection.
const SOON: Duration = Duration::from_secs(30);
/// How often lines that other programs have are tried again for somebody who waits.
const RETRY: Duration = Duration::from_millis(500);
/// How long one that was turned away may take to read why.
const PARTING: Duration = Duration::from_secs(2);

/// What a visitor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    /// Its name.
    ForName(Instant),
    /// The end of TLS's handshake.
    ForTls(Instant),
    /// A modem.
    ForSeat(Instant),
    /// To have read why it gets none.
    ToPart(Instant),
}

/// A client without a modem.
#[derive(Debug)]
pub(super) struct Visitor {
    stream: Wire,
    pub(super) port: usize,
    pub(super) caller: Caller,
    waits: Waits,
    /// When it began to wait for a modem.
    waiting_since: Option<Instant>,
    /// hosts.allow and hosts.deny let it in.
    passed: bool,
}

/// What became of looking for a seat.
enum Found {
    Seat,
    NeedName,
    /// One is free in a moment, or when somebody else lets go: wait.
    Wait(Duration),
    /// The session of this number may be looked on.
    Watch(usize),
    Refuse(Vec<u8>, &'static str),
}

impl Visitor {
    fn until(&self) -> Instant {
        match self.waits {
            Waits::ForName(at) | Waits::ForTls(at) | Waits::ForSeat(at) | Waits::ToPart(at) => at,
        }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.waits, Waits::ForSeat(_))
    }
}

impl Server {
    pub(super) fn accept(&mut self, n: usize) {
        for _ in 0..TURN {
            let Some(port) = self.ports.get(n).and_then(Option::as_ref) else { return };
            let number = port.number;
            match port.listener.accept() {
                Ok((stream, address)) => {
                    let reached = stream.local_addr().map_or(address.ip(), |a| a.ip());
                    let caller = Caller {
                        peer: address.ip().to_canonical(),
                        reached: reached.to_canonical(),
                        port: number,
                        name: None,
                        certificate: None,
                    };
                    self.come_in(n, stream, caller);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(e) if is_exhausted(&e) => {
                    self.complain(format!("port {number}: {}", ttyline::log::reason(&e)));
                    return self.retry_soon(n);
                }
                // The client was gone again.
                Err(_) => {}
            }
        }
        // More are waiting, and the listener tells only once: after the others have had their turn.
        self.accept_again.push(n);
    }

    fn retry_soon(&mut self, port: usize) {
        self.accept_later.push(port);
        if !self.retrying {
            self.retrying = true;
            self.at(self.now + Duration::from_millis(50), Timer::Retry);
        }
    }

    fn come_in(&mut self, port: usize, stream: TcpStream, caller: Caller) {
        if self.visitors.len() >= MOST || self.leaving.is_some() {
            return;
        }
        let of_this_one = || self.visitors.iter().filter(|(_, v)| v.caller.peer == caller.peer).count();
        if self.visitors.len() >= MOST_OF_ONE && of_this_one() >= MOST_OF_ONE {
            return;
        }
        keepalive::watch(&stream, Some(Options::KEEPALIVE));
        let n = self.visitors.insert(Visitor {
            stream: Wire::Plain(stream),
            port,
            caller,
            waits: Waits::ForSeat(self.now),
            waiting_since: None,
            passed: false,
        });
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        let both = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().register(visitor.stream.socket(), Source::Visitor(n).token(), both).is_err() {
            self.visitors.remove(n);
            return;
        }
        self.place(n);
    }

    /// Finds a modem for a visitor, or something else to do with it.
    fn place(&mut self, n: usize) {
        let Some(visitor) = self.visitors.get(n) else { return };
        let caller = visitor.caller.clone();
        if !visitor.passed {
            match access::ask_files(&caller, Path::new("/etc/hosts.allow"), Path::new("/etc/hosts.deny")) {
                Files::Granted => {}
                Files::NeedName => return self.find_name(n),
                Files::Denied(why) => {
                    let text =
                        format!("port {}: {} is refused by hosts.deny: {why}", caller.port, caller.shown());
                    self.complain(text);
                    return self.drop_visitor(n);
                }
            }
            if let Some(visitor) = self.visitors.get_mut(n) {
                visitor.passed = true;
            }
        }
        if self.is_to_be_secured(n) {
            return match self.invites(n, &caller) {
                Invited::Yes => self.secure(n),
                Invited::NeedName => self.find_name(n),
                Invited::No => self.refuse(n, &[], "not in the host list"),
            };
        }
        match self.find_seat(n, &caller) {
            Found::Seat => {}
            Found::NeedName => self.find_name(n),
            Found::Wait(limit) => self.wait(n, limit),
            Found::Watch(session) => {
                if let Some(visitor) = self.visitors.remove(n) {
                    self.forget_waiting(n);
                    self.add_watcher(visitor.stream, visitor.caller, session);
                }
            }
            Found::Refuse(text, why) => self.refuse(n, &text, why),
        }
    }

    fn find_seat(&mut self, n: usize, caller: &Caller) -> Found {
        let Some(port) = self.visitors.get(n).and_then(|v| self.ports.get(v.port)).and_then(Option::as_ref)
        else {
            return Found::Refuse(Vec::new(), "its port is closed");
        };
        let seats = port.seats.clone();
        let (mut admitting, mut soon, mut locked) = (None::<Rc<Shared>>, false, false);
        for &seat in &seats {
            let Some(conf) = self.seats.get(seat).and_then(Option::as_ref).map(|s| Rc::clone(&s.conf)) else {
                continue;
            };
            if !caller.admitted_by(conf.hosts.as_ref()) {
                let lists = [conf.hosts.as_ref(), Some(&conf.options.watch)];
                if caller.name.is_none()
                    && lists.into_iter().flatten().any(|hosts| hosts.need_name(caller.peer))
                {
                    return Found::NeedName;
                }
                continue;
            }
            admitting.get_or_insert_with(|| Rc::clone(&conf));
            let Some(state) = self.seats.get(seat).and_then(Option::as_ref) else { continue };
            if !matches!(state.state, State::Free) {
                soon |= state.is_soon_free();
                continue;
            }
            match self.try_seat(n, seat, conf) {
                Ok(()) => return Found::Seat,
                Err(NoSeat::Locked) => locked = true,
                Err(NoSeat::Unusable) => {}
            }
        }
        let Some(conf) = admitting else { return self.look_on(&seats, caller) };
        if soon {
            return Found::Wait(SOON);
        }
        if conf.options.busy == Busy::TakeOver {
            let may = &conf.options.takeover_hosts;
            if caller.name.is_none() && may.need_name(caller.peer) {
                return Found::NeedName;
            }
            if may.admit(caller.peer, caller.known_name()) {
                if let Some(victim) = self.oldest(&seats, caller) {
                    let text = format!("port {}: {} takes a modem over", caller.port, caller.shown());
                    self.journal.say(Severity::Notice, text);
                    self.end_session(victim, "taken over");
                    return Found::Wait(SOON);
                }
            }
        }
        if let watched @ Found::Watch(_) = self.look_on(&seats, caller) {
            return watched;
        }
        match conf.options.busy {
            Busy::Wait(limit) => Found::Wait(limit),
            _ if self.one_is_ending(&seats, caller) => Found::Wait(SOON),
            _ if locked => {
                Found::Refuse(conf.options.busy_text.clone(), "the modem is in use by another program")
            }
            _ => Found::Refuse(conf.options.busy_text.clone(), "no modem is free"),
        }
    }

    /// The session on one of the seats that the caller may look on.
    fn look_on(&self, seats: &[usize], caller: &Caller) -> Found {
        for seat in seats.iter().filter_map(|n| self.seats.get(*n)?.as_ref()) {
            let watch = &seat.conf.options.watch;
            if let (State::InUse(session), true) =
                (&seat.state, watch.admit(caller.peer, caller.known_name()))
            {
                return Found::Watch(*session);
            }
            if caller.name.is_none() && watch.need_name(caller.peer) {
                return Found::NeedName;
            }
        }
        Found::Refuse(Vec::new(), "not in the host list")
    }

    /// Whether a session on a seat that admits the caller only waits for the modem's last words.
    fn one_is_ending(&mut self, seats: &[usize], caller: &Caller) -> bool {
        let seats = seats.iter().filter_map(|n| self.seats.get(*n)?.as_ref());
        let mut using = seats.filter_map(|seat| match seat.state {
            State::InUse(session) => Some(session).filter(|_| caller.admitted_by(seat.conf.hosts.as_ref())),
            _ => None,
        });
        using.any(|session| self.sessions.get_mut(session).is_some_and(Session::is_ending))
    }

    /// The session that has lasted longest on a seat that admits the caller.
    fn oldest(&self, seats: &[usize], caller: &Caller) -> Option<usize> {
        let of = |seat: &usize| {
            let seat = self.seats.get(*seat)?.as_ref()?;
            let State::InUse(session) = seat.state else { return None };
            caller.admitted_by(seat.conf.hosts.as_ref()).then_some(session)
        };
        seats.iter().filter_map(of).min_by_key(|n| self.sessions.get(*n).map(|s| s.start))
    }

    /// Gives a free seat to a visitor.
    fn try_seat(&mut self, n: usize, seat: usize, conf: Rc<Shared>) -> Result<(), NoSeat> {
        let Some(visitor) = self.visitors.remove(n) else { return Err(NoSeat::Unusable) };
        let Visitor { port, waits, waiting_since, .. } = visitor;
        let session = self.new_session(visitor.stream, visitor.caller, seat, conf);
        match self.take_seat(seat, session) {
            Ok(held) => {
                self.forget_waiting(n);
                self.move_in(session);
                if let Some(held) = held {
                    self.begin_session(session, held);
                }
                Ok(())
            }
            Err(why) => {
                // As if nothing had been: the number was just freed, so it is the same again.
                if let Some((stream, caller)) = self.dissolve(session) {
                    let again = self.visitors.insert(Visitor {
                        stream,
                        port,
                        caller,
                        waits,
                        waiting_since,
                        passed: true,
                    });
                    debug_assert_eq!(again, n);
                }
                Err(why)
            }
        }
    }

    /// The stream belongs to a session now.
    fn move_in(&mut self, session: usize) {
        let both = Interest::READABLE | Interest::WRITABLE;
        let token = Source::Net(session).token();
        let moved = self.with_stream(session, |registry, stream| registry.reregister(stream, token, both));
        if !moved {
            self.end_session(session, "the client cannot be watched");
        }
    }

    fn forget_waiting(&mut self, n: usize) {
        for port in self.ports.iter_mut().flatten() {
            port.waiting.retain(|w| *w != n);
        }
    }

    fn wait(&mut self, n: usize, limit: Duration) {
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        // What it waits for may have become another: the limit that holds now counts from when it came.
        let until = *visitor.waiting_since.get_or_insert(self.now) + limit;
        let changed = visitor.waits != Waits::ForSeat(until);
        visitor.waits = Waits::ForSeat(until);
        let Some(port) = self.ports.get_mut(visitor.port).and_then(Option::as_mut) else {
            return self.drop_visitor(n);
        };
        if !port.waiting.contains(&n) {
            port.waiting.push_back(n);
        }
        if changed {
            self.at(until, Timer::Visitor(n));
        }
        if !self.retrying {
            self.retrying = true;
            self.at(self.now + RETRY, Timer::Retry);
        }
    }

    /// A seat may be free: whoever waits is tried again, in the order of coming.
    pub(super) fn seat_waiting(&mut self) {
        for n in 0..self.ports.len() {
            let Some(port) = self.ports.get(n).and_then(Option::as_ref) else { continue };
            let waiting: Vec<usize> = port.waiting.iter().copied().collect();
            waiting.into_iter().for_each(|visitor| self.place(visitor));
        }
    }

    /// Ports that ran out of descriptors, and whoever waits.
    pub(super) fn retry(&mut self) {
        for port in std::mem::take(&mut self.accept_later) {
            self.accept(port);
        }
        self.seat_waiting();
    }

    fn find_name(&mut self, n: usize) {
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        if matches!(visitor.waits, Waits::ForName(_)) {
            return;
        }
        let until = self.now + lookup::LIMIT;
        visitor.waits = Waits::ForName(until);
        let address = visitor.caller.peer;
        self.at(until, Timer::Visitor(n));
        self.lookups.ask(address);
    }

    /// Names have been found.
    pub(super) fn names_found(&mut self) {
        for (address, name) in self.lookups.answers() {
            let waiting: Vec<usize> = self
                .visitors
                .iter()
                .filter(|(_, v)| matches!(v.waits, Waits::ForName(_)) && v.caller.peer == address)
                .map(|(n, _)| n)
                .collect();
            waiting.into_iter().for_each(|n| self.named(n, name.clone()));
        }
    }

    fn named(&mut self, n: usize, name: HostName) {
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        visitor.caller.name = Some(name);
        visitor.waits = Waits::ForSeat(self.now);
        self.place(n);
    }

    pub(super) fn visitor_timer(&mut self, n: usize) {
        let Some(visitor) = self.visitors.get(n).filter(|v| v.until() <= self.now) else { return };
        match visitor.waits {
            Waits::ForName(_) => self.named(n, HostName::Unknown),
            Waits::ForTls(_) => self.fail_tls(n, "the handshake took too long"),
            Waits::ForSeat(_) => {
                let text = self.busy_text(n);
                self.refuse(n, &text, "no modem became free in time");
            }
            Waits::ToPart(_) => self.drop_visitor(n),
        }
    }

    fn busy_text(&self, n: usize) -> Vec<u8> {
        let Some(visitor) = self.visitors.get(n) else { return Vec::new() };
        let Some(port) = self.ports.get(visitor.port).and_then(Option::as_ref) else { return Vec::new() };
        let admitting = port
            .seats
            .iter()
            .filter_map(|s| self.seats.get(*s)?.as_ref())
            .find(|s| visitor.caller.admitted_by(s.conf.hosts.as_ref()));
        admitting.map_or(Vec::new(), |s| s.conf.options.busy_text.clone())
    }

    fn refuse(&mut self, n: usize, text: &[u8], why: &str) {
        self.forget_waiting(n);
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        let said = format!("port {}: {} gets no modem: {why}", visitor.caller.port, visitor.caller.shown());
        let until = self.now + PARTING;
        visitor.waits = Waits::ToPart(until);
        let written = visitor.stream.write(text);
        // Closing with its bytes unread would reset the connection, and the text might be lost with it.
        visitor.stream.end();
        self.complain(said);
        if text.is_empty() || written.is_err() {
            return self.drop_visitor(n);
        }
        self.at(until, Timer::Visitor(n));
        self.discard(n);
    }

    /// Visitors of a port that is not listened to any more.
    pub(super) fn drop_waiting_at(&mut self, port: usize) {
        let gone: Vec<usize> = self.visitors.iter().filter(|(_, v)| v.port == port).map(|(n, _)| n).collect();
        gone.into_iter().for_each(|n| self.drop_visitor(n));
    }

    fn drop_visitor(&mut self, n: usize) {
        self.forget_waiting(n);
        if let Some(mut visitor) = self.visitors.remove(n) {
            let _ = self.poll.registry().deregister(visitor.stream.socket());
        }
    }

    pub(super) fn visitor_event(&mut self, n: usize, event: &mio::event::Event) {
        let Some(visitor) = self.visitors.get(n) else { return };
        if matches!(visitor.waits, Waits::ToPart(_)) {
            return self.discard(n);
        }
        if matches!(visitor.waits, Waits::ForTls(_)) {
            return self.shake_hands(n);
        }
        // Nothing is read of one that waits: its bytes are the modem's. But one that is gone is gone.
        if event.is_error() || event.is_read_closed() {
            self.drop_visitor(n);
        }
    }

    fn discard(&mut self, n: usize) {
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        let mut buffer = [0; 512];
        for _ in 0..64 {
            match visitor.stream.read(&mut buffer) {
                Ok(1..) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                _ => break,
            }
        }
        self.drop_visitor(n);
    }
}

fn is_exhausted(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM))
}
