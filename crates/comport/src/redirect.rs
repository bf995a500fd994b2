//! One port and its connection: carries out what [`crate::session`] decides, and moves bytes.

mod flow;
mod lines;
mod link;

use crate::config;
use crate::fault::{Fault, reason};
use crate::journal;
use crate::net::{Net, Secrets};
use crate::port::Port;
use crate::pty::PtyPort;
use crate::session::{Action, Event, Session};
use mio::{Registry, Token, Waker};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use ttyline::telnet::com_port::modem_state::{CTS, DCD, DSR};
use ttyline::telnet::com_port_client::{Client, Item};

/// Bytes of an application, and those of the dialogue with the server, that wait for the network, at most.
const MOST: usize = 64 * 1024;
/// Bytes that are made telnet in one go.
const CHUNK: usize = 16 * 1024;
/// How long the last bytes of an application that has gone may take (the kernel's own serial ports: 30 s).
const LAST_BYTES: Duration = Duration::from_secs(30);
/// How long a server may take to end a connection we have ended.
const FAREWELL: Duration = Duration::from_secs(2);
/// What a server without control of its port is taken to have, while it is connected.
const USUAL: u8 = DCD | DSR | CTS;

/// What a look-up found: for which port, which try, and what.
pub type Found = (usize, u64, Result<VecDeque<SocketAddr>, Fault>);

/// What the loop lends a port.
pub struct Loop<'a> {
    /// The poll's.
    pub registry: &'a Registry,
    /// The time since the start.
    pub now: Duration,
    /// What all ports share to read into.
    pub scratch: &'a mut [u8],
    /// Where look-ups report.
    pub found: &'a Sender<Found>,
    /// What wakes the loop for it.
    pub waker: &'a Arc<Waker>,
    /// Set when the program is to end.
    pub give_up: &'a mut Option<Fault>,
}

/// How often each line changed, for TIOCGICOUNT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In the order CTS, DSR, RI (falling), DCD.
    pub lines: [u32; 4],
}

#[derive(Debug)]
enum Link {
    Down,
    LookingUp { until: Duration },
    Open { net: Box<Net>, until: Option<Duration> },
}

/// One port.
#[derive(Debug)]
pub struct Redirect {
    number: usize,
    name: String,
    def: config::Port,
    secrets: Option<Secrets>,
    /// The application's side.
    pub port: PtyPort,
    session: Session,
    link: Link,
    /// A connection that is being ended, and until when.
    leaving: Option<(Box<Net>, Duration)>,
    client: Option<Client>,
    data: Vec<u8>,
    wire: Vec<u8>,
    to_port: Vec<u8>,
    port_readable: bool,
    /// The port's device is another one, or has been hung up: the loop watches it anew.
    pub moved: bool,
    /// When the bytes of an application that has gone are given up.
    last_bytes: Option<Duration>,
    carrier: Option<bool>,
    shown: u8,
    counts: Counts,
    break_until: Option<Duration>,
    tries: u64,
    /// Settings that have been complained of in this connection.
    complained: Vec<Item>,
    verbose: bool,
}

impl Redirect {
    /// A port whose pty is made already.
    #[must_use]
    pub fn new(
        number: usize,
        def: config::Port,
        secrets: Option<Secrets>,
        port: PtyPort,
        seed: u64,
        verbose: bool,
    ) -> Redirect {
        let session = Session::new(&def.options, seed);
        let name = ttyline::visible::terminal(def.link.to_string_lossy().as_ref());
        Redirect {
            number,
            name,
            def,
            secrets,
            port,
            session,
            link: Link::Down,
            leaving: None,
            client: None,
            data: Vec::new(),
            wire: Vec::new(),
            to_port: Vec::new(),
            port_readable: false,
            moved: true,
            last_bytes: None,
            carrier: None,
            shown: 0,
            counts: Counts::default(),
            break_until: None,
            tries: 0,
            complained: Vec::new(),
            verbose,
        }
    }

    /// The symlink, for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What there is to say of it.
    #[must_use]
    pub fn status(&self) -> String {
        let open = if self.port.is_open() { "open" } else { "not open" };
        format!("{} -> {}: {open}, {}", self.name, self.def.address, self.session.word())
    }

