//! The session on a table: bytes and times in, actions out.

mod recovery;

use super::*;
use proptest::prelude::*;
use ttyline::settings::LineEnd;

/// A session whose world says yes to everything, with what it has done.
struct Bench {
    session: Session,
    now: Duration,
    /// Text sent to the line since it was last looked at.
    sent: String,
    logged: String,
    last: Vec<Action>,
    waiting: VecDeque<u8>,
    nologin: bool,
    verdict: Verdict,
    rings: Option<u32>,
    carrier: Option<bool>,
    /// The device is there.
    there: bool,
}

impl Bench {
    fn with(setup: Setup) -> Bench {
        let mut bench = Bench {
            session: Session::new(Setup { device: "ttyS1".into(), pid: 7, ..setup }),
            now: Duration::ZERO,
            sent: String::new(),
            logged: String::new(),
            last: Vec::new(),
            waiting: VecDeque::new(),
            nologin: false,
            verdict: Verdict::Accept,
            rings: None,
            carrier: Some(false),
            there: true,
        };
        bench.event(Event::Start);
        bench
    }

    /// Initialised and waiting.
    fn idle(setup: Setup) -> Bench {
        let mut bench = Bench::with(setup);
        bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"OK\r\n");
        bench.sent.clear();
        bench
    }

    /// Ringing answered, CONNECT 33600 received; the clock starts anew.
    fn connected(setup: Setup) -> Bench {
        let mut bench = Bench::idle(setup);
        bench.line("RING\r\n");
        bench.run_until(|b| b.sent.contains("ATA\r"), b"");
        bench.line("ATA\r\r\nCONNECT");
        let at = bench.now;
        bench.run_until(
            |b| matches!(&b.session.state, State::Talking { dialogue, .. } if dialogue.hungry()),
            b"",
        );
        bench.line(" 33600\r\n");
        assert!(bench.session.in_data());
        assert_eq!(bench.now - at, Duration::from_millis(50));
        bench.sent.clear();
        bench.now -= Duration::from_millis(50);
        bench
    }

    fn event(&mut self, event: Event<'_>) {
        let mut actions = VecDeque::from(self.session.handle(event, self.now));
        while let Some(action) = actions.pop_front() {
            let answer = match &action {
                Action::Lock => Some(Event::Lock(Locked::Ours)),
                Action::Open => Some(if self.there { Event::Opened(true) } else { Event::NoDevice }),
                Action::AskCarrier => Some(Event::Carrier(self.carrier)),
                Action::DtrLow => Some(Event::DtrIsLow(true)),
                Action::AskNologin => Some(Event::Nologin(self.nologin)),
                Action::AskModem => Some(Event::ModemIsOn(true)),
                Action::JudgeCaller => Some(Event::Caller(self.verdict)),
                Action::CallBack => Some(Event::CallBackRuns),
                Action::AskRings => Some(Event::Rings(self.rings)),
                Action::Send(bytes) => {
                    self.sent.push_str(&String::from_utf8_lossy(bytes));
                    None
                }
                Action::Prompt(_) => {
                    self.session.shown(b"\r\nhost!login: ");
                    self.sent.push_str("<prompt>");
                    None
                }
                Action::Issue => {
                    self.sent.push_str("<issue>");
                    None
                }
                Action::Log(_, text) => {
                    self.logged.push_str(text);
                    self.logged.push('\n');
                    None
                }
                _ => None,
            };
            self.last.push(action);
            if let Some(answer) = answer {
                actions.extend(self.session.handle(answer, self.now));
            }
        }
    }

    /// Bytes arrive on the line; they are read as appetite allows, the rest waits as in a tty.
    fn line(&mut self, text: impl AsRef<[u8]>) {
        self.waiting.extend(text.as_ref());
        self.read();
    }

    fn read(&mut self) {
        while !self.waiting.is_empty() {
            match self.session.appetite() {
                Appetite::Nothing => return,
                Appetite::Notice => self.event(Event::Readable),
                Appetite::Byte => {
                    let byte = self.waiting.pop_front().expect("not empty");
                    self.event(Event::Bytes(&[byte]));
                }
                Appetite::Bytes => {
                    let all: Vec<u8> = self.waiting.drain(..).collect();
                    self.event(Event::Bytes(&all));
                }
            }
        }
    }

    fn tick(&mut self) {
        self.now = self.session.deadline().expect("a deadline").max(self.now);
        self.event(Event::Tick);
        self.read();
    }

    /// Time passes from deadline to deadline; a modem that is listened to says `answer`.
    fn run_until(&mut self, done: impl Fn(&Bench) -> bool, answer: &[u8]) {
        for _ in 0..100 {
            if done(self) {
                return;
            }
            let talking = matches!(&self.session.state, State::Talking { dialogue, .. } if dialogue.hungry());
            if talking && !answer.is_empty() {
                self.line(answer);
            } else {
                self.tick();
            }
        }
        panic!("not reached: {:?}", self.session.state);
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while self.session.deadline().is_some_and(|due| due <= end) {
            self.tick();
        }
        self.now = end;
    }

    fn login(&self) -> Option<&Login> {
        self.last.iter().find_map(|a| if let Action::Login(login) = a { Some(login) } else { None })
    }

    fn exit(&self) -> Option<i32> {
        self.last.iter().find_map(|a| if let Action::Exit(code) = a { Some(*code) } else { None })
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const LCP: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21";

#[test]
fn from_start_to_idle_only_the_named_waits() {
    for (toggle_dtr, time) in [(true, 1000), (false, 500)] {
        let bench = Bench::idle(Setup { toggle_dtr, ..Setup::default() });
        assert_eq!(bench.now, ms(time));
        assert!(bench.logged.contains("waiting..."));
        assert_eq!(bench.session.deadline(), Some(bench.now + Duration::from_secs(3600)));
    }
}

#[test]
fn a_call_from_ring_to_name() {
    let mut bench = Bench::idle(Setup::default());
    let start = bench.now;
    bench.line("RING\r");
    bench.tick();
    assert_eq!((bench.now - start, bench.sent.as_str()), (ms(50), "ATA\r"));
    let mut bench = Bench::connected(Setup::default());
    let start = bench.now;
    bench.tick();
    assert_eq!(bench.now - start, ms(500));
    assert_eq!(bench.sent, "\r<issue><prompt>");
    bench.line("jo\x08oe\r");
    let wanted = Login { name: b"joe".to_vec(), how: How::Typed(LineEnd::Cr) };
    assert_eq!(bench.login(), Some(&wanted));
    assert_eq!(bench.session.caller().connect, "33600");
}

#[test]
fn ppp_is_looked_for_from_connect_on() {
    for after in [5, 100, 250, 340, 480, 2000] {
        let mut bench = Bench::connected(Setup::default());
        bench.wait(after);
        bench.line(LCP);
        let wanted = Login { name: b"/AutoPPP/".to_vec(), how: How::Ppp(LCP.to_vec()) };
        assert_eq!(bench.login(), Some(&wanted), "{after} ms");
        assert_eq!(bench.sent.contains("prompt"), after > 500, "{after} ms");
        assert!(!bench.sent.contains('~'), "a frame's head is echoed");
    }
}

#[test]
fn a_frame_split_by_the_prompt_is_a_frame() {
    let mut bench = Bench::connected(Setup::default());
    bench.wait(199);
    bench.line(&LCP[..3]);
    bench.wait(5000);
    assert!(bench.sent.contains("prompt"));
    bench.line(&LCP[3..]);
    assert!(bench.login().is_some());
}

#[test]
fn chatter_after_connect_is_dropped_and_later_keys_are_kept() {
    let mut bench = Bench::connected(Setup::default());
    bench.line("PROTOCOL: LAPM\r\n");
    bench.wait(400);
    bench.line("jo");
    bench.wait(200);
    assert!(bench.sent.contains("prompt"));
    bench.line("e\r");
    assert_eq!(bench.login().map(|l| l.name.as_slice()), Some(&b"joe"[..]));
}

#[test]
fn what_a_caller_types_is_never_the_modems() {
    let mut bench = Bench::connected(Setup::default());
    let before = bench.session.caller().clone();
    bench.line("\r\nNMBR = 666\r\nRING\r\nCONNECT 1\r\nNO CARRIER\r\n");
    bench.wait(1000);
    for text in ["NMBR = 666", "CALLER NUMBER: 1", "RING", "CONNECT 115200", "+FCON", "BUSY"] {
        bench.line(text);
        bench.line("\x15");
    }
    assert_eq!(*bench.session.caller(), before);
    assert!(bench.session.in_data());
}

#[test]
fn login_time_fires_for_a_silent_caller() {
    let mut bench = Bench::connected(Setup { login_time: Some(ms(180_000)), ..Setup::default() });
    let start = bench.now;
    bench.wait(119_000);
    assert!(!bench.sent.contains("Hey!"));
    bench.wait(2000);
    assert!(bench.sent.contains("Hey! Please login now. You have one minute left"));
    bench.run_until(|b| b.exit().is_some(), b"");
    assert_eq!((bench.exit(), bench.now - start), (Some(0), ms(180_000)));
    assert!(bench.sent.contains("Your login time (3 minutes) ran out. Goodbye."));
    assert!(bench.logged.contains("failed dev=ttyS1, pid=7, login time out"));
    assert!(bench.last.contains(&Action::Unlock));

    let mut noisy = Bench::connected(Setup { login_time: Some(ms(3000)), ..Setup::default() });
    let start = noisy.now;
    while noisy.exit().is_none() {
        noisy.line("x");
        noisy.wait(100);
    }
    assert_eq!(noisy.now - start, ms(3000));
}

#[test]
fn nobody_rang_and_the_phone_stopped_ringing() {
    let mut bench = Bench::idle(Setup { rings: 3, ..Setup::default() });
    bench.line("%$#\r\n");
    bench.wait(10_000);
    assert_eq!(bench.exit(), Some(0));
    let mut bench = Bench::idle(Setup { rings: 3, ..Setup::default() });
    bench.line("RING\r\nNMBR = 555\r\n");
    bench.wait(6000);
    bench.line("RING\r\n");
    bench.wait(10_500);
    assert!(bench.logged.contains("phone stopped ringing (rings=2, dev=ttyS1, pid=7, caller='555')"));
    assert_eq!((bench.exit(), bench.session.appetite()), (None, Appetite::Notice));
    assert_eq!(bench.session.caller().id, "none");
}

#[test]
fn cid_program_is_asked_once_when_somebody_is_known_or_at_the_third_ring() {
    let asked = |bench: &Bench| bench.session.appetite();
    let setup = Setup { rings: 9, ask_rings: true, ..Setup::default() };
    let mut bench = Bench::idle(setup.clone());
    bench.rings = Some(2);
    bench.line("RING\r\n");
    bench.wait(4000);
    assert!(bench.sent.is_empty());
    bench.line("NMBR = 555\r\nRING\r\n");
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
    let mut bench = Bench::idle(setup);
    for _ in 0..3 {
        assert_eq!(
            asked(&bench),
            if bench.logged.contains("ring 1") { Appetite::Bytes } else { Appetite::Notice }
        );
        bench.rings = Some(4);
        bench.line("RING\r\n");
        bench.wait(4000);
    }
    assert!(bench.sent.is_empty());
    bench.rings = Some(1);
    bench.line("RING\r\n");
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
}

#[test]
fn a_call_back_waits_until_the_phone_is_silent_and_never_answers() {
    let mut bench = Bench::idle(Setup::default());
    bench.verdict = Verdict::CallBack;
    for _ in 0..4 {
        bench.line("RING\r\n");
        bench.wait(6000);
        assert!(!bench.last.contains(&Action::CallBack));
    }
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"");
    assert!(bench.sent.is_empty() && !bench.logged.contains("denied"));
    assert_eq!(bench.session.caller().id, "none");
}

