//! The small process that stays beside a session.
//!
//! Forked at CONNECT (a fork between a frame and its program would cost a third of the time that
//! takes), an orphan in a session of its own: no login program must find a child it has not made.
//! It has one descriptor of the line, which is not its controlling tty, a pipe from the getty and a
//! pidfd of the session. If the getty ends without a login, so does it. What it does:
//!
//! - a PPP frame that told us to start pppd is not lost: pppd throws its input away when it sets the line up,
//!   so the frame is put back after pppd has attached its line discipline;
//! - a program that outlives its carrier is ended, first with TERM, then with KILL;
//! - a lock that somebody removes is made again;
//! - the moment the session ends the line is let go, DTR low, whatever the user has made of its settings;
//! - the end of the call goes into its record, into the line's state, and into utmp where no init will.
//!
//! It sleeps all the time. Only where no event can be had it looks: under PPP, whose line discipline tells
//! poll nothing of a hang-up, and once a minute against a user's `stty clocal`.

use crate::getty::CARRIER_WORKS;
use crate::guesses;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use ttyline::line_name::LineName;
use ttyline::lock::keep::Keeper;
use ttyline::lock::process as process_of;
use ttyline::log::{Level, Log};
use ttyline::record::{self, Record};
use ttyline::settings::control;
use ttyline::state::{self, LineState, State};
use ttyline::sys::process::{pidfd_open, pidfd_signal};
use ttyline::sys::signals::{self, Disposition};
use ttyline::sys::termios::{self, When};
use ttyline::sys::tty::ModemLines;
use ttyline::sys::{process, tty, utmp};
use ttyline::traffic::Meter;

/// The kernel's number of the PPP line discipline (`N_PPP`).
const N_PPP: i32 = 3;
const FLAG: u8 = 0x7e;
/// Longest frame that is kept: an LCP request is some 50 octets, all escaped twice that.
const FRAME_MAX: usize = 1024;
/// The rest of the frame is waited for so long.
const FRAME_TIME: Duration = Duration::from_millis(300);
/// PPP is waited for so long.
const START_TIME: Duration = Duration::from_secs(3);
/// Between two looks at the line discipline.
const LOOK: Duration = Duration::from_millis(2);
/// Between two looks at carrier under PPP.
const PPP_LOOK: Duration = Duration::from_secs(1);
/// A program has so long after the hang-up until it gets TERM, and until KILL: the next caller waits for it.
const GRACE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];
/// pppd removes its lock a moment before it ends: what is missing is made again after this.
const UNLOCKED: Duration = Duration::from_secs(1);
/// A program that is not PPP's has so long to start before we do anything.
const STARTS: Duration = Duration::from_millis(20);
/// Longest text of the message, bytes; a pipe takes 4096 in one piece.
const TEXT_MAX: usize = 200;

/// What the watcher knows from the beginning.
#[derive(Debug)]
pub struct Beside {
    /// The line.
    pub name: LineName,
    /// The process that the session will be.
    pub session: i32,
    /// When it was started, clock ticks since boot.
    pub session_started: u64,
    /// The record of the call so far.
    pub call: Record,
    /// Carrier is on, and its loss ends the session.
    pub carrier: bool,
    /// The line is known to tell carrier.
    pub carrier_works: bool,
    /// Level of the log.
    pub debug: u8,
    /// The lock's files.
    pub lock: Vec<PathBuf>,
    /// How often carrier is looked at where its loss may make no event.
    pub look: Duration,
    /// The line's counters at CONNECT.
    pub meter: Option<Meter>,
}

/// What it is told just before exec.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Begun {
    /// The user, as he may be logged.
    pub user: String,
    /// The program.
    pub program: String,
    /// The utmp record is ours, not init's.
    pub own_utmp: bool,
    /// What has been read of a PPP frame, from its flag on.
    pub frame: Vec<u8>,
}

impl Begun {
    fn to_message(&self) -> Vec<u8> {
        let short = |text: &str| text.bytes().filter(|b| *b != 0).take(TEXT_MAX).collect::<Vec<_>>();
        let own = if self.own_utmp { b"1" } else { b"0" };
        let text = [&short(&self.user)[..], &short(&self.program), own, &[]].join(&0);
        [&text[..], self.frame.get(..FRAME_MAX).unwrap_or(&self.frame)].concat()
    }

    fn of_message(message: &[u8]) -> Option<Begun> {
        let mut parts = message.splitn(4, |b| *b == 0);
        let mut text = || parts.next().map(|part| String::from_utf8_lossy(part).into_owned());
        let (user, program, own) = (text()?, text()?, text()?);
        Some(Begun { user, program, own_utmp: own == "1", frame: parts.next()?.to_vec() })
    }
}