    /// The token of its connection; of one that is being ended.
    fn token(&self, leaving: bool) -> Token {
        crate::run::Source::Net { port: self.number, leaving }.token()
    }

    fn say(&self, text: impl AsRef<str>) {
        journal::say(format!("{}: {}: {}", self.name, self.def.address, text.as_ref()));
    }

    /// Begins.
    pub fn begin(&mut self, ctx: &mut Loop<'_>) {
        let actions = self.session.begin();
        self.act(actions, ctx);
        self.port_event(ctx);
    }

    fn handle(&mut self, event: Event, ctx: &mut Loop<'_>) {
        let actions = self.session.handle(event, ctx.now);
        self.act(actions, ctx);
    }

    fn act(&mut self, actions: Vec<Action>, ctx: &mut Loop<'_>) {
        for action in actions {
            match action {
                Action::Dial => self.dial(ctx),
                Action::Close => self.close(ctx),
                Action::Discard => {
                    self.port.discard();
                    self.data.clear();
                }
                Action::HangUp => self.hang_up(ctx),
                Action::Say(text) => self.say(text),
                Action::GiveUp(fault) => {
                    self.say(fault.to_string());
                    ctx.give_up.get_or_insert(fault);
                }
            }
        }
    }

    fn hang_up(&mut self, ctx: &mut Loop<'_>) {
        if let Err(e) = self.port.hang_up(ctx.registry) {
            self.say(format!("cannot be hung up: {}", reason(&e)));
        }
        self.moved = true;
        self.to_port.clear();
        self.data.clear();
        self.carrier = None;
        self.port_readable = true;
        self.send_settings(ctx.now);
        self.handle(Event::Closed, ctx);
    }

    /// The application's side has news.
    pub fn port_event(&mut self, ctx: &mut Loop<'_>) -> bool {
        self.port_readable = true;
        match self.port.look() {
            Some(true) => {
                self.last_bytes = None;
                self.port.settings_changed(ctx.now);
                self.send_settings(ctx.now);
                self.handle(Event::Opened, ctx);
            }
            Some(false) => {
                self.to_port.clear();
                self.last_bytes = Some(ctx.now + LAST_BYTES);
            }
            None => {}
        }
        self.pump(ctx)
    }

    /// Moves what can be moved; gives whether there is more to do than one turn allows.
    pub fn pump(&mut self, ctx: &mut Loop<'_>) -> bool {
        for _ in 0..16 {
            let read_port = self.read_port(ctx);
            let sent = self.send(ctx);
            let read_net = self.read_net(ctx);
            if !read_port && !read_net && !sent {
                self.last_bytes_gone(ctx);
                return false;
            }
        }
        true
    }

    /// When [`Redirect::tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let link = match &self.link {
            Link::LookingUp { until } => Some(*until),
            Link::Open { until, .. } => *until,
            Link::Down => None,
        };
        let client = self.client.as_ref().and_then(Client::deadline);
        let leaving = self.leaving.as_ref().map(|(_, until)| *until);
        let all = [
            link,
            client,
            leaving,
            self.session.deadline(),
            self.port.deadline(),
            self.last_bytes,
            self.break_until,
        ];
        all.into_iter().flatten().min()
    }

    /// A time has come.
    pub fn tick(&mut self, ctx: &mut Loop<'_>) -> bool {
        let now = ctx.now;
        let due = |at: Option<Duration>| at.is_some_and(|at| now >= at);
        if due(self.leaving.as_ref().map(|(_, until)| *until)) {
            self.forget_leaving(ctx);
        }
        if due(self.port.deadline()) {
            self.settings(now);
        }
        if due(self.break_until) {
            self.break_until = None;
            self.set_break(false, now);
        }
        let mut news = Vec::new();
        if let Some(client) = &mut self.client {
            client.tick(now, &mut news);
        }
        self.hear(&news, ctx);
        let late = match &self.link {
            Link::LookingUp { until } => due(Some(*until)),
            Link::Open { until, .. } => due(*until),
            Link::Down => false,
        };
        if late {
            let limit = self.def.options.connect_timeout.as_secs_f32();
            self.lost(Fault::Silent(format!("not within {limit} s")), ctx);
        }
        if due(self.session.deadline()) {
            self.handle(Event::Time, ctx);
        }
        self.pump(ctx)
    }
}
