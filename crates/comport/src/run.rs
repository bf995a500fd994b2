//! The event loop: ports, connections, look-ups and the programs that ask for modem lines. While nothing
//! happens nothing wakes up.

use crate::config;
use crate::fault::{Fault, reason};
use crate::journal;
use crate::lines::Lines;
use crate::net::Secrets;
use crate::pty::PtyPort;
use crate::redirect::{Found, Loop, Redirect};
use crate::watch::Watch;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use ttyline::claim::Claims;
use ttyline::signal::Signals;

/// The buffer all ports share to read into.
const SCRATCH: usize = 64 * 1024;

/// What a token stands for: a number in the upper bits, a kind in the lower three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A pty.
    Port(usize),
    /// The connection of a port.
    Net {
        /// Whose.
        port: usize,
        /// It is one that is being ended.
        leaving: bool,
    },
    /// The socket for a port's modem lines.
    Lines(usize),
    /// A client of it; the number is the port's in the lower 16 bits and a serial above.
    LinesClient(usize),
    /// What there is once.
    Special(usize),
}

const SIGNALS: Source = Source::Special(0);
const WAKER: Source = Source::Special(1);
const WATCH: Source = Source::Special(2);

impl Source {
    /// As mio knows it.
    #[must_use]
    pub fn token(self) -> Token {
        let (kind, number) = match self {
            Source::Port(n) => (0, n),
            Source::Net { port, leaving: false } => (1, port),
            Source::Net { port, leaving: true } => (2, port),
            Source::Lines(n) => (3, n),
            Source::LinesClient(n) => (4, n),
            Source::Special(n) => (5, n),
        };
        Token(number << 3 | kind)
    }

    fn of(token: Token) -> Source {
        let number = token.0 >> 3;
        match token.0 & 7 {
            0 => Source::Port(number),
            1 => Source::Net { port: number, leaving: false },
            2 => Source::Net { port: number, leaving: true },
            3 => Source::Lines(number),
            4 => Source::LinesClient(number),
            _ => Source::Special(number),
        }
    }
}

/// Clients of modem lines carry their port's number in so many bits.
const PORT_BITS: u32 = 16;

/// All ports of this process.
#[derive(Debug)]
pub struct Program {
    poll: Poll,
    start: Instant,
    signals: Signals,
    waker: Arc<Waker>,
    watch: Watch,
    found: (Sender<Found>, Receiver<Found>),
    redirects: Vec<Redirect>,
    lines: Vec<Option<Lines>>,
    serves_lines: Vec<bool>,
    clients: usize,
    again: Vec<usize>,
    /// Held while we have symlinks: others know by it that they are in use.
    _claims: Claims,
}

