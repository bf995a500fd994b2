//! The exchange as its users see it: modems on ptys, orders by socket.

mod calls;
mod faults;
mod lines;
mod orders;

use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{ControlFlags, SetArg, tcgetattr, tcsetattr};
use ringback_tests::subject::ours;
use ringback_tests::wait::{self, PATIENCE};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The two lines most tests use.
const SERVER: &str = "987654";
const CALLER: &str = "123456";

/// An exchange of our own, with a control socket; killed when it goes out of scope.
struct Exchange {
    dir: tempfile::TempDir,
    child: Child,
}

impl Exchange {
    /// Lines `server` and `caller` and a far end 5550, quick rings and handshakes.
    fn new(more: &[&str]) -> Exchange {
        let dir = tempfile::tempdir().expect("a scratch directory");
        let line = |number: &str, name: &str| format!("--line={number}={}", dir.path().join(name).display());
        let mut arguments = vec![line(SERVER, "server"), line(CALLER, "caller")];
        arguments.extend(
            ["--far=5550", "--cadence=300ms", "--set=handshake=50ms", "--set=s11=5"].map(String::from),
        );
        arguments.extend(more.iter().map(ToString::to_string));
        Exchange::with(dir, &arguments)
    }

    fn with(dir: tempfile::TempDir, arguments: &[String]) -> Exchange {
        let mut command = ringback_tests::mortal::command(ours("exchange"));
        command.args(arguments).arg("--control").arg(dir.path().join("ctl")).current_dir(dir.path());
        let child = command.stdin(Stdio::null()).spawn().expect("start the exchange");
        let exchange = Exchange { dir, child };
        wait::until("the control socket", || UnixStream::connect(exchange.path("ctl")).ok());
        exchange
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gives an order and its answer: text after `ok`, or an error's.
    fn order(&self, order: &str) -> Result<String, String> {
        let mut stream = UnixStream::connect(self.path("ctl")).expect("the control socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
        writeln!(stream, "{order}").expect("an order");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", text) => Ok(text.to_string()),
            (_, why) => Err(why.to_string()),
        }
    }

    /// Gives orders that must be carried out.
    #[track_caller]
    fn orders(&self, orders: &[&str]) {
        for order in orders {
            self.order(order).unwrap_or_else(|why| panic!("{order}: {why}"));
        }
    }

    #[track_caller]
    fn state(&self, number: &str) -> Value {
        let text = self.order(&format!("state {number}")).expect("a state");
        serde_json::from_str(&text).expect("JSON")
    }

    fn server(&self) -> Computer {
        Computer::at(&self.path("server"))
    }

    fn caller(&self) -> Computer {
        Computer::at(&self.path("caller"))
    }

    /// The caller dials, the server answers; both are at CONNECT.
    #[track_caller]
    fn call(&self) -> (Computer, Computer) {
        let (server, caller) = (self.server(), self.caller());
        caller.write(format!("ATE0DT{SERVER}\r"));
        server.expect("RING\r\n");
        server.write("ATE0A\r");
        server.expect("CONNECT 33600\r\n");
        caller.expect("CONNECT 33600\r\n");
        (server, caller)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on a line.
struct Computer {
    line: File,
    heard: std::sync::Mutex<Vec<u8>>,
}

impl Computer {
    #[track_caller]
    fn at(path: &Path) -> Computer {
        let line = OpenOptions::new().read(true).write(true).custom_flags(O_NOCTTY | O_NONBLOCK).open(path);
        Computer { line: line.expect("a line"), heard: Vec::new().into() }
    }

    fn ready(&self, flags: PollFlags, limit: Duration) -> bool {
        let limit = PollTimeout::try_from(limit).expect("a limit");
        poll(&mut [PollFd::new(self.line.as_fd(), flags)], limit).is_ok_and(|n| n > 0)
    }

    #[track_caller]
    fn write(&self, bytes: impl AsRef<[u8]>) {
        let mut rest = bytes.as_ref();
        while !rest.is_empty() {
            match (&self.line).write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    assert!(self.ready(PollFlags::POLLOUT, PATIENCE), "the line takes nothing");
                }
                Err(e) => panic!("write: {e}"),
            }
        }
    }

    /// Writes until the line takes no more; how much it took.
    fn fill(&self, bytes: &[u8]) -> usize {
        let (mut taken, mut patience) = (0, 50);
        while taken < bytes.len() && patience > 0 {
            match (&self.line).write(&bytes[taken..]) {
                Ok(n) => taken += n,
                Err(_) => {
                    patience -= 1;
                    self.ready(PollFlags::POLLOUT, Duration::from_millis(10));
                }
            }
        }
        taken
    }

    /// Bytes within the time, as soon as there are any.
    fn some(&self, limit: Duration) -> Vec<u8> {
        let mut piece = vec![0; 65536];
        self.ready(PollFlags::POLLIN, limit);
        let n = (&self.line).read(&mut piece).unwrap_or(0);
        piece.truncate(n);
        piece
    }

    /// Waits for a text; what comes after it is kept for the next one. Gives all up to its end.
    #[track_caller]
    fn expect(&self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut heard = self.heard.lock().expect("heard");
            let found = heard.windows(text.len()).position(|w| w == text.as_bytes());
            if let Some(at) = found {
                let taken: Vec<u8> = heard.drain(..at + text.len()).collect();
                return String::from_utf8_lossy(&taken).into_owned();
            }
            assert!(Instant::now() < end, "no {text:?}, but {:?}", String::from_utf8_lossy(&heard));
            heard.extend(self.some(Duration::from_millis(200)));
        }
    }

    /// What comes within the time.
    fn within(&self, limit: Duration) -> String {
        let end = Instant::now() + limit;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let some = self.some(left);
            self.heard.lock().expect("heard").extend(some);
        }
        String::from_utf8_lossy(&std::mem::take(&mut *self.heard.lock().expect("heard"))).into_owned()
    }

    /// Sends a command and gives its answer, `OK` or `ERROR` at its end.
    #[track_caller]
    fn command(&self, command: &str) -> String {
        self.write(format!("{command}\r"));
        let end = Instant::now() + PATIENCE;
        let mut answer = String::new();
        while !answer.ends_with("OK\r\n") && !answer.ends_with("ERROR\r\n") {
            assert!(Instant::now() < end, "{command}: no answer, but {answer:?}");
            answer += &String::from_utf8_lossy(&self.some(Duration::from_millis(200)));
        }
        answer
    }

    fn control(&self, change: impl Fn(&mut ControlFlags)) {
        let mut settings = tcgetattr(&self.line).expect("settings");
        change(&mut settings.control_flags);
        tcsetattr(&self.line, SetArg::TCSANOW, &settings).expect("settings");
    }
}

/// Bytes that do not repeat.
fn data(length: usize) -> Vec<u8> {
    (0..length as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
