//! What a getty does with its line: opens it, owns it, sets it up, writes to it.

use super::told::WATCHER_ENDS;
use super::{Getty, Out, STUCK};
use crate::session::{Event, Locked, Stage};
use std::time::Duration;
use ttyline::drive::{self, Sources};
use ttyline::line::{Line, OpenError, Opening};
use ttyline::lock::process;
use ttyline::log::Level;
use ttyline::settings::{Flow, Settings};
use ttyline::sys::termios::{Queue, When};
use ttyline::sys::tty::{self, ModemLines};

/// DTR stays low so long between two calls where it is not toggled (`toggle-dtr no`, or a line without DTR).
const LET_GO: Duration = Duration::from_millis(50);
/// Between two looks whether a dying watcher has let go.
const LOOK: Duration = Duration::from_millis(2);

impl Getty {
    pub(super) fn open(&mut self) {
        let opening = if self.session.setup().blocking { Opening::AtCarrier } else { Opening::AtOnce };
        self.revoke();
        self.end_holders();
        let opened = loop {
            match Line::open(&self.service.name.path(), opening) {
                Err(OpenError::Open(error)) if error.kind() == std::io::ErrorKind::Interrupted => {
                    self.hear();
                    if self.end.is_some() {
                        return;
                    }
                }
                other => break other,
            }
        };
        let line = match opened {
            Ok(line) => line,
            Err(error) => {
                if !self.session.troubled() {
                    self.log.say(Level::Error, format!("/dev/{} {error}", self.service.name));
                }
                let absent = is_absent(&error);
                return self.answers.push_back(if absent { Event::NoDevice } else { Event::Opened(false) });
            }
        };
        if let Some(lock) = &mut self.lock {
            if let Err(error) = lock.hold(&line) {
                self.log.say(Level::Mesg, error.to_string());
                return self.answers.push_back(Event::Lock(Locked::Busy));
            }
        }
        let _ = tty::clear_software_carrier(&line);
        // Raw from the first moment: a modem's words are not echoed back to it.
        let speed = self.service.speed;
        let flow = Flow::Hard;
        let _ = line.settings().and_then(|now| line.set(&now.for_modem(speed, flow), When::Now));
        let quiet = self.session.troubled();
        if let Some(lines) = line.modem_lines().ok().filter(|_| !quiet) {
            if lines.carrier() && !self.session.setup().direct {
                self.log.say(Level::Warn, "WARNING: DCD line still active, check modem settings (AT&C1)");
            }
            if !lines.dsr() {
                self.log.say(Level::Warn, "WARNING: DSR is off - modem turned off or bad cable?");
            }
        }
        self.line = Some(line);
        self.on_open_line();
        self.answers.push_back(Event::Opened(true));
    }

    /// Takes the line away from whoever still has it open: what the last caller left running can neither read
    /// the next one's name nor write to him. Its owner and mode are ours before, so that nobody comes back.
    fn revoke(&mut self) {
        let Ok(line) = Line::open(&self.service.name.path(), Opening::AtOnce) else { return };
        if let Some(lock) = &mut self.lock {
            // Not from a program that has it by flock: then it is not ours to take. The watcher of a getty that
            // was killed has it a moment longer than that.
            let patience = if self.told.after_call { WATCHER_ENDS } else { Duration::ZERO };
            let since = self.clock.now();
            while lock.hold(&line).is_err() {
                if self.clock.now() >= since + patience {
                    return;
                }
                std::thread::sleep(LOOK);
            }
        }
        // The hang-up drops DTR, whatever the last user made of the settings; his echo would answer the modem's for ever.
        if let Ok(found) = line.settings() {
            let _ = line.set(&found.hanging_up(), When::Now);
        }
        self.own(&line);
        let pulse = self.session.setup().toggle_dtr && line.modem_lines().is_ok();
        // n_gsm does not forget at a hang-up that it has told the other side to stop.
        let _ = line.flush(Queue::Input);
        if let Err(error) = line.become_controlling(true).and_then(|()| tty::hang_up_session()) {
            let why = ttyline::log::reason(&error);
            self.log.say(Level::Noise, format!("the line is not taken from others: {why}"));
        }
        if let Some(lock) = &mut self.lock {
            lock.let_go_of_line();
        }
        drop(line);
        // Nobody has it open, so DTR is low: where no longer pulse follows, the modem is given time to see it.
        if std::mem::take(&mut self.told.after_call) && !pulse {
            std::thread::sleep(LET_GO);
        }
    }

