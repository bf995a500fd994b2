//! Carries a try out: a line that is free and has its getty, the dialogue with the modem, the hand-over.

use crate::clear_down::Carrier;
use crate::dialer::{Dialer, Do, Orders};
use crate::getty::{self, Getty, NoGetty};
use crate::outcome::Outcome;
use nix::sys::signal::Signal;
use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;
use ttyline::drive::{self, Carried, Clock, Sources};
use ttyline::line::{Line, Opening};
use ttyline::line_name::LineName;
use ttyline::lock::{Lock, LockError, Locks};
use ttyline::log::{Level, Log};
use ttyline::settings::Flow;
use ttyline::signal::Signals;
use ttyline::sys::termios;

/// What the called user sees first.
const ESTABLISHED: &[u8] = b"Connection established, please wait...\r\n";
/// What he sees when the getty does not take the call.
const FATAL: &[u8] = b"Fatal error: can't pass control, hanging up.\r\n";
/// How long a line may take a few bytes.
const WRITE: Duration = Duration::from_secs(5);

/// A line that is locked, open and has its getty.
#[derive(Debug)]
pub struct Prepared {
    /// Its name.
    pub name: LineName,
    /// Its getty.
    pub getty: Getty,
    lock: Lock,
    line: Line,
}

/// When a line that cannot be dialled on now may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Somebody has it.
    Busy,
    /// Its getty has it, and will let go of it soon; or is being started.
    Soon,
    /// It is no line for this.
    Never,
}

/// Why a line cannot be dialled on, for the log.
#[derive(Debug)]
pub struct NotNow {
    /// When it may be.
    pub when: When,
    /// The level of the message.
    pub level: Level,
    /// The message.
    pub why: String,
}

/// Locks and opens a line, and finds its getty. Nothing is left behind when that fails.
///
/// # Errors
/// [`NotNow`].
pub fn prepare(name: &LineName, speed: u32, sockets: &Path, log: &mut Log) -> Result<Prepared, NotNow> {
    let not_now = |when, level, why: String| NotNow { when, level, why: format!("{name}: {why}") };
    if let Err(error) = std::fs::metadata(name.path()) {
        return Err(not_now(When::Never, Level::Error, ttyline::log::reason(&error)));
    }
    let mut lock = match Locks::default().acquire(name, None) {
        Ok(lock) => lock,
        Err(LockError::Held(holder)) => {
            let getty = holder.pid.is_some() && holder.pid == getty::named(name);
            let when = if getty { When::Soon } else { When::Busy };
            return Err(not_now(when, Level::Mesg, LockError::Held(holder).to_string()));
        }
        Err(error) => return Err(not_now(When::Never, Level::Error, error.to_string())),
    };
    for stale in lock.removed() {
        log.say(Level::Warn, format!("{name}: removed {stale}"));
    }
    let getty = getty::find(name, sockets)
        .map_err(|none: NoGetty| not_now(When::Soon, Level::Mesg, none.to_string()))?;
    let line = Line::open(&name.path(), Opening::AtOnce)
        .map_err(|error| not_now(When::Never, Level::Error, error.to_string()))?;
    if let Err(held @ LockError::Held(_)) = lock.hold(&line) {
        return Err(not_now(When::Busy, Level::Mesg, held.to_string()));
    }
    if let Err(error) = line.set(&line.found().for_modem(speed, Flow::Hard), termios::When::Now) {
        let why = format!("cannot be set: {}", ttyline::log::reason(&error));
        return Err(not_now(When::Never, Level::Error, why));
    }
    lock.guard();
    Ok(Prepared { name: name.clone(), getty, lock, line })
}

/// What the carrier signal of a line shows.
#[must_use]
pub fn carrier(line: &Line) -> Carrier {
    match line.modem_lines() {
        Ok(lines) if lines.carrier() => Carrier::On,
        Ok(_) => Carrier::Off,
        Err(_) => Carrier::Unknown,
    }
}

/// What came of a hand-over.
#[derive(Debug)]
pub enum Handed {
    /// The getty has the call.
    Over,
    /// It does not take it: why.
    Failed(String),
    /// A signal came.
    Interrupted(i32),
}

impl Prepared {
    /// Runs the dialogue with the modem.
    ///
    /// # Errors
    /// What the line gives.
    pub fn try_once(&self, mut orders: Orders, signals: &Signals, log: &mut Log) -> io::Result<Outcome> {
        orders.getty_is_off = self.getty.has_said_so();
        let clock = Clock::start();
        let mut dialer = Dialer::new(orders);
        let others: Vec<_> = self.lock.source().into_iter().collect();
        let sources = Sources { line: Some(&self.line), signals: Some(signals), others: &others };
        drive::run(sources, &clock, &mut dialer, |dialer, action| self.carry(&clock, dialer, action, log))
    }

