//! The session: everything a getty decides between start and login, without any I/O.
//!
//! [`Event`]s and the time go in, [`Action`]s come out; [`Session::deadline`] says when a
//! [`Event::Tick`] is due and [`Session::appetite`] what is to be read until then. The states are
//! those of spec section 5: bring-up, idle, ringing, answer, login, and the side roads (no login
//! allowed, line in use by a dialler, modem check).
//!
//! What a modem says is believed in command state only: from CONNECT on ([`login`]) every byte is
//! the caller's, and no `RING`, `CONNECT` or caller's number of his is looked at.

mod bring_up;
mod call;
mod called_back;
mod dialogue;
mod echo;
mod family;
mod ladder;
mod login;
mod ringing;
mod setup;
#[cfg(test)]
mod tests;
mod vocabulary;

pub mod fuzz;

use nix::sys::signal::Signal;
use std::collections::VecDeque;
use std::time::Duration;
use ttyline::at::caller_data::CallerData;
use ttyline::at::profile::Profile;
use ttyline::expect::modem_chat::Dialogue;
use ttyline::log::Level;
use ttyline::visible;

pub use call::Phase;
pub use login::{Connected, Naming};
pub use ringing::Ringing;
pub use setup::{Setup, Waits};
pub use vocabulary::{Action, Appetite, Event, How, Locked, Login, Stage, Verdict};

/// Longest line of a modem that is looked at, bytes; the rest of a longer one is dropped.
const LINE_MAX: usize = 500;
/// A drain gives up after so many bytes.
const DRAIN_MAX: usize = 10_000;

/// What follows a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    InitChat,
    InitAgain,
    Ready,
    CleanUp,
    CallBack,
    NologinText,
    Probe,
}

/// What a dialogue with the modem is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Init,
    ForceInit,
    Statistics,
    PostInit,
    CallerId,
    Answer,
    Check(u8),
    /// Is the modem of a line that could not be served there again?
    Probe,
}

/// Why the line is being locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Start,
    Activity,
    Check,
}

/// Why carrier is looked at while nobody should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// The modem has been initialised.
    Ready,
    /// The phone has rung often enough.
    Answer,
}

#[derive(Debug)]
enum State {
    New,
    Locking(Reason),
    Opening,
    OpenFailed { until: Duration },
    Resting { until: Duration },
    CarrierAsked(Look),
    DtrAsked,
    DtrLow { until: Duration },
    OpenDelay { until: Duration },
    Draining { silence: Duration, until: Duration, taken: usize, then: Then },
    Talking { dialogue: Box<Dialogue>, purpose: Purpose },
    Asking(Box<family::Asking>),
    ModemAsked,
    ModemOff { until: Duration },
    Idle { until: Option<Duration> },
    NologinAsked(Ringing),
    Ringing(Ringing),
    RingsAsked(Ringing),
    NologinBye { until: Duration },
    Judging,
    CallingBack,
    Dialout,
    DialoutOver { until: Duration },
    TakingOver,
    Acknowledging { until: Duration },
    Unlockable { until: Duration },
    Connected(Connected),
    Naming(Naming),
    Over,
}

/// A getty's life on one line.
#[derive(Debug)]
pub struct Session {
    setup: Setup,
    state: State,
    caller: CallerData,
    /// Bytes that were read and not yet looked at.
    pending: VecDeque<u8>,
    /// The line that is being collected.
    line: Vec<u8>,
    /// SIGUSR1 came.
    virtual_ring: bool,
    /// Something has happened since start: SIGHUP counts.
    active: bool,
    init_forced: bool,
    /// The caller is one that we have called.
    called_back: bool,
    /// When CONNECT was seen.
    connected_at: Option<Duration>,
    dist_ring: i32,
    /// The modem's family, if it is known.
    profile: Option<&'static Profile>,
    /// Somebody rings or is there: the record of his call is open.
    calling: bool,
    /// Rings of this call.
    rings: u32,
    ladder: ladder::Ladder,
    /// Carrier stays on whatever is done: said once.
    carrier_stuck: bool,
    /// DTR was dropped once because carrier was on.
    hung_up: bool,
    /// Our callback has the line, to dial.
    dialling_back: bool,
    /// When the modem was told to pick up.
    answering_since: Duration,
    echo: echo::Echo,
    /// Empty names so far.
    greetings: u32,
    now: Duration,
    actions: Vec<Action>,
}

