//! RFC 2217 against pyserial's client, and modem lines by the preload library.

use super::{Client, Server, free_port, on_line};
use ringback_tests::modem_lines::{CD, CTS, Lines};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::{target, top};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn package(name: &str) -> PathBuf {
    let status = Command::new(top().join("scripts/originals")).arg(name).status();
    assert!(status.is_ok_and(|s| s.success()), "Debian's {name}");
    target().join("originals").join(name)
}

/// Opens, sets and uses the port as applications with pyserial do; every setting must be confirmed.
const PYSERIAL: &str = r#"
import serial, sys
s = serial.serial_for_url('rfc2217://127.0.0.1:%s?timeout=5' % sys.argv[1], baudrate=115200, timeout=5)
for speed in (9600, 12345, 3000000, 0xff00): s.baudrate = speed
for size in (5, 6, 7, 8): s.bytesize = size
for parity in 'NOEMS': s.parity = parity
s.parity = 'N'
for stop in (1, 2, 1.5, 1): s.stopbits = stop
s.rtscts = True; s.rtscts = False; s.xonxoff = True; s.xonxoff = False
s.dtr = False; s.dtr = True; s.rts = False; s.rts = True
s.break_condition = True; s.break_condition = False; s.send_break(0.05)
print('lines', s.cts, s.dsr, s.cd, s.ri)
s.reset_input_buffer(); s.reset_output_buffer()
s.write(bytes(range(256)))
data = s.read(256)
assert data == bytes(range(256)), data
s.close()
print('done')
"#;

#[test]
fn pyserial_s_client_is_confirmed_in_everything() {
    let (pty, port) = (Pty::raw(), free_port());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,rfc2217 *\n", pty.path().display()));
    let path = package("python3-serial").join("usr/lib/python3/dist-packages");
    let child = Command::new("python3")
        .args(["-c", PYSERIAL, &port.to_string()])
        .env("PYTHONPATH", path)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("python3");
    // What comes is sent back; the client looks whether all is there.
    let (done, line) = (AtomicBool::new(false), &pty);
    let out = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let bytes = line.read_now();
                line.write(&bytes);
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let out = child.wait_with_output().expect("pyserial");
        done.store(true, Ordering::Relaxed);
        out
    });
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success() && said.ends_with("done\n"),
        "{said}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(said.contains("lines True True True False"), "{said}");
}

fn notice(state: u8) -> Vec<u8> {
    if state == 255 {
        vec![255, 250, 44, 107, 255, 255, 255, 240]
    } else {
        vec![255, 250, 44, 107, state, 255, 240]
    }
}

