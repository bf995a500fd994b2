//! Carries a program out: events and the time go in, steps and their outcomes come out.
//!
//! Owns no descriptor and reads no clock. It never asks for a byte that it could do without
//! ([`Machine::need`]), so that what follows the last match stays in the line for pppd.

use crate::compile::{Instruction, Program};
use crate::escape::translate;
use crate::lexer::Place;
use crate::syntax::{Binary, Port, System, Type, Unary};
use std::net::Ipv4Addr;
use std::time::Duration;
use ttyline::expect::matcher::Matcher;

mod address;
mod value;

use address::AddressScan;
pub use value::{Text, Value};

/// The longest string, bytes.
pub const LONGEST_STRING: usize = 4096;
/// The longest list of strings of one `waitfor`, bytes in all.
const LONGEST_WAIT: usize = 8192;
/// So many instructions may pass without a byte or a wait. Nobody counts that far on purpose.
const MOST_STEPS: u32 = 200_000;
/// The shortest wait: `until 0` in a loop must not keep a processor busy.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// One string that is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Upper and lower case matter.
    pub matchcase: bool,
    /// It must not be shown.
    pub secret: bool,
}

/// What is begun, and must be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// These bytes are to be sent; then [`Event::Sent`].
    Transmit {
        /// The bytes.
        bytes: Vec<u8>,
        /// They must not be shown.
        secret: bool,
    },
    /// One of these strings is awaited.
    WaitFor {
        /// The strings.
        strings: Vec<Awaited>,
        /// Seconds, if there is a limit.
        until: Option<i32>,
    },
    /// So many seconds pass.
    Delay(i32),
    /// An address is awaited: which one, from 1.
    GetIp(u32),
    /// The line is to be set.
    Port(Port),
    /// The user may type, or not.
    Keyboard(bool),
    /// The address of this end; `None` if the script gave something else.
    Address(Option<Ipv4Addr>),
}

/// A step with the place of its command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where the command stands.
    pub place: Place,
    /// What it does.
    pub what: What,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Sent, set, or waited for as long as it said.
    Done,
    /// This string came, from 0.
    Matched(usize),
    /// None came in time; the script goes on.
    TimedOut,
    /// This address came.
    Address(Ipv4Addr),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// At the end of `main`.
    Done,
    /// At `halt`.
    Halted,
    /// The line was hung up.
    HungUp,
    /// The time for the whole run was over.
    Limit,
    /// The script did something that cannot be done.
    Broken(&'static str),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A step begins.
    Begin(Step),
    /// It has ended.
    End(Outcome),
    /// The run is over; the place of the last command.
    Over(Ending, Place),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first event of every run.
    Start,
    /// All that was to be sent has gone out.
    Sent,
    /// [`Machine::deadline`] has come.
    Deadline,
    /// The line was hung up.
    HungUp,
}

/// What is known besides the script.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// $USERID.
    pub userid: Vec<u8>,
    /// $PASSWORD.
    pub password: Vec<u8>,
    /// The time for the whole run.
    pub limit: Option<Duration>,
}

#[derive(Debug)]
enum State {
    Running,
    Sending,
    Waiting(Wait),
    Delaying(Duration),
    Address(AddressScan),
    Over,
}

/// A run.
#[derive(Debug)]
pub struct Machine {
    program: Program,
    known: Known,
    variables: Vec<Value>,
    stack: Vec<Value>,
    /// The next instruction.
    at: usize,
    place: Place,
    success: bool,
    /// The last `waitfor` asked for a password: what is sent next is one.
    asked: bool,
    /// Instructions since the last byte or wait.
    steps: u32,
    /// When they were last counted from nought.
    counted_from: Duration,
    state: State,
}

/// Why a run cannot go on.
type Broken = &'static str;

impl Machine {
    /// A run that has not begun.
    #[must_use]
    pub fn new(program: Program, known: Known) -> Machine {
        let variables = program.variables.iter().map(|kind| Value::empty(*kind)).collect();
        Machine {
            program,
            known,
            variables,
            stack: Vec::new(),
            at: 0,
            place: Place::default(),
            success: true,
            asked: false,
            steps: 0,
            counted_from: Duration::ZERO,
            state: State::Running,
        }
    }

    /// How many bytes may be taken from the line now without one too many; 0: none.
    #[must_use]
    pub fn need(&self) -> usize {
        match &self.state {
            State::Waiting(wait) => wait.need(),
            State::Address(scan) => scan.need(),
            _ => 0,
        }
    }

