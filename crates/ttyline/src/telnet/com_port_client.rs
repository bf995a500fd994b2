//! The client's end of telnet and RFC 2217: what the application sets goes out, what the server confirms is
//! believed.
//!
//! Bytes of the server go through [`Client::receive`], which leaves the data at the front of the buffer;
//! what is to be sent is appended to `out`; [`Client::tick`] is called when [`Client::deadline`] has come.

use super::codec::{self, Decoder, Event, Verb, command};
use super::com_port::{Answer, Control, Request};
use super::com_port_server::Purge;
use super::frame::Frame;
use super::option;
use super::options::{Options, Policy};
use std::time::Duration;

/// Something a client sets and a server confirms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Item {
    /// bit/s.
    Speed,
    /// 5 to 8.
    DataBits,
    /// As [`Frame::parity`].
    Parity,
    /// As [`Frame::stop_bits`].
    StopBits,
    /// A code of [`Control`].
    Flow,
    /// A code of [`Control`].
    InFlow,
    /// A code of [`Control`].
    Break,
    /// A code of [`Control`].
    Dtr,
    /// A code of [`Control`].
    Rts,
}

impl Item {
    /// All of them, in the order in which they are asked for.
    pub const ALL: [Item; 9] = {
        use Item::*;
        [Speed, DataBits, Parity, StopBits, Flow, InFlow, Break, Dtr, Rts]
    };

    /// The word for messages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Item::Speed => "speed",
            Item::DataBits => "data bits",
            Item::Parity => "parity",
            Item::StopBits => "stop bits",
            Item::Flow => "flow control",
            Item::InFlow => "inbound flow control",
            Item::Break => "break",
            Item::Dtr => "DTR",
            Item::Rts => "RTS",
        }
    }

    fn request(self, value: u32) -> Request<'static> {
        let byte = u8::try_from(value).unwrap_or(0);
        match self {
            Item::Speed => Request::Speed(value),
            Item::DataBits => Request::DataBits(byte),
            Item::Parity => Request::Parity(byte),
            Item::StopBits => Request::StopBits(byte),
            _ => Request::Control(byte),
        }
    }

    /// Which item a control code belongs to.
    fn of_control(code: u8) -> Option<Item> {
        use Control::*;
        Some(match Control::of(code)? {
            FlowNone | FlowSoft | FlowHard | FlowDcd | FlowDsr => Item::Flow,
            InFlowNone | InFlowSoft | InFlowHard | InFlowDtr => Item::InFlow,
            BreakOn | BreakOff => Item::Break,
            DtrOn | DtrOff => Item::Dtr,
            RtsOn | RtsOff => Item::Rts,
            AskFlow | AskBreak | AskDtr | AskRts | AskInFlow => return None,
        })
    }
}

/// What is to be in force at the server's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Speed 0 hangs up: DTR is dropped and the speed stays.
    pub frame: Frame,
    /// Data terminal ready.
    pub dtr: bool,
    /// Request to send.
    pub rts: bool,
}

/// What the server has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// It controls its port for us; from here on data may go.
    Agreed,
    /// It does not: speed and modem lines are as they are over there.
    Refused,
    /// Its modem lines ([`super::com_port::modem_state`]), deltas included.
    ModemState(u8),
    /// [`super::com_port::line_state`] bits.
    LineState(u8),
    /// It has another value than was asked for.
    Differs {
        /// Of what.
        item: Item,
        /// Asked for.
        asked: u32,
        /// In force.
        in_force: u32,
    },
    /// It has not answered to a setting within three seconds.
    Unanswered(Item),
    /// What was received before a purge has all gone by.
    Purged,
}

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// How long data wait for a plain telnet server to speak of BINARY; it may speak no telnet at all.
pub const OPENING: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Setting {
    asked: Option<u32>,
    /// Requests without an answer.
    outstanding: u8,
    since: Duration,
    in_force: Option<u32>,
    /// What was said of it; said once.
    complained: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Data wait.
    Opening,
    /// Telnet without control of the port.
    Telnet,
    /// RFC 2217.
    Controlling,
}

