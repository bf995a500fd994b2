//! The answering side of one multiplexer: channels, their modem lines, and data both ways.
//!
//! Traps of `n_gsm` (Linux 6.1) and what is done about them here:
//!
//! 1. With convergence layer type 1 (lines in messages on channel 0) it deadlocks on itself for
//!    2.5 s. So type 2 is used: every UIH frame begins with the signal octet.
//! 2. Every open of a tty zeroes the kernel's idea of the lines. So [`Peer::repeat`], called every
//!    100 ms while a channel is open, says them again; and before carrier falls it is said to be
//!    up once more, else the kernel would see no edge and hang nobody up.
//! 3. The kernel forgets to go on sending what is left in a tty's buffer. Taking "ready to receive"
//!    away and giving it back makes it look there again: after each batch of data, and as that can
//!    come at a moment when it has no room, a few times more with the repetition.
//! 4. What a tty's buffer (64 KiB) does not hold is lost without a word, and a pty takes as much again
//!    before the line discipline has seen any of it. So only [`WINDOW`] octets of data may be under
//!    way: a TEST message that comes back proves that everything before it has arrived.

use super::frame::{self, Deframer, Frame, Kind};
use super::v24::{FromTerminal, ToTerminal};
use super::{LAST_CHANNEL, MTU};

/// Data is taken for sending only up to this many queued octets: what waits here cannot be
/// overtaken by a hang-up.
const QUEUE: usize = 8 * 1024;
/// Data that may be under way to the other side, unproven (trap 4).
pub const WINDOW: u64 = 8 * 1024;
/// A proof that does not come within so many calls of [`Peer::repeat`] is asked for again.
const PATIENCE: u8 = 5;
/// Beyond this many queued octets answers are dropped too (the other side asks again).
const QUEUE_LIMIT: usize = 32 * 1024;
/// One frame's data, beside the signal octet. Small frames share the queue fairly.
const CHUNK: usize = 256;

/// How often a kernel that may have forgotten to send is reminded, after the last data.
const KICKS: u8 = 3;

/// Control messages (27.010 clause 5.4.6.3), type field shifted past its EA and C/R bits.
mod message {
    pub const NSC: u8 = 0x04;
    pub const TEST: u8 = 0x08;
    pub const PSC: u8 = 0x10;
    pub const RLS: u8 = 0x14;
    pub const FC_OFF: u8 = 0x18;
    pub const PN: u8 = 0x20;
    pub const RPN: u8 = 0x24;
    pub const FC_ON: u8 = 0x28;
    pub const CLD: u8 = 0x30;
    pub const SNC: u8 = 0x34;
    pub const MSC: u8 = 0x38;
}
const COMMAND: u8 = 0x02;
const EXTENSION: u8 = 0x01;

/// What the other side did.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The multiplexer itself (channel 0) is up.
    Up,
    /// The multiplexer is closed down (or was, by [`Peer::shut_down`]); so is every channel, without
    /// further events.
    Down,
    /// It answered [`Peer::probe`]: everything sent before that has been worked on.
    Alive,
    /// A program opened the channel's tty; its lines follow in an event of their own.
    Opened(u8),
    /// The last program closed the channel's tty: DTR and RTS are off.
    Closed(u8),
    /// Lines changed.
    Lines(u8, FromTerminal),
    /// A break was signalled.
    Break(u8),
    /// Data came. Never empty.
    Data(u8, &'a [u8]),
}

#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    /// There is a line on it; the kernel may open it.
    wired: bool,
    open: bool,
    /// Whether the kernel has said its lines since the channel was opened. They may be off from the start.
    heard: bool,
    from: FromTerminal,
    to: ToTerminal,
    /// The lines could not be said for want of room.
    unsaid: bool,
    /// Data came: the kernel must be made to look for more, now …
    kick: bool,
    /// … and in so many repetitions.
    kicks: u8,
}

/// The answering side of one multiplexer.
#[derive(Debug)]
pub struct Peer {
    deframer: Deframer,
    channels: [Channel; LAST_CHANNEL as usize + 1],
    held: bool,
    out: Vec<u8>,
    sent: usize,
    /// Octets of data queued ever, and how many of them are known to have arrived.
    total: u64,
    proven: u64,
    /// What a proof under way would prove, and how long it has been waited for.
    asked: Option<(u64, u8)>,
}

