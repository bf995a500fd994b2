//! Carries out what modems and switch decide, step by step.

use super::line::{Line, Wire, Wrong};
use super::{Exchange, LOOK, REPEAT, Step};
use crate::journal::{Ended, Happening};
use crate::modem::caller_id::Caller;
use crate::modem::whims::noise;
use crate::modem::{Action, Modem, Now};
use crate::port::Event as PortEvent;
use crate::switch::{self, LineId, Sound, Switch};
use std::cmp::Reverse;
use std::time::Duration;

/// How long a closed line may take to send what was written to it (`closing_wait` of serial lines).
const CLOSING: Duration = Duration::from_secs(30);

impl Exchange {
    /// Lets the switch work; what comes of it is queued.
    pub(super) fn with_switch(
        &mut self,
        work: impl FnOnce(&mut Switch, Now, &mut Vec<(LineId, switch::Event)>),
    ) {
        let mut out = Vec::new();
        work(&mut self.switch, self.now, &mut out);
        self.switch_due = self.switch.deadline();
        self.steps.extend(out.into_iter().map(|(id, event)| Step::Switch(id, event)));
    }

    /// Lets a line's modem work; what comes of it is queued.
    pub(super) fn with_modem(
        &mut self,
        id: LineId,
        work: impl FnOnce(&mut Modem, Now, &mut Vec<Action>) -> bool,
    ) -> bool {
        let now = self.now;
        let Some(line) = self.line_mut(id) else { return false };
        let mut out = Vec::new();
        let result = work(&mut line.modem, now, &mut out);
        self.steps.extend(out.into_iter().map(|action| Step::Do(id, action)));
        self.arm(id);
        result
    }

    /// Sets a line's timer to its next deadline.
    pub(super) fn arm(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        let wanted = line.deadline();
        if wanted != line.armed {
            line.armed = wanted;
            if let Some(at) = wanted {
                self.timers.push(Reverse((at, id)));
            }
        }
    }

    /// Works until nothing is left to do.
    pub(super) fn drain(&mut self) {
        while let Some(step) = self.steps.pop_front() {
            match step {
                Step::Do(id, action) => self.carry_out(id, action),
                Step::Switch(id, event) => self.switch_event(id, event),
                Step::Input(id) => self.input(id),
                Step::Pump(id) => self.pump(id, None),
                Step::Close(id) => self.close(id),
                Step::Settle(id) => self.settle(id),
            }
        }
    }

    fn carry_out(&mut self, id: LineId, action: Action) {
        match action {
            Action::Say(bytes) => self.push(id, &bytes),
            Action::Show(lines) => {
                let Some((place, channel)) = self.line(id).and_then(|l| l.port) else { return };
                let show = |port: &mut dyn crate::port::Port, registry: &mio::Registry, _: &mut Vec<_>| {
                    port.show(channel, lines, registry)
                };
                self.with_port(place, &mut Vec::new(), show);
            }
            Action::OffHook => {
                self.begin_call(id);
                self.look_at.get_or_insert(self.now + LOOK);
                self.with_switch(|switch, _, out| switch.off_hook(id, out));
            }
            Action::OnHook => {
                self.with_switch(|switch, now, out| switch.on_hook(id, now, out));
                self.steps.extend([Step::Close(id), Step::Settle(id)]);
            }
            Action::Digit(digit) => self.with_switch(|switch, now, out| switch.digit(id, digit, now, out)),
            Action::Play(sound) => {
                if !matches!(sound, Sound::Answer | Sound::Originate | Sound::Data | Sound::Bye) {
                    self.tell(id, Happening::Plays(sound.name()));
                }
                self.with_switch(|switch, _, out| switch.play(id, sound, out));
            }
            Action::Online => {
                self.connected(id);
                self.steps.push_back(Step::Input(id));
                if let Some(peer) = self.switch.peer(id) {
                    self.steps.push_back(Step::Pump(peer));
                }
            }
            Action::Offline => self.offline(id),
            Action::Understood(text) => self.tell(id, Happening::Command(&text)),
            Action::Reported(text) => self.tell(id, Happening::Reported(&text)),
        }
    }

