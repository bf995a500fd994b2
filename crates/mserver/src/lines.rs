//! Changes of the modem lines, waited for in a thread of its own (TIOCMIWAIT).

use mio::Waker;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;
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
    /// The lines are so now.
    State(u8),
    /// The port cannot be waited for: it must be looked at.
    Unsupported,
}

/// A thread that waits; it ends with this value.
#[derive(Debug)]
pub struct Waiting {
    stop: Arc<AtomicBool>,
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
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let say = move |news| {
            let _ = tell.send((session, news));
            let _ = waker.wake();
        };
        // The smallest stack there is: the loop calls nothing deep.
        let thread = std::thread::Builder::new().stack_size(16 * 1024).spawn(move || {
            let mut told = told;
            while !seen.load(Ordering::Acquire) {
                // Looked at before each wait, and again after telling: a client may answer news by a change.
                let Ok(lines) = tty::modem_lines(&*line) else { return say(News::Unsupported) };
                let state = notices::state_of(lines);
                if state != told {
                    told = state;
                    say(News::State(state));
                    continue;
                }
                match tty::wait_for_change(&*line, ALL) {
                    Ok(()) => {}
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    // ENOTTY, EINVAL: no such thing here. EIO, ENODEV: gone; reading says so too.
                    Err(_) => return say(News::Unsupported),
                }
            }
        });
        Some(Waiting { stop, thread: Some(thread.ok()?) })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
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