/// The getty's end of the pipe. Dropped (or closed by exec) without a word it sends the watcher home.
#[derive(Debug)]
pub struct Watcher {
    pipe: File,
}

impl Watcher {
    /// Forks it. `held`, what watches over the lock, is kept open there until the session has begun: its last
    /// close waits for the kernel some milliseconds, which the caller's program must not.
    ///
    /// # Errors
    /// No descriptors or processes left; then the first frame is lost, as with the original.
    pub fn start(line: impl AsFd, beside: &Beside, held: Option<BorrowedFd<'_>>) -> io::Result<Watcher> {
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let (mut reader, mut writer) = (Some(File::from(reader)), Some(File::from(writer)));
        let middle = process::fork(|| {
            let _ = process::fork(|| {
                // Or it would never see the end of the pipe.
                writer = None;
                if let (Some(reader), Ok(line)) = (reader.take(), line.as_fd().try_clone_to_owned()) {
                    let held = held.and_then(|held| held.try_clone_to_owned().ok());
                    watch(line, reader, beside, held);
                }
            });
        })?;
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(middle), None)?;
        writer.map(|pipe| Watcher { pipe }).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// The session begins.
    ///
    /// # Errors
    /// It has ended before its time.
    pub fn session(&mut self, begun: &Begun) -> io::Result<()> {
        self.pipe.write_all(&begun.to_message())
    }
}

fn watch(line: OwnedFd, mut pipe: File, beside: &Beside, held: Option<OwnedFd>) {
    // A session of its own: no hang-up signal of the caller's, no job control when it reads.
    let _ = nix::unistd::setsid();
    ttyline::signal::restore_defaults();
    if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = nix::unistd::dup2_stdin(&null);
        let _ = nix::unistd::dup2_stdout(&null);
        let _ = nix::unistd::dup2_stderr(&null);
    }
    let mut kept = vec![line.as_fd(), pipe.as_fd()];
    kept.extend(held.as_ref().map(AsFd::as_fd));
    process::close_all_but(&kept);
    let Ok(session) = pidfd_open(beside.session) else { return };
    // Ends with the message or with the getty: exec closes the pipe.
    let mut message = [0; 2048];
    let begun = match pipe.read(&mut message) {
        Ok(n) => message.get(..n).and_then(Begun::of_message),
        Err(_) => None,
    };
    drop(pipe);
    let Some(begun) = begun else { return };
    // A service manager that ends all processes of a service must not take the end of the record.
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let _ = signals::set(signal as i32, Disposition::Ignore);
    }
    let mut call = beside.call.clone();
    call.user = Some(begun.user.clone()).filter(|user| !user.is_empty());
    call.program = Some(begun.program.clone());
    let frame = begun.frame.clone();
    if frame.is_empty() {
        // We have time; the program shall not wait for a processor.
        let mut over = [PollFd::new(session.as_fd(), PollFlags::POLLIN)];
        let _ = ppoll(&mut over, Some(TimeSpec::from(STARTS)), None);
        tell(beside, &call);
    }
    let mut line = Some(line);
    if let Some(line) = line.as_ref().filter(|_| !frame.is_empty()) {
        // First the frame: milliseconds count.
        keep_frame(line, &session, frame);
        tell(beside, &call);
    }
    let keeper = Keeper::over(beside.lock.clone(), beside.session).ok();
    drop(held);
    // What was removed before it began to watch makes no news.
    let mend_at = keeper.as_ref().filter(|keeper| keeper.missing()).map(|_| Instant::now() + UNLOCKED);
    let guard = Guard { beside, session: &session, line: &mut line, lost: None, keeper, mend_at };
    let cause = guard.live();
    if let Some(meter) = beside.meter {
        (call.bytes_in, call.bytes_out) = meter.read(line.as_ref());
    }
    if let Some(line) = line.take() {
        drop_dtr(&line);
    }
    call.end = Some(SystemTime::now());
    call.cause = cause.into();
    let _ = call.append(Path::new(record::FILE));
    tell_end(beside);
    note_login(beside, &call);
    if begun.own_utmp {
        let _ = utmp::clear(Path::new(crate::show::UTMP), Path::new(utmp::WTMP), beside.session);
    }
}