#[test]
fn a_refused_caller_rings_out() {
    let mut bench = Bench::idle(Setup::default());
    bench.verdict = Verdict::Refuse;
    bench.line("RING\r\n");
    bench.wait(6000);
    bench.line("RING\r\n");
    bench.wait(7000);
    assert!(!bench.sent.contains("ATA"));
    bench.wait(1500);
    assert_eq!(bench.session.appetite(), Appetite::Notice);
    assert!(bench.logged.contains("denied caller dev=ttyS1, pid=7, caller='none'"));
}

#[test]
fn forbidden_logins_are_counted_and_ring_out() {
    let mut bench = Bench::idle(Setup { rings: 2, ..Setup::default() });
    bench.nologin = true;
    bench.line("RING\r\n");
    bench.wait(4000);
    bench.nologin = false;
    bench.line("RING\r\n");
    bench.wait(100);
    assert_eq!(bench.sent, "ATA\r", "rings count on when the file goes away");
    let mut bench = Bench::idle(Setup::default());
    bench.nologin = true;
    bench.line("RING\r\n");
    bench.wait(11_000);
    assert!(bench.logged.contains("rejected, rings=1"));
    assert_eq!(bench.session.appetite(), Appetite::Notice);
    let mut bench = Bench::idle(Setup::default());
    bench.nologin = true;
    bench.line("CONNECT 2400\r\n");
    bench.wait(500);
    assert!(bench.sent.contains("\r\n\r\nSorry, no login allowed\r\n\r\nGoodbye...\r\n\r\n"));
    bench.wait(5000);
    assert_eq!(bench.exit(), Some(20));
}

