//! The modems: opened for one client, cleaned after it, at rest for a moment.

use super::{Server, Source, Timer};
use mio::Interest;
use mio::unix::SourceFd;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use ttyline::config::mserver::Shared;
use ttyline::line::Input;
use ttyline::line_name::LineName;
use ttyline::lock::Locks;
use ttyline::log::Severity;
use ttyline::share::clean::{Action, Cleaner, Event, Outcome};
use ttyline::share::hold::{Held, NotHeld, line_name};
use ttyline::state::{self, Sharer};

/// Who we are in a line's state.
const SHARER: Sharer = Sharer { name: "mserver", stays: true };

/// How long a line whose carrier did not fall is left alone.
const OUT_OF_SERVICE: Duration = Duration::from_secs(30);

/// How often a device that is gone is looked for.
const LOOK_FOR: Duration = Duration::from_millis(250);

/// What a seat is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Nobody has it; its line is closed.
    Free,
    /// The session of this number has it.
    InUse(usize),
    /// Its modem is being cleaned, for the session of a number or for nobody.
    Cleaning(Box<Cleaning>),
    /// Its line is closed, DTR down, until then.
    Resting(Instant),
    /// Its device is gone, and the session of this number waits for it to come back.
    Unplugged(usize),
}

/// A cleaning.
#[derive(Debug)]
pub(super) struct Cleaning {
    held: Held,
    cleaner: Cleaner,
    start: Instant,
    /// Who gets the line when it is clean.
    pub(super) next: Option<usize>,
}

/// One line of the configuration.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) conf: Rc<Shared>,
    pub(super) state: State,
    /// The device that is open for it, without symlinks.
    open: Option<std::path::PathBuf>,
    /// The line whose state tells of us.
    told: Option<LineName>,
    /// It is not in the configuration any more.
    pub(super) retired: bool,
    /// Its modem was left clean by us.
    clean: bool,
    /// Until then it is not tried.
    pub(super) out_of_service: Option<Instant>,
}

/// Why a free seat could not be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// Another program has the line.
    Locked,
    /// It cannot be used.
    Unusable,
}

impl Seat {
    pub(super) fn new(conf: Rc<Shared>) -> Seat {
        Seat {
            conf,
            state: State::Free,
            open: None,
            told: None,
            retired: false,
            clean: false,
            out_of_service: None,
        }
    }

    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.state, State::Free | State::Resting(_))
    }

    /// Whether it will be free in a moment by itself.
    pub(super) fn is_soon_free(&self) -> bool {
        match &self.state {
            State::Resting(_) => true,
            State::Cleaning(cleaning) => cleaning.next.is_none(),
            _ => false,
        }
    }
}