impl Session {
    /// A session that [`Event::Start`] sets going.
    pub fn new(setup: Setup) -> Session {
        Session {
            setup,
            state: State::New,
            caller: CallerData::default(),
            pending: VecDeque::new(),
            line: Vec::new(),
            virtual_ring: false,
            active: false,
            init_forced: false,
            called_back: false,
            connected_at: None,
            dist_ring: 0,
            profile: None,
            calling: false,
            rings: 0,
            ladder: ladder::Ladder::default(),
            carrier_stuck: false,
            hung_up: false,
            dialling_back: false,
            answering_since: Duration::ZERO,
            echo: echo::Echo::default(),
            greetings: 0,
            now: Duration::ZERO,
            actions: Vec::new(),
        }
    }

    /// What is known of the call.
    pub fn caller(&self) -> &CallerData {
        &self.caller
    }

    /// Whether the caller is one that we have called.
    pub fn called_back(&self) -> bool {
        self.called_back
    }

    /// How the line is served.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Distinctive ring number of the last ring, 0 if none.
    pub fn dist_ring(&self) -> i32 {
        self.dist_ring
    }

    /// When [`Event::Tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.state {
            State::OpenFailed { until }
            | State::Resting { until }
            | State::DtrLow { until }
            | State::OpenDelay { until }
            | State::Draining { until, .. }
            | State::ModemOff { until }
            | State::NologinBye { until }
            | State::DialoutOver { until }
            | State::Acknowledging { until }
            | State::Unlockable { until } => Some(*until),
            State::Talking { dialogue, .. } => dialogue.deadline(),
            State::Asking(asking) => asking.deadline(),
            State::Idle { until } => *until,
            State::Ringing(ringing) => Some(ringing.until()),
            State::Connected(connected) => Some(connected.deadline()),
            State::Naming(naming) => naming.deadline(),
            State::New
            | State::Locking(_)
            | State::Opening
            | State::CarrierAsked(_)
            | State::DtrAsked
            | State::ModemAsked
            | State::NologinAsked(_)
            | State::RingsAsked(_)
            | State::Judging
            | State::CallingBack
            | State::Dialout
            | State::TakingOver
            | State::Over => None,
        }
    }

    /// What is to be read.
    pub fn appetite(&self) -> Appetite {
        match &self.state {
            State::Idle { .. } => Appetite::Notice,
            State::Draining { .. } | State::Ringing(_) | State::Asking(_) => Appetite::Bytes,
            State::Talking { dialogue, purpose } if dialogue.hungry() => {
                // What follows CONNECT is the caller's.
                if *purpose == Purpose::Answer { Appetite::Byte } else { Appetite::Bytes }
            }
            State::Connected(_) | State::Naming(_) => Appetite::Byte,
            _ => Appetite::Nothing,
        }
    }

    /// Whether nothing follows any more.
    pub fn over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Takes an event at time `now` (from any fixed point, never backwards).
    pub fn handle(&mut self, event: Event<'_>, now: Duration) -> Vec<Action> {
        self.now = self.now.max(now);
        match event {
            _ if self.over() => {}
            Event::Signal(signal) => self.signal(signal),
            Event::Bytes(bytes) => {
                self.pending.extend(bytes);
                self.pump();
            }
            Event::Gone => self.gone(),
            Event::OutputStuck => {
                self.call_over("output is stuck");
                self.audit(&format!("failed {}, output is stuck, exiting", self.setup.dev_pid()));
                self.exit(10);
            }
            Event::Tick => {
                if self.deadline().is_some_and(|due| self.now >= due) {
                    self.tick();
                    self.pump();
                }
            }
            answer => {
                self.answer(answer);
                self.pump();
            }
        }
        std::mem::take(&mut self.actions)
    }

    fn answer(&mut self, event: Event<'_>) {
        match (std::mem::replace(&mut self.state, State::Over), event) {
            (State::New, Event::Start) => self.start(),
            (State::Locking(reason), Event::Lock(locked)) => self.locked(reason, locked),
            (State::Opening, Event::Opened(opened)) => self.opened(opened),
            (State::Opening, Event::NoDevice) => self.recover("no such device"),
            (State::CarrierAsked(look), Event::Carrier(on)) => self.carrier(look, on),
            (State::Connected(connected), Event::Slow(delay)) => self.slowed(connected, delay),
            (State::Connected(_) | State::Naming(_), Event::CarrierLost) => self.carrier_lost(),
            // Somebody holds the line without a lock file (`flock`).
            (State::Opening, Event::Lock(locked)) => self.locked(Reason::Start, locked),
            (State::DtrAsked, Event::DtrIsLow(low)) => self.dtr_is_low(low),
            (State::ModemAsked, Event::ModemIsOn(on)) => self.modem_is_on(on),
            (State::Idle { .. }, Event::Readable) => self.wake(),
            (State::NologinAsked(ringing), Event::Nologin(forbidden)) => self.nologin(ringing, forbidden),
            (State::RingsAsked(ringing), Event::Rings(wanted)) => self.rings_wanted(ringing, wanted),
            (State::Judging, Event::Caller(verdict)) => self.judged(verdict),
            (State::CallingBack, Event::CallBackRuns) => self.clean_up(),
            (State::Dialout, Event::LockGone) => {
                self.state = State::DialoutOver { until: self.now + self.setup.waits.after_dialout };
            }
            (State::Idle { .. }, Event::Dial) => {
                self.dialling_back = true;
                self.callback_dials();
            }
            (State::Dialout, Event::Take) => self.take_over(),
            (State::TakingOver, Event::TakenOver(pause)) => self.taken_over(pause),
            // An answer nobody asked for changes nothing.
            (state, _) => self.state = state,
        }
    }

    fn tick(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Talking { mut dialogue, purpose } => {
                let mut out = Vec::new();
                dialogue.tick(self.now, &mut out);
                self.after_dialogue_step(dialogue, purpose, out);
            }
            State::Asking(asking) => self.asking_tick(*asking),
            State::Idle { .. } => self.lock_for(Reason::Check),
            State::OpenFailed { .. } => self.exit(30),
            State::Resting { .. } => self.lock_for(Reason::Start),
            State::DtrLow { .. } => {
                self.push(Action::DtrHigh);
                self.open_delay();
            }
            State::OpenDelay { .. } => self.drain(self.setup.waits.init_drain, Then::InitChat),
            State::Draining { then, .. } => self.drained(then),
            State::ModemOff { .. } => {
                self.push(Action::AskModem);
                self.state = State::ModemAsked;
            }
            State::Ringing(ringing) => self.ring_timeout(ringing),
            State::NologinBye { .. } => self.exit(20),
            State::DialoutOver { .. } => self.dialout_over(),
            State::Acknowledging { .. } => self.acknowledge(),
            State::Unlockable { .. } => self.exit(0),
            State::Connected(connected) => self.connected_tick(connected),
            State::Naming(naming) => self.naming_tick(naming),
            state => self.state = state,
        }
    }

    /// Hands pending bytes to the state until it wants no more.
    fn pump(&mut self) {
        while self.appetite() > Appetite::Notice {
            let Some(byte) = self.pending.pop_front() else { return };
            match std::mem::replace(&mut self.state, State::Over) {
                State::Draining { silence, taken, then, .. } => self.drain_byte(silence, taken, then),
                State::Talking { dialogue, purpose } => self.talk(dialogue, purpose, byte),
                State::Asking(asking) => self.asking_byte(*asking, byte),
                State::Ringing(ringing) => self.ring_byte(ringing, byte),
                State::Connected(connected) => self.connected_byte(connected, byte),
                State::Naming(naming) => self.naming_byte(naming, byte),
                state => self.state = state,
            }
        }
    }

    fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::SIGUSR1 => self.usr1(),
            Signal::SIGUSR2 => {
                let answering = matches!(&self.state, State::Talking { purpose: Purpose::Answer, .. });
                if answering || self.in_data() {
                    return;
                }
                self.call_over("signal USR2");
                self.audit(&format!("exit {}, got signal USR2, exiting", self.setup.dev_pid()));
                self.exit(0);
            }
            Signal::SIGHUP if !self.active => {}
            _ => {
                let cause = match signal {
                    Signal::SIGHUP if self.in_data() => "caller hung up before the login".into(),
                    _ => format!("signal {}", signal as i32),
                };
                self.call_over(&cause);
                self.audit(&format!(
                    "failed {}, got signal {}, exiting",
                    self.setup.dev_pid(),
                    signal as i32
                ));
                self.exit(10);
            }
        }
    }

    fn usr1(&mut self) {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Idle { .. } => {
                self.virtual_ring = true;
                self.wake();
            }
            State::Ringing(ringing) => {
                self.virtual_ring = true;
                self.state = State::Ringing(ringing);
                self.virtual_ring_now();
            }
            State::Dialout => self.take_over(),
            state => {
                self.virtual_ring = true;
                self.state = state;
            }
        }
    }

    fn gone(&mut self) {
        if self.in_data() {
            self.log(Level::Mesg, "caller hung up");
            self.call_over("caller hung up before the login");
            return self.exit(0);
        }
        // It may be a modem that was unplugged: its successor is waited for.
        self.recover("line is gone");
    }

    /// Carrier fell before its loss could make a signal.
    fn carrier_lost(&mut self) {
        self.log(Level::Mesg, "carrier is gone already");
        self.call_over("carrier lost before the login");
        self.exit(0);
    }

    /// Whether bytes are the caller's, not the modem's.
    fn in_data(&self) -> bool {
        matches!(self.state, State::Connected(_) | State::Naming(_) | State::Acknowledging { .. })
    }

    /// The line cannot be served: it is let go, and looked at again later.
    fn recover(&mut self, why: &str) {
        self.call_over(&format!("failed: {why}"));
        let (pause, news) = self.ladder.failed(why);
        if news {
            self.log(Level::Error, &format!("{why}: trying again until it is well"));
        }
        self.push(Action::Close);
        self.push(Action::Unlock);
        self.pending.clear();
        self.line.clear();
        self.forget_call();
        self.active = false;
        self.init_forced = false;
        self.state = State::Resting { until: self.now + pause };
    }

    fn lock_for(&mut self, reason: Reason) {
        self.push(Action::Lock);
        self.state = State::Locking(reason);
    }

    fn locked(&mut self, reason: Reason, locked: Locked) {
        match (locked, reason) {
            (Locked::Busy, _) => {
                self.log(Level::Mesg, "lock file exists (dialout)!");
                self.push(Action::WaitForLock);
                self.state = State::Dialout;
                // A callback program whose lock we had not noticed is waiting for us.
                if self.virtual_ring {
                    self.take_over();
                }
            }
            (Locked::Impossible, _) => {
                self.log(Level::Fatal, "cannot make a lock file, exiting");
                self.state = State::Unlockable { until: self.now + self.setup.waits.after_lock_failure };
            }
            (Locked::Ours, Reason::Start) => {
                self.push(Action::Open);
                self.state = State::Opening;
            }
            (Locked::Ours, Reason::Activity) => self.activity(),
            (Locked::Ours, Reason::Check) => {
                self.log(Level::Noise, "checking if modem is still alive");
                self.check(1);
            }
        }
    }

    fn dialout_over(&mut self) {
        self.log(Level::Mesg, "lock file is gone, exiting");
        self.exit(0);
    }

    fn drain(&mut self, silence: Duration, then: Then) {
        self.line.clear();
        self.state = State::Draining { silence, until: self.now + silence, taken: 0, then };
    }

    fn drain_byte(&mut self, silence: Duration, taken: usize, then: Then) {
        if taken >= DRAIN_MAX {
            return self.drained(then);
        }
        self.state = State::Draining { silence, until: self.now + silence, taken: taken + 1, then };
    }

    fn drained(&mut self, then: Then) {
        match then {
            Then::InitChat => self.init_chat(),
            Then::InitAgain => self.begin_chat(self.setup.init_chat.clone(), Purpose::Init),
            Then::Ready => self.ready(),
            Then::Probe => self.probe(),
            Then::CleanUp => self.clean_up(),
            Then::CallBack => self.call_back(),
            Then::NologinText => self.nologin_text(),
        }
    }

    /// Back to waiting: what is known of the call is forgotten, the line let go.
    fn drain_and_clean_up(&mut self) {
        self.drain(self.setup.waits.ready_drain, Then::CleanUp);
    }

    fn forget_call(&mut self) {
        self.caller.reset();
        self.virtual_ring = false;
        self.connected_at = None;
        self.dist_ring = 0;
        self.rings = 0;
        self.called_back = false;
    }

    fn clean_up(&mut self) {
        self.call_over("ended");
        self.forget_call();
        self.push(Action::Unlock);
        self.idle();
    }

    fn exit(&mut self, code: i32) {
        self.call_over("failed");
        self.push(Action::Unlock);
        self.push(Action::Exit(code));
        self.state = State::Over;
    }

    fn push(&mut self, action: Action) {
        if let (Some(Action::LogMore(level, text)), Action::LogMore(new, more)) =
            (self.actions.last_mut(), &action)
        {
            if level == new && text.len() < 4096 {
                text.extend_from_slice(more);
                return;
            }
        }
        self.actions.push(action);
    }

    fn log(&mut self, level: Level, text: &str) {
        self.push(Action::Log(level, text.to_string()));
    }

    fn audit(&mut self, text: &str) {
        self.log(Level::Audit, text);
    }
}

/// A modem's or script's bytes for a log line, bounded.
fn printable(bytes: &[u8]) -> String {
    visible::field(bytes.get(..200).unwrap_or(bytes))
}
