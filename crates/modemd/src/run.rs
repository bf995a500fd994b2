//! One session, from accept to a clean modem.

use crate::args::{self, Command, Options};
use crate::care::{self, Care, Refusal};
use crate::client::Client;
use crate::ways::{Step, Way};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};
use ttyline::hosts_access::{self, Rules, Visit, lookup};
use ttyline::line::{Input, Line};
use ttyline::log::{Facility, Severity, Syslog};
use ttyline::record::{self, Record};
use ttyline::share::clean::Outcome;
use ttyline::share::keepalive::RDHUP;
use ttyline::signal::Signals;
use ttyline::state::{self, Sharer};

/// How long bytes for a side that does not take them are kept after the other side has ended.
const DRAIN: Duration = Duration::from_secs(5);
/// Who we are in the line's state.
const SHARER: Sharer = Sharer { name: "modemd", stays: false };
/// How long the client's first bytes are waited for before the line's state is written.
const FIRST: Duration = Duration::from_millis(20);
/// How long the modem may be silent after the client has closed its half, before the session ends.
const LINGER: Duration = Duration::from_secs(1);

/// Runs the program; the result is its exit code: 0 a session, 1 no session, 2 a wrong command line.
#[must_use]
pub fn main(words: impl IntoIterator<Item = OsString>) -> u8 {
    match args::parse(words) {
        Ok(Command::Help) => {
            print!("{}", args::help());
            0
        }
        Ok(Command::Version) => {
            println!("modemd {}", env!("CARGO_PKG_VERSION"));
            0
        }
        Ok(Command::Serve(options)) => serve(&options),
        Err(why) => {
            // Descriptor 2 is the client's under inetd; a person has a terminal.
            if io::stderr().is_terminal() {
                eprintln!("modemd: {why}; `modemd --help` tells the options");
            }
            Syslog::new("modemd", Facility::Daemon)
                .send(Severity::Error, format!("wrong command line: {why}"));
            2
        }
    }
}