    fn switch_event(&mut self, id: LineId, event: switch::Event) {
        match event {
            switch::Event::Ring(on) => {
                if on {
                    self.begin_call(id);
                    self.look(id);
                }
                self.with_modem(id, |modem, now, out| {
                    modem.ring(on, now, out);
                    true
                });
                if on {
                    let rings = self.line(id).map_or(0, |l| l.modem.rings());
                    self.tell(id, Happening::Ring(rings));
                }
            }
            switch::Event::Caller { from } => {
                let Some(caller) = self.line(from).map(|l| self.caller(l, id)) else { return };
                self.tell(id, Happening::CallerId(&caller.number));
                self.with_modem(id, |modem, now, out| {
                    modem.caller(caller, now, out);
                    true
                });
            }
            switch::Event::RingStopped => {
                self.with_modem(id, |modem, _, out| {
                    modem.ring_stopped(out);
                    true
                });
            }
            switch::Event::Hear(sound) => {
                self.with_modem(id, |modem, now, out| {
                    modem.hear(sound, now, out);
                    true
                });
            }
            switch::Event::Calls { to } => {
                let number = self.switch.number(to).to_string();
                self.tell(id, Happening::Calls(&number));
                let now = self.now;
                if let Some(line) = self.line_mut(id) {
                    line.call = Some((now, false));
                    line.sent = 0;
                }
            }
            switch::Event::Through { with } => {
                let now = self.now;
                if let Some(line) = self.line_mut(id) {
                    line.call = Some((now, true));
                    line.sent = 0;
                }
                if !self.switch.is_caller(id) {
                    let number = self.switch.number(with).to_string();
                    self.tell(id, Happening::Answered(&number));
                }
            }
            switch::Event::Cleared { peer, caller } => self.cleared(id, peer, caller),
        }
    }

    fn caller(&self, from: &Line, to: LineId) -> Caller {
        let time = ttyline::sys::clock::local_now();
        Caller {
            number: if from.withheld { "P".into() } else { from.number.to_string() },
            name: if from.withheld { String::new() } else { from.name.to_string() },
            called: self.switch.number(to).to_string(),
            date: format!("{:02}{:02}", time.month, time.day),
            time: format!("{:02}{:02}", time.hour, time.minute),
        }
    }

    /// A call is over; the caller's line tells about it.
    fn cleared(&mut self, id: LineId, peer: LineId, caller: bool) {
        let received = self.line(peer).map_or(0, |l| l.sent);
        let now = self.now;
        let Some(line) = self.line_mut(id) else { return };
        let call = line.call.take();
        if let (true, Some((began, answered))) = (caller, call) {
            let ended = Ended {
                caller: line.number.to_string(),
                called: self.switch.number(peer).to_string(),
                answered,
                lasted: now.saturating_sub(began),
                sent: self.line(id).map_or(0, |l| l.sent),
                received,
            };
            self.tell(id, Happening::Ended(&ended));
        }
        self.settle(id);
    }

    /// A line leaves the idle state: the faults for this call take hold.
    fn begin_call(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        if line.wrong.is_some() || line.call.is_some() {
            return;
        }
        line.calls += 1;
        line.call = Some((Duration::ZERO, false));
        self.arm_faults(id);
    }

    /// Puts the faults of the present (or next) call in force.
    pub(super) fn arm_faults(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        let number = if line.call.is_some() { line.calls } else { line.calls + 1 };
        let (whims, on_line) = line.faults.on_call(number);
        line.modem.set_whims(whims);
        let dead = on_line.as_ref().is_some_and(|w| w.dead);
        line.wrong = on_line.map(|on_line| {
            Box::new(Wrong { on_line, noise_at: None, drop_at: None, power_at: None, seed: number | 1 })
        });
        self.with_switch(|switch, _, out| switch.set_dead(id, dead, out));
        self.arm(id);
    }

    /// A line is back to rest: the next call's faults take hold.
    fn settle(&mut self, id: LineId) {
        let idle = self.line(id).is_some_and(|l| !l.modem.off_hook()) && self.switch.peer(id).is_none();
        if idle {
            if let Some(line) = self.line_mut(id) {
                line.call = None;
                if let Some(far) = &mut line.far {
                    far.forget_typed();
                }
            }
            self.arm_faults(id);
        }
    }

