//! From CONNECT to the login program: PPP, prompt, name. Every byte is the caller's here.

use super::{Action, DRAIN_MAX, How, Login, Session, Stage, State, printable};
use crate::name::{NameReader, Step};
use std::time::Duration;
use ttyline::log::Level;
use ttyline::ppp::Detector;
use ttyline::settings::LineEnd;

/// What a caller may type before the prompt and still have counted.
const TYPED_AHEAD_MAX: usize = 256;
/// Empty names and ^U until the call is ended: a machine that answers itself.
const GREETINGS_MAX: u32 = 20;
/// He is told this long before the end.
const LAST_MINUTE: Duration = Duration::from_secs(60);

/// PPP of a cable connection begins within this time, else the caller gets a prompt after all.
const CABLE_TIME: Duration = Duration::from_secs(30);
/// What Windows' cable connection says first.
const CLIENT: &[u8] = b"CLIENT";

/// Looks for [`CLIENT`] on a direct line.
#[derive(Debug, Default, Clone, Copy)]
struct Cable {
    matched: usize,
}

impl Cable {
    /// Whether these bytes complete it.
    fn feed(&mut self, bytes: &[u8]) -> bool {
        bytes.iter().any(|&byte| {
            let next = CLIENT.get(self.matched) == Some(&byte);
            // No beginning of it stands inside it, but for its first letter.
            self.matched = if next { self.matched + 1 } else { usize::from(CLIENT.first() == Some(&byte)) };
            self.matched == CLIENT.len()
        })
    }
}

/// CONNECT has come, the prompt not yet.
#[derive(Debug)]
pub struct Connected {
    detector: Detector,
    prompt_at: Duration,
    /// Until then the modem may still be talking: bytes are dropped. Each one moves it.
    quiet_at: Duration,
    dropped: usize,
    typed_ahead: Vec<u8>,
    cable: Cable,
    end: Option<Duration>,
}

impl Connected {
    /// When the prompt is due, or patience ends.
    pub fn deadline(&self) -> Duration {
        let ready = if self.dropped == 0 { self.prompt_at } else { self.prompt_at.max(self.quiet_at) };
        self.end.map_or(ready, |end| ready.min(end))
    }
}

/// The caller has been asked for his name.
#[derive(Debug)]
pub struct Naming {
    detector: Detector,
    reader: NameReader,
    fido: bool,
    cable: Cable,
    warn_at: Option<Duration>,
    end: Option<Duration>,
}

impl Naming {
    /// When he is warned, or patience ends.
    pub fn deadline(&self) -> Option<Duration> {
        self.warn_at.or(self.end)
    }
}

impl Session {
    /// This was shown to the caller: what comes back of it is no name.
    pub fn shown(&mut self, text: &[u8]) {
        self.echo.shown(text);
    }

    /// Whether carrier is known to be on always.
    pub fn carrier_stuck(&self) -> bool {
        self.carrier_stuck
    }

    /// Whether the line could not be served the last time it was tried: that has been said.
    pub fn troubled(&self) -> bool {
        self.ladder.why().is_some()
    }

    /// The caller is there since `at`.
    pub(super) fn connected(&mut self, at: Duration) {
        // An answer chat may end inside the CONNECT line: its rest is still the modem's.
        let dropped = usize::from(!self.line.is_empty());
        self.line.clear();
        self.connected_at = Some(at);
        self.echo = super::echo::Echo::default();
        self.greetings = 0;
        self.call_begins();
        self.push(Action::Watch);
        if self.setup.exec_on_connect {
            self.carrier_counts();
            self.push(Action::Set(Stage::Name));
            return self.login_now(Login { name: Vec::new(), how: How::AtOnce });
        }
        let waits = &self.setup.waits;
        self.state = State::Connected(Connected {
            detector: Detector::new(),
            prompt_at: at + waits.prompt,
            quiet_at: self.now + waits.connect_drain,
            dropped,
            typed_ahead: Vec::new(),
            cable: Cable::default(),
            end: self.setup.login_time.map(|limit| at + limit),
        });
    }

