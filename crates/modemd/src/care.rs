//! The line and its modem, from lock to unlock.

use crate::args::Options;
use crate::client::Client;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use ttyline::drive::{self, Clock, Sources};
use ttyline::line::{Input, Line, OpenError, Opening, Restore};
use ttyline::line_name::LineName;
use ttyline::lock::{Holder, Lock, LockError, Locks};
use ttyline::settings::Settings;
use ttyline::share::clean::{Action, Cleaner, Event, Outcome, Plan};
use ttyline::sys::termios::{Queue, When};

/// What this process is called from its client's end on, while the modem is cleaned up: a successor waits
/// for that, and refuses its client at once while somebody is talking.
const LEAVING: &str = "modemd-leaving";

/// How long leaving may take in all.
const LEAVING_TIME: Duration = Duration::from_secs(20);

/// Why there is no modem for the client.
#[derive(Debug)]
pub enum Refusal {
    /// Somebody else has it.
    Busy(Holder),
    /// It cannot be locked, opened or set.
    Unusable(String),
    /// The client did not wait.
    ClientGone,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Refusal::Busy(holder) => write!(f, "in use by {holder}"),
            Refusal::Unusable(why) => f.write_str(why),
            Refusal::ClientGone => f.write_str("the client went away while it waited"),
        }
    }
}

/// A line that is ours.
#[derive(Debug)]
pub struct Care {
    // Before the lock: it is let go while nobody else may have it.
    line: Line,
    lock: Lock,
    device: PathBuf,
    wanted: Settings,
    plan: Plan,
    /// Our predecessor was killed.
    pub left_dirty: bool,
}

/// The name a device is locked by. One outside /dev (a symlink anywhere) goes by what it leads to.
///
/// # Errors
/// What cannot be a device.
pub fn line_name(device: &Path) -> Result<LineName, String> {
    let path = if device.starts_with("/dev") {
        device.to_path_buf()
    } else if device.is_absolute() {
        std::fs::canonicalize(device).map_err(|e| ttyline::log::reason(&e))?
    } else {
        Path::new("/dev").join(device)
    };
    LineName::new(&path.to_string_lossy()).map_err(|e| e.to_string())
}

/// Locks, opens and sets the line.
///
/// # Errors
/// [`Refusal`].
pub fn take(options: &Options, client: &Client) -> Result<Care, Refusal> {
    let name = line_name(&options.device).map_err(Refusal::Unusable)?;
    let mut lock = lock(&name, options.wait, client)?;
    let line = Line::open(&name.path(), Opening::AtOnce).map_err(|e| Refusal::Unusable(open_error(&e)))?;
    lock.hold(&line).map_err(|e| match e {
        LockError::Held(holder) => Refusal::Busy(holder),
        other => Refusal::Unusable(other.to_string()),
    })?;
    let wanted = options.wish.settings(*line.found());
    let left_dirty = !lock.removed().is_empty();
    let mut care = Care { line, lock, device: name.path(), wanted, plan: options.clean.clone(), left_dirty };
    let restore = if options.wish.hang_up { Restore::FoundWithHangUp } else { Restore::Found };
    care.line.restore_on_way_out(restore);
    care.raise().map_err(|e| Refusal::Unusable(format!("cannot be set: {}", ttyline::log::reason(&e))))?;
    // What came while nobody was there is nobody's: NO CARRIER of the last call, say.
    let _ = care.line.flush(Queue::Input);
    Ok(care)
}

fn open_error(error: &OpenError) -> String {
    match error {
        OpenError::Open(e) => format!("cannot be opened: {}", ttyline::log::reason(e)),
        other => other.to_string(),
    }
}

fn lock(name: &LineName, patience: Duration, client: &Client) -> Result<Lock, Refusal> {
    let start = Instant::now();
    loop {
        match Locks::default().acquire(name, None) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Held(holder)) => {
                let limit = if leaves(&holder) { patience.max(LEAVING_TIME) } else { patience };
                if start.elapsed() >= limit {
                    return Err(Refusal::Busy(holder));
                }
            }
            Err(other) => return Err(Refusal::Unusable(other.to_string())),
        }
        // Nothing may be read of what the client sends: only whether it is still there.
        let gone = PollFlags::from_bits_retain(RDHUP);
        let mut fds = [PollFd::new(client.input(), gone)];
        if poll(&mut fds, PollTimeout::from(50u8)).is_ok_and(|n| n > 0) {
            return Err(Refusal::ClientGone);
        }
    }
}

