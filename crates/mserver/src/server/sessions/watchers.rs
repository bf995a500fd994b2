//! Those who look on.

use super::flow::is_later;
use crate::access::Caller;
use crate::server::{Server, Source};
use crate::wire::Wire;
use mio::Interest;
use ttyline::log::Severity;

/// Somebody who looks on.
#[derive(Debug)]
pub(in crate::server) struct Watcher {
    pub(super) stream: Wire,
    pub(in crate::server) caller: Caller,
    session: usize,
}

impl Server {
    /// Somebody looks on from now on.
    pub(in crate::server) fn add_watcher(&mut self, mut stream: Wire, caller: Caller, session: usize) {
        let text = format!("{} watches session {session}", caller.shown());
        self.journal.say(Severity::Notice, text);
        let _ = self.poll.registry().deregister(stream.socket());
        let n = self.watchers.insert(Watcher { stream, caller, session });
        if let Some(watcher) = self.watchers.get_mut(n) {
            let token = Source::Watcher(n).token();
            // Writable: for TLS's records that wait.
            let both = Interest::READABLE | Interest::WRITABLE;
            let _ = self.poll.registry().register(watcher.stream.socket(), token, both);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.watchers.push(n);
        }
        self.watcher_event(n);
    }

    /// What a watcher types is read and thrown away.
    pub(in crate::server) fn watcher_event(&mut self, n: usize) {
        let Some(watcher) = self.watchers.get_mut(n) else { return };
        let _ = watcher.stream.flush();
        let mut buffer = [0; 512];
        for _ in 0..64 {
            match watcher.stream.read(&mut buffer) {
                Ok(1..) => {}
                Err(e) if is_later(&e) => return,
                _ => return self.end_watcher(n),
            }
        }
        // One who floods is not listening.
        self.end_watcher(n);
    }

    pub(super) fn end_watcher(&mut self, n: usize) {
        let Some(mut watcher) = self.watchers.remove(n) else { return };
        watcher.stream.close();
        let _ = self.poll.registry().deregister(watcher.stream.socket());
        if let Some(session) = self.sessions.get_mut(watcher.session) {
            session.watchers.retain(|w| *w != n);
        }
    }
}