#[test]
fn a_modem_that_answered_by_itself() {
    let mut bench = Bench::idle(Setup::default());
    bench.line("CONNECT 2400\r\n");
    assert!(bench.session.in_data());
    assert_eq!(bench.session.caller().connect, "2400");
}

#[test]
fn a_fax_is_refused() {
    let mut bench = Bench::idle(Setup::default());
    bench.line("+FCON");
    assert_eq!(bench.exit(), Some(0));
    assert!(bench.logged.contains("fax call refused"));
}

#[test]
fn a_direct_line_needs_no_modem() {
    let mut bench = Bench::idle(Setup { direct: true, toggle_dtr: false, ..Setup::default() });
    assert_eq!(bench.sent, "");
    bench.line("\r");
    bench.wait(1000);
    assert_eq!(bench.sent, "\r<issue><prompt>");
    let mut bench = Bench::idle(Setup { direct: true, ..Setup::default() });
    bench.line(LCP);
    assert!(bench.login().is_some(), "the very bytes that wake it are a frame");
}

#[test]
fn ringback_takes_the_second_call() {
    let setup = || Setup { ringback: Some(ms(30_000)), ..Setup::default() };
    let mut bench = Bench::idle(setup());
    bench.line("RING\r\n");
    bench.wait(17_000);
    assert_eq!(bench.sent, "");
    bench.wait(20_000);
    bench.line("RING\r\n");
    bench.wait(100);
    assert_eq!(bench.sent, "ATA\r");
    let mut bench = Bench::idle(setup());
    bench.line("RING\r\n");
    bench.wait(48_000);
    assert!(bench.logged.contains("missed ringback!"));
    assert_eq!(bench.session.appetite(), Appetite::Notice);
}

