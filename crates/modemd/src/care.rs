//! The line and its modem, from lock to unlock.

use crate::args::Options;
use crate::client::Client;
use nix::poll::PollTimeout;
use std::time::{Duration, Instant};
use ttyline::drive::{self, Clock, Sources};
use ttyline::line::{Input, Line};
use ttyline::line_name::LineName;
use ttyline::lock::Holder;
use ttyline::share::clean::{Action, Cleaner, Event, Outcome, Plan};
use ttyline::share::hold::{Held, NotHeld};
use ttyline::share::keepalive;

/// What this process is called from its client's end on, while the modem is cleaned up: a successor waits
/// for that, and refuses its client at once while somebody is talking.
const LEAVING: &str = "modemd-leaving";

/// How long leaving may take in all.
const LEAVING_TIME: Duration = Duration::from_secs(20);

/// Why there is no modem for the client.
#[derive(Debug)]
pub enum Refusal {
    /// Somebody else has it.
    Busy(Holder),
    /// It cannot be locked, opened or set.
    Unusable(String),
    /// The client did not wait.
    ClientGone,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Busy(holder) => write!(f, "in use by {holder}"),
            Refusal::Unusable(why) => f.write_str(why),
            Refusal::ClientGone => f.write_str("the client went away while it waited"),
        }
    }
}

/// A line that is ours, and how its modem is left.
#[derive(Debug)]
pub struct Care {
    held: Held,
    plan: Plan,
}

/// Locks, opens and sets the line.
///
/// # Errors
/// [`Refusal`].
pub fn take(options: &Options, client: &Client) -> Result<Care, Refusal> {
    let start = Instant::now();
    loop {
        let holder = match Held::take(&options.device, &options.wish) {
            Ok(held) => return Ok(Care { held, plan: options.clean.clone() }),
            Err(NotHeld::Busy(holder)) => holder,
            Err(NotHeld::Unusable(why)) => return Err(Refusal::Unusable(why)),
        };
        let limit = if leaves(&holder) { options.wait.max(LEAVING_TIME) } else { options.wait };
        if start.elapsed() >= limit {
            return Err(Refusal::Busy(holder));
        }
        if keepalive::closes(client.input(), PollTimeout::from(50u8)) {
            return Err(Refusal::ClientGone);
        }
    }
}

fn leaves(holder: &Holder) -> bool {
    let comm = holder.pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    comm.is_some_and(|comm| comm.trim_end() == LEAVING)
}

/// From now on a successor waits for us.
pub fn is_leaving() {
    let _ = std::fs::write("/proc/self/comm", LEAVING);
}

impl Care {
    /// The line.
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.held.line
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &LineName {
        self.held.name()
    }

    /// Whether carrier is up; `None` where the port cannot tell.
    #[must_use]
    pub fn carrier(&self) -> Option<bool> {
        self.held.carrier()
    }

    /// Our predecessor was killed.
    #[must_use]
    pub fn left_dirty(&self) -> bool {
        self.held.left_dirty
    }

    /// From now on a falling carrier hangs the line up.
    pub fn heed_carrier(&mut self) {
        self.held.ignore_carrier(false);
    }

    /// Leaves the modem as the next user may expect it.
    #[must_use]
    pub fn clean(&mut self) -> Outcome {
        is_leaving();
        self.held.ignore_carrier(true);
        if self.held.is_hung_up() && !self.held.open_again() {
            // Unplugged: nothing to clean.
            return Outcome::Silent;
        }
        let (clock, mut cleaner, mut actions) = (Clock::start(), Cleaner::new(self.plan.clone()), Vec::new());
        cleaner.handle(clock.now(), Event::Start, &mut actions);
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::HangUp => self.held.line.hang_up(),
                    Action::Raise => self.held.raise_clean(),
                    Action::Send(bytes) => {
                        let _ = self.held.line.write_all(&bytes, Duration::from_secs(1));
                    }
                    Action::LookAtCarrier => {
                        cleaner.handle(clock.now(), Event::Carrier(self.carrier()), &mut actions);
                    }
                    Action::Done(outcome) => return outcome,
                }
            }
            if actions.is_empty() && !self.step(&clock, &mut cleaner, &mut actions) {
                return Outcome::Silent;
            }
        }
    }

    /// Waits for bytes or the deadline; `false` if the line is gone.
    fn step(&self, clock: &Clock, cleaner: &mut Cleaner, actions: &mut Vec<Action>) -> bool {
        let left = cleaner.deadline().unwrap_or_default().saturating_sub(clock.now());
        if left.is_zero() {
            cleaner.handle(clock.now(), Event::Deadline, actions);
            return true;
        }
        let sources = Sources { line: Some(&self.held.line), ..Sources::default() };
        let Ok(ready) = drive::wait(sources, true, false, Some(left)) else { return false };
        if ready.readable || ready.hung_up {
            let mut buffer = [0; 256];
            match self.held.line.read(&mut buffer) {
                Ok(Input::Bytes(n)) => {
                    cleaner.handle(clock.now(), Event::Bytes(buffer.get(..n).unwrap_or_default()), actions);
                }
                Ok(Input::Nothing) => {}
                Ok(Input::HungUp) | Err(_) => return false,
            }
        }
        true
    }
}