#[test]
fn changes_of_modem_lines_are_told_at_once_and_outputs_are_driven() {
    let (pty, port, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
    let file = sandbox.path().join("lines");
    let lines = Lines::of(&pty, &file);
    lines.show(CTS);
    let library = Lines::library();
    let conf = format!("{port} {} 9600,8,N,1,rfc2217 * settle=10ms\n", pty.path().display());
    let server = Server::start_in(sandbox, &conf, |command| {
        command.env("LD_PRELOAD", library).env("MODEMLINES", &file);
    });
    let mut client = Client::connect(port);
    client.say([255, 251, 44]);
    client.hear(notice(16));
    // The waiting thread of the preload library looks every 2 ms.
    let mut took = Vec::new();
    for n in 0..20 {
        let up = n % 2 == 0;
        lines.show(if up { CTS | CD } else { CTS });
        let start = Instant::now();
        client.hear(notice(if up { 16 | 128 | 8 } else { 16 | 8 }));
        took.push(start.elapsed());
    }
    took.sort();
    assert!(took[10] < Duration::from_millis(500), "{took:?}");
    client.say([255, 250, 44, 5, 9, 255, 240]);
    client.hear([255, 250, 44, 105, 9, 255, 240]);
    assert_eq!(lines.word(0) & 2, 0, "DTR is down");
    client.say([255, 250, 44, 5, 8, 255, 240]);
    client.hear([255, 250, 44, 105, 8, 255, 240]);
    assert_eq!(lines.word(0) & 2, 2, "DTR is up");
    client.say([255, 243]);
    ringback_tests::wait::until("a break", || (lines.word(3) & 0x7fff_ffff == 1).then_some(()));
    ringback_tests::wait::until("its end", || (lines.word(3) >> 31 == 0).then_some(()));
    // What a client leaves on the line is not there for the modem's initialisation, nor for the next user.
    client.say([255, 250, 44, 5, 12, 255, 240, 255, 250, 44, 5, 5, 255, 240]);
    client.hear([255, 250, 44, 105, 5, 255, 240]);
    assert_eq!((lines.word(0) & 4, lines.word(3) >> 31), (0, 1), "RTS is down, a break is on");
    drop(client);
    server.until_state(0, "free");
    assert_eq!((lines.word(0) & 4, lines.word(3) >> 31), (4, 0), "RTS is up, the break over");
    let threads = fs::read_dir(format!("/proc/{}/task", server.running.pid())).expect("tasks").count();
    assert_eq!(threads, 1, "the waiting thread ended with its session");
}

/// Each change follows the news of the one before at once, while the server's thread is on its way from its last
/// look at the lines to the next wait: no driver tells it of such a change.
#[test]
fn a_change_between_a_look_and_the_wait_is_told_without_delay() {
    for counting in ["0", "1"] {
        let (pty, port, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
        let file = sandbox.path().join("lines");
        let lines = Lines::of(&pty, &file);
        lines.show(CTS);
        let late = ringback_tests::preload::library("tests/preload/latewaits.c");
        let libraries = format!("{} {}", late.display(), Lines::library().display());
        let conf = format!("{port} {} 9600,8,N,1,rfc2217 * settle=10ms\n", pty.path().display());
        let _server = Server::start_in(sandbox, &conf, |command| {
            command.env("LD_PRELOAD", libraries).env("MODEMLINES", &file);
            command.env("LATEWAITS", "20000").env("LATEWAITS_COUNT", counting);
        });
        let mut client = Client::connect(port);
        client.say([255, 251, 44]);
        client.hear(notice(16));
        let mut times = Vec::new();
        for n in 0..50 {
            let up = n % 2 == 0;
            let start = Instant::now();
            lines.show(if up { CTS | CD } else { CTS });
            client.hear(notice(if up { 16 | 128 | 8 } else { 16 | 8 }));
            times.push(start.elapsed());
        }
        times.sort();
        println!("counting {counting}: p50 {:?}, p99 {:?}", times[25], times[49]);
        // By the look after 50 ms, or after a second, half of them would be that late.
        assert!(times[25] < Duration::from_millis(20), "counting {counting}: {times:?}");
    }
}

#[test]
fn a_carrier_that_does_not_fall_takes_the_line_out_of_service() {
    let (pty, port, sandbox) = (Pty::raw(), free_port(), Sandbox::new());
    let file = sandbox.path().join("lines");
    let lines = Lines::of(&pty, &file);
    lines.show(CTS | CD);
    let library = Lines::library();
    let conf = format!("{port} {} 9600,8,N,1 * settle=10ms\n", pty.path().display());
    let server = Server::start_in(sandbox, &conf, |command| {
        command.env("LD_PRELOAD", library).env("MODEMLINES", &file);
    });
    let mut client = Client::connect(port);
    client.say("ATDT1\r");
    assert_eq!(client.rest(), b"");
    assert_eq!(server.status()["lines"][0]["state"], "out-of-service");
    assert!(!String::from_utf8_lossy(&pty.read_now()).contains("ATDT"), "nobody types into a call");
}

#[test]
fn a_client_that_kept_its_will_to_itself_is_told_the_lines_too() {
    let (pty, port) = (Pty::raw(), free_port());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,rfc2217 *\n", pty.path().display()));
    let mut client = Client::connect(port);
    client.say([255, 250, 44, 5, 8, 255, 240]);
    client.hear([notice(176), vec![255, 250, 44, 105, 8, 255, 240]].concat());
}

/// `IAC SB COM-PORT` … `IAC SE`.
fn sub(inside: &[u8]) -> Vec<u8> {
    let mut out = vec![255, 250, 44];
    for byte in inside {
        out.push(*byte);
        if *byte == 255 {
            out.push(255);
        }
    }
    out.extend([255, 240]);
    out
}

#[test]
fn every_request_is_answered_with_the_value_in_force() {
    let (pty, port) = (Pty::raw(), free_port());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,rfc2217 *\n", pty.path().display()));
    let mut client = Client::connect(port);
    client.say([255, 251, 44]);
    // A pty has no modem lines: what clients wait for is there.
    client.hear(notice(176));
    let signature = [&[100][..], b"ringback mserver ", env!("CARGO_PKG_VERSION").as_bytes()].concat();
    let table: Vec<(&[u8], &[u8])> = vec![
        (&[0], &signature),
        // Telling us a signature, and what nobody knows, is not answered; what follows is.
        (b"\0me", b""),
        (&[99, 1], b""),
        (&[], b""),
        (&[1, 0, 0, 0, 0], &[101, 0, 0, 0x25, 0x80]),
        (&[1, 0, 0, 0x30, 0x39], &[101, 0, 0, 0x30, 0x39]),
        (&[1, 0, 0, 255, 0], &[101, 0, 0, 255, 0]),
        (&[1, 0, 0x2d, 0xc6, 0xc0], &[101, 0, 0x2d, 0xc6, 0xc0]),
        // Wrong lengths: the stream stays in step.
        (&[1, 5], b""),
        (&[1, 0, 0, 0, 0, 0, 0, 0x25, 0x80], &[101, 0, 0x2d, 0xc6, 0xc0]),
        (&[2], b""),
        (&[2, 0], &[102, 8]),
        (&[2, 7], &[102, 7]),
        (&[2, 9], &[102, 7]),
        (&[2, 8], &[102, 8]),
        (&[3, 0], &[103, 1]),
        (&[3, 4], &[103, 4]),
        (&[3, 77], &[103, 4]),
        (&[3, 1], &[103, 1]),
        (&[4, 0], &[104, 1]),
        (&[4, 2], &[104, 2]),
        (&[4, 9], &[104, 2]),
        (&[5, 0], &[105, 1]),
        (&[5, 2], &[105, 2]),
        (&[5, 3], &[105, 3]),
        (&[5, 13], &[105, 16]),
        (&[5, 1], &[105, 1]),
        (&[5, 14], &[105, 14]),
        (&[5, 15], &[105, 15]),
        (&[5, 14], &[105, 14]),
        (&[5, 17], &[105, 1]),
        (&[5, 18], &[105, 14]),
        (&[5, 19], &[105, 1]),
        (&[5, 4], &[105, 6]),
        (&[5, 5], &[105, 5]),
        (&[5, 4], &[105, 5]),
        (&[5, 6], &[105, 6]),
        (&[5, 7], &[105, 8]),
        (&[5, 9], &[105, 9]),
        (&[5, 7], &[105, 9]),
        (&[5, 8], &[105, 8]),
        (&[5, 10], &[105, 11]),
        (&[5, 12], &[105, 12]),
        (&[5, 11], &[105, 11]),
        (&[6], &[106, 0]),
        (&[7], &[107, 176]),
        (&[10, 255], &[110, 28]),
        (&[10, 0], &[110, 0]),
        (&[12, 1], &[112, 1]),
        (&[12, 2], &[112, 2]),
        (&[12, 3], &[112, 3]),
        (&[12, 200], &[112, 0]),
    ];
    for (request, answer) in table {
        client.say(sub(request));
        // Asked last and answered last, so that an answer too many is seen.
        client.say(sub(&[7]));
        let heard = client.hear(sub(&[107, 176]));
        let all = if request == [7] {
            client.hear(sub(answer));
            heard
        } else {
            heard
        };
        let first = if answer.is_empty() || request == [7] { vec![] } else { sub(answer) };
        let greeting = all.len() - first.len() - sub(&[107, 176]).len();
        assert!(all[greeting..].starts_with(&first), "{request:?}: {all:?}");
        assert!(greeting == 0 || request == [0], "{request:?}: {all:?}");
    }
    client.say(sub(&[11, 128]));
    client.hear([sub(&[111, 128]), sub(&[107, 128])].concat());
    // Suspended, nothing of the line comes; commands are answered all the same.
    client.say(sub(&[8]));
    client.say(sub(&[7]));
    client.hear(sub(&[107, 128]));
    pty.write(b"late\xff");
    client.say(sub(&[7]));
    assert_eq!(client.hear(sub(&[107, 128])), sub(&[107, 128]), "no data");
    client.say(sub(&[9]));
    assert_eq!(client.hear(b"\xff\xff"), b"late\xff\xff");
    // No command of telnet that means nothing here is answered, and no request twice.
    client.say([255, 241, 255, 246, 255, 249, 255, 253, 0, 255, 253, 0, 255, 251, 44, 255, 251, 44, b'x']);
    assert_eq!(on_line(&pty, 1), b"x");
    client.say(sub(&[7]));
    let heard = client.hear(sub(&[107, 128]));
    assert!(heard.len() <= sub(&[107, 128]).len() + 3, "{heard:?}");
}
