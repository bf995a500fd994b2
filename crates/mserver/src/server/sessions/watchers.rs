//! Those who look on.

use super::flow::is_later;
use crate::access::Caller;
use crate::server::{Server, Source};
use mio::Interest;
use mio::net::TcpStream;
use std::io::Read;
use ttyline::log::Severity;

/// Somebody who looks on.
#[derive(Debug)]
pub(in crate::server) struct Watcher {
    pub(super) stream: TcpStream,
    pub(in crate::server) caller: Caller,
    session: usize,
}

impl Server {
    /// Somebody looks on from now on.
    pub(in crate::server) fn add_watcher(&mut self, mut stream: TcpStream, caller: Caller, session: usize) {
        let text = format!("{} watches session {session}", caller.shown());
        self.journal.say(Severity::Notice, text);
        let _ = self.poll.registry().deregister(&mut stream);
        let n = self.watchers.insert(Watcher { stream, caller, session });
        if let Some(watcher) = self.watchers.get_mut(n) {
            let token = Source::Watcher(n).token();
            let _ = self.poll.registry().register(&mut watcher.stream, token, Interest::READABLE);
        }
        if let Some(session) = self.sessions.get_mut(session) {
            session.watchers.push(n);
        }
        self.watcher_event(n);
    }

    /// What a watcher types is read and thrown away.
    pub(in crate::server) fn watcher_event(&mut self, n: usize) {
        let Some(watcher) = self.watchers.get_mut(n) else { return };
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
        let _ = self.poll.registry().deregister(&mut watcher.stream);
        if let Some(session) = self.sessions.get_mut(watcher.session) {
            session.watchers.retain(|w| *w != n);
        }
    }
}