    /// When [`Event::Deadline`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let own = match &self.state {
            State::Waiting(wait) => wait.until,
            State::Delaying(until) => Some(*until),
            State::Over => return None,
            _ => None,
        };
        match (own, self.known.limit) {
            (Some(own), Some(limit)) => Some(own.min(limit)),
            (own, limit) => own.or(limit),
        }
    }

    /// Takes received bytes as far as they are wanted; gives how many were.
    pub fn bytes(&mut self, now: Duration, bytes: &[u8], actions: &mut Vec<Action>) -> usize {
        for (at, &byte) in bytes.iter().enumerate() {
            let outcome = match &mut self.state {
                State::Waiting(wait) => wait.feed(byte).map(Outcome::Matched),
                State::Address(scan) => scan.feed(byte).map(Outcome::Address),
                _ => return at,
            };
            self.time_passes(now);
            if let Some(outcome) = outcome {
                self.finish(now, outcome, actions);
                return at + 1;
            }
        }
        bytes.len()
    }

    /// Takes an event.
    pub fn handle(&mut self, now: Duration, event: Event, actions: &mut Vec<Action>) {
        if matches!(self.state, State::Over) {
            return;
        }
        match event {
            Event::HungUp => self.over(Ending::HungUp, actions),
            Event::Deadline if self.known.limit.is_some_and(|limit| limit <= now) => {
                self.over(Ending::Limit, actions);
            }
            Event::Start => self.run(now, actions),
            Event::Sent if matches!(self.state, State::Sending) => {
                // A real line takes its time; one that does not must not be sent to for ever.
                if now >= self.counted_from + SHORTEST_WAIT {
                    self.time_passes(now);
                }
                self.finish(now, Outcome::Done, actions);
            }
            Event::Deadline => {
                let outcome = match &self.state {
                    State::Waiting(wait) if wait.until.is_some_and(|until| until <= now) => Outcome::TimedOut,
                    State::Delaying(until) if *until <= now => Outcome::Done,
                    _ => return,
                };
                self.time_passes(now);
                self.finish(now, outcome, actions);
            }
            Event::Sent => {}
        }
    }

    fn time_passes(&mut self, now: Duration) {
        self.steps = 0;
        self.counted_from = now;
    }

    fn over(&mut self, ending: Ending, actions: &mut Vec<Action>) {
        self.state = State::Over;
        actions.push(Action::Over(ending, self.place));
    }

    /// A step that took time has ended.
    fn finish(&mut self, now: Duration, outcome: Outcome, actions: &mut Vec<Action>) {
        match (std::mem::replace(&mut self.state, State::Running), &outcome) {
            (State::Waiting(wait), Outcome::Matched(index)) => self.matched(&wait, *index),
            (State::Waiting(_), Outcome::TimedOut) => {
                self.success = false;
                self.asked = false;
            }
            (State::Address(_), Outcome::Address(address)) => {
                self.success = true;
                self.stack.push(Value::text(address.to_string().into_bytes()));
            }
            _ => {}
        }
        actions.push(Action::End(outcome));
        self.run(now, actions);
    }

    fn matched(&mut self, wait: &Wait, index: usize) {
        self.success = true;
        self.asked = wait.strings.get(index).is_some_and(|s| asks_secret(&s.bytes));
        if let Some(target) = wait.targets.get(index).copied().flatten() {
            self.at = target;
        }
    }

    /// Instructions up to one that takes time.
    fn run(&mut self, now: Duration, actions: &mut Vec<Action>) {
        while matches!(self.state, State::Running) {
            if let Some(place) = self.program.places.get(self.at) {
                self.place = *place;
            }
            if self.steps >= MOST_STEPS {
                return self
                    .over(Ending::Broken("it goes round and round without sending or waiting"), actions);
            }
            self.steps += 1;
            if let Err(broken) = self.step(now, actions) {
                return self.over(Ending::Broken(broken), actions);
            }
        }
    }

    fn step(&mut self, now: Duration, actions: &mut Vec<Action>) -> Result<(), Broken> {
        // Taken out to be able to change the rest; instructions are small, but for a few strings.
        let Some(instruction) = self.program.code.get(self.at).cloned() else { return Err("it has no end") };
        self.at += 1;
        match instruction {
            Instruction::Number(n) => self.stack.push(Value::Integer(n)),
            Instruction::Text(text) => self.stack.push(Value::text(text)),
            Instruction::Truth(truth) => self.stack.push(Value::Boolean(truth)),
            Instruction::Load(number) => {
                let value = self.variables.get(number).cloned().ok_or("a variable is missing")?;
                self.stack.push(value);
            }
            Instruction::Store(number) => {
                let value = self.pop()?;
                if let Some(variable) = self.variables.get_mut(number) {
                    *variable = value;
                }
            }
            Instruction::System(system) => self.stack.push(self.system(system)),
            Instruction::Unary(op) => self.unary(op)?,
            Instruction::Binary(op) => self.binary(op)?,
            Instruction::Drop => drop(self.pop()?),
            Instruction::Jump(target) => self.at = target,
            Instruction::JumpUnless(target) => {
                if !self.pop_truth()? {
                    self.at = target;
                }
            }
            Instruction::Transmit { raw } => self.transmit(raw, actions)?,
            Instruction::WaitFor { cases, until } => self.wait(now, &cases, until, actions)?,
            Instruction::Delay => {
                let seconds = self.pop_number()?.max(0);
                self.begin(What::Delay(seconds), actions);
                if seconds == 0 {
                    actions.push(Action::End(Outcome::Done));
                } else {
                    self.state =
                        State::Delaying(now + Duration::from_secs(u64::from(seconds.unsigned_abs())));
                }
            }
            Instruction::Port(port) => self.at_once(What::Port(port), actions),
            Instruction::Keyboard(on) => self.at_once(What::Keyboard(on), actions),
            Instruction::Address => {
                let text = self.pop_text()?;
                let address = AddressScan::whole(&text.bytes);
                self.at_once(What::Address(address), actions);
            }
            Instruction::GetIp(numbered) => {
                let number = if numbered { self.pop_number()?.max(1).unsigned_abs() } else { 1 };
                self.begin(What::GetIp(number), actions);
                self.state = State::Address(AddressScan::new(number));
            }
            Instruction::Halt => self.over(Ending::Halted, actions),
            Instruction::End => self.over(Ending::Done, actions),
        }
        Ok(())
    }

    fn begin(&self, what: What, actions: &mut Vec<Action>) {
        actions.push(Action::Begin(Step { place: self.place, what }));
    }

    fn at_once(&self, what: What, actions: &mut Vec<Action>) {
        self.begin(what, actions);
        actions.push(Action::End(Outcome::Done));
    }

    fn transmit(&mut self, raw: bool, actions: &mut Vec<Action>) -> Result<(), Broken> {
        let text = self.pop_text()?;
        let bytes = if raw { text.bytes } else { translate(&text.bytes) };
        let secret = text.secret || self.asked;
        let nothing = bytes.is_empty();
        self.begin(What::Transmit { bytes, secret }, actions);
        if nothing {
            actions.push(Action::End(Outcome::Done));
        } else {
            self.state = State::Sending;
        }
        Ok(())
    }

    fn wait(
        &mut self,
        now: Duration,
        cases: &[(bool, Option<usize>)],
        until: bool,
        actions: &mut Vec<Action>,
    ) -> Result<(), Broken> {
        let mut strings = Vec::with_capacity(cases.len());
        for (matchcase, _) in cases.iter().rev() {
            let text = self.pop_text()?;
            strings.push(Awaited {
                bytes: translate(&text.bytes),
                matchcase: *matchcase,
                secret: text.secret,
            });
        }
        strings.reverse();
        if strings.iter().map(|s| s.bytes.len()).sum::<usize>() > LONGEST_WAIT {
            return Err("the strings of a waitfor are longer than 8192 bytes");
        }
        let until = if until { Some(self.pop_number()?.max(0)) } else { None };
        self.begin(What::WaitFor { strings: strings.clone(), until }, actions);
        let targets = cases.iter().map(|(_, target)| *target).collect();
        let limit = until.map(|s| now + Duration::from_secs(u64::from(s.unsigned_abs())).max(SHORTEST_WAIT));
        let wait = Wait::new(strings, targets, limit);
        // An empty string is there already.
        match wait.strings.iter().position(|s| s.bytes.is_empty()) {
            Some(index) => {
                self.matched(&wait, index);
                actions.push(Action::End(Outcome::Matched(index)));
            }
            None => self.state = State::Waiting(wait),
        }
        Ok(())
    }

    fn system(&self, system: System) -> Value {
        match system {
            System::UserId => Value::Text(Text { bytes: self.known.userid.clone(), secret: true }),
            System::Password => Value::Text(Text { bytes: self.known.password.clone(), secret: true }),
            System::Success => Value::Boolean(self.success),
            System::Failure => Value::Boolean(!self.success),
        }
    }

    fn unary(&mut self, op: Unary) -> Result<(), Broken> {
        let value = match (op, self.pop()?) {
            (Unary::Minus, Value::Integer(n)) => Value::Integer(n.checked_neg().ok_or(TOO_LARGE)?),
            (Unary::Not, Value::Integer(n)) => Value::Integer(!n),
            (Unary::Not, Value::Boolean(truth)) => Value::Boolean(!truth),
            _ => return Err(WRONG_TYPE),
        };
        self.stack.push(value);
        Ok(())
    }

    fn binary(&mut self, op: Binary) -> Result<(), Broken> {
        let (right, left) = (self.pop()?, self.pop()?);
        self.stack.push(value::join(op, left, right)?);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, Broken> {
        self.stack.pop().ok_or("a value is missing")
    }

    fn pop_number(&mut self) -> Result<i32, Broken> {
        match self.pop()? {
            Value::Integer(n) => Ok(n),
            _ => Err(WRONG_TYPE),
        }
    }

    fn pop_truth(&mut self) -> Result<bool, Broken> {
        match self.pop()? {
            Value::Boolean(truth) => Ok(truth),
            _ => Err(WRONG_TYPE),
        }
    }

    fn pop_text(&mut self) -> Result<Text, Broken> {
        match self.pop()? {
            Value::Text(text) => Ok(text),
            _ => Err(WRONG_TYPE),
        }
    }
}

