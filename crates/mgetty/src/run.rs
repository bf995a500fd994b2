//! The program: command line, log, configuration, then the [`Getty`].

use crate::args::{self, Command, Wrong};
use crate::check;
use crate::explain;
use crate::getty::Getty;
use crate::{probe, service};
use nix::sys::signal::Signal;
use std::io::Write;
use ttyline::exit::Mgetty;
use ttyline::line_name::LineName;
use ttyline::log::{Level, Log};
use ttyline::signal::Signals;

/// Runs mgetty with the words of its command line; gives the exit code.
pub fn main(words: impl IntoIterator<Item = String>) -> u8 {
    let mut words = words.into_iter();
    let called = words.next().unwrap_or_else(|| "mgetty".into());
    let name = called.rsplit('/').next().unwrap_or("mgetty").to_string();
    let typed = args::typed(words);
    match args::meaning(&name, typed) {
        Ok(Command::Version) => {
            say(&args::version(&ttyline::config::default_directory().display().to_string()))
        }
        Ok(Command::Help) => say(args::HELP),
        Ok(Command::Check(options)) => check::check(&options),
        Ok(Command::Explain(options, caller)) => explain::explain(&options, &caller),
        Ok(Command::Serve(options)) => serve(&name, &options),
        Ok(Command::Probe(options, json)) => match LineName::new(&options.device) {
            Ok(line) => probe::run(line, &options, json),
            Err(_) => usage(&called, &name, &Wrong::Line(options.device.clone())),
        },
        Err(wrong) => usage(&called, &name, &wrong),
    }
}

fn say(text: &str) -> u8 {
    let _ = std::io::stdout().write_all(text.as_bytes());
    Mgetty::Done.code()
}

fn usage(called: &str, name: &str, wrong: &Wrong) -> u8 {
    if wrong.is_from_getopt() {
        eprintln!("{called}: {wrong}");
    }
    let mut log = Log::new(&service::log_path("unknown"), "own", 4);
    log.also_syslog(name);
    log.say(Level::Fatal, wrong.to_string());
    log.say(Level::Fatal, args::USAGE);
    Mgetty::Usage.code()
}

fn serve(called: &str, options: &args::Options) -> u8 {
    // Matched in place: a move would keep a second copy on the stack for as long as the getty waits.
    match &mut prepare(called, options) {
        Ok(getty) => getty.live(),
        Err(code) => *code,
    }
}

/// A function of its own, never inlined: its stack is not wanted while the getty waits for hours.
#[inline(never)]
fn prepare(called: &str, options: &args::Options) -> Result<Getty, u8> {
    let Ok(name) = LineName::new(&options.device) else {
        return Err(usage(called, called, &Wrong::Line(options.device.clone())));
    };
    let heard =
        [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2];
    let Ok(signals) = Signals::listen(&heard) else { return Err(Mgetty::Internal.code()) };
    let (service, setup, notes) = service::settle(name, options);
    let mut log = Log::new(&service::log_path(&service.name.id()), service.name.infix(), service.debug);
    log.also_syslog(called);
    log.say(Level::Mesg, format!("mgetty: Ringback {}", env!("CARGO_PKG_VERSION")));
    for note in notes {
        log.say(Level::Warn, note);
    }
    Ok(Getty::new(service, setup, log, signals))
}