fn serve(options: &Options) -> u8 {
    let mut syslog = Syslog::new("modemd", Facility::Daemon);
    let device = ttyline::visible::field(options.device.to_string_lossy().as_bytes());
    let signals = Signals::listen(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    let (signals, client) = match (signals, Client::take()) {
        (Ok(signals), Ok(client)) => (signals, client),
        (Err(e), _) | (_, Err(e)) => {
            syslog.send(Severity::Error, format!("{device}: {}", ttyline::log::reason(&e)));
            return 1;
        }
    };
    let who = client.peer.map_or_else(|| "a local client".to_string(), |peer| peer.to_string());
    if options.hosts_access && !admitted(&client, &mut syslog) {
        syslog.send(Severity::Warning, format!("{device}: {who} is refused by hosts.allow and hosts.deny"));
        return 1;
    }
    client.watch(options.keepalive);
    let mut record = Record::begin("modemd", device.strip_prefix("/dev/").unwrap_or(&device));
    record.peer = client.peer.map(|peer| peer.to_string());
    let mut care = match ready_modem(options, &client, &mut syslog) {
        Ok(care) => care,
        Err(refusal) => {
            syslog.send(Severity::Warning, format!("{device}: no modem for {who}: {refusal}"));
            if !matches!(refusal, Refusal::ClientGone) {
                let _ = client.write(&options.busy_text);
            }
            record.cause = if matches!(refusal, Refusal::Busy(_)) { "busy" } else { "no modem" }.into();
            finish(record, &mut syslog);
            return 1;
        }
    };
    if options.end_with_carrier {
        care.heed_carrier();
    }
    let mut session = Session::new(&client, care.line(), &signals, options.idle);
    let cause = session.run(|| tell(&care, &client));
    let (received, sent) = (session.from_line.carried, session.to_line.carried);
    let seconds = session.start.elapsed().as_secs();
    care::is_leaving();
    client.part();
    syslog.send(
        Severity::Info,
        format!("{device}: {who}: {cause}; {seconds} s, {received} bytes received, {sent} sent"),
    );
    (record.bytes_in, record.bytes_out, record.cause) = (Some(received), Some(sent), cause.into());
    finish(record, &mut syslog);
    // What the client has sent is still to reach the modem; hanging up throws it away.
    let _ = care.line().drain_output(DRAIN);
    let outcome = care.clean();
    complain(&device, outcome, &mut syslog);
    // While nobody else can have it.
    let _ = state::released(Path::new(state::DIRECTORY), care.name(), SHARER);
    0
}

/// The line, with a modem that is clean: after a crash, or with a call still up, it is cleaned first.
fn ready_modem(options: &Options, client: &Client, syslog: &mut Syslog) -> Result<Care, Refusal> {
    let mut care = care::take(options, client)?;
    let call_is_up = options.clean.watch_carrier && care.carrier() == Some(true);
    if care.left_dirty() || call_is_up {
        tell(&care, client);
        let outcome = care.clean();
        let device = ttyline::visible::field(options.device.to_string_lossy().as_bytes());
        complain(&device, outcome, syslog);
        if outcome == Outcome::CarrierStays {
            let _ = state::released(Path::new(state::DIRECTORY), care.name(), SHARER);
            return Err(Refusal::Unusable("out of service: its carrier does not fall".into()));
        }
        let _ = std::fs::write("/proc/self/comm", "modemd");
    }
    Ok(care)
}

/// The line is ours, in its state. Who may not write there (modemd may be anybody's) loses the knowledge and
/// nothing else.
fn tell(care: &Care, client: &Client) {
    let client = client.peer.map(|peer| peer.to_string());
    if let Ok(Some(left)) = state::taken(Path::new(state::DIRECTORY), care.name(), SHARER, client) {
        let _ = left.append(Path::new(record::FILE));
    }
}

fn complain(device: &str, outcome: Outcome, syslog: &mut Syslog) {
    match outcome {
        Outcome::Clean => {}
        Outcome::Silent => {
            syslog.send(Severity::Warning, format!("{device}: the modem did not answer when it was reset"));
        }
        Outcome::CarrierStays => {
            syslog.send(Severity::Error, format!("{device}: out of service: carrier does not fall"));
        }
    }
}

fn finish(mut record: Record, syslog: &mut Syslog) {
    record.end = Some(std::time::SystemTime::now());
    if let Err(e) = record.append(Path::new(record::FILE)) {
        syslog.send(Severity::Warning, format!("no record: {}: {}", record::FILE, ttyline::log::reason(&e)));
    }
}

/// What tcpd would say, where systemd starts us.
fn admitted(client: &Client, syslog: &mut Syslog) -> bool {
    let Some(peer) = client.peer else { return true };
    let read = |path: &str| std::fs::read(path);
    let rules = |path: &str| match read(path) {
        Ok(text) => Some(Rules::read(&text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Some(Rules::default()),
        Err(_) => None,
    };
    let (Some(allow), Some(deny)) = (rules("/etc/hosts.allow"), rules("/etc/hosts.deny")) else {
        syslog.send(Severity::Error, "hosts.allow or hosts.deny cannot be read");
        return false;
    };
    let name = if hosts_access::needs_name(&allow, &deny) {
        lookup::look_up_by_getent(peer)
    } else {
        lookup::HostName::Unknown
    };
    let (reached_at, port) = client.reached_at.unzip();
    let visit = Visit { daemon: "modemd", port, reached_at, client: peer, name: name.as_name() };
    let decision = hosts_access::decide(&allow, &deny, &visit, &|path| read(path).ok());
    if let Some(remark) = &decision.remark {
        syslog.send(Severity::Warning, ttyline::visible::field(remark));
    }
    decision.granted
}

/// Bytes both ways, until one side has had enough.
struct Session<'a> {
    client: &'a Client,
    line: &'a Line,
    signals: &'a Signals,
    idle: Option<Duration>,
    start: Instant,
    to_line: Way,
    from_line: Way,
    /// When a byte last moved.
    moved: Instant,
    /// When the client closed its half, or was seen to while the line took nothing.
    client_ended: Option<Instant>,
    line_ended: Option<Instant>,
}

impl<'a> Session<'a> {
    fn new(client: &'a Client, line: &'a Line, signals: &'a Signals, idle: Option<Duration>) -> Self {
        let now = Instant::now();
        Session {
            client,
            line,
            signals,
            idle,
            start: now,
            to_line: Way::default(),
            from_line: Way::default(),
            moved: now,
            client_ended: None,
            line_ended: None,
        }
    }

    /// Until the end; gives why it came. `begun` is done after the first bytes, or when there are none: they do
    /// not wait for a file.
    fn run(&mut self, begun: impl FnOnce()) -> &'static str {
        let mut begun = Some(begun);
        loop {
            let now = Instant::now();
            if let Some(cause) = self.over(now) {
                return cause;
            }
            let soon = begun.is_some().then_some(now + FIRST);
            if let Some(cause) = self.turn(now, soon) {
                return cause;
            }
            if let Some(begun) = begun.take() {
                begun();
            }
        }
    }

    /// When somebody's patience is over.
    fn deadline(&self) -> Option<Instant> {
        let idle = self.idle.map(|limit| self.moved + limit);
        let drain = self.client_ended.map(|at| {
            let stuck = !self.to_line.is_empty() || !self.from_line.is_empty();
            self.moved.max(at) + if stuck { DRAIN } else { LINGER }
        });
        let rest = self.line_ended.map(|at| at + DRAIN);
        [idle, drain, rest].into_iter().flatten().min()
    }

    fn over(&self, now: Instant) -> Option<&'static str> {
        if self.line_ended.is_some() && self.from_line.is_empty() {
            return Some("the line hung up");
        }
        if self.deadline().is_some_and(|at| now >= at) {
            return Some(match (self.line_ended, self.client_ended) {
                (Some(_), _) => "the line hung up",
                (_, Some(_)) => "the client closed",
                _ => "idle for too long",
            });
        }
        None
    }

    /// Waits for something to do, no longer than to `soon`.
    fn turn(&mut self, now: Instant, soon: Option<Instant>) -> Option<&'static str> {
        let mut from_client = PollFlags::empty();
        from_client.set(PollFlags::POLLIN, self.to_line.is_empty() && !self.to_line.ended);
        // While the line takes nothing, the client's end would not be read.
        let unseen = self.client_ended.is_none() && !self.to_line.is_empty();
        from_client.set(PollFlags::from_bits_retain(RDHUP), unseen);
        let mut to_client = PollFlags::empty();
        to_client.set(PollFlags::POLLOUT, !self.from_line.is_empty());
        let mut of_line = PollFlags::empty();
        of_line.set(PollFlags::POLLIN, self.from_line.is_empty() && self.line_ended.is_none());
        of_line.set(PollFlags::POLLOUT, !self.to_line.is_empty() && self.line_ended.is_none());
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        let mut place = |fd, flags: PollFlags| {
            (!flags.is_empty()).then(|| {
                fds.push(PollFd::new(fd, flags));
                fds.len() - 1
            })
        };
        let from_client = place(self.client.input(), from_client);
        let to_client = place(self.client.output(), to_client);
        let of_line = place(self.line.as_fd(), of_line);
        let timeout = self.deadline().into_iter().chain(soon).min().map_or(PollTimeout::NONE, |at| {
            // One more: the deadline lies inside the millisecond.
            let left = at.saturating_duration_since(now).as_millis().min(3_600_000) + 1;
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        let _ = poll(&mut fds, timeout);
        let ready = |place: Option<usize>| {
            // nix gives nothing where RDHUP is among the events; it was asked for beside nothing else.
            let gone = PollFlags::from_bits_retain(RDHUP);
            place.and_then(|p| fds.get(p)).map_or(PollFlags::empty(), |fd| fd.revents().unwrap_or(gone))
        };
        let [signal, from_client, to_client, of_line] = [Some(0), from_client, to_client, of_line].map(ready);
        if !signal.is_empty() && self.signals.next().is_some() {
            return Some("ended by a signal");
        }
        self.carry(from_client, to_client, of_line)
    }

    fn carry(
        &mut self,
        from_client: PollFlags,
        to_client: PollFlags,
        of_line: PollFlags,
    ) -> Option<&'static str> {
        const GONE: PollFlags = PollFlags::POLLHUP.union(PollFlags::POLLERR);
        if !from_client.is_empty() {
            if self.to_line.is_empty() {
                if self.take_from_client() == Step::Gone {
                    // Reset: there is nobody to hear an answer.
                    return Some("the client is gone");
                }
            } else if from_client.intersects(GONE.union(PollFlags::from_bits_retain(RDHUP))) {
                self.client_closed();
            }
        }
        if !of_line.is_empty() {
            self.serve_line(of_line);
        }
        if !to_client.is_empty() && self.give_to_client() == Step::Gone {
            return Some("the client is gone");
        }
        None
    }

    fn take_from_client(&mut self) -> Step {
        let step = self.to_line.fill(|buffer| self.client.read(buffer));
        match step {
            Step::Ended => self.client_closed(),
            Step::Moved => {
                self.moved = Instant::now();
                // Most of the time the line takes it at once.
                self.give_to_line();
            }
            Step::Waiting | Step::Gone => {}
        }
        step
    }

    /// It may still listen; its successor need not be turned away.
    fn client_closed(&mut self) {
        self.client_ended = Some(Instant::now());
        care::is_leaving();
    }

    fn give_to_line(&mut self) {
        match self.to_line.drain(|held| self.line.write_some(held)) {
            Step::Moved => self.moved = Instant::now(),
            Step::Gone | Step::Ended => self.line_ended = self.line_ended.or(Some(Instant::now())),
            Step::Waiting => {}
        }
    }

    fn serve_line(&mut self, ready: PollFlags) {
        if !self.to_line.is_empty() && ready.contains(PollFlags::POLLOUT) {
            self.give_to_line();
        }
        if !self.from_line.is_empty() {
            return;
        }
        let line = self.line;
        let step = self.from_line.fill(|buffer| match line.read(buffer)? {
            Input::Bytes(n) => Ok(n),
            Input::Nothing => Err(io::ErrorKind::WouldBlock.into()),
            Input::HungUp => Ok(0),
        });
        match step {
            Step::Gone | Step::Ended => self.line_ended = self.line_ended.or(Some(Instant::now())),
            Step::Moved => {
                self.moved = Instant::now();
                let _ = self.give_to_client();
            }
            Step::Waiting => {}
        }
    }

    fn give_to_client(&mut self) -> Step {
        let client = self.client;
        let step = self.from_line.drain(|held| client.write(held));
        if step == Step::Moved {
            self.moved = Instant::now();
        }
        step
    }
}
