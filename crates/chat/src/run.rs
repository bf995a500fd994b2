//! The program: what is asked for, what is set up for it, what is put back.

use crate::args::{self, Device, Misuse, Options, ReportFile as Asked, Script, Task, Typed};
use crate::explain;
use crate::journal::Journal;
use crate::line::Line;
use crate::messages::{Messages, to_stderr};
use crate::replay::Replay;
use crate::report::{ReportFile, Reports};
use crate::session::{Session, Stop};
use crate::source::Source;
use crate::trace::Trace;
use crate::{check, plan, tty};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use ttyline::expect::escape::Values;
use ttyline::log::reason;
use ttyline::settings::Settings;
use ttyline::way_out;

/// The whole program.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let typed = args::read(args);
    let options = match args::mean(&typed) {
        Ok(options) => options,
        Err(misuse) => {
            // The original opens report files as it meets them.
            drop(open_reports(&typed.reports));
            if let Misuse::Long(option, text) = misuse {
                to_stderr(format!("chat: {option} {text}\n").as_bytes());
            }
            to_stderr(&args::usage(typed.program.as_bytes()));
            return ExitCode::from(1);
        }
    };
    let status = match &options.task {
        Task::HelpAll => {
            print(&[&args::usage(typed.program.as_bytes()), args::long_help().as_bytes()].concat())
        }
        Task::Version => print(concat!("chat (Ringback) ", env!("CARGO_PKG_VERSION"), "\n").as_bytes()),
        Task::Check { json } => check::run(&options, *json),
        Task::DryRun { json } => plan::run(&options, *json),
        Task::Replay(trace) => replay(&options, &typed, trace),
        Task::RunOn(device) => run_on(&options, &typed, device),
        Task::Run => run(&options, &typed),
    };
    ExitCode::from(status)
}

fn print(text: &[u8]) -> u8 {
    u8::from(io::stdout().write_all(text).is_err())
}

/// The report file that is in use at the end.
fn open_reports(asked: &[Asked]) -> ReportFile {
    let mut file = ReportFile::default();
    for report in asked {
        file.close(false);
        file = ReportFile::open(report.path.clone(), report.announce);
    }
    file
}

/// Looks a variable of the environment up.
pub fn variable(name: &[u8]) -> Option<Vec<u8>> {
    std::env::var_os(std::ffi::OsStr::from_bytes(name)).map(OsStringExt::into_vec)
}

/// What escapes refer to, under these options.
pub fn values(options: &Options) -> Values<'_> {
    Values {
        phone: options.phone.as_deref(),
        phone2: options.phone2.as_deref(),
        variables: options.variables.then_some(&variable),
    }
}

/// Everything a run needs beside the line.
struct Setup<'a> {
    options: &'a Options,
    messages: Messages,
    reports: Reports,
    journal: Journal,
    why: bool,
}

