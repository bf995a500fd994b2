//! From idle to CONNECT: rings, no-login, who calls, answering.

use super::{Action, LINE_MAX, Login, Look, Purpose, Reason, Session, State, Then, Verdict};
use std::time::Duration;
use ttyline::at::result::{self, Action as Result};
use ttyline::at::ring::{RingReader, voice_event};
use ttyline::expect::modem_chat::Outcome;
use ttyline::log::Level;
use ttyline::visible;

/// Rings come every 4 to 6 s; after this silence the first call of a ringback is over.
const RINGBACK_SILENCE: Duration = Duration::from_secs(17);
const DLE: u8 = 0x10;
/// `cid-program` is asked at this ring about a caller who is not known.
const UNKNOWN_RINGS: u32 = 3;

/// What a ringing line is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Enough rings.
    Plain,
    /// The end of a call that is only a sign (`ringback`).
    FirstCall,
    /// The call that follows it.
    SecondCall,
    /// Nothing: logins are forbidden. The file is looked for after each ring.
    Forbidden,
}

/// A line that is ringing, or has said something.
#[derive(Debug, Clone)]
pub struct Ringing {
    rings: u32,
    until: Duration,
    reader: RingReader,
    mode: Mode,
    /// A DLE came: the next byte is an event of a voice modem.
    escaped: bool,
    /// What `cid-program` has said of the rings to wait for.
    wanted: Option<u32>,
    /// It has been asked.
    asked: bool,
}

impl Ringing {
    /// When patience ends.
    pub fn until(&self) -> Duration {
        self.until
    }
}

impl Session {
    /// Something came, or SIGUSR1.
    pub(super) fn wake(&mut self) {
        self.push(Action::ReopenLog);
        self.log(Level::Noise, "checking lockfiles, locking the line");
        self.lock_for(Reason::Activity);
    }

    /// The line is ours again: who is there?
    pub(super) fn activity(&mut self) {
        self.active = true;
        self.line.clear();
        let until = self.now + self.setup.waits.ring;
        let ringing = Ringing {
            rings: 0,
            until,
            reader: RingReader::default(),
            mode: Mode::Plain,
            escaped: false,
            wanted: None,
            asked: false,
        };
        self.push(Action::AskNologin);
        self.state = State::NologinAsked(ringing);
    }

    pub(super) fn nologin(&mut self, mut ringing: Ringing, forbidden: bool) {
        if forbidden && !self.virtual_ring {
            if ringing.mode != Mode::Forbidden {
                self.log(Level::Mesg, "logins are forbidden (nologin file)");
            }
            ringing.mode = Mode::Forbidden;
            self.state = State::Ringing(ringing);
        } else if self.setup.direct {
            self.call_begins();
            self.push(Action::ControllingTty);
            self.caller.connect = "DIRECT".into();
            self.connected(self.now);
            self.expect_the_key_that_woke_us();
        } else {
            let first = ringing.mode != Mode::Forbidden && ringing.rings == 0;
            ringing.mode = if first && self.setup.ringback.is_some() { Mode::FirstCall } else { Mode::Plain };
            if ringing.mode == Mode::FirstCall {
                ringing.until = self.now + RINGBACK_SILENCE.max(self.setup.waits.ring);
            }
            self.log(Level::Mesg, "wfr: waiting for ``RING''");
            self.enough(ringing);
        }
    }

    /// SIGUSR1 while ringing: all rings at once.
    pub(super) fn virtual_ring_now(&mut self) {
        if let State::Ringing(ringing) = std::mem::replace(&mut self.state, State::Over) {
            let mode = if ringing.mode == Mode::Forbidden { Mode::Plain } else { ringing.mode };
            self.enough(Ringing { mode, ..ringing });
        }
    }

    /// Answers if there were enough rings, else waits on.
    fn enough(&mut self, ringing: Ringing) {
        let counted = matches!(ringing.mode, Mode::Plain)
            && ringing.rings >= ringing.wanted.unwrap_or(self.setup.rings);
        if counted || self.virtual_ring {
            self.picked();
        } else {
            self.state = State::Ringing(ringing);
        }
    }

