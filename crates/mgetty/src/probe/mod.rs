//! `--probe LINE`: what modem stands on a line, and what it can do.
//!
//! Asks in an order that no modem takes amiss (`ATI`, `+GMI` …, then `=?` of single features). Nothing is written to
//! the modem's memory, no profile is loaded; the line's settings are put back, and a line that is in use is left
//! alone.

mod report;

use crate::args::Options;
use nix::sys::signal::Signal;
use report::Report;
use std::io::Write;
use std::time::Duration;
use ttyline::at::inquiry::{Answer, End, Inquiry, Timing};
use ttyline::at::profile;
use ttyline::drive::{self, Clock, Sources};
use ttyline::exit::Mgetty;
use ttyline::line::{Input, Line, Opening, Restore};
use ttyline::line_name::LineName;
use ttyline::lock::{Lock, LockError, Locks};
use ttyline::settings::Flow;
use ttyline::signal::Signals;
use ttyline::sys::termios::{Queue, When};
use ttyline::visible;

/// Speeds that are tried after the configured one, bit/s.
const SPEEDS: [u32; 5] = [115_200, 57_600, 38_400, 19_200, 9600];
/// Is anybody there? `ATQ0V1` only if a bare `AT` brought nothing: a modem may have been told to be quiet.
const ANYBODY: [&str; 3] = ["AT", "ATQ0V1", "AT"];
/// What it is.
const IDENTITY: [&str; 10] =
    ["ATI", "AT+GMI", "AT+GMM", "AT+GMR", "AT+FMI?", "AT+FMM?", "AT+FMR?", "AT+GCAP", "AT+FCLASS=?", "ATI3"];
/// Asked of a cellular or satellite modem only.
const CELLULAR: [&str; 3] = ["AT+CGMI", "AT+CGMM", "AT+CGMR"];
/// What it can do: the test form changes nothing.
const FEATURES: [&str; 15] = [
    "AT+VCID=?",
    "AT#CID=?",
    "AT%CCID=?",
    "AT+CLIP=?",
    "AT+MS=?",
    "AT+ES=?",
    "AT+DS=?",
    "AT+MR=?",
    "AT+IPR=?",
    "AT+IFC=?",
    "AT+VDR=?",
    // How it is set at the moment.
    "AT+VCID?",
    "ATS2?",
    "ATS12?",
    "AT&V",
];
/// The longest an answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// The same for [`ANYBODY`].
const FIRST_ANSWER: Duration = Duration::from_millis(600);
/// Silence before the first question.
const QUIET: Duration = Duration::from_millis(100);

/// Why nothing is told.
enum Failed {
    /// Somebody has the line.
    InUse(String),
    /// The device cannot be used.
    Device(String),
    /// No speed brought an answer.
    Silent,
    /// A signal came.
    Signal,
}

impl Failed {
    fn code(&self) -> Mgetty {
        match self {
            Failed::InUse(_) => Mgetty::Unexpected,
            Failed::Device(_) => Mgetty::Device,
            Failed::Silent => Mgetty::Failed,
            Failed::Signal => Mgetty::Signal,
        }
    }
}

/// Asks the modem and prints what it is; gives the exit code.
pub fn run(name: LineName, options: &Options, json: bool) -> u8 {
    let (service, ..) = crate::service::settle(name, options);
    let device = format!("/dev/{}", service.name);
    match ask(&service.name, service.speed) {
        Ok((speed, answers)) => {
            let report = Report { device: &device, speed, answers: &answers };
            let text = if json { report.json() } else { report.text() };
            let _ = std::io::stdout().write_all(text.as_bytes());
            Mgetty::Done.code()
        }
        Err(failed) => {
            let why = match &failed {
                Failed::InUse(why) | Failed::Device(why) => visible::terminal(why),
                Failed::Silent => "no modem answers, at no speed".into(),
                Failed::Signal => "interrupted".into(),
            };
            eprintln!("mgetty: {device}: {why}");
            failed.code().code()
        }
    }
}

