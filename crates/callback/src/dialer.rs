//! One try: the line is shown to be clear, the modem initialised, the number dialled, the answer read.

use crate::clear_down::{Carrier, ClearDown, Proof, Step};
use crate::outcome::{self, Outcome};
use std::time::Duration;
use ttyline::drive::{Event, Machine};
use ttyline::expect::modem_chat::{Dialogue, ModemChat, Note, Outcome as Chatted, Timing};
use ttyline::log::Level;

const BEFORE_SEND: Duration = Duration::from_millis(50);
/// Limit for each expected word of the initialisation.
const INIT: Duration = Duration::from_secs(10);
/// Limit for the answer to a single command.
const COMMAND: Duration = Duration::from_secs(5);
/// How long a getty may take to see that the line is taken, and how often it gets something to see.
const NOTICE: Duration = Duration::from_millis(200);
const NOTICES: u32 = 5;
/// The longest line of the modem that is looked at, bytes.
const LONGEST: usize = 200;

/// Strings that end the initialisation.
const ABORTS: &[&[u8]] = &[b"NO CARRIER", b"NO DIALTONE", b"BUSY", b"ERROR", b"RING\r"];
/// The place of `RING` among them.
const RING: usize = 4;

/// What is done on the line.
#[derive(Clone, Debug)]
pub struct Orders {
    /// Initialises the modem.
    pub init: ModemChat,
    /// The dial command, without its CR.
    pub dial: Vec<u8>,
    /// Limit for the call to be answered.
    pub limit: Duration,
    /// The caller has to be gone first: whether the carrier signal can be believed, and for how long.
    pub clear_down: Option<(bool, Duration)>,
    /// Sent after the initialisation: whether the modem waits for a dial tone.
    pub tone: Option<&'static str>,
    /// The getty has said by itself that it keeps off the line.
    pub getty_is_off: bool,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Write to the line.
    Send(Vec<u8>),
    /// Look at the carrier; [`Dialer::carrier`] takes the answer.
    Look,
    /// DTR low or high.
    Dtr(bool),
    /// Look whether the getty has let go of the line; [`Dialer::getty`] takes the answer.
    LookAtGetty,
    /// Somebody has removed a lock: make ours again if it was that.
    MendLock,
    /// Write to the log.
    Log(Level, String),
    /// Append bytes of the line to the log.
    Traffic(Level, Vec<u8>),
    /// Append text to the log.
    Append(Level, &'static str),
    /// It is over. Nothing follows.
    End(Outcome),
}

#[derive(Debug)]
enum State {
    New,
    Clearing(ClearDown),
    Initialising(Box<Dialogue>),
    /// Waits for the answer to the dial tone command.
    Tone(Duration),
    /// Waits a moment before the getty is looked at.
    Noticing(Duration, u32),
    /// Pause before the dial command.
    Before(Duration),
    Dialling(Duration),
    /// The call is being given up; then this is the end.
    HangingUp(Duration, Outcome),
    Over,
}

/// The dialogue of one try.
#[derive(Debug)]
pub struct Dialer {
    orders: Orders,
    state: State,
    line: Vec<u8>,
    proof: Option<Proof>,
}

impl Dialer {
    /// A dialogue that the first event sets going.
    #[must_use]
    pub fn new(orders: Orders) -> Dialer {
        Dialer { orders, state: State::New, line: Vec::new(), proof: None }
    }

    /// How the line was shown to be clear.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.proof
    }

    /// The answer to [`Do::Look`].
    pub fn carrier(&mut self, carrier: Carrier, now: Duration, out: &mut Vec<Do>) {
        if let State::Clearing(clearing) = &mut self.state {
            let mut steps = Vec::new();
            clearing.carrier(carrier, now, &mut steps);
            self.cleared(now, steps, out);
        }
    }

    /// The answer to [`Do::LookAtGetty`]: whether it has let go of the line.
    pub fn getty(&mut self, off: bool, now: Duration, out: &mut Vec<Do>) {
        let State::Noticing(_, count) = self.state else { return };
        if off {
            self.before_dial(now);
        } else if count < NOTICES {
            // The answer stays in the tty's queue for a while, so that the getty sees it too.
            out.push(Do::Send(b"AT\r".to_vec()));
            self.state = State::Noticing(now + NOTICE, count + 1);
        } else {
            let text = "the getty does not seem to notice that the line is in use";
            out.push(Do::Log(Level::Warn, text.into()));
            self.before_dial(now);
        }
    }

