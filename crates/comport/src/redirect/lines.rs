//! The settings and modem lines of a port: what the application has set, what the server says of it.

use super::{Counts, Loop, Redirect, USUAL};
use crate::config::Byte;
use crate::port::Port;
use crate::session::Event;
use std::time::Duration;
use ttyline::telnet::com_port::modem_state::{CTS, DCD, DSR, RI};
use ttyline::telnet::com_port_client::{Item, News};
use ttyline::telnet::com_port_server::Purge;

impl Redirect {
    pub(super) fn send_settings(&mut self, now: Duration) {
        let wanted = self.port.wanted();
        if let Some(client) = &mut self.client {
            client.set(wanted, now, &mut self.wire);
        }
    }

    pub(super) fn settings(&mut self, now: Duration) {
        if self.port.settings_changed(now) {
            self.send_settings(now);
        }
    }

    pub(super) fn purge(&mut self, what: Purge, now: Duration) {
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

    pub(super) fn hear(&mut self, news: &[News], ctx: &mut Loop<'_>) {
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
            if !self.complained.contains(&item) {
                self.complained.push(item);
            }
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

    pub(super) fn show(&mut self, state: u8) {
        let before = std::mem::replace(&mut self.shown, state);
        for (count, line) in self.counts.lines.iter_mut().zip([CTS, DSR, RI, DCD]) {
            // A ring counts when it ends, as on a UART.
            let counts = if line == RI { before & !state } else { before ^ state };
            *count = count.wrapping_add(u32::from(counts & line != 0));
        }
        self.port.show(state);
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

    pub(super) fn set_break(&mut self, on: bool, now: Duration) {
        if let Some(client) = &mut self.client {
            client.set_break(on, now, &mut self.wire);
        }
    }
}
