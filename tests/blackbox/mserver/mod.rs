//! mserver, run as its users run it, on ports of this machine.

mod com_port;
mod dialling;
mod hostile;
mod hosts_access;
mod interop;
mod settings;
pub(crate) mod tls;
mod told;
mod unplugged;

use nix::sys::signal::Signal;
use ringback_tests::modem::Modem;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{ours, top};
use ringback_tests::wait;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

/// A port that was free a moment ago, each time another one. Not of those that the kernel gives to whoever connects
/// (32768 and up): such a one might be a client's by the time the server has it.
pub(crate) fn free_port() -> u16 {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 200).expect("small") * 100;
    let free = || {
        let port = 12_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        TcpListener::bind(("::", port)).is_ok().then_some(port)
    };
    (0..1000).find_map(|_| free()).expect("a free port")
}

/// A running mserver.
pub(crate) struct Server {
    sandbox: Sandbox,
    running: Running,
}

impl Server {
    /// Starts one with a configuration and waits until it serves.
    pub(crate) fn start(conf: &str) -> Server {
        Server::start_in(Sandbox::new(), conf, |_| {})
    }

    pub(crate) fn start_in(sandbox: Sandbox, conf: &str, prepare: impl FnOnce(&mut Command)) -> Server {
        let file = sandbox.path().join("mserver.conf");
        fs::write(&file, conf).expect("configuration");
        let mut command = sandbox.command(&ours("mserver"), None);
        command.args(["-f", "-c"]).arg(&file);
        prepare(&mut command);
        let running = Running::spawn(&mut command);
        let server = Server { sandbox, running };
        wait::until("mserver", || server.socket().exists().then_some(()));
        server
    }

    fn socket(&self) -> std::path::PathBuf {
        self.sandbox.run("ringback/mserver.sock")
    }

    pub(crate) fn status(&self) -> serde_json::Value {
        let mut text = String::new();
        let mut socket = std::os::unix::net::UnixStream::connect(self.socket()).expect("status socket");
        socket.read_to_string(&mut text).expect("status");
        serde_json::from_str(&text).expect("JSON")
    }

    pub(crate) fn until_state(&self, line: usize, state: &str) {
        wait::until(&format!("line {line} {state}"), || {
            (self.status()["lines"][line]["state"] == state).then_some(())
        });
    }

    fn configure(&self, conf: &str) {
        fs::write(self.sandbox.path().join("mserver.conf"), conf).expect("configuration");
        self.running.signal(Signal::SIGHUP);
    }

    /// Gives it another configuration, and waits until it holds.
    fn reconfigure(&self, conf: &str) {
        let before = self.status()["reloads"].as_u64();
        self.configure(conf);
        wait::until("the new configuration", || (self.status()["reloads"].as_u64() > before).then_some(()));
    }

    pub(crate) fn records(&self) -> Vec<serde_json::Value> {
        let text =
            fs::read_to_string(self.sandbox.path().join("log/ringback/calls.jsonl")).unwrap_or_default();
        text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
    }
}

/// A client with a time limit on what it reads.
struct Client(TcpStream);

impl Client {
    fn connect(port: u16) -> Client {
        Client::to(&format!("127.0.0.1:{port}"))
    }

    fn to(address: &str) -> Client {
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
        stream.set_nodelay(true).expect("no delay");
        Client(stream)
    }

    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).expect("write");
    }

    fn hear(&mut self, end: impl AsRef<[u8]>) -> Vec<u8> {
        let (end, mut heard) = (end.as_ref(), Vec::new());
        while !heard.ends_with(end) {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => heard.push(byte[0]),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&heard)),
            }
        }
        heard
    }

    /// Everything until the server closes.
    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        wait::ended(self.0.read_to_end(&mut heard), &heard);
        heard
    }
}

fn on_line(pty: &Pty, wanted: usize) -> Vec<u8> {
    let mut got = Vec::new();
    wait::until("bytes on the line", || {
        got.extend(pty.read_now());
        (got.len() >= wanted).then_some(())
    });
    got
}

fn lock_of(server: &Server, pty: &Pty) -> std::path::PathBuf {
    server.sandbox.lock(&format!("LCK..{}", pty.line().replace('/', "_")))
}