impl Default for Peer {
    fn default() -> Self {
        Self::new()
    }
}

impl Peer {
    /// A multiplexer without lines: see [`Peer::wire`].
    pub fn new() -> Self {
        Self {
            deframer: Deframer::default(),
            channels: [Channel::default(); LAST_CHANNEL as usize + 1],
            held: false,
            out: Vec::new(),
            sent: 0,
            total: 0,
            proven: 0,
            asked: None,
        }
    }

    /// Takes in octets of the other side, tells what happened, queues the answers.
    pub fn receive(&mut self, octets: &[u8], mut tell: impl FnMut(Event<'_>)) {
        // The frames borrow the deframer while the rest of `self` changes.
        let mut deframer = std::mem::take(&mut self.deframer);
        deframer.receive(octets, |frame| self.frame(frame, &mut tell));
        self.deframer = deframer;
        for n in 1..=LAST_CHANNEL {
            let Some(channel) = self.channel(n).copied() else { continue };
            if channel.kick {
                self.change(n, |c| c.kick = false);
                self.kick(n);
            }
        }
    }

    fn kick(&mut self, n: u8) {
        let lines = self.lines_shown(n);
        if self.is_open(n) && lines.cts {
            self.say(n, ToTerminal { cts: false, ..lines });
            self.say(n, lines);
        }
    }

    fn frame(&mut self, frame: Frame<'_>, tell: &mut impl FnMut(Event<'_>)) {
        match (frame.kind, frame.channel) {
            (Kind::Sabm, 0) => {
                self.queue(0, Kind::Ua, &[]);
                if !self.is_open(0) {
                    self.change(0, |c| c.open = true);
                    tell(Event::Up);
                }
            }
            // No line there, or the multiplexer itself is not up.
            (Kind::Sabm, n) if !self.is_open(0) || !self.channel(n).is_some_and(|c| c.wired) => {
                self.queue(n, Kind::Dm, &[]);
            }
            (Kind::Sabm, n) => {
                self.queue(n, Kind::Ua, &[]);
                let fresh = !self.is_open(n);
                self.change(n, |c| c.open = true);
                self.restate(n);
                if fresh {
                    tell(Event::Opened(n));
                }
            }
            (Kind::Disc, 0) => {
                self.queue(0, Kind::Ua, &[]);
                self.down(tell);
            }
            (Kind::Disc, n) => {
                self.queue(n, Kind::Ua, &[]);
                if self.is_open(n) {
                    self.close(n);
                    tell(Event::Closed(n));
                }
            }
            (Kind::Uih | Kind::Ui, 0) => self.control(frame.information, tell),
            (Kind::Uih | Kind::Ui, n) if self.is_open(n) => self.data(n, frame.information, tell),
            // Information for a closed channel is answered with DM (27.010 clause 5.4.4).
            (Kind::Uih | Kind::Ui, n) => self.queue(n, Kind::Dm, &[]),
            // Answers to the DISC of `shut_down` and `unwire`.
            (Kind::Ua | Kind::Dm, 0) if !self.is_open(0) => tell(Event::Down),
            (Kind::Ua | Kind::Dm, _) => {}
        }
    }

    fn data(&mut self, n: u8, information: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        let Some((lines, broken, used)) = FromTerminal::decode(information) else { return };
        if self.channel(n).is_some_and(|c| c.from != lines || !c.heard) {
            self.change(n, |c| (c.from, c.heard) = (lines, true));
            tell(Event::Lines(n, lines));
        }
        if broken {
            tell(Event::Break(n));
        }
        let data = information.get(used..).unwrap_or_default();
        if !data.is_empty() {
            self.change(n, |c| (c.kick, c.kicks) = (true, KICKS));
            tell(Event::Data(n, data));
        }
    }

