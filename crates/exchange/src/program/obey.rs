//! Carries orders out.

use super::control::Wait;
use super::{Exchange, LOOK, Step};
use crate::faults::Fault;
use crate::journal::Happening;
use crate::options::Setting;
use crate::orders::{Condition, LineOrder, Order, PATIENCE};
use crate::port::Port;
use crate::switch::LineId;
use serde_json::{Value, json};

/// What an order comes to: an answer now, or a wait.
enum Outcome {
    Now(Result<String, String>),
    Wait(Wait),
    Again,
}

fn done() -> Outcome {
    Outcome::Now(Ok(String::new()))
}

fn failed(why: impl Into<String>) -> Outcome {
    Outcome::Now(Err(why.into()))
}

impl Exchange {
    /// Carries out what clients and scripts want, and answers waits that have come true.
    pub(super) fn serve(&mut self) {
        loop {
            for place in 0..self.control.clients.len() {
                while self.serve_one(place) {}
            }
            while self.control.clients.last().is_some_and(Option::is_none) {
                self.control.clients.pop();
            }
            if !self.control.has_room_again() {
                return;
            }
            self.control.accept(self.poll.registry(), super::CONNECTIONS);
        }
    }

    /// One wait or one order of a client; whether there may be more.
    fn serve_one(&mut self, place: usize) -> bool {
        let Some(mut client) = self.control.clients.get_mut(place).and_then(Option::take) else {
            return false;
        };
        let mut again = false;
        let answer = match client.wait.take() {
            Some(wait) => match self.waited(&wait) {
                Some(answer) => Some(answer),
                None => {
                    client.wait = Some(wait);
                    None
                }
            },
            None => match client.order() {
                Some(line) => match self.obey(&line) {
                    Some(Outcome::Now(answer)) => Some(answer),
                    Some(Outcome::Wait(wait)) => {
                        client.wait = Some(wait);
                        again = true;
                        None
                    }
                    Some(Outcome::Again) if client.again() => {
                        // Other clients and the lines come first; a script that only says
                        // `again` must not stop the exchange.
                        client.wait = Some(Wait::Sleep(self.now));
                        None
                    }
                    Some(Outcome::Again) => Some(Err("again is for scripts".into())),
                    None => {
                        again = true;
                        None
                    }
                },
                None => None,
            },
        };
        if let Some(answer) = answer {
            client.answer(&answer, self.poll.registry());
            again = true;
        }
        if client.finished() {
            return false; // dropped
        }
        self.control.clients[place] = Some(client);
        again && !self.quit
    }

    /// Whether a wait is over, and how.
    fn waited(&mut self, wait: &Wait) -> Option<Result<String, String>> {
        let fulfilled = match wait {
            Wait::Line(id, conditions, _) => match self.line(*id) {
                Some(_) => conditions.iter().all(|c| self.holds(*id, *c)),
                None => return Some(Err("the line has been removed".into())),
            },
            Wait::Heard(id, text, _) => match self.line_mut(*id) {
                Some(line) => line.far.as_mut().is_some_and(|far| far.expect(text)),
                None => return Some(Err("the line has been removed".into())),
            },
            Wait::HangUp(id, until) => {
                let typed = self.line(*id).is_some_and(|l| l.far.as_ref().is_some_and(|far| far.has_typed()));
                let over = !typed || *until <= self.now;
                if over {
                    self.with_modem(*id, |modem, _, out| {
                        modem.hang_up(out);
                        true
                    });
                    self.drain();
                }
                over
            }
            Wait::Sleep(until) => *until <= self.now,
        };
        if fulfilled {
            return Some(Ok(String::new()));
        }
        if wait.until() > self.now {
            return None;
        }
        Some(Err(match wait {
            Wait::Line(id, ..) => format!("timeout; {}", self.state(*id)),
            Wait::Heard(id, ..) => {
                let heard = self.line_mut(*id).and_then(|l| l.far.as_mut()).map(|far| far.heard());
                format!("timeout; heard: {}", ttyline::visible::terminal(heard.unwrap_or_default()))
            }
            Wait::HangUp(..) | Wait::Sleep(_) => String::new(),
        }))
    }

