//! One adapter: its endpoints, what waits on them, and what it remembers of the line.

use super::acm::{self, Acm, Answer};
use super::ftdi::{self, Ftdi};
use super::message::{self, DONE, HEADER, MOST_DATA, Message, RESET, STALL, Setup, first};
use super::{Identity, Kind, Told, descriptors};
use crate::port::ModemLines;
use std::collections::VecDeque;
use std::fmt;

/// Octets for the host that it has not fetched; beyond it the modem has to wait.
const BUFFER: usize = 4096;
/// The same while nobody has the tty open: what a modem says then is read by the next user, as
/// far as its chip's buffer goes.
const KEPT: usize = 512;
/// Transfers that may wait on an endpoint (`cdc_acm` has 16), and octets from the host.
const TRANSFERS: usize = 256;
const HELD: usize = 256 * 1024;
/// Changes of the lines that wait to be fetched.
const CHANGES: usize = 64;
/// No more data is put into the output above this.
const OUTPUT: usize = 64 * 1024;
/// One answer to a request for data.
const MOST_ANSWER: usize = 16 * 1024;
/// An FTDI packet: two octets of status, then data.
const PACKET: usize = 64;

/// A host that talks nonsense, or does not read: its device is unplugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonsense(pub &'static str);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the USB host sent {}", self.0)
    }
}

/// A transfer of the host's that waits for data from the device.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    seq: u32,
    length: usize,
}

/// A transfer to the device that is not taken yet, or not all of it.
#[derive(Clone, Debug)]
struct Held {
    seq: u32,
    data: Vec<u8>,
    taken: usize,
}

/// A change of the lines, for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Lines(ModemLines),
    Break,
}

enum Chip {
    Acm(Acm),
    Ftdi(Ftdi),
}

impl Chip {
    fn new(kind: Kind) -> Chip {
        match kind {
            Kind::Acm => Chip::Acm(Acm::default()),
            Kind::Ftdi => Chip::Ftdi(Ftdi::default()),
        }
    }
}

/// One adapter.
pub struct Device {
    identity: Identity,
    chip: Chip,
    input: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    data_wanted: VecDeque<Wanted>,
    notices_wanted: VecDeque<Wanted>,
    held: VecDeque<Held>,
    held_octets: usize,
    to_host: VecDeque<u8>,
    changes: VecDeque<Change>,
    starved: bool,
    lines: ModemLines,
    dtr: bool,
    rts: bool,
    in_use: bool,
    told: Vec<Told>,
}

impl Device {
    /// The most that [`Device::output`] ever holds.
    pub const MOST_OUTPUT: usize = 512 * 1024;

    /// An adapter that has just been plugged in.
    pub fn new(identity: Identity) -> Device {
        Device {
            chip: Chip::new(identity.kind),
            identity,
            input: Vec::new(),
            out: Vec::new(),
            written: 0,
            data_wanted: VecDeque::new(),
            notices_wanted: VecDeque::new(),
            held: VecDeque::new(),
            held_octets: 0,
            to_host: VecDeque::new(),
            changes: VecDeque::new(),
            starved: false,
            lines: ModemLines::default(),
            dtr: false,
            rts: false,
            in_use: false,
            told: Vec::new(),
        }
    }

