//! The connection of a port: how it is made, what it tells, how it ends.

use super::{FAREWELL, Link, Loop, Redirect, USUAL};
use crate::address::Language;
use crate::fault::{Fault, reason};
use crate::net::{Net, look_up};
use crate::session::Event;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use ttyline::telnet::com_port_client::Client;

impl Redirect {
    pub(super) fn dial(&mut self, ctx: &mut Loop<'_>) {
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

    pub(super) fn lost(&mut self, fault: Fault, ctx: &mut Loop<'_>) {
        self.handle(Event::Lost(fault), ctx);
    }

    /// Ends the connection. What was sent arrives; what comes is for nobody.
    pub(super) fn close(&mut self, ctx: &mut Loop<'_>) {
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

    pub(super) fn forget_leaving(&mut self, ctx: &mut Loop<'_>) {
        if let Some((mut net, _)) = self.leaving.take() {
            net.deregister(ctx.registry);
        }
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
}
