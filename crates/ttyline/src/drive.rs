//! Runs a pure dialogue on a line: poll, deadlines, signals.
//!
//! A dialogue is a [`Machine`]: events and the time go in, actions of its own kind come out. It owns no
//! descriptor and reads no clock. [`run`] carries bytes and time between it and the line; everything else
//! it asks for is done by the caller's `carry`.
//!
//! Nothing here wakes up without a cause: with no deadline and no interest in bytes, `run` sleeps until a
//! signal comes or the line hangs up.

use crate::line::{Input, Line};
use crate::signal::Signals;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// Time since an arbitrary start; it never goes back.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What a machine wants of the line's input now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing: bytes wait in the kernel.
    Nothing,
    /// To be told that bytes are there, without reading them: another program may want them.
    Notice,
    /// The bytes.
    Read,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The first event of every run.
    Start,
    /// Bytes from the line.
    Bytes(&'a [u8]),
    /// Bytes are there and were not read ([`Interest::Notice`]).
    Readable,
    /// The machine's deadline has come.
    Deadline,
    /// The line has taken everything that was to be sent.
    Sent,
    /// The line is hung up. Said once.
    HungUp,
    /// A signal.
    Signal(Signal),
    /// One of the other descriptors the caller watches is readable: its place in [`Sources::others`].
    Other(usize),
}

/// A dialogue without I/O.
pub trait Machine {
    /// What it can ask for.
    type Action;

    /// Takes one event at time `now`; adds what is to be done to `actions`.
    fn handle(&mut self, now: Duration, event: Event<'_>, actions: &mut Vec<Self::Action>);

    /// When it wants [`Event::Deadline`], if nothing else happens before.
    fn deadline(&self) -> Option<Duration>;

    /// What it wants of the input.
    fn interest(&self) -> Interest {
        Interest::Read
    }
}

/// What `carry` makes of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried<R> {
    /// It is done.
    Done,
    /// Send these bytes, after what is being sent already.
    Send(Vec<u8>),
    /// Forget what has not been sent yet.
    Unsend,
    /// The run is over.
    End(R),
}

/// What a run waits for besides the deadline.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// The line; `None` while somebody else has it.
    pub line: Option<&'a Line>,
    /// Signals.
    pub signals: Option<&'a Signals>,
    /// More descriptors that may become readable (a pidfd, an inotify).
    pub others: &'a [BorrowedFd<'a>],
}

/// What [`wait`] found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Bytes (or the end of input) are there.
    pub readable: bool,
    /// The line takes bytes.
    pub writable: bool,
    /// The line says that it is hung up.
    pub hung_up: bool,
    /// A signal has come.
    pub signal: bool,
    /// The first of the others that is readable.
    pub other: Option<usize>,
}

/// Waits for one of `sources` (the line for reading and writing as asked), at most until `limit` is over.
///
/// # Errors
/// None in practice: bad descriptors cannot be borrowed.
pub fn wait(sources: Sources<'_>, read: bool, write: bool, limit: Option<Duration>) -> io::Result<Ready> {
    let mut fds = Vec::with_capacity(2 + sources.others.len());
    if let Some(signals) = sources.signals {
        fds.push(PollFd::new(signals.as_fd(), PollFlags::POLLIN));
    }
    if let Some(line) = sources.line {
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, read);
        events.set(PollFlags::POLLOUT, write);
        fds.push(PollFd::new(line.as_fd(), events));
    }
    fds.extend(sources.others.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
    match ppoll(&mut fds, limit.map(TimeSpec::from), None) {
        Ok(_) => {}
        // A handler has run: its byte is in the pipe by now.
        Err(Errno::EINTR) => return Ok(Ready { signal: sources.signals.is_some(), ..Ready::default() }),
        Err(e) => return Err(e.into()),
    }
    let mut found = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
    let mut ready = Ready::default();
    if sources.signals.is_some() {
        ready.signal = found.next().is_some_and(|f| !f.is_empty());
    }
    if sources.line.is_some() {
        let flags = found.next().unwrap_or(PollFlags::empty());
        ready.readable = flags.contains(PollFlags::POLLIN);
        ready.writable = flags.contains(PollFlags::POLLOUT);
        ready.hung_up = flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL);
    }
    ready.other = found.position(|f| !f.is_empty());
    Ok(ready)
}

