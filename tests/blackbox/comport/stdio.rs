//! Without a port: `--stdio`, and `tcpconn` as Masqdialer's users know it.

use super::{Peer, sub};
use ringback_tests::subject::ours;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start")
}

#[test]
fn tcpconn_joins_both_ways_and_passes_the_ends_on() {
    let peer = Peer::new();
    let port = peer.port().to_string();
    let mut by_name = Command::new(ours("comport"));
    by_name.arg0("/usr/local/sbin/tcpconn");
    for mut command in [Command::new(ours("tcpconn")), by_name] {
        let mut child = spawn(command.args(["localhost", &port]));
        let mut connection = peer.accept();
        let data: Vec<u8> = (0..200_000u32).map(|n| (n * 7 % 256) as u8).collect();
        let (mut input, sent) = (child.stdin.take().expect("input"), data.clone());
        let writing = std::thread::spawn(move || input.write_all(&sent).expect("write"));
        assert!(connection.rest() == data, "all of it, and then the end");
        writing.join().expect("writer");
        connection.say(&data);
        drop(connection);
        let mut out = Vec::new();
        child.stdout.take().expect("output").read_to_end(&mut out).expect("read");
        assert!(out == data);
        assert_eq!(child.wait().expect("wait").code(), Some(0));
    }
}

#[test]
fn tcpconn_s_command_line() {
    for (args, code, text) in [
        (&["localhost"][..], 2, "usage: tcpconn HOST PORT"),
        (&["localhost", "nowhere"], 2, "no service of /etc/services"),
        (&["localhost", "1", "2"], 2, "usage"),
        (&["--help"], 0, "HOST PORT"),
    ] {
        let out = Command::new(ours("tcpconn")).args(args).stdin(Stdio::null()).output().expect("tcpconn");
        assert_eq!(out.status.code(), Some(code));
        let said = [out.stdout, out.stderr].concat();
        assert!(String::from_utf8_lossy(&said).contains(text), "{args:?}");
    }
}

#[test]
fn the_line_is_set_and_files_can_be_input() {
    let peer = Peer::new();
    let dir = super::scratch();
    std::fs::write(dir.path().join("in"), b"ATI\r\xff").expect("input");
    let mut command = Command::new(ours("comport"));
    command
        .args(["--stdio", "--speed", "19200", "--flow", "rtscts", "--byte", "7E", &peer.address("rfc2217")])
        .stdin(std::fs::File::open(dir.path().join("in")).expect("input"))
        .stdout(Stdio::piped());
    let child = command.spawn().expect("comport");
    let mut connection = peer.accept();
    connection.say([255, 253, 44]);
    let asked = connection.hear(b"ATI\r\xff\xff");
    for wanted in [sub(&[1, 0, 0, 75, 0]), sub(&[2, 7]), sub(&[3, 3]), sub(&[5, 3])] {
        assert!(asked.windows(wanted.len()).any(|w| w == wanted), "{asked:?}");
    }
    connection.say([sub(&[107, 176]), b"OK\xff\xff".to_vec()].concat());
    drop(connection);
    let out = child.wait_with_output().expect("wait");
    assert_eq!((out.status.code(), out.stdout), (Some(0), b"OK\xff".to_vec()));
}