#[test]
fn a_raw_port_is_a_binary_stream_and_locks_only_while_in_use() {
    let (pty, port) = (Pty::raw(), free_port());
    let server =
        Server::start(&format!("{port} {} 115200,8,N,1 *.foo.org,127.0.0.1\n", pty.path().display()));
    assert!(!lock_of(&server, &pty).exists());
    let mut client = Client::connect(port);
    let all: Vec<u8> = (0..=255).chain(*b"\xff\xfb\x2c\r~.\r").collect();
    client.say(&all);
    assert_eq!(on_line(&pty, all.len()), all);
    assert!(lock_of(&server, &pty).exists());
    pty.write(&all);
    assert_eq!(client.hear(&all), all);
    let status = server.status();
    assert_eq!(status["lines"][0]["user"]["bytes_in"], all.len());
    drop(client);
    server.until_state(0, "free");
    assert!(!lock_of(&server, &pty).exists());
    let records = server.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["tool"], "mserver");
    assert_eq!(records[0]["bytes_out"], all.len());
    assert_eq!(records[0]["cause"], "the client closed");
}

#[test]
fn lines_on_one_port_are_a_pool_and_who_comes_too_late_is_told() {
    let (a, b, port) = (Pty::raw(), Pty::raw(), free_port());
    let server = Server::start(&format!(
        "defaults busy-text=\"all modems are busy\\r\\n\"\n{port} {} 9600,8,N,1 *\n{port} {} 9600,8,N,1 *\n",
        a.path().display(),
        b.path().display()
    ));
    let (mut first, mut second) = (Client::connect(port), Client::connect(port));
    first.say("1");
    second.say("2");
    assert_eq!((on_line(&a, 1), on_line(&b, 1)), (b"1".to_vec(), b"2".to_vec()));
    let mut third = Client::connect(port);
    third.say("ATDT0900\r");
    assert_eq!(third.rest(), b"all modems are busy\r\n");
    assert_eq!((a.read_now(), b.read_now()), (vec![], vec![]), "nothing of it reached a modem");
    // Another program's lock counts, too.
    drop(first);
    server.until_state(0, "free");
    fs::write(lock_of(&server, &a), format!("{:10}\n", std::process::id())).expect("a lock");
    assert_eq!(Client::connect(port).rest(), b"all modems are busy\r\n");
    fs::remove_file(lock_of(&server, &a)).expect("unlock");
    let mut fourth = Client::connect(port);
    fourth.say("4");
    assert_eq!(on_line(&a, 1), b"4");
}

#[test]
fn who_comes_as_the_last_one_goes_waits_for_the_modem() {
    let (pty, port) = (Pty::raw(), free_port());
    let conf = format!("{port} {} 9600,8,N,1 * settle=10ms busy-text=busy\n", pty.path().display());
    let server = Server::start(&conf);
    for said in ["1", "2", "3"] {
        let mut client = Client::connect(port);
        client.say(said);
        assert_eq!(on_line(&pty, 1), said.as_bytes());
        assert_eq!(Client::connect(port).rest(), b"busy", "as long as it is here");
    }
    server.until_state(0, "free");
}

