//! Leaves a modem as the next user may expect it: on the hook, at its defaults, answering nobody.
//!
//! DTR goes down for long enough that the modem hangs up; if carrier stays, the escape sequence and ATH
//! are tried; if it stays still, the line is out of service. Then the modem is initialised. A half-typed
//! command of the last user is rubbed out before, so that it does not dial with ours behind it.

use std::time::Duration;

/// What is done, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How long DTR stays down; zero leaves it alone.
    pub dtr_down: Duration,
    /// What hangs up after the escape sequence, without its CR.
    pub hang_up_command: String,
    /// The escape sequence is used in any case, not only where DTR did not do.
    pub escape_always: bool,
    /// Commands sent then, without their CR; none if the line has no modem.
    pub init: Vec<String>,
    /// Whether carrier must fall (some modems show it always).
    pub watch_carrier: bool,
}

impl Plan {
    /// For a modem: profile 0, and S0=0 whatever that profile says.
    #[must_use]
    pub fn modem() -> Plan {
        Plan {
            dtr_down: Plan::DTR_DOWN,
            hang_up_command: "ATH".into(),
            escape_always: false,
            init: vec!["ATZ".into(), "ATS0=0".into()],
            watch_carrier: true,
        }
    }

    /// Long enough for modems that wait half a second before they believe it (V.250 6.3.10 names none).
    pub const DTR_DOWN: Duration = Duration::from_millis(750);
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The first event.
    Start,
    /// Bytes from the modem.
    Bytes(&'a [u8]),
    /// The answer to [`Action::LookAtCarrier`]; `None` where the port cannot tell.
    Carrier(Option<bool>),
    /// The deadline has come.
    Deadline,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Drop DTR (speed 0 too, for ports without lines) and throw both queues away.
    HangUp,
    /// Set the line as it was wished; DTR comes up.
    Raise,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Tell how carrier is.
    LookAtCarrier,
    /// It is over.
    Done(Outcome),
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The modem is clean.
    Clean,
    /// No modem answered; the line is free, but of its modem nothing is known.
    Silent,
    /// Carrier does not fall: out of service.
    CarrierStays,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    /// DTR is down.
    Down,
    /// Carrier has been asked for.
    Looking,
    /// Carrier is up still; one more second.
    Waiting,
    /// Silence before the escape sequence.
    GuardBefore,
    /// Silence after it.
    GuardAfter,
    /// ATH was sent.
    HangingUp,
    /// What was left in the modem's command line has been rubbed out.
    Rubbed,
    /// Init command of this number was sent.
    Init(usize),
    Over,
}

/// Longer than a modem's guard time (S12, usually a second).
const GUARD: Duration = Duration::from_millis(1100);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_millis(1000);
/// How long carrier may take to fall after DTR or ATH.
const FALL: Duration = Duration::from_millis(1000);
/// How long the modem may take over an empty command.
const RUBBED: Duration = Duration::from_millis(150);
/// More than a command line that somebody typed by hand.
const RUBOUTS: usize = 80;

/// The cleaning of one modem.
#[derive(Debug)]
pub struct Cleaner {
    plan: Plan,
    state: State,
    deadline: Option<Duration>,
    escaped: bool,
    looked: bool,
    line: Vec<u8>,
}

impl Cleaner {
    /// Begins with [`Event::Start`].
    #[must_use]
    pub fn new(plan: Plan) -> Cleaner {
        Cleaner { plan, state: State::New, deadline: None, escaped: false, looked: false, line: Vec::new() }
    }

    /// When [`Event::Deadline`] is wanted, if nothing else happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Takes one event at time `now`.
    pub fn handle(&mut self, now: Duration, event: Event<'_>, actions: &mut Vec<Action>) {
        match (self.state, event) {
            (State::New, Event::Start) if self.plan.dtr_down.is_zero() => self.is_down(now, actions),
            (State::New, Event::Start) => {
                actions.push(Action::HangUp);
                self.wait(State::Down, now, self.plan.dtr_down);
            }
            (State::Down, Event::Deadline) => {
                actions.push(Action::Raise);
                self.look(now, actions);
            }
            (State::Waiting | State::HangingUp, Event::Deadline) => self.look(now, actions),
            (State::Looking, Event::Carrier(Some(true))) if self.plan.watch_carrier => {
                self.still_up(now, actions)
            }
            (State::Looking, Event::Carrier(_)) => self.is_down(now, actions),
            (State::GuardBefore, Event::Deadline) => {
                actions.push(Action::Send(b"+++".to_vec()));
                self.wait(State::GuardAfter, now, GUARD);
            }
            (State::GuardAfter, Event::Deadline) => {
                actions.push(Action::Send(format!("{}\r", self.plan.hang_up_command).into_bytes()));
                self.wait(State::HangingUp, now, FALL);
            }
            (State::Rubbed, Event::Deadline) => self.send_init(0, now, actions),
            (State::Init(n), Event::Bytes(bytes)) if self.answered(bytes) => {
                self.send_init(n + 1, now, actions)
            }
            (State::Init(_), Event::Deadline) if !self.escaped => self.escape(now),
            (State::Init(_), Event::Deadline) => self.end(Outcome::Silent, actions),
            _ => {}
        }
    }

