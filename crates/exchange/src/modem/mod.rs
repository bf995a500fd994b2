//! The emulated Hayes modem: V.250 and what most modems on the market made of it.
//!
//! Pure: bytes from the computer, sounds from the telephone line, DTR and the time go in;
//! [`Action`]s come out. Times are measured from any fixed start.

pub mod caller_id;
pub mod command;
pub mod dial;
mod escape;
mod execute;
mod phone;
pub mod profile;
pub mod registers;
pub mod result;
pub mod whims;

use crate::port::ModemLines;
use crate::switch::Sound;
use caller_id::{Caller, Dialect};
use dial::Step;
use escape::Escape;
use profile::Profile;
use registers::Settings;
use result::Outcome;
use std::collections::VecDeque;
use std::time::Duration;
use whims::Whims;

/// A moment: time since the exchange's start.
pub type Now = Duration;

/// Pieces that a slow modem keeps until it is time.
const LATE: usize = 1000;

/// What the modem wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bytes to the computer.
    Say(Vec<u8>),
    /// Modem lines to the computer.
    Show(ModemLines),
    /// Lift the receiver.
    OffHook,
    /// Put it down.
    OnHook,
    /// Send a digit.
    Digit(char),
    /// Send this into the telephone line from now on.
    Play(Sound),
    /// Data flows from now on (after what was said before).
    Online,
    /// Data does not flow any more.
    Offline,
    /// For the log: a command line as the modem understood it.
    Understood(String),
    /// For the log: what it reported (also when Q1 kept it silent).
    Reported(String),
}

/// How a line's modem is built; its user cannot change this by commands.
#[derive(Clone, Debug)]
pub struct Make {
    /// Its family.
    pub profile: &'static Profile,
    /// The text of CONNECT.
    pub connect: Box<str>,
    /// Time from hearing the other modem to CONNECT.
    pub handshake: Duration,
    /// Time from the S0-th ring to its being answered.
    pub auto_answer: Duration,
    /// How it shows callers.
    pub dialect: Dialect,
    /// Whether `+++` needs silence around it.
    pub guarded: bool,
    /// Factory settings (`&F`).
    pub factory: Settings,
}

impl Default for Make {
    fn default() -> Make {
        let profile = profile::usual();
        Make {
            profile,
            connect: "CONNECT 33600".into(),
            handshake: Duration::from_millis(600),
            auto_answer: Duration::from_millis(500),
            dialect: profile.dialect,
            guarded: profile.guarded,
            factory: Settings::default(),
        }
    }
}

/// What the modem is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// On the hook.
    Idle,
    /// Off the hook in command state (`H1`, `D…;`).
    Lifted,
    /// Working through a dial string.
    Dialling(Box<Dialling>),
    /// Waiting for the other modem until S7 is over.
    Seeking { calling: bool, until: Now, rang: bool },
    /// The handshake, done at `until`; then the other modem may still need time, until `limit`.
    Training { until: Option<Now>, limit: Now },
    /// A connection; `lost` when the carrier has gone, until S10 is over (`None`: S10 = 255).
    Online { paused: bool, lost: Option<Option<Now>> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dialling {
    steps: VecDeque<Step>,
    /// Next step at this time.
    at: Now,
    /// What `at` is the limit of.
    waiting: Waiting,
    pulse: bool,
    stay: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// For the time only.
    Time,
    /// For a dial tone.
    DialTone,
    /// For silence (`@`).
    Silence,
}

/// A modem.
pub struct Modem {
    make: Box<Make>,
    settings: Settings,
    stored: Option<Box<Settings>>,
    /// Values of extended commands that are only kept and read back.
    kept: Vec<(u8, Box<str>)>,
    state: State,
    heard: Sound,
    /// The command line so far, after `AT`.
    line: Vec<u8>,
    prefix: Prefix,
    last_line: Box<str>,
    last_number: Box<str>,
    /// When the last command line ended: keys right after it do not abort (V.250 5.6.1).
    ended: Now,
    dtr: bool,
    shown: ModemLines,
    /// A burst of ringing, now.
    ringing: bool,
    /// A call waits to be answered.
    called: bool,
    last_ring: Option<Now>,
    answer_at: Option<Now>,
    caller: Option<Box<Caller>>,
    escape: Escape,
    /// What a slow modem has still to say.
    late: VecDeque<(Now, Vec<u8>)>,
    whims: Option<Box<Whims>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefix {
    Nothing,
    A,
    /// `AT` has come; the rest is collected. `overflow`: too long, an error at its end.
    Body {
        overflow: bool,
    },
}

/// A modem's state in words, for `state` and `wait`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// On the hook, nothing rings.
    Idle,
    /// It rings.
    Ringing,
    /// Off the hook without a connection.
    Lifted,
    /// Dialling, or waiting for an answer.
    Dialling,
    /// Answering, or in the handshake.
    Training,
    /// Data flows.
    Connected,
    /// A connection in command state.
    Paused,
}

impl Doing {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Doing::Idle => "idle",
            Doing::Ringing => "ringing",
            Doing::Lifted => "offhook",
            Doing::Dialling => "dialling",
            Doing::Training => "training",
            Doing::Connected => "connected",
            Doing::Paused => "paused",
        }
    }
}

