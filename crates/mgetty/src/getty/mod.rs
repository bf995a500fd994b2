//! The loop: carries bytes, time, signals and answers to the [`Session`], and its actions out.

mod asking;
mod line;
mod locking;
mod records;
mod told;

pub(crate) use told::CARRIER_WORKS;

use crate::dialout::Foreign;
use crate::handover::Handover;
use crate::hook::Hook;
use crate::service::{self, Service};
use crate::session::{Action, Appetite, Event, Session, Setup, Stage};
use crate::watcher::Watcher;
use crate::{greeting, login, show};
use nix::sys::signal::Signal;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::Duration;
use ttyline::drive::{self, Clock, Sources};
use ttyline::handover::{Answer, Request};
use ttyline::line::{Input, Line};
use ttyline::lock::process::find;
use ttyline::lock::{Lock, Locks};
use ttyline::log::{Level, Log};
use ttyline::signal::Signals;
use ttyline::sys::process::{pidfd_open, pidfd_signal};
use ttyline::sys::termios::{Queue, When};
use ttyline::sys::tty::ModemLines;

/// Where other programs look for locks.
const LOCK_DIRECTORY: &str = "/var/lock";
/// Output that the line does not take for so long is given up, and the caller with it.
const STUCK: Duration = Duration::from_secs(60);
/// The original's callback goes to sleep for our signal a moment after it has signalled.
const SIGNAL_PAUSE: Duration = Duration::from_millis(500);
/// What is written last gets so long before the line is closed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Output and settings that wait for the line to take what is before them.
#[derive(Debug)]
enum Out {
    Bytes(Vec<u8>),
    Set(Stage),
}

/// A running getty.
pub struct Getty {
    pub(crate) service: Service,
    pub(crate) log: Log,
    pub(crate) signals: Signals,
    pub(crate) session: Session,
    pub(crate) line: Option<Line>,
    pub(crate) lock: Option<Lock>,
    /// Ready to keep the first frame of a caller for pppd.
    pub(crate) watcher: Option<Watcher>,
    pub(crate) told: told::Told,
    /// Writing to the line gave an error.
    dead: bool,
    /// Carrier has been seen on this call.
    carrier_seen: bool,
    pub(crate) handover: Handover,
    /// The callback program that gave us the call by signal, until it is told that we have it.
    callback: Option<OwnedFd>,
    locks: Locks,
    clock: Clock,
    out: VecDeque<Out>,
    stuck_at: Option<Duration>,
    /// A program that is being asked about the caller.
    hook: Option<Hook>,
    /// The number and user of a caller rule, until the phone rings no more.
    call_back: Option<(String, Option<String>)>,
    foreign: Option<Foreign>,
    look_at: Duration,
    answers: VecDeque<Event<'static>>,
    end: Option<u8>,
}

impl Getty {
    /// A getty that has read its configuration.
    pub fn new(service: Service, setup: Setup, log: Log, signals: Signals) -> Getty {
        Getty {
            service,
            log,
            signals,
            session: Session::new(setup),
            line: None,
            lock: None,
            watcher: None,
            told: told::Told::default(),
            carrier_seen: false,
            dead: false,
            handover: Handover::default(),
            callback: None,
            locks: Locks::default(),
            clock: Clock::start(),
            out: VecDeque::new(),
            stuck_at: None,
            hook: None,
            call_back: None,
            foreign: None,
            look_at: Duration::ZERO,
            answers: VecDeque::new(),
            end: None,
        }
    }

    /// Runs until the session ends; gives the exit code.
    pub fn live(&mut self) -> u8 {
        self.write_pid();
        self.handover = Handover::listen(&self.service.name);
        self.complete_last_call();
        self.tell(Event::Start);
        loop {
            if let Some(code) = self.end {
                self.hook = None;
                self.tell_end();
                self.remove_pid();
                self.handover.stop();
                return code;
            }
            self.once();
        }
    }

    fn tell(&mut self, event: Event<'_>) {
        let actions = self.session.handle(event, self.clock.now());
        self.carry_all(actions);
        while let Some(answer) = self.answers.pop_front() {
            let actions = self.session.handle(answer, self.clock.now());
            self.carry_all(actions);
        }
    }

    fn carry_all(&mut self, actions: Vec<Action>) {
        for action in actions {
            if self.end.is_none() {
                self.carry(action);
            }
        }
    }

