//! Waiting for another program to let go of the line: no polling.
//!
//! Its lock file is watched by inotify on the lock directory, the process that the lock names by a
//! pidfd (a program may end and leave its lock behind).

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;
use ttyline::line_name::LineName;
use ttyline::lock::process::has_open;
use ttyline::lock::{Holder, Locks};
use ttyline::sys::process;

/// Where neither inotify nor a pidfd can be had, and against whatever they cannot see.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Who has the line, and how we hear that he has not any more.
#[derive(Debug)]
pub struct Foreign {
    changes: Option<Inotify>,
    process: Option<OwnedFd>,
    pid: Option<i32>,
}

impl Foreign {
    /// Begins to watch. `directory` is where the lock files are; a program that holds `device` by `flock`
    /// alone is heard when it closes it.
    pub fn watch(directory: &Path, device: &Path, holder: Option<&Holder>) -> Foreign {
        let changes = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok().filter(|inotify| {
            let events = AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_CREATE;
            let closes = AddWatchFlags::IN_CLOSE_WRITE | AddWatchFlags::IN_CLOSE_NOWRITE;
            let _ = inotify.add_watch(device, closes);
            inotify.add_watch(directory, events).is_ok()
        });
        let mut foreign = Foreign { changes, process: None, pid: None };
        foreign.watch_process(holder);
        foreign
    }

    fn watch_process(&mut self, holder: Option<&Holder>) {
        let pid = holder.and_then(|h| h.pid);
        if pid != self.pid {
            self.pid = pid;
            self.process = pid.and_then(|pid| process::pidfd_open(pid).ok());
        }
    }

    /// What becomes readable when something has changed.
    pub fn sources(&self) -> Vec<BorrowedFd<'_>> {
        let changes = self.changes.as_ref().map(AsFd::as_fd);
        changes.into_iter().chain(self.process.as_ref().map(AsFd::as_fd)).collect()
    }

    /// How long nothing may be heard before [`Foreign::still`] is to be asked anyway.
    pub fn patience(&self) -> Duration {
        LOOK_AGAIN
    }

    /// Whether somebody still has the line.
    pub fn still(&mut self, locks: &Locks, name: &LineName) -> bool {
        if let Some(changes) = &self.changes {
            // One read takes many events; what is left wakes us again.
            let _ = changes.read_events();
        }
        let holder = locks.look(name).ok().and_then(|report| report.holder());
        if holder.is_none() && self.pid.is_some_and(|pid| has_open(pid, &name.path())) {
            // Somebody has removed its lock; its end, or its close of the line, will be heard.
            return true;
        }
        self.watch_process(holder.as_ref());
        holder.is_some()
    }
}