impl Server {
    /// Opens a free seat's line. If its modem must be cleaned first, `Ok(None)`: the session will be told.
    pub(super) fn take_seat(&mut self, n: usize, session: usize) -> Result<Option<Held>, NoSeat> {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return Err(NoSeat::Unusable) };
        if seat.out_of_service.is_some_and(|until| self.now < until) {
            return Err(NoSeat::Unusable);
        }
        let conf = Rc::clone(&seat.conf);
        // By this path or another one: our own lock would not keep us from it.
        let real = std::fs::canonicalize(&conf.device).unwrap_or_else(|_| conf.device.clone());
        if self.seats.iter().flatten().any(|seat| seat.open.as_ref() == Some(&real)) {
            return Err(NoSeat::Locked);
        }
        let held = match Held::take(&conf.device, &conf.wish) {
            Ok(held) => held,
            Err(why) => {
                let locked = matches!(why, NotHeld::Busy(_));
                self.complain(format!("{}: {why}", conf.device.display()));
                return Err(if locked { NoSeat::Locked } else { NoSeat::Unusable });
            }
        };
        self.tell_taken(n, held.name(), session);
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return Err(NoSeat::Unusable) };
        let plan = &conf.options.clean;
        let call_is_up = plan.watch_carrier && held.carrier() == Some(true) && !plan.dtr_down.is_zero();
        seat.open = Some(real);
        let unclean = held.left_dirty || (!seat.clean && !plan.init.is_empty()) || call_is_up;
        seat.clean = false;
        if !unclean {
            seat.state = State::InUse(session);
            return Ok(Some(held));
        }
        self.clean(n, held, Some(session));
        Ok(None)
    }

    /// Cleans the modems whose user was on them when a server was killed, as their locks tell: one may answer calls for
    /// nobody, or still be in one.
    pub(super) fn clean_left(&mut self) {
        for n in 0..self.seats.len() {
            let Some(conf) = self.seats.get(n).and_then(Option::as_ref).map(|s| Rc::clone(&s.conf)) else {
                continue;
            };
            let locks = line_name(&conf.device).map(|name| Locks::default().look(&name));
            let Ok(Ok(locks)) = locks else { continue };
            let Ok(real) = std::fs::canonicalize(&conf.device) else { continue };
            // Two lines may have one device.
            let ours = self.seats.iter().flatten().any(|seat| seat.open.as_ref() == Some(&real));
            if ours || locks.files.is_empty() || locks.holder().is_some() {
                continue;
            }
            let Ok(held) = Held::take(&conf.device, &conf.wish) else { continue };
            if let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) {
                seat.open = Some(real);
            }
            self.journal.say(Severity::Notice, format!("{}: was left in use", conf.device.display()));
            self.give_back(n, held);
        }
    }

    /// The line's state tells who has it, as far as we may write it.
    fn tell_taken(&mut self, n: usize, line: &LineName, session: usize) {
        let client = self.sessions.get(session).map(|session| session.caller.shown());
        let left = match state::taken(Path::new(state::DIRECTORY), line, SHARER, client) {
            Ok(left) => left,
            Err(_) => return,
        };
        if let Some(record) = left {
            self.append(&record);
        }
        if let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) {
            seat.told = Some(line.clone());
        }
    }

    /// The session is over: the modem is left as the next user may expect it.
    pub(super) fn give_back(&mut self, n: usize, held: Held) {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        let plan = &seat.conf.options.clean;
        // Closing drops DTR; only a modem that must be spoken to, or whose carrier can be seen to fall, is
        // worth keeping the line open for.
        let worth = !plan.init.is_empty() || plan.escape_always || held.carrier().is_some();
        let leave_alone = plan.dtr_down.is_zero() && plan.init.is_empty();
        if held.is_hung_up() || leave_alone || !worth {
            if !plan.dtr_down.is_zero() {
                held.line.hang_up();
            }
            self.let_go(n, held);
        } else {
            self.clean(n, held, None);
        }
    }

    fn clean(&mut self, n: usize, held: Held, next: Option<usize>) {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        let cleaner = Cleaner::new(seat.conf.options.clean.clone());
        let fd = held.line.as_fd().as_raw_fd();
        let _ =
            self.poll.registry().register(&mut SourceFd(&fd), Source::Seat(n).token(), Interest::READABLE);
        seat.state = State::Cleaning(Box::new(Cleaning { held, cleaner, start: self.now, next }));
        self.clean_step(n, Event::Start);
    }

    fn clean_step(&mut self, n: usize, event: Event<'_>) {
        let mut events = vec![];
        let mut actions = Vec::new();
        let mut outcome = None;
        {
            let Some(State::Cleaning(cleaning)) =
                self.seats.get_mut(n).and_then(Option::as_mut).map(|s| &mut s.state)
            else {
                return;
            };
            let now = self.now.saturating_duration_since(cleaning.start);
            cleaning.cleaner.handle(now, event, &mut actions);
            while !actions.is_empty() && outcome.is_none() {
                for action in std::mem::take(&mut actions) {
                    match action {
                        Action::HangUp => cleaning.held.line.hang_up(),
                        Action::Raise => cleaning.held.raise_clean(),
                        // A modem that does not take a short command is not answering either.
                        Action::Send(bytes) => drop(cleaning.held.line.write_some(&bytes)),
                        Action::LookAtCarrier => events.push(cleaning.held.carrier()),
                        Action::Done(how) => outcome = Some(how),
                    }
                }
                for carrier in events.drain(..) {
                    cleaning.cleaner.handle(now, Event::Carrier(carrier), &mut actions);
                }
            }
            if outcome.is_none() {
                let due = cleaning.cleaner.deadline().map(|at| cleaning.start + at);
                if let Some(at) = due {
                    self.at(at, Timer::Seat(n));
                }
            }
        }
        if let Some(outcome) = outcome {
            self.cleaned(n, outcome);
        }
    }

    fn cleaned(&mut self, n: usize, outcome: Outcome) {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        let State::Cleaning(cleaning) = std::mem::replace(&mut seat.state, State::Free) else { return };
        let Cleaning { held, next, .. } = *cleaning;
        let fd = held.line.as_fd().as_raw_fd();
        let _ = self.poll.registry().deregister(&mut SourceFd(&fd));
        let device = seat.conf.device.display().to_string();
        seat.clean = outcome == Outcome::Clean;
        match outcome {
            Outcome::Clean => {}
            Outcome::Silent => {
                self.complain(format!("{device}: the modem does not answer its initialisation"))
            }
            Outcome::CarrierStays => {
                seat.out_of_service = Some(self.now + OUT_OF_SERVICE);
                self.journal.say(Severity::Error, format!("{device}: out of service: carrier does not fall"));
            }
        }
        match next {
            Some(session) if outcome != Outcome::CarrierStays && self.sessions.get(session).is_some() => {
                if let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) {
                    seat.state = State::InUse(session);
                    seat.clean = false;
                }
                self.begin_session(session, held);
            }
            Some(session) => {
                self.let_go(n, held);
                self.end_session(session, "out of service");
            }
            None => self.let_go(n, held),
        }
    }

    fn let_go(&mut self, n: usize, held: Held) {
        self.tell_released(n);
        drop(held);
        self.rest(n);
    }

    /// While the line is locked: who has it next tells that himself.
    fn tell_released(&mut self, n: usize) {
        let seat = self.seats.get_mut(n).and_then(Option::as_mut);
        if let Some(line) = seat.and_then(|seat| seat.told.take()) {
            let _ = state::released(Path::new(state::DIRECTORY), &line, SHARER);
        }
    }

    /// The line is closed; it stays so for a while.
    fn rest(&mut self, n: usize) {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        let until = self.now + seat.conf.options.settle;
        seat.state = State::Resting(until);
        seat.open = None;
        if seat.retired {
            self.seats[n] = None;
        } else {
            self.at(until, Timer::Seat(n));
        }
    }

    pub(super) fn seat_timer(&mut self, n: usize) {
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        match &seat.state {
            State::Resting(until) if *until <= self.now => {
                seat.state = State::Free;
                self.seat_waiting();
            }
            State::Cleaning(cleaning) => {
                let due = cleaning.cleaner.deadline().is_some_and(|at| cleaning.start + at <= self.now);
                if due {
                    self.clean_step(n, Event::Deadline);
                }
            }
            State::Unplugged(session) => {
                let session = *session;
                self.look_for_device(n, session);
            }
            _ => {}
        }
    }

    /// The session's device is gone: its line is let go of, so that it can come back under another name.
    pub(super) fn unplug(&mut self, n: usize, session: usize, held: Held) {
        self.tell_released(n);
        drop(held);
        let Some(seat) = self.seats.get_mut(n).and_then(Option::as_mut) else { return };
        seat.state = State::Unplugged(session);
        (seat.open, seat.clean) = (None, false);
        self.at(self.now + LOOK_FOR, Timer::Seat(n));
    }

    fn look_for_device(&mut self, n: usize, session: usize) {
        let there = self.seats.get(n).and_then(Option::as_ref).is_some_and(|s| s.conf.device.exists());
        let taken = if there { self.take_seat(n, session) } else { Err(NoSeat::Unusable) };
        match taken {
            Ok(Some(held)) => self.begin_session(session, held),
            // Its modem is made ready first.
            Ok(None) => {}
            Err(_) => self.at(self.now + LOOK_FOR, Timer::Seat(n)),
        }
    }

    /// Nobody waits for the device any more.
    pub(super) fn give_up(&mut self, n: usize) {
        self.rest(n);
    }

    pub(super) fn seat_event(&mut self, n: usize) {
        loop {
            let mut buffer = [0; 512];
            let read = match self.seats.get(n).and_then(Option::as_ref).map(|s| &s.state) {
                Some(State::Cleaning(cleaning)) => cleaning.held.line.read(&mut buffer),
                _ => return,
            };
            match read {
                Ok(Input::Bytes(count)) => {
                    self.clean_step(n, Event::Bytes(buffer.get(..count).unwrap_or_default()));
                }
                Ok(Input::Nothing) => return,
                // Unplugged; there is nothing left to clean.
                Ok(Input::HungUp) | Err(_) => return self.cleaned(n, Outcome::Silent),
            }
        }
    }
}