    /// Waits for the next thing to happen and tells the session.
    fn once(&mut self) {
        self.tell_state();
        let appetite = self.session.appetite();
        if appetite == Appetite::Notice {
            // A getty waits for hours, and there may be many.
            ttyline::sys::memory::give_back();
        }
        let now = self.clock.now();
        let look_at = self.foreign.as_ref().map(|_| self.look_at);
        let hook_at = self.hook.as_ref().map(|hook| hook.due(now));
        let due = [self.session.deadline(), self.stuck_at, look_at, hook_at].into_iter().flatten().min();
        if appetite == Appetite::Notice {
            // Idle, perhaps for weeks.
            ttyline::sys::process::release_memory();
        }
        let mut others = self.foreign.as_ref().map(Foreign::sources).unwrap_or_default();
        let foreign = others.len();
        if appetite == Appetite::Notice || self.foreign.is_some() {
            others.extend(self.handover.source());
        }
        let asked = others.len();
        others.extend(self.hook.as_ref().and_then(Hook::source));
        let locks = others.len();
        others.extend(self.lock.as_ref().and_then(Lock::source));
        let sources = Sources { line: self.line.as_ref(), signals: Some(&self.signals), others: &others };
        let limit = if self.dead { Some(Duration::ZERO) } else { due.map(|at| at.saturating_sub(now)) };
        let ready = drive::wait(sources, appetite != Appetite::Nothing, !self.out.is_empty(), limit);
        drop(others);
        let Ok(ready) = ready else { return self.end = Some(33) };
        // A hang-up's signal is known before the hang-up itself, though poll may tell of the latter only.
        if ready.signal || ready.hung_up {
            self.hear();
        }
        if ready.writable {
            self.write_out();
            self.flush_answers();
        }
        if std::mem::take(&mut self.dead) && self.line.is_some() && self.end.is_none() {
            return self.gone();
        }
        if (ready.readable || ready.hung_up) && self.end.is_none() {
            self.input(ready.hung_up);
        }
        if self.end.is_none() {
            self.times(ready.other.is_some_and(|place| place < foreign));
        }
        if self.end.is_none() && self.hook.is_some() {
            self.look_at_hook();
        }
        if self.end.is_none() && ready.other.is_some_and(|place| (foreign..asked).contains(&place)) {
            self.handover();
        }
        if ready.other == Some(locks) {
            self.mend_lock();
        }
    }

    /// A callback program says something.
    fn handover(&mut self) {
        match self.handover.hear() {
            None => {}
            Some(Request::Dial) => {
                self.tell(Event::Dial);
                let keeps_off = self.foreign.is_some();
                self.handover.say(&if keeps_off {
                    Answer::Waiting
                } else {
                    Answer::Refused("the line is in use".into())
                });
            }
            Some(Request::Take(_)) => self.tell(Event::Take),
        }
    }

    fn hear(&mut self) {
        while let Some(signal) = self.signals.next() {
            if self.end.is_none() {
                self.tell(Event::Signal(signal));
            }
        }
    }

    /// Not inlined: its buffer is not wanted on the stack while the getty waits.
    #[inline(never)]
    fn input(&mut self, hung_up: bool) {
        let mut buffer = [0; 512];
        let room = match self.session.appetite() {
            Appetite::Nothing if hung_up => return self.gone(),
            Appetite::Nothing => return,
            Appetite::Notice if hung_up => return self.gone(),
            Appetite::Notice => return self.tell(Event::Readable),
            Appetite::Byte => &mut buffer[..1],
            Appetite::Bytes => &mut buffer[..],
        };
        let Some(line) = &self.line else { return };
        match line.read(room) {
            Ok(Input::Bytes(n)) => self.tell(Event::Bytes(buffer.get(..n).unwrap_or(&[]))),
            Ok(Input::Nothing) if !hung_up => {}
            Ok(_) => self.gone(),
            Err(error) => {
                self.log.failed(Level::Error, "reading the line failed", &error);
                self.gone();
            }
        }
    }

    fn gone(&mut self) {
        // The signal of a hang-up may come a moment after poll has told of it; it tells more.
        self.hear();
        self.out.clear();
        self.stuck_at = None;
        if self.end.is_none() {
            self.tell(Event::Gone);
        }
    }

    fn times(&mut self, foreign_changed: bool) {
        let now = self.clock.now();
        if foreign_changed || self.foreign.is_some() && now >= self.look_at {
            self.look_at_foreign();
        }
        if self.stuck_at.is_some_and(|at| now >= at) {
            self.out.clear();
            self.stuck_at = None;
            self.tell(Event::OutputStuck);
        }
        if self.end.is_none() && self.session.deadline().is_some_and(|at| now >= at) {
            self.tell(Event::Tick);
        }
    }

