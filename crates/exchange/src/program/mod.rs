//! The exchange as a program: carries out what the modems and the switch decide.
//!
//! One thread, one poll. Everything is edge-triggered and driven by events and by the nearest
//! deadline, so that an idle exchange does not wake up at all.

mod calls;
mod control;
mod data;
mod line;
mod obey;

use crate::journal::{Happening, Journal};
use crate::modem::{Action, Make, Now};
use crate::options::{NewLine, Setting, Socket};
use crate::port::mux::MuxPort;
use crate::port::pty::PtyPort;
use crate::port::usb::UsbPort;
use crate::port::watch::Watch;
use crate::port::{Event as PortEvent, News, Port};
use crate::switch::{self, LineId, Switch};
use anyhow::{Context, Result, bail};
use control::Control;
use line::{Line, Wire};
use mio::{Events, Interest, Poll, Token};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};
use ttyline::claim::Claims;

const SIGNAL: Token = Token(0);
const WATCH: Token = Token(1);
const LISTENER: Token = Token(2);
/// Ports stand from here on, connections of the control socket from [`CONNECTIONS`].
const PORTS: usize = 16;
const CONNECTIONS: usize = 1 << 24;

/// How often a line off the hook is looked at for what gives no event (B0 on a pty).
const LOOK: Duration = Duration::from_millis(200);
/// How often multiplexers with open lines repeat themselves.
const REPEAT: Duration = Duration::from_millis(100);
/// One read of data.
const BUFFER: usize = 64 * 1024;

/// Something to be done, in the order in which it came up.
enum Step {
    Do(LineId, Action),
    Switch(LineId, switch::Event),
    Input(LineId),
    Pump(LineId),
    Close(LineId),
    Settle(LineId),
}

/// The exchange.
pub struct Exchange {
    poll: Poll,
    started: Instant,
    now: Now,
    make: Make,
    usual: Vec<Setting>,
    switch: Switch,
    switch_due: Option<Now>,
    lines: Vec<Option<Box<Line>>>,
    ports: Vec<Option<Plugged>>,
    watch: Option<Rc<Watch>>,
    claims: Claims,
    steps: VecDeque<Step>,
    timers: BinaryHeap<Reverse<(Now, LineId)>>,
    /// Directions that move at a pace, and when they move next.
    paced: Vec<LineId>,
    pace_at: Option<Now>,
    look_at: Option<Now>,
    repeat_at: Option<Now>,
    control: Control,
    journal: Journal,
    signals: mio::net::UnixStream,
    buffer: Box<[u8]>,
    quit: bool,
}

struct Plugged {
    port: Box<dyn Port>,
    /// Which line is on which channel.
    lines: Vec<(u8, LineId)>,
    mux: bool,
}

