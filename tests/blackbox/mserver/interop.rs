//! Other people's clients against mserver.

use super::{Server, free_port, on_line};
use ringback_tests::modem::Modem;
use ringback_tests::modem_lines::{CTS, Lines};
use ringback_tests::originals::{foreign, unpacked};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::wait;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

fn speed_of(line: &Pty) -> u32 {
    ttyline::sys::termios::get(line.slave()).expect("settings").speed_out
}

/// gensio's own client, which is also ser2net's.
#[test]
fn gensiot() {
    let (line, port) = (Pty::raw(), free_port());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,rfc2217 *\n", line.path().display()));
    let mut command = foreign("gensio-bin", "usr/bin/gensiot", &["libgensio4", "libsctp1", "libwrap0"]);
    let mut child = command
        .arg(format!("telnet(rfc2217),tcp,127.0.0.1,{port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gensiot");
    // ^\ is its escape.
    let all: Vec<u8> = (0..=255).filter(|b| *b != 0x1c).collect();
    child.stdin.as_mut().expect("input").write_all(&all).expect("write");
    assert_eq!(on_line(&line, all.len()), all);
    line.write(&all);
    let mut got = vec![0; all.len()];
    child.stdout.as_mut().expect("output").read_exact(&mut got).expect("read");
    assert_eq!(got, all);
    let _ = child.kill();
    let _ = child.wait();
}

/// It refuses BINARY, and asks for everything by 0.
#[test]
fn cyclades_serial_client() {
    let (line, port, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,rfc2217 *\n", line.path().display()));
    let device = sandbox.path().join("modem");
    let root = unpacked("cyclades-serial-client");
    let mut command = sandbox.command(&root.join("usr/sbin/cyclades-ser-cli"), None);
    // Its port is the base plus the number of the physical port.
    command.args(["-f", "-m", "1", "-i", "1", "-p"]).arg((port - 1).to_string());
    command.arg(&device).args(["127.0.0.1", "1"]);
    let _client = Running::spawn(&mut command);
    wait::until("its pty", || device.exists().then_some(()));
    let application = format!(
        "import os, tty\nfd = os.open('{0}', os.O_RDWR | os.O_NOCTTY)\ntty.setraw(fd)\nos.write(fd, b'ATZ\\r')\nall = b''\n\
         while len(all) < 200: all += os.read(fd, 1000)\nprint(all == bytes(range(32, 232)))",
        device.display()
    );
    let child = Command::new("python3").args(["-c", &application]).stdout(Stdio::piped()).spawn();
    let child = child.expect("python3");
    assert_eq!(on_line(&line, 4), b"ATZ\r");
    assert_eq!(speed_of(&line), 9600, "it asks, and leaves the line as it is");
    line.write(&(32..232).collect::<Vec<u8>>());
    let out = child.wait_with_output().expect("python3");
    assert_eq!(String::from_utf8_lossy(&out.stdout), "True\n");
}

/// Its preload library carries an application's settings and breaks past its pty.
#[test]
fn cyclades_serial_client_s_library() {
    let (line, port, sandbox, elsewhere) = (Pty::raw(), free_port(), Sandbox::new(), Sandbox::new());
    let file = elsewhere.path().join("lines");
    let lines = Lines::of(&line, &file);
    lines.show(CTS);
    let conf = format!("{port} {} 9600,8,N,1,rfc2217 * settle=10ms\n", line.path().display());
    let _server = Server::start_in(elsewhere, &conf, |command| {
        command.env("LD_PRELOAD", Lines::library()).env("MODEMLINES", &file);
    });
    let device = sandbox.path().join("modem");
    let devices = format!("{}:prts:127.0.0.1:1:rtelnet:\n", device.display());
    std::fs::write(sandbox.path().join("etc-upper/cyclades-devices"), devices).expect("its devices");
    let root = unpacked("cyclades-serial-client");
    let mut command = sandbox.command(&root.join("usr/sbin/cyclades-ser-cli"), None);
    command.args(["-f", "-m", "1", "-i", "1", "-p"]).arg((port - 1).to_string());
    command.arg(&device).args(["127.0.0.1", "1"]);
    let _client = Running::spawn(&mut command);
    let control = sandbox.path().join("modem.control");
    wait::until("its pty", || (device.exists() && control.exists()).then_some(()));
    // The library reports failure, with errno 0, of what went well.
    let application = format!(
        "import os, sys, termios, tty\nfd = os.open('{0}', os.O_RDWR | os.O_NOCTTY)\n\
         def carry(what, *words):\n    try: what(fd, *words)\n    except termios.error as e: assert e.args[0] == 0, e\n\
         carry(tty.setraw)\nnow = termios.tcgetattr(fd)\nnow[4] = now[5] = termios.B57600\n\
         carry(termios.tcsetattr, termios.TCSANOW, now)\nos.write(fd, b'ATZ\\r')\nos.read(fd, 1)\n\
         carry(termios.tcsendbreak, 0)\nnow = termios.tcgetattr(fd)\nnow[2] |= termios.CRTSCTS\n\
         carry(termios.tcsetattr, termios.TCSANOW, now)\nsys.stdin.read()\n",
        device.display()
    );
    let mut command = sandbox.command("/usr/bin/python3".as_ref(), None);
    command.args(["-c", &application]).stdin(Stdio::piped());
    command.env("LD_PRELOAD", root.join("usr/lib/libcyclades-ser-cli.so"));
    let mut child = command.spawn().expect("python3");
    let _input = child.stdin.take();
    let _application = Running::of(child);
    assert_eq!(on_line(&line, 4), b"ATZ\r");
    assert_eq!(speed_of(&line), 57_600);
    line.write(b"O");
    wait::until("a break, and its end", || (lines.word(3) == 1).then_some(()));
    wait::until("flow control", || {
        let settings = ttyline::sys::termios::get(line.slave()).expect("settings");
        (settings.control & ttyline::settings::control::CRTSCTS != 0).then_some(())
    });
}

/// C-Kermit dials by telnet, with control of the port.
#[test]
fn c_kermit() {
    let (modem, port) = (Modem::new(), free_port());
    let _server = Server::start(&format!("{port} /dev/{} 9600,8,N,1,rfc2217 *\n", modem.line()));
    let script = format!(
        "set telnet wait off, set host 127.0.0.1 {port} /telnet, if fail exit 1 no connection, output ATDT100\\13, \
         input 20 CONNECT, if fail exit 2 no answer, output hello, pause 1, exit 0"
    );
    let mut command: Command = foreign("ckermit", "usr/bin/kermit", &[]);
    let child = command.args(["-Y", "-C", &script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let child = child.expect("kermit");
    let place = modem.expect("ATDT100\r", 0);
    modem.expect("hello", place);
    let out = child.wait_with_output().expect("kermit");
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stdout));
}