    fn start(&mut self, now: Duration, out: &mut Vec<Do>) {
        match self.orders.clear_down {
            Some((believed, least)) => {
                out.push(Do::Log(Level::Mesg, "waiting for the line to be clear...".into()));
                let mut clearing = ClearDown::new(believed, least);
                let mut steps = Vec::new();
                clearing.start(&mut steps);
                self.state = State::Clearing(clearing);
                self.cleared(now, steps, out);
            }
            None => self.initialise(now, out),
        }
    }

    fn cleared(&mut self, now: Duration, steps: Vec<Step>, out: &mut Vec<Do>) {
        for step in steps {
            match step {
                Step::Look => out.push(Do::Look),
                Step::DtrLow => out.push(Do::Dtr(false)),
                Step::DtrHigh => out.push(Do::Dtr(true)),
                Step::Send(bytes) => out.extend([
                    Do::Log(Level::Noise, "send: ".into()),
                    Do::Traffic(Level::Noise, bytes.to_vec()),
                    Do::Send(bytes.to_vec()),
                ]),
            }
        }
        let State::Clearing(clearing) = &self.state else { return };
        self.proof = clearing.proof();
        match self.proof {
            None => {}
            Some(Proof::Carrier) => {
                out.push(Do::Log(Level::Mesg, "the line is clear: carrier has gone".into()));
                self.initialise(now, out);
            }
            Some(Proof::Modem) => {
                out.push(Do::Log(Level::Mesg, "the line is clear: the modem says it has hung up".into()));
                self.initialise(now, out);
            }
            Some(Proof::None(why)) => self.end(Outcome::NotClear(why), out),
        }
    }

    fn initialise(&mut self, now: Duration, out: &mut Vec<Do>) {
        out.push(Do::Log(Level::Mesg, "initializing modem...".into()));
        let timing = Timing { expect: INIT, before_send: BEFORE_SEND, pause: Duration::from_millis(500) };
        let mut dialogue = Box::new(Dialogue::new(self.orders.init.clone(), ABORTS, timing, now));
        let mut bytes = Vec::new();
        dialogue.tick(now, &mut bytes);
        self.state = State::Initialising(dialogue);
        self.initialised(bytes, now, out);
    }

    fn initialised(&mut self, bytes: Vec<u8>, now: Duration, out: &mut Vec<Do>) {
        let State::Initialising(dialogue) = &mut self.state else { return };
        for note in dialogue.notes() {
            match note {
                Note::Waiting(word) => {
                    let word = ttyline::visible::field(&word);
                    out.push(Do::Log(Level::Noise, format!("waiting for ``{word}''")));
                    out.push(Do::Log(Level::Noise, "got: ".into()));
                }
                Note::Found => out.push(Do::Append(Level::Noise, " ** found **")),
                Note::Sent(word) => {
                    out.push(Do::Log(Level::Noise, "send: ".into()));
                    out.push(Do::Traffic(Level::Noise, word));
                }
            }
        }
        let end = dialogue.outcome();
        if !bytes.is_empty() {
            out.push(Do::Send(bytes));
        }
        match end {
            None => {}
            Some(Chatted::Timeout) => self.end(Outcome::Silent, out),
            Some(Chatted::Abort(RING)) => self.end(Outcome::Glare, out),
            Some(ended) => {
                if let Chatted::Abort(_) = ended {
                    let text = "the modem refuses its initialisation, going on";
                    out.push(Do::Log(Level::Warn, text.into()));
                }
                self.line.clear();
                match self.orders.tone {
                    Some(command) => {
                        out.push(Do::Log(Level::Noise, format!("send: {command}")));
                        out.push(Do::Send(format!("{command}\r").into_bytes()));
                        self.state = State::Tone(now + COMMAND);
                    }
                    None => self.notice(now),
                }
            }
        }
    }

    fn notice(&mut self, now: Duration) {
        if self.orders.getty_is_off {
            self.before_dial(now);
        } else {
            self.state = State::Noticing(now + Duration::from_millis(20), 0);
        }
    }

    fn before_dial(&mut self, now: Duration) {
        self.state = State::Before(now + BEFORE_SEND);
    }

    fn byte(&mut self, byte: u8, now: Duration, out: &mut Vec<Do>) {
        match &mut self.state {
            State::Clearing(clearing) => {
                clearing.byte(byte, now);
                self.cleared(now, Vec::new(), out);
            }
            State::Initialising(dialogue) if dialogue.hungry() => {
                out.push(Do::Traffic(Level::Noise, vec![byte]));
                dialogue.feed(byte, now);
                let mut bytes = Vec::new();
                dialogue.tick(now, &mut bytes);
                self.initialised(bytes, now, out);
            }
            State::Tone(_) | State::Dialling(_) | State::HangingUp(..) => self.text(byte, now, out),
            _ => {}
        }
    }

