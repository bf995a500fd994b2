//! comport, run as its users run it, against a server played by the test and against real ones.

mod application;
mod errors;
mod hostile;
mod interop;
mod lines;
mod loss;
mod over_exchange;
mod stdio;
mod tls;

use ringback_tests::sandbox::Running;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A running comport with its ports in a directory of its own.
struct Comport {
    dir: tempfile::TempDir,
    running: Running,
}

impl Comport {
    /// One port, `modem`, that leads to an address; it is there when this returns.
    fn start(address: &str, options: &[&str]) -> Comport {
        Comport::start_ports(&[("modem", address)], options)
    }

    fn start_ports(ports: &[(&str, &str)], options: &[&str]) -> Comport {
        let dir = scratch();
        let mut command = Command::new(ours("comport"));
        command.args(options).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(dir.path().join("log")).expect("a log"));
        for (name, address) in ports {
            command.arg(format!("{}={address}", dir.path().join(name).display()));
        }
        let running = Running::spawn(&mut command);
        let comport = Comport { dir, running };
        for (name, _) in ports {
            wait::until("the port", || comport.link(name).exists().then_some(()));
        }
        comport
    }

    fn link(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn until_logged(&self, text: &str) {
        wait::until(&format!("{text:?} in the log, which has {:?}", self.log()), || {
            self.log().contains(text).then_some(())
        });
    }

    /// Opens the port as an application does.
    fn open(&self) -> App {
        App::open(&self.link("modem"))
    }
}

fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("comport-").tempdir().expect("a scratch directory")
}

/// An application with a port open; its reads do not wait.
struct App(File);

impl App {
    fn open(path: &Path) -> App {
        let flags = nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK;
        App(OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).expect("open the port"))
    }

    fn say(&self, bytes: impl AsRef<[u8]>) {
        (&self.0).write_all(bytes.as_ref()).expect("write to the port");
    }

    fn hear(&self, wanted: impl AsRef<[u8]>) {
        let (wanted, mut heard) = (wanted.as_ref(), Vec::new());
        wait::until(&format!("{:?} at the port", String::from_utf8_lossy(wanted)), || {
            let mut buffer = [0; 65536];
            if let Ok(count) = (&self.0).read(&mut buffer) {
                heard.extend_from_slice(&buffer[..count]);
            }
            heard.ends_with(wanted).then_some(())
        });
    }

    /// Whether it was hung up.
    fn is_hung_up(&self) -> bool {
        !matches!((&self.0).read(&mut [0; 100]), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock)
    }
}

/// A server played by the test.
struct Peer(TcpListener);

impl Peer {
    fn new() -> Peer {
        Peer(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    fn address(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// Whether anybody has come.
    fn has_visitor(&self) -> Option<Connection> {
        self.0.set_nonblocking(true).expect("non-blocking");
        let (stream, _) = self.0.accept().ok()?;
        stream.set_nonblocking(false).expect("blocking");
        stream.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
        Some(Connection(stream))
    }

    fn accept(&self) -> Connection {
        wait::until("a connection", || self.has_visitor())
    }

    /// A connection on which comport has agreed that the port is controlled, and has asked for all it wants.
    fn accept_controlling(&self) -> Connection {
        let mut connection = self.accept();
        connection.say([255, 253, 44, 255, 253, 0, 255, 251, 0]);
        connection.hear(sub(&[5, 11]));
        connection
    }
}

/// A client of it.
struct Connection(TcpStream);

impl Connection {
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("write");
    }

    /// Reads until what came ends with `end`; gives all.
    fn hear(&mut self, end: impl AsRef<[u8]>) -> Vec<u8> {
        let (end, mut heard) = (end.as_ref(), Vec::new());
        while !heard.ends_with(end) {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => heard.push(byte[0]),
                other => panic!("{other:?} after {heard:?}, {end:?} was expected"),
            }
        }
        heard
    }

    /// Reads to the end.
    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        wait::ended(self.0.read_to_end(&mut heard), &heard);
        heard
    }
}

/// A sub-negotiation of RFC 2217.
fn sub(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![255, 250, 44];
    for &byte in bytes {
        out.push(byte);
        if byte == 255 {
            out.push(byte);
        }
    }
    out.extend([255, 240]);
    out
}