    fn control(&mut self, mut messages: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        while let [kind, length, rest @ ..] = messages {
            // Lengths of two octets do not occur: no message is that long.
            let length = usize::from(length >> 1).min(rest.len());
            let (value, next) = rest.split_at(length);
            messages = next;
            if kind & COMMAND == 0 {
                if kind >> 2 == message::TEST && value == PROBE {
                    if let Some((total, _)) = self.asked.take() {
                        self.proven = total;
                    }
                    self.ask();
                    tell(Event::Alive);
                }
                continue;
            }
            self.message(*kind, value, tell);
        }
    }

    fn message(&mut self, kind: u8, value: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        let answer = kind & !COMMAND;
        let length = (value.len() << 1) as u8 | EXTENSION;
        match kind >> 2 {
            message::FC_OFF => self.held = true,
            message::FC_ON => self.held = false,
            message::MSC => {
                // Lines for a channel, should the other side prefer type 1 after all.
                if let [address, signals @ ..] = value {
                    let n = address >> 2;
                    if let Some((lines, _, _)) = FromTerminal::decode(signals)
                        && n > 0
                        && self.is_open(n)
                        && self.channel(n).is_some_and(|c| c.from != lines || !c.heard)
                    {
                        self.change(n, |c| (c.from, c.heard) = (lines, true));
                        tell(Event::Lines(n, lines));
                    }
                }
            }
            message::CLD => {
                self.queue(0, Kind::Uih, &[&[answer, length], value]);
                return self.down(tell);
            }
            message::TEST | message::PSC | message::RLS | message::PN | message::RPN | message::SNC => {}
            _ => {
                let unknown = [message::NSC << 2 | EXTENSION, 1 << 1 | EXTENSION, kind];
                return self.queue(0, Kind::Uih, &[&unknown]);
            }
        }
        self.queue(0, Kind::Uih, &[&[answer, length], value]);
    }

