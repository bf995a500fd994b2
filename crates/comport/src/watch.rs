//! Who opens and closes the ptys: one inotify for all of them, which costs nothing while nothing happens.

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// The inotify, and which port each of its watches belongs to.
#[derive(Debug)]
pub struct Watch {
    inotify: Inotify,
    ports: HashMap<WatchDescriptor, usize>,
}

impl Watch {
    /// A fresh inotify, registered.
    ///
    /// # Errors
    /// The machine's limits.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Watch> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        SourceFd(&inotify.as_fd().as_raw_fd()).register(registry, token, Interest::READABLE)?;
        Ok(Watch { inotify, ports: HashMap::new() })
    }

    /// Watches a port's device, which may be another one than before.
    ///
    /// # Errors
    /// The machine's limits.
    pub fn add(&mut self, device: &Path, port: usize) -> io::Result<()> {
        self.ports.retain(|_, p| *p != port);
        let events = AddWatchFlags::IN_OPEN | AddWatchFlags::IN_CLOSE;
        self.ports.insert(self.inotify.add_watch(device, events)?, port);
        Ok(())
    }

    /// The ports that were opened or closed since.
    pub fn news(&self) -> Vec<usize> {
        let mut ports = Vec::new();
        while let Ok(events) = self.inotify.read_events() {
            ports.extend(events.iter().filter_map(|event| self.ports.get(&event.wd)));
        }
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}
