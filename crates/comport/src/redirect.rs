//! One port and its connection: carries out what [`crate::session`] decides, and moves bytes.
//!
//! Bytes of the application wait in `data`, at most [`MOST`] of them; what a purge must not touch (requests,
//! bytes half sent) waits in `wire`. Bytes for the application wait in `to_port`, and while they do nothing
//! is read from the network: that is all of back-pressure, and nothing grows.

use crate::address::Language;
use crate::config::{self, Byte};
use crate::fault::{Fault, reason};
use crate::journal;
use crate::net::{Net, Secrets, look_up};
use crate::port::{Input, Port};
use crate::pty::PtyPort;
use crate::session::{Action, Event, Session};
use mio::{Registry, Token, Waker};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;
use ttyline::telnet::com_port::modem_state::{CTS, DCD, DSR, RI};
use ttyline::telnet::com_port_client::{Client, Item, News};
use ttyline::telnet::com_port_server::Purge;

/// Bytes of an application that wait for the network, at most.
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

    fn dial(&mut self, ctx: &mut Loop<'_>) {
        // The modem may be free for us only when it has been given back.
        self.forget_leaving(ctx);
        self.tries += 1;
        self.link = Link::LookingUp { until: ctx.now + self.def.options.connect_timeout };
        let (number, this, found, waker) =
            (self.number, self.tries, ctx.found.clone(), Arc::clone(ctx.waker));
        let (host, port) = (self.def.address.host.clone(), self.def.address.port);
        let thread = std::thread::Builder::new().name("look-up".into()).stack_size(256 * 1024);
        let started = thread.spawn(move || {
            let _ = found.send((number, this, look_up(&host, port)));
            let _ = waker.wake();
        });
        if let Err(e) = started {
            let why = Err(Fault::NoHost(reason(&e)));
            let _ = ctx.found.send((self.number, self.tries, why));
            let _ = ctx.waker.wake();
        }
    }

    /// The look-up of try number `this` is over.
    pub fn found(&mut self, this: u64, result: Result<VecDeque<SocketAddr>, Fault>, ctx: &mut Loop<'_>) {
        let Link::LookingUp { until } = self.link else { return };
        if this != self.tries {
            return;
        }
        let opened = result.and_then(|addresses| {
            let (host, options) = (&self.def.address.host, &self.def.options);
            Net::open(addresses, host, self.secrets.as_ref(), options, ctx.registry, self.token(false))
        });
        match opened {
            Ok(net) => self.link = Link::Open { net: Box::new(net), until: Some(until) },
            Err(fault) => self.lost(fault, ctx),
        }
    }

    fn lost(&mut self, fault: Fault, ctx: &mut Loop<'_>) {
        self.handle(Event::Lost(fault), ctx);
    }

    /// Ends the connection. What was sent arrives; what comes is for nobody.
    fn close(&mut self, ctx: &mut Loop<'_>) {
        let link = std::mem::replace(&mut self.link, Link::Down);
        self.client = None;
        self.wire.clear();
        self.data.clear();
        self.break_until = None;
        self.show(0);
        if let Link::Open { mut net, .. } = link {
            net.deregister(ctx.registry);
            if net.is_up() {
                net.finish();
                self.forget_leaving(ctx);
                let token = self.token(true);
                if net.reregister(ctx.registry, token).is_ok() {
                    self.leaving = Some((net, ctx.now + FAREWELL));
                }
            }
        }
    }

    fn forget_leaving(&mut self, ctx: &mut Loop<'_>) {
        if let Some((mut net, _)) = self.leaving.take() {
            net.deregister(ctx.registry);
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

    /// The connection has news.
    pub fn net_event(&mut self, event: &mio::event::Event, leaving: bool, ctx: &mut Loop<'_>) -> bool {
        if leaving {
            if let Some((net, _)) = &mut self.leaving {
                net.event(event);
                while let Ok(Some(1..)) = net.read(ctx.scratch) {}
                if !matches!(net.read(ctx.scratch), Ok(None)) {
                    self.forget_leaving(ctx);
                }
            }
            return false;
        }
        let Link::Open { net, until } = &mut self.link else { return false };
        net.event(event);
        if !net.is_up() {
            match net.advance(ctx.registry) {
                Ok(false) => return false,
                Ok(true) => {
                    *until = None;
                    self.up(ctx);
                }
                Err(fault) => {
                    self.lost(fault, ctx);
                    return false;
                }
            }
        }
        self.pump(ctx)
    }

    fn up(&mut self, ctx: &mut Loop<'_>) {
        self.client = match self.def.address.language {
            Language::Raw => None,
            Language::Telnet => Some(Client::open(false, ctx.now, &mut self.wire)),
            Language::ComPort => Some(Client::open(true, ctx.now, &mut self.wire)),
        };
        if self.def.address.language != Language::ComPort {
            self.show(USUAL);
        }
        self.complained.clear();
        self.port.settings_changed(ctx.now);
        self.send_settings(ctx.now);
        self.handle(Event::Up, ctx);
    }

    fn send_settings(&mut self, now: Duration) {
        let wanted = self.port.wanted();
        if let Some(client) = &mut self.client {
            client.set(wanted, now, &mut self.wire);
        }
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

    fn read_port(&mut self, ctx: &mut Loop<'_>) -> bool {
        if !self.port_readable || self.data.len() >= MOST {
            return false;
        }
        let input = match self.port.read(ctx.scratch) {
            Ok(input) => input,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return true,
            Err(_) => {
                self.port_readable = false;
                return false;
            }
        };
        match input {
            Input::Data(count) => {
                if self.port.is_untold() {
                    self.settings(ctx.now);
                }
                let at = PtyPort::DATA_AT;
                self.data.extend_from_slice(ctx.scratch.get(at..at + count).unwrap_or_default());
            }
            Input::Purge(what) => {
                if self.port.is_open() {
                    self.purge(what, ctx.now);
                }
                self.settings(ctx.now);
            }
            Input::Settings => self.settings(ctx.now),
            Input::Closed => {
                self.port_readable = false;
                return false;
            }
        }
        true
    }

    fn settings(&mut self, now: Duration) {
        if self.port.settings_changed(now) {
            self.send_settings(now);
        }
    }

    fn purge(&mut self, what: Purge, now: Duration) {
        if what.unsent {
            self.data.clear();
        }
        if what.received {
            self.to_port.clear();
        }
        if let Some(client) = &mut self.client {
            client.purge(what, now, &mut self.wire);
        }
    }

    /// Sends what can be sent.
    fn send(&mut self, ctx: &mut Loop<'_>) -> bool {
        let mut moved = false;
        loop {
            let Link::Open { net, .. } = &mut self.link else { return moved };
            if !net.is_up() {
                return moved;
            }
            let may = self.client.as_ref().is_none_or(Client::may_send);
            let from = match (&self.wire, &self.data, &self.client) {
                (wire, ..) if !wire.is_empty() => &mut self.wire,
                (_, data, _) if data.is_empty() || !may => {
                    if let Err(fault) = net.flush() {
                        self.lost(fault, ctx);
                    }
                    return moved;
                }
                (_, data, Some(client)) => {
                    let piece = data.get(..data.len().min(CHUNK)).unwrap_or_default();
                    client.push_data(piece, &mut self.wire);
                    let count = piece.len();
                    self.data.drain(..count);
                    &mut self.wire
                }
                (_, _, None) => &mut self.data,
            };
            match net.write(from) {
                Ok(0) => return moved,
                Ok(count) => {
                    from.drain(..count);
                    moved = true;
                }
                Err(fault) => {
                    self.lost(fault, ctx);
                    return moved;
                }
            }
        }
    }

    fn read_net(&mut self, ctx: &mut Loop<'_>) -> bool {
        if !self.to_port.is_empty() && !self.deliver_rest() {
            return false;
        }
        let Link::Open { net, .. } = &mut self.link else { return false };
        if !net.is_up() {
            return false;
        }
        let count = match net.read(ctx.scratch) {
            Ok(None) => return false,
            Ok(Some(0)) => {
                self.lost(Fault::Ended, ctx);
                return false;
            }
            Ok(Some(count)) => count,
            Err(fault) => {
                self.lost(fault, ctx);
                return false;
            }
        };
        let (mut data, mut news) = (count, Vec::new());
        if let (Some(client), Some(heard)) = (&mut self.client, ctx.scratch.get_mut(..count)) {
            data = client.receive(heard, ctx.now, &mut self.wire, &mut news);
        }
        let scratch = std::mem::take(&mut ctx.scratch);
        self.deliver(scratch.get(..data).unwrap_or_default());
        ctx.scratch = scratch;
        self.hear(&news, ctx);
        true
    }

    fn deliver(&mut self, mut bytes: &[u8]) {
        if !self.port.is_open() {
            return;
        }
        while !bytes.is_empty() {
            match self.port.write(bytes) {
                Ok(0) => break,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => return,
            }
        }
        self.to_port.extend_from_slice(bytes);
    }

    fn deliver_rest(&mut self) -> bool {
        let rest = std::mem::take(&mut self.to_port);
        self.deliver(&rest);
        self.to_port.is_empty()
    }

    fn hear(&mut self, news: &[News], ctx: &mut Loop<'_>) {
        for item in news {
            match *item {
                News::Agreed if self.verbose => self.say("controls the port"),
                News::Agreed | News::Purged | News::LineState(_) => {}
                News::Refused => {
                    self.say(
                        "does not control its port (RFC 2217): speed and modem lines are as they are there",
                    );
                    self.show(USUAL);
                }
                News::ModemState(bits) => self.modem_state(bits, ctx),
                News::Differs { item, asked, in_force } => {
                    self.complain(item, &format!("{asked} was asked for, {in_force} is in force"));
                }
                News::Unanswered(item) => self.complain(item, "no answer"),
            }
        }
    }

    /// Says something of a setting: once in a connection, and of DTR, RTS and breaks only if all is to be said.
    fn complain(&mut self, item: Item, text: &str) {
        let usual = !matches!(item, Item::Dtr | Item::Rts | Item::Break) && !self.complained.contains(&item);
        if usual || self.verbose {
            self.complained.push(item);
            self.say(format!("{}: {text}", item.word()));
        }
    }

    fn modem_state(&mut self, bits: u8, ctx: &mut Loop<'_>) {
        self.show(bits & 0xf0);
        let on = bits & DCD != 0;
        let had = self.carrier.replace(on);
        if had == Some(true) && !on && self.port.minds_carrier() {
            self.handle(Event::CarrierLost, ctx);
        }
    }

    fn show(&mut self, state: u8) {
        let before = std::mem::replace(&mut self.shown, state);
        for (count, line) in self.counts.lines.iter_mut().zip([CTS, DSR, RI, DCD]) {
            // A ring counts when it ends, as on a UART.
            let counts = if line == RI { before & !state } else { before ^ state };
            *count = count.wrapping_add(u32::from(counts & line != 0));
        }
        self.port.show(state);
    }

    /// The application has gone, and all it wrote has been sent (or has had its time).
    fn last_bytes_gone(&mut self, ctx: &mut Loop<'_>) {
        let Some(until) = self.last_bytes else { return };
        let gone = !self.port_readable && self.data.is_empty() && self.wire.is_empty();
        if gone || ctx.now >= until || !self.session.is_up() {
            self.last_bytes = None;
            self.data.clear();
            self.send_settings(ctx.now);
            self.handle(Event::Closed, ctx);
            self.send(ctx);
        }
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

    /// The modem lines that comport-preload shows: [`ttyline::telnet::com_port::modem_state`] bits, and DTR and RTS.
    #[must_use]
    pub fn lines(&self) -> (u8, bool, bool) {
        let (dtr, rts) = self.port.outputs();
        (self.shown, dtr, rts)
    }

    /// How often lines have changed.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// comport-preload drives DTR and RTS.
    pub fn drive(&mut self, dtr: bool, rts: bool, ctx: &mut Loop<'_>) {
        self.port.drive(dtr, rts);
        self.send_settings(ctx.now);
        self.send(ctx);
    }

    /// comport-preload sets data bits and parity.
    pub fn set_byte(&mut self, byte: Byte, ctx: &mut Loop<'_>) {
        self.port.set_byte(byte);
        self.send_settings(ctx.now);
        self.send(ctx);
    }

    /// comport-preload begins (`Some(true)`) or ends a break, or sends one that ends by itself.
    pub fn break_for(&mut self, on: bool, length: Option<Duration>, ctx: &mut Loop<'_>) {
        self.set_break(on, ctx.now);
        self.break_until = length.map(|length| ctx.now + length);
        self.send(ctx);
    }

    fn set_break(&mut self, on: bool, now: Duration) {
        if let Some(client) = &mut self.client {
            client.set_break(on, now, &mut self.wire);
        }
    }
}
