//! Servers and neighbours that mean no good.

use super::{Comport, Connection, Peer};
use ringback_tests::sandbox::Running;
use ringback_tests::subject::ours;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kilobytes of memory that a process has.
fn resident(running: &Running) -> i64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", running.pid())).expect("status");
    let line = text.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// Asks for the signature again and again and reads no answer, until nothing more is taken.
fn ask_for_ever(connection: &mut Connection, running: &Running) {
    connection.say([255, 253, 44]);
    let before = resident(running);
    connection.0.set_nonblocking(true).expect("non-blocking");
    let request = [255, 250, 44, 100, 255, 240].repeat(2000);
    let (mut sent, mut last, most) = (0, Instant::now(), 64 << 20);
    while last.elapsed() < Duration::from_secs(2) && sent < most {
        match std::io::Write::write(&mut connection.0, &request) {
            Ok(n) => (sent, last) = (sent + n, Instant::now()),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    assert!(sent < most, "it must stop reading");
    assert!(resident(running) - before < 4000, "{} kB more", resident(running) - before);
}

#[test]
fn a_server_that_asks_and_reads_no_answers_costs_no_memory() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let app = comport.open();
    let mut connection = peer.accept();
    ask_for_ever(&mut connection, &comport.running);
    drop((app, connection));
    let mut command = Command::new(ours("comport"));
    command.args(["--stdio", &peer.address("rfc2217")]).stdin(Stdio::piped()).stdout(Stdio::null());
    let running = Running::spawn(&mut command);
    let mut connection = peer.accept();
    ask_for_ever(&mut connection, &running);
    // All of it is answered once it reads.
    connection.0.set_nonblocking(false).expect("blocking");
    connection
        .hear([&b"\xff\xfa\x2c\x00ringback comport "[..], env!("CARGO_PKG_VERSION").as_bytes()].concat());
}