/// POLLRDHUP, which nix does not name: the other side has closed its half.
pub const RDHUP: i16 = 0x2000;

fn leaves(holder: &Holder) -> bool {
    let comm = holder.pid.and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok());
    comm.is_some_and(|comm| comm.trim_end() == LEAVING)
}

/// From now on a successor waits for us.
pub fn is_leaving() {
    let _ = std::fs::write("/proc/self/comm", LEAVING);
}

impl Care {
    /// The line.
    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Whether carrier is up; `None` where the port cannot tell.
    #[must_use]
    pub fn carrier(&self) -> Option<bool> {
        self.line.modem_lines().ok().map(|lines| lines.carrier())
    }

    /// From now on a falling carrier hangs the line up.
    pub fn heed_carrier(&mut self) {
        self.wanted = self.wanted.ignoring_carrier(false);
        let _ = self.line.set(&self.wanted, When::Now);
    }

    fn raise(&self) -> std::io::Result<()> {
        self.line.set(&self.wanted, When::Now)?;
        // A pty has none.
        let _ = self.line.raise_dtr();
        Ok(())
    }

    /// Leaves the modem as the next user may expect it.
    #[must_use]
    pub fn clean(&mut self) -> Outcome {
        is_leaving();
        self.wanted = self.wanted.ignoring_carrier(true);
        if self.is_hung_up() && !self.open_again() {
            // Unplugged: nothing to clean.
            return Outcome::Silent;
        }
        let (clock, mut cleaner, mut actions) = (Clock::start(), Cleaner::new(self.plan.clone()), Vec::new());
        cleaner.handle(clock.now(), Event::Start, &mut actions);
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::HangUp => self.line.hang_up(),
                    Action::Raise => {
                        let _ = self.raise();
                        let _ = self.line.flush(Queue::Input);
                    }
                    Action::Send(bytes) => {
                        let _ = self.line.write_all(&bytes, Duration::from_secs(1));
                    }
                    Action::LookAtCarrier => {
                        cleaner.handle(clock.now(), Event::Carrier(self.carrier()), &mut actions);
                    }
                    Action::Done(outcome) => return outcome,
                }
            }
            if actions.is_empty() && !self.step(&clock, &mut cleaner, &mut actions) {
                return Outcome::Silent;
            }
        }
    }

    /// Waits for bytes or the deadline; `false` if the line is gone.
    fn step(&self, clock: &Clock, cleaner: &mut Cleaner, actions: &mut Vec<Action>) -> bool {
        let left = cleaner.deadline().unwrap_or_default().saturating_sub(clock.now());
        if left.is_zero() {
            cleaner.handle(clock.now(), Event::Deadline, actions);
            return true;
        }
        let sources = Sources { line: Some(&self.line), ..Sources::default() };
        let Ok(ready) = drive::wait(sources, true, false, Some(left)) else { return false };
        if ready.readable || ready.hung_up {
            let mut buffer = [0; 256];
            match self.line.read(&mut buffer) {
                Ok(Input::Bytes(n)) => {
                    cleaner.handle(clock.now(), Event::Bytes(buffer.get(..n).unwrap_or_default()), actions);
                }
                Ok(Input::Nothing) => {}
                Ok(Input::HungUp) | Err(_) => return false,
            }
        }
        true
    }

    fn is_hung_up(&self) -> bool {
        self.line.settings().is_err()
    }

    /// A hung-up line must be opened anew; the lock files stay ours meanwhile.
    fn open_again(&mut self) -> bool {
        self.lock.let_go_of_line();
        for _ in 0..20 {
            if let Ok(line) = Line::open(&self.device, Opening::AtOnce) {
                self.line = line;
                self.line.restore_on_way_out(Restore::FoundWithHangUp);
                return self.lock.hold(&self.line).is_ok() && self.raise().is_ok();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }
}
