//! Moving data: from computers to modems, through calls, back to computers.
//!
//! Nothing is read that cannot be passed on, except the rest of a short write, which waits in
//! the receiving line's `pending`. So memory stays bounded and a stopped reader loses nothing.

use super::{Exchange, Step};
use crate::journal::Happening;
use crate::pace::TICK;
use crate::switch::LineId;
use std::io::ErrorKind;

/// A command line's worth: in command state the computer is read in small pieces.
const PIECE: usize = 512;
/// What a modem has said and its computer not read; above it commands wait.
const SAID: usize = 4096;
/// Ticks after which a direction is taken to go on moving.
const STEADY: u8 = 5;
/// Above it what the modem says is dropped, as by a real modem's full buffer.
const LOST: usize = 256 * 1024;

impl Exchange {
    /// Reads a line's computer (or what was typed for it) into `buffer`; 0 when there is nothing.
    fn pull(&mut self, id: LineId, limit: usize) -> usize {
        let Some(line) = self.lines.get_mut(id.0 as usize).and_then(Option::as_deref_mut) else { return 0 };
        let limit = limit.min(self.buffer.len());
        let buffer = &mut self.buffer[..limit];
        if let Some(far) = line.far.as_mut().filter(|f| f.has_typed()) {
            return far.take(buffer);
        }
        let Some((place, channel)) = line.port else { return 0 };
        let Some(plugged) = self.ports.get_mut(place).and_then(Option::as_mut) else { return 0 };
        match plugged.port.read(channel, buffer) {
            Ok(n) => {
                line.readable = n == limit;
                n
            }
            Err(e) => {
                line.readable = false;
                if e.kind() != ErrorKind::WouldBlock {
                    eprintln!("exchange: line {}: {e}", line.number);
                }
                0
            }
        }
    }

    /// Gives bytes to a line's computer, in order, keeping what it does not take now.
    pub(super) fn push(&mut self, id: LineId, bytes: &[u8]) {
        let Some(line) = self.lines.get_mut(id.0 as usize).and_then(Option::as_deref_mut) else { return };
        if let Some(far) = &mut line.far {
            far.hear(bytes);
        }
        let Some((place, channel)) = line.port else { return };
        let mut rest = bytes;
        if line.pending.is_empty() {
            let Some(plugged) = self.ports.get_mut(place).and_then(Option::as_mut) else { return };
            rest = match plugged.port.write(channel, bytes, self.poll.registry()) {
                Ok(n) => bytes.get(n..).unwrap_or_default(),
                Err(_) => bytes, // WouldBlock; anything worse shows when it is read
            };
        }
        if line.pending.len() + rest.len() <= LOST {
            line.pending.extend(rest);
        }
    }

    /// Tries again to give what waits; whether nothing waits any more.
    fn flush(&mut self, id: LineId) -> bool {
        let Some(line) = self.lines.get_mut(id.0 as usize).and_then(Option::as_deref_mut) else {
            return true;
        };
        let Some((place, channel)) = line.port else { return true };
        let Some(plugged) = self.ports.get_mut(place).and_then(Option::as_mut) else { return true };
        while !line.pending.is_empty() {
            match plugged.port.write(channel, &line.pending, self.poll.registry()) {
                Ok(n) if n > 0 => {
                    line.pending.drain(..n.min(line.pending.len()));
                }
                _ => return false,
            }
        }
        line.pending = Vec::new();
        true
    }

    /// A line's computer has sent something, or can take something again.
    pub(super) fn input(&mut self, id: LineId) {
        let clear = self.flush(id);
        if clear && let Some(peer) = self.switch.peer(id) {
            // The other side may have been waiting for this one.
            self.pump(peer, None);
        }
        let Some(line) = self.line(id) else { return };
        if line.modem.online() {
            self.pump(id, None);
            return;
        }
        let has_input =
            line.readable || line.closing.is_some() || line.far.as_ref().is_some_and(|f| f.has_typed());
        if line.pending.len() > SAID || !has_input {
            return;
        }
        if !line.modem.dtr_on() && line.open {
            self.look(id); // the speed may be back from B0
        }
        let n = self.pull(id, PIECE);
        if n > 0 {
            let bytes = self.buffer[..n].to_vec();
            self.with_modem(id, |modem, now, out| {
                modem.computer(&bytes, now, out);
                true
            });
            // What the modem says to it comes first.
            self.steps.push_back(Step::Input(id));
        }
    }

    /// Takes away what a line's computer has sent; gives the last piece of it.
    pub(super) fn discard_input(&mut self, id: LineId) -> Vec<u8> {
        let mut last = Vec::new();
        for _ in 0..64 {
            let n = self.pull(id, usize::MAX);
            if n == 0 {
                break;
            }
            last = self.buffer[n.saturating_sub(PIECE)..n].to_vec();
        }
        last
    }

