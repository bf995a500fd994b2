//! When a port has a connection, and what its application is told of losing it. Pure.

use crate::config::{Connect, OnLoss, Options};
use crate::fault::Fault;
use std::time::Duration;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An application has opened the port.
    Opened,
    /// The last one has closed it.
    Closed,
    /// The connection stands.
    Up,
    /// It could not be made, or it is lost.
    Lost(Fault),
    /// The remote modem lost its carrier, and the application wants to know.
    CarrierLost,
    /// [`Session::deadline`] has come.
    Time,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a connection.
    Dial,
    /// End it, or the try to make one; what was sent still arrives.
    Close,
    /// What the application wrote meanwhile is for nobody any more.
    Discard,
    /// Hang the application up: it gets SIGHUP and end of file, and has to open the port anew.
    HangUp,
    /// Tell people.
    Say(String),
    /// End the program.
    GiveUp(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No connection, none wanted.
    Idle,
    Dialling,
    Up {
        since: Duration,
    },
    /// The next try is at this time.
    Waiting {
        until: Duration,
    },
}

/// The life of one port.
#[derive(Debug)]
pub struct Session {
    on_loss: OnLoss,
    connect: Connect,
    linger: Duration,
    retry: Option<(Duration, Duration)>,
    state: State,
    /// Somebody has the port open.
    present: bool,
    /// When the connection of nobody ends.
    lingers: Option<Duration>,
    /// The next pause.
    pause: Duration,
    /// Not before this: an application that opens again and again does not dial more often for it.
    not_before: Duration,
    /// A connection was lost under the application: what it wrote since is not for the next one.
    interrupted: bool,
    /// What was said last, so that it is said once.
    said: Option<Fault>,
    random: u64,
}

/// A connection that stood so long was a good one: the next pause is the shortest again.
const GOOD: Duration = Duration::from_secs(5);

impl Session {
    /// A session at rest. `seed` makes the pauses of many clients differ.
    #[must_use]
    pub fn new(options: &Options, seed: u64) -> Session {
        Session {
            on_loss: options.on_loss,
            connect: options.connect,
            linger: options.linger,
            retry: options.retry,
            state: State::Idle,
            present: false,
            lingers: None,
            pause: options.retry.map_or(Duration::ZERO, |(least, _)| least),
            not_before: Duration::ZERO,
            interrupted: false,
            said: None,
            random: seed | 1,
        }
    }

    /// Whether the connection stands.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Whether an application has the port open.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.present
    }

    /// A word for the status.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self.state {
            State::Idle => "idle",
            State::Dialling => "connecting",
            State::Up { .. } => "connected",
            State::Waiting { .. } => "waiting for the next try",
        }
    }

    /// What to do at the start.
    pub fn begin(&mut self) -> Vec<Action> {
        if self.connect == Connect::Always { self.dial() } else { Vec::new() }
    }

    /// When [`Event::Time`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let retry = match self.state {
            State::Waiting { until } => Some(until),
            _ => None,
        };
        [retry, self.lingers].into_iter().flatten().min()
    }

    fn dial(&mut self) -> Vec<Action> {
        self.state = State::Dialling;
        vec![Action::Dial]
    }

    fn wanted(&self) -> bool {
        self.present || self.connect == Connect::Always
    }

    /// Says what is to be done about an event.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        match event {
            Event::Opened => {
                self.present = true;
                self.lingers = None;
                match self.state {
                    State::Idle if now < self.not_before => {
                        self.state = State::Waiting { until: self.not_before };
                        Vec::new()
                    }
                    State::Idle => self.dial(),
                    _ => Vec::new(),
                }
            }
            Event::Closed => {
                self.present = false;
                self.interrupted = false;
                if self.connect == Connect::Open && self.state != State::Idle {
                    self.lingers = Some(now + self.linger);
                }
                Vec::new()
            }
            Event::Up => {
                self.state = State::Up { since: now };
                self.said = None;
                let mut actions = Vec::new();
                if std::mem::take(&mut self.interrupted) {
                    actions.push(Action::Discard);
                }
                actions.push(Action::Say("connected".into()));
                actions
            }
            Event::Lost(fault) => self.lost(fault, now),
            Event::CarrierLost => {
                if !self.present {
                    return Vec::new();
                }
                vec![Action::Say("carrier lost".into()), Action::HangUp]
            }
            Event::Time => self.time(now),
        }
    }

    fn time(&mut self, now: Duration) -> Vec<Action> {
        if self.lingers.is_some_and(|end| now >= end) {
            self.lingers = None;
            let connected = matches!(self.state, State::Up { .. } | State::Dialling);
            self.state = State::Idle;
            return if connected { vec![Action::Close] } else { Vec::new() };
        }
        match self.state {
            State::Waiting { until } if now >= until => self.dial(),
            _ => Vec::new(),
        }
    }

    fn lost(&mut self, fault: Fault, now: Duration) -> Vec<Action> {
        let was_up = self.is_up();
        if let State::Up { since } = self.state
            && now.saturating_sub(since) >= GOOD
        {
            self.pause = self.retry.map_or(Duration::ZERO, |(least, _)| least);
        }
        let Some((_, most)) = self.retry else { return vec![Action::Close, Action::GiveUp(fault)] };
        let pause = self.jittered();
        self.not_before = now + pause;
        self.pause = (self.pause * 2).min(most);
        let mut actions = vec![Action::Close];
        if self.said.as_ref() != Some(&fault) || was_up {
            let then = if self.wanted() && self.on_loss == OnLoss::Keep { "; trying again" } else { "" };
            actions.push(Action::Say(format!("{fault}{then}")));
            self.said = Some(fault);
        }
        if self.present && self.on_loss == OnLoss::HangUp {
            actions.push(Action::HangUp);
        } else if self.present && was_up {
            self.interrupted = true;
        }
        // An application that is hung up opens anew, and dials thereby.
        let goes_on = self.connect == Connect::Always || self.present && self.on_loss == OnLoss::Keep;
        self.state = if goes_on { State::Waiting { until: self.not_before } } else { State::Idle };
        actions
    }

    /// The pause, less up to a quarter of it: clients of a server that was away do not come at once.
    fn jittered(&mut self) -> Duration {
        // xorshift64 (Marsaglia): nothing here needs to be unguessable.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let quarter = u64::try_from(self.pause.as_millis() / 4).unwrap_or(0);
        self.pause - Duration::from_millis(self.random % (quarter + 1))
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