const TOO_LARGE: Broken = "a number is too large";
/// The compiler lets none through.
const WRONG_TYPE: Broken = "a value has the wrong type";

/// Whether a prompt asks for something that must not be shown: what is sent after it is hidden even if it
/// stands in the script in clear.
#[must_use]
pub fn asks_secret(prompt: &[u8]) -> bool {
    let prompt = prompt.to_ascii_lowercase();
    [
        "word:",
        "word?",
        "passw",
        "assword",
        "sword",
        "passcode",
        "secret",
        "pin:",
        "motdepasse",
        "mot de passe",
        "kennwort",
    ]
    .iter()
    .any(|asked| prompt.windows(asked.len()).any(|w| w == asked.as_bytes()))
}

/// Strings that are awaited.
#[derive(Debug)]
struct Wait {
    strings: Vec<Awaited>,
    targets: Vec<Option<usize>>,
    until: Option<Duration>,
    /// With matchcase and without: a matcher, and which of its strings is which of ours.
    matchers: Vec<(Matcher, Vec<usize>)>,
}

impl Wait {
    fn new(strings: Vec<Awaited>, targets: Vec<Option<usize>>, until: Option<Duration>) -> Wait {
        let mut matchers = Vec::new();
        for matchcase in [true, false] {
            let chosen: Vec<usize> = (0..strings.len())
                .filter(|&i| strings.get(i).is_some_and(|s| s.matchcase == matchcase))
                .collect();
            if !chosen.is_empty() {
                let texts: Vec<&[u8]> =
                    strings.iter().filter(|s| s.matchcase == matchcase).map(|s| s.bytes.as_slice()).collect();
                matchers.push((Matcher::eight_bit(texts, !matchcase), chosen));
            }
        }
        Wait { strings, targets, until, matchers }
    }

    fn need(&self) -> usize {
        self.matchers.iter().map(|(matcher, _)| matcher.need()).min().unwrap_or(1)
    }

    /// The first of the strings that end with this byte.
    fn feed(&mut self, byte: u8) -> Option<usize> {
        let mut first = None;
        for (matcher, chosen) in &mut self.matchers {
            let hit = matcher.feed(byte).and_then(|i| chosen.get(i).copied());
            first = match (first, hit) {
                (Some(a), Some(b)) => Some(std::cmp::min::<usize>(a, b)),
                (a, b) => a.or(b),
            };
        }
        first
    }
}

impl Value {
    fn empty(kind: Type) -> Value {
        match kind {
            Type::Integer => Value::Integer(0),
            Type::String => Value::text(Vec::new()),
            Type::Boolean => Value::Boolean(false),
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