#[test]
fn a_wait_for_a_modem_that_another_one_got_is_as_long_as_said() {
    let (modem, port) = (Modem::new(), free_port());
    let conf =
        |limit| format!("{port} /dev/{} 9600,8,N,1 * init=ATZ settle=10ms busy=wait:{limit}\n", modem.line());
    let server = Server::start(&conf("1"));
    let mut first = Client::connect(port);
    first.say("ATI\r");
    first.hear("OK\r\n");
    drop(first);
    server.until_state(0, "cleaning");
    // Both wait for the cleaning; the one that came later then waits for the other.
    let mut second = Client::connect(port);
    let start = Instant::now();
    let mut third = Client::connect(port);
    second.say("ATI\r");
    second.hear("OK\r\n");
    assert_eq!(third.rest(), b"");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn one_device_at_two_ports_is_used_once() {
    let (pty, one, two) = (Pty::raw(), free_port(), free_port());
    let device = pty.path().display();
    let server = Server::start(&format!("{one} {device} 9600,8,N,1 *\n{two} {device} 9600,8,N,1 *\n"));
    let mut first = Client::connect(one);
    first.say("1");
    assert_eq!(on_line(&pty, 1), b"1");
    assert_eq!(Client::connect(two).rest(), b"");
    assert!(lock_of(&server, &pty).exists(), "the lock is the first one's");
    first.say("still");
    assert_eq!(on_line(&pty, 5), b"still");
}

#[test]
fn an_absent_host_list_admits_this_machine_only_and_lists_are_obeyed() {
    let (pty, local, wrong) = (Pty::raw(), free_port(), free_port());
    let device = pty.path().display();
    let server =
        Server::start(&format!("{local} {device} 9600,8,N,1\n{wrong} {device} 9600,8,N,1 192.0.2.0/24\n"));
    assert_eq!(Client::connect(wrong).rest(), b"");
    let mut client = Client::connect(local);
    client.say("x");
    assert_eq!(on_line(&pty, 1), b"x");
    drop(client);
    server.until_state(0, "free");
    // hosts.deny comes on top.
    let upper = server.sandbox.path().join("etc-upper");
    let sandbox = Sandbox::new();
    drop(upper);
    fs::write(sandbox.path().join("etc-upper/hosts.deny"), "mserver: 127.\n").expect("hosts.deny");
    let port = free_port();
    let _denying = Server::start_in(sandbox, &format!("{port} {device} 9600,8,N,1 *\n"), |_| {});
    assert_eq!(Client::connect(port).rest(), b"");
    assert_eq!(pty.read_now(), b"");
}

#[test]
fn waiting_and_taking_over() {
    let (pty, port) = (Pty::raw(), free_port());
    let device = pty.path().display();
    let conf = |busy: &str| format!("{port} {device} 9600,8,N,1 * settle=10ms {busy}\n");
    let server = Server::start(&conf("busy=wait:20"));
    let mut first = Client::connect(port);
    first.say("1");
    assert_eq!(on_line(&pty, 1), b"1");
    let mut second = Client::connect(port);
    second.say("2");
    wait::until("somebody waiting", || (server.status()["waiting"].as_array()?.len() == 1).then_some(()));
    assert_eq!(pty.read_now(), b"");
    let shown = Command::new(ours("mserver"))
        .args(["--status", "--socket"])
        .arg(server.socket())
        .output()
        .expect("mserver");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("in-use") && shown.contains("waiting        127.0.0.1"), "{shown}");
    drop(first);
    assert_eq!(on_line(&pty, 1), b"2", "what it said meanwhile was not lost");
    server.configure(&conf("busy=takeover takeover-hosts=127.0.0.1"));
    wait::until("the new configuration", || {
        let mut third = Client::connect(port);
        third.say("3");
        wait::until_within(Duration::from_millis(500), || (!pty.read_now().is_empty()).then_some(()))
    });
    assert_eq!(second.rest(), b"", "the second was cut");
    wait::until("its record", || server.records().iter().any(|r| r["cause"] == "taken over").then_some(()));
}

#[test]
fn the_status_of_many_lines_is_whole() {
    let port = free_port();
    let lines: String = (0..5000).map(|n| format!("{port} /dev/nosuch{n} 9600,8,N,1 *\n")).collect();
    let server = Server::start(&lines);
    assert_eq!(server.status()["lines"].as_array().map(Vec::len), Some(5000));
}

