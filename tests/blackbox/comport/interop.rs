//! comport against other people's servers.

use super::{App, Comport, scratch};
use crate::mserver::free_port;
use ringback_tests::originals::{foreign, unpacked};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Running;
use ringback_tests::wait;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

/// All bytes both ways between an application and a line.
fn all_bytes(app: &App, line: &Pty) {
    let all: Vec<u8> = (0..=255).collect();
    app.say(&all);
    let mut got = Vec::new();
    wait::until("all bytes on the line", || {
        got.extend(line.read_now());
        (got.len() >= all.len()).then_some(())
    });
    assert_eq!(got, all);
    line.write(&all);
    app.hear(&all);
}

/// The speed an application sets is the line's.
fn speed_follows(app: &App, line: &Pty, speed: u32) {
    let settings = ttyline::sys::termios::get(&app.0).expect("settings").with_speed(speed);
    ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
    wait::until("the line's speed", || {
        (ttyline::sys::termios::get(line.slave()).expect("settings").speed_out == speed).then_some(())
    });
}

fn until_listening(port: u16) {
    // What listens shows in the kernel's table; a trial connection would take the line.
    let wanted = format!(":{port:04X} ");
    wait::until("a server", || {
        ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
            let text = fs::read_to_string(table).ok()?;
            text.lines().any(|l| l.contains(&wanted) && l.contains(" 0A ")).then_some(())
        })
    });
}

#[test]
fn ser2net() {
    let (line, port, dir) = (Pty::raw(), free_port(), scratch());
    let config = format!(
        "connection: &line\n  accepter: telnet(rfc2217),tcp,{port}\n  connector: serialdev,{},9600n81,local\n  options:\n    kickolduser: true\n",
        line.path().display()
    );
    fs::write(dir.path().join("ser2net.yaml"), config).expect("configuration");
    let libraries = ["libgensio4", "libsctp1", "libwrap0", "libyaml-0-2"];
    let mut command = foreign("ser2net", "usr/sbin/ser2net", &libraries);
    command.args(["-n", "-u", "-c"]).arg(dir.path().join("ser2net.yaml"));
    let _server = Running::spawn(command.stderr(Stdio::null()));
    until_listening(port);
    let comport = Comport::start(&format!("rfc2217://127.0.0.1:{port}"), &["-v"]);
    let app = comport.open();
    comport.until_logged("controls the port");
    speed_follows(&app, &line, 38_400);
    all_bytes(&app, &line);
    speed_follows(&app, &line, 12_345);
    drop(app);
    let app = wait::until("it again", || Some(comport.open()));
    all_bytes(&app, &line);
}

const PYSERIAL: &str = r#"
import serial, serial.rfc2217, socket, sys, threading
line = serial.serial_for_url(sys.argv[1], do_not_open=True)
line.timeout = 0.05; line.dtr = False; line.rts = False
line.open()
listener = socket.socket(); listener.bind(('127.0.0.1', int(sys.argv[2]))); listener.listen(1)
peer, _ = listener.accept()
peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
class Out:
    def write(self, data): peer.sendall(data)
manager = serial.rfc2217.PortManager(line, Out())
def to_net():
    while True:
        data = line.read(line.in_waiting or 1)
        if data: peer.sendall(b''.join(manager.escape(data)))
threading.Thread(target=to_net, daemon=True).start()
while True:
    data = peer.recv(1024)
    if not data: break
    line.write(b''.join(manager.filter(data)))
"#;

#[test]
fn pyserial_s_server() {
    let (line, port, dir) = (Pty::raw(), free_port(), scratch());
    let mut command = Command::new("python3");
    command
        .args(["-c", PYSERIAL])
        .arg(line.path())
        .arg(port.to_string())
        .env("PYTHONPATH", unpacked("python3-serial").join("usr/lib/python3/dist-packages"))
        .env("LD_PRELOAD", ringback_tests::preload::library("tests/bench/modemlines.c"))
        .env("MODEMLINES", dir.path().join("lines"))
        .stderr(Stdio::null());
    let _server = Running::spawn(&mut command);
    until_listening(port);
    let comport = Comport::start(&format!("rfc2217://127.0.0.1:{port}"), &["-v"]);
    let app = comport.open();
    comport.until_logged("controls the port");
    speed_follows(&app, &line, 57_600);
    all_bytes(&app, &line);
}

/// It answers speeds in eight bytes, DTR by a flow code, and takes a doubled FF for two.
#[test]
fn sredird() {
    let (line, dir) = (Pty::raw(), scratch());
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("rfc2217://{}", listener.local_addr().expect("an address"));
    let comport = Comport::start(&address, &["-v"]);
    let app = comport.open();
    let (stream, _) = listener.accept().expect("comport");
    let descriptor = |stream: &TcpStream| Stdio::from(OwnedFd::from(stream.try_clone().expect("dup")));
    let mut command = foreign("sredird", "usr/sbin/sredird", &[]);
    command.arg("5").arg(line.path()).arg(dir.path().join("lock"));
    command.stdin(descriptor(&stream)).stdout(descriptor(&stream)).stderr(Stdio::null());
    let _server = Running::spawn(&mut command);
    drop(stream);
    comport.until_logged("controls the port");
    speed_follows(&app, &line, 19_200);
    all_bytes(&app, &line);
}

#[test]
fn a_plain_telnet_server() {
    let (port, dir) = (free_port(), scratch());
    let login = dir.path().join("login");
    fs::write(&login, "#!/bin/sh\nstty -echo\necho ready\nread line\necho \"got $line\"\nsleep 60\n")
        .expect("a program");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&login, mode).expect("chmod");
    let mut command = Command::new("busybox");
    command.args(["telnetd", "-F", "-p", &port.to_string(), "-b", "127.0.0.1", "-l"]).arg(&login);
    let _server = Running::spawn(command.stderr(Stdio::null()));
    until_listening(port);
    let comport = Comport::start(&format!("telnet://127.0.0.1:{port}"), &[]);
    let app = comport.open();
    app.hear("ready\r\n");
    app.say("hello\r");
    app.hear("got hello\r\n");
}