    fn carry(&self, clock: &Clock, dialer: &mut Dialer, first: Do, log: &mut Log) -> Carried<Outcome> {
        let mut todo = VecDeque::from([first]);
        let (mut send, mut more) = (Vec::new(), Vec::new());
        while let Some(action) = todo.pop_front() {
            match action {
                Do::Send(bytes) => send.extend(bytes),
                Do::Look => dialer.carrier(carrier(&self.line), clock.now(), &mut more),
                Do::LookAtGetty => dialer.getty(self.getty.is_off(&self.name), clock.now(), &mut more),
                Do::MendLock => self.mend_lock(log),
                Do::Dtr(true) => drop(self.line.raise_dtr()),
                Do::Dtr(false) => drop(self.line.lower_dtr()),
                Do::Log(level, text) => log.say(level, text),
                Do::Traffic(level, bytes) => log.traffic(level, &bytes),
                Do::Append(level, text) => log.append(level, text),
                Do::End(outcome) => return Carried::End(outcome),
            }
            todo.extend(more.drain(..));
        }
        if send.is_empty() { Carried::Done } else { Carried::Send(send) }
    }

    /// Makes the lock again if somebody has removed it.
    fn mend_lock(&self, log: &mut Log) {
        for path in self.lock.mend() {
            log.say(Level::Warn, format!("{} was removed by somebody: made again", path.display()));
        }
    }

    /// Gives the connected line to the getty, which may take so long as `limit` for it.
    pub fn hand_over(
        mut self,
        connect: &str,
        (wait, limit): (Duration, Duration),
        signals: &Signals,
        log: &mut Log,
    ) -> Handed {
        let name = self.name.clone();
        if let Ok(settings) = self.line.settings() {
            let _ = self.line.set(&settings.ignoring_carrier(false), termios::When::Now);
        }
        if let Some(signal) = pause(signals, wait) {
            return Handed::Interrupted(signal);
        }
        let _ = self.line.write_all(ESTABLISHED, WRITE);
        let _ = self.line.drain_output(WRITE);
        // A getty of the original's kind may still be on its way into its waiting loop.
        if !self.getty.has_said_so() {
            if let Some(signal) = pause(signals, Duration::from_millis(300)) {
                return Handed::Interrupted(signal);
            }
        }
        // Until now nobody looked.
        self.mend_lock(log);
        self.lock.let_go_of_line();
        let given = self.getty.give(connect, limit).map_err(|e| ttyline::log::reason(&e));
        let taken = given.and_then(|()| self.acknowledged(signals, limit));
        match taken {
            Ok(None) => {
                let pid = self.getty.pid();
                log.say(
                    Level::Audit,
                    format!("callback: success, device={}, mgetty={pid}", name.path().display()),
                );
                // The lock names the getty now.
                self.lock.leave();
                Handed::Over
            }
            Ok(Some(signal)) => Handed::Interrupted(signal),
            Err(why) => {
                // Nobody has to be told, and nothing to be waited for, on a line that is hung up.
                if self.line.write_all(FATAL, WRITE).is_ok() {
                    let _ = self.line.drain_output(WRITE);
                    let _ = pause(signals, Duration::from_secs(5));
                }
                self.hang_up();
                Handed::Failed(why)
            }
        }
    }

    /// Waits until the getty says by SIGUSR1 that it has the line. Gives another signal that came instead.
    fn acknowledged(&self, signals: &Signals, limit: Duration) -> Result<Option<i32>, String> {
        let Getty::Signals { pidfd, .. } = &self.getty else { return Ok(None) };
        let clock = Clock::start();
        loop {
            if let Some(signal) = signals.next() {
                return Ok((signal != Signal::SIGUSR1).then_some(signal as i32));
            }
            let Some(left) = limit.checked_sub(clock.now()) else {
                return Err(format!("mgetty {} does not answer", self.getty.pid()));
            };
            let others = [std::os::fd::AsFd::as_fd(pidfd)];
            let sources = Sources { line: None, signals: Some(signals), others: &others };
            let ready = drive::wait(sources, false, false, Some(left)).map_err(|e| e.to_string())?;
            if ready.other.is_some() && !ready.signal {
                return Err(format!("mgetty {} has ended", self.getty.pid()));
            }
        }
    }

    /// Hangs up, whatever the line is in.
    pub fn hang_up(&self) {
        self.line.hang_up();
    }
}

/// Waits; gives a signal that ends us.
#[must_use]
pub fn pause(signals: &Signals, limit: Duration) -> Option<i32> {
    let clock = Clock::start();
    while let Some(left) = limit.checked_sub(clock.now()).filter(|left| !left.is_zero()) {
        match drive::pause(signals, left) {
            Ok(Some(Signal::SIGUSR1)) => {}
            Ok(Some(signal)) => return Some(signal as i32),
            Ok(None) | Err(_) => return None,
        }
    }
    None
}
