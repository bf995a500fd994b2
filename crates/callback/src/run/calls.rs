//! The background: a line is found, the number dialled, the call handed over; or tried again.

use super::{LAST_WORDS, LOG, Program};
use crate::ask;
use crate::attempts::Kind;
use crate::dial::{self, Handed, Prepared, When};
use crate::dialer::Orders;
use crate::outcome::Outcome;
use crate::schedule::{Next, Schedule};
use crate::settings::Settings;
use std::path::Path;
use std::time::{Duration, SystemTime};
use ttyline::exit::Callback as Exit;
use ttyline::line_name::LineName;
use ttyline::log::Level;
use ttyline::state::{self, CallBack, Step};
use ttyline::sys::process;
use ttyline::visible;

/// How long the call may take to be answered.
const ANSWER: Duration = Duration::from_secs(180);
/// How long a getty that was here a moment ago may take to come back.
const RESPAWN: Duration = Duration::from_secs(30);
const BACKGROUND: &str = "\nDialing continues in the background, all further messages will\n\
                          be written to the logfile '/var/log/mgetty/mg_callback.log'.\n\
                          Please look there for errors / diagnostics.\n\n";

impl Program {
    /// Goes to the background; the session leader's end hangs up.
    pub(super) fn leave_and_call(mut self, numbers: &[String]) -> u8 {
        if !self.options.unanswered {
            ask::say(BACKGROUND);
            ask::drain();
            if let Some(signal) = dial::pause(&self.signals, LAST_WORDS) {
                return self.end_by(signal).code();
            }
        }
        let forked = process::fork(|| {
            // Neither the line nor its session is ours any more.
            let _ = nix::unistd::setsid();
            if let Ok(null) = std::fs::File::options().read(true).write(true).open("/dev/null") {
                let _ = nix::unistd::dup2_stdin(&null);
                let _ = nix::unistd::dup2_stdout(&null);
                let _ = nix::unistd::dup2_stderr(&null);
            }
            let exit = self.background(numbers);
            ttyline::way_out::leave(exit.code());
        });
        match forked {
            Ok(_) => Exit::Done.code(),
            Err(e) => {
                eprintln!("callback: {}", ttyline::log::reason(&e));
                Exit::Fork.code()
            }
        }
    }

    /// Waits, finds a line, dials, hands over. As long as that takes, the line's state tells of it.
    pub(super) fn background(&mut self, numbers: &[String]) -> Exit {
        let exit = self.call(numbers);
        self.tell_over();
        exit
    }

    fn call(&mut self, numbers: &[String]) -> Exit {
        let lines = self.lines();
        if let Some(line) = lines.as_ref().ok().and_then(|lines| lines.first()) {
            self.tell(Step::Pending, line, numbers.first().map_or("", String::as_str));
        }
        let chance = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
        let chance = u64::try_from(chance).unwrap_or(0) ^ u64::from(std::process::id());
        let delay = self.settings.delay(chance);
        self.log.say(Level::Mesg, format!("delaying {} seconds", delay.as_secs()));
        if let Some(signal) = dial::pause(&self.signals, delay) {
            return self.end_by(signal);
        }
        let Ok(lines) = lines else { return Exit::Usage };
        let mut schedule = Schedule::new(numbers.len(), self.settings.retry(), self.settings.most());
        // The caller's own line has to be shown to be clear, once.
        let mut proven = false;
        loop {
            let prepared = match self.find_line(&lines) {
                Ok(prepared) => prepared,
                Err(exit) => return exit,
            };
            let number = numbers.get(schedule.current()).cloned().unwrap_or_default();
            let outcome = match self.try_once(prepared, &number, &mut proven) {
                Ok(outcome) => outcome,
                Err(exit) => return exit,
            };
            match schedule.failed(self.clock.now(), &outcome) {
                Next::Try(next, wait) => {
                    if let Some(line) = self.told.clone() {
                        self.tell(Step::Pending, &line, numbers.get(next).map_or("", String::as_str));
                    }
                    self.log.say(Level::Mesg, format!("next try in {} seconds", wait.as_secs()));
                    if let Some(signal) = dial::pause(&self.signals, wait) {
                        return self.end_by(signal);
                    }
                }
                Next::GiveUp => {
                    self.log.say(Level::Warn, "no more tries, giving up");
                    return Exit::Dial;
                }
            }
        }
    }

    fn settings_of(&mut self, line: &LineName) -> Settings {
        self.reader.settings(Some(line.device()), self.user.as_deref()).0
    }

