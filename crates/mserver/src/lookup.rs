//! Names of clients, looked up beside the event loop.

use mio::Waker;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use ttyline::hosts_access::lookup::{HostName, look_up};

/// How long a resolver may take; then the client has no name.
pub const LIMIT: Duration = Duration::from_secs(5);
/// How many look-ups run at a time: a resolver that hangs keeps its thread.
const MOST: usize = 8;

/// Look-ups that run and look-ups that wait.
#[derive(Debug)]
pub struct Lookups {
    waker: Arc<Waker>,
    tell: Sender<(IpAddr, HostName)>,
    hear: Receiver<(IpAddr, HostName)>,
    running: HashMap<IpAddr, Instant>,
    queued: VecDeque<IpAddr>,
    threads: usize,
}

impl Lookups {
    /// Wakes `waker` with every answer.
    #[must_use]
    pub fn new(waker: Arc<Waker>) -> Lookups {
        let (tell, hear) = channel();
        Lookups { waker, tell, hear, running: HashMap::new(), queued: VecDeque::new(), threads: 0 }
    }

    /// Begins to look an address up, unless that is being done.
    pub fn ask(&mut self, address: IpAddr) {
        if !self.running.contains_key(&address) && !self.queued.contains(&address) {
            self.queued.push_back(address);
            self.start();
        }
    }

    fn start(&mut self) {
        while self.threads < MOST {
            let Some(address) = self.queued.pop_front() else { return };
            let (tell, waker) = (self.tell.clone(), Arc::clone(&self.waker));
            let spawned = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
                let name = look_up(address);
                let _ = tell.send((address, name));
                let _ = waker.wake();
            });
            if spawned.is_ok() {
                self.threads += 1;
                self.running.insert(address, Instant::now());
            } else {
                let _ = self.tell.send((address, HostName::Unknown));
                let _ = self.waker.wake();
                return;
            }
        }
    }

    /// The answers that have come.
    pub fn answers(&mut self) -> Vec<(IpAddr, HostName)> {
        let answers: Vec<_> = self.hear.try_iter().collect();
        for (address, _) in &answers {
            if self.running.remove(address).is_some() {
                self.threads -= 1;
            }
        }
        self.start();
        answers
    }
}