impl Modem {
    /// A modem just switched on. Nothing is shown yet: call [`Modem::power_on`].
    pub fn new(make: Make) -> Modem {
        Modem {
            settings: make.factory.clone(),
            stored: None,
            kept: Vec::new(),
            state: State::Idle,
            heard: Sound::Silence,
            line: Vec::new(),
            prefix: Prefix::Nothing,
            last_line: "".into(),
            last_number: "".into(),
            ended: Now::ZERO,
            dtr: false,
            shown: ModemLines::default(),
            ringing: false,
            called: false,
            last_ring: None,
            answer_at: None,
            caller: None,
            escape: Escape::new(),
            late: VecDeque::new(),
            whims: None,
            make: Box::new(make),
        }
    }

    /// Shows the modem lines for the first time.
    pub fn power_on(&mut self, out: &mut Vec<Action>) {
        self.show(out);
    }

    /// Switched off and on again: the call is cut, RAM is gone, the stored profile is loaded.
    pub fn power_cycle(&mut self, out: &mut Vec<Action>) {
        if self.state != State::Idle {
            self.on_hook(Sound::Silence, out);
        }
        self.settings = self.stored.as_deref().cloned().unwrap_or_else(|| self.make.factory.clone());
        self.kept.clear();
        self.line = Vec::new();
        self.prefix = Prefix::Nothing;
        self.late.clear();
        self.answer_at = None;
        self.shown = ModemLines::default();
        out.push(Action::Show(self.shown));
        self.show(out);
    }

    /// Bytes from the computer go to [`Modem::data`] while this is true, else to [`Modem::computer`].
    pub fn online(&self) -> bool {
        matches!(self.state, State::Online { paused: false, .. })
    }

    /// Whether it has lifted the receiver.
    pub fn off_hook(&self) -> bool {
        self.state != State::Idle
    }

    /// Whether it can take data from the other modem for its computer now.
    pub fn takes_data(&self) -> bool {
        matches!(self.state, State::Online { paused: false, lost: None })
    }

    /// What it is doing.
    pub fn doing(&self) -> Doing {
        match &self.state {
            State::Idle if self.called => Doing::Ringing,
            State::Idle => Doing::Idle,
            State::Lifted => Doing::Lifted,
            State::Dialling(_) | State::Seeking { calling: true, .. } => Doing::Dialling,
            State::Seeking { .. } | State::Training { .. } => Doing::Training,
            State::Online { paused: false, .. } => Doing::Connected,
            State::Online { paused: true, .. } => Doing::Paused,
        }
    }

    /// The lines it shows its computer.
    pub fn lines(&self) -> ModemLines {
        self.shown
    }

    /// DTR as it sees it.
    pub fn dtr_on(&self) -> bool {
        self.dtr
    }

    /// Rings counted (S1).
    pub fn rings(&self) -> u8 {
        self.settings.s(1)
    }

    /// What it hears on the telephone line.
    pub fn hears(&self) -> Sound {
        self.heard
    }

    /// Its build, to change.
    pub fn make_mut(&mut self) -> &mut Make {
        &mut self.make
    }

    /// The settings in force, to change.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// What is wrong with it.
    pub fn whims(&self) -> Option<&Whims> {
        self.whims.as_deref()
    }

    /// Makes something wrong with it.
    pub fn set_whims(&mut self, whims: Option<Whims>) {
        self.whims = whims.map(Box::new);
    }

    /// When [`Modem::tick`] is wanted next.
    pub fn deadline(&self) -> Option<Now> {
        let state = match &self.state {
            State::Idle | State::Lifted => None,
            State::Dialling(dialling) => Some(dialling.at),
            State::Seeking { until, .. } => Some(*until),
            State::Training { until, limit } => Some(until.unwrap_or(*limit)),
            State::Online { lost, .. } => lost.flatten(),
        };
        let late = self.late.front().map(|(at, _)| *at);
        [state, self.answer_at, self.escape.deadline(), late].into_iter().flatten().min()
    }