    /// CONNECT: timed faults start.
    fn connected(&mut self, id: LineId) {
        let now = self.now;
        let Some(line) = self.line_mut(id) else { return };
        if let Some(wrong) = &mut line.wrong {
            wrong.noise_at = wrong.on_line.noise.map(|(_, every)| now + every);
            wrong.drop_at = wrong.on_line.drop_time.map(|time| now + time);
            wrong.power_at = wrong.on_line.power.map(|time| now + time);
        }
        self.arm(id);
    }

    fn offline(&mut self, id: LineId) {
        self.stop_pacing(id);
        let Some(line) = self.line_mut(id) else { return };
        if let Some(wrong) = &mut line.wrong {
            (wrong.noise_at, wrong.drop_at, wrong.power_at) = (None, None, None);
        }
        self.paced.retain(|paced| *paced != id);
        // What the computer had sent into the call and nobody has taken is gone with the call.
        if self.line(id).is_some_and(|l| l.readable && l.closing.is_none() && !l.modem.off_hook()) {
            self.discard_input(id);
        }
    }

    /// A line's own timer.
    pub(super) fn line_due(&mut self, id: LineId) {
        let now = self.now;
        self.with_modem(id, |modem, now, out| {
            modem.tick(now, out);
            true
        });
        let Some(line) = self.line_mut(id) else { return };
        if line.closing.is_some_and(|limit| limit <= now) {
            self.finish_closing(id);
        }
        let Some(wrong) = self.line_mut(id).and_then(|l| l.wrong.as_deref_mut()) else { return };
        if wrong.noise_at.is_some_and(|at| at <= now) {
            let (bytes, every) = wrong.on_line.noise.unwrap_or((0, Duration::from_secs(1)));
            wrong.noise_at = Some(now + every);
            let burst = noise(&mut wrong.seed, bytes);
            self.push(id, &burst);
        } else if wrong.drop_at.is_some_and(|at| at <= now) {
            wrong.drop_at = None;
            self.drop_carrier(id);
        } else if wrong.power_at.is_some_and(|at| at <= now) {
            wrong.power_at = None;
            self.power_cycle(id);
        }
    }

    pub(super) fn drop_carrier(&mut self, id: LineId) {
        self.tell(id, Happening::Fault("carrier dropped"));
        self.with_switch(|switch, _, out| switch.cut(id, out));
    }

    pub(super) fn power_cycle(&mut self, id: LineId) {
        self.tell(id, Happening::Fault("modem power-cycled"));
        self.with_modem(id, |modem, _, out| {
            modem.power_cycle(out);
            true
        });
    }

    /// News from a line's port.
    pub(super) fn port_event(&mut self, id: LineId, event: PortEvent) {
        match event {
            PortEvent::Opened => {
                let Some(line) = self.line_mut(id) else { return };
                line.open = true;
                if line.closing.is_some() {
                    // Opened again before all was sent: the modem still sees the drop.
                    self.finish_closing(id);
                }
                self.tell(id, Happening::Opened);
                self.dtr(id, true);
                self.repeat_at.get_or_insert(self.now + REPEAT);
            }
            PortEvent::Closed => {
                let limit = self.now + CLOSING;
                let Some(line) = self.line_mut(id) else { return };
                line.open = false;
                self.tell(id, Happening::Closed);
                if let Some(line) = self.line_mut(id) {
                    line.closing = Some(limit);
                    line.pending = Vec::new();
                }
                // What was written before the close goes out first.
                self.steps.extend([Step::Input(id), Step::Close(id)]);
                self.arm(id);
            }
            PortEvent::InUse(open) => {
                let Some(line) = self.line_mut(id) else { return };
                line.open = open;
                if !open {
                    line.pending = Vec::new();
                }
                self.tell(id, if open { Happening::Opened } else { Happening::Closed });
            }
            PortEvent::Coding(coding) => {
                let Some(wire) = self.line_mut(id).and_then(|l| l.wire.as_deref_mut()) else { return };
                if wire.coding.replace(coding) != Some(coding) {
                    self.tell(id, Happening::Coding(coding));
                }
            }
            PortEvent::Break(on) => {
                let Some(wire) = self.line_mut(id).and_then(|l| l.wire.as_deref_mut()) else { return };
                wire.breaks = wire.breaks.saturating_add(u32::from(wire.breaking && !on));
                wire.breaking = on;
                self.tell(id, Happening::Break(on));
            }
            PortEvent::Plugged { on, power } => self.plugged(id, on, power),
            PortEvent::Lines { dtr, rts } => {
                if let Some(wire) = self.line_mut(id).and_then(|l| l.wire.as_deref_mut())
                    && std::mem::replace(&mut wire.rts, rts) != rts
                {
                    self.tell(id, Happening::Rts(rts));
                }
                if self.line(id).is_some_and(|l| l.modem.dtr_on() != dtr) {
                    self.tell(id, Happening::Dtr(dtr));
                    self.dtr(id, dtr);
                }
            }
            PortEvent::Readable => {
                if let Some(line) = self.line_mut(id) {
                    line.readable = true;
                }
                self.steps.push_back(Step::Input(id));
            }
            PortEvent::Writable => self.steps.push_back(Step::Input(id)),
        }
    }

