//! The modem's side of a call: dialling, ringing, answering, the handshake, the end.

use super::caller_id::{Caller, Dialect};
use super::dial::{self, Step};
use super::result::Outcome;
use super::{Action, Dialling, Modem, Now, State, Waiting};
use crate::switch::Sound;
use std::time::Duration;

/// Ring counter S1 starts again after this much silence (V.250 6.3.9: 8 s is common), or after
/// one and a half of the line's own cadence.
const RINGS_FORGOTTEN: Duration = Duration::from_secs(8);

impl Modem {
    // From the telephone line.

    /// The line rings, or a burst of ringing is over.
    pub fn ring(&mut self, on: bool, now: Now, out: &mut Vec<Action>) {
        self.ringing = on && self.state == State::Idle;
        self.show(out);
        if !self.ringing {
            return;
        }
        self.called = true;
        if self.last_ring.is_none_or(|last| now.saturating_sub(last) > RINGS_FORGOTTEN) {
            self.settings.set_rings(0);
            self.caller = None;
        }
        self.last_ring = Some(now);
        let rings = self.rings().saturating_add(1);
        self.settings.set_rings(rings);
        let silent = self.whims().is_some_and(|w| w.lost_rings.contains(&rings) || w.deaf);
        if !silent {
            self.report_ring(now, out);
        }
        let wanted = self.settings.s(0);
        if wanted > 0 && rings >= wanted && self.answer_at.is_none() && (self.dtr || self.settings.dtr == 0) {
            self.answer_at = Some(now + self.make.auto_answer);
        }
    }

    /// The exchange has stopped ringing: the caller has cleared.
    pub fn ring_stopped(&mut self, out: &mut Vec<Action>) {
        self.called = false;
        self.ringing = false;
        self.answer_at = None;
        self.caller = None;
        self.last_ring = None;
        self.show(out);
    }

    /// The exchange says who calls (after the first ring, or before it).
    pub fn caller(&mut self, caller: Caller, now: Now, out: &mut Vec<Action>) {
        let dialect = self.shown_dialect();
        self.caller = Some(Box::new(caller));
        if !dialect.with_each_ring() {
            self.tell_caller(dialect, now, out);
        }
    }

    fn shown_dialect(&self) -> Dialect {
        self.whims().and_then(|w| w.dialect).unwrap_or(self.make.dialect)
    }

    fn tell_caller(&mut self, dialect: Dialect, now: Now, out: &mut Vec<Action>) {
        let wrong = self.whims().is_some_and(|w| w.dialect.is_some());
        let wanted = self.settings.caller_id || wrong || dialect == Dialect::Elsa;
        let silent = self.settings.quiet || self.whims().is_some_and(|w| w.deaf);
        let Some(caller) = self.caller.as_deref().filter(|_| wanted && !silent) else { return };
        let lines = dialect.lines(caller);
        out.extend(lines.iter().cloned().map(Action::Reported));
        self.tell(&lines.join("\r\n"), now, out);
    }

    fn report_ring(&mut self, now: Now, out: &mut Vec<Action>) {
        let dialect = self.shown_dialect();
        match dialect {
            // ELSA's line stands in RING's place as soon as the caller is known.
            Dialect::Elsa if self.caller.is_some() => self.tell_caller(dialect, now, out),
            _ => {
                self.report(Outcome::Ring, now, out);
                if dialect == Dialect::Clip {
                    self.tell_caller(dialect, now, out);
                }
            }
        }
    }

    /// What comes out of the telephone line from now on.
    pub fn hear(&mut self, sound: Sound, now: Now, out: &mut Vec<Action>) {
        if self.state == State::Idle {
            return; // on the hook nothing is heard
        }
        self.heard = sound;
        match &mut self.state {
            State::Dialling(dialling) => match (dialling.waiting, sound) {
                (Waiting::DialTone, Sound::DialTone) => {
                    dialling.waiting = Waiting::Time;
                    dialling.at = now + Duration::from_millis(100);
                }
                (Waiting::Silence, Sound::Silence) => {
                    dialling.waiting = Waiting::Time;
                    dialling.at = now + Duration::from_millis(100);
                }
                _ => {}
            },
            State::Seeking { .. } => self.seek(now, out),
            State::Training { until, .. } => match sound {
                Sound::Data if until.is_none() => self.connect(now, out),
                Sound::Answer | Sound::Originate | Sound::Data => {}
                _ => {
                    self.on_hook(Sound::Silence, out);
                    self.report(Outcome::NoCarrier, now, out);
                }
            },
            State::Online { lost, .. } => match sound {
                Sound::Data if lost.is_some() => {
                    *lost = None;
                    self.show(out);
                }
                Sound::Data => {}
                // The other modem says good-bye (V.42 DISC): nothing to wait for.
                Sound::Bye => self.lost(now, out),
                _ if lost.is_none() => {
                    let delay = self.settings.s(10);
                    let until = now + Duration::from_millis(100) * u32::from(delay);
                    *lost = Some((delay < 255).then_some(until));
                    self.show(out);
                }
                _ => {}
            },
            State::Idle | State::Lifted => {}
        }
    }