    /// On a direct line: it is still to be read, and is no part of a name.
    pub(super) fn expect_the_key_that_woke_us(&mut self) {
        if let (State::Connected(connected), false) = (&mut self.state, self.setup.blocking) {
            connected.dropped = 1;
        }
    }

    /// He may be guessing. A PPP frame is recognised meanwhile.
    pub(super) fn slowed(&mut self, mut connected: Connected, delay: Duration) {
        self.log(
            Level::Mesg,
            &format!("logins of this caller have failed: prompt {} s later", delay.as_secs()),
        );
        connected.prompt_at += delay;
        self.state = State::Connected(connected);
    }

    pub(super) fn connected_byte(&mut self, mut connected: Connected, byte: u8) {
        let mut text = Vec::new();
        if connected.detector.feed(byte, &mut text) {
            let head = connected.detector.head();
            self.carrier_counts();
            return self.ppp(head);
        }
        if self.setup.direct && connected.cable.feed(&text) {
            return self.cable_connection(connected.end);
        }
        let drain = self.setup.waits.connect_drain;
        if self.now < connected.quiet_at && connected.dropped < DRAIN_MAX {
            connected.dropped += 1;
            connected.quiet_at = self.now + drain;
        } else if connected.typed_ahead.len() < TYPED_AHEAD_MAX {
            connected.typed_ahead.extend_from_slice(&text);
        }
        self.state = State::Connected(connected);
    }

    pub(super) fn connected_tick(&mut self, mut connected: Connected) {
        if connected.end.is_some_and(|end| self.now >= end) {
            return self.login_timeout();
        }
        self.carrier_counts();
        // Who reads the name himself has no use for a mailer's answer.
        self.greet(self.setup.fido && !self.setup.ttyprompt_hack);
        let typed = std::mem::take(&mut connected.typed_ahead);
        let warn_at = connected.end.and_then(|end| end.checked_sub(LAST_MINUTE)).filter(|at| *at > self.now);
        let naming = Naming {
            detector: connected.detector,
            reader: self.new_reader(self.setup.fido),
            fido: self.setup.fido,
            cable: connected.cable,
            warn_at,
            end: connected.end,
        };
        if self.setup.ttyprompt_hack {
            return self.login_now(Login { name: Vec::new(), how: How::Unasked });
        }
        self.state = State::Naming(naming);
        for byte in typed.into_iter().rev() {
            self.pending.push_front(byte);
        }
    }

    /// Windows' cable connection asks before it begins with PPP. No prompt goes into its first frames.
    fn cable_connection(&mut self, end: Option<Duration>) {
        self.log(Level::Mesg, "CLIENT: a cable connection, answered with CLIENTSERVER");
        self.push(Action::Send(b"CLIENTSERVER".to_vec()));
        self.state = State::Connected(Connected {
            detector: Detector::new(),
            prompt_at: self.now + CABLE_TIME,
            quiet_at: self.now,
            dropped: 0,
            typed_ahead: Vec::new(),
            cable: Cable::default(),
            end,
        });
    }

    fn new_reader(&self, fido: bool) -> NameReader {
        NameReader::new(0x7f, fido)
    }

    fn carrier_counts(&mut self) {
        self.push(Action::Set(Stage::Carrier));
        self.push(Action::UtmpLogin);
    }

    fn greet(&mut self, fido: bool) {
        self.push(Action::Set(Stage::Greeting));
        self.push(Action::Send(b"\r".to_vec()));
        self.push(Action::Issue);
        self.push(Action::Private);
        self.prompt(fido);
    }

    /// Its bytes go out as they are; those of the issue have their tabs written as blanks.
    fn prompt(&mut self, fido: bool) {
        self.push(Action::Set(Stage::Name));
        self.push(Action::Prompt(fido));
    }

