//! Carries a machine's actions out on a line, a tty or a recording.

use crate::journal::Journal;
use crate::lexer::Place;
use crate::machine::{Action, Ending, Event, Machine, What};
use crate::syntax::Port;
use std::net::Ipv4Addr;
use std::time::Duration;
use ttyline::talk::line::{Fatal, Input, Line, Output};

/// Waits up to this long are made in naps: the alarm clock knows whole seconds only.
const SHORT: Duration = Duration::from_millis(100);
/// One nap.
const NAP: Duration = Duration::from_millis(10);

/// What a script can change besides sending.
pub trait Surroundings {
    /// `set port`.
    ///
    /// # Errors
    /// In words: the line cannot do it.
    fn port(&mut self, port: Port) -> Result<(), String>;
    /// `set ipaddr`.
    ///
    /// # Errors
    /// In words: it could not be written down.
    fn address(&mut self, address: Ipv4Addr) -> Result<(), String>;
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Machine(Ending),
    /// A signal.
    Signal(&'static str),
    /// Something that a script asked for could not be done.
    Failed(String),
}

/// Runs a script to its end; gives where it was then.
pub fn play(
    machine: &mut Machine,
    line: &mut dyn Line,
    journal: &mut Journal,
    around: &mut dyn Surroundings,
) -> (End, Place) {
    Play { machine, line, journal, around, place: Place::default(), armed: None }.go()
}

struct Play<'a> {
    machine: &'a mut Machine,
    line: &'a mut dyn Line,
    journal: &'a mut Journal,
    around: &'a mut dyn Surroundings,
    place: Place,
    /// The deadline for which the alarm clock is set.
    armed: Option<Duration>,
}

/// What a step has led to.
enum Next {
    Event(Event),
    /// Look again at what is wanted.
    Again,
    End(End),
}

impl Play<'_> {
    fn go(mut self) -> (End, Place) {
        let mut actions = Vec::new();
        self.machine.handle(self.line.now(), Event::Start, &mut actions);
        loop {
            let mut send = None;
            for action in actions.drain(..) {
                match self.carry(action) {
                    Ok(None) => {}
                    Ok(Some(bytes)) => send = Some(bytes),
                    Err(end) => return self.over(end),
                }
            }
            let next = match send {
                Some((bytes, secret)) => self.send(&bytes, secret),
                None => self.wait(&mut actions),
            };
            match next {
                Next::Again => {}
                Next::Event(event) => {
                    if event == Event::HungUp {
                        self.journal.hung_up(self.line.now());
                    }
                    self.machine.handle(self.line.now(), event, &mut actions);
                }
                Next::End(end) => return self.over(end),
            }
        }
    }

    fn over(self, end: End) -> (End, Place) {
        self.line.set_alarm(0);
        (end, self.place)
    }

    /// Gives the bytes of a send, which takes time.
    fn carry(&mut self, action: Action) -> Result<Option<(Vec<u8>, bool)>, End> {
        let now = self.line.now();
        match action {
            Action::Begin(step) => {
                self.place = step.place;
                self.journal.begin(&step, now);
                match step.what {
                    What::Transmit { bytes, secret } if !bytes.is_empty() => {
                        return Ok(Some((bytes, secret)));
                    }
                    What::Port(port) => self.around.port(port).map_err(End::Failed)?,
                    What::Address(Some(address)) => self.around.address(address).map_err(End::Failed)?,
                    _ => {}
                }
            }
            Action::End(outcome) => self.journal.end(&outcome, now),
            Action::Over(ending, place) => {
                self.place = place;
                return Err(End::Machine(ending));
            }
        }
        Ok(None)
    }

    /// Sets the alarm clock for `deadline`, once.
    fn arm(&mut self, deadline: Option<Duration>) {
        if deadline != self.armed {
            let left = deadline.map_or(0, |at| {
                let left = at.saturating_sub(self.line.now());
                i32::try_from(left.as_secs() + u64::from(left.subsec_nanos() > 0)).unwrap_or(i32::MAX)
            });
            self.line.set_alarm(if deadline.is_some() { left.max(1) } else { 0 });
            self.armed = deadline;
        }
    }

    /// The alarm has rung: it must be set again, if it was early.
    fn rang(&mut self) -> Next {
        self.armed = None;
        Next::Event(Event::Deadline)
    }

    fn send(&mut self, bytes: &[u8], secret: bool) -> Next {
        self.line.begin_send(secret);
        let mut rest = bytes;
        while !rest.is_empty() {
            self.arm(self.machine.deadline());
            match self.line.write(rest) {
                Output::Done(count) => rest = rest.get(count..).unwrap_or_default(),
                Output::Fatal(fatal) => return Next::End(signal(fatal)),
                Output::Alarm => {
                    self.armed = None;
                    if self.machine.deadline().is_some_and(|at| at <= self.line.now()) {
                        return Next::Event(Event::Deadline);
                    }
                }
                Output::Failed(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    if let Output::Fatal(fatal) = self.line.pause(NAP) {
                        return Next::End(signal(fatal));
                    }
                }
                Output::Failed(_) => return Next::Event(Event::HungUp),
            }
        }
        self.line.end_send();
        self.journal.sent(bytes, self.line.now());
        Next::Event(Event::Sent)
    }

    fn wait(&mut self, actions: &mut Vec<Action>) -> Next {
        let now = self.line.now();
        let deadline = self.machine.deadline();
        let left = deadline.map(|at| at.saturating_sub(now));
        let need = self.machine.need();
        if need == 0 {
            self.arm(None);
            return match (left, self.line.pause(left.unwrap_or(SHORT))) {
                (_, Output::Fatal(fatal)) => Next::End(signal(fatal)),
                (Some(_), _) => Next::Event(Event::Deadline),
                (None, _) => Next::Again,
            };
        }
        let short = left.is_some_and(|left| left <= SHORT);
        self.arm(deadline.filter(|_| !short));
        let mut buffer = [0; 1024];
        let most = need.min(buffer.len());
        let input = self.line.read(buffer.get_mut(..most).unwrap_or_default(), !short);
        match input {
            Input::Bytes(count) => {
                let bytes = buffer.get(..count).unwrap_or_default();
                let now = self.line.now();
                self.journal.received(bytes, now);
                self.machine.bytes(now, bytes, actions);
                Next::Again
            }
            Input::Alarm => self.rang(),
            Input::Fatal(fatal) => Next::End(signal(fatal)),
            Input::Nothing if left == Some(Duration::ZERO) => Next::Event(Event::Deadline),
            Input::Nothing => match self.line.pause(left.unwrap_or(NAP).min(NAP)) {
                Output::Fatal(fatal) => Next::End(signal(fatal)),
                _ => Next::Again,
            },
            Input::End | Input::Failed => Next::Event(Event::HungUp),
        }
    }
}

fn signal(fatal: Fatal) -> End {
    End::Signal(fatal.name())
}
