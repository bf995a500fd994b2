//! The program: in the foreground the caller is asked, in the background he is called.

use crate::args::{self, Command, Options, Wrong};
use crate::ask::{self, Answered};
use crate::attempts::{self, Attempt, Kind, Store};
use crate::dial::{self, Handed, Prepared, When};
use crate::dialer::Orders;
use crate::outcome::Outcome;
use crate::question::Question;
use crate::schedule::{Next, Schedule};
use crate::secrets;
use crate::settings::{Notes, Reader, Settings};
use nix::sys::signal::Signal;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, SystemTime};
use ttyline::drive::Clock;
use ttyline::exit::Callback as Exit;
use ttyline::line_name::LineName;
use ttyline::log::{Level, Log};
use ttyline::number::{Fixed, Typed};
use ttyline::record::{self, Direction, Record};
use ttyline::signal::Signals;
use ttyline::state::{self, LineState, State};
use ttyline::sys::{clock, process, tty};
use ttyline::visible;

const LOG: &str = "/var/log/mgetty/mg_callback.log";
const LOG_BEFORE: &str = "/var/log/mgetty/mg_unknown.log";
/// How long the call may take to be answered.
const ANSWER: Duration = Duration::from_secs(180);
/// What the caller is sent last gets so long on its way through modem and line.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a getty that was here a moment ago may take to come back.
const RESPAWN: Duration = Duration::from_secs(30);

const NOT_ROOT: &str = "\nSorry, callback must be run as userid \"root\", otherwise it won't work.\n\n";
const BACKGROUND: &str = "\nDialing continues in the background, all further messages will\n\
                          be written to the logfile '/var/log/mgetty/mg_callback.log'.\n\
                          Please look there for errors / diagnostics.\n\n";

/// Runs callback with the words of its command line; gives the exit code.
pub fn main(words: impl IntoIterator<Item = String>) -> u8 {
    let mut words = words.into_iter();
    let called = words.next().unwrap_or_else(|| "callback".into());
    if !nix::unistd::geteuid().is_root() {
        eprint!("{NOT_ROOT}");
        return Exit::Usage.code();
    }
    match args::meaning(args::typed(words)) {
        Ok(Command::Version) => print(&args::version()),
        Ok(Command::Help) => print(args::HELP),
        Ok(Command::CheckNumber(options, user, number)) => check_number(&options, &user, &number),
        Ok(Command::Call(options)) => call(&called, options),
        Err(wrong) => usage(&called, &wrong),
    }
}

fn print(text: &str) -> u8 {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Exit::Done.code()
}

fn usage(called: &str, wrong: &Wrong) -> u8 {
    let mut log = Log::new(Path::new(LOG_BEFORE), "", 4);
    log.say(Level::Fatal, wrong.to_string());
    match wrong {
        Wrong::Line => {
            eprintln!("{called}: {wrong}");
            Exit::Line.code()
        }
        Wrong::Number(..) => {
            eprintln!("{called}: {wrong}");
            Exit::Usage.code()
        }
        Wrong::Speed(_) => {
            eprint!("{}", args::USAGE);
            Exit::Usage.code()
        }
        _ => {
            eprintln!("{called}: {wrong}");
            eprint!("{}", args::USAGE);
            Exit::Usage.code()
        }
    }
}

fn check_number(options: &Options, user: &str, number: &str) -> u8 {
    let (reader, notes) = Reader::open(options);
    let (settings, more) = reader.settings(None, Some(user));
    let mut text = String::new();
    for (_, note) in notes.iter().chain(&more) {
        let _ = writeln!(text, "note: {note}");
    }
    let allowed = match Typed::parse(number.as_bytes()) {
        Err(bad) => {
            let _ = writeln!(text, "refused: {bad}");
            false
        }
        Ok(typed) => {
            let verdict = settings.policy.numbers.typed(&typed);
            let _ = writeln!(text, "dialled as: {}", visible::field(settings.dial(&verdict.dialled)));
            let word = if verdict.allowed { "allowed" } else { "refused" };
            let _ = writeln!(text, "{word}: {}", verdict.reason);
            verdict.allowed
        }
    };
    if settings.policy.numbers.plan.country().is_none() {
        let _ = writeln!(text, "note: no country-code is set, the tables of all countries are used");
    }
    if settings.tone().1 {
        let _ = writeln!(
            text,
            "note: the modem dials without a dial tone; a caller who stays on the line is only kept out by \
             the proof that the carrier has gone"
        );
    }
    if !settings.policy.hours.is_empty() && !in_hours(&settings) {
        let _ = writeln!(text, "note: nobody is called at this hour");
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    if allowed { 0 } else { 1 }
}

fn in_hours(settings: &Settings) -> bool {
    let now = clock::local_now();
    let hours = &settings.policy.hours;
    hours.is_empty() || hours.iter().any(|h| h.contains(now.weekday, now.hour * 60 + now.minute))
}

/// An environment variable of mgetty's; empty if it is not set.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| visible::quoted_field(value.to_string_lossy().as_bytes()))
}

