//! Two telephones with modems, and the exchange between them: a thread on two ptys.
//!
//! A pty has no DTR, so the test itself says when a computer hangs up ([`Phone::hang_up`]).

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ringback_tests::pty::Pty;
use ringback_tests::wait::{PATIENCE, until_within};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The server's telephone.
pub const SERVER: usize = 0;
/// The client's.
pub const CLIENT: usize = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Command,
    /// Has dialled and waits for the answer.
    Dialling,
    Online,
}

#[derive(Debug)]
struct Shared {
    state: [State; 2],
    /// What each computer has sent, commands and data.
    sent: [Vec<u8>; 2],
    /// What each computer has been sent, with the time.
    got: [Vec<(Instant, u8)>; 2],
    commands: [Vec<String>; 2],
    connected: Vec<Instant>,
    hang_up: bool,
    give_up: bool,
    stop: bool,
}

/// Both telephones.
pub struct Phone {
    ptys: [Pty; 2],
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

impl Phone {
    /// Two idle modems.
    pub fn new() -> Phone {
        let ptys = [Pty::raw(), Pty::raw()];
        let shared = Arc::new(Mutex::new(Shared {
            state: [State::Command; 2],
            sent: Default::default(),
            got: Default::default(),
            commands: Default::default(),
            connected: Vec::new(),
            hang_up: false,
            give_up: false,
            stop: false,
        }));
        let masters = [ptys[0].master(), ptys[1].master()];
        let there = Arc::clone(&shared);
        let thread = std::thread::spawn(move || play(&masters, &there));
        Phone { ptys, shared, thread: Some(thread) }
    }

    /// `pts/N` of a telephone.
    pub fn line(&self, which: usize) -> String {
        self.ptys[which].line()
    }

    /// The client's end, for its programs.
    pub fn pty(&self, which: usize) -> &Pty {
        &self.ptys[which]
    }

    /// A computer sends bytes to its modem.
    pub fn send(&self, which: usize, bytes: &[u8]) {
        let slave = self.ptys[which].slave().try_clone().expect("a descriptor");
        std::fs::File::from(slave).write_all(bytes).expect("write to the modem");
    }

    /// The server's computer drops DTR: the call ends on both sides.
    pub fn hang_up(&self) {
        self.shared.lock().unwrap().hang_up = true;
    }

    /// The modem that dials gives up: nobody has answered.
    pub fn gives_up(&self) {
        self.shared.lock().unwrap().give_up = true;
    }

    /// Commands a computer has given.
    pub fn commands(&self, which: usize) -> Vec<String> {
        self.shared.lock().unwrap().commands[which].clone()
    }

    /// When calls were connected.
    pub fn connected(&self) -> Vec<Instant> {
        self.shared.lock().unwrap().connected.clone()
    }

    /// Everything a computer has sent so far.
    pub fn sent(&self, which: usize) -> String {
        String::from_utf8_lossy(&self.shared.lock().unwrap().sent[which]).into_owned()
    }

    /// When `text` had come to a computer for the `nth` time (from 1).
    pub fn heard(&self, which: usize, text: &str, nth: usize) -> Option<Instant> {
        until_within(PATIENCE, || {
            let shared = self.shared.lock().unwrap();
            let bytes: Vec<u8> = shared.got[which].iter().map(|(_, b)| *b).collect();
            let mut places = bytes.windows(text.len()).enumerate().filter(|(_, w)| *w == text.as_bytes());
            places.nth(nth - 1).map(|(place, _)| shared.got[which][place + text.len() - 1].0)
        })
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.shared.lock().unwrap().stop = true;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn play(masters: &[std::fs::File; 2], shared: &Mutex<Shared>) {
    let mut lines: [Vec<u8>; 2] = Default::default();
    let mut next_ring = Instant::now();
    let tell = |shared: &mut Shared, which: usize, bytes: &[u8]| {
        let mut master = &masters[which];
        let _ = master.write_all(bytes);
        let now = Instant::now();
        shared.got[which].extend(bytes.iter().map(|b| (now, *b)));
    };
    loop {
        {
            let shared = &mut *shared.lock().unwrap();
            if shared.stop {
                return;
            }
            if std::mem::take(&mut shared.hang_up) && shared.state.contains(&State::Online) {
                shared.state = [State::Command; 2];
                tell(shared, CLIENT, b"\r\nNO CARRIER\r\n");
            }
            if std::mem::take(&mut shared.give_up) {
                if let Some(caller) = shared.state.iter().position(|s| *s == State::Dialling) {
                    shared.state[caller] = State::Command;
                    tell(shared, caller, b"\r\nNO ANSWER\r\n");
                }
            }
            if let Some(caller) = shared.state.iter().position(|s| *s == State::Dialling) {
                if Instant::now() >= next_ring {
                    tell(shared, 1 - caller, b"\r\nRING\r\n");
                    next_ring = Instant::now() + Duration::from_secs(2);
                }
            }
        }
        let mut fds = [0, 1].map(|n| PollFd::new(masters[n].as_fd(), PollFlags::POLLIN));
        let _ = poll(&mut fds, PollTimeout::from(20u8));
        for which in 0..2 {
            let mut buffer = [0; 4096];
            let Ok(n) = (&masters[which]).read(&mut buffer) else { continue };
            let shared = &mut *shared.lock().unwrap();
            shared.sent[which].extend_from_slice(&buffer[..n]);
            for &byte in &buffer[..n] {
                if shared.state[which] == State::Online {
                    tell(shared, 1 - which, &[byte]);
                    continue;
                }
                tell(shared, which, &[byte]);
                if byte != b'\r' {
                    lines[which].push(byte.to_ascii_uppercase());
                    continue;
                }
                let text = String::from_utf8_lossy(&std::mem::take(&mut lines[which])).into_owned();
                let Some(at) = text.find("AT") else { continue };
                let command = text[at..].to_string();
                shared.commands[which].push(command.clone());
                if command.starts_with("ATD") {
                    shared.state[which] = State::Dialling;
                    next_ring = Instant::now();
                } else if command.ends_with('A') && shared.state[1 - which] == State::Dialling {
                    shared.state = [State::Online; 2];
                    tell(shared, which, b"\r\nCONNECT 33600\r\n");
                    tell(shared, 1 - which, b"\r\nCONNECT 33600\r\n");
                    shared.connected.push(Instant::now());
                } else {
                    tell(shared, which, b"\r\nOK\r\n");
                }
            }
        }
    }
}
