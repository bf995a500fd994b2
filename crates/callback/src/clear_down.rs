//! Whether the caller has really gone before his line is used to call him.
//!
//! A caller who does not hang up can play a dial tone, OK and CONNECT, and is let in without having been
//! called. So: the carrier must be seen to be gone. Where it cannot be seen (no such signal, or one that was
//! off while the caller was there) the modem is brought to command state by a guarded `+++`, told to hang
//! up, and must answer. Then the line has to stay clear for a while. Without that there is no dialling.

use std::time::Duration;

const LOOK: Duration = Duration::from_millis(100);
/// DTR low: long enough for every modem's delay (S25, usually 50 ms, at most 2.5 s).
const DTR_LOW: Duration = Duration::from_millis(1000);
const FALL: Duration = Duration::from_secs(4);
/// Silence before and after `+++` (S12, usually 1 s).
const GUARD: Duration = Duration::from_millis(1200);
const REPLY: Duration = Duration::from_secs(4);
/// What a port shows so soon after it was opened may be nothing yet (USB adapters, the kernel's multiplexer).
const SETTLED: Duration = Duration::from_millis(500);

/// What is known of the carrier signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The port does not tell.
    Unknown,
    /// Off.
    Off,
    /// On.
    On,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look at the carrier; [`ClearDown::carrier`] takes the answer.
    Look,
    /// Lower DTR.
    DtrLow,
    /// Raise DTR.
    DtrHigh,
    /// Send this.
    Send(&'static [u8]),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The carrier is gone and stayed so.
    Carrier,
    /// There is no carrier signal to see; the modem says that it has hung up.
    Modem,
    /// None: why.
    None(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Waits for the first look.
    First,
    /// DTR is low until then.
    Dropped(Duration),
    /// Waits for the carrier to fall.
    Falling(Duration),
    /// Silence before `+++`.
    Before(Duration),
    /// Silence after it.
    After(Duration),
    /// `ATH` is sent.
    Asked(Duration),
    /// Clear since; must stay so until then.
    Clear(Duration, Proof),
    Over(Proof),
}

/// The proof, step by step.
#[derive(Clone, Debug)]
pub struct ClearDown {
    /// The carrier signal was on while the caller was there: it can be believed.
    believed: bool,
    least: Duration,
    state: State,
    look: Option<Duration>,
    escaped: bool,
    /// Since when the line is open, if nothing has been done to it since.
    opened: Option<Duration>,
    line: Vec<u8>,
}

impl ClearDown {
    /// Begins. `believed`: the carrier signal was on while the caller was there; `least`: how long the line
    /// must have been clear.
    #[must_use]
    pub fn new(believed: bool, least: Duration) -> ClearDown {
        ClearDown {
            believed,
            least,
            state: State::First,
            look: None,
            escaped: false,
            opened: None,
            line: Vec::new(),
        }
    }

    /// How it ended, if it has.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        match self.state {
            State::Over(proof) => Some(proof),
            _ => None,
        }
    }

    /// When [`ClearDown::tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let until = match self.state {
            State::First | State::Over(_) => return None,
            State::Dropped(until)
            | State::Falling(until)
            | State::Before(until)
            | State::After(until)
            | State::Asked(until)
            | State::Clear(until, _) => until,
        };
        Some(self.look.map_or(until, |look| look.min(until)))
    }

    /// The first step.
    pub fn start(&mut self, steps: &mut Vec<Step>) {
        steps.push(Step::Look);
    }

    /// The answer to [`Step::Look`].
    pub fn carrier(&mut self, carrier: Carrier, now: Duration, steps: &mut Vec<Step>) {
        let settled = self.opened.is_none_or(|opened| opened + SETTLED <= now);
        match (&self.state, carrier) {
            (State::First, Carrier::Off) if self.believed => {
                self.opened = Some(now);
                self.clear(now, Proof::Carrier);
            }
            (State::First, Carrier::On) => self.drop_dtr(now, steps),
            // It was there all the time.
            (State::Clear(..), Carrier::On) if !settled => self.drop_dtr(now, steps),
            (State::First, _) => self.state = State::Before(now + GUARD),
            (State::Falling(_), Carrier::Off) => self.clear(now, Proof::Carrier),
            // It was on when the line was let go, and may be believed from then on.
            (State::Clear(..), Carrier::On) => self.over(Proof::None("the carrier has come back")),
            (State::Clear(..) | State::Falling(_), _) => self.look = Some(now + LOOK),
            _ => {}
        }
    }

    /// A byte from the line. Whoever is there may have sent it.
    pub fn byte(&mut self, byte: u8, now: Duration) {
        if !matches!(self.state, State::Asked(_)) {
            return;
        }
        if byte != b'\r' && byte != b'\n' {
            if self.line.len() < 80 {
                self.line.push(byte);
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        if line.starts_with(b"OK") || line.starts_with(b"NO CARRIER") {
            if self.believed {
                self.state = State::Falling(now + FALL);
                self.look = Some(now);
            } else {
                self.clear(now, Proof::Modem);
            }
        } else if line.starts_with(b"ERROR") {
            self.over(Proof::None("the modem does not hang up"));
        }
    }

    /// The time is `now`.
    pub fn tick(&mut self, now: Duration, steps: &mut Vec<Step>) {
        if self.look.is_some_and(|look| look <= now) {
            self.look = None;
            steps.push(Step::Look);
        }
        let due = |until: Duration| until <= now;
        match self.state {
            State::Dropped(until) if due(until) => {
                steps.extend([Step::DtrHigh, Step::Look]);
                self.state = State::Falling(now + FALL);
            }
            State::Falling(until) if due(until) => {
                self.look = None;
                if self.escaped {
                    self.over(Proof::None("the carrier does not fall"));
                } else {
                    // It is on and stays on: believed or not, it has to fall now.
                    self.believed = true;
                    self.state = State::Before(now + GUARD);
                }
            }
            State::Before(until) if due(until) => {
                self.escaped = true;
                steps.push(Step::Send(b"+++"));
                self.state = State::After(now + GUARD);
            }
            State::After(until) if due(until) => {
                self.line.clear();
                steps.push(Step::Send(b"ATH\r"));
                self.state = State::Asked(now + REPLY);
            }
            State::Asked(until) if due(until) => self.over(Proof::None("the modem does not answer ATH")),
            State::Clear(until, proof) if due(until) => self.over(proof),
            _ => {}
        }
    }

    fn drop_dtr(&mut self, now: Duration, steps: &mut Vec<Step>) {
        steps.push(Step::DtrLow);
        (self.opened, self.look) = (None, None);
        self.state = State::Dropped(now + DTR_LOW);
    }

    fn clear(&mut self, now: Duration, proof: Proof) {
        self.state = State::Clear(now + self.least, proof);
        self.look = Some(now + LOOK);
    }

    fn over(&mut self, proof: Proof) {
        self.look = None;
        self.state = State::Over(proof);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a modem: what its carrier signal shows at a time, and what it says to `ATH`.
    fn play(
        believed: bool,
        carrier: impl Fn(Duration, bool, bool) -> Carrier,
        reply: &[u8],
    ) -> (Proof, Duration, Vec<Step>) {
        let mut proof = ClearDown::new(believed, Duration::from_secs(2));
        let (mut now, mut done, mut dropped, mut told) = (Duration::ZERO, Vec::new(), false, false);
        let mut steps = Vec::new();
        proof.start(&mut steps);
        for _ in 0..1000 {
            while !steps.is_empty() {
                let step = steps.remove(0);
                if step != Step::Look {
                    done.push(step);
                }
                match step {
                    Step::Look => proof.carrier(carrier(now, dropped, told), now, &mut steps),
                    Step::DtrLow => dropped = true,
                    Step::Send(b"ATH\r") => {
                        told = true;
                        reply.iter().for_each(|b| proof.byte(*b, now));
                    }
                    _ => {}
                }
            }
            if let Some(end) = proof.proof() {
                return (end, now, done);
            }
            now = proof.deadline().expect("something is waited for").max(now);
            proof.tick(now, &mut steps);
        }
        panic!("no end");
    }

    #[test]
    fn a_carrier_that_was_on_and_is_off_is_proof_after_the_least_time() {
        let (proof, took, done) = play(true, |_, _, _| Carrier::Off, b"");
        assert_eq!((proof, took, done.len()), (Proof::Carrier, Duration::from_secs(2), 0));
    }

    #[test]
    fn a_carrier_that_is_still_on_is_dropped() {
        let off_by_dtr = |_, dropped, _| if dropped { Carrier::Off } else { Carrier::On };
        let (proof, _, done) = play(true, off_by_dtr, b"");
        assert_eq!(proof, Proof::Carrier);
        assert_eq!(done, [Step::DtrLow, Step::DtrHigh]);
        let off_by_command = |_, _, told| if told { Carrier::Off } else { Carrier::On };
        let (proof, _, done) = play(true, off_by_command, b"\r\nNO CARRIER\r\n");
        assert_eq!(proof, Proof::Carrier);
        assert_eq!(done, [Step::DtrLow, Step::DtrHigh, Step::Send(b"+++"), Step::Send(b"ATH\r")]);
    }

    #[test]
    fn who_stays_on_the_line_and_plays_the_modem_is_not_called() {
        for believed in [true, false] {
            let (proof, _, _) = play(believed, |_, _, _| Carrier::On, b"\r\nOK\r\nNO CARRIER\r\n");
            assert_eq!(proof, Proof::None("the carrier does not fall"));
        }
        let comes_back =
            |now: Duration, _, _| if now < Duration::from_secs(1) { Carrier::Off } else { Carrier::On };
        assert_eq!(play(true, comes_back, b"").0, Proof::None("the carrier has come back"));
    }

    #[test]
    fn a_port_that_shows_nothing_right_after_its_opening_is_looked_at_again() {
        let late = |falls: bool| {
            move |now: Duration, dropped: bool, _: bool| {
                let on = now >= Duration::from_millis(100) && !(falls && dropped);
                if on { Carrier::On } else { Carrier::Off }
            }
        };
        assert_eq!(play(true, late(false), b"\r\nOK\r\n").0, Proof::None("the carrier does not fall"));
        let (proof, took, done) = play(true, late(true), b"");
        assert_eq!((proof, done.as_slice()), (Proof::Carrier, &[Step::DtrLow, Step::DtrHigh][..]));
        assert!(took >= DTR_LOW + Duration::from_secs(2), "{took:?}");
    }

    #[test]
    fn without_a_carrier_signal_the_modem_is_asked() {
        for (carrier, believed) in [(Carrier::Unknown, false), (Carrier::Off, false)] {
            let (proof, took, done) = play(believed, |_, _, _| carrier, b"ATH\r\r\nOK\r\n");
            assert_eq!(proof, Proof::Modem);
            assert_eq!(done, [Step::Send(b"+++"), Step::Send(b"ATH\r")]);
            assert_eq!(took, GUARD + GUARD + Duration::from_secs(2));
        }
        let (proof, _, _) = play(false, |_, _, _| Carrier::Unknown, b"hello\r\n");
        assert_eq!(proof, Proof::None("the modem does not answer ATH"));
        let (proof, _, _) = play(false, |_, _, _| Carrier::Unknown, b"\r\nERROR\r\n");
        assert_eq!(proof, Proof::None("the modem does not hang up"));
    }
}