    fn find_line(&mut self, lines: &[LineName]) -> Result<Prepared, Exit> {
        let since = self.clock.now();
        // Each line's reason is said again only when it is another one.
        let mut said = vec![String::new(); lines.len()];
        loop {
            let (mut busy, mut soon) = (false, false);
            for (line, said) in lines.iter().zip(&mut said) {
                let speed = self.settings_of(line).speed().unwrap_or(38400);
                let not_now = match dial::prepare(line, speed, &self.sockets, &mut self.log) {
                    Ok(prepared) => return Ok(prepared),
                    Err(not_now) => not_now,
                };
                if *said != not_now.why {
                    self.log.say(not_now.level, &not_now.why);
                    *said = not_now.why;
                }
                match not_now.when {
                    When::Busy => busy = true,
                    // Only where there was a getty a moment ago another one is to be expected.
                    When::Soon => soon |= self.own.as_ref() == Some(line) || self.called_in,
                    When::Never => {}
                }
            }
            let now = self.clock.now();
            let wait = if soon && now < since + RESPAWN {
                Duration::from_millis(500)
            } else if busy {
                self.settings.retry().max(Duration::from_secs(1))
            } else {
                self.log.say(Level::Fatal, "no line to dial on");
                return Err(Exit::Usage);
            };
            if now + wait > self.settings.most() {
                self.log.say(Level::Fatal, "no line became free in time");
                return Err(Exit::Usage);
            }
            if let Some(signal) = dial::pause(&self.signals, wait) {
                return Err(self.end_by(signal));
            }
        }
    }

    /// What we want of the line, beside what its getty tells.
    fn tell(&mut self, step: Step, line: &LineName, number: &str) {
        if self.told.as_ref() != Some(line) {
            self.tell_over();
        }
        let called = Some(number.to_string()).filter(|number| !number.is_empty());
        let call_back = CallBack { step, user: self.user.clone(), called, ..CallBack::default() };
        match state::calls_back(Path::new(state::DIRECTORY), line, call_back) {
            Ok(()) => self.told = Some(line.clone()),
            Err(e) => self.log.failed(Level::Noise, "the line's state file", &e),
        }
    }

    fn tell_over(&mut self) {
        if let Some(line) = self.told.take() {
            let _ = state::called_back(Path::new(state::DIRECTORY), &line);
        }
    }

    fn try_once(&mut self, prepared: Prepared, number: &str, proven: &mut bool) -> Result<Outcome, Exit> {
        let name = prepared.name.clone();
        let settings = self.settings_of(&name);
        self.log.move_to(Path::new(LOG), name.infix());
        self.tell(Step::Dialling, &name, number);
        let own = self.own.as_ref() == Some(&name);
        let clear_down = (own && !*proven)
            .then(|| (self.carrier, Duration::from_secs(u64::from(settings.policy.clear_down))));
        let (tone, blind) = settings.tone();
        if own && blind {
            let text = "the modem dials without a dial tone: only the carrier shows that the caller has gone";
            self.log.say(Level::Warn, text);
        }
        let orders = Orders {
            init: settings.init(),
            dial: settings.dial(number),
            limit: ANSWER,
            clear_down,
            tone: tone.filter(|_| own),
            getty_is_off: false,
        };
        self.log.say(Level::Mesg, format!("dialing {number}..."));
        let mut record = self.record(number);
        record.line = name.device().to_string();
        let outcome = prepared.try_once(orders, &self.signals, &mut self.log).unwrap_or_else(|e| {
            self.log.failed(Level::Error, "the line failed", &e);
            Outcome::HungUp
        });
        record.cause = outcome.word().to_string();
        let who = self.who();
        if let Outcome::Connected(connect) = &outcome {
            record.connect = Some(connect.clone());
            self.log.say(Level::Mesg, "got CONNECT, success!");
            let times = (settings.prompt_wait(), settings.hand_over());
            let handed = prepared.hand_over(connect, times, &self.signals, &mut self.log);
            record.cause = match &handed {
                Handed::Over => "handed over".into(),
                Handed::Failed(why) => format!("not handed over: {why}"),
                Handed::Interrupted(_) => "signal".into(),
            };
            self.append(record);
            return Err(match handed {
                Handed::Over => {
                    let _ = self.note_on(Kind::Connected, number, name.device().to_string());
                    Exit::Done
                }
                Handed::Failed(why) => {
                    self.log.say(Level::Fatal, format!("cannot pass control: {why}"));
                    Exit::HandOver
                }
                Handed::Interrupted(signal) => self.end_by(signal),
            });
        }
        self.append(record);
        let shown = visible::quoted_field(number);
        match &outcome {
            Outcome::Interrupted(signal) => return Err(self.end_by(*signal)),
            Outcome::NotClear(why) => {
                prepared.hang_up();
                let text =
                    format!("callback: refused, {who}, number='{shown}', reason='no clear-down: {why}'");
                self.audit(&text);
                return Err(Exit::Dial);
            }
            Outcome::Silent => {
                self.log.say(Level::Fatal, "the modem does not answer its initialisation");
                return Err(Exit::Modem);
            }
            _ => {}
        }
        *proven = true;
        self.audit(&format!("callback: failed, {who}, number='{shown}', cause='{}'", outcome.word()));
        // The line is free between tries: its getty may answer calls.
        drop(prepared);
        Ok(outcome)
    }
}