    /// With some drivers (n_gsm) a hung-up line stays dead until its last old user has let go: then who was left
    /// on it must end. Elsewhere a hang-up is enough.
    fn end_holders(&mut self) {
        use nix::sys::signal::{Signal, kill};
        use nix::unistd::Pid;
        let path = self.service.name.path();
        if self.lock.is_none() || !Line::open_once(&path, Opening::AtOnce).is_ok_and(|line| line.is_dead()) {
            return;
        }
        for signal in [Signal::SIGHUP, Signal::SIGKILL] {
            let left = process::holders(&path);
            for pid in left.iter().filter(|pid| **pid > 1) {
                let text = format!(
                    "process {pid} was left on the line: {signal}, {}",
                    process::command_line(*pid, 100)
                );
                self.log.say(Level::Warn, text);
                let _ = kill(Pid::from_raw(*pid), signal);
            }
            if left.is_empty() {
                return;
            }
            // The watcher of the last session, say, needs no more.
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Lets go of the line, and of what was to be written.
    pub(super) fn close(&mut self) {
        self.watcher = None;
        self.out.clear();
        self.stuck_at = None;
        if let Some(lock) = &mut self.lock {
            lock.let_go_of_line();
        }
        // Its last close drops DTR: HUPCL is set.
        self.line = None;
    }

    pub(super) fn on_open_line(&mut self) {
        if let Some(line) = &mut self.line {
            if let Err(error) = line.become_stdio() {
                self.log.failed(Level::Error, "standard input and output", &error);
            }
        }
    }

    /// Through the descriptor: a name could be anything by now.
    pub(super) fn own(&mut self, line: &Line) {
        use nix::unistd::{Gid, Uid, fchown};
        let (owner, group) = (self.service.owner.map(Uid::from_raw), self.service.group.map(Gid::from_raw));
        if let Err(error) = fchown(line, owner, group) {
            self.log.failed(Level::Error, "chown of the device failed", &error.into());
        }
        if let Some(mode) = self.service.mode {
            if let Err(error) = nix::sys::stat::fchmod(line, mode_bits(mode)) {
                self.log.failed(Level::Error, "chmod of the device failed", &error.into());
            }
        }
    }

    pub(super) fn lower_dtr(&mut self) {
        let lowered = self.line.as_ref().map(Line::lower_dtr);
        if let Some(Err(error)) = &lowered {
            self.log.failed(Level::Noise, "DTR cannot be toggled", error);
        }
        self.answers.push_back(Event::DtrIsLow(matches!(lowered, Some(Ok(())))));
    }

    pub(super) fn raise_dtr(&mut self) {
        self.on_line("raising DTR", Line::raise_dtr);
    }

    pub(super) fn send(&mut self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            self.queue(Out::Bytes(bytes));
        }
    }

    pub(super) fn queue(&mut self, out: Out) {
        self.out.push_back(out);
        if self.out.len() == 1 {
            self.write_out();
        }
    }

    /// Writes as much as the line takes; what is left has a minute.
    pub(super) fn write_out(&mut self) {
        while let Some(first) = self.out.pop_front() {
            let Some(line) = &self.line else { break };
            match first {
                Out::Set(stage) => self.set(stage),
                Out::Bytes(bytes) => {
                    let taken = match line.write_some(&bytes) {
                        Ok(taken) => taken,
                        // Not a line that takes everything: a dead one, which would look like a silent modem.
                        Err(error) => {
                            self.log.failed(Level::Noise, "writing to the line failed", &error);
                            self.out.clear();
                            self.stuck_at = None;
                            self.dead = true;
                            return;
                        }
                    };
                    if taken < bytes.len() {
                        self.out.push_front(Out::Bytes(bytes.get(taken..).unwrap_or(&[]).to_vec()));
                        if taken > 0 || self.stuck_at.is_none() {
                            self.stuck_at = Some(self.clock.now() + STUCK);
                        }
                        return;
                    }
                }
            }
        }
        self.out.clear();
        self.stuck_at = None;
    }

    pub(super) fn finish_output(&mut self, limit: Duration) {
        let end = self.clock.now() + limit;
        while !self.out.is_empty() && self.clock.now() < end {
            let left = end.saturating_sub(self.clock.now());
            let sources = Sources { line: self.line.as_ref(), ..Sources::default() };
            match drive::wait(sources, false, true, Some(left)) {
                Ok(ready) if ready.hung_up => break,
                Ok(_) => self.write_out(),
                Err(_) => break,
            }
        }
        self.out.clear();
    }

    pub(super) fn set(&mut self, stage: Stage) {
        let (speed, ignore) = (self.service.speed, self.service.ignore_carrier);
        let frame = self.service.frame;
        self.on_line("setting the line up failed", |line| {
            let now = line.settings()?;
            let wanted = match stage {
                Stage::Modem => now.for_modem(speed, Flow::Hard).with_frame(frame),
                Stage::Carrier => now.ignoring_carrier(ignore),
                // Only the output is cooked: a key (^C) or frame (03) that comes while the greeting is
                // written is for the name reader, not for the tty's signals, echo and line editing.
                Stage::Greeting => Settings { output: now.for_greeting().output, ..now.for_name() },
                Stage::Name => now.for_name(),
            };
            line.set(&wanted, When::Now)
        });
        if stage == Stage::Carrier && self.carrier_has_fallen() {
            self.answers.push_back(Event::CarrierLost);
        }
    }

    /// Whether carrier was seen on this call and is off now. A line without carrier detection never tells.
    pub(crate) fn carrier_has_fallen(&mut self) -> bool {
        if self.service.ignore_carrier || self.session.setup().direct {
            return false;
        }
        let on = self.line.as_ref().and_then(|line| line.modem_lines().ok()).map(ModemLines::carrier);
        self.carrier_seen |= on == Some(true);
        // On an earlier call, then: this one's may have fallen before we looked. A line that was opened a
        // moment ago (taken over) may not tell yet.
        let known = self.carrier_seen || self.told.carrier_works && !self.session.called_back();
        let fallen = on == Some(false) && known;
        if self.carrier_seen || fallen {
            // If it was another modem, without carrier detection, the next call is believed.
            self.told.carrier_works = self.carrier_seen;
        }
        fallen
    }

    /// The same of a line that is about to be handed over.
    pub(crate) fn carrier_has_fallen_on(&self, line: &Line) -> bool {
        let counts = !self.service.ignore_carrier && !self.session.setup().direct && self.carrier_seen;
        counts && line.modem_lines().is_ok_and(|lines| !lines.carrier())
    }
}

/// Whether there is no such device now: one that was unplugged comes back. What is no terminal stays none.
fn is_absent(error: &OpenError) -> bool {
    let code = match error {
        OpenError::Open(error) | OpenError::Settings(error) => error.raw_os_error(),
        OpenError::NotATty => None,
    };
    matches!(code, Some(libc::ENOENT | libc::ENXIO | libc::ENODEV | libc::EIO))
}

pub(super) fn mode_bits(mode: u32) -> nix::sys::stat::Mode {
    nix::sys::stat::Mode::from_bits_truncate(mode)
}
