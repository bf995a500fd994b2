//! From start to idle: lock, open, DTR, initialisation.

use super::{Action, Purpose, Reason, Session, State, Then};
use ttyline::expect::modem_chat::Outcome;
use ttyline::log::Level;

impl Session {
    pub(super) fn start(&mut self) {
        self.log(Level::Mesg, "check for lockfiles");
        self.log(Level::Mesg, "locking the line");
        self.lock_for(Reason::Start);
    }

    pub(super) fn opened(&mut self, opened: bool) {
        if !opened {
            self.log(Level::Fatal, &format!("cannot open line /dev/{}", self.setup.device));
            self.state = State::OpenFailed { until: self.now + self.setup.waits.after_open_failure };
        } else if self.setup.toggle_dtr {
            self.push(Action::DtrLow);
            self.state = State::DtrAsked;
        } else {
            self.open_delay();
        }
    }

    pub(super) fn dtr_is_low(&mut self, low: bool) {
        if low {
            self.state = State::DtrLow { until: self.now + self.setup.waits.dtr };
        } else {
            self.open_delay();
        }
    }

    /// DTR is up: the line is set up for the modem.
    pub(super) fn open_delay(&mut self) {
        self.push(Action::Set(super::Stage::Modem));
        match self.setup.open_delay {
            Some(delay) => self.state = State::OpenDelay { until: self.now + delay },
            None => self.drain(self.setup.waits.init_drain, Then::InitChat),
        }
    }

    /// A direct line has no modem to initialise.
    pub(super) fn init_chat(&mut self) {
        if self.setup.direct {
            self.push(Action::Unlock);
            self.idle();
        } else {
            self.begin_chat(self.setup.init_chat.clone(), Purpose::Init);
        }
    }

    pub(super) fn init_over(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => self.family(),
            Outcome::Timeout if !self.init_forced => {
                self.init_forced = true;
                if self.setup.need_dsr {
                    self.push(Action::AskModem);
                    self.state = State::ModemAsked;
                } else {
                    self.begin_chat(self.setup.force_init_chat.clone(), Purpose::ForceInit);
                }
            }
            _ => self.init_failed(),
        }
    }

    pub(super) fn modem_is_on(&mut self, on: bool) {
        if on {
            self.begin_chat(self.setup.force_init_chat.clone(), Purpose::ForceInit);
        } else {
            self.log(Level::Mesg, "DSR and CTS are off: waiting for the modem to be switched on");
            self.state = State::ModemOff { until: self.now + self.setup.waits.modem_off };
        }
    }

    pub(super) fn force_init_over(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Timeout => self.init_failed(),
            _ => self.drain(self.setup.waits.ready_drain, Then::InitAgain),
        }
    }

    fn init_failed(&mut self) {
        self.audit(&format!("failed in mg_init_data, {}", self.setup.dev_pid()));
        self.log(Level::Fatal, "init chat failed, exiting...");
        self.push(Action::Flush);
        self.exit(1);
    }

    pub(super) fn statistics(&mut self) {
        if self.setup.statistics_chat.is_empty() {
            self.post_init();
        } else {
            self.begin_chat(self.setup.statistics_chat.clone(), Purpose::Statistics);
        }
    }

    pub(super) fn post_init(&mut self) {
        if self.setup.post_init_chat.is_empty() {
            self.drain(self.setup.waits.ready_drain, Then::Ready);
        } else {
            self.begin_chat(self.setup.post_init_chat.clone(), Purpose::PostInit);
        }
    }

    pub(super) fn idle(&mut self) {
        self.log(Level::Mesg, "waiting...");
        self.active = false;
        self.init_forced = false;
        if self.setup.blocking || self.virtual_ring && !self.setup.direct {
            return self.wake();
        }
        let check = self.setup.modem_check.filter(|_| !self.setup.direct);
        self.state = State::Idle { until: check.map(|after| self.now + after) };
    }
}
