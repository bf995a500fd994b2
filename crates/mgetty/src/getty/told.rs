//! What others are told of the line: its state file at each change, one record for each call.
//!
//! Nothing is written between ring and answer, nor between a frame and its program: the state is written
//! when the getty is about to wait, and for a session by the watcher.

use super::Getty;
use crate::guesses;
use crate::session::{Event, Phase};
use crate::watcher::{Beside, Watcher};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime};
use ttyline::drive::{self, Sources};
use ttyline::lock::process;
use ttyline::log::Level;
use ttyline::record::{self, Direction, Record};
use ttyline::state::{self, LineState, State};
use ttyline::sys::process::pidfd_open;
use ttyline::sys::tty::ModemLines;
use ttyline::traffic::Meter;

/// What was told last.
#[derive(Debug, Default)]
pub struct Told {
    phase: Option<Phase>,
    why: Option<String>,
    /// Clock ticks since boot.
    started: u64,
    /// The call that goes on.
    pub(crate) call: Option<Record>,
    /// Who has the line for a call out.
    pub(crate) peer: Option<String>,
    /// The record in utmp is ours, not init's.
    pub(crate) own_utmp: bool,
    /// The line tells carrier: it was on during a call. Remembered in the state file.
    pub(crate) carrier_works: bool,
    /// The line's counters at CONNECT.
    meter: Option<Meter>,
    /// It could not be written: said once.
    failed: bool,
    /// A call has just ended: its modem is to see DTR low before it is spoken to.
    pub(super) after_call: bool,
}

impl Getty {
    /// Writes the line's state if it has changed.
    pub(super) fn tell_state(&mut self) {
        let phase = self.session.phase();
        if self.told.phase == Some(phase) && self.told.why.as_deref() == self.session.why() {
            return;
        }
        // As it waits, a session that is over has been told of by whoever follows.
        if phase.doing == State::Ended {
            return;
        }
        self.told.phase = Some(phase);
        self.told.why = self.session.why().map(str::to_string);
        let state = self.state(phase);
        self.write_state(&state);
    }

    fn write_state(&mut self, state: &LineState) {
        match state::write(Path::new(state::DIRECTORY), &self.service.name, state) {
            Err(error) if !self.told.failed => {
                self.told.failed = true;
                self.log.failed(Level::Noise, "the line's state file", &error);
            }
            _ => {}
        }
    }

    fn state(&mut self, phase: Phase) -> LineState {
        let pid = self.session.setup().pid;
        if self.told.started == 0 {
            self.told.started = process::start_ticks(pid).unwrap_or(0);
        }
        let mut state = LineState {
            line: self.service.name.device().to_string(),
            pid,
            pid_started: self.told.started,
            state: phase.doing,
            since: Some(SystemTime::now()),
            why: self.session.why().map(str::to_string),
            ..LineState::default()
        };
        if self.told.carrier_works {
            state.other.insert(CARRIER_WORKS.into(), true.into());
        }
        if matches!(phase.doing, State::DialOut | State::CallBack) {
            state.peer = self.told.peer.clone();
        }
        if let Some(call) = &self.told.call {
            let call = self.known(call.clone());
            if phase.doing == State::Ringing {
                state.ring = Some(phase.ring);
                state.rings = Some(self.session.setup().rings);
            }
            (state.caller, state.called) = (call.caller.clone(), call.called.clone());
            state.connect = call.connect.clone();
            state.call = Some(call);
        }
        state
    }

    /// A record with what is known of its call now.
    pub(crate) fn known(&self, mut call: Record) -> Record {
        let caller = self.session.caller();
        let text = |text: &str| Some(text.to_string()).filter(|text| !text.is_empty());
        call.caller = text(&caller.id).filter(|id| id != "none");
        call.called = text(&caller.called);
        call.connect = text(&caller.connect);
        call.rings = Some(self.session.rings()).filter(|rings| *rings > 0);
        call
    }

    pub(super) fn call_begins(&mut self) {
        let way = if self.session.called_back() { Direction::Out } else { Direction::In };
        let call = Record::begin("mgetty", self.service.name.device());
        self.told.call = Some(Record { dir: Some(way), ..call });
    }