/// Everything one run needs.
struct Program {
    options: Options,
    reader: Reader,
    log: Log,
    signals: Signals,
    clock: Clock,
    /// The line that is standard input, if it is a tty.
    own: Option<LineName>,
    /// The carrier signal was on while the caller was there.
    carrier: bool,
    /// Somebody has called in: mgetty has run us.
    called_in: bool,
    /// Who, if mgetty says so.
    user: Option<String>,
    caller: Option<String>,
    /// The settings that hold for all lines.
    settings: Settings,
    /// Where our gettys listen.
    sockets: std::path::PathBuf,
}

fn call(called: &str, options: Options) -> u8 {
    let heard = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1];
    let Ok(mut signals) = Signals::listen(&heard) else { return Exit::Fork.code() };
    let _ = signals.ignore(Signal::SIGHUP);
    let mut log = Log::new(Path::new(LOG), "", 4);
    log.also_syslog(called.rsplit('/').next().unwrap_or("callback"));
    let (reader, notes) = Reader::open(&options);
    let user = std::env::var("RINGBACK_USER").ok().filter(|user| !user.is_empty());
    let (settings, more) = reader.settings(None, user.as_deref());
    log.set_level(settings.debug());
    log.say(Level::Mesg, format!("callback: Ringback {}", env!("CARGO_PKG_VERSION")));
    log.say(Level::Mesg, format!(" {} telephone numbers given:", options.numbers.len()));
    for (place, number) in options.numbers.iter().enumerate() {
        log.say(Level::Mesg, format!(" #{}: {number}", place + 1));
    }
    tell(&mut log, notes.into_iter().chain(more).collect());
    let stdin = std::io::stdin();
    let own = nix::unistd::ttyname(stdin.as_fd()).ok();
    let own = own.and_then(|path| LineName::new(&path.to_string_lossy()).ok());
    let carrier = tty::modem_lines(stdin.as_fd()).is_ok_and(|lines| lines.carrier());
    let mut program = Program {
        called_in: options.unanswered
            || variable("CALLER_ID").is_some()
            || variable("CONNECT").is_some()
            || user.is_some(),
        caller: variable("CALLER_ID").filter(|id| id != "none"),
        options,
        reader,
        log,
        signals,
        clock: Clock::start(),
        own,
        carrier,
        user,
        settings,
        sockets: ttyline::handover::DIRECTORY.into(),
    };
    match program.foreground() {
        Ok(numbers) if program.options.foreground => program.background(&numbers).code(),
        Ok(numbers) => program.leave_and_call(&numbers),
        Err(exit) => {
            if !program.interrupted() && !program.options.unanswered {
                // He is to read why.
                ask::drain();
                let _ = dial::pause(&program.signals, LAST_WORDS);
            }
            exit.code()
        }
    }
}

fn tell(log: &mut Log, notes: Notes) {
    for (mere, note) in notes {
        log.say(if mere { Level::Mesg } else { Level::Warn }, note);
    }
}

impl Program {
    /// Everything up to the moment the line is let go: the numbers to call.
    fn foreground(&mut self) -> Result<Vec<String>, Exit> {
        if self.options.own_line && self.own.is_none() {
            eprintln!("callback: -S: standard input is no terminal line");
            self.log.say(Level::Fatal, "-S: standard input is no terminal line");
            return Err(Exit::Usage);
        }
        let lines = self.lines()?;
        if self.settings.speed().is_none() {
            self.log.say(Level::Fatal, "the speed is none that the original takes");
            return Err(Exit::Usage);
        }
        let asks = self.options.numbers.is_empty();
        if asks && !self.reader.readable() {
            return self.refuse("", "the configuration cannot be read");
        }
        if self.called_in || asks {
            self.gate(&lines)?;
        }
        // Who has not been answered cannot be asked.
        if self.options.unanswered && asks {
            return self.refuse("", "no number is given, and nobody can be asked");
        }
        if self.options.unanswered && self.settings.policy.password {
            return self.refuse(&self.options.numbers.join(" "), "password: nobody can be asked for it");
        }
        for number in &self.options.numbers {
            let Ok(fixed) = Fixed::parse(number.as_bytes()) else { continue };
            if let Some(reason) = self.settings.policy.numbers.fixed(&fixed) {
                self.log.say(Level::Warn, format!("{number} would be refused to a caller: {reason}"));
            }
        }
        let numbers = self.ask(asks)?;
        if self.called_in || asks {
            self.note(Kind::Asked, numbers.first().map_or("", String::as_str))?;
            let first = visible::quoted_field(numbers.join(" "));
            self.audit(&format!("callback: accepted, {}, number='{first}'", self.who()));
        }
        Ok(numbers)
    }