/// Locks and opens the line, finds the speed, asks. Lock and settings are put back on every way out.
fn ask(name: &LineName, speed: u32) -> Result<(u32, Vec<Answer>), Failed> {
    let heard = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];
    let signals = Signals::listen(&heard).map_err(|e| Failed::Device(e.to_string()))?;
    let mut lock = Locks::default().acquire_files(name).map_err(locked)?;
    let mut line =
        Line::open(&name.path(), Opening::AtOnce).map_err(|error| Failed::Device(error.to_string()))?;
    lock.hold(&line).map_err(locked)?;
    if line.modem_lines().is_ok_and(|lines| lines.carrier()) {
        let why = "there is carrier: a call is on (or the modem shows it always, AT&C0)";
        return Err(Failed::InUse(why.into()));
    }
    line.restore_on_way_out(Restore::Found);
    let answers = Asker { line: &line, signals: &signals, clock: Clock::start() }.all(speed);
    // What the modem says too late is not for whoever has the line next.
    let _ = line.flush(Queue::Both);
    drop(line);
    Lock::release(lock);
    answers
}

fn locked(error: LockError) -> Failed {
    match error {
        LockError::Held(_) => Failed::InUse(error.to_string()),
        other => Failed::Device(other.to_string()),
    }
}

struct Asker<'a> {
    line: &'a Line,
    signals: &'a Signals,
    clock: Clock,
}

impl Asker<'_> {
    fn all(&self, configured: u32) -> Result<(u32, Vec<Answer>), Failed> {
        let speed = self.speed(configured)?;
        let mut answers = self.questions(IDENTITY.iter().copied(), ANSWER, Vec::new())?;
        let has = |answers: &[Answer], command: &str, text: &str| {
            answers.iter().any(|a| a.command == command && a.lines.iter().any(|line| line.contains(text)))
        };
        if has(&answers, "AT+GCAP", "+CGSM") {
            answers = self.questions(CELLULAR.iter().copied(), ANSWER, answers)?;
        }
        answers = self.questions(FEATURES.iter().copied(), ANSWER, answers)?;
        Ok((speed, answers))
    }

    /// The first speed at which somebody answers, the configured one first.
    fn speed(&self, configured: u32) -> Result<u32, Failed> {
        let others = SPEEDS.into_iter().filter(|speed| *speed != configured);
        for speed in std::iter::once(configured).chain(others) {
            // Without RTS/CTS: a modem whose CTS is not wired would never hear us.
            let set = self.line.settings().and_then(|now| {
                self.line.set(&now.for_modem(speed, Flow::None), When::Now)?;
                self.line.flush(Queue::Both)?;
                self.line.drain_input(QUIET, 10_000, &mut |_| {})
            });
            set.map_err(|error| Failed::Device(error.to_string()))?;
            let answers = self.questions(ANYBODY.iter().copied(), FIRST_ANSWER, Vec::new())?;
            if answers.iter().any(|answer| answer.end == End::Ok) {
                return Ok(speed);
            }
        }
        Err(Failed::Silent)
    }

    /// Asks; gives the answers so far and these.
    fn questions(
        &self,
        commands: impl Iterator<Item = &'static str>,
        limit: Duration,
        mut before: Vec<Answer>,
    ) -> Result<Vec<Answer>, Failed> {
        let timing = Timing { before_send: Duration::from_millis(50), answer: limit };
        let wanted = commands.filter(|command| profile::may_ask(command, &before));
        let mut inquiry = Inquiry::ask(wanted.collect::<Vec<_>>(), timing, self.clock.now());
        while let Some(due) = inquiry.deadline() {
            let left = due.saturating_sub(self.clock.now());
            let sources = Sources { line: Some(self.line), signals: Some(self.signals), others: &[] };
            let ready = drive::wait(sources, true, false, Some(left));
            let ready = ready.map_err(|error| Failed::Device(error.to_string()))?;
            if ready.signal && self.signals.next().is_some() {
                return Err(Failed::Signal);
            }
            if ready.readable || ready.hung_up {
                self.read(&mut inquiry)?;
            }
            if let Some(command) = inquiry.tick(self.clock.now()) {
                let sent = self.line.write_all(&command, ANSWER);
                sent.map_err(|error| Failed::Device(error.to_string()))?;
            }
        }
        before.extend_from_slice(inquiry.answers());
        Ok(before)
    }

    fn read(&self, inquiry: &mut Inquiry) -> Result<(), Failed> {
        let mut buffer = [0; 512];
        match self.line.read(&mut buffer) {
            Ok(Input::Bytes(count)) => {
                let now = self.clock.now();
                buffer.iter().take(count).for_each(|byte| inquiry.feed(*byte, now));
                Ok(())
            }
            Ok(Input::Nothing) => Ok(()),
            Ok(Input::HungUp) => Err(Failed::Device("the line is gone".into())),
            Err(error) => Err(Failed::Device(error.to_string())),
        }
    }
}