/// One connection to a telnet server, with or without control of its port.
#[derive(Debug)]
pub struct Client {
    decoder: Decoder,
    options: Options,
    /// Control is wanted at all.
    com_port: bool,
    stage: Stage,
    opened: Duration,
    settings: [Setting; Item::ALL.len()],
    wanted: Option<Wanted>,
    modem_state: Option<u8>,
    suspended: bool,
    /// Purges of received data that are not confirmed, and since when.
    purging: Option<(u8, Duration)>,
}

impl Client {
    /// Opens the dialogue: what is to be sent at once is appended to `out`. `now` is any clock that does
    /// not go back. Without `com_port` it is plain telnet.
    #[must_use]
    pub fn open(com_port: bool, now: Duration, out: &mut Vec<u8>) -> Client {
        let policy = if com_port { Policy::COM_PORT_CLIENT } else { Policy::TELNET_CLIENT };
        let mut decoder = Decoder::default();
        decoder.cr_nul = !com_port;
        Client {
            decoder,
            options: Options::open(policy, out),
            com_port,
            stage: Stage::Opening,
            opened: now,
            settings: Default::default(),
            wanted: None,
            modem_state: None,
            suspended: false,
            purging: None,
        }
    }

    /// Whether data may be sent now.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.stage != Stage::Opening && !self.suspended
    }

    /// Whether the server controls its port for us.
    #[must_use]
    pub fn controls(&self) -> bool {
        self.stage == Stage::Controlling
    }

    /// The modem lines as the server told them last, without deltas.
    #[must_use]
    pub fn modem_state(&self) -> Option<u8> {
        self.modem_state
    }

    /// What the server has confirmed.
    #[must_use]
    pub fn in_force(&self, item: Item) -> Option<u32> {
        self.settings.get(item as usize).and_then(|s| s.in_force)
    }

    /// Whether received data are of the time before a purge, and to be thrown away.
    #[must_use]
    pub fn discards(&self) -> bool {
        self.purging.is_some()
    }

    /// Appends `data` as they go over the wire.
    pub fn push_data(&self, data: &[u8], out: &mut Vec<u8>) {
        let plain = self.com_port || self.options.ours(option::BINARY);
        if plain || memchr::memchr(b'\r', data).is_none() {
            return codec::push_data(data, out);
        }
        // Without BINARY a CR that is no end of line is CR NUL (RFC 854).
        for piece in data.split_inclusive(|b| *b == b'\r') {
            codec::push_data(piece, out);
            if piece.ends_with(b"\r") {
                out.push(0);
            }
        }
    }

    /// Whether `data` can go out as it is.
    #[must_use]
    pub fn passes(&self, data: &[u8]) -> bool {
        let plain = self.com_port || self.options.ours(option::BINARY);
        codec::is_plain(data) && (plain || memchr::memchr(b'\r', data).is_none())
    }

    /// Deals with bytes from the server: so many bytes of data now stand at the front of `buffer`.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        now: Duration,
        out: &mut Vec<u8>,
        news: &mut Vec<News>,
    ) -> usize {
        let (mut at, mut kept) = (0, 0);
        while let Some(rest) = buffer.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let piece = self.decoder.decode(rest);
            if !self.discards() {
                if kept != at {
                    buffer.copy_within(at..at + piece.data, kept);
                }
                kept += piece.data;
            }
            at += piece.used.max(1);
            match piece.event {
                Some(Event::Negotiate(verb, option)) => self.negotiate(verb, option, now, out, news),
                Some(Event::Sub) => {
                    // Nothing but whether there is a signature matters of its text.
                    let answer = match Answer::read(self.decoder.sub()) {
                        Some(Answer::Signature([])) => Some(Answer::Signature(&[])),
                        Some(Answer::Signature(_)) | None => None,
                        Some(other) => Some(owned(other)),
                    };
                    if let Some(answer) = answer {
                        self.heard(answer, out, news);
                    }
                }
                Some(Event::Command(_)) | None => {}
            }
        }
        kept
    }

    fn negotiate(&mut self, verb: Verb, which: u8, now: Duration, out: &mut Vec<u8>, news: &mut Vec<News>) {
        let change = self.options.handle(verb, which, out);
        self.decoder.cr_nul = !self.com_port && !self.options.theirs(option::BINARY);
        if !self.com_port {
            // Whatever it says to our BINARY, data may go.
            let of_ours = matches!(verb, Verb::Do | Verb::Dont) && which == option::BINARY;
            if of_ours && self.stage == Stage::Opening {
                self.stage = Stage::Telnet;
            }
            return;
        }
        if which != option::COM_PORT {
            return;
        }
        let agreed = self.options.ours(which) || self.options.theirs(which);
        if agreed && change.is_some() && self.stage != Stage::Controlling {
            self.stage = Stage::Controlling;
            news.push(News::Agreed);
            // Not 255, the usual value: sredird does not undouble it, and is out of step for good.
            Request::ModemStateMask(254).write(out);
            if let Some(wanted) = self.wanted {
                self.ask_all(wanted, now, out);
            }
        } else if !agreed && verb == Verb::Dont && self.stage != Stage::Telnet {
            self.refused(news);
        }
    }

    fn refused(&mut self, news: &mut Vec<News>) {
        self.stage = Stage::Telnet;
        self.settings = Default::default();
        self.modem_state = None;
        self.purging = None;
        news.push(News::Refused);
    }

    /// Sets what is to be in force; only what is not asked for already is sent.
    pub fn set(&mut self, wanted: Wanted, now: Duration, out: &mut Vec<u8>) {
        self.wanted = Some(wanted);
        if self.controls() {
            self.ask_all(wanted, now, out);
        }
    }

    fn ask_all(&mut self, wanted: Wanted, now: Duration, out: &mut Vec<u8>) {
        use Control::{DtrOff, DtrOn, FlowHard, FlowSoft, InFlowHard, InFlowNone, InFlowSoft, RtsOff, RtsOn};
        let frame = wanted.frame;
        let hung_up = frame.speed == 0;
        if !hung_up {
            self.ask(Item::Speed, frame.speed, now, out);
        }
        self.ask(Item::DataBits, u32::from(frame.data_bits), now, out);
        self.ask(Item::Parity, u32::from(frame.parity), now, out);
        self.ask(Item::StopBits, u32::from(frame.stop_bits), now, out);
        let follows = match frame.flow {
            f if f == FlowSoft as u8 => InFlowSoft as u8,
            f if f == FlowHard as u8 => InFlowHard as u8,
            _ => InFlowNone as u8,
        };
        if self.ask(Item::Flow, u32::from(frame.flow), now, out) {
            // Flow control is set for both directions at once, until the inbound kind is set by itself.
            if let Some(inbound) = self.settings.get_mut(Item::InFlow as usize) {
                inbound.asked = Some(u32::from(follows));
            }
        }
        self.ask(Item::InFlow, u32::from(frame.in_flow), now, out);
        self.ask(Item::Dtr, if wanted.dtr && !hung_up { DtrOn as u32 } else { DtrOff as u32 }, now, out);
        self.ask(Item::Rts, if wanted.rts { RtsOn as u32 } else { RtsOff as u32 }, now, out);
    }

    /// Gives whether it was asked for now.
    fn ask(&mut self, item: Item, value: u32, now: Duration, out: &mut Vec<u8>) -> bool {
        let Some(setting) = self.settings.get_mut(item as usize) else { return false };
        if setting.asked == Some(value) {
            return false;
        }
        if setting.outstanding == 0 {
            setting.since = now;
        }
        setting.asked = Some(value);
        setting.outstanding = setting.outstanding.saturating_add(1);
        item.request(value).write(out);
        true
    }

    /// Begins or ends a break. A plain telnet server is sent one of its own length at the beginning.
    pub fn set_break(&mut self, on: bool, now: Duration, out: &mut Vec<u8>) {
        if self.controls() {
            let value = if on { Control::BreakOn } else { Control::BreakOff };
            self.ask(Item::Break, value as u32, now, out);
        } else if on {
            codec::push_command(command::BREAK, out);
        }
    }

    /// Throws away what is on the way; data received before the server's confirmation are of the old.
    pub fn purge(&mut self, what: Purge, now: Duration, out: &mut Vec<u8>) {
        let code = u8::from(what.received) | u8::from(what.unsent) << 1;
        if !self.controls() || code == 0 {
            return;
        }
        if what.received {
            let (count, _) = self.purging.unwrap_or((0, now));
            self.purging = Some((count.saturating_add(1), now));
        }
        Request::Purge(code).write(out);
    }

    fn heard(&mut self, answer: Answer<'_>, out: &mut Vec<u8>, news: &mut Vec<News>) {
        match answer {
            Answer::Signature(_) => {
                const OURS: &str = concat!("ringback comport ", env!("CARGO_PKG_VERSION"));
                Request::Signature(OURS.as_bytes()).write(out);
            }
            Answer::Speed(v) => self.confirmed(Item::Speed, v, news),
            Answer::DataBits(v) => self.confirmed(Item::DataBits, v.into(), news),
            Answer::Parity(v) => self.confirmed(Item::Parity, v.into(), news),
            Answer::StopBits(v) => self.confirmed(Item::StopBits, v.into(), news),
            Answer::Control(v) => {
                if let Some(item) = Item::of_control(v) {
                    self.confirmed(item, v.into(), news);
                }
            }
            Answer::LineState(bits) => news.push(News::LineState(bits)),
            Answer::ModemState(bits) => {
                self.modem_state = Some(bits & 0xf0);
                news.push(News::ModemState(bits));
            }
            Answer::Suspend => self.suspended = true,
            Answer::Resume => self.suspended = false,
            Answer::LineStateMask(_) | Answer::ModemStateMask(_) => {}
            Answer::Purge(code) => {
                // Servers exist that say 0 for what they cannot throw away; what matters is the place in the stream.
                if code & 1 != 0 || code == 0 {
                    self.purging = self.purging.filter(|(n, _)| *n > 1).map(|(n, at)| (n - 1, at));
                    if self.purging.is_none() {
                        news.push(News::Purged);
                    }
                }
            }
        }
    }

    fn confirmed(&mut self, item: Item, value: u32, news: &mut Vec<News>) {
        let Some(setting) = self.settings.get_mut(item as usize) else { return };
        setting.in_force = Some(value);
        let last = setting.outstanding == 1;
        setting.outstanding = setting.outstanding.saturating_sub(1);
        if let Some(asked) = setting.asked.filter(|a| *a != value && last)
            && setting.complained != Some(asked)
        {
            setting.complained = Some(asked);
            news.push(News::Differs { item, asked, in_force: value });
        }
    }

    /// When [`Client::tick`] is to be called, unless something comes before.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let opening = match self.stage {
            Stage::Opening => Some(self.opened + if self.com_port { PATIENCE } else { OPENING }),
            Stage::Telnet | Stage::Controlling => None,
        };
        let answers = self.settings.iter().filter(|s| s.outstanding > 0).map(|s| s.since + PATIENCE);
        answers.chain(opening).chain(self.purging.map(|(_, since)| since + PATIENCE)).min()
    }

    /// Gives up what has not come in time.
    pub fn tick(&mut self, now: Duration, news: &mut Vec<News>) {
        let late = |since: Duration| now >= since + PATIENCE;
        if self.stage == Stage::Opening && now >= self.opened + OPENING && !self.com_port {
            self.stage = Stage::Telnet;
        }
        if self.stage == Stage::Opening && late(self.opened) {
            self.refused(news);
        }
        for (item, setting) in Item::ALL.into_iter().zip(&mut self.settings) {
            if setting.outstanding > 0 && late(setting.since) {
                setting.outstanding = 0;
                news.push(News::Unanswered(item));
            }
        }
        if self.purging.is_some_and(|(_, since)| late(since)) {
            self.purging = None;
            news.push(News::Purged);
        }
    }
}

/// The answer without what it borrows.
fn owned(answer: Answer<'_>) -> Answer<'static> {
    match answer {
        Answer::Signature(_) => Answer::Signature(&[]),
        Answer::Speed(v) => Answer::Speed(v),
        Answer::DataBits(v) => Answer::DataBits(v),
        Answer::Parity(v) => Answer::Parity(v),
        Answer::StopBits(v) => Answer::StopBits(v),
        Answer::Control(v) => Answer::Control(v),
        Answer::LineState(v) => Answer::LineState(v),
        Answer::ModemState(v) => Answer::ModemState(v),
        Answer::Suspend => Answer::Suspend,
        Answer::Resume => Answer::Resume,
        Answer::LineStateMask(v) => Answer::LineStateMask(v),
        Answer::ModemStateMask(v) => Answer::ModemStateMask(v),
        Answer::Purge(v) => Answer::Purge(v),
    }
}

#[cfg(test)]
#[path = "com_port_client_tests.rs"]
mod tests;