    /// The time is `now`: does what is due.
    pub fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        while self.late.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, bytes)) = self.late.pop_front() {
                out.push(Action::Say(bytes));
            }
        }
        if self.escape.due(now) && matches!(self.state, State::Online { paused: false, .. }) {
            self.pause(now, out);
        }
        if self.answer_at.is_some_and(|at| at <= now) {
            self.answer_at = None;
            self.answer(now, out);
        }
        self.tick_call(now, out);
    }

    /// The computer's DTR.
    pub fn dtr(&mut self, on: bool, now: Now, out: &mut Vec<Action>) {
        let fell = self.dtr && !on;
        self.dtr = on;
        if !fell || self.whims().is_some_and(|w| w.dtr_ignored) {
            return;
        }
        self.line.clear();
        self.prefix = Prefix::Nothing;
        match self.settings.dtr {
            0 => {}
            1 if self.online() => self.pause(now, out),
            1 => {}
            dtr => {
                self.answer_at = None;
                if self.state != State::Idle {
                    self.on_hook(Sound::Bye, out);
                    self.report(Outcome::NoCarrier, now, out);
                }
                if dtr == 3 {
                    self.settings =
                        self.stored.as_deref().cloned().unwrap_or_else(|| self.make.factory.clone());
                }
            }
        }
    }

    /// Bytes from the computer in command state (and while a call is being set up, which they abort).
    pub fn computer(&mut self, bytes: &[u8], now: Now, out: &mut Vec<Action>) {
        if self.whims().is_some_and(|w| w.deaf) {
            return;
        }
        for (place, &byte) in bytes.iter().enumerate() {
            match self.state {
                State::Online { paused: false, .. } => {
                    // A command line has brought the connection back (ATO): the rest is data,
                    // which nobody can have meant to send before CONNECT; it is dropped.
                    let _ = place;
                    return;
                }
                State::Dialling(_) | State::Seeking { .. } | State::Training { .. } => {
                    // The LF after the CR, and what else comes at once, is no key.
                    if now.saturating_sub(self.ended) < Duration::from_millis(125) {
                        continue;
                    }
                    self.on_hook(Sound::Silence, out);
                    self.report(Outcome::NoCarrier, now, out);
                }
                _ => self.key(byte & 0x7f, now, out),
            }
        }
    }

    fn key(&mut self, byte: u8, now: Now, out: &mut Vec<Action>) {
        if self.settings.echo || self.whims().is_some_and(|w| w.echo_stuck) {
            self.say(vec![byte], now, out);
        }
        let (end, rubout) = (self.settings.s(3), self.settings.s(5));
        match self.prefix {
            Prefix::Nothing | Prefix::A if byte.eq_ignore_ascii_case(&b'A') => self.prefix = Prefix::A,
            Prefix::A if byte == b'/' => {
                self.prefix = Prefix::Nothing;
                let line = self.last_line.clone();
                self.execute(&line, now, out);
            }
            Prefix::A if byte.eq_ignore_ascii_case(&b'T') => {
                self.prefix = Prefix::Body { overflow: false };
                self.line.clear();
            }
            Prefix::Nothing | Prefix::A => self.prefix = Prefix::Nothing,
            Prefix::Body { overflow } if byte == end => {
                self.prefix = Prefix::Nothing;
                self.ended = now;
                let line = std::mem::take(&mut self.line);
                if overflow {
                    self.report(Outcome::Error, now, out);
                    return;
                }
                let line = String::from_utf8_lossy(&line).into_owned().into_boxed_str();
                self.last_line = line.clone();
                self.execute(&line, now, out);
            }
            Prefix::Body { .. } if byte == rubout => {
                self.line.pop();
            }
            // V.250 5.2.2: other control characters, and blanks, have no meaning.
            Prefix::Body { .. } if byte <= b' ' || byte == 0x7f => {}
            Prefix::Body { .. } if self.line.len() >= command::LONGEST => {
                self.prefix = Prefix::Body { overflow: true };
            }
            Prefix::Body { .. } => self.line.push(byte.to_ascii_uppercase()),
        }
    }

    /// Data from the computer while [`Modem::online`]. Gives how many of the bytes are data for
    /// the other modem; the rest, if any, belongs to [`Modem::computer`].
    pub fn data(&mut self, bytes: &[u8], now: Now, out: &mut Vec<Action>) -> usize {
        let escape = self.settings.s(2);
        let guard = Duration::from_millis(20) * u32::from(self.settings.s(12));
        if escape > 127 {
            return bytes.len();
        }
        if self.make.guarded && !guard.is_zero() {
            self.escape.guarded(bytes, escape, guard, now);
            return bytes.len();
        }
        match self.escape.unguarded(bytes, escape, now) {
            None => bytes.len(),
            Some((taken, line)) => {
                self.go_paused(out);
                self.ended = now;
                self.last_line = line.clone();
                self.execute(&line, now, out);
                taken
            }
        }
    }

    fn go_paused(&mut self, out: &mut Vec<Action>) {
        if let State::Online { paused, .. } = &mut self.state {
            *paused = true;
            out.push(Action::Offline);
        }
        self.escape.reset();
        self.prefix = Prefix::Nothing;
    }

    fn pause(&mut self, now: Now, out: &mut Vec<Action>) {
        self.go_paused(out);
        self.report(Outcome::Ok, now, out);
    }

    // What goes to the computer.

    fn say(&mut self, bytes: Vec<u8>, now: Now, out: &mut Vec<Action>) {
        if let Some(slow) = self.whims().and_then(|w| w.slow) {
            let after = self.late.back().map_or(now, |(at, _)| *at).max(now + slow);
            // What a computer provokes without end is lost, as in a real modem's small memory.
            if self.late.len() < LATE {
                self.late.push_back((after, bytes));
            }
            return;
        }
        match out.last_mut() {
            Some(Action::Say(before)) => before.extend(bytes),
            _ => out.push(Action::Say(bytes)),
        }
    }

    fn line_of(&self, text: &str) -> Vec<u8> {
        let (cr, lf) = (self.settings.s(3), self.settings.s(4));
        let mut bytes = if self.settings.words { vec![cr, lf] } else { Vec::new() };
        bytes.extend(text.bytes());
        bytes.extend([cr, lf]);
        bytes
    }

    /// A line of information.
    fn tell(&mut self, text: &str, now: Now, out: &mut Vec<Action>) {
        let bytes = self.line_of(text);
        self.say(bytes, now, out);
    }

    /// A result code.
    fn report(&mut self, outcome: Outcome, now: Now, out: &mut Vec<Action>) {
        let Some(outcome) = outcome.seen_at(self.settings.x) else { return };
        let text = match self.settings.words {
            true => outcome.word(self.settings.x, &self.make.connect).to_string(),
            false => outcome.number(self.settings.x, &self.make.connect).to_string(),
        };
        out.push(Action::Reported(text.clone()));
        if self.settings.quiet || self.whims().is_some_and(|w| w.deaf) {
            return;
        }
        if let Some(garbage) = self.whims.as_mut().and_then(|w| w.garbage()) {
            self.say(garbage, now, out);
        }
        let bytes = match self.settings.words {
            true => self.line_of(&text),
            false => [text.as_bytes(), &[self.settings.s(3)]].concat(),
        };
        self.say(bytes, now, out);
    }

    /// Shows the modem lines if they have changed.
    fn show(&mut self, out: &mut Vec<Action>) {
        let carrier = matches!(self.state, State::Online { lost: None, .. });
        let lines = ModemLines {
            dcd: carrier || self.settings.carrier_always_on,
            ri: self.ringing,
            cts: true,
            dsr: true,
        };
        if lines != self.shown {
            self.shown = lines;
            out.push(Action::Show(lines));
        }
    }
}