    fn wait(&mut self, state: State, now: Duration, time: Duration) {
        self.state = state;
        self.deadline = Some(now + time);
    }

    fn look(&mut self, _now: Duration, actions: &mut Vec<Action>) {
        self.state = State::Looking;
        self.deadline = None;
        actions.push(Action::LookAtCarrier);
    }

    fn still_up(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if !self.looked {
            self.looked = true;
            self.wait(State::Waiting, now, FALL);
        } else if self.escaped {
            self.end(Outcome::CarrierStays, actions);
        } else {
            self.escape(now);
        }
    }

    fn escape(&mut self, now: Duration) {
        self.escaped = true;
        self.wait(State::GuardBefore, now, GUARD);
    }

    /// No carrier is seen.
    fn is_down(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.plan.escape_always && !self.escaped {
            self.escape(now);
        } else {
            self.begin_init(now, actions);
        }
    }

    fn begin_init(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.plan.init.is_empty() {
            return self.end(Outcome::Clean, actions);
        }
        // The CR makes an empty command of what is left; its OK must not be taken for ATZ's.
        let mut rubbed = vec![8; RUBOUTS];
        rubbed.push(b'\r');
        actions.push(Action::Send(rubbed));
        self.wait(State::Rubbed, now, RUBBED);
    }

    fn send_init(&mut self, n: usize, now: Duration, actions: &mut Vec<Action>) {
        self.line.clear();
        match self.plan.init.get(n) {
            Some(command) => {
                actions.push(Action::Send(format!("{command}\r").into_bytes()));
                self.wait(State::Init(n), now, ANSWER);
            }
            None => self.end(Outcome::Clean, actions),
        }
    }

    fn end(&mut self, outcome: Outcome, actions: &mut Vec<Action>) {
        self.state = State::Over;
        self.deadline = None;
        actions.push(Action::Done(outcome));
    }