    fn holds(&self, id: LineId, condition: Condition) -> bool {
        let Some(line) = self.line(id) else { return false };
        match condition {
            Condition::Doing(state) => line.modem.doing().word() == state,
            Condition::Dtr(on) => line.modem.dtr_on() == on,
            Condition::Open(open) => line.open == open,
            Condition::Carrier(on) => line.modem.lines().dcd == on,
            Condition::Held(held) => self.switch.held(id) == held,
            Condition::Rings(rings) => line.modem.doing().word() == "ringing" && line.modem.rings() >= rings,
            Condition::Calls(calls) => line.calls >= calls,
            Condition::Hears(sound) => line.modem.hears() == sound,
            Condition::Device(there) => self.device(id).is_empty() != there,
            on_wire => line.wire.as_deref().is_some_and(|wire| match on_wire {
                Condition::Rts(on) => wire.rts == on,
                Condition::Speed(speed) => wire.coding.is_some_and(|c| c.runs_at(speed)),
                Condition::Frame(frame) => wire.coding.is_some_and(|c| c.frame == frame),
                Condition::Breaks(breaks) => wire.breaks >= breaks,
                Condition::Plugged(plugged) => wire.plugged == plugged,
                _ => false,
            }),
        }
    }

    /// `None`: the line was empty.
    fn obey(&mut self, text: &str) -> Option<Outcome> {
        let order = match Order::parse(text) {
            Ok(None) => return None,
            Ok(Some(order)) => order,
            Err(why) => return Some(failed(why)),
        };
        let outcome = match order {
            Order::Add(new) => match self.add(&new) {
                Ok(()) => done(),
                Err(e) => failed(format!("{e:#}")),
            },
            Order::List => Outcome::Now(Ok(self.list())),
            Order::Cadence(cadence) => {
                self.switch.habits.cadence = cadence;
                done()
            }
            Order::Sleep(time) => Outcome::Wait(Wait::Sleep(self.now + time)),
            Order::Again => Outcome::Again,
            Order::Quit => {
                self.quit = true;
                done()
            }
            Order::Line(number, order) => match self.switch.find(&number) {
                Some(id) => {
                    if !matches!(
                        order,
                        LineOrder::State | LineOrder::Wait(..) | LineOrder::Heard | LineOrder::Note(_)
                    ) {
                        self.tell(id, Happening::Order(text.trim()));
                    }
                    self.obey_line(id, order)
                }
                None => failed(format!("there is no line {number}")),
            },
        };
        self.drain();
        Some(outcome)
    }