/// For fuzzing: drives a modem with any bytes. The first picks its family; `ff` and a byte are an
/// event of the telephone line, the computer or the clock, the rest comes from the computer.
pub fn fuzz(data: &[u8]) {
    let family = usize::from(data.first().copied().unwrap_or(0)) % profile::PROFILES.len();
    let profile = profile::PROFILES.get(family).unwrap_or(profile::usual());
    let make = Make { profile, dialect: profile.dialect, guarded: profile.guarded, ..Make::default() };
    let (mut modem, mut now, mut out) = (Modem::new(make), Duration::ZERO, Vec::new());
    let mut rest = data.get(1..).unwrap_or_default();
    while let Some((&byte, after)) = rest.split_first() {
        if let (0xff, Some((&event, after))) = (byte, after.split_first()) {
            let sounds = crate::switch::SOUNDS;
            match event {
                0..=9 => modem.hear(sounds[usize::from(event)].1, now, &mut out),
                10 | 11 => modem.dtr(event == 10, now, &mut out),
                12 | 13 => modem.ring(event == 12, now, &mut out),
                14 => modem.ring_stopped(&mut out),
                15 => modem.caller(Caller { number: "123".into(), ..Caller::default() }, now, &mut out),
                16 => modem.power_cycle(&mut out),
                _ => {
                    now = modem.deadline().unwrap_or(now + Duration::from_millis(u64::from(event)));
                    // Marks such as `T` in a number take no time, but each is a step.
                    let mut tries = (0..16 + command::LONGEST).filter(|_| {
                        modem.tick(now, &mut out);
                        modem.deadline().is_none_or(|at| at > now)
                    });
                    assert!(tries.next().is_some(), "a deadline that does not move");
                }
            }
            rest = after;
        } else {
            let end = memchr::memchr(0xff, rest).filter(|end| *end > 0).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            let taken = if modem.online() { modem.data(piece, now, &mut out) } else { 0 };
            modem.computer(piece.get(taken..).unwrap_or_default(), now, &mut out);
            rest = after;
        }
        assert!(modem.line.len() <= command::LONGEST && modem.late.len() <= LATE, "memory that grows");
        out.clear();
    }
}

#[cfg(test)]
mod tests;