    fn lines(&mut self) -> Result<Vec<LineName>, Exit> {
        let configured = || {
            let names = self.settings.lines()?;
            names.iter().map(|name| LineName::new(name).ok()).collect::<Option<Vec<_>>>()
        };
        let lines = match &self.own {
            Some(own) if self.options.own_line && !self.settings.policy.other_line => vec![own.clone()],
            own => {
                let Some(mut lines) = configured() else {
                    self.log.say(Level::Fatal, "dialout-devices: devices must be located in /dev");
                    return Err(Exit::Line);
                };
                if self.settings.policy.other_line {
                    lines.retain(|line| Some(line) != own.as_ref());
                }
                lines
            }
        };
        if lines.is_empty() {
            self.log.say(Level::Fatal, "no line to dial on");
            return Err(Exit::Usage);
        }
        Ok(lines)
    }

    /// `user='…', caller='…', line=…`, for the log.
    fn who(&self) -> String {
        let user = visible::quoted_field(self.user.as_deref().unwrap_or(""));
        let caller = self.caller.as_deref().unwrap_or("none");
        let line = self.own.as_ref().map_or("none", LineName::device);
        format!("user='{user}', caller='{caller}', line={line}")
    }

    fn audit(&mut self, text: &str) {
        self.log.say(Level::Audit, text);
    }

    /// A request that comes to nothing: log, record, a polite word.
    fn refuse<T>(&mut self, number: &str, why: &str) -> Result<T, Exit> {
        self.refused(number, why);
        if !self.options.unanswered {
            ask::say("\nSorry, you cannot be called back now.\n");
        }
        Err(Exit::Dial)
    }

    fn refused(&mut self, number: &str, why: &str) {
        let text = format!("callback: refused, {}, number='{number}', reason='{why}'", self.who());
        self.audit(&text);
        let mut record = self.record(number);
        record.cause = format!("refused: {why}");
        self.append(record);
    }

    fn record(&self, number: &str) -> Record {
        let line = self.own.as_ref().map_or("", LineName::device);
        Record {
            dir: Some(Direction::Out),
            caller: self.caller.clone(),
            called: Some(number.to_string()).filter(|n| !n.is_empty()),
            user: self.user.clone(),
            ..Record::begin("callback", line)
        }
    }

    fn append(&mut self, mut record: Record) {
        record.end = Some(SystemTime::now());
        if let Err(e) = record.append(Path::new(record::FILE)) {
            self.log.failed(Level::Warn, format!("cannot write {}", record::FILE), &e);
        }
    }

    /// Hours, limits, loops.
    fn gate(&mut self, lines: &[LineName]) -> Result<(), Exit> {
        if variable("RINGBACK_CALLED_BACK").is_some() {
            return self.refuse("", &attempts::Limit::Loop.to_string());
        }
        if !in_hours(&self.settings) {
            return self.refuse("", "hours");
        }
        let quiet = variable("CONNECT").is_some_and(|connect| connect.is_empty());
        let user = self.user.clone().unwrap_or_default();
        let line = self.own.as_ref().or(lines.first()).map_or(String::new(), |l| l.device().to_string());
        let limits = self.settings.policy.attempts;
        let judged = Store::open(Path::new(attempts::FILE))
            .map(|store| store.attempts.judge(attempts::now(), &user, &line, limits, quiet));
        match judged {
            Ok(None) => Ok(()),
            Ok(Some(limit)) => self.refuse("", &limit.to_string()),
            Err(e) => {
                self.log.failed(Level::Error, format!("cannot use {}", attempts::FILE), &e);
                self.refuse("", "the counters cannot be used")
            }
        }
    }