    /// What it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What happened since the last call.
    pub fn told(&mut self) -> std::vec::Drain<'_, Told> {
        self.told.drain(..)
    }

    /// Octets for the host.
    pub fn output(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or_default()
    }

    /// So many of them are on their way.
    pub fn written(&mut self, count: usize) {
        self.written += count;
        if self.written >= self.out.len() {
            self.out.clear();
            self.written = 0;
            self.feed();
        }
    }

    /// Octets from the host, in pieces of any size.
    ///
    /// # Errors
    /// What no controller sends, and a host that does not fetch its answers. The device is of no use any more.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Nonsense> {
        self.input.extend_from_slice(bytes);
        let input = std::mem::take(&mut self.input);
        let mut rest = &input[..];
        while let Some((message, length)) = first(rest).map_err(Nonsense)? {
            self.message(message);
            if self.output().len() > Device::MOST_OUTPUT - MOST_ANSWER {
                return Err(Nonsense("requests without fetching the answers"));
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        debug_assert!(rest.len() < HEADER + MOST_DATA, "whole messages are worked on");
        self.input = rest.to_vec();
        self.feed();
        Ok(())
    }

    fn message(&mut self, message: Message<'_>) {
        match message {
            Message::Submit { seq, endpoint: 0, length, setup, data, .. } => {
                self.control(seq, length, setup, data);
            }
            Message::Submit { seq, to_host: true, endpoint, length, .. } => {
                let data = endpoint == descriptors::DATA_IN;
                let queue = match endpoint {
                    descriptors::DATA_IN => &mut self.data_wanted,
                    descriptors::NOTICES if self.identity.kind == Kind::Acm => &mut self.notices_wanted,
                    _ => return self.stall(seq),
                };
                if queue.len() >= TRANSFERS {
                    return self.stall(seq);
                }
                queue.push_back(Wanted { seq, length });
                if !data && self.notices_wanted.len() == 1 && self.changes.is_empty() && !self.in_use {
                    // A driver that begins to listen is told how things are.
                    self.changes.push_back(Change::Lines(self.lines));
                }
                if data && !std::mem::replace(&mut self.in_use, true) {
                    self.told.push(Told::InUse(true));
                }
            }
            Message::Submit { seq, endpoint: descriptors::DATA_OUT, data, .. } => {
                if self.held.len() >= TRANSFERS || self.held_octets + data.len() > HELD {
                    return self.stall(seq);
                }
                if data.is_empty() {
                    return message::submitted(&mut self.out, seq, DONE, 0, &[]);
                }
                self.held_octets += data.len();
                self.held.push_back(Held { seq, data: data.to_vec(), taken: 0 });
                self.tell_readable();
            }
            Message::Submit { seq, .. } => self.stall(seq),
            Message::Unlink { seq, victim } => {
                let status = if self.withdraw(victim) { RESET } else { DONE };
                message::unlinked(&mut self.out, seq, status);
            }
        }
    }

    fn stall(&mut self, seq: u32) {
        message::submitted(&mut self.out, seq, STALL, 0, &[]);
    }

    /// Takes a transfer out of whatever queue it is in.
    fn withdraw(&mut self, victim: u32) -> bool {
        if let Some(place) = self.held.iter().position(|h| h.seq == victim) {
            if let Some(held) = self.held.remove(place) {
                self.held_octets -= held.data.len();
            }
            return true;
        }
        let mut found = false;
        for queue in [&mut self.notices_wanted, &mut self.data_wanted] {
            let before = queue.len();
            queue.retain(|wanted| wanted.seq != victim);
            found |= queue.len() < before;
        }
        if found {
            self.tell_closed();
        }
        found
    }

    /// Nobody asks for data any more: the tty is closed.
    fn tell_closed(&mut self) {
        if self.data_wanted.is_empty() && std::mem::take(&mut self.in_use) {
            self.told.push(Told::InUse(false));
            self.changes.clear();
            self.to_host.truncate(KEPT);
            if std::mem::take(&mut self.starved) {
                self.told.push(Told::Writable);
            }
        }
    }

    fn tell_readable(&mut self) {
        if !self.stopped() && self.told.last() != Some(&Told::Readable) {
            self.told.push(Told::Readable);
        }
    }

    /// The chip obeys CTS, and CTS is off.
    fn stopped(&self) -> bool {
        matches!(&self.chip, Chip::Ftdi(ftdi) if ftdi.heeds_cts) && !self.lines.cts
    }

    fn control(&mut self, seq: u32, length: usize, setup: Setup, data: &[u8]) {
        const GET_DESCRIPTOR: u8 = 6;
        let answer = match (setup.kind & 0x60, setup.request) {
            (0, GET_DESCRIPTOR) if setup.kind == 0x80 => {
                match descriptors::descriptor(&self.identity, setup.value) {
                    Some(bytes) => Answer::Done(bytes),
                    None => Answer::Stall,
                }
            }
            // Status, features, configuration, interface: there is nothing to choose.
            (0, _) if setup.kind & 0x80 != 0 => Answer::Done(vec![0, 0]),
            (0, _) => Answer::Done(Vec::new()),
            _ => match &mut self.chip {
                Chip::Acm(acm) => acm.request(setup, data),
                Chip::Ftdi(ftdi) => ftdi.request(setup, self.lines, !self.held.is_empty()),
            },
        };
        let to_host = setup.kind & 0x80 != 0;
        match answer {
            Answer::Stall => self.stall(seq),
            Answer::Done(mut bytes) if to_host => {
                bytes.truncate(length);
                message::submitted(&mut self.out, seq, DONE, 0, &bytes);
            }
            other => {
                message::submitted(&mut self.out, seq, DONE, data.len(), &[]);
                self.obey(other);
            }
        }
    }

    /// What a request changes.
    fn obey(&mut self, answer: Answer) {
        match answer {
            Answer::Stall | Answer::Done(_) => {}
            Answer::Lines(dtr, rts) => {
                let before = (self.dtr, self.rts);
                (self.dtr, self.rts) = (dtr.unwrap_or(self.dtr), rts.unwrap_or(self.rts));
                if before != (self.dtr, self.rts) {
                    self.told.push(Told::Lines { dtr: self.dtr, rts: self.rts });
                }
                if !self.dtr {
                    self.tell_closed(); // a throttled driver has nothing to withdraw
                }
            }
            Answer::Coding(coding) => self.told.push(Told::Coding(coding)),
            Answer::Break(on, coding) => {
                self.told.push(Told::Break(on));
                self.told.extend(coding.map(Told::Coding));
            }
            Answer::ShortBreak => self.told.extend([Told::Break(true), Told::Break(false)]),
            Answer::Purge => {
                self.to_host.clear();
                if std::mem::take(&mut self.starved) {
                    self.told.push(Told::Writable);
                }
            }
            Answer::Flow => {
                if !self.held.is_empty() {
                    self.tell_readable();
                }
            }
        }
    }

    /// Takes data that the computer sent. 0: there is none, or flow control stops it.
    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = 0;
        while count < buffer.len() && !self.stopped() {
            let Some(held) = self.held.front_mut() else { break };
            let rest = held.data.get(held.taken..).unwrap_or_default();
            let piece = rest.len().min(buffer.len() - count);
            buffer[count..count + piece].copy_from_slice(&rest[..piece]);
            (count, held.taken) = (count + piece, held.taken + piece);
            if held.taken == held.data.len() {
                // Only now is it over for the host: its drain waits until the modem has all.
                message::submitted(&mut self.out, held.seq, DONE, held.taken, &[]);
                self.held_octets -= held.data.len();
                self.held.pop_front();
            }
        }
        count
    }

    /// Gives data to the computer; what does not fit is not taken, and [`Told::Writable`] follows.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        if !self.in_use {
            // Beyond what the chip keeps the octets are gone.
            let room = KEPT.saturating_sub(self.to_host.len()).min(bytes.len());
            self.to_host.extend(&bytes[..room]);
            return bytes.len();
        }
        let room = BUFFER.saturating_sub(self.to_host.len()).min(bytes.len());
        self.to_host.extend(&bytes[..room]);
        self.starved |= room < bytes.len();
        self.feed();
        room
    }

    /// Throws away what either side has not read.
    pub fn flush(&mut self) {
        self.to_host.clear();
        while let Some(held) = self.held.pop_front() {
            message::submitted(&mut self.out, held.seq, DONE, held.data.len(), &[]);
        }
        self.held_octets = 0;
    }

    /// The modem's lines have changed.
    pub fn set_lines(&mut self, lines: ModemLines) {
        if lines == self.lines {
            return;
        }
        let stopped = self.stopped();
        self.lines = lines;
        self.change(Change::Lines(lines));
        if stopped && !self.held.is_empty() {
            self.tell_readable();
        }
    }

    /// The other side sends a break.
    pub fn send_break(&mut self) {
        self.change(Change::Break);
    }

    fn change(&mut self, change: Change) {
        if !self.in_use {
            // Nobody listens; who begins to is told how things are.
            self.changes.clear();
            if matches!(self.chip, Chip::Ftdi(_)) {
                self.changes.push_back(Change::Lines(self.lines));
            }
            return;
        }
        if self.changes.len() >= CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        self.feed();
    }

    /// Answers requests for data as far as there is any.
    fn feed(&mut self) {
        while self.output().len() < OUTPUT {
            let fed = match self.chip {
                Chip::Acm(_) => self.feed_notice() || self.feed_acm(),
                Chip::Ftdi(_) => self.feed_ftdi(),
            };
            if !fed {
                break;
            }
        }
        if self.starved && self.to_host.len() <= BUFFER / 2 {
            self.starved = false;
            self.told.push(Told::Writable);
        }
    }

    fn feed_notice(&mut self) -> bool {
        if self.changes.is_empty() {
            return false;
        }
        let Some(wanted) = self.notices_wanted.pop_front() else { return false };
        let state = match self.changes.pop_front() {
            Some(Change::Lines(lines)) => acm::state(lines),
            _ => {
                // A break is told once, then that it is over.
                self.changes.push_front(Change::Lines(self.lines));
                acm::state(self.lines) | acm::BREAK
            }
        };
        let notice = acm::notice(state);
        let notice = notice.get(..wanted.length.min(notice.len())).unwrap_or_default();
        message::submitted(&mut self.out, wanted.seq, DONE, 0, notice);
        true
    }

    fn feed_acm(&mut self) -> bool {
        if self.to_host.is_empty() {
            return false;
        }
        let Some(wanted) = self.data_wanted.pop_front() else { return false };
        let count = wanted.length.min(self.to_host.len()).min(MOST_ANSWER);
        let data: Vec<u8> = self.to_host.drain(..count).collect();
        message::submitted(&mut self.out, wanted.seq, DONE, 0, &data);
        true
    }

    fn feed_ftdi(&mut self) -> bool {
        if self.changes.is_empty() && self.to_host.is_empty() {
            return false;
        }
        let Some(wanted) = self.data_wanted.pop_front() else { return false };
        let mut packets = Vec::new();
        match self.changes.pop_front() {
            Some(Change::Lines(lines)) => packets.extend([ftdi::status(lines), ftdi::EMPTY]),
            // A break comes with a NUL.
            Some(Change::Break) => packets.extend([ftdi::status(self.lines), ftdi::EMPTY | ftdi::BREAK, 0]),
            None => {
                let limit = wanted.length.min(MOST_ANSWER);
                // A packet that is not full ends the transfer.
                while packets.len() + 2 < limit && packets.len() % PACKET == 0 {
                    let room = (PACKET - 2).min(limit - packets.len() - 2).min(self.to_host.len());
                    packets.extend([ftdi::status(self.lines), ftdi::EMPTY]);
                    packets.extend(self.to_host.drain(..room));
                    if self.to_host.is_empty() {
                        break;
                    }
                }
            }
        }
        packets.truncate(wanted.length);
        message::submitted(&mut self.out, wanted.seq, DONE, 0, &packets);
        true
    }
}