    /// Decides on what is heard while looking for the other modem.
    fn seek(&mut self, now: Now, out: &mut Vec<Action>) {
        let State::Seeking { calling, until, rang } = &mut self.state else { return };
        let outcome = match self.heard {
            Sound::Ringback if !*rang => {
                *rang = true;
                self.report(Outcome::Ringing, now, out);
                return;
            }
            Sound::Answer if *calling => {
                self.train(now, out);
                return;
            }
            Sound::Originate if !*calling => {
                self.train(now, out);
                return;
            }
            Sound::Busy if *calling => Outcome::Busy,
            // The number is not in use: the exchange says so for a moment, then clears.
            Sound::Unobtainable if *calling => Outcome::NoCarrier,
            // The caller is gone before the answer.
            Sound::DialTone if !*calling => Outcome::NoCarrier,
            Sound::Busy if !*calling => Outcome::NoCarrier,
            _ => return,
        };
        // Without call progress (X0-X2) the modem waits on until S7.
        let hears_progress = outcome.seen_at(self.settings.x).is_some() && self.settings.x >= 3;
        let _ = until;
        if hears_progress || !matches!(self.heard, Sound::Busy | Sound::Unobtainable) {
            self.on_hook(Sound::Silence, out);
            self.report(outcome, now, out);
        }
    }

    fn train(&mut self, now: Now, out: &mut Vec<Action>) {
        let State::Seeking { calling, until, .. } = self.state else { return };
        self.state = State::Training { until: Some(now + self.make.handshake), limit: until.max(now) };
        if calling {
            out.push(Action::Play(Sound::Originate));
        }
    }

    fn connect(&mut self, now: Now, out: &mut Vec<Action>) {
        self.state = State::Online { paused: false, lost: None };
        self.escape.begin(now);
        self.report_link(now, out);
        // Carrier is shown before CONNECT is said.
        self.show(out);
        self.report(Outcome::Connect, now, out);
        out.push(Action::Online);
    }

    /// The lines that +MR, +ER and +DR ask for (V.250 6.4.4, 6.5.5, 6.6.2).
    fn report_link(&mut self, now: Now, out: &mut Vec<Action>) {
        let speed: String = self
            .make
            .connect
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        let [carrier, errors, compression] = self.settings.reports;
        if carrier {
            self.tell("+MCR: V34", now, out);
            let rate = if speed.is_empty() { "33600" } else { &speed };
            self.tell(&format!("+MRR: {rate}"), now, out);
        }
        if errors {
            self.tell("+ER: LAPM", now, out);
        }
        if compression {
            self.tell("+DR: V42B", now, out);
        }
    }

    pub(super) fn lost(&mut self, now: Now, out: &mut Vec<Action>) {
        self.on_hook(Sound::Silence, out);
        self.report(Outcome::NoCarrier, now, out);
    }

    // To the telephone line.

    /// Puts the receiver down; `last` is what the other side hears before (a modem that ends a
    /// connection itself says [`Sound::Bye`]).
    pub(super) fn on_hook(&mut self, last: Sound, out: &mut Vec<Action>) {
        let online = matches!(self.state, State::Online { .. });
        if online {
            out.push(Action::Offline);
            if last == Sound::Bye {
                out.push(Action::Play(Sound::Bye));
            }
        }
        self.state = State::Idle;
        self.heard = Sound::Silence;
        self.escape.reset();
        self.prefix = super::Prefix::Nothing;
        self.line.clear();
        out.push(Action::OnHook);
        self.show(out);
    }

    pub(super) fn lift(&mut self, out: &mut Vec<Action>) {
        self.answer_at = None;
        self.ringing = false;
        self.called = false;
        if self.state == State::Idle {
            self.state = State::Lifted;
            out.push(Action::OffHook);
        }
        self.show(out);
    }

    fn patience(&self, now: Now) -> Now {
        now + Duration::from_secs(u64::from(self.settings.s(7).max(1)))
    }

    /// `ATA`, or the S0-th ring.
    pub fn answer(&mut self, now: Now, out: &mut Vec<Action>) {
        self.lift(out);
        self.state = State::Seeking { calling: false, until: self.patience(now), rang: false };
        self.ended = now;
        out.push(Action::Play(Sound::Answer));
    }