/// Waits until `limit` is over or a signal comes; gives the signal.
///
/// # Errors
/// As [`wait`].
pub fn pause(signals: &Signals, limit: Duration) -> io::Result<Option<Signal>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(signal) = signals.next() {
            return Ok(Some(signal));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        wait(Sources { signals: Some(signals), ..Sources::default() }, false, false, Some(left))?;
    }
}

/// Runs `machine` until `carry` ends it.
///
/// Order within one wake-up: signals, then what the line takes, then what it gives, then the deadline.
///
/// # Errors
/// What reading or writing the line gives besides a hang-up (which is an event).
pub fn run<M: Machine, R>(
    sources: Sources<'_>,
    clock: &Clock,
    machine: &mut M,
    carry: impl FnMut(&mut M, M::Action) -> Carried<R>,
) -> io::Result<R> {
    Run { sources, clock, machine, carry, unsent: Vec::new(), actions: Vec::new(), gone: false }.go()
}

struct Run<'a, M: Machine, C> {
    sources: Sources<'a>,
    clock: &'a Clock,
    machine: &'a mut M,
    carry: C,
    unsent: Vec<u8>,
    actions: Vec<M::Action>,
    /// The line has said that it is hung up: it is not polled any more, or poll would not sleep.
    gone: bool,
}