    /// Whether a final result code has come: in words, or in digits if somebody left V0.
    fn answered(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            match byte {
                b'\r' | b'\n' => {
                    let done = matches!(&*self.line, b"OK" | b"ERROR" | b"0" | b"4");
                    self.line.clear();
                    if done {
                        return true;
                    }
                }
                _ if self.line.len() < 16 => self.line.push(byte),
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A modem of memory: what it shows and how it answers.
    struct Modem {
        carrier: Option<bool>,
        /// After DTR, after ATH.
        falls: (bool, bool),
        answers: bool,
        online: bool,
    }

    /// Plays the cleaning to its end; gives what was done and how long it took.
    fn play(plan: Plan, mut modem: Modem) -> (Vec<Action>, Outcome, Duration) {
        let (mut cleaner, mut done, mut now) = (Cleaner::new(plan), Vec::new(), Duration::ZERO);
        let mut actions = Vec::new();
        cleaner.handle(now, Event::Start, &mut actions);
        for _ in 0..1000 {
            let Some(action) = (!actions.is_empty()).then(|| actions.remove(0)) else {
                now = cleaner.deadline().expect("something to wait for");
                cleaner.handle(now, Event::Deadline, &mut actions);
                continue;
            };
            done.push(action.clone());
            match action {
                Action::HangUp if modem.falls.0 => {
                    modem.carrier = modem.carrier.map(|_| false);
                    modem.online = false;
                }
                Action::Send(bytes) if bytes == b"ATH\r" && modem.falls.1 => {
                    modem.carrier = modem.carrier.map(|_| false);
                    modem.online = false;
                }
                Action::Send(bytes) if modem.answers && !modem.online && bytes.starts_with(b"AT") => {
                    cleaner.handle(now, Event::Bytes(b"\r\nO"), &mut actions);
                    cleaner.handle(now, Event::Bytes(b"K\r\n"), &mut actions);
                }
                Action::LookAtCarrier => cleaner.handle(now, Event::Carrier(modem.carrier), &mut actions),
                Action::Done(outcome) => return (done, outcome, now),
                _ => {}
            }
        }
        panic!("no end: {done:?}");
    }

    fn sent(done: &[Action]) -> Vec<String> {
        let text = |a: &Action| match a {
            Action::Send(bytes) => {
                Some(String::from_utf8_lossy(bytes).replace('\u{8}', "").trim().to_string())
            }
            _ => None,
        };
        done.iter().filter_map(text).collect()
    }

    #[test]
    fn an_ordinary_modem_is_hung_up_by_dtr_and_initialised() {
        let modem = Modem { carrier: Some(true), falls: (true, true), answers: true, online: true };
        let (done, outcome, time) = play(Plan::modem(), modem);
        assert_eq!(outcome, Outcome::Clean);
        assert_eq!(&done[..2], [Action::HangUp, Action::Raise]);
        assert_eq!(sent(&done), ["", "ATZ", "ATS0=0"]);
        assert_eq!(time, Plan::DTR_DOWN + RUBBED);
    }

    #[test]
    fn a_modem_that_ignores_dtr_is_called_back_by_the_escape_sequence() {
        for carrier in [Some(true), None] {
            let modem = Modem { carrier, falls: (false, true), answers: true, online: true };
            let (done, outcome, time) = play(Plan::modem(), modem);
            assert_eq!(outcome, Outcome::Clean, "{carrier:?}");
            assert!(
                sent(&done).ends_with(&["+++", "ATH", "", "ATZ", "ATS0=0"].map(String::from)),
                "{done:?}"
            );
            assert!(time < MS(7000));
        }
    }

    #[test]
    fn the_escape_sequence_may_be_wanted_always() {
        let modem = Modem { carrier: Some(false), falls: (true, true), answers: true, online: false };
        let plan =
            Plan { escape_always: true, hang_up_command: "ATH1".into(), init: vec![], ..Plan::modem() };
        assert_eq!(sent(&play(plan, modem).0), ["+++", "ATH1"]);
    }

    #[test]
    fn a_carrier_that_stays_takes_the_line_out_of_service() {
        let modem = Modem { carrier: Some(true), falls: (false, false), answers: true, online: false };
        let (done, outcome, _) = play(Plan::modem(), modem);
        assert_eq!(outcome, Outcome::CarrierStays);
        assert_eq!(sent(&done), ["+++", "ATH"], "nothing is typed into a call");
        let modem = Modem { carrier: Some(true), falls: (false, false), answers: true, online: false };
        let always_on = Plan { watch_carrier: false, ..Plan::modem() };
        assert_eq!(play(always_on, modem).1, Outcome::Clean);
    }

    #[test]
    fn a_line_without_a_modem_is_free_again_in_a_few_seconds() {
        let modem = Modem { carrier: None, falls: (true, true), answers: false, online: false };
        let (_, outcome, time) = play(Plan::modem(), modem);
        assert_eq!(outcome, Outcome::Silent);
        assert!(time < MS(7000), "{time:?}");
        let modem = Modem { carrier: None, falls: (true, true), answers: false, online: false };
        let no_modem = Plan { init: vec![], ..Plan::modem() };
        let (done, outcome, _) = play(no_modem, modem);
        assert_eq!((sent(&done).len(), outcome), (0, Outcome::Clean));
        let modem = Modem { carrier: None, falls: (true, true), answers: false, online: false };
        let nothing = Plan { dtr_down: Duration::ZERO, init: vec![], ..Plan::modem() };
        assert_eq!(play(nothing, modem).0, [Action::Done(Outcome::Clean)]);
    }

    #[test]
    fn digits_and_errors_are_answers_too_and_echoes_are_none() {
        let mut cleaner = Cleaner::new(Plan::modem());
        for (text, answer) in [
            ("ATOK\r", false),
            ("\r\nOK\r\n", true),
            ("0\r", true),
            ("\r\nERROR\r\n", true),
            ("OKAY\r", false),
        ] {
            cleaner.line.clear();
            assert_eq!(cleaner.answered(text.as_bytes()), answer, "{text:?}");
        }
    }

    proptest! {
        /// Whatever the modem sends, the cleaning ends.
        #[test]
        fn it_always_ends(carrier: Option<bool>, dtr: bool, ath: bool, answers: bool, online: bool, watch_carrier: bool) {
            let modem = Modem { carrier, falls: (dtr, ath), answers, online };
            let (_, _, time) = play(Plan { watch_carrier, ..Plan::modem() }, modem);
            prop_assert!(time < MS(20_000));
        }
    }
}
