//! Who opens and closes the ptys: one inotify for all of them.
//!
//! A pty's master is told of the last close (end of file), but not of an open. inotify tells
//! both, costs nothing while nothing happens, and needs no descriptor per line.

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// The inotify and what its watches belong to.
pub struct Watch {
    inotify: Inotify,
    tokens: RefCell<HashMap<WatchDescriptor, Token>>,
}

impl Watch {
    /// A fresh inotify. Where there is none (limits), ptys work without: an open is then noticed
    /// with the first byte, or when a RING is due.
    pub fn new() -> io::Result<Watch> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        Ok(Watch { inotify, tokens: RefCell::default() })
    }

    /// Registers the inotify with the poll.
    pub fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        SourceFd(&self.inotify.as_fd().as_raw_fd()).register(registry, token, Interest::READABLE)
    }

    /// Watches a pty's slave for the port registered under `token`.
    pub fn add(&self, slave: &Path, token: Token) -> Option<WatchDescriptor> {
        let watch = self.inotify.add_watch(slave, AddWatchFlags::IN_OPEN | AddWatchFlags::IN_CLOSE).ok()?;
        self.tokens.borrow_mut().insert(watch, token);
        Some(watch)
    }

    /// Ends a watch.
    pub fn remove(&self, watch: WatchDescriptor) {
        self.tokens.borrow_mut().remove(&watch);
        let _ = self.inotify.rm_watch(watch); // gone with the pty, most often
    }

    /// Whose slaves have been opened or closed since.
    pub fn news(&self) -> Vec<Token> {
        let mut tokens = Vec::new();
        while let Ok(events) = self.inotify.read_events() {
            let known = self.tokens.borrow();
            tokens.extend(events.iter().filter_map(|event| known.get(&event.wd)));
        }
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }
}