    /// Counts an event.
    fn note(&mut self, kind: Kind, number: &str) -> Result<(), Exit> {
        let line = self.own.as_ref().map_or(String::new(), |l| l.device().to_string());
        self.note_on(kind, number, line)
    }

    fn note_on(&mut self, kind: Kind, number: &str, line: String) -> Result<(), Exit> {
        let user = self.user.clone().unwrap_or_default();
        let event = Attempt { time: attempts::now(), kind, user, line, number: number.to_string() };
        let saved = Store::open(Path::new(attempts::FILE)).and_then(|mut store| {
            store.attempts.add(event);
            store.save()
        });
        if let Err(e) = saved {
            self.log.failed(Level::Error, format!("cannot write {}", attempts::FILE), &e);
            if kind == Kind::Asked {
                return self.refuse(number, "the counters cannot be used");
            }
        }
        Ok(())
    }

    /// Asks the caller for what is not known yet.
    fn ask(&mut self, number: bool) -> Result<Vec<String>, Exit> {
        let password = self.settings.policy.password && (self.called_in || number);
        let mut question = Question::new(self.settings.policy.numbers.clone(), password, number);
        let user = self.user.clone().unwrap_or_default();
        let (mut refusals, mut faults) = (Vec::new(), Vec::new());
        let answered = ask::ask(
            &mut question,
            |password| {
                secrets::is_right(Path::new(secrets::FILE), &user, password).unwrap_or_else(|none| {
                    faults.push(none.to_string());
                    false
                })
            },
            |number, why| refusals.push((number.to_string(), why.to_string())),
        );
        for fault in faults {
            self.log.say(Level::Error, fault);
        }
        for (number, why) in refusals {
            self.refused(&number, &why);
            self.note(Kind::Refused, &number)?;
        }
        match answered {
            Ok(Answered::Call(verdict)) => {
                self.log.say(Level::Mesg, format!("{}: {}", verdict.dialled, verdict.reason));
                Ok(vec![verdict.dialled])
            }
            Ok(Answered::Nothing) => Ok(self.options.numbers.clone()),
            Ok(Answered::Over(why)) => {
                self.log.say(Level::Mesg, format!("nobody to call: {why}"));
                ask::say("\nGoodbye.\n");
                Err(Exit::Dial)
            }
            Err(e) => {
                self.log.failed(Level::Error, "cannot ask the caller", &e);
                Err(Exit::Dial)
            }
        }
    }

    /// A signal that has come: its audit line.
    fn interrupted(&mut self) -> bool {
        let signal = std::iter::from_fn(|| self.signals.next()).find(|signal| *signal != Signal::SIGUSR1);
        signal.map(|signal| self.end_by(signal as i32)).is_some()
    }

    fn end_by(&mut self, signal: i32) -> Exit {
        let pid = std::process::id();
        let line = self.own.as_ref().filter(|_| self.options.own_line).map_or("unknown", LineName::device);
        let text = format!("failed dev={line}, pid={pid}, got signal {signal}, exiting");
        self.audit(&text);
        Exit::Dial
    }

    /// Goes to the background; the session leader's end hangs up.
    fn leave_and_call(mut self, numbers: &[String]) -> u8 {
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

    /// Waits, finds a line, dials, hands over.
    fn background(&mut self, numbers: &[String]) -> Exit {
        let chance = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_micros());
        let chance = u64::try_from(chance).unwrap_or(0) ^ u64::from(std::process::id());
        let delay = self.settings.delay(chance);
        self.log.say(Level::Mesg, format!("delaying {} seconds", delay.as_secs()));
        if let Some(signal) = dial::pause(&self.signals, delay) {
            return self.end_by(signal);
        }
        let Ok(lines) = self.lines() else { return Exit::Usage };
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
                Next::Try(_, wait) => {
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

    /// What the line is doing while it is ours; its getty tells the rest.
    fn tell_state(&mut self, line: &LineName, number: &str) {
        let state = LineState {
            user: self.user.clone(),
            called: Some(number.to_string()),
            ..LineState::new(line, State::CallBack)
        };
        if let Err(e) = state::write(Path::new(state::DIRECTORY), line, &state) {
            self.log.failed(Level::Noise, "the line's state file", &e);
        }
    }

    fn try_once(&mut self, prepared: Prepared, number: &str, proven: &mut bool) -> Result<Outcome, Exit> {
        let name = prepared.name.clone();
        let settings = self.settings_of(&name);
        self.log.move_to(Path::new(LOG), name.infix());
        self.tell_state(&name, number);
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