/// The session is on.
fn tell(beside: &Beside, call: &Record) {
    let me = nix::unistd::getpid().as_raw();
    let started = ttyline::lock::process::start_ticks(me).unwrap_or(0);
    let mut state = LineState {
        line: beside.name.device().to_string(),
        pid: beside.session,
        pid_started: beside.session_started,
        watcher: Some((me, started)),
        state: State::Session,
        since: Some(SystemTime::now()),
        caller: call.caller.clone(),
        called: call.called.clone(),
        connect: call.connect.clone(),
        user: call.user.clone(),
        program: call.program.clone(),
        call: Some(call.clone()),
        ..LineState::default()
    };
    if beside.carrier_works {
        state.other.insert(CARRIER_WORKS.into(), true.into());
    }
    let _ = state::write(Path::new(state::DIRECTORY), &beside.name, &state);
}

/// /bin/login writes a user's record into wtmp when the password was right; what it has not, was a guess.
fn note_login(beside: &Beside, call: &Record) {
    let program = call.program.as_deref().unwrap_or("");
    if program.rsplit('/').next() != Some("login") {
        return;
    }
    let since = call.start.unwrap_or(SystemTime::UNIX_EPOCH);
    if let Some(right) = utmp::was_user(Path::new(utmp::WTMP), beside.session, since) {
        let caller = call.caller.as_deref().unwrap_or("");
        let _ = guesses::note(Path::new(guesses::FILE), beside.name.device(), caller, !right);
    }
}

/// The session is over; if the next getty has not written its own state, this stands.
fn tell_end(beside: &Beside) {
    let directory = Path::new(state::DIRECTORY);
    let Ok(Some(last)) = state::read(directory, &beside.name) else { return };
    if last.state == State::Session
        && (last.pid, last.pid_started) == (beside.session, beside.session_started)
    {
        let ended = LineState { other: last.other, ..LineState::new(&beside.name, State::Ended) };
        let _ = state::write(directory, &beside.name, &ended);
    }
}

/// Where the line still is our session's: a user may have switched HUPCL off, and so kept DTR up.
fn drop_dtr(line: &OwnedFd) {
    if let Ok(mut settings) = termios::get(line) {
        settings.control |= control::HUPCL;
        let _ = termios::set(line, &settings, When::Now);
        let _ = tty::lower(line, ModemLines::DTR);
    }
}

/// The guard of a session.
struct Guard<'a> {
    beside: &'a Beside,
    session: &'a OwnedFd,
    line: &'a mut Option<OwnedFd>,
    /// When carrier was lost, and how often the program has been told.
    lost: Option<(Instant, u32)>,
    keeper: Option<Keeper>,
    /// When a missing lock is made again.
    mend_at: Option<Instant>,
}

impl Guard<'_> {
    /// Until the session's end; gives how it ended.
    fn live(mut self) -> &'static str {
        // What the getty has used is still there, and a session may last for hours.
        ttyline::sys::memory::give_back();
        loop {
            let limit = match self.lost {
                Some((at, told)) => due(at, told).map(|due| due.saturating_duration_since(Instant::now())),
                None => self.look(),
            };
            let mend = self.mend_at.map(|at| at.saturating_duration_since(Instant::now()));
            let limit = limit.into_iter().chain(mend).min();
            let mut fds = vec![PollFd::new(self.session.as_fd(), PollFlags::POLLIN)];
            if let Some(line) = self.line.as_ref().filter(|_| self.lost.is_none()) {
                fds.push(PollFd::new(line.as_fd(), PollFlags::empty()));
            }
            let locks = fds.len();
            if let Some(keeper) = self.keeper.as_ref().filter(|_| self.mend_at.is_none()) {
                fds.push(PollFd::new(keeper.source(), PollFlags::POLLIN));
            }
            if ppoll(&mut fds, limit.map(TimeSpec::from), None).is_err() {
                continue;
            }
            let happened = |at: usize| fds.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
            let over = !happened(0).is_empty();
            let (hung_up, unlocked) = (locks > 1 && !happened(1).is_empty(), !happened(locks).is_empty());
            if over {
                return self.cause();
            }
            self.look_at_lock(unlocked);
            if self.lost.is_none() && (hung_up || self.carrier_is_off()) {
                // The end of a session's leader hangs its line up too, and is seen here before it is over.
                if !(hung_up && process_of::ends_by_itself(self.beside.session)) {
                    self.lost = Some((Instant::now(), 0));
                }
                // Some drivers keep a hung-up line dead for new users until the last old one has let go.
                if hung_up {
                    *self.line = None;
                }
            }
            self.tell_program();
        }
    }

    fn look_at_lock(&mut self, unlocked: bool) {
        let Some(keeper) = &self.keeper else { return };
        if unlocked && keeper.missing() {
            self.mend_at = Some(Instant::now() + UNLOCKED);
        }
        if self.mend_at.is_some_and(|at| at <= Instant::now()) {
            self.mend_at = None;
            for path in keeper.mend() {
                let text = format!("{} was removed by somebody: made again", path.display());
                self.log().say(Level::Warn, text);
            }
        }
    }

    fn log(&self) -> Log {
        let path = crate::service::log_path(&self.beside.name.id());
        Log::new(&path, self.beside.name.infix(), self.beside.debug)
    }

    fn cause(&self) -> &'static str {
        match self.lost {
            None => "session ended",
            Some((_, 0)) => "carrier lost",
            Some(_) => "carrier lost, program ended by force",
        }
    }

    fn look(&self) -> Option<Duration> {
        let line = self.line.as_ref()?;
        let ppp = tty::discipline(line).is_ok_and(|number| number == N_PPP);
        if ppp { Some(PPP_LOOK) } else { Some(self.beside.look).filter(|_| self.beside.carrier) }
    }

    fn carrier_is_off(&self) -> bool {
        let Some(line) = self.line.as_ref() else { return false };
        match tty::modem_lines(line) {
            Ok(lines) => self.beside.carrier && !lines.carrier(),
            Err(error) => error.raw_os_error() == Some(libc::EIO),
        }
    }

    fn tell_program(&mut self) {
        let Some((at, told)) = self.lost else { return };
        if due(at, told).is_none_or(|due| Instant::now() < due) {
            return;
        }
        let signal = if told == 0 { Signal::SIGTERM } else { Signal::SIGKILL };
        self.log().say(Level::Warn, format!("carrier is lost, the program runs on: {signal}"));
        let _ = pidfd_signal(self.session, signal as i32);
        self.lost = Some((at, told + 1));
    }
}

