//! The program: in the foreground the caller is asked, in the background he is called.

mod calls;
mod request;

use crate::args::{self, Command, Options, Wrong};
use crate::ask;
use crate::dial;
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
use ttyline::number::Typed;
use ttyline::record::{self, Direction, Record};
use ttyline::signal::Signals;
use ttyline::sys::{clock, tty};
use ttyline::visible;

const LOG: &str = "/var/log/mgetty/mg_callback.log";
const LOG_BEFORE: &str = "/var/log/mgetty/mg_unknown.log";
/// What the caller is sent last gets so long on its way through modem and line.
const LAST_WORDS: Duration = Duration::from_secs(1);

const NOT_ROOT: &str = "\nSorry, callback must be run as userid \"root\", otherwise it won't work.\n\n";

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
    /// The line whose state tells of us.
    told: Option<LineName>,
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
        told: None,
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
}