    /// Moves data from a line to the other end of its call: all there is, or at most `limit`.
    pub(super) fn pump(&mut self, from: LineId, limit: Option<usize>) {
        let Some(line) = self.line(from) else { return };
        if !line.modem.online() {
            return;
        }
        let has_input =
            line.readable || line.closing.is_some() || line.far.as_ref().is_some_and(|f| f.has_typed());
        if !has_input {
            return;
        }
        let Some(to) = self.switch.peer(from).filter(|_| self.switch.through(from)) else { return };
        let Some(other) = self.line(to) else { return };
        if !other.modem.takes_data() || !other.pending.is_empty() {
            return;
        }
        let rate = [line.rate, other.rate].into_iter().flatten().min();
        let limit = match (rate, limit) {
            (Some(rate), None) => {
                if line.pacing {
                    return; // its next helping comes with the tick
                }
                self.begin_pacing(from);
                let now = self.now;
                self.line_mut(from).map_or(0, |l| l.credit.bytes(rate, now))
            }
            (_, Some(limit)) => limit,
            (None, None) => usize::MAX,
        };
        if limit == 0 {
            return;
        }
        let n = self.pull(from, limit);
        if n == 0 {
            if self.line(from).is_some_and(|l| l.closing.is_some()) {
                self.finish_closing(from);
            }
            return;
        }
        self.pass(from, to, n);
        if rate.is_some() {
            if let Some(line) = self.line_mut(from) {
                line.credit.spend(n);
            }
        } else if self.line(from).is_some_and(|l| l.readable || l.closing.is_some()) {
            self.steps.push_back(Step::Pump(from));
        }
    }

    /// Passes the first `n` bytes of the buffer on, and gives commands hidden in them their due.
    fn pass(&mut self, from: LineId, to: LineId, n: usize) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut data = &buffer[..n];
        let mut commands = &buffer[..0];
        if let Some(now) = Some(self.now)
            && let Some(line) = self.line_mut(from)
        {
            let mut out = Vec::new();
            let taken = line.modem.data(data, now, &mut out).min(n);
            (data, commands) = data.split_at(taken);
            line.sent += data.len() as u64;
            self.steps.extend(out.into_iter().map(|action| Step::Do(from, action)));
            self.arm(from);
        }
        if self.journal.wants_data() {
            let number = self.line(to).map_or(String::new(), |l| l.number.to_string());
            self.tell(from, Happening::Data(&number, data));
        }
        self.push(to, data);
        self.count_towards_drop(from, to, data.len());
        if !commands.is_empty() {
            let commands = commands.to_vec();
            self.with_modem(from, |modem, now, out| {
                modem.computer(&commands, now, out);
                true
            });
        }
        self.buffer = buffer;
    }

    /// Faults that cut the call after so many bytes.
    fn count_towards_drop(&mut self, from: LineId, to: LineId, n: usize) {
        for id in [from, to] {
            let Some(wrong) = self.line_mut(id).and_then(|l| l.wrong.as_deref_mut()) else { continue };
            let Some(left) = &mut wrong.on_line.drop_bytes else { continue };
            *left = left.saturating_sub(n as u64);
            if *left == 0 {
                wrong.on_line.drop_bytes = None;
                self.drop_carrier(id);
            }
        }
    }

    fn begin_pacing(&mut self, id: LineId) {
        let now = self.now;
        if let Some(line) = self.line_mut(id) {
            line.pacing = true;
            line.credit.begin(now);
            self.paced.push(id);
        }
        self.pace_at.get_or_insert(now + TICK);
    }

    /// A direction that has been moving for a while needs no news of its input.
    fn count_tick(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        line.ticks = line.ticks.saturating_add(1);
        if line.ticks == STEADY {
            self.mute(id, true);
        }
    }

    /// A direction does not move at a pace any more.
    pub(super) fn stop_pacing(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        line.pacing = false;
        if std::mem::take(&mut line.ticks) >= STEADY {
            self.mute(id, false);
        }
    }

    fn mute(&mut self, id: LineId, muted: bool) {
        let Some((place, channel)) = self.line(id).and_then(|l| l.port) else { return };
        self.with_port(place, &mut Vec::new(), |port, registry, _| port.mute(channel, muted, registry));
    }

    /// The tick: each direction gets what its rate allows; those with nothing to send leave the list.
    pub(super) fn pace(&mut self) {
        let now = self.now;
        let mut paced = std::mem::take(&mut self.paced);
        paced.retain(|&id| {
            let Some(line) = self.line(id) else { return false };
            let peer = self.switch.peer(id).and_then(|peer| self.line(peer));
            let rate = [line.rate, peer.and_then(|p| p.rate)].into_iter().flatten().min();
            let stopped = peer.is_none_or(|p| !p.pending.is_empty());
            let has_input =
                line.readable || line.closing.is_some() || line.far.as_ref().is_some_and(|f| f.has_typed());
            if !line.pacing || !line.modem.online() || stopped || !has_input || rate.is_none() {
                self.stop_pacing(id);
                self.steps.push_back(Step::Pump(id));
                return false;
            }
            self.count_tick(id);
            let allowed = rate.zip(self.line_mut(id)).map_or(0, |(rate, line)| line.credit.bytes(rate, now));
            self.pump(id, Some(allowed));
            true
        });
        // Directions that began meanwhile are on the list already.
        paced.append(&mut self.paced);
        self.paced = paced;
        self.pace_at = (!self.paced.is_empty()).then_some(now + TICK);
        self.drain();
    }
}
