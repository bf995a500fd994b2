//! A modem played by the test: a thread on a pty's master that echoes commands and answers them.

use crate::pty::Pty;
use crate::wait::{self, PATIENCE};
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// How the modem behaves.
#[derive(Clone)]
pub struct Manner {
    /// Commands are echoed.
    pub echo: bool,
    /// Commands are answered: `OK`, or [`Manner::connect`] to `ATA` and `ATD`.
    pub answers: bool,
    /// The text that answers `ATA` and `ATD`.
    pub connect: String,
    /// Time from `ATA` to the answer.
    pub handshake: Duration,
    /// Answers to chosen commands (upper case, with `AT`), before the rules above.
    pub replies: Vec<(String, String)>,
}

impl Default for Manner {
    fn default() -> Self {
        Manner {
            echo: true,
            answers: true,
            connect: "CONNECT 33600".into(),
            handshake: Duration::from_millis(50),
            replies: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Shared {
    /// All bytes from the program, with the time each piece came.
    received: Vec<u8>,
    pieces: Vec<(Instant, usize)>,
    /// Commands seen, upper case.
    commands: Vec<String>,
    /// When `CONNECT` was written.
    connected: Option<Instant>,
    online: bool,
    stop: bool,
}

/// A modem on a pty.
pub struct Modem {
    pty: Pty,
    shared: Arc<(Mutex<Shared>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Modem {
    /// A modem that answers `OK` to everything and `CONNECT 33600` to `ATA`.
    pub fn new() -> Modem {
        Modem::with(Manner::default())
    }

    /// A modem of the given manner.
    pub fn with(manner: Manner) -> Modem {
        let pty = Pty::raw();
        let shared = Arc::new((Mutex::new(Shared::default()), Condvar::new()));
        let (master, there) = (pty.master(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || play(&master, &manner, &there));
        Modem { pty, shared, thread: Some(thread) }
    }

    /// The line it stands on.
    pub fn pty(&self) -> &Pty {
        &self.pty
    }

    /// `pts/N`.
    pub fn line(&self) -> String {
        self.pty.line()
    }

    /// Sends bytes to the program; gives the time of it, taken before: on a busy machine the program may answer
    /// before this thread runs again.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Instant {
        let now = Instant::now();
        self.pty.write(bytes.as_ref());
        now
    }

    /// One `RING`.
    pub fn ring(&self) -> Instant {
        self.send("\r\nRING\r\n")
    }

    /// How many bytes have come so far: the place from which a later wait looks.
    pub fn mark(&self) -> usize {
        self.shared.0.lock().expect("modem thread").received.len()
    }

    /// What has come since `mark`.
    pub fn received(&self, mark: usize) -> Vec<u8> {
        self.shared.0.lock().expect("modem thread").received[mark..].to_vec()
    }

    /// Commands so far, upper case.
    pub fn commands(&self) -> Vec<String> {
        self.shared.0.lock().expect("modem thread").commands.clone()
    }

    /// When the modem said `CONNECT`.
    pub fn connected_at(&self) -> Option<Instant> {
        self.shared.0.lock().expect("modem thread").connected
    }

    /// Back to command state, as after a hang-up.
    pub fn hang_up(&self) {
        let mut shared = self.shared.0.lock().expect("modem thread");
        shared.online = false;
        shared.connected = None;
    }

    /// Whether it carries data.
    pub fn online(&self) -> bool {
        self.shared.0.lock().expect("modem thread").online
    }

    /// Waits until `text` has come after `mark`; gives the place behind it.
    pub fn expect(&self, text: &str, mark: usize) -> usize {
        self.expect_within(text, mark, PATIENCE).unwrap_or_else(|| {
            panic!(
                "no {text:?} from the program; it sent {:?}",
                String::from_utf8_lossy(&self.received(mark))
            )
        })
    }

    /// As [`Modem::expect`], `None` when `limit` is over.
    pub fn expect_within(&self, text: &str, mark: usize, limit: Duration) -> Option<usize> {
        let end = Instant::now() + limit;
        let (lock, changed) = &*self.shared;
        let mut shared = lock.lock().expect("modem thread");
        loop {
            let here = &shared.received[mark..];
            if let Some(at) = here.windows(text.len().max(1)).position(|w| w == text.as_bytes()) {
                return Some(mark + at + text.len());
            }
            let left = end.checked_duration_since(Instant::now())?;
            shared = changed.wait_timeout(shared, left).expect("modem thread").0;
        }
    }

    /// When byte number `place` (from 0) came.
    pub fn time_of(&self, place: usize) -> Instant {
        let shared = self.shared.0.lock().expect("modem thread");
        shared.pieces.iter().find(|(_, end)| *end > place).expect("that byte has come").0
    }

    /// Waits until `count` commands have been seen.
    pub fn commands_seen(&self, count: usize) -> Vec<String> {
        let seen = || Some(self.commands()).filter(|c| c.len() >= count);
        wait::until_within(PATIENCE, seen).unwrap_or_else(|| {
            panic!("{count} commands were to come, not {:?} of {:?}", self.commands(), self.received(0))
        })
    }
}

impl Default for Modem {
    fn default() -> Self {
        Modem::new()
    }
}

impl Drop for Modem {
    fn drop(&mut self) {
        self.shared.0.lock().expect("modem thread").stop = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn play(master: &std::fs::File, manner: &Manner, shared: &(Mutex<Shared>, Condvar)) {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::io::Read;
    use std::os::fd::AsFd;
    let (mut line, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        if shared.0.lock().expect("test thread").stop {
            return;
        }
        let mut wanted = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut wanted, PollTimeout::from(50u8));
        let mut file = master;
        let Ok(n) = file.read(&mut buffer) else { continue };
        let now = Instant::now();
        let online = {
            let mut state = shared.0.lock().expect("test thread");
            state.received.extend_from_slice(&buffer[..n]);
            let end = state.received.len();
            state.pieces.push((now, end));
            shared.1.notify_all();
            state.online
        };
        if online {
            line.clear();
            continue;
        }
        if manner.echo {
            let _ = file.write_all(&buffer[..n]);
        }
        for &byte in &buffer[..n] {
            // V.250 5.2.2: the line editing character rubs one out.
            if byte == 8 {
                line.pop();
                continue;
            }
            if byte != b'\r' {
                line.push(byte.to_ascii_uppercase());
                continue;
            }
            let raw = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            let Some(at) = raw.find("AT") else { continue };
            let command = raw[at..].to_string();
            shared.0.lock().expect("test thread").commands.push(command.clone());
            shared.1.notify_all();
            let chosen = manner.replies.iter().find(|(c, _)| *c == command).map(|(_, r)| r.clone());
            let calls = command == "ATA" || command.starts_with("ATD");
            if let Some(reply) = chosen {
                let _ = file.write_all(reply.as_bytes());
            } else if manner.answers && calls {
                sleep(manner.handshake);
                shared.0.lock().expect("test thread").online = true;
                let now = Instant::now();
                let _ = write!(file, "\r\n{}\r\n", manner.connect);
                shared.0.lock().expect("test thread").connected = Some(now);
            } else if manner.answers {
                let _ = file.write_all(b"\r\nOK\r\n");
            }
        }
    }
}