impl Exchange {
    /// An exchange without lines. `make` is how its modems are built, `usual` what all lines are
    /// told at first.
    pub fn new(
        make: Make,
        usual: Vec<Setting>,
        habits: switch::Habits,
        journal: Journal,
    ) -> Result<Exchange> {
        let poll = Poll::new().context("no epoll")?;
        let (mut signals, writer) = mio::net::UnixStream::pair()?;
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP]
        {
            // Each signal needs a descriptor of its own to write to.
            let writer = std::os::unix::net::UnixStream::from(writer.as_fd().try_clone_to_owned()?);
            signal_hook::low_level::pipe::register(signal, writer)?;
        }
        poll.registry().register(&mut signals, SIGNAL, Interest::READABLE)?;
        let watch = Watch::new().and_then(|w| w.register(poll.registry(), WATCH).map(|()| Rc::new(w))).ok();
        Ok(Exchange {
            poll,
            started: Instant::now(),
            now: Duration::ZERO,
            make,
            usual,
            switch: Switch::new(habits),
            switch_due: None,
            lines: Vec::new(),
            ports: Vec::new(),
            watch,
            claims: Claims::default(),
            steps: VecDeque::new(),
            timers: BinaryHeap::new(),
            paced: Vec::new(),
            pace_at: None,
            look_at: None,
            repeat_at: None,
            control: Control::default(),
            journal,
            signals,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            quit: false,
        })
    }

    /// Adds a line while the exchange runs (or before).
    pub fn add(&mut self, new: &NewLine) -> Result<()> {
        let Some(id) = self.switch.add(&new.number) else { bail!("the number {} is taken", new.number) };
        let mut line = Line::new(&new.number, self.make.clone());
        let settings: Vec<Setting> = self.usual.iter().chain(&new.settings).cloned().collect();
        for setting in &settings {
            line.set(setting);
        }
        let hangs_up = !settings.iter().any(|s| matches!(s, Setting::TtyHangup(false)));
        match self.plug(&new.socket, hangs_up, id) {
            Ok(place) => line.port = place,
            Err(e) => {
                self.switch.remove(id, self.now, &mut Vec::new());
                return Err(e);
            }
        }
        if matches!(new.socket, Socket::Usb(_)) {
            line.wire = Some(Box::new(Wire { plugged: true, ..Wire::default() }));
        }
        if line.port.is_none() {
            line.far = Some(Box::default());
            let modem = line.modem.settings_mut();
            (modem.echo, modem.quiet) = (false, true);
            line.modem.dtr(true, self.now, &mut Vec::new());
        }
        let place = id.0 as usize;
        if self.lines.len() <= place {
            self.lines.resize_with(place + 1, || None);
        }
        self.lines[place] = Some(Box::new(line));
        let holds =
            settings.iter().rev().find_map(|s| if let Setting::Hold(h) = s { Some(*h) } else { None });
        self.with_switch(|switch, now, out| switch.set_holds(id, holds.unwrap_or(false), now, out));
        self.with_modem(id, |modem, _, out| {
            modem.power_on(out);
            true
        });
        self.arm_faults(id);
        let device = self.device(id);
        self.tell(id, Happening::Added(&device));
        self.drain();
        self.look(id);
        Ok(())
    }

    fn plug(&mut self, socket: &Socket, hangs_up: bool, id: LineId) -> Result<Option<(usize, u8)>> {
        let (port, channel): (Box<dyn Port>, u8) = match socket {
            Socket::None => return Ok(None),
            Socket::Pty(path) => {
                self.claim(path)?;
                let port = PtyPort::new(path, hangs_up, self.watch.as_ref());
                (Box::new(port.with_context(|| path.display().to_string())?), 0)
            }
            Socket::Mux(path) => {
                for (place, plugged) in self.ports.iter_mut().enumerate() {
                    let Some(plugged) = plugged.as_mut().filter(|p| p.mux) else { continue };
                    if let Some(channel) = plugged.port.add_line(path, self.poll.registry())? {
                        plugged.lines.push((channel, id));
                        return Ok(Some((place, channel)));
                    }
                }
                let mut port = MuxPort::open()?;
                let channel = port.add_line(path, self.poll.registry());
                let channel = channel.with_context(|| path.display().to_string())?;
                (Box::new(port), channel.context("a new multiplexer has no room")?)
            }
            Socket::Usb(identity) => (Box::new(UsbPort::new(identity.clone())?), 0),
        };
        let free = self.ports.iter().position(Option::is_none).unwrap_or(self.ports.len());
        let mux = matches!(socket, Socket::Mux(_));
        let mut plugged = Plugged { port, lines: vec![(channel, id)], mux };
        plugged.port.register(self.poll.registry(), Token(PORTS + free))?;
        if free == self.ports.len() {
            self.ports.push(None);
        }
        self.ports[free] = Some(plugged);
        Ok(Some((free, channel)))
    }

    /// Makes room for a line's symlink; called early for all lines, before new ptys take the
    /// names of those that a crashed exchange's symlinks lead to.
    pub fn claim(&mut self, link: &Path) -> Result<()> {
        let ours = |link: &Path| self.ports.iter().flatten().any(|p| p.port.owns(link));
        self.claims.claim(link, ours).with_context(|| link.display().to_string())
    }

    /// Takes a line out; its call ends.
    pub fn remove(&mut self, id: LineId) {
        self.with_modem(id, |modem, _, out| {
            modem.power_cycle(out);
            true
        });
        self.drain();
        self.with_switch(|switch, now, out| switch.remove(id, now, out));
        self.drain();
        self.tell(id, Happening::Removed);
        let Some(line) = self.lines.get_mut(id.0 as usize).and_then(Option::take) else { return };
        if let Some((place, channel)) = line.port {
            self.unplug(place, Some(channel));
        }
    }

    /// Takes one channel, or all, off a port; an empty port goes.
    fn unplug(&mut self, place: usize, channel: Option<u8>) {
        let Some(plugged) = self.ports.get_mut(place).and_then(Option::as_mut) else { return };
        let registry = self.poll.registry();
        let (gone, kept) = plugged.lines.iter().partition(|(c, _)| channel.is_none_or(|wanted| wanted == *c));
        let gone: Vec<(u8, LineId)> = gone;
        plugged.lines = kept;
        for (channel, _) in gone {
            plugged.port.remove_line(channel, registry);
        }
        if plugged.lines.is_empty() {
            let _ = plugged.port.deregister(registry);
            self.ports[place] = None;
        }
    }

    /// Opens the control socket.
    pub fn listen(&mut self, path: &Path) -> Result<()> {
        self.control.listen(path, self.poll.registry(), LISTENER)
    }

    /// Reads orders from a script as it goes on.
    pub fn script(&mut self, name: &str, text: &str) {
        self.control.script(name, text);
    }

    /// Works until it is told to stop.
    pub fn run(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        self.serve();
        while !self.quit {
            match self.poll.poll(&mut events, self.patience()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                other => other.context("epoll")?,
            }
            self.now = self.started.elapsed();
            for event in &events {
                self.event(event);
            }
            self.due();
            self.serve();
        }
        for place in 0..self.ports.len() {
            self.unplug(place, None);
        }
        self.control.close();
        Ok(())
    }

    /// How long nothing is due.
    fn patience(&self) -> Option<Duration> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        let times = [
            timer,
            self.switch_due,
            self.pace_at,
            self.look_at,
            self.repeat_at,
            self.control.deadline(),
            self.journal.deadline(),
        ];
        let at = times.into_iter().flatten().min()?;
        Some(at.saturating_sub(self.started.elapsed()))
    }

    fn event(&mut self, event: &mio::event::Event) {
        match event.token() {
            SIGNAL => {
                let mut taken = [0; 16];
                while self.signals.read(&mut taken).is_ok_and(|n| n > 0) {
                    self.quit = true;
                }
            }
            WATCH => {
                let news = self.watch.as_ref().map(|w| w.news()).unwrap_or_default();
                for Token(token) in news {
                    let lines =
                        self.ports.get(token - PORTS).and_then(Option::as_ref).map(|p| p.lines.clone());
                    for (_, id) in lines.unwrap_or_default() {
                        self.look(id);
                    }
                }
            }
            LISTENER => self.control.accept(self.poll.registry(), CONNECTIONS),
            Token(token) if token >= CONNECTIONS => {
                let (readable, gone) = (event.is_readable(), event.is_write_closed());
                self.control.ready(token - CONNECTIONS, readable, gone, self.poll.registry());
            }
            Token(token) => {
                let news = News {
                    readable: event.is_readable(),
                    writable: event.is_writable(),
                    hung_up: event.is_read_closed() || event.is_error(),
                };
                let mut happened = Vec::new();
                self.with_port(token - PORTS, &mut happened, |port, registry, happened| {
                    port.ready(news, registry, happened)
                });
            }
        }
        self.drain();
    }

    /// Lets a port do something, then works on what happened; a dead port's lines are removed.
    fn with_port(
        &mut self,
        place: usize,
        happened: &mut Vec<(u8, PortEvent)>,
        work: impl FnOnce(&mut dyn Port, &mio::Registry, &mut Vec<(u8, PortEvent)>) -> std::io::Result<()>,
    ) {
        let Some(plugged) = self.ports.get_mut(place).and_then(Option::as_mut) else { return };
        let result = work(plugged.port.as_mut(), self.poll.registry(), happened);
        let lines = plugged.lines.clone();
        for (channel, event) in happened.drain(..) {
            if let Some((_, id)) = lines.iter().find(|(c, _)| *c == channel) {
                self.port_event(*id, event);
            }
        }
        match result {
            Err(e) if e.kind() != ErrorKind::WouldBlock => {
                for (_, id) in lines {
                    let number = self.line(id).map_or(String::new(), |l| l.number.to_string());
                    eprintln!("exchange: line {number}: {e}; removed");
                    self.remove(id);
                }
            }
            _ => {}
        }
    }

    /// Looks at what gives no event on a line's port.
    fn look(&mut self, id: LineId) {
        let Some((place, channel)) = self.line(id).and_then(|l| l.port) else { return };
        self.with_port(place, &mut Vec::new(), |port, _, happened| port.look(channel, happened));
        self.drain();
    }

    /// Does what is due by now.
    fn due(&mut self) {
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop();
            if self.line(id).is_some_and(|l| l.armed == Some(at)) {
                if let Some(line) = self.line_mut(id) {
                    line.armed = None;
                }
                self.line_due(id);
                self.arm(id);
                self.drain();
            }
        }
        if self.switch_due.is_some_and(|at| at <= self.now) {
            self.with_switch(|switch, now, out| switch.tick(now, out));
            self.drain();
        }
        if self.pace_at.is_some_and(|at| at <= self.now) {
            self.pace();
        }
        if self.look_at.is_some_and(|at| at <= self.now) {
            self.look_at = None;
            for place in 0..u32::try_from(self.lines.len()).unwrap_or(0) {
                let id = LineId(place);
                let plugged = self.line(id).is_some_and(|l| l.port.is_some());
                let off_hook = self.line(id).is_some_and(|l| l.modem.off_hook());
                if plugged && (off_hook || self.control.waits_for_dtr(id)) {
                    self.look(id);
                    self.look_at = Some(self.now + LOOK);
                }
            }
        }
        if self.repeat_at.is_some_and(|at| at <= self.now) {
            for place in 0..self.ports.len() {
                self.with_port(place, &mut Vec::new(), |port, registry, happened| match port.wants_tick() {
                    true => port.tick(registry, happened),
                    false => Ok(()),
                });
            }
            self.drain();
            let wanted = self.ports.iter().flatten().any(|p| p.port.wants_tick());
            self.repeat_at = wanted.then_some(self.now + REPEAT);
        }
        if self.journal.deadline().is_some_and(|at| at <= self.now) {
            self.journal.tick(self.now);
        }
    }

    fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.get(id.0 as usize)?.as_deref()
    }

    fn line_mut(&mut self, id: LineId) -> Option<&mut Line> {
        self.lines.get_mut(id.0 as usize)?.as_deref_mut()
    }

    /// The device of a line, empty for a far end.
    fn device(&self, id: LineId) -> String {
        let place = self.line(id).and_then(|l| l.port);
        let device = |(place, channel): (usize, u8)| {
            self.ports.get(place).and_then(Option::as_ref).map(|p| p.port.device(channel))
        };
        place.and_then(device).unwrap_or_default()
    }

    fn tell(&mut self, id: LineId, what: Happening) {
        if self.journal.listens() {
            let number = self.lines.get(id.0 as usize).and_then(Option::as_ref).map_or("", |l| &l.number);
            self.journal.tell(self.now, number, what);
        }
    }
}