#[test]
fn a_call_of_callbacks_is_taken_over() {
    let mut bench = Bench::idle(Setup::default());
    bench.event(Event::Dial);
    assert!(bench.last.contains(&Action::WaitForLock));
    bench.event(Event::Take);
    assert!(bench.last.contains(&Action::TakeOver));
    bench.event(Event::TakenOver(Some(Duration::ZERO)));
    assert_eq!(bench.sent, "...ok\r\n");
    bench.wait(0);
    assert!(bench.last.contains(&Action::Acknowledge) && bench.session.called_back());
    bench.wait(600);
    assert!(bench.sent.ends_with("<prompt>"));
    bench.event(Event::Signal(Signal::SIGUSR2));
    assert_eq!(bench.exit(), None);
}

#[test]
fn a_call_that_cannot_be_taken_over_leaves_the_getty_waiting() {
    let mut bench = Bench::idle(Setup::default());
    bench.event(Event::Dial);
    bench.event(Event::Signal(Signal::SIGUSR1));
    assert!(bench.last.contains(&Action::TakeOver));
    bench.event(Event::TakenOver(None));
    assert!(bench.last.contains(&Action::WaitForLock) && !bench.session.called_back());
    bench.event(Event::LockGone);
    bench.wait(2000);
    assert_eq!(bench.exit(), Some(0));
}