    pub(super) fn ring_byte(&mut self, mut ringing: Ringing, byte: u8) {
        self.push(Action::LogMore(Level::Noise, vec![byte]));
        if std::mem::take(&mut ringing.escaped) {
            if let Some(number) = voice_event(byte) {
                return self.rang(ringing, number);
            }
        } else if byte == DLE {
            ringing.escaped = true;
            self.state = State::Ringing(ringing);
            return;
        }
        let ends = byte == b'\r' || byte == b'\n';
        if !ends && (self.line.len() >= LINE_MAX || self.line.is_empty() && byte == b' ') {
            self.state = State::Ringing(ringing);
            return;
        }
        self.line.push(byte);
        match result::action(&self.line) {
            // The rest of the line is still on its way: the text is wanted.
            Some(Result::Connect) if !ends => {}
            Some(action) => return self.result(ringing, action),
            None => {}
        }
        if !ends {
            self.state = State::Ringing(ringing);
            return;
        }
        self.line.pop();
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.state = State::Ringing(ringing);
            return;
        }
        self.caller.line(&line);
        match ringing.reader.line(&line, &mut self.caller, &self.setup.msn_list) {
            Some(number) => self.rang(ringing, number),
            None => self.state = State::Ringing(ringing),
        }
    }

    fn rang(&mut self, mut ringing: Ringing, number: i32) {
        // A plain RING behind a numbered one takes nothing back.
        if number != 0 {
            self.dist_ring = number;
        }
        self.line.clear();
        ringing.rings = ringing.rings.saturating_add(1);
        self.call_begins();
        self.rings = ringing.rings;
        self.log(Level::Mesg, &format!("ring {}", ringing.rings));
        ringing.until = self.now + self.setup.waits.ring;
        match ringing.mode {
            Mode::Forbidden => {
                self.push(Action::AskNologin);
                self.state = State::NologinAsked(ringing);
            }
            Mode::FirstCall => {
                ringing.until = self.now + RINGBACK_SILENCE.max(self.setup.waits.ring);
                self.state = State::Ringing(ringing);
            }
            Mode::SecondCall => {
                ringing.mode = Mode::Plain;
                self.counted(ringing);
            }
            Mode::Plain => self.counted(ringing),
        }
    }

    /// Once in a call `cid-program` is asked: when somebody is known, or at the third ring.
    fn counted(&mut self, mut ringing: Ringing) {
        let time = self.caller.known() || ringing.rings >= UNKNOWN_RINGS;
        if self.setup.ask_rings && !ringing.asked && !self.virtual_ring && time {
            ringing.asked = true;
            self.push(Action::AskRings);
            self.state = State::RingsAsked(ringing);
        } else {
            self.enough(ringing);
        }
    }

    /// What `cid-program` says. The phone has gone on ringing meanwhile.
    pub(super) fn rings_wanted(&mut self, mut ringing: Ringing, wanted: Option<u32>) {
        ringing.until = self.now + self.setup.waits.ring;
        ringing.wanted = wanted.map(|rings| rings.max(1)).or(ringing.wanted);
        self.enough(ringing);
    }

    /// A result code among the rings.
    fn result(&mut self, ringing: Ringing, action: Result) {
        let line = std::mem::take(&mut self.line);
        match action {
            Result::Connect => {
                self.caller.line(&line);
                self.call_begins();
                if ringing.mode == Mode::Forbidden {
                    return self.drain(Duration::from_millis(500), Then::NologinText);
                }
                self.push(Action::ControllingTty);
                self.connected(self.now);
            }
            Result::Fax => self.fax(),
            Result::Fail => {
                self.call_over("failed while ringing");
                self.audit(&format!("failed A_FAIL {}, caller='{}'", self.setup.dev_pid(), self.caller_id()));
                self.exit(20);
            }
        }
    }

    pub(super) fn ring_timeout(&mut self, mut ringing: Ringing) {
        // CONNECT came, and its line never ended.
        if result::action(&self.line) == Some(Result::Connect) {
            return self.result(ringing, Result::Connect);
        }
        match ringing.mode {
            Mode::Forbidden => {
                self.call_over("logins are forbidden");
                self.audit(&format!("rejected, rings={}", ringing.rings));
                self.drain_and_clean_up();
            }
            Mode::SecondCall if ringing.rings == 0 => {
                self.audit("missed ringback!");
                self.drain_and_clean_up();
            }
            _ if ringing.rings == 0 => {
                self.log(Level::Mesg, "huh? Junk on the line?");
                self.exit(0);
            }
            Mode::FirstCall => {
                let text =
                    format!("ringback: phone rang {} times, waiting for the second call", ringing.rings);
                self.log(Level::Mesg, &text);
                self.call_over("ringback: first call");
                ringing.rings = 0;
                ringing.until = self.now + self.setup.ringback.unwrap_or_default();
                ringing.mode = Mode::SecondCall;
                self.state = State::Ringing(ringing);
            }
            Mode::SecondCall | Mode::Plain => {
                let text = format!(
                    "phone stopped ringing (rings={}, {}, caller='{}')",
                    ringing.rings,
                    self.setup.dev_pid(),
                    self.caller_id()
                );
                self.call_over("unanswered");
                self.audit(&text);
                self.drain_and_clean_up();
            }
        }
    }

    /// Rings enough: who is it?
    fn picked(&mut self) {
        self.call_begins();
        if self.virtual_ring || self.setup.ignore_carrier || self.carrier_stuck {
            return self.judge_or_ask();
        }
        self.push(Action::AskCarrier);
        self.state = State::CarrierAsked(Look::Answer);
    }

    pub(super) fn judge_or_ask(&mut self) {
        if self.setup.get_cnd_chat.is_empty() {
            self.judge();
        } else {
            self.begin_chat(self.setup.get_cnd_chat.clone(), Purpose::CallerId);
        }
    }

    pub(super) fn judge(&mut self) {
        self.push(Action::JudgeCaller);
        self.state = State::Judging;
    }

    pub(super) fn judged(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accept => {
                self.push(Action::ControllingTty);
                self.connected_at = None;
                self.answering_since = self.now;
                self.begin_chat(self.setup.answer_chat.clone(), Purpose::Answer);
            }
            Verdict::Refuse => {
                self.call_over("refused");
                self.audit(&format!("denied caller {}, caller='{}'", self.setup.dev_pid(), self.caller_id()));
                self.drain(self.setup.waits.refused, Then::CleanUp);
            }
            Verdict::RingOut => {
                self.call_over("not answered by rule");
                self.drain(self.setup.waits.refused, Then::CleanUp);
            }
            Verdict::CallBack => {
                self.call_over("to be called back");
                self.drain(self.setup.waits.refused, Then::CallBack);
            }
        }
    }

    /// The phone rings no more, and was never answered.
    pub(super) fn call_back(&mut self) {
        self.push(Action::CallBack);
        self.state = State::CallingBack;
    }

    pub(super) fn answered(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done => {
                if self.setup.autobauding {
                    self.autobaud();
                }
                let at = self.connected_at.unwrap_or(self.now);
                self.connected(at);
            }
            Outcome::Abort(which) if result::is_fax(which) => self.fax(),
            failure => {
                let kind = if failure == Outcome::Timeout { "timeout" } else { "A_FAIL" };
                let text = format!("failed {kind} {}, {}", self.setup.dev_pid(), self.who());
                self.call_over(if failure == Outcome::Timeout {
                    "failed: no CONNECT"
                } else {
                    "failed: no carrier"
                });
                self.audit(&text);
                self.exit(1);
            }
        }
    }

    /// Not every text of a modem is a speed of a port: then it stays as it is.
    fn autobaud(&mut self) {
        let speed = result::connect_speed(&self.caller.connect);
        self.log(Level::Mesg, &format!("autobauding: switch to {speed} bps"));
        if ttyline::speed::is_mgetty_speed(speed) {
            self.push(Action::Speed(speed));
        } else {
            let text = format!("autobauding: cannot parse 'CONNECT {}'", self.caller.connect);
            self.log(Level::Error, &text);
        }
    }

    /// `caller='…', conn='…', name='…'`, as in AUDIT lines.
    pub fn who(&self) -> String {
        let caller = &self.caller;
        let [connect, name] = [&caller.connect, &caller.name].map(visible::quoted_field);
        format!("caller='{}', conn='{connect}', name='{name}'", self.caller_id())
    }

    /// The caller's number for a log: it comes from whoever calls.
    fn caller_id(&self) -> String {
        visible::quoted_field(&self.caller.id)
    }

    /// No fax is received here: the call ends, as after a fax.
    fn fax(&mut self) {
        self.call_over("fax refused");
        self.audit(&format!("fax call refused, {}, caller='{}'", self.setup.dev_pid(), self.caller_id()));
        self.exit(0);
    }

    /// The modem answered by itself while logins are forbidden.
    pub(super) fn nologin_text(&mut self) {
        self.call_over("logins are forbidden");
        self.push(Action::Send(b"\r\n\r\nSorry, no login allowed\r\n\r\nGoodbye...\r\n\r\n".to_vec()));
        self.state = State::NologinBye { until: self.now + self.setup.waits.nologin };
    }

    pub(super) fn login_now(&mut self, login: Login) {
        self.push(Action::Login(login));
        self.state = State::Over;
    }
}
