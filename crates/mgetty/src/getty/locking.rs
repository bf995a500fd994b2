//! The lock of the line: taken, waited for, taken over.

use super::{Getty, LOCK_DIRECTORY, SIGNAL_PAUSE, callback};
use crate::dialout::Foreign;
use crate::session::{Event, Locked};
use std::path::Path;
use std::time::Duration;
use ttyline::line::{Line, Opening};
use ttyline::lock::process::command_line;
use ttyline::lock::{Lock, LockError};
use ttyline::log::Level;
use ttyline::settings::Flow;
use ttyline::sys::termios::When;
use ttyline::sys::utmp::Kind;

impl Getty {
    pub(super) fn take_lock(&mut self) {
        // Without a line it is opened next, and held then.
        let taken = match &self.line {
            Some(line) => self.locks.acquire(&self.service.name, Some(line)),
            None => self.locks.acquire_files(&self.service.name),
        };
        let locked = match taken {
            Ok(mut lock) => {
                lock.guard();
                for found in lock.removed() {
                    self.log.say(Level::Warn, format!("lock file removed: {found}"));
                }
                self.lock = Some(lock);
                Locked::Ours
            }
            Err(LockError::Held(holder)) => {
                let command = holder.pid.map(|pid| command_line(pid, 200)).unwrap_or_default();
                self.log.say(Level::Mesg, format!("the line is held by {holder}: {command}"));
                Locked::Busy
            }
            Err(error) => {
                self.log.say(Level::Error, error.to_string());
                Locked::Impossible
            }
        };
        self.answers.push_back(Event::Lock(locked));
    }

    /// Somebody removes locks.
    pub(super) fn mend_lock(&mut self) {
        for path in self.lock.as_ref().map(Lock::mend).unwrap_or_default() {
            self.log.say(Level::Warn, format!("{} was removed by somebody: made again", path.display()));
        }
    }

    pub(super) fn wait_for_lock(&mut self) {
        let holder = self.locks.look(&self.service.name).ok().and_then(|report| report.holder());
        self.lock = None;
        self.line = None;
        self.told.peer = holder.as_ref().and_then(|h| h.pid).map(|pid| command_line(pid, 100));
        self.out.clear();
        self.stuck_at = None;
        if let Some(pid) = holder.as_ref().and_then(|h| h.pid) {
            self.note(Kind::User, "dialout", Some(&command_line(pid, 59)));
        }
        let device = self.service.name.path();
        self.foreign = Some(Foreign::watch(Path::new(LOCK_DIRECTORY), &device, holder.as_ref()));
        // Between the failed lock and the watch it may have gone.
        self.look_at_foreign();
    }

    /// Takes line and lock over from the callback program that holds them. Gives how long it needs before it
    /// can be told.
    pub(super) fn take_over(&mut self) -> Result<Duration, String> {
        let holder = self.locks.look(&self.service.name).ok().and_then(|report| report.holder());
        // Somebody may have removed the lock file; who asks by the socket is known without.
        let pid =
            holder.and_then(|holder| holder.pid).or(self.handover.peer()).ok_or("nobody holds the line")?;
        let callback = match self.handover.peer() {
            Some(peer) if peer == pid => None,
            Some(_) => return Err(format!("the line is held by process {pid}")),
            None => Some(callback(pid)?),
        };
        // Not waiting for a dead line to be let go: it is the callback program that has it, and waits for us.
        let line = Line::open_once(&self.service.name.path(), Opening::AtOnce).map_err(|e| e.to_string())?;
        if line.is_dead() {
            return Err("the call is over already".into());
        }
        let (ignore, frame) = (self.service.ignore_carrier, self.service.frame);
        let set = line.settings().and_then(|now| {
            line.set(&now.raw().with_frame(frame).with_flow(Flow::Hard).ignoring_carrier(ignore), When::Now)
        });
        set.map_err(|e| e.to_string())?;
        let mut lock =
            self.locks.take_over(&self.service.name, pid, Some(&line)).map_err(|e| e.to_string())?;
        let pause = if callback.is_some() { SIGNAL_PAUSE } else { Duration::ZERO };
        self.foreign = None;
        self.callback = callback;
        lock.guard();
        self.lock = Some(lock);
        self.line = Some(line);
        self.on_open_line();
        Ok(pause)
    }

    pub(super) fn look_at_foreign(&mut self) {
        let Some(foreign) = &mut self.foreign else { return };
        if foreign.still(&self.locks, &self.service.name) {
            self.look_at = self.clock.now() + foreign.patience();
        } else {
            self.foreign = None;
            self.answers.push_back(Event::LockGone);
            self.flush_answers();
        }
    }
}