#[test]
fn signals() {
    let mut bench = Bench::idle(Setup::default());
    bench.event(Event::Signal(Signal::SIGHUP));
    assert_eq!(bench.exit(), None);
    bench.event(Event::Signal(Signal::SIGTERM));
    assert_eq!(bench.exit(), Some(10));
    assert!(bench.logged.contains("failed dev=ttyS1, pid=7, got signal 15, exiting"));

    let mut bench = Bench::idle(Setup { rings: 5, ..Setup::default() });
    bench.event(Event::Signal(Signal::SIGUSR1));
    bench.wait(100);
    assert_eq!(bench.sent, "ATA\r");
    bench.event(Event::Signal(Signal::SIGUSR2));
    assert_eq!(bench.exit(), None, "an answer is not disturbed");

    let mut bench = Bench::idle(Setup::default());
    bench.event(Event::Signal(Signal::SIGUSR2));
    assert_eq!(bench.exit(), Some(0));

    let mut bench = Bench::connected(Setup::default());
    bench.event(Event::Signal(Signal::SIGUSR2));
    assert_eq!(bench.exit(), None);
    bench.event(Event::Signal(Signal::SIGHUP));
    assert_eq!(bench.exit(), Some(10));
}

#[test]
fn each_way_out_lets_the_lock_go() {
    for code in [0, 10, 20] {
        let mut bench = match code {
            0 => Bench::connected(Setup::default()),
            _ => Bench::idle(Setup::default()),
        };
        match code {
            0 => bench.event(Event::Gone),
            10 => bench.event(Event::OutputStuck),
            _ => bench.line("NO CARRIER"),
        }
        assert_eq!(bench.exit(), Some(code));
        assert!(bench.last.ends_with(&[Action::Unlock, Action::Exit(code)]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn any_life_is_sound(data in proptest::collection::vec(prop_oneof![
        Just(0xfe_u8), Just(0xfd), Just(b'\r'), any::<u8>(), proptest::sample::select(b"RINGOKCONECT\x7e\xff\x03\xc0\x21 123".to_vec())
    ], 0..400)) {
        fuzz::fuzz(&data);
    }

    #[test]
    fn any_typing_is_sound(kind in any::<u8>(), typed in proptest::collection::vec(any::<u8>(), 0..200)) {
        // Initialised, rung, connected, then anything.
        let mut data = vec![kind & 0x06];
        data.extend_from_slice(b"\xfe\xfe\xfe\xfeOK\xfe\xfe\xfeOK\xfe\xfe\xfeRING\rRING\rRING\rRING\r\xfe\xfe\xfeCONNECT\xfe\xfe 1\r\n\xfe\xfe");
        data.extend(typed);
        fuzz::fuzz(&data);
    }
}

#[test]
fn a_program_at_connect_needs_neither_prompt_nor_name() {
    let mut bench = Bench::idle(Setup { exec_on_connect: true, ..Setup::default() });
    bench.line("RING\r\n");
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
    bench.run_until(|b| b.session.over(), b"\r\nCONNECT 1200\r\n");
    assert!(!bench.sent.contains("<prompt>"));
    let login = Login { name: Vec::new(), how: How::AtOnce };
    assert!(bench.last.contains(&Action::Login(login)), "{:?}", bench.last);
}

#[test]
fn client_is_answered_on_direct_lines_only() {
    let mut bench = Bench::with(Setup { direct: true, ..Setup::default() });
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"");
    bench.line("CLCLIENT");
    assert!(bench.sent.ends_with("CLIENTSERVER"), "{}", bench.sent);
    bench.wait(20_000);
    assert!(!bench.sent.contains("<prompt>"), "no prompt into the first frames");
    bench.wait(11_000);
    assert!(bench.sent.contains("<prompt>"));
    bench.sent.clear();
    bench.line("CLIENT");
    assert!(bench.sent.ends_with("CLIENTSERVER"), "{}", bench.sent);
    let mut bench = Bench::connected(Setup::default());
    bench.line("CLIENT");
    bench.wait(3000);
    assert!(!bench.sent.contains("SERVER"), "{}", bench.sent);
}