    pub(super) fn naming_byte(&mut self, mut naming: Naming, byte: u8) {
        let mut text = Vec::new();
        if naming.detector.feed(byte, &mut text) {
            return self.ppp(naming.detector.head());
        }
        if self.setup.direct && naming.cable.feed(&text) {
            return self.cable_connection(naming.end);
        }
        let mut echo = Vec::new();
        if self.echo.heard(byte) {
            return self.echoed();
        }
        for byte in text {
            let step = naming.reader.feed(byte, &mut echo);
            if step == Step::More {
                continue;
            }
            self.send(&mut echo);
            // What was held back and follows a complete name is not the name's.
            if !self.step(&mut naming, step) {
                return;
            }
        }
        self.send(&mut echo);
        self.state = State::Naming(naming);
    }

    /// It is the modem, in command state, and not a caller.
    fn echoed(&mut self) {
        self.audit(&format!("failed {}, the modem echoes our prompt: hanging up", self.setup.dev_pid()));
        self.recover("modem echoes the prompt");
    }

    fn send(&mut self, bytes: &mut Vec<u8>) {
        if !bytes.is_empty() {
            self.push(Action::Send(std::mem::take(bytes)));
        }
    }

    /// Carries a step out; false if the session has left the name reader.
    fn step(&mut self, naming: &mut Naming, step: Step) -> bool {
        match step {
            Step::More => {}
            Step::Greeting | Step::Prompt | Step::EmsiClient if self.greetings >= GREETINGS_MAX => {
                self.call_over("no name");
                self.audit(&format!("failed {}, no name in {GREETINGS_MAX} prompts", self.setup.dev_pid()));
                self.exit(0);
                return false;
            }
            Step::Greeting => {
                self.greetings += 1;
                self.greet(self.setup.fido);
                naming.reader = self.new_reader(naming.fido);
            }
            Step::Prompt => {
                self.greetings += 1;
                self.prompt(naming.fido);
                naming.reader = self.new_reader(naming.fido);
            }
            Step::EmsiClient => {
                self.greetings += 1;
                self.log(Level::Mesg, "got EMSI_CLI packet, re-read login name");
                naming.fido = false;
                self.prompt(false);
                naming.reader = self.new_reader(true);
            }
            Step::Quit => {
                self.log(Level::Mesg, "got EOF or quit character, exiting");
                self.call_over("quit at the prompt");
                self.exit(0);
                return false;
            }
            Step::Fido(name) => {
                self.login_now(Login { name, how: How::Fido });
                return false;
            }
            Step::Name(_) if self.greetings > 0 && self.echo.is_line(naming.reader.name()) => {
                self.echoed();
                return false;
            }
            Step::Name(end) => {
                self.named(naming.reader.name().to_vec(), end);
                return false;
            }
        }
        true
    }

    fn named(&mut self, name: Vec<u8>, end: LineEnd) {
        // A modem without carrier detection, back in command state.
        if name == b"NO CARRIER" || name == b"ERROR" || name == b"RING" {
            let text = format!("failed {}, got modem error '{}'", self.setup.dev_pid(), printable(&name));
            self.call_over("modem error at the prompt");
            self.audit(&text);
            return self.exit(0);
        }
        self.login_now(Login { name, how: How::Typed(end) });
    }

    fn ppp(&mut self, head: Vec<u8>) {
        self.log(Level::Mesg, "PPP: LCP frame seen");
        self.login_now(Login { name: b"/AutoPPP/".to_vec(), how: How::Ppp(head) });
    }

    pub(super) fn naming_tick(&mut self, mut naming: Naming) {
        if naming.end.is_some_and(|end| self.now >= end) {
            return self.login_timeout();
        }
        naming.warn_at = None;
        self.push(Action::Send(b"\r\n\r\nHey! Please login now. You have one minute left\r\n".to_vec()));
        self.prompt(false);
        naming.reader = self.new_reader(naming.fido);
        self.state = State::Naming(naming);
    }

    fn login_timeout(&mut self) {
        let minutes = self.setup.login_time.unwrap_or_default().as_secs() / 60;
        let text = format!("\r\n\r\nYour login time ({minutes} minutes) ran out. Goodbye.\r\n");
        self.push(Action::Send(text.into_bytes()));
        self.call_over("login time out");
        self.audit(&format!("failed {}, login time out", self.setup.dev_pid()));
        self.exit(0);
    }
}