    fn obey_line(&mut self, id: LineId, order: LineOrder) -> Outcome {
        match order {
            LineOrder::Remove => self.remove(id),
            LineOrder::State => {
                self.look(id);
                return Outcome::Now(Ok(self.state(id).to_string()));
            }
            LineOrder::Set(settings) => return self.set(id, &settings),
            LineOrder::Answer => {
                if !self.line(id).is_some_and(|l| matches!(l.modem.doing().word(), "ringing" | "offhook")) {
                    return failed("it does not ring");
                }
                self.with_modem(id, |modem, now, out| {
                    modem.answer(now, out);
                    true
                });
            }
            LineOrder::Dial(number) => {
                if self.line(id).is_some_and(|l| l.modem.online()) {
                    return failed("the line is in a call");
                }
                if !self.with_modem(id, |modem, now, out| modem.dial(&number, now, out)) {
                    return failed(format!("{number} cannot be dialled"));
                }
            }
            LineOrder::HangUp => {
                let typed = self.line(id).is_some_and(|l| l.far.as_ref().is_some_and(|far| far.has_typed()));
                if typed && self.line(id).is_some_and(|l| l.modem.online()) {
                    return Outcome::Wait(Wait::HangUp(id, self.now + PATIENCE));
                }
                self.with_modem(id, |modem, _, out| {
                    modem.hang_up(out);
                    true
                });
            }
            LineOrder::Type(text) => {
                let Some(line) = self.line_mut(id) else { return failed("no line") };
                if line.port.is_none() && !line.modem.online() {
                    return failed("the line is not connected");
                }
                if !line.far.get_or_insert_default().type_in(&text) {
                    return failed("too much is waiting to be sent");
                }
                self.steps.push_back(Step::Input(id));
            }
            LineOrder::Note(text) => self.tell(id, Happening::Note(&text)),
            LineOrder::Heard => {
                let heard = self.line_mut(id).map(|l| l.far.get_or_insert_default().heard());
                let text = ttyline::visible::terminal(heard.unwrap_or_default());
                return Outcome::Now(Ok(Value::String(text).to_string()));
            }
            LineOrder::Expect(limit, text) => {
                if let Some(line) = self.line_mut(id) {
                    line.far.get_or_insert_default();
                }
                return Outcome::Wait(Wait::Heard(id, text, self.now + limit));
            }
            LineOrder::Play(sound) => {
                self.with_modem(id, |modem, _, out| {
                    modem.play(sound, out);
                    true
                });
            }
            LineOrder::Cut => self.drop_carrier(id),
            LineOrder::Hand(deed) => {
                let Some((place, channel)) = self.line(id).and_then(|l| l.port) else {
                    return failed("the line is not on the USB");
                };
                let mut result = Ok(());
                let work = |port: &mut dyn Port, registry: &mio::Registry, happened: &mut Vec<_>| {
                    result = port.by_hand(channel, deed, registry, happened);
                    Ok(()) // a deed that fails is no dead port
                };
                self.with_port(place, &mut Vec::new(), work);
                if let Err(e) = result {
                    return failed(e.to_string());
                }
            }
            LineOrder::Fault(faults) => {
                for planned in faults {
                    if planned.fault == Fault::PowerCycle(None) {
                        self.power_cycle(id);
                    } else if let Some(line) = self.line_mut(id) {
                        line.faults.planned.push(planned);
                    }
                }
                self.arm_faults(id);
            }
            LineOrder::NoFaults => {
                if let Some(line) = self.line_mut(id) {
                    line.faults.planned.clear();
                }
                self.arm_faults(id);
            }
            LineOrder::Wait(conditions, limit) => {
                if conditions.iter().any(|c| matches!(c, Condition::Dtr(_) | Condition::Device(_))) {
                    self.look(id);
                    self.look_at.get_or_insert(self.now + LOOK);
                }
                return Outcome::Wait(Wait::Line(id, conditions, self.now + limit));
            }
        }
        done()
    }

    fn set(&mut self, id: LineId, settings: &[Setting]) -> Outcome {
        for setting in settings {
            match setting {
                Setting::Hold(on) => {
                    let on = *on;
                    self.with_switch(|switch, now, out| switch.set_holds(id, on, now, out));
                }
                Setting::TtyHangup(_) => return failed("tty-hangup is chosen when the line is added"),
                other => {
                    if let Some(line) = self.line_mut(id) {
                        line.set(other);
                    }
                }
            }
        }
        self.arm_faults(id);
        self.steps.push_back(Step::Pump(id));
        done()
    }

    fn list(&self) -> String {
        let lines = self.lines.iter().flatten().filter_map(|line| {
            let id = self.switch.find(&line.number)?;
            Some(json!({
                "number": &*line.number, "device": self.device(id), "state": line.modem.doing().word(),
                "peer": self.switch.peer(id).map(|p| self.switch.number(p)),
            }))
        });
        Value::Array(lines.collect()).to_string()
    }

    fn state(&self, id: LineId) -> Value {
        let Some(line) = self.line(id) else { return Value::Null };
        let lines = line.modem.lines();
        let peer = self.switch.peer(id);
        let mut state = json!({
            "number": &*line.number,
            "device": self.device(id),
            "state": line.modem.doing().word(),
            "open": line.open,
            "dtr": line.modem.dtr_on(),
            "carrier": lines.dcd,
            "ring": lines.ri,
            "rings": line.modem.rings(),
            "hears": line.modem.hears().name(),
            "peer": peer.map(|p| self.switch.number(p)),
            "caller": self.switch.is_caller(id),
            "held": self.switch.held(id),
            "calls": line.calls,
            "sent": line.sent,
            "received": peer.and_then(|p| self.line(p)).map(|l| l.sent),
            "pace": line.rate,
        });
        if let (Some(wire), Some(fields)) = (line.wire.as_deref(), state.as_object_mut()) {
            fields.insert("plugged".into(), json!(wire.plugged));
            fields.insert("rts".into(), json!(wire.rts));
            fields.insert("speed".into(), json!(wire.coding.map(|c| c.speed)));
            fields.insert("frame".into(), json!(wire.coding.map(|c| c.frame.to_string())));
            fields.insert("breaks".into(), json!(wire.breaks));
        }
        state
    }
}