    fn text(&mut self, byte: u8, now: Duration, out: &mut Vec<Do>) {
        if byte != b'\r' && byte != b'\n' {
            if ttyline::visible::is_printable(byte) && self.line.len() < LONGEST {
                self.line.push(byte);
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return;
        }
        let said = outcome::answer(&line);
        match &self.state {
            State::Tone(_) => match said {
                Some(Outcome::GaveUp) => self.notice(now),
                Some(Outcome::Glare) => self.end(Outcome::Glare, out),
                Some(_) => {
                    let text = "the modem does not know X4: it may not wait for the dial tone";
                    out.push(Do::Log(Level::Warn, text.into()));
                    self.notice(now);
                }
                None => {}
            },
            State::Dialling(_) => {
                let shown = ttyline::visible::field(&line);
                out.push(Do::Log(Level::Mesg, format!("dialup: got '{shown}'")));
                match said {
                    None => {}
                    // A person or a modem that knows better holds the line: it must be let go.
                    Some(Outcome::Voice) => self.hang_up(now, Outcome::Voice, out),
                    Some(outcome) => self.end(outcome, out),
                }
            }
            State::HangingUp(_, outcome) => {
                if matches!(said, Some(Outcome::GaveUp | Outcome::NoCarrier | Outcome::Error)) {
                    let outcome = outcome.clone();
                    self.end(outcome, out);
                }
            }
            _ => {}
        }
    }

    /// Any character ends dialling; `ATH` then makes sure.
    fn hang_up(&mut self, now: Duration, outcome: Outcome, out: &mut Vec<Do>) {
        out.push(Do::Send(b"\rATH\r".to_vec()));
        self.state = State::HangingUp(now + COMMAND, outcome);
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<Do>) {
        match &mut self.state {
            State::Clearing(clearing) => {
                let mut steps = Vec::new();
                clearing.tick(now, &mut steps);
                self.cleared(now, steps, out);
            }
            State::Initialising(dialogue) => {
                let mut bytes = Vec::new();
                dialogue.tick(now, &mut bytes);
                self.initialised(bytes, now, out);
            }
            State::Tone(until) if *until <= now => {
                out.push(Do::Log(Level::Warn, "the modem does not answer the dial tone command".into()));
                self.notice(now);
            }
            State::Noticing(until, _) if *until <= now => out.push(Do::LookAtGetty),
            State::Before(until) if *until <= now => {
                let mut command = self.orders.dial.clone();
                let shown = ttyline::visible::field(&command);
                out.push(Do::Log(Level::Noise, format!("mdm_send: '{shown}'")));
                command.push(b'\r');
                out.push(Do::Send(command));
                self.line.clear();
                self.state = State::Dialling(now + self.orders.limit);
            }
            State::Dialling(until) if *until <= now => self.hang_up(now, Outcome::TimedOut, out),
            State::HangingUp(until, outcome) if *until <= now => {
                let outcome = outcome.clone();
                self.end(outcome, out);
            }
            _ => {}
        }
    }

    fn end(&mut self, outcome: Outcome, out: &mut Vec<Do>) {
        self.state = State::Over;
        out.push(Do::End(outcome));
    }
}

impl Machine for Dialer {
    type Action = Do;

    fn handle(&mut self, now: Duration, event: Event<'_>, out: &mut Vec<Do>) {
        match event {
            Event::Start => self.start(now, out),
            Event::Bytes(bytes) => {
                for byte in bytes {
                    self.byte(*byte, now, out);
                }
            }
            Event::Deadline => self.tick(now, out),
            Event::HungUp => self.end(Outcome::HungUp, out),
            Event::Other(_) => out.push(Do::MendLock),
            Event::Signal(signal) if signal != nix::sys::signal::Signal::SIGUSR1 => {
                self.end(Outcome::Interrupted(signal as i32), out);
            }
            _ => {}
        }
    }

    fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::New | State::Over => None,
            State::Clearing(clearing) => clearing.deadline(),
            State::Initialising(dialogue) => dialogue.deadline(),
            State::Tone(until)
            | State::Noticing(until, _)
            | State::Before(until)
            | State::Dialling(until)
            | State::HangingUp(until, _) => Some(*until),
        }
    }

    fn interest(&self) -> ttyline::drive::Interest {
        use ttyline::drive::Interest;
        match &self.state {
            // What is not read stays for the getty to see.
            State::Noticing(..) => Interest::Nothing,
            State::Initialising(dialogue) if !dialogue.hungry() => Interest::Nothing,
            _ => Interest::Read,
        }
    }
}

#[cfg(test)]
#[path = "dialer_tests.rs"]
mod tests;
