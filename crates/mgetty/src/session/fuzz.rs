//! For the fuzzer: a whole life of a getty, with everything that happens chosen by the input.

use super::{Action, Appetite, Event, Locked, Session, Setup, Verdict};
use nix::sys::signal::Signal;
use std::time::Duration;
use ttyline::expect::modem_chat::ModemChat;

/// Feeds a session with what `data` says: its first byte chooses the set-up; of the others `fe`
/// lets time pass to the next deadline, `fd` is an event that the byte behind it chooses, `fc`
/// puts the byte behind it on the line, and all others are bytes of the line themselves.
///
/// Checked: no panic, no endless loop without time passing, nothing asked of the line before it
/// is open or after it was let go, nothing after the end, no result code believed in data state.
pub fn fuzz(data: &[u8]) {
    let (kind, script) = data.split_first().map_or((0, data), |(kind, script)| (*kind, script));
    let mut setup = Setup { direct: kind & 1 != 0, rings: u32::from(kind >> 1 & 3) + 1, ..Setup::default() };
    setup.ringback = (kind & 8 != 0).then_some(Duration::from_secs(30));
    setup.need_dsr = kind & 16 != 0;
    setup.autobauding = kind & 32 != 0;
    setup.ask_rings = kind & 96 == 32;
    setup.exec_on_connect = kind & 12 == 12;
    if kind & 64 != 0 {
        setup.get_cnd_chat = ModemChat::parse(b"\"\" AT+VRID=1 OK");
        setup.statistics_chat = ModemChat::parse(b"\"\" AT&V1 OK");
        setup.post_init_chat = ModemChat::parse(b"RING ATX OK");
    }
    setup.blocking = kind & 128 != 0;
    let mut world = World {
        session: Session::new(setup),
        now: Duration::ZERO,
        open: false,
        script: script.to_vec().into(),
    };
    world.event(Event::Start);
    world.live();
}

struct World {
    session: Session,
    now: Duration,
    open: bool,
    script: std::collections::VecDeque<u8>,
}

impl World {
    fn live(&mut self) {
        while !self.session.over() {
            let Some(byte) = self.script.pop_front() else {
                // Nothing more happens: time alone must not make it spin.
                for _ in 0..20 {
                    self.tick();
                }
                return;
            };
            match byte {
                0xfe => self.tick(),
                0xfd => self.chosen(),
                0xfc => {
                    if let Some(byte) = self.script.pop_front() {
                        self.byte(byte);
                    }
                }
                byte => self.byte(byte),
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        match self.session.appetite() {
            Appetite::Nothing => self.tick(),
            Appetite::Notice => {
                self.event(Event::Readable);
                self.script.push_front(byte);
                self.script.push_front(0xfc);
            }
            Appetite::Byte | Appetite::Bytes => {
                let before = self.session.caller().clone();
                let in_data = self.session.in_data();
                self.event(Event::Bytes(&[byte]));
                assert!(!in_data || before == *self.session.caller(), "a caller was believed");
            }
        }
    }

    fn tick(&mut self) {
        if let Some(due) = self.session.deadline() {
            self.now = self.now.max(due);
            self.event(Event::Tick);
        }
    }

    fn chosen(&mut self) {
        let Some(which) = self.script.pop_front() else { return };
        let signals = [
            Signal::SIGHUP,
            Signal::SIGINT,
            Signal::SIGQUIT,
            Signal::SIGTERM,
            Signal::SIGUSR1,
            Signal::SIGUSR2,
        ];
        match which % 12 {
            n @ 0..=5 => self.event(Event::Signal(signals[usize::from(n)])),
            6 => self.event(Event::Gone),
            7 => self.event(Event::OutputStuck),
            8 => self.event(Event::LockGone),
            9 => self.event(Event::CarrierLost),
            10 => self.event(Event::Dial),
            11 => self.event(Event::Take),
            _ => self.now += Duration::from_millis(u64::from(which) * 10),
        }
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = std::collections::VecDeque::from(self.session.handle(event, self.now));
        let mut rounds = 0;
        while let Some(action) = actions.pop_front() {
            rounds += 1;
            assert!(rounds < 10_000, "spins without time passing");
            // What the world answers is chosen by the script as well, mostly kindly.
            let kind = self.script.front().is_none_or(|b| b % 16 != 15);
            let answer = match action {
                Action::Lock if kind => Event::Lock(Locked::Ours),
                Action::Lock => Event::Lock(Locked::Busy),
                Action::Open => {
                    self.open = kind;
                    if kind { Event::Opened(true) } else { Event::NoDevice }
                }
                Action::Close => {
                    self.open = false;
                    continue;
                }
                Action::AskCarrier => {
                    assert!(self.open, "asks something of a line that is not open");
                    Event::Carrier(Some(!kind))
                }
                Action::DtrLow => Event::DtrIsLow(kind),
                Action::AskNologin => Event::Nologin(!kind),
                Action::AskModem => Event::ModemIsOn(kind),
                Action::JudgeCaller if kind => Event::Caller(Verdict::Accept),
                Action::JudgeCaller => Event::Caller(match self.script.len() % 3 {
                    0 => Verdict::Refuse,
                    1 => Verdict::RingOut,
                    _ => Verdict::CallBack,
                }),
                Action::AskRings => Event::Rings((!kind).then_some(2)),
                Action::CallBack => Event::CallBackRuns,
                Action::WaitForLock => {
                    self.open = false;
                    continue;
                }
                Action::TakeOver => {
                    self.open = kind;
                    Event::TakenOver(kind.then_some(Duration::from_millis(500)))
                }
                Action::Send(_)
                | Action::Set(_)
                | Action::Prompt(_)
                | Action::Issue
                | Action::ControllingTty => {
                    assert!(self.open, "asks something of a line that is not open");
                    continue;
                }
                Action::Login(_) | Action::Exit(_) => {
                    assert!(self.session.over() && actions.is_empty());
                    continue;
                }
                _ => continue,
            };
            actions.extend(self.session.handle(answer, self.now));
        }
    }
}
