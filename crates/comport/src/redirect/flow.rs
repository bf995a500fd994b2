//! Bytes of a port, both ways. Those of the application wait in `data`, at most [`MOST`] of them; what a purge must not
//! touch (requests, answers, bytes half sent) waits in `wire`. Bytes for the application wait in `to_port`. While these
//! wait, or much in `wire`, nothing is read from the network: that is all of back-pressure, and nothing grows.

use super::{CHUNK, Link, Loop, MOST, Redirect};
use crate::fault::Fault;
use crate::port::{Input, Port};
use crate::pty::PtyPort;
use crate::session::Event;
use std::io;
use ttyline::telnet::com_port_client::Client;

impl Redirect {
    pub(super) fn read_port(&mut self, ctx: &mut Loop<'_>) -> bool {
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

    /// Sends what can be sent.
    pub(super) fn send(&mut self, ctx: &mut Loop<'_>) -> bool {
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

    pub(super) fn read_net(&mut self, ctx: &mut Loop<'_>) -> bool {
        if !self.to_port.is_empty() && !self.deliver_rest() {
            return false;
        }
        // Requests that are answered, from a server that reads no answers.
        if self.wire.len() >= MOST {
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

    /// The application has gone, and all it wrote has been sent (or has had its time).
    pub(super) fn last_bytes_gone(&mut self, ctx: &mut Loop<'_>) {
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
}
