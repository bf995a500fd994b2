//! Clients, networks, resolvers and configurations that mean no good.

use super::{Client, Server, free_port, on_line};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

/// Kilobytes of memory that a process has.
fn resident(server: &Server) -> i64 {
    let text = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).expect("status");
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

fn byte(place: usize) -> u8 {
    (place.wrapping_mul(2_654_435_761) >> 13) as u8
}

fn bytes(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).map(byte).collect()
}

/// Writes until nothing has been taken for a while; gives how much was.
fn flood(to: &mut impl Write) -> usize {
    let (mut sent, mut last) = (0, Instant::now());
    while last.elapsed() < Duration::from_millis(700) {
        match to.write(&bytes(sent, 16 * 1024)) {
            Ok(n) if n > 0 => (sent, last) = (sent + n, Instant::now()),
            Err(e) if e.kind() != ErrorKind::WouldBlock => panic!("{e}"),
            _ => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    sent
}

/// Reads `count` bytes and holds each against what was sent.
fn check(from: &mut impl Read, count: usize) {
    let (mut got, mut last, mut buffer) = (0, Instant::now(), [0; 65536]);
    while got < count {
        match from.read(&mut buffer) {
            Ok(n) if n > 0 => {
                assert!(buffer[..n] == bytes(got, n), "between bytes {got} and {}", got + n);
                (got, last) = (got + n, Instant::now());
            }
            Ok(_) => panic!("the end after {got} of {count} bytes"),
            Err(e) => assert!(e.kind() == ErrorKind::WouldBlock, "{e}"),
        }
        assert!(last.elapsed() < wait::PATIENCE, "stuck after {got} of {count} bytes");
    }
    assert_eq!(got, count);
}

#[test]
fn floods_both_ways_cost_no_memory_and_no_byte_while_nobody_takes_them() {
    use nix::sys::termios::{FlowArg, tcflow};
    for protocol in ["raw", "rfc2217"] {
        let (pty, port) = (Pty::raw(), free_port());
        let server = Server::start(&format!("{port} {} 9600,8,N,1,{protocol} *\n", pty.path().display()));
        let mut client = Client::connect(port);
        client.say("?");
        on_line(&pty, 1);
        let before = resident(&server);
        tcflow(pty.slave(), FlowArg::TCOOFF).expect("stop the line");
        client.0.set_nonblocking(true).expect("non-blocking");
        // With RFC 2217 the stream is not what it looks like; one way will do, and without FF.
        if protocol == "raw" {
            let to_modem = flood(&mut client.0);
            let mut line = pty.master();
            let to_client = flood(&mut line);
            assert!(to_modem > 50_000 && to_client > 50_000, "{to_modem} {to_client}");
            assert!(resident(&server) - before < 1000, "{} kB more", resident(&server) - before);
            tcflow(pty.slave(), FlowArg::TCOON).expect("let it go");
            check(&mut client.0, to_client);
            check(&mut line, to_modem);
        } else {
            // Requests are flooded too, and their answers not read.
            let request = [255, 250, 44, 7, 255, 240].repeat(2000);
            let (mut sent, mut last) = (0, Instant::now());
            while last.elapsed() < Duration::from_millis(700) && sent < 64 << 20 {
                match client.0.write(&request) {
                    Ok(n) => (sent, last) = (sent + n, Instant::now()),
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
            assert!(sent < 64 << 20, "it must stop reading");
            assert!(resident(&server) - before < 1000, "{} kB more", resident(&server) - before);
        }
        assert_eq!(server.status()["lines"][0]["state"], "in-use", "everybody else is served");
    }
}

#[test]
fn hundreds_who_wait_hold_up_nobody() {
    let (pty, port) = (Pty::raw(), free_port());
    let server =
        Server::start(&format!("{port} {} 9600,8,N,1 * busy=wait:60 settle=10ms\n", pty.path().display()));
    let mut user = Client::connect(port);
    user.say("1");
    on_line(&pty, 1);
    let crowd: Vec<Client> = (0..400).map(|_| Client::connect(port)).collect();
    let waiting = || server.status()["waiting"].as_array().expect("a list").len();
    wait::until("all of them waiting", || (waiting() == 400).then_some(()));
    user.say("2");
    assert_eq!(on_line(&pty, 1), b"2");
    drop(crowd);
    wait::until("all of them gone", || (waiting() == 0).then_some(()));
    pty.write(b"3");
    assert_eq!(user.hear("3"), b"3");
}

#[test]
fn a_stopped_line_is_not_kept_for_a_client_that_is_gone() {
    use nix::sys::termios::{FlowArg, tcflow};
    let (pty, port) = (Pty::raw(), free_port());
    let server = Server::start(&format!("{port} {} 9600,8,N,1 * settle=10ms\n", pty.path().display()));
    let mut client = Client::connect(port);
    client.say("?");
    on_line(&pty, 1);
    tcflow(pty.slave(), FlowArg::TCOOFF).expect("stop the line");
    client.say(vec![b'x'; 100_000]);
    drop(client);
    let free = || (server.status()["lines"][0]["state"] == "free").then_some(());
    assert!(wait::until_within(Duration::from_secs(40), free).is_some());
    assert_eq!(server.records()[0]["cause"], "the client is gone");
}

#[test]
fn a_client_whose_network_is_gone_is_found_out() {
    let (pty, sandbox, port) = (Pty::raw(), Sandbox::new(), free_port());
    let conf = sandbox.path().join("mserver.conf");
    let line = format!("{port} {} 9600,8,N,1 * settle=10ms keepalive=4\n", pty.path().display());
    fs::write(&conf, line).expect("configuration");
    let house = format!("ip link set lo up\nexec {} -f -c {}", ours("mserver").display(), conf.display());
    let script = sandbox.script("mserver-in-a-house", &house);
    let running = sandbox
        .start(std::path::Path::new("/usr/bin/unshare"), &["-n", script.to_str().expect("a plain path")]);
    let server = Server { sandbox, running };
    wait::until("mserver", || server.socket().exists().then_some(()));
    let inside = |words: &[&str]| {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", server.running.pid())).arg("--net");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.args(words).spawn().expect("nsenter")
    };
    let talk = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf x >&3; exec sleep 600");
    let mut client = inside(&["bash", "-c", &talk]);
    assert_eq!(on_line(&pty, 1), b"x");
    assert!(inside(&["ip", "link", "set", "lo", "down"]).wait().expect("ip").success());
    // What the modem says waits to be acknowledged.
    pty.write(b"RING\r\n");
    server.until_state(0, "free");
    let cause = wait::until("the record", || server.records().first().map(|r| r["cause"].clone()));
    assert_eq!(cause, "the client is gone");
    let _ = client.kill();
    let _ = client.wait();
}

#[test]
fn names_are_looked_up_and_a_resolver_that_hangs_holds_up_nobody() {
    let (pty, named, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
    let hosts = "127.0.0.1 localhost\n127.0.0.7 box.foo.org\n127.0.0.8 box.foo.org.evil.org\n";
    let upper = sandbox.path().join("etc-upper");
    fs::write(upper.join("hosts"), hosts).expect("hosts");
    fs::write(upper.join("nsswitch.conf"), "hosts: files dns\n").expect("nsswitch.conf");
    // Nobody answers there.
    fs::write(upper.join("resolv.conf"), "nameserver 192.0.2.53\noptions timeout:30\n").expect("resolv.conf");
    let device = pty.path().display();
    let conf = format!("{named} {device} 9600,8,N,1 *.foo.org,127.0.0.1 settle=10ms\n");
    let server = Server::start_in(sandbox, &conf, |_| {});
    let from = |address: &str| {
        use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
        use std::os::fd::AsRawFd;
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).expect("a socket");
        let place = |port| SockaddrIn::from(std::net::SocketAddrV4::new(address.parse().expect("IP"), port));
        bind(fd.as_raw_fd(), &place(0)).expect("bind");
        let there = SockaddrIn::from(std::net::SocketAddrV4::new([127, 0, 0, 1].into(), named));
        connect(fd.as_raw_fd(), &there).expect("connect");
        let stream = std::net::TcpStream::from(fd);
        stream.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
        Client(stream)
    };
    let mut unknown = from("127.0.0.66");
    unknown.say("ATDT1\r");
    let mut known = from("127.0.0.7");
    known.say("x");
    assert_eq!(on_line(&pty, 1), b"x");
    assert_eq!(server.status()["lines"][0]["user"]["name"], "box.foo.org");
    drop(known);
    server.until_state(0, "free");
    let mut other = from("127.0.0.8");
    other.say("y");
    assert_eq!(other.rest(), b"");
    let mut plain = Client::connect(named);
    plain.say("z");
    assert_eq!(on_line(&pty, 1), b"z", "while the resolver has not answered");
    assert_eq!(unknown.rest(), b"");
    assert_eq!(pty.read_now(), b"");
    // Nor does one who comes more often than all clients together may wait.
    drop(plain);
    server.until_state(0, "free");
    let flood: Vec<Client> = (0..1100).map(|_| from("127.0.0.66")).collect();
    let mut plain = Client::connect(named);
    plain.say("z");
    assert_eq!(on_line(&pty, 1), b"z");
    drop(flood);
}

#[test]
fn every_kind_of_mistake_is_told_with_its_place_and_all_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("conf");
    let table = [
        ("5800", 5, "the device is missing"),
        ("5800 /dev/x", 12, "SPEED,BITS,PARITY,STOP is missing"),
        ("0 /dev/x 9600,8,N,1 *", 1, "is no port"),
        ("65536 /dev/x 9600,8,N,1 *", 1, "is no port"),
        ("no-such-service /dev/x 9600,8,N,1 *", 1, "no service"),
        ("1 ttyS1 9600,8,N,1 *", 3, "the path of a device"),
        ("1 /dev/x fast,8,N,1 *", 10, "a speed"),
        ("1 /dev/x 9600,9,N,1 *", 15, "data bits"),
        ("1 /dev/x 9600,8,X,1 *", 17, "parity"),
        ("1 /dev/x 9600,8,N,3 *", 19, "stop bits"),
        ("1 /dev/x 9600,8,N,1,rtscts *", 21, "crtscts"),
        ("1 /dev/x 9600,8,N *", 10, "SPEED,BITS,PARITY,STOP"),
        ("1 /dev/x 9600,8,N,1 a,,b", 23, "an address"),
        ("1 /dev/x 9600,8,N,1 10.0.0.0/33", 21, "a number of bits"),
        ("1 /dev/x 9600,8,N,1 a!b", 21, "an address"),
        ("1 /dev/x 9600,8,N,1 * nosuch=1", 23, "is no key"),
        ("1 /dev/x 9600,8,N,1 * word", 23, "KEY=VALUE"),
        ("1 /dev/x 9600,8,N,1 * busy=wait:x", 28, "wait:SECONDS"),
        ("1 /dev/x 9600,8,N,1 * watch=a/b", 29, "watch="),
        ("1 /dev/x 9600,8,N,1 * idle=-1", 28, "a time"),
        ("1 /dev/x 9600,8,N,1 * init=A\\nB", 28, "escapes"),
        ("1 /dev/x 9600,8,N,1 * hangup=", 30, "dtr, none"),
        ("1 /dev/x 9600,8,N,1 * settle=9999999999999999999", 30, "a time"),
        ("1 /dev/x 9600,8,N,1 * dial-deny=premium,x", 41, "dial-deny"),
        ("1 /dev/x 9600,8,N,1 * unplugged=later", 33, "end or wait"),
        ("1 /dev/x 9600,8,N,1 * tls=/no/such,/no/key", 27, "No such file"),
        ("1 /dev/x 9600,8,N,1 * busy-text=\"open", 33, "quotation mark"),
        ("1 /dev/x 9600,8,N,1 *\u{7}", 22, "control character"),
        ("defaults port=1", 10, "is no key"),
    ];
    let test = |text: &str| {
        fs::write(&file, text).expect("configuration");
        let out = Command::new(ours("mserver")).args(["-t", "-c"]).arg(&file).output().expect("mserver");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    for (line, column, what) in table {
        let (code, said) = test(&format!("# a comment\n{line}\n"));
        let place = format!("mserver: {}:2:{column}: ", file.display());
        assert!(code == Some(1) && said.contains(&place) && said.contains(what), "{line:?}: {said}");
    }
    let (code, said) = test("1 x 9600,8,N,1 *\n\n2 /dev/x 9600,8,N,9 *\n");
    assert!(code == Some(1) && said.contains(":1:3: ") && said.contains(":3:19: "), "{said}");
    // Bytes that are no text, an empty file, and none at all.
    fs::write(&file, b"1 /dev/x 9600,8,N,1 * busy-text=\xff\xfe\n").expect("configuration");
    assert_eq!(test("").0, Some(0), "nothing wrong with it");
    let serve = |path: &std::path::Path| Command::new(ours("mserver")).arg("-f").arg("-c").arg(path).output();
    let none = serve(&file).expect("mserver");
    assert!(
        none.status.code() == Some(1) && String::from_utf8_lossy(&none.stderr).contains("no modem is shared")
    );
    let absent = serve(&dir.path().join("absent")).expect("mserver");
    assert!(
        absent.status.code() == Some(1) && String::from_utf8_lossy(&absent.stderr).contains("No such file")
    );
}