impl<M: Machine, R, C: FnMut(&mut M, M::Action) -> Carried<R>> Run<'_, M, C> {
    fn go(mut self) -> io::Result<R> {
        if let Some(end) = self.tell(Event::Start)? {
            return Ok(end);
        }
        loop {
            if let Some(end) = self.once()? {
                return Ok(end);
            }
        }
    }

    fn once(&mut self) -> io::Result<Option<R>> {
        let interest = self.machine.interest();
        let mut sources = self.sources;
        if self.gone {
            sources.line = None;
        }
        let limit = self.machine.deadline().map(|at| at.saturating_sub(self.clock.now()));
        let ready = wait(sources, interest != Interest::Nothing, !self.unsent.is_empty(), limit)?;
        if ready.signal {
            while let Some(signal) = self.sources.signals.and_then(Signals::next) {
                if let Some(end) = self.tell(Event::Signal(signal))? {
                    return Ok(Some(end));
                }
            }
        }
        if ready.writable && !self.unsent.is_empty() {
            self.send_some()?;
            if self.unsent.is_empty() {
                if let Some(end) = self.tell(Event::Sent)? {
                    return Ok(Some(end));
                }
            }
        }
        // A signal may have changed what is wanted of the line; a hang-up is news in any case.
        if (ready.readable || ready.hung_up) && !self.gone {
            if let Some(end) = self.input(ready.hung_up)? {
                return Ok(Some(end));
            }
        }
        if let Some(place) = ready.other {
            if let Some(end) = self.tell(Event::Other(place))? {
                return Ok(Some(end));
            }
        }
        if self.machine.deadline().is_some_and(|at| at <= self.clock.now()) {
            return self.tell(Event::Deadline);
        }
        Ok(None)
    }

    fn input(&mut self, hung_up: bool) -> io::Result<Option<R>> {
        let Some(line) = self.sources.line else { return Ok(None) };
        match self.machine.interest() {
            Interest::Read => {
                let mut buffer = [0; 2048];
                match line.read(&mut buffer)? {
                    Input::Bytes(n) => self.tell(Event::Bytes(buffer.get(..n).unwrap_or(&[]))),
                    Input::HungUp => self.hung_up(),
                    Input::Nothing if hung_up => self.hung_up(),
                    Input::Nothing => Ok(None),
                }
            }
            _ if hung_up => self.hung_up(),
            Interest::Notice => self.tell(Event::Readable),
            Interest::Nothing => Ok(None),
        }
    }

    fn hung_up(&mut self) -> io::Result<Option<R>> {
        self.gone = true;
        self.unsent.clear();
        self.tell(Event::HungUp)
    }

    fn tell(&mut self, event: Event<'_>) -> io::Result<Option<R>> {
        self.machine.handle(self.clock.now(), event, &mut self.actions);
        // Taken out so that `carry` may borrow the machine; put back to keep its memory.
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match (self.carry)(self.machine, action) {
                Carried::Done => {}
                Carried::Send(bytes) => {
                    if !self.gone {
                        self.unsent.extend_from_slice(&bytes);
                    }
                }
                Carried::Unsend => self.unsent.clear(),
                Carried::End(end) => {
                    // What was to be sent before the end goes out as far as the line takes it at once.
                    let _ = self.send_some();
                    return Ok(Some(end));
                }
            }
        }
        self.actions = actions;
        Ok(None)
    }

    fn send_some(&mut self) -> io::Result<()> {
        let Some(line) = self.sources.line else { return Ok(()) };
        if self.unsent.is_empty() {
            return Ok(());
        }
        match line.write_some(&self.unsent) {
            Ok(n) => drop(self.unsent.drain(..n.min(self.unsent.len()))),
            // Hung up: reading will say so.
            Err(e) if e.raw_os_error() == Some(libc::EIO) => self.unsent.clear(),
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Flow;
    use crate::sys::termios::When;
    use nix::pty::openpty;
    use std::fs::File;
    use std::io::Write;

    /// Answers PING with PONG, and gives up after 50 ms of silence.
    #[derive(Default)]
    struct Ponger {
        seen: Vec<u8>,
        events: Vec<String>,
        end: Option<Duration>,
    }

    enum Do {
        Say(&'static str),
        Stop(&'static str),
    }

    impl Machine for Ponger {
        type Action = Do;
        fn handle(&mut self, now: Duration, event: Event<'_>, actions: &mut Vec<Do>) {
            self.events.push(format!("{event:?}"));
            match event {
                Event::Bytes(bytes) => self.seen.extend_from_slice(bytes),
                Event::Deadline => actions.push(Do::Stop("silence")),
                Event::HungUp => actions.push(Do::Stop("hung up")),
                _ => {}
            }
            if self.seen.ends_with(b"PING") {
                self.seen.clear();
                actions.push(Do::Say("PONG"));
            }
            self.end = Some(now + Duration::from_millis(50));
        }
        fn deadline(&self) -> Option<Duration> {
            self.end
        }
    }

    fn pty() -> (File, Line) {
        let pair = openpty(None, None).unwrap();
        let line = Line::adopt(pair.slave).unwrap();
        line.set(&line.found().for_modem(38400, Flow::None), When::Now).unwrap();
        line.set_blocking(false).unwrap();
        (File::from(pair.master), line)
    }

    fn play(line: &Line, machine: &mut Ponger) -> &'static str {
        let sources = Sources { line: Some(line), ..Sources::default() };
        run(sources, &Clock::start(), machine, |_, action| match action {
            Do::Say(text) => Carried::Send(text.into()),
            Do::Stop(why) => Carried::End(why),
        })
        .unwrap()
    }

    #[test]
    fn bytes_go_in_and_answers_come_out_until_the_deadline() {
        let (mut master, line) = pty();
        master.write_all(b"PING").unwrap();
        let mut machine = Ponger::default();
        assert_eq!(play(&line, &mut machine), "silence");
        assert_eq!(machine.events, ["Start", "Bytes([80, 73, 78, 71])", "Sent", "Deadline"]);
        let mut answer = [0; 4];
        std::io::Read::read_exact(&mut master, &mut answer).unwrap();
        assert_eq!(&answer, b"PONG");
    }

    #[test]
    fn a_hang_up_is_told_once() {
        let (master, line) = pty();
        drop(master);
        let mut machine = Ponger::default();
        assert_eq!(play(&line, &mut machine), "hung up");
        assert_eq!(machine.events, ["Start", "HungUp"]);
    }
}
