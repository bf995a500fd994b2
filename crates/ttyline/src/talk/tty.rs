//! Descriptors 0 and 1 as the line.

use super::line::{Fatal, Input, Line, Output};
use crate::line::{OpenError, Opening, Restore};
use crate::line_name::LineName;
use crate::lock::{Lock, Locks};
use crate::log::reason;
use crate::settings::Settings;
use crate::sys::termios::{self, When};
use crate::sys::{interrupt, signals};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io::{self, Stdin, Stdout};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A line to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The device's name.
    pub path: PathBuf,
    /// bit/s; as it is, if not given.
    pub speed: Option<u32>,
    /// Hold the UUCP lock.
    pub lock: bool,
}

/// The line of this process.
pub struct Tty {
    stdin: Stdin,
    stdout: Stdout,
    start: Instant,
}

/// SIGINT, SIGTERM and SIGHUP end the program at the next safe point, whatever they did before.
pub fn catch_signals() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let _ = interrupt::catch(signal as i32);
    }
    // The Rust runtime ignores it; a broken pipe must kill, as it does the original.
    let _ = signals::set(Signal::SIGPIPE as i32, signals::Disposition::Default);
}

/// Sets descriptor 0 as `wanted` says; gives the settings it had.
///
/// # Errors
/// The system's reason, with the verb of the original chat.
pub fn prepare(wanted: impl FnOnce(Settings) -> Settings) -> Result<Settings, (&'static str, io::Error)> {
    let stdin = io::stdin();
    let found = termios::get(&stdin).map_err(|e| ("get", e))?;
    termios::set(&stdin, &wanted(found), When::Now).map_err(|e| ("set", e))?;
    Ok(found)
}

/// Opens a device, sets it as `wanted` says, modem lines ignored, and makes it descriptors 0 and 1.
///
/// # Errors
/// A text for people.
pub fn open(
    device: &Device,
    wanted: impl FnOnce(Settings) -> Settings,
) -> Result<(crate::line::Line, Option<Lock>), String> {
    let name = device.path.to_str().and_then(|n| LineName::new(n).ok());
    let mut lock = match (device.lock, name) {
        (false, _) => None,
        (true, None) => return Err("has no name that a lock file could have".into()),
        // Before the line is opened: an open alone may disturb who has it.
        (true, Some(name)) => Some(Locks::default().acquire(&name, None).map_err(|e| e.to_string())?),
    };
    let mut line = crate::line::Line::open(&device.path, Opening::AtOnce).map_err(|e| match e {
        OpenError::Open(e) | OpenError::Settings(e) => format!("cannot be opened: {}", reason(&e)),
        OpenError::NotATty => "is no terminal line".into(),
    })?;
    if let Some(lock) = &mut lock {
        lock.hold(&line).map_err(|e| e.to_string())?;
    }
    line.restore_on_way_out(Restore::Found);
    // Nobody is to hang up in the middle: there may be no carrier yet.
    let mut wanted = wanted(*line.found()).ignoring_carrier(true);
    if let Some(speed) = device.speed {
        wanted = wanted.with_speed(speed);
    }
    let put = |line: &crate::line::Line| -> io::Result<()> {
        line.set(&wanted, When::Now)?;
        line.set_blocking(true)?;
        nix::unistd::dup2_stdin(line)?;
        nix::unistd::dup2_stdout(line)?;
        Ok(())
    };
    put(&line).map_err(|e| reason(&e))?;
    Ok((line, lock))
}

/// Puts the settings back.
///
/// # Errors
/// `EIO` after a hang-up.
pub fn restore(found: &Settings) -> io::Result<()> {
    termios::set(io::stdin(), found, When::Now)
}

impl Tty {
    /// The line; from now on SIGALRM is the alarm clock.
    pub fn new(start: Instant) -> Tty {
        let _ = interrupt::catch(Signal::SIGALRM as i32);
        Tty { stdin: io::stdin(), stdout: io::stdout(), start }
    }

    /// A fatal signal that came. Several at once: the order of the original's safe point.
    fn fatal() -> Option<Fatal> {
        [(Signal::SIGINT, Fatal::Int), (Signal::SIGTERM, Fatal::Term), (Signal::SIGHUP, Fatal::Hup)]
            .into_iter()
            .find(|(signal, _)| interrupt::take(*signal as i32))
            .map(|(_, fatal)| fatal)
    }

    fn marks(&mut self) -> Option<Output> {
        if !interrupt::any() {
            return None;
        }
        if let Some(fatal) = Tty::fatal() {
            return Some(Output::Fatal(fatal));
        }
        self.alarm_rang().then_some(Output::Alarm)
    }
}

impl Line for Tty {
    #[inline]
    fn read(&mut self, buffer: &mut [u8], wait: bool) -> Input {
        loop {
            if interrupt::any() {
                match self.marks() {
                    None => {}
                    Some(Output::Fatal(fatal)) => return Input::Fatal(fatal),
                    Some(_) => return Input::Alarm,
                }
            }
            if !wait {
                let mut fds = [PollFd::new(self.stdin.as_fd(), PollFlags::POLLIN)];
                if poll(&mut fds, PollTimeout::ZERO) == Ok(0) {
                    return Input::Nothing;
                }
            }
            let ended = match nix::unistd::read(self.stdin.as_fd(), buffer) {
                Ok(0) => Input::End,
                Ok(n) => return Input::Bytes(n),
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => Input::Nothing,
                Err(_) => Input::Failed,
            };
            // The hang-up of a controlling terminal is first of all a SIGHUP.
            return Tty::fatal().map_or(ended, Input::Fatal);
        }
    }

    fn set_blocking(&mut self) {
        let Ok(flags) = fcntl(&self.stdin, FcntlArg::F_GETFL) else { return };
        let flags = OFlag::from_bits_retain(flags);
        if flags.contains(OFlag::O_NONBLOCK) {
            let _ = fcntl(&self.stdin, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK));
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Output {
        loop {
            if let Some(ended) = self.marks() {
                return ended;
            }
            return match nix::unistd::write(self.stdout.as_fd(), bytes) {
                Ok(n) => Output::Done(n),
                Err(Errno::EINTR) => continue,
                Err(e) => Output::Failed(e.into()),
            };
        }
    }

    fn pause(&mut self, time: Duration) -> Output {
        let end = Instant::now() + time;
        loop {
            if let Some(ended) = self.marks() {
                return ended;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Output::Done(0);
            }
            // Rounded up: a pause is never cut short.
            let ms = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
            let _ = poll(&mut [], PollTimeout::from(ms));
        }
    }

    fn send_break(&mut self) {
        // Not every line can; the original does not mind.
        let _ = termios::send_break(&self.stdin, 0);
    }

    fn set_alarm(&mut self, seconds: i32) {
        interrupt::alarm(u32::try_from(seconds).unwrap_or(0));
    }

    fn alarm_rang(&mut self) -> bool {
        interrupt::take(Signal::SIGALRM as i32)
    }

    fn ignore_hangup(&mut self, ignored: bool) {
        let _ = if ignored {
            signals::set(Signal::SIGHUP as i32, signals::Disposition::Ignore)
        } else {
            interrupt::catch(Signal::SIGHUP as i32)
        };
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}
