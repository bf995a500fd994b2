//! TLS to mserver, with certificates made here.

use super::{Comport, Peer};
use crate::mserver::tls::{Authority, Identity, NOW, write};
use crate::mserver::{Server, free_port};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server with this certificate, which asks for those of `users`.
fn serve(identity: &Identity, users: &Authority, line: &Pty) -> (Server, u16, PathBuf) {
    let (sandbox, port) = (Sandbox::new(), free_port());
    let dir = sandbox.path().to_path_buf();
    let files = [
        write(&dir, "us.pem", &identity.certificate),
        write(&dir, "us.key", &identity.key),
        write(&dir, "users.pem", &users.pem),
    ];
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    let conf = format!(
        "defaults settle=10ms tls={}\n{port} {} 9600,8,N,1,rfc2217 *\n",
        names.join(","),
        line.path().display()
    );
    (Server::start_in(sandbox, &conf, |_| {}), port, dir)
}

fn stdio(address: &str, options: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut command = Command::new(ours("comport"));
    for (name, file) in options {
        command.arg(name).arg(file);
    }
    let out = command.args(["--stdio", address]).stdin(Stdio::null()).output().expect("comport");
    (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
}

#[test]
fn a_port_inside_tls_with_a_certificate_of_ours() {
    let (office, users, line) = (Authority::new("the office"), Authority::new("the users"), Pty::raw());
    let (server, port, dir) = serve(&office.identity("modems", NOW), &users, &line);
    let me = users.identity("desk 3", NOW);
    let ca = write(&dir, "office.pem", &office.pem).display().to_string();
    let cert = write(&dir, "me.pem", &me.certificate).display().to_string();
    let key = write(&dir, "me.key", &me.key).display().to_string();
    let options = ["-v", "--linger", "100ms", "--ca", &ca, "--cert", &cert, "--key", &key];
    let comport = Comport::start(&format!("tls+rfc2217://localhost:{port}"), &options);
    let app = comport.open();
    comport.until_logged("controls the port");
    assert_eq!(server.status()["lines"][0]["user"]["certificate"], "desk 3");
    let settings = ttyline::sys::termios::get(&app.0).expect("settings").with_speed(57_600);
    ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
    wait::until("the line's speed", || {
        (ttyline::sys::termios::get(line.slave()).expect("settings").speed_out == 57_600).then_some(())
    });
    // Much, both ways at once.
    let data: Vec<u8> = (0..300_000u32).map(|n| (n * 31 % 251) as u8).collect();
    let (out, sent, master) = (app.0.try_clone().expect("dup"), data.clone(), line.master());
    let push = |mut to: std::fs::File, data: Vec<u8>| {
        std::thread::spawn(move || {
            let mut rest = &data[..];
            while !rest.is_empty() {
                match std::io::Write::write(&mut to, &rest[..rest.len().min(2000)]) {
                    Ok(count) => rest = &rest[count..],
                    Err(_) => std::thread::sleep(std::time::Duration::from_millis(1)),
                }
            }
        })
    };
    let threads = [push(out, sent.clone()), push(master, sent)];
    let (mut there, mut here) = (Vec::new(), Vec::new());
    wait::until("all of it", || {
        there.extend(line.read_now());
        let mut buffer = [0; 65536];
        if let Ok(count) = (&app.0).read(&mut buffer) {
            here.extend_from_slice(&buffer[..count]);
        }
        (there.len() == data.len() && here.len() == data.len()).then_some(())
    });
    assert!(there == data && here == data, "no byte lost, none twice");
    threads.into_iter().for_each(|thread| thread.join().expect("writer"));
    drop(app);
    server.until_state(0, "free");
}

#[test]
fn wrong_certificates_are_one_line_and_exit_5() {
    let (office, users, line) = (Authority::new("the office"), Authority::new("the users"), Pty::raw());
    let (_server, port, dir) = serve(&office.identity("modems", NOW), &users, &line);
    let (_old, old_port, _) = serve(&office.identity("modems", (2020, 2021)), &users, &line);
    let (_new, new_port, _) = serve(&office.identity("modems", (2090, 2100)), &users, &line);
    let ca = write(&dir, "office.pem", &office.pem);
    let other = write(&dir, "other.pem", &users.pem);
    for (address, ca, text) in [
        (format!("tls+tcp://localhost:{port}"), &other, "nobody we trust (--ca) has signed it"),
        (format!("tls+tcp://127.0.0.1:{port}"), &ca, "it is another host's"),
        (format!("tls+rfc2217://localhost:{old_port}"), &ca, "it has expired"),
        (format!("tls+telnet://localhost:{new_port}"), &ca, "it is not valid yet"),
    ] {
        let (code, said) = stdio(&address, &[("--ca", ca.as_path())]);
        assert_eq!(code, Some(5), "{said}");
        assert!(said.contains("certificate is not good") && said.contains(text), "{address}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    // The server does not want us.
    let (code, said) = stdio(&format!("tls+tcp://localhost:{port}"), &[("--ca", ca.as_path())]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("--cert"), "{said}");
    // No TLS at all over there.
    let peer = Peer::new();
    let address = format!("tls+tcp://localhost:{}", peer.port());
    let answering = std::thread::spawn(move || {
        let mut connection = peer.accept();
        connection.say("\r\nOK\r\n\r\nNO CARRIER\r\n");
        connection.rest();
    });
    let (code, said) = stdio(&address, &[("--ca", ca.as_path())]);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains("TLS failed"), "{said}");
    answering.join().expect("the peer");
}
