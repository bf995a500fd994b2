//! From start to idle: lock, open, DTR, initialisation.

use super::{Action, Look, Purpose, Reason, Session, State, Then};
use ttyline::expect::modem_chat::Outcome;
use ttyline::log::Level;

/// Hangs up a modem that is online and ignores DTR. 1.5 s of silence on both sides of `+++`: the guard time is
/// 1 s in most.
const ESCAPE_CHAT: &[u8] = br#""" \d\d\d+++\c "" \d\d\dATH0 OK"#;

impl Session {
    pub(super) fn start(&mut self) {
        self.log(Level::Mesg, "check for lockfiles");
        self.log(Level::Mesg, "locking the line");
        self.lock_for(Reason::Start);
    }

    pub(super) fn opened(&mut self, opened: bool) {
        if !opened {
            self.log(Level::Fatal, &format!("cannot open line /dev/{}", self.setup.device));
            self.push(Action::Unlock);
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
            None => self.drain(self.setup.waits.init_drain, self.first_words()),
        }
    }

    /// A line that failed is asked for a sign of life first: an init chat has long time-outs.
    pub(super) fn first_words(&self) -> Then {
        if self.ladder.why().is_some() && !self.setup.direct { Then::Probe } else { Then::InitChat }
    }

    pub(super) fn probe(&mut self) {
        use ttyline::expect::modem_chat::ModemChat;
        let escape = self.ladder.escapes();
        let chat = ModemChat::parse(if escape { ESCAPE_CHAT } else { b"\"\" AT OK" });
        self.begin_chat(chat, Purpose::Probe);
    }

    pub(super) fn probed(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Timeout => self.recover("modem is silent"),
            // Even ERROR is a sign of life.
            _ => self.drain(self.setup.waits.init_drain, Then::InitAgain),
        }
    }

    /// The modem is initialised. Nobody can be there: carrier that is on is a caller's who was left on the
    /// line, or the modem shows it always.
    pub(super) fn ready(&mut self) {
        if self.setup.direct || self.setup.blocking || self.setup.ignore_carrier {
            self.push(Action::Unlock);
            return self.idle();
        }
        self.push(Action::AskCarrier);
        self.state = State::CarrierAsked(Look::Ready);
    }

    pub(super) fn carrier(&mut self, look: Look, on: Option<bool>) {
        match (look, on == Some(true)) {
            (Look::Ready, true) if !self.hung_up => {
                self.hung_up = true;
                self.log(Level::Warn, "carrier is on though nobody can be there: hanging up");
                self.push(Action::DtrLow);
                self.state = State::DtrAsked;
            }
            (Look::Ready, on) => {
                if on && !self.carrier_stuck {
                    let text = format!(
                        "carrier is stuck, {}: check modem settings (AT&C1); root logins are refused",
                        self.setup.dev_pid()
                    );
                    self.audit(&text);
                }
                self.carrier_stuck = on;
                self.hung_up = false;
                self.push(Action::Unlock);
                self.idle();
            }
            (Look::Answer, false) => self.judge_or_ask(),
            (Look::Answer, true) => {
                let text = format!("carrier is on before the answer, {}: hanging up", self.setup.dev_pid());
                self.audit(&text);
                self.recover("carrier is on");
            }
        }
    }

    /// A direct line has no modem to initialise.
    pub(super) fn init_chat(&mut self) {
        if self.setup.direct {
            self.ready();
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
            Outcome::Timeout => self.init_failed("modem is silent"),
            Outcome::Abort(_) => self.init_failed("modem refuses the init chat"),
        }
    }

    pub(super) fn modem_is_on(&mut self, on: bool) {
        if on {
            self.begin_chat(self.setup.force_init_chat.clone(), Purpose::ForceInit);
        } else {
            if self.ladder.failed("modem is switched off").1 {
                self.log(Level::Mesg, "DSR and CTS are off: waiting for the modem to be switched on");
            }
            self.state = State::ModemOff { until: self.now + self.setup.waits.modem_off };
        }
    }

    pub(super) fn force_init_over(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Timeout => self.init_failed("modem is silent"),
            _ => self.drain(self.setup.waits.ready_drain, Then::InitAgain),
        }
    }

    fn init_failed(&mut self, why: &str) {
        if self.ladder.why() != Some(why) {
            self.audit(&format!("failed in mg_init_data, {}", self.setup.dev_pid()));
            self.log(Level::Fatal, "init chat failed");
        }
        self.push(Action::Flush);
        self.recover(why);
    }

    pub(super) fn statistics(&mut self) {
        if self.setup.statistics_chat.is_empty() {
            self.post_init();
        } else {
            self.push(Action::StatisticsBegin);
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
        if self.ladder.recovered() {
            self.log(Level::Error, "the line is well again");
        }
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