#[test]
fn the_status_of_no_server_is_a_question() {
    let sandbox = Sandbox::new();
    let socket = sandbox.run("mserver.sock");
    let asked =
        Command::new(ours("mserver")).args(["--status", "--socket"]).arg(&socket).output().expect("mserver");
    assert_eq!(asked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(
        said,
        format!("mserver: {}: No such file or directory (is mserver running?)\n", socket.display())
    );
}

#[test]
fn a_reload_cuts_nobody_and_a_wrong_file_changes_nothing() {
    let (pty, old, new) = (Pty::raw(), free_port(), free_port());
    let device = pty.path().display();
    let server = Server::start(&format!("{old} {device} 9600,8,N,1 * settle=10ms\n"));
    let mut client = Client::connect(old);
    client.say("1");
    assert_eq!(on_line(&pty, 1), b"1");
    server.configure("what is this\n");
    server.configure("# emptied by mistake\n");
    std::thread::sleep(Duration::from_millis(200));
    assert!(TcpStream::connect(("127.0.0.1", old)).is_ok());
    // A port that another program has is no reason to be without the others.
    let other = TcpListener::bind("[::]:0").expect("a port");
    let taken = other.local_addr().expect("address").port();
    server.configure(&format!("{taken} /dev/nosuch 9600,8,N,1 *\n{new} {device} 9600,8,N,1 * settle=10ms\n"));
    wait::until("the new port", || TcpStream::connect(("127.0.0.1", new)).ok());
    wait::until("the old port closed", || TcpStream::connect(("127.0.0.1", old)).is_err().then_some(()));
    client.say("still here");
    assert_eq!(on_line(&pty, 10), b"still here");
    drop(client);
    wait::until("the line at the new port", || {
        let mut client = Client::connect(new);
        client.say("2");
        wait::until_within(Duration::from_millis(300), || (!pty.read_now().is_empty()).then_some(()))
    });
}

#[test]
fn init_strings_clean_the_modem_and_term_unlocks() {
    let (modem, port) = (Modem::new(), free_port());
    let conf = format!("{port} /dev/{} 9600,8,N,1 * init=\"ATZ\\rATS0=0\" settle=10ms\n", modem.line());
    let mut server = Server::start(&conf);
    let mut client = Client::connect(port);
    client.say("ATI\r");
    client.hear("OK\r\n");
    assert_eq!(modem.commands(), ["ATZ", "ATS0=0", "ATI"], "its state at the start is not known");
    drop(client);
    modem.commands_seen(5);
    let mut client = Client::connect(port);
    client.say("ATI3\r");
    client.hear("OK\r\n");
    assert_eq!(modem.commands()[3..], ["ATZ", "ATS0=0", "ATI3"], "once between two users");
    let lock = lock_of(&server, modem.pty());
    assert!(lock.exists());
    server.running.signal(Signal::SIGTERM);
    assert_eq!(client.rest(), b"");
    assert_eq!(server.running.status(), 0);
    assert!(!lock.exists());
    assert_eq!(modem.commands().len(), 8, "cleaned at the end, too");
}

#[test]
fn a_modem_that_a_killed_server_left_is_cleaned_at_the_next_start() {
    let (modem, port) = (Modem::new(), free_port());
    let conf = format!("{port} /dev/{} 9600,8,N,1 * init=\"ATZ\\rATS0=0\" settle=10ms\n", modem.line());
    let mut server = Server::start(&conf);
    let mut client = Client::connect(port);
    client.say("ATS0=1\r");
    client.hear("OK\r\n");
    let lock = lock_of(&server, modem.pty());
    server.running.signal(Signal::SIGKILL);
    server.running.status();
    assert!(lock.exists());
    fs::remove_file(server.socket()).expect("the socket it has left");
    let server = Server::start_in(server.sandbox, &conf, |_| {});
    assert_eq!(modem.commands_seen(5)[2..], ["ATS0=1", "ATZ", "ATS0=0"], "nobody has come");
    server.until_state(0, "free");
    assert!(!lock.exists());
}

#[test]
fn half_close_drains_idle_ends_and_a_stopped_line_holds_bounded_bytes() {
    use nix::sys::termios::{FlowArg, tcflow};
    let (pty, port) = (Pty::raw(), free_port());
    let server = Server::start(&format!("{port} {} 9600,8,N,1 * settle=10ms idle=2\n", pty.path().display()));
    let data: Vec<u8> = (0..300_000u32).map(|n| (n * 31 % 251) as u8).collect();
    let mut client = Client::connect(port);
    client.say("?");
    on_line(&pty, 1);
    tcflow(pty.slave(), FlowArg::TCOOFF).expect("stop the line");
    client.0.set_nonblocking(true).expect("non-blocking");
    let mut sent = 0;
    while let Ok(n) = client.0.write(&data[sent..]) {
        sent += n;
        if sent == data.len() {
            break;
        }
    }
    client.0.set_nonblocking(false).expect("blocking");
    tcflow(pty.slave(), FlowArg::TCOON).expect("let it go");
    let rest = data[sent..].to_vec();
    let mut writer = client.0.try_clone().expect("dup");
    let writing = std::thread::spawn(move || {
        writer.write_all(&rest).expect("write");
        writer.shutdown(Shutdown::Write).expect("half-close");
    });
    assert!(on_line(&pty, data.len()) == data, "no byte lost, none twice");
    writing.join().expect("writer");
    pty.write(b"OK\r\n");
    assert_eq!(client.rest(), b"OK\r\n");
    server.until_state(0, "free");
    let start = Instant::now();
    assert_eq!(Client::connect(port).rest(), b"");
    assert!(start.elapsed() < wait::PATIENCE / 2, "idle");
    let records = wait::until("both records", || Some(server.records()).filter(|r| r.len() == 2));
    let causes: Vec<_> = records.iter().map(|r| r["cause"].to_string()).collect();
    assert_eq!(causes, ["\"the client closed\"", "\"idle for too long\""]);
}

#[test]
fn watchers_see_and_cannot_type() {
    let (pty, port) = (Pty::raw(), free_port());
    let server = Server::start(&format!("{port} {} 9600,8,N,1 127.0.0.1 watch=::1\n", pty.path().display()));
    assert_eq!(Client::to(&format!("[::1]:{port}")).rest(), b"", "nobody to watch");
    let mut user = Client::connect(port);
    user.say("x");
    on_line(&pty, 1);
    let mut watcher = Client::to(&format!("[::1]:{port}"));
    watcher.say("ATDT0900\r");
    wait::until("the watcher in the status", || {
        (server.status()["lines"][0]["user"]["watchers"][0] == "::1").then_some(())
    });
    pty.write(b"RING\r\n");
    assert_eq!(watcher.hear("\n"), b"RING\r\n");
    assert_eq!(user.hear("\n"), b"RING\r\n");
    assert_eq!(pty.read_now(), b"");
    drop(user);
    assert_eq!(watcher.rest(), b"");
}

#[test]
fn auto_tells_telnet_from_raw_by_the_first_bytes_only() {
    let (pty, port) = (Pty::raw(), free_port());
    let server = Server::start(&format!("{port} {} 9600,8,N,1,auto * settle=10ms\n", pty.path().display()));
    let mut raw = Client::connect(port);
    raw.say(b"AT\r\xff\xfd\x03");
    assert_eq!(on_line(&pty, 6), b"AT\r\xff\xfd\x03");
    drop(raw);
    server.until_state(0, "free");
    let mut telnet = Client::connect(port);
    telnet.say(b"\xff");
    telnet.say(b"\xfd\x03AT\r\0\xff\xff");
    assert_eq!(on_line(&pty, 4), b"AT\r\xff");
    pty.write(b"\xffOK");
    assert!(telnet.hear(b"\xff\xffOK").starts_with(b"\xff\xfb\x01"));
}

#[test]
fn thousands_of_connects_leave_it_as_it_was() {
    let (pty, port) = (Pty::raw(), free_port());
    let server = Server::start(&format!("{port} {} 9600,8,N,1 * settle=10ms\n", pty.path().display()));
    let mut user = Client::connect(port);
    user.say("x");
    on_line(&pty, 1);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", server.running.pid())).expect("fd").count();
    let before = descriptors();
    for _ in 0..10_000 {
        drop(TcpStream::connect(("127.0.0.1", port)));
    }
    user.say("y");
    assert_eq!(on_line(&pty, 1), b"y");
    wait::until("all closed", || (descriptors() <= before).then_some(()));
}

#[test]
fn config_mistakes_and_ports_in_use_are_told_at_the_start() {
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("c");
    let run = |text: &str, args: &[&str]| {
        fs::write(&file, text).expect("configuration");
        let out = Command::new(ours("mserver")).args(args).arg("-c").arg(&file).output().expect("mserver");
        let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        (out.status.code(), said)
    };
    let (code, said) = run("5800 /dev/ttyS1 115200,8,X,1 *\n", &["-t"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("c:1:26: "), "{said}");
    let (code, said) = run("5800 /dev/ttyS1 115200,8,N,1\n", &["-t"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("c:1:1: no hosts"), "{said}");
    // What hosts.allow understands, and what would serve nobody.
    for (hosts, told) in [
        ("ALL", "1:28: * for everybody"),
        ("10.0.0.1,.foo.org", "1:37: *.DOMAIN"),
        ("192.168.2.", "1:28: NET.* or NET/BITS"),
        ("192.168.2.300", "1:28: an address of four numbers"),
    ] {
        let (code, said) = run(&format!("5800 /dev/ttyS1 9600,8,N,1 {hosts}\n"), &["-t"]);
        assert!(code == Some(1) && said.contains(told), "{hosts}: {said}");
    }
    let (code, said) = run("5800 /dev/ttyS1 9600,8,N,1 * busy=takeover\n", &["-t"]);
    assert!(code == Some(0) && said.contains("c:1:1: busy=takeover without takeover-hosts="), "{said}");
    let taken = TcpListener::bind("[::]:0").expect("a port");
    let port = taken.local_addr().expect("address").port();
    let (code, said) = run(&format!("{port} /dev/ttyS1 115200,8,N,1 *\n"), &["-f"]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("port {port}: ")), "{said}");
    let shipped = top().join("etc/mserver.conf");
    let out = Command::new(ours("mserver")).args(["-t", "-c"]).arg(shipped).output().expect("mserver");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn plain_mserver_is_a_daemon() {
    let (pty, port) = (Pty::raw(), free_port());
    let sandbox = Sandbox::new();
    fs::write(
        sandbox.path().join("etc-upper/mserver.conf"),
        format!("{port} {} 9600,8,N,1 *\n", pty.path().display()),
    )
    .expect("configuration");
    let mut command = sandbox.command(&ours("mserver"), None);
    let mut running = Running::spawn(&mut command);
    assert_eq!(running.status(), 0, "it goes to the background");
    let mut client = Client::connect(port);
    client.say("x");
    assert_eq!(on_line(&pty, 1), b"x");
    let socket = sandbox.run("ringback/mserver.sock");
    let mut text = String::new();
    std::os::unix::net::UnixStream::connect(socket)
        .expect("status")
        .read_to_string(&mut text)
        .expect("status");
    let status: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let pid = i32::try_from(status["pid"].as_i64().expect("a pid")).expect("a pid");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).expect("TERM");
    assert_eq!(client.rest(), b"");
    wait::until("its end", || (!std::path::Path::new(&format!("/proc/{pid}")).exists()).then_some(()));
}

/// Only root can give something up.
#[test]
fn root_becomes_a_user_of_its_own_with_two_capabilities() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let (pty, port, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
    let mut passwd = fs::read_to_string("/etc/passwd").expect("passwd");
    passwd.push_str("mserver:x:4711:4711::/nonexistent:/usr/sbin/nologin\n");
    let mut group = String::new();
    for line in fs::read_to_string("/etc/group").expect("group").lines() {
        let member = if line.starts_with("dialout:") { "mserver" } else { "" };
        group.push_str(&format!("{line}{member}\n"));
    }
    fs::write(sandbox.path().join("etc-upper/passwd"), passwd).expect("passwd");
    fs::write(sandbox.path().join("etc-upper/group"), group).expect("group");
    nix::unistd::chown(pty.path(), None, Some(nix::unistd::Gid::from_raw(20))).expect("chgrp dialout");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o660);
    fs::set_permissions(pty.path(), mode).expect("chmod");
    let conf = format!("{port} {} 9600,8,N,1 * settle=10ms\n", pty.path().display());
    let mut server = Server::start_in(sandbox, &conf, |_| {});
    let status = |word: &str| {
        let text = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).expect("status");
        let line = text.lines().find(|l| l.starts_with(word)).expect("a line").to_string();
        line.split_whitespace().nth(1).expect("a value").to_string()
    };
    wait::until("another user", || (status("Uid:") == "4711").then_some(()));
    for capabilities in ["CapEff:", "CapPrm:"] {
        wait::until("two capabilities", || (status(capabilities) == "0000000000000408").then_some(()));
    }
    // A stale lock of root's is in the way; a port below 1024 comes with a new configuration.
    fs::write(lock_of(&server, &pty), "4194303\n").expect("a stale lock");
    let mut client = Client::connect(port);
    client.say("x");
    assert_eq!(on_line(&pty, 1), b"x");
    drop(client);
    wait::until("the record", || (!server.records().is_empty()).then_some(()));
    let low = (600..1024).find(|p| TcpListener::bind(("::", *p)).is_ok()).expect("a low port");
    server.configure(&format!("{low} {} 9600,8,N,1 * settle=10ms\n", pty.path().display()));
    wait::until("the low port", || TcpStream::connect(("127.0.0.1", low)).ok());
    server.running.signal(Signal::SIGTERM);
    assert_eq!(server.running.status(), 0);
}
