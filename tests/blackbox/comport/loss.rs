//! Connections that are lost or cannot be made.

use super::{Comport, Peer, scratch, sub};
use nix::sys::signal::Signal;
use ringback_tests::sandbox::Running;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn the_port_outlives_the_network_and_another_server_takes_over() {
    let peer = Peer::new();
    let port = peer.port();
    let comport = Comport::start(&peer.address("rfc2217"), &["--retry", "100ms-300ms"]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    connection.say("before");
    app.hear("before");
    let target = fs::read_link(comport.link("modem")).expect("a symlink");
    drop((connection, peer));
    comport.until_logged("the server ended the connection; trying again");
    comport.until_logged("no connection: Connection refused; trying again");
    app.say("into the void");
    let count = comport.log().matches("refused").count();
    assert_eq!(count, 1, "said once: {}", comport.log());
    let swapped = Peer(wait::until("the same port", || TcpListener::bind(("127.0.0.1", port)).ok()));
    let mut connection = swapped.accept_controlling();
    app.say("after");
    let heard = connection.hear("after");
    assert!(!heard.windows(4).any(|w| w == b"void"), "it was for the call that is over");
    connection.say("again");
    app.hear("again");
    assert_eq!(fs::read_link(comport.link("modem")).expect("a symlink"), target, "the same pty");
    // The settings were asked for anew.
    assert!(!app.is_hung_up());
}

#[test]
fn or_the_application_is_hung_up() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("tcp"), &["--on-loss", "hangup", "--retry", "200ms"]);
    let app = comport.open();
    let mut connection = peer.accept();
    connection.say("x");
    app.hear("x");
    drop(connection);
    wait::until("a hang-up", || app.is_hung_up().then_some(()));
    assert!(peer.has_visitor().is_none(), "nobody has the port open");
    drop(app);
    let app = wait::until("a fresh port", || {
        let app = comport.open();
        (!app.is_hung_up()).then_some(app)
    });
    let mut connection = peer.accept();
    app.say("y");
    connection.hear("y");
}

#[test]
fn a_carrier_lost_with_the_network_is_lost() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &["--retry", "100ms"]);
    let app = comport.open();
    let settings = ttyline::sys::termios::get(&app.0).expect("settings").ignoring_carrier(false);
    ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
    let mut connection = peer.accept_controlling();
    connection.say([sub(&[107, 128]), b"x".to_vec()].concat());
    app.hear("x");
    drop(connection);
    let mut connection = peer.accept_controlling();
    assert!(!app.is_hung_up(), "nobody knows yet");
    connection.say(sub(&[107, 0]));
    wait::until("a hang-up", || app.is_hung_up().then_some(()));
}

fn comport(args: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(ours("comport")).args(args).stdin(Stdio::null()).output().expect("comport");
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn each_failure_is_one_line_and_an_exit_code() {
    let dir = scratch();
    let name = dir.path().join("modem").display().to_string();
    let refusing = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("address").port();
    // Listens and never accepts: its queue is full.
    let full = TcpListener::bind("127.0.0.1:0").expect("a port");
    nix::sys::socket::listen(&full, nix::sys::socket::Backlog::new(0).expect("backlog")).expect("listen");
    let silent = full.local_addr().expect("address").port();
    let _fill: Vec<_> = (0..3)
        .map(|_| {
            let address = full.local_addr().expect("address");
            std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200))
        })
        .collect();
    for (address, code, text) in [
        ("tcp://no-such-host.invalid:1".to_string(), 3, "the host is not known: no-such-host.invalid: "),
        (format!("rfc2217://127.0.0.1:{refusing}"), 4, "no connection: Connection refused"),
        (format!("tcp://127.0.0.1:{silent}"), 4, "no answer: not within 0.5 s"),
    ] {
        for args in [
            vec!["--stdio".to_string(), address.clone()],
            vec![
                "--retry".into(),
                "none".into(),
                "--connect".into(),
                "always".into(),
                format!("{name}={address}"),
            ],
        ] {
            let mut all = vec!["--connect-timeout", "500ms"];
            all.extend(args.iter().map(String::as_str));
            let (status, said) = comport(&all);
            assert_eq!(status, Some(code), "{all:?}: {said}");
            assert!(said.contains(&address) && said.contains(text), "{said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(dir.path().join("modem").symlink_metadata().is_err());
        }
    }
}

#[test]
fn a_half_open_peer_is_found_out() {
    // The network goes without a word: packets of the port are dropped in a namespace of the test's own.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = scratch();
    let script = format!(
        r#"set -e
ip link set lo up
python3 - <<'END' &
import socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', 4000)); s.listen(); open('{0}/listens', 'w'); c, _ = s.accept(); c.sendall(b'hello'); import time; time.sleep(60)
END
while ! [ -e '{0}/listens' ]; do sleep 0.05; done
mkfifo '{0}/in'; exec 9<>'{0}/in'
'{1}' --stdio --keepalive 1 tcp://127.0.0.1:4000 <&9 >'{0}/out' 2>'{0}/err' &
pid=$!
while ! [ -s '{0}/out' ]; do sleep 0.05; done
ip link set lo down
code=0; wait $pid || code=$?
echo $code >'{0}/code'"#,
        dir.path().display(),
        ours("comport").display()
    );
    let mut command = Command::new("unshare");
    command
        .args(["-n", "-p", "-f", "--kill-child", "bash", "-c", &script])
        .stderr(File::create(dir.path().join("log")).expect("a log"));
    let mut running = Running::spawn(&mut command);
    running.status();
    let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
    assert_eq!(read("code"), "6\n", "{} {}", read("err"), read("log"));
    assert!(read("err").contains("the connection broke: "), "{}", read("err"));
    assert_eq!(read("out"), "hello");
    running.signal(Signal::SIGKILL);
}