#[test]
fn bytes_pass_and_the_modem_is_taken_only_while_the_port_is_open() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("tcp"), &["--linger", "100ms"]);
    assert!(peer.has_visitor().is_none(), "nobody has the port open");
    let app = comport.open();
    // What is written before the connection stands is not lost.
    let all: Vec<u8> = (0..=255).collect();
    app.say(&all);
    let mut connection = peer.accept();
    assert_eq!(connection.hear(&all), all);
    connection.say(&all);
    app.hear(&all);
    app.say("last words");
    drop(app);
    assert_eq!(connection.rest(), b"last words");
    drop(connection);
    let app = comport.open();
    peer.accept();
    drop(app);
    let target = fs::read_link(comport.link("modem")).expect("a symlink");
    assert!(target.starts_with("/dev/pts"));
    comport.running.signal(nix::sys::signal::Signal::SIGTERM);
    let Comport { dir, mut running } = comport;
    assert_eq!(running.status(), 0);
    assert!(dir.path().join("modem").symlink_metadata().is_err(), "the symlink goes with it");
}

#[test]
fn several_ports_of_a_file_in_one_process() {
    let (one, two, dir) = (Peer::new(), Peer::new(), scratch());
    let path = |name: &str| dir.path().join(name).display().to_string();
    let text = format!(
        "defaults linger=50ms # for both\n{} {}\n{} {} connect=always\n",
        path("one"),
        one.address("tcp"),
        path("two"),
        two.address("tcp")
    );
    fs::write(dir.path().join("comport.conf"), text).expect("configuration");
    let mut command = Command::new(ours("comport"));
    command.arg("-c").arg(path("comport.conf")).stderr(Stdio::null());
    let _running = Running::spawn(&mut command);
    let mut second = two.accept();
    assert!(one.has_visitor().is_none());
    let apps = [App::open(Path::new(&path("one"))), App::open(Path::new(&path("two")))];
    let mut first = one.accept();
    first.say("1");
    second.say("2");
    apps[0].hear("1");
    apps[1].hear("2");
}

#[test]
fn much_data_both_ways_with_a_slow_reader_and_letters_of_all_kinds() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    let data: Vec<u8> = (0..400_000u32).map(|n| (n * 31 % 256) as u8).collect();
    let doubled: Vec<u8> =
        data.iter().flat_map(|b| if *b == 255 { vec![255, 255] } else { vec![*b] }).collect();
    let (mut writer, wire) = (connection.0.try_clone().expect("dup"), doubled.clone());
    let writing = std::thread::spawn(move || writer.write_all(&wire).expect("write"));
    let app_out = app.0.try_clone().expect("dup");
    let out = data.clone();
    let sending = std::thread::spawn(move || {
        let mut rest = &out[..];
        while !rest.is_empty() {
            match (&app_out).write(&rest[..rest.len().min(3000)]) {
                Ok(count) => rest = &rest[count..],
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        }
    });
    let mut heard = vec![0; doubled.len()];
    connection.0.read_exact(&mut heard).expect("all of it");
    assert!(heard == doubled, "no byte lost, none twice");
    sending.join().expect("sender");
    let mut got = Vec::new();
    wait::until("all at the port", || {
        let mut buffer = [0; 5000];
        if let Ok(count) = (&app.0).read(&mut buffer) {
            got.extend_from_slice(&buffer[..count]);
        }
        (got.len() == data.len()).then_some(())
    });
    assert!(got == data);
    writing.join().expect("writer");
}

#[test]
fn it_sleeps_while_nothing_happens() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &["--connect", "always"]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    // Every request answered: nothing to wait for.
    let answers =
        [&[101, 0, 0, 37, 128][..], &[102, 8], &[103, 1], &[104, 1], &[105, 1], &[105, 8], &[105, 11]]
            .map(sub);
    connection.say(answers.concat());
    connection.say("x");
    app.hear("x");
    let switches = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", comport.running.pid())).expect("status");
        let line = status.lines().find(|l| l.starts_with("voluntary_ctxt_switches")).expect("a count");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    };
    wait::until("two seconds of sleep", || {
        let before = switches();
        std::thread::sleep(std::time::Duration::from_millis(1500));
        (switches() == before).then_some(())
    });
}
