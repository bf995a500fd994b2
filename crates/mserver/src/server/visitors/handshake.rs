//! TLS's handshake, before a client is given a modem.

use super::{Visitor, Waits};
use crate::access::Caller;
use crate::server::{Server, Timer};
use crate::tls::Secured;
use crate::wire::Wire;
use std::time::Duration;
use ttyline::config::mserver::Hosts;

/// How long TLS's handshake may take in all, however its bytes come.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Whether a visitor may be let in at all.
pub(super) enum Invited {
    Yes,
    NeedName,
    No,
}

impl Server {
    /// Whether its port asks for TLS, which it does not speak yet.
    pub(super) fn is_to_be_secured(&self, n: usize) -> bool {
        self.visitors.get(n).is_some_and(|visitor| {
            let keys = self.ports.get(visitor.port).and_then(Option::as_ref).and_then(|p| p.keys.as_ref());
            keys.is_some() && matches!(visitor.stream, Wire::Plain(_))
        })
    }

    /// Whether any line of its port could let it in: strangers are spared the arithmetic of TLS.
    pub(super) fn invites(&self, n: usize, caller: &Caller) -> Invited {
        let port = self.visitors.get(n).and_then(|v| self.ports.get(v.port)).and_then(Option::as_ref);
        let mut invited = Invited::No;
        for seat in port.into_iter().flat_map(|p| &p.seats) {
            let Some(conf) = self.seats.get(*seat).and_then(Option::as_ref).map(|s| &s.conf) else {
                continue;
            };
            let watch = &conf.options.watch;
            if caller.admitted_by(conf.hosts.as_ref()) || watch.admit(caller.peer, caller.known_name()) {
                return Invited::Yes;
            }
            let named = |hosts: &Hosts| caller.name.is_none() && hosts.need_name(caller.peer);
            if named(watch) || conf.hosts.as_ref().is_some_and(named) {
                invited = Invited::NeedName;
            }
        }
        invited
    }

    /// Begins TLS.
    pub(super) fn secure(&mut self, n: usize) {
        let until = self.now + HANDSHAKE;
        let Some(visitor) = self.visitors.remove(n) else { return };
        let keys = self.ports.get(visitor.port).and_then(Option::as_ref).and_then(|p| p.keys.clone());
        let (Some(keys), Wire::Plain(socket)) = (keys, visitor.stream) else { return };
        match Secured::new(socket, &keys) {
            Ok(secured) => {
                let stream = Wire::Tls(Box::new(secured));
                // The number was just freed, so it is the same again.
                let again = self.visitors.insert(Visitor { stream, waits: Waits::ForTls(until), ..visitor });
                debug_assert_eq!(again, n);
                self.at(until, Timer::Visitor(again));
                self.shake_hands(again);
            }
            Err(why) => self.complain(format!("port {}: TLS: {why}", visitor.caller.port)),
        }
    }

    /// Carries TLS's handshake on.
    pub(super) fn shake_hands(&mut self, n: usize) {
        let Some(visitor) = self.visitors.get_mut(n) else { return };
        let Wire::Tls(secured) = &mut visitor.stream else { return };
        match secured.handshake() {
            Ok(false) => {}
            Ok(true) => {
                visitor.caller.certificate = secured.client().map(Into::into);
                visitor.waits = Waits::ForSeat(self.now);
                self.place(n);
            }
            Err(why) => self.fail_tls(n, &why),
        }
    }

    pub(super) fn fail_tls(&mut self, n: usize, why: &str) {
        let Some(visitor) = self.visitors.get(n) else { return };
        let text = format!("port {}: {}: TLS: {why}", visitor.caller.port, visitor.caller.shown());
        self.complain(text);
        self.drop_visitor(n);
    }
}
