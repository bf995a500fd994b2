//! What can be told of the session from outside: the state of the line, beginning and end of each call.

use super::{Action, Look, Purpose, Reason, Session, State, Then};
use ttyline::state::State as Doing;

/// What the line is doing, for its state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phase {
    /// The state.
    pub doing: Doing,
    /// Rings so far.
    pub ring: u32,
}

impl Session {
    /// What the line is doing now.
    pub fn phase(&self) -> Phase {
        let doing = match &self.state {
            State::Resting { .. } | State::ModemOff { .. } | State::ModemAsked => Doing::Failed,
            State::New | State::Locking(Reason::Start) | State::Opening => self.bringing_up(),
            State::OpenFailed { .. } => Doing::Failed,
            State::CarrierAsked(Look::Ready) | State::Asking(_) => self.bringing_up(),
            State::DtrAsked | State::DtrLow { .. } | State::OpenDelay { .. } => self.bringing_up(),
            State::Idle { .. } | State::Locking(Reason::Check) => self.waiting(),
            State::Locking(Reason::Activity)
            | State::NologinAsked(_)
            | State::Ringing(_)
            | State::RingsAsked(_)
                if !self.calling =>
            {
                self.waiting()
            }
            State::Draining { then: Then::CleanUp, .. } if !self.calling => self.waiting(),
            State::Draining {
                then: Then::InitChat | Then::InitAgain | Then::Ready | Then::Probe, ..
            } => self.bringing_up(),
            State::Draining { then: Then::NologinText, .. } | State::NologinBye { .. } => Doing::Login,
            State::Locking(Reason::Activity)
            | State::NologinAsked(_)
            | State::Ringing(_)
            | State::RingsAsked(_)
            | State::CarrierAsked(Look::Answer)
            | State::Judging
            | State::Draining { then: Then::CleanUp, .. } => Doing::Ringing,
            State::Talking { purpose, .. } => match purpose {
                Purpose::CallerId => Doing::Ringing,
                Purpose::Answer => Doing::Answering,
                Purpose::Check(_) => self.waiting(),
                _ => self.bringing_up(),
            },
            State::Dialout | State::DialoutOver { .. } if self.dialling_back => Doing::CallBack,
            State::Dialout | State::DialoutOver { .. } => Doing::DialOut,
            State::CallingBack | State::Draining { then: Then::CallBack, .. } => Doing::CallBack,
            State::TakingOver | State::Acknowledging { .. } => Doing::CallBack,
            State::Unlockable { .. } => Doing::Failed,
            State::Connected(_) | State::Naming(_) => Doing::Login,
            State::Over => Doing::Ended,
        };
        Phase { doing, ring: self.rings }
    }

    fn bringing_up(&self) -> Doing {
        if self.ladder.why().is_some() { Doing::Failed } else { Doing::Starting }
    }

    fn waiting(&self) -> Doing {
        if self.carrier_stuck { Doing::CarrierStuck } else { Doing::Idle }
    }

    /// Why the line is not served, or what is odd.
    pub fn why(&self) -> Option<&str> {
        match &self.state {
            State::ModemOff { .. } | State::ModemAsked => Some("modem is switched off"),
            State::Unlockable { .. } => Some("no lock file can be made"),
            State::OpenFailed { .. } => Some("device cannot be opened"),
            _ if self.carrier_stuck => Some("carrier is always on (AT&C0?)"),
            _ => self.ladder.why(),
        }
    }

    /// Rings of this call.
    pub fn rings(&self) -> u32 {
        self.rings
    }

    /// Somebody calls, or is there.
    pub(super) fn call_begins(&mut self) {
        if !self.calling {
            self.calling = true;
            self.push(Action::CallBegins);
        }
    }

    /// The call is over; who is told of the end afterwards says nothing new.
    pub(super) fn call_over(&mut self, cause: &str) {
        if std::mem::take(&mut self.calling) {
            self.push(Action::CallOver(cause.to_string()));
        }
    }
}