impl Program {
    /// Makes the ports.
    ///
    /// # Errors
    /// The first port that cannot be made, for people.
    pub fn new(ports: Vec<(config::Port, Option<Secrets>)>, verbose: bool) -> Result<Program, String> {
        let system = |e: io::Error| reason(&e);
        let poll = Poll::new().map_err(system)?;
        let wanted = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1];
        let signals = Signals::listen(&wanted).map_err(system)?;
        let raw = signals.as_fd().as_raw_fd();
        poll.registry().register(&mut SourceFd(&raw), SIGNALS.token(), Interest::READABLE).map_err(system)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER.token()).map_err(system)?);
        let watch = Watch::new(poll.registry(), WATCH.token()).map_err(system)?;
        let (mut claims, mut redirects, mut serves_lines) =
            (Claims::default(), Vec::<Redirect>::new(), Vec::new());
        for (number, (def, secrets)) in ports.into_iter().enumerate() {
            let shown = ttyline::visible::terminal(def.link.to_string_lossy().as_ref());
            let made = claims.claim(&def.link, |_| false).and_then(|()| {
                let mut port = PtyPort::new(&def.link, &def.options)?;
                port.register(poll.registry(), Source::Port(number).token())?;
                Ok(port)
            });
            let port = made.map_err(|e| format!("{shown}: {}", reason(&e)))?;
            serves_lines.push(def.options.lines);
            redirects.push(Redirect::new(number, def, secrets, port, seed(number), verbose));
        }
        Ok(Program {
            poll,
            start: Instant::now(),
            signals,
            waker,
            watch,
            found: channel(),
            lines: redirects.iter().map(|_| None).collect(),
            redirects,
            serves_lines,
            clients: 0,
            again: Vec::new(),
            _claims: claims,
        })
    }

    /// Serves the ports until a signal, or until one of them gives up: that is the exit code.
    ///
    /// # Errors
    /// epoll itself failing.
    pub fn run(&mut self) -> io::Result<u8> {
        let mut events = Events::with_capacity(256);
        let mut scratch = vec![0; SCRATCH];
        let mut give_up = None;
        self.each(&mut scratch, &mut give_up, |redirect, ctx| {
            redirect.begin(ctx);
            false
        });
        loop {
            self.settle(&mut scratch, &mut give_up);
            if let Some(fault) = give_up {
                return Ok(fault.code());
            }
            let timeout = self.timeout();
            match self.poll.poll(&mut events, timeout) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if Source::of(event.token()) == SIGNALS && self.heard() {
                    return Ok(0);
                }
                self.happened(event, &mut scratch, &mut give_up);
            }
            for number in std::mem::take(&mut self.again) {
                self.with(number, &mut scratch, &mut give_up, Redirect::pump);
            }
            let now = self.start.elapsed();
            self.each(&mut scratch, &mut give_up, |redirect, ctx| {
                redirect.deadline().is_some_and(|at| now >= at) && redirect.tick(ctx)
            });
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.redirects.iter().filter_map(Redirect::deadline).min()?;
        // epoll counts milliseconds: not a moment too early, or it would be asked again at once.
        Some(next.saturating_sub(self.start.elapsed()) + Duration::from_millis(1))
    }

    /// Watches devices that are new, and tells of modem lines.
    fn settle(&mut self, scratch: &mut [u8], give_up: &mut Option<Fault>) {
        for number in 0..self.redirects.len() {
            let Some(redirect) = self.redirects.get_mut(number) else { continue };
            let moved = std::mem::take(&mut redirect.moved);
            if moved {
                if let Err(e) = self.watch.add(redirect.port.slave(), number) {
                    journal::say(format!("{}: opens are not seen: {}", redirect.name(), reason(&e)));
                }
            }
            if moved && self.serves_lines.get(number) == Some(&true) {
                let device = redirect.port.device();
                let listening = self.with_loop(scratch, give_up, |_, ctx| {
                    Lines::listen(device, ctx, Source::Lines(number).token())
                });
                if let (Err(e), Some(redirect)) = (&listening, self.redirects.get(number)) {
                    journal::say(format!("{}: modem lines are not served: {}", redirect.name(), reason(e)));
                }
                if let Some(place) = self.lines.get_mut(number) {
                    *place = listening.ok();
                }
            }
            if moved {
                // It may have been opened before it was watched.
                self.with(number, scratch, give_up, Redirect::port_event);
            }
            if let (Some(Some(lines)), Some(redirect)) =
                (self.lines.get_mut(number), self.redirects.get(number))
            {
                lines.changed(redirect);
            }
        }
    }

    fn happened(&mut self, event: &mio::event::Event, scratch: &mut [u8], give_up: &mut Option<Fault>) {
        match Source::of(event.token()) {
            Source::Port(n) => self.with(n, scratch, give_up, Redirect::port_event),
            Source::Net { port, leaving } => {
                self.with(port, scratch, give_up, |redirect, ctx| redirect.net_event(event, leaving, ctx));
            }
            Source::Lines(n) => {
                let mut clients = self.clients;
                let Some(mut lines) = self.lines.get_mut(n).and_then(Option::take) else { return };
                self.with_loop(scratch, give_up, |_, ctx| {
                    lines.accept(ctx, || {
                        clients += 1;
                        Source::LinesClient(clients << PORT_BITS | n).token()
                    });
                });
                self.clients = clients;
                if let Some(place) = self.lines.get_mut(n) {
                    *place = Some(lines);
                }
            }
            Source::LinesClient(client) => {
                let n = client & ((1 << PORT_BITS) - 1);
                let Some(mut lines) = self.lines.get_mut(n).and_then(Option::take) else { return };
                self.with(n, scratch, give_up, |redirect, ctx| {
                    lines.event(event.token(), redirect, ctx);
                    false
                });
                if let Some(place) = self.lines.get_mut(n) {
                    *place = Some(lines);
                }
            }
            WAKER => {
                while let Ok((number, this, result)) = self.found.1.try_recv() {
                    self.with(number, scratch, give_up, |redirect, ctx| {
                        redirect.found(this, result, ctx);
                        false
                    });
                }
            }
            WATCH => {
                for number in self.watch.news() {
                    self.with(number, scratch, give_up, Redirect::port_event);
                }
            }
            Source::Special(_) => {}
        }
    }

    /// Whether a signal has come that ends the program.
    fn heard(&mut self) -> bool {
        while let Some(signal) = self.signals.next() {
            if signal != Signal::SIGUSR1 {
                return true;
            }
            self.redirects.iter().for_each(|redirect| journal::say(redirect.status()));
        }
        false
    }

    fn with_loop<T>(
        &mut self,
        scratch: &mut [u8],
        give_up: &mut Option<Fault>,
        act: impl FnOnce(&mut Vec<Redirect>, &mut Loop<'_>) -> T,
    ) -> T {
        let mut ctx = Loop {
            registry: self.poll.registry(),
            now: self.start.elapsed(),
            scratch,
            found: &self.found.0,
            waker: &self.waker,
            give_up,
        };
        act(&mut self.redirects, &mut ctx)
    }

    /// Lets one port act; `true` means that there is more to do than one turn allows.
    fn with(
        &mut self,
        number: usize,
        scratch: &mut [u8],
        give_up: &mut Option<Fault>,
        act: impl FnOnce(&mut Redirect, &mut Loop<'_>) -> bool,
    ) {
        let more = self.with_loop(scratch, give_up, |redirects, ctx| {
            redirects.get_mut(number).is_some_and(|redirect| act(redirect, ctx))
        });
        if more && !self.again.contains(&number) {
            self.again.push(number);
        }
    }

    fn each(
        &mut self,
        scratch: &mut [u8],
        give_up: &mut Option<Fault>,
        mut act: impl FnMut(&mut Redirect, &mut Loop<'_>) -> bool,
    ) {
        for number in 0..self.redirects.len() {
            self.with(number, scratch, give_up, &mut act);
        }
    }
}

/// Differs from port to port and from process to process.
fn seed(number: usize) -> u64 {
    use std::hash::{BuildHasher, Hasher};
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_usize(number);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for n in [0, 1, 5000] {
            for source in [
                Source::Port(n),
                Source::Net { port: n, leaving: false },
                Source::Net { port: n, leaving: true },
                Source::Lines(n),
                Source::LinesClient(n),
                Source::Special(n),
            ] {
                assert_eq!(Source::of(source.token()), source);
            }
        }
    }
}