    /// `ATD…`; `false` if the number cannot be dialled.
    pub fn dial(&mut self, number: &str, now: Now, out: &mut Vec<Action>) -> bool {
        let Some(mut plan) = dial::plan(number) else { return false };
        if plan.again {
            let Some(last) = dial::plan(&self.last_number) else { return false };
            plan.stay |= last.stay;
            plan.steps.splice(0..0, last.steps);
        } else {
            self.last_number = number.into();
        }
        let lifted = self.state == State::Lifted;
        let waits = matches!(self.settings.x, 2 | 4..);
        self.lift(out);
        // Blind dialling waits S6; waiting for dial tone takes at most that long, too.
        let waiting = if waits && !lifted { Waiting::DialTone } else { Waiting::Time };
        let patience = match (lifted, waiting) {
            (true, _) => Duration::from_millis(100),
            (false, _) => Duration::from_secs(u64::from(self.settings.s(6).max(1))),
        };
        self.state = State::Dialling(Box::new(Dialling {
            steps: plan.steps.into(),
            at: now + patience,
            waiting,
            pulse: false,
            stay: plan.stay,
        }));
        self.ended = now;
        true
    }

    /// `ATH`, or an order.
    pub fn hang_up(&mut self, out: &mut Vec<Action>) {
        if self.state != State::Idle {
            self.on_hook(Sound::Bye, out);
        }
    }

    /// Lifts the receiver and does nothing more (`ATH1`).
    pub fn lift_only(&mut self, out: &mut Vec<Action>) {
        if self.state == State::Idle {
            self.lift(out);
        }
    }

    /// Leaves the handshake to others and sends `sound` into the line (a far end's trick).
    pub fn play(&mut self, sound: Sound, out: &mut Vec<Action>) {
        self.lift(out);
        if matches!(self.state, State::Online { paused: false, .. }) {
            out.push(Action::Offline);
        }
        self.state = State::Lifted;
        self.show(out);
        out.push(Action::Play(sound));
    }

    pub(super) fn tick_call(&mut self, now: Now, out: &mut Vec<Action>) {
        match &mut self.state {
            State::Dialling(dialling) if dialling.at <= now => self.next_step(now, out),
            State::Seeking { until, rang, .. } if *until <= now => {
                let outcome = if *rang { Outcome::NoAnswer } else { Outcome::NoCarrier };
                self.on_hook(Sound::Silence, out);
                self.report(outcome, now, out);
            }
            State::Training { until: until @ Some(_), .. } if until.is_some_and(|t| t <= now) => {
                *until = None;
                out.push(Action::Play(Sound::Data));
                if self.heard == Sound::Data {
                    self.connect(now, out);
                }
            }
            State::Training { until: None, limit } if *limit <= now => {
                self.on_hook(Sound::Silence, out);
                self.report(Outcome::NoCarrier, now, out);
            }
            State::Online { lost: Some(Some(until)), .. } if *until <= now => self.lost(now, out),
            _ => {}
        }
    }

    fn next_step(&mut self, now: Now, out: &mut Vec<Action>) {
        let (tone, pause) = (u32::from(self.settings.s(11)), u64::from(self.settings.s(8)));
        let patience = Duration::from_secs(u64::from(self.settings.s(7).max(1)));
        let State::Dialling(dialling) = &mut self.state else { return };
        match dialling.waiting {
            Waiting::Time => {}
            Waiting::DialTone => {
                self.on_hook(Sound::Silence, out);
                self.report(Outcome::NoDialTone, now, out);
                return;
            }
            Waiting::Silence => {
                self.on_hook(Sound::Silence, out);
                self.report(Outcome::NoAnswer, now, out);
                return;
            }
        }
        let Some(step) = dialling.steps.pop_front() else {
            self.dialled(now, out);
            return;
        };
        dialling.at = now;
        match step {
            Step::Digit(digit) => {
                // S11 is the length of a tone and of the silence after it; pulses come ten a second.
                let pulses = digit.to_digit(10).map_or(10, |d| if d == 0 { 10 } else { d });
                dialling.at += match dialling.pulse {
                    true => Duration::from_millis(100) * pulses + Duration::from_millis(600),
                    false => Duration::from_millis(2) * tone,
                };
                out.push(Action::Digit(digit));
            }
            Step::Pause => dialling.at += Duration::from_secs(pause),
            Step::DialTone if self.heard == Sound::DialTone => dialling.at += Duration::from_millis(100),
            Step::DialTone => {
                dialling.waiting = Waiting::DialTone;
                dialling.at += patience;
            }
            Step::Silence if self.heard == Sound::Silence => dialling.at += Duration::from_millis(100),
            Step::Silence => {
                dialling.waiting = Waiting::Silence;
                dialling.at += patience;
            }
            Step::Flash => dialling.at += Duration::from_millis(700),
            Step::Tone => dialling.pulse = false,
            Step::Pulse => dialling.pulse = true,
        }
    }

    fn dialled(&mut self, now: Now, out: &mut Vec<Action>) {
        let State::Dialling(dialling) = &self.state else { return };
        if dialling.stay {
            self.state = State::Lifted;
            self.report(Outcome::Ok, now, out);
            return;
        }
        self.state = State::Seeking { calling: true, until: self.patience(now), rang: false };
        self.seek(now, out);
    }
}