    /// An adapter has been plugged in or pulled out; a modem that lives on the USB's power goes with it.
    fn plugged(&mut self, id: LineId, on: bool, power: bool) {
        self.tell(id, Happening::Plugged(on));
        let Some(line) = self.line_mut(id) else { return };
        line.wire = Some(Box::new(Wire { plugged: on, ..Wire::default() }));
        if on {
            return;
        }
        (line.open, line.readable, line.pending) = (false, false, Vec::new());
        if power {
            self.with_modem(id, |modem, _, out| {
                modem.power_cycle(out);
                true
            });
        }
        self.dtr(id, false);
    }

    /// The line is closed and what was written to it has been read: DTR falls, unless data is
    /// still on its way into the call.
    fn close(&mut self, id: LineId) {
        if self.line(id).is_some_and(|l| !l.modem.online()) {
            self.finish_closing(id);
        }
    }

    fn dtr(&mut self, id: LineId, on: bool) {
        self.with_modem(id, |modem, now, out| {
            modem.dtr(on, now, out);
            true
        });
    }

    /// The last byte is out (or it took too long): DTR falls.
    pub(super) fn finish_closing(&mut self, id: LineId) {
        let Some(line) = self.line_mut(id) else { return };
        if line.closing.take().is_some() {
            // Call data that found no way out is no command. What else is there may be from the
            // next program already.
            let data = line.modem.online();
            self.dtr(id, false);
            let left = if data { self.discard_input(id) } else { Vec::new() };
            if self.line(id).is_some_and(|l| l.open) {
                self.dtr(id, true);
                let commands = last_commands(&left).to_vec();
                self.with_modem(id, |modem, now, out| {
                    modem.computer(&commands, now, out);
                    true
                });
            }
        }
    }
}

/// What the next program has sent behind the data of the last: the lines at the end that are commands.
fn last_commands(sent: &[u8]) -> &[u8] {
    let is_command = |line: &[u8]| line.get(..2).is_some_and(|head| head.eq_ignore_ascii_case(b"AT"));
    let lines = sent.split_inclusive(|byte| matches!(byte, b'\r' | b'\n'));
    let length: usize = lines.rev().take_while(|line| is_command(line)).map(<[u8]>::len).sum();
    sent.get(sent.len() - length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::last_commands;

    #[test]
    fn commands_behind_the_last_calls_data_are_known() {
        for (sent, commands) in [
            ("", ""),
            ("ATZ\r", "ATZ\r"),
            ("ATZ\rat+vcid=1\rA", ""),
            ("bye at 3\r\nATQ0V1\rATE0\r", "ATQ0V1\rATE0\r"),
            ("ATA\r\nbye\r\n", ""),
            ("half a lineATZ\r", ""),
            ("bye\r\nATQ0", "ATQ0"),
        ] {
            assert_eq!(last_commands(sent.as_bytes()), commands.as_bytes(), "{sent:?}");
        }
    }
}