    fn carry(&mut self, action: Action) {
        match action {
            Action::Log(level, text) => self.log.say(level, text),
            Action::LogMore(level, bytes) => self.log.traffic(level, &bytes),
            Action::ReopenLog => self.log.reopen(),
            Action::Send(bytes) => self.send(bytes),
            Action::Set(stage) => self.queue(Out::Set(stage)),
            Action::Lock => self.take_lock(),
            Action::Unlock => self.lock = None,
            Action::Open => self.open(),
            Action::DtrLow => self.lower_dtr(),
            Action::DtrHigh => self.raise_dtr(),
            Action::Flush => {
                self.out.clear();
                self.on_line("flush", |line| line.flush(Queue::Both));
            }
            Action::Speed(speed) => {
                self.service.speed = speed;
                self.on_line("autobauding", |line| line.set(&line.settings()?.with_speed(speed), When::Now));
            }
            Action::ControllingTty => {
                self.on_line("cannot make it the controlling tty", |line| line.become_controlling(false))
            }
            Action::Watch => self.watch(),
            Action::Close => self.close(),
            Action::AskCarrier => {
                let lines = self.line.as_ref().and_then(|line| line.modem_lines().ok());
                self.answers.push_back(Event::Carrier(lines.map(ModemLines::carrier)));
            }
            Action::CallBegins => self.call_begins(),
            Action::CallOver(cause) => self.call_over(&cause),
            Action::AskModem => {
                let lines = self.line.as_ref().and_then(|line| line.modem_lines().ok());
                self.answers.push_back(Event::ModemIsOn(lines.is_none_or(|l| l.dsr() || l.cts())));
            }
            Action::AskNologin => {
                let path = service::nologin_path(&self.service.name.id());
                self.answers.push_back(Event::Nologin(path.exists()));
            }
            Action::JudgeCaller => self.judge_caller(),
            Action::AskRings => self.ask_rings(),
            Action::CallBack => self.run_callback(),
            Action::UtmpLogin => self.utmp_login(),
            Action::Issue => {
                let text = show::issue(&self.service.issue, &self.facts());
                self.session.shown(&text);
                self.send(text);
            }
            Action::Private => {
                self.on_line("chmod", |open| Ok(nix::sys::stat::fchmod(open, line::mode_bits(0o600))?))
            }
            Action::Prompt(fido) => {
                let text = greeting::prompt(&self.service.prompt, &self.facts(), fido);
                self.session.shown(&text);
                self.send(text);
            }
            Action::WaitForLock => self.wait_for_lock(),
            Action::TakeOver => {
                let taken = self.take_over();
                if let Err(why) = &taken {
                    self.log.say(Level::Warn, format!("the call is not taken over: {why}"));
                    self.handover.say(&Answer::Refused(why.clone()));
                }
                self.answers.push_back(Event::TakenOver(taken.ok()));
            }
            Action::Acknowledge => {
                self.handover.say(&Answer::Taken);
                if let Some(callback) = self.callback.take() {
                    if let Err(error) = pidfd_signal(callback, Signal::SIGUSR1 as i32) {
                        self.log.failed(Level::Warn, "callback is gone", &error);
                    }
                }
            }
            Action::StatisticsBegin => self.statistics_begin(),
            Action::Statistics(text) => self.statistics(&text),
            Action::Login(login) => {
                self.finish_output(STUCK);
                self.end = Some(login::login(self, login));
            }
            Action::Exit(code) => {
                self.finish_output(LAST_WORDS);
                self.end = Some(u8::try_from(code).unwrap_or(33));
            }
        }
    }

    /// Does something with the line that may fail without consequence but a line in the log.
    fn on_line(&mut self, what: &str, act: impl FnOnce(&Line) -> std::io::Result<()>) {
        let Some(line) = &self.line else { return };
        if let Err(error) = act(line) {
            self.log.failed(Level::Error, what, &error);
        }
    }

    fn flush_answers(&mut self) {
        while let Some(answer) = self.answers.pop_front() {
            let actions = self.session.handle(answer, self.clock.now());
            self.carry_all(actions);
        }
    }

    pub(crate) fn facts(&self) -> greeting::Facts {
        let caller = self.session.caller();
        show::machine(greeting::Facts {
            device: self.service.name.device().to_string(),
            caller: caller.id.clone(),
            connect: caller.connect.clone(),
            speed: self.service.speed,
            ..greeting::Facts::default()
        })
    }

    /// Signals that came but were not heard yet.
    pub(crate) fn pending_signal(&self) -> Option<Signal> {
        self.signals.next()
    }
}

/// A callback program of root's, by its process. Anybody may send SIGUSR1 who may lock the line.
fn callback(pid: i32) -> Result<OwnedFd, String> {
    let pidfd = pidfd_open(pid).map_err(|_| format!("process {pid} is gone"))?;
    let roots = find(pid).is_some_and(|process| process.users.first() == Some(&0));
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if roots && name.contains("callback") {
        Ok(pidfd)
    } else {
        Err(format!("the line is held by process {pid}, which is no callback of root's"))
    }
}