    fn down(&mut self, tell: &mut impl FnMut(Event<'_>)) {
        let was = self.is_open(0);
        for n in 0..=LAST_CHANNEL {
            self.close(n);
        }
        self.held = false;
        (self.proven, self.asked) = (self.total, None);
        if was {
            tell(Event::Down);
        }
    }

    /// Puts a line on channel `n` (1 to [`LAST_CHANNEL`]). Channels without a line are refused.
    pub fn wire(&mut self, n: u8) {
        self.change(n, |c| c.wired = true);
    }

    /// Takes the line off channel `n`: a program that has it open is hung up.
    pub fn unwire(&mut self, n: u8) {
        if self.is_open(n) {
            self.queue(n, Kind::Disc, &[]);
        }
        self.change(n, |c| *c = Channel::default());
    }

    /// Sets what the program on channel `n` sees of the modem. Remembered while the channel is closed.
    pub fn set_lines(&mut self, n: u8, lines: ToTerminal) {
        let Some(old) = self.channel(n).copied() else { return };
        if old.to == lines {
            return;
        }
        self.change(n, |c| c.to = lines);
        if old.open {
            if lines.cts && !old.to.cts {
                self.change(n, |c| c.kicks = KICKS);
            }
            if old.to.dcd && !lines.dcd {
                self.say(n, old.to);
            }
            self.say(n, lines);
        }
    }

    /// What the program on channel `n` is shown.
    pub fn lines_shown(&self, n: u8) -> ToTerminal {
        self.channel(n).map(|c| c.to).unwrap_or_default()
    }

    /// The lines of the program on channel `n`; all off while it is closed.
    pub fn lines(&self, n: u8) -> FromTerminal {
        self.channel(n).map(|c| c.from).unwrap_or_default()
    }

    /// Whether a program has channel `n` open (0: whether the multiplexer is up).
    pub fn is_open(&self, n: u8) -> bool {
        self.channel(n).is_some_and(|c| c.open)
    }

    /// Whether any line is open, that is, whether [`Peer::repeat`] is wanted every 100 ms.
    pub fn any_open(&self) -> bool {
        self.channels.iter().skip(1).any(|c| c.open)
    }

    /// Takes data for the program on channel `n` and returns how many octets were taken: none
    /// while it is closed, does not want any (RTS off or flow stopped), or the queue is full.
    pub fn send(&mut self, n: u8, data: &[u8]) -> usize {
        let lines = self.lines_shown(n).octet();
        let mut taken = 0;
        for part in data.chunks(CHUNK.min(MTU - 1)) {
            if !self.has_room(n) {
                break;
            }
            self.queue(n, Kind::Uih, &[&[lines], part]);
            self.total += part.len() as u64;
            taken += part.len();
        }
        self.ask();
        taken
    }

    /// Asks for a proof of arrival if enough is under way and none is asked for yet.
    fn ask(&mut self) {
        if self.asked.is_none() && self.total - self.proven >= WINDOW / 4 {
            self.asked = Some((self.total, 0));
            self.probe();
        }
    }

    /// Whether [`Peer::send`] would take anything for channel `n`.
    pub fn has_room(&self, n: u8) -> bool {
        !self.held
            && self.queued() < QUEUE
            && self.total - self.proven < WINDOW
            && n > 0
            && self.channel(n).is_some_and(|c| c.open && c.from.rts && !c.from.stop)
    }

    /// Says the lines of every open channel again.
    pub fn repeat(&mut self) {
        for n in 1..=LAST_CHANNEL {
            let Some(channel) = self.channel(n).copied() else { continue };
            if channel.open && channel.kicks > 0 && channel.to.cts {
                self.change(n, |c| c.kicks -= 1);
                self.kick(n);
            } else if channel.open {
                self.restate(n);
            }
        }
        if let Some((total, waited)) = self.asked {
            let late = waited >= PATIENCE;
            self.asked = Some((total, if late { 0 } else { waited + 1 }));
            if late {
                self.probe();
            }
        }
    }

    /// Asks the other side for a sign of life: [`Event::Alive`].
    pub fn probe(&mut self) {
        let head = [message::TEST << 2 | COMMAND | EXTENSION, (PROBE.len() << 1) as u8 | EXTENSION];
        self.queue(0, Kind::Uih, &[&head, PROBE]);
    }

    /// Closes everything down from this side. Without it the kernel waits for answers that nobody
    /// gives any more when the multiplexer is taken from its tty.
    pub fn shut_down(&mut self) {
        for n in (0..=LAST_CHANNEL).rev() {
            if self.is_open(n) {
                self.queue(n, Kind::Disc, &[]);
                self.close(n);
            }
        }
    }

    /// Octets that wait to be written to the other side.
    pub fn output(&self) -> &[u8] {
        self.out.get(self.sent..).unwrap_or_default()
    }

    /// `count` octets of [`Peer::output`] have been written.
    pub fn written(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.out.len());
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
            // A burst's memory is given back: there may be many multiplexers, mostly idle.
            self.out.shrink_to(QUEUE / 4);
        } else if self.sent > QUEUE / 2 {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        for n in 1..=LAST_CHANNEL {
            if self.queued() < QUEUE && self.channel(n).is_some_and(|c| c.unsaid) {
                self.restate(n);
            }
        }
    }

    /// Octets dropped so far because they belonged to no frame.
    pub fn noise(&self) -> u64 {
        self.deframer.noise()
    }

    fn queued(&self) -> usize {
        self.out.len() - self.sent
    }

    fn queue(&mut self, n: u8, kind: Kind, information: &[&[u8]]) {
        if self.queued() < QUEUE_LIMIT {
            frame::encode(&mut self.out, n, kind, information);
        }
    }

    fn restate(&mut self, n: u8) {
        let lines = self.lines_shown(n);
        self.say(n, lines);
    }

    fn say(&mut self, n: u8, lines: ToTerminal) {
        let full = self.queued() >= QUEUE_LIMIT;
        self.change(n, |c| c.unsaid = full);
        self.queue(n, Kind::Uih, &[&[lines.octet()]]);
    }

    fn close(&mut self, n: u8) {
        self.change(n, |c| *c = Channel { to: c.to, wired: c.wired, ..Channel::default() });
    }

    fn channel(&self, n: u8) -> Option<&Channel> {
        self.channels.get(usize::from(n))
    }

    fn change(&mut self, n: u8, change: impl FnOnce(&mut Channel)) {
        if let Some(channel) = self.channels.get_mut(usize::from(n)) {
            change(channel);
        }
    }
}

/// What [`Peer::probe`] asks to have sent back.
const PROBE: &[u8] = b"ringback";