    pub(crate) fn call_over(&mut self, cause: &str) {
        let Some(call) = self.told.call.take() else { return };
        let mut call = self.known(call);
        if let Some(meter) = self.told.meter.take() {
            (call.bytes_in, call.bytes_out) = meter.read(self.line.as_ref());
        }
        call.end = Some(SystemTime::now());
        call.cause = cause.to_string();
        self.append(&call);
    }

    fn append(&mut self, call: &Record) {
        if let Err(error) = call.append(Path::new(record::FILE)) {
            self.log.failed(Level::Noise, "the record of the call", &error);
        }
    }

    /// A getty or watcher that was killed left its call open: it is over.
    pub(super) fn complete_last_call(&mut self) {
        let directory = Path::new(state::DIRECTORY);
        let Ok(Some(left)) = state::read(directory, &self.service.name) else { return };
        let recent = left.since.is_some_and(|since| since.elapsed().is_ok_and(|age| age < JUST_ENDED));
        self.told.after_call = match left.state {
            State::Ended => recent,
            State::Login | State::Session => left.is_stale(),
            _ => false,
        };
        if self.told.after_call {
            wait_for_watcher(&left);
        }
        self.told.carrier_works = left.other.get(CARRIER_WORKS).is_some_and(|works| works == true);
        if let Some(call) = left.cut_short(self.session.setup().pid) {
            self.append(&call);
        }
    }

    /// The getty ends without a session.
    pub(super) fn tell_end(&mut self) {
        // After a login that failed to run its program the session is over as well.
        self.call_over("failed");
        if self.told.phase.is_some() {
            let state = self.state(Phase { doing: State::Ended, ring: 0 });
            self.write_state(&state);
        }
        self.clear_utmp();
    }

    /// Makes the process that stays beside the caller's session.
    pub(super) fn watch(&mut self) {
        // From here on carrier means somebody.
        let lines = self.line.as_ref().and_then(|line| line.modem_lines().ok());
        self.carrier_seen = lines.is_some_and(ModemLines::carrier);
        self.told.carrier_works |= self.carrier_seen;
        let Some(line) = &self.line else { return };
        self.told.meter = Meter::start(line);
        if self.told.started == 0 {
            self.told.started = process::start_ticks(self.session.setup().pid).unwrap_or(0);
        }
        let call = self.told.call.clone().map(|call| self.known(call));
        let beside = Beside {
            name: self.service.name.clone(),
            session: self.session.setup().pid,
            session_started: self.told.started,
            call: call.unwrap_or_default(),
            carrier: self.carrier_seen && !self.service.ignore_carrier && !self.session.setup().direct,
            debug: self.service.debug,
            carrier_works: self.told.carrier_works,
            lock: self.lock.iter().flat_map(|lock| lock.files()).map(Path::to_path_buf).collect(),
            look: LOOK_FOR_CARRIER,
            meter: self.told.meter,
        };
        let held = self.lock.as_ref().and_then(ttyline::lock::Lock::source);
        match Watcher::start(line, &beside, held) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.log.failed(Level::Warn, "no watcher", &error),
        }
        let caller = &self.session.caller().id;
        let delay = guesses::load(Path::new(guesses::FILE)).delay(self.service.name.device(), caller);
        if !delay.is_zero() {
            self.answers.push_back(Event::Slow(delay));
        }
    }
}

/// A call that ended so long ago has let its modem see DTR low.
const JUST_ENDED: Duration = Duration::from_secs(2);
/// A watcher whose session has ended has so long to let go of the line.
pub(super) const WATCHER_ENDS: Duration = Duration::from_millis(300);

/// The last session's watcher may be slower than init: as long as it has the line, DTR does not fall.
fn wait_for_watcher(left: &LineState) {
    let Some((pid, _)) = left.watcher.filter(|_| left.is_watched()) else { return };
    let Ok(watcher) = pidfd_open(pid) else { return };
    let others = [watcher.as_fd()];
    let _ = drive::wait(Sources { others: &others, ..Sources::default() }, false, false, Some(WATCHER_ENDS));
}
/// The field of the state file that says so.
pub(crate) const CARRIER_WORKS: &str = "carrier_works";

/// A watcher looks for carrier so often, against what makes no event: CLOCAL set by the caller.
const LOOK_FOR_CARRIER: Duration = Duration::from_secs(60);
