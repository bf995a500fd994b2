//! Changes of the modem lines, waited for in a thread of its own (TIOCMIWAIT).
//!
//! Most drivers note what there was when TIOCMIWAIT begins: a change after the thread's last look and before
//! that is lost to it. So the loop asks now and then whether the driver has counted more changes than the
//! thread knows of, soonest just after news, and has the thread look again.

use mio::Waker;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
use ttyline::line::Line;
use ttyline::sys::threads;
use ttyline::sys::tty::{self, ModemLines};
use ttyline::telnet::notices;

/// CTS, DCD, RI, DSR (TIOCM_* of termios.h).
const ALL: ModemLines = ModemLines(0x20 | 0x40 | 0x80 | 0x100);
/// Ends the waiting; its handler does nothing that matters (SIGUSR2).
pub const WAKE_UP: nix::sys::signal::Signal = nix::sys::signal::Signal::SIGUSR2;

/// What a waiting thread tells of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Something changed; the lines are so now, which may be as they were before.
    State(u8),
    /// The port cannot be waited for: it must be looked at.
    Unsupported,
}

/// Whether a thread has missed a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It knows of all that the driver has counted.
    Nothing,
    /// It does not.
    Something,
    /// The driver counts nothing.
    Unknown,
}

/// What the thread and the loop share.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// The driver's count before the thread's last look.
    count: AtomicU32,
}

/// A thread that waits; it ends with this value.
#[derive(Debug)]
pub struct Waiting {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Begins to wait for another state than `told`. News are told with `session`.
    #[must_use]
    pub fn begin(
        line: Arc<OwnedFd>,
        told: u8,
        session: (usize, u64),
        tell: Sender<((usize, u64), News)>,
        waker: Arc<Waker>,
    ) -> Option<Waiting> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let say = move |news| {
            let _ = tell.send((session, news));
            let _ = waker.wake();
        };
        // The smallest stack there is: the loop calls nothing deep.
        let thread = std::thread::Builder::new().stack_size(16 * 1024).spawn(move || {
            let (mut told, mut changed) = (told, false);
            while !seen.stop.load(Ordering::Acquire) {
                // The count first: what is counted later may not be in the state.
                seen.count.store(tty::input_line_changes(&*line).unwrap_or(0), Ordering::Release);
                let Ok(lines) = tty::modem_lines(&*line) else { return say(News::Unsupported) };
                let state = notices::state_of(lines);
                if changed || state != told {
                    // Looked at again before the waiting: a client may answer news by a change.
                    (told, changed) = (state, false);
                    say(News::State(state));
                    continue;
                }
                match tty::wait_for_change(&*line, ALL) {
                    Ok(()) => changed = true,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    // ENOTTY, EINVAL: no such thing here. EIO, ENODEV: gone; reading says so too.
                    Err(_) => return say(News::Unsupported),
                }
            }
        });
        Some(Waiting { shared, thread: Some(thread.ok()?) })
    }

    /// Whether the driver has counted more than the thread knows. Asks the driver's memory, never the wire.
    #[must_use]
    pub fn missed(&self, line: &Line) -> Missed {
        match tty::input_line_changes(line).unwrap_or(0) {
            0 => Missed::Unknown,
            count if count == self.shared.count.load(Ordering::Acquire) => Missed::Nothing,
            _ => Missed::Something,
        }
    }

    /// Has the thread look at the lines now.
    pub fn look(&self) {
        if let Some(thread) = &self.thread {
            threads::interrupt(thread, WAKE_UP as i32);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        // Once does not always do: the signal may come just before the thread waits.
        for _ in 0..200 {
            if thread.is_finished() {
                let _ = thread.join();
                return;
            }
            threads::interrupt(&thread, WAKE_UP as i32);
            std::thread::sleep(Duration::from_micros(250));
        }
    }
}