/// When a program is told the next time that carrier was lost `at`, having been told so often.
fn due(at: Instant, told: u32) -> Option<Instant> {
    GRACE.get(told as usize).map(|grace| at + *grace)
}

/// Puts the frame back when the program is ready for it.
fn keep_frame(line: &OwnedFd, session: &OwnedFd, mut frame: Vec<u8>) {
    let _ = signals::set(Signal::SIGALRM as i32, Disposition::Interrupt);
    let start = Instant::now();
    loop {
        let age = start.elapsed();
        let reading = !complete(&frame) && age < FRAME_TIME;
        let wanted = if reading { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut fds = [PollFd::new(session.as_fd(), PollFlags::POLLIN), PollFd::new(line.as_fd(), wanted)];
        if ppoll(&mut fds, Some(TimeSpec::from(LOOK)), None).is_err() {
            return;
        }
        let happened = |at: usize| fds.get(at).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        if !happened(0).is_empty() || happened(1).intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
            return;
        }
        if reading && happened(1).contains(PollFlags::POLLIN) {
            // The program may take it between poll and read, and the line blocks by now: an alarm ends that.
            let mut byte = [0];
            nix::unistd::alarm::set(1);
            let read = nix::unistd::read(line, &mut byte);
            nix::unistd::alarm::cancel();
            if read == Ok(1) {
                frame.extend_from_slice(&byte);
            }
            continue;
        }
        match tty::discipline(line) {
            Ok(N_PPP) => return put_back(line, &frame),
            // Some other program: it gets what is its own.
            Ok(_) if age > START_TIME => return put_back(line, &frame),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Whether the frame's closing flag has come (or nothing more is kept of it).
fn complete(frame: &[u8]) -> bool {
    frame.len() >= FRAME_MAX || frame.len() > 1 && frame.last() == Some(&FLAG)
}

fn put_back(line: impl AsFd, frame: &[u8]) {
    for &byte in frame {
        if tty::push_back(&line, byte).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_comes_back() {
        let begun = Begun {
            user: "jo\u{e9}".into(),
            program: "/usr/sbin/pppd".into(),
            own_utmp: true,
            frame: vec![0x7e, 0, 3, 0],
        };
        assert_eq!(Begun::of_message(&begun.to_message()), Some(begun));
        let long = Begun { user: "x\0".repeat(5000), frame: vec![1; 5000], ..Begun::default() };
        let message = long.to_message();
        assert!(message.len() < 2048);
        assert_eq!(
            Begun::of_message(&message).map(|b| (b.user.len(), b.frame.len())),
            Some((200, FRAME_MAX))
        );
        assert_eq!(Begun::of_message(b"x\0y"), None);
    }

    #[test]
    fn a_frame_ends_with_its_second_flag() {
        assert!(!complete(b"\x7e"));
        assert!(!complete(b"\x7e\xff\x03\xc0\x21"));
        assert!(complete(b"\x7e\xff\x03\xc0\x21\x01\x7e"));
        assert!(complete(&[1; FRAME_MAX]));
    }
}