impl<'a> Setup<'a> {
    fn new(options: &'a Options, typed: &Typed) -> Result<Setup<'a>, u8> {
        let reports = Reports::new(open_reports(&typed.reports));
        let messages = Messages::new(options.verbose, options.stderr, options.syslog);
        let why = options.why
            || std::env::var_os("CHAT_WHY").is_some_and(|v| v == "1")
            || io::stderr().is_terminal();
        let trace = match &options.trace {
            None => None,
            Some(path) => match Trace::create(path, "chat") {
                Ok(trace) => Some(trace),
                Err(error) => {
                    let text = format!("chat: --trace {}: {}\n", path.display(), reason(&error));
                    to_stderr(text.as_bytes());
                    return Err(1);
                }
            },
        };
        let mut journal = Journal::new(why || options.explain, trace);
        if journal.is_on() {
            for secret in plan::secrets(options) {
                journal.masker.add(&secret);
            }
        }
        Ok(Setup { options, messages, reports, journal, why })
    }

    /// Carries the script out; gives the exit status, all but the line put back.
    fn carry_out(&mut self, line: &mut dyn Line) -> u8 {
        let options = self.options;
        let mut session =
            Session::new(line, &mut self.messages, &mut self.reports, &mut self.journal, values(options));
        session.pace = options.pace;
        session.timeout = options.timeout;
        session.echo = options.echo;
        session.copy = options.copy;
        let result = match &options.script {
            Script::Words(words) => session.carry_out(&mut Source::words(words)),
            Script::File(path) => session
                .open(path.as_os_str().as_bytes())
                .and_then(|file| session.carry_out(&mut Source::file(file))),
            Script::Both(_) => Ok(()),
        };
        let result = session.finish().and(result);
        self.reports.close(options.verbose);
        match result {
            Ok(()) => 0,
            Err(Stop(status)) => status,
        }
    }

    /// What people asked to be told.
    fn tell(&mut self, status: u8, line: &dyn Line) {
        if let Some(error) = self.journal.close(status, line.now()) {
            to_stderr(format!("chat: --trace: {error}\n").as_bytes());
        }
        if self.options.explain {
            to_stderr(explain::table(&self.journal, self.options, status, line.now()).as_bytes());
        }
        if self.why && status != 0 {
            to_stderr(explain::why(&self.journal, self.options, status).as_bytes());
        }
    }
}

fn run(options: &Options, typed: &Typed) -> u8 {
    let mut setup = match Setup::new(options, typed) {
        Ok(setup) => setup,
        Err(status) => return status,
    };
    tty::catch_signals();
    let found = match tty::prepare(Settings::for_chat) {
        Ok(found) => found,
        Err((verb, error)) => {
            let text = format!("Can't {verb} terminal parameters: {}", reason(&error));
            setup.messages.fatal(text.as_bytes());
            setup.reports.close(options.verbose);
            if setup.why {
                to_stderr(explain::no_terminal(&text).as_bytes());
            }
            return 2;
        }
    };
    if matches!(options.script, Script::Both(_)) {
        // The original has set the line by now and leaves it so.
        setup.reports.close(false);
        to_stderr(&args::usage(typed.program.as_bytes()));
        return 1;
    }
    on_tty(&mut setup, found)
}

/// Carries a script out on descriptors 0 and 1, which are prepared, and puts the settings back.
fn on_tty(setup: &mut Setup<'_>, found: Settings) -> u8 {
    let noted = way_out::note(move || drop(tty::restore(&found)));
    let mut line = tty::Tty::new(Instant::now());
    let mut status = setup.carry_out(&mut line);
    if let Err(error) = tty::restore(&found) {
        let text = format!("Can't restore terminal parameters: {}", reason(&error));
        setup.messages.fatal(text.as_bytes());
        status = 2;
    }
    drop(noted);
    setup.tell(status, &line);
    status
}

/// As [`run`], on a device that is opened, and let go at the end.
fn run_on(options: &Options, typed: &Typed, device: &Device) -> u8 {
    let mut setup = match Setup::new(options, typed) {
        Ok(setup) => setup,
        Err(status) => return status,
    };
    tty::catch_signals();
    // Held until the end: the lock, and what is restored.
    let (line, _lock) = match tty::open(device, |found| found.raw().eight_bits().for_chat()) {
        Ok(line) => line,
        Err(text) => {
            let text = format!("{}: {text}", device.path.display());
            setup.messages.fatal(text.as_bytes());
            if !options.stderr {
                to_stderr(format!("chat: {text}\n").as_bytes());
            }
            return 2;
        }
    };
    on_tty(&mut setup, *line.found())
}

fn replay(options: &Options, typed: &Typed, trace: &Path) -> u8 {
    let mut line = match Replay::load(trace) {
        Ok(line) => line,
        Err(text) => {
            to_stderr(format!("chat: --replay {}: {text}\n", trace.display()).as_bytes());
            return 1;
        }
    };
    let mut setup = match Setup::new(options, typed) {
        Ok(setup) => setup,
        Err(status) => return status,
    };
    let status = setup.carry_out(&mut line);
    setup.tell(status, &line);
    if let Some(text) = line.difference() {
        to_stderr(format!("chat: --replay {}: {text}\n", trace.display()).as_bytes());
    }
    status
}
