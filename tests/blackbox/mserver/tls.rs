//! Ports with TLS: real certificates, made here.

use super::{Client, Server, free_port, on_line};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::wait;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    pub(crate) fn identity(&self, name: &str, years: (i32, i32)) -> Identity {
        let mut params = CertificateParams::new(vec!["localhost".to_string()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        (params.not_before, params.not_after) = (date_time_ymd(years.0, 1, 1), date_time_ymd(years.1, 1, 1));
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

pub(crate) const NOW: (i32, i32) = (2020, 2100);

pub(crate) fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("a PEM file");
    path
}

/// A client that trusts one authority and shows a certificate, if it has one.
fn connect(
    port: u16,
    trusted: &Authority,
    shown: Option<&Identity>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let parse = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
    let mut roots = RootCertStore::empty();
    roots.add(parse(&trusted.pem)).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match shown {
        Some(id) => {
            let key = PrivateKeyDer::from_pem_slice(id.key.as_bytes()).expect("PEM");
            builder.with_client_auth_cert(vec![parse(&id.certificate)], key).expect("a certificate")
        }
        None => builder.with_no_client_auth(),
    };
    let name = ServerName::try_from("localhost").expect("a name");
    let tls = ClientConnection::new(Arc::new(config), name).expect("TLS");
    let socket = Client::connect(port).0;
    StreamOwned::new(tls, socket)
}

/// Reads to the end, however it comes.
fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard);
    heard
}

struct House {
    server: Server,
    ours: Authority,
    theirs: Authority,
    log: PathBuf,
    dir: PathBuf,
}

/// A server whose ports ask for certificates of `theirs`; `lines` stand below `defaults tls=…`.
fn house(lines: &str) -> House {
    let (sandbox, ours, theirs) = (Sandbox::new(), Authority::new("the office"), Authority::new("the users"));
    let dir = sandbox.path().to_path_buf();
    let us = ours.identity("modems", NOW);
    let files = [
        write(&dir, "us.pem", &us.certificate),
        write(&dir, "us.key", &us.key),
        write(&dir, "users.pem", &theirs.pem),
    ];
    let log = dir.join("log.txt");
    let file = fs::File::create(&log).expect("a log");
    let names: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    let conf = format!("defaults settle=10ms tls={}\n{lines}", names.join(","));
    let server = Server::start_in(sandbox, &conf, |command| {
        command.stderr(Stdio::from(file));
    });
    House { server, ours, theirs, log, dir }
}

impl House {
    fn logged(&self, text: &str) {
        wait::until(text, || fs::read_to_string(&self.log).ok()?.contains(text).then_some(()));
    }
}

#[test]
fn certificates_let_in_whoever_has_one_of_the_right_authority() {
    let (pty, port) = (Pty::raw(), free_port());
    let house = house(&format!("{port} {} 9600,8,N,1 * busy-text=\"busy\\r\\n\"\n", pty.path().display()));
    // The slow one comes first and is thrown out last.
    let mut slow = Client::connect(port);
    slow.say([22, 3, 1, 2, 0, 1]);

    let laptop = house.theirs.identity("laptop 7", NOW);
    let mut client = connect(port, &house.ours, Some(&laptop));
    let data: Vec<u8> = (0..200_000u32).map(|n| (n * 31 % 256) as u8).collect();
    client.write_all(b"?").expect("write");
    assert_eq!(on_line(&pty, 1), b"?");
    let writer = data.clone();
    let sending = std::thread::spawn(move || {
        client.write_all(&writer).expect("write");
        client.flush().expect("flush");
        client
    });
    assert!(on_line(&pty, data.len()) == data, "all bytes, in order");
    let mut client = sending.join().expect("the writer");
    let mut heard = vec![0; data.len()];
    let line = pty.master();
    let from_modem = data.clone();
    let typing = std::thread::spawn(move || {
        let mut rest = &from_modem[..];
        while !rest.is_empty() {
            match (&line).write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    });
    client.read_exact(&mut heard).expect("bytes of the modem");
    assert!(heard == data);
    typing.join().expect("the modem");
    assert_eq!(house.server.status()["lines"][0]["user"]["certificate"], "laptop 7");

    let mut second = connect(port, &house.ours, Some(&laptop));
    assert_eq!(rest(&mut second), b"busy\r\n");

    let stranger = Authority::new("somebody").identity("laptop 7", NOW);
    let expired = house.theirs.identity("old laptop", (2020, 2021));
    for (shown, why) in [
        (None, "TLS: peer sent no certificates"),
        (Some(&stranger), "TLS: invalid peer certificate: UnknownIssuer"),
        (Some(&expired), "TLS: invalid peer certificate: certificate expired"),
    ] {
        let mut refused = connect(port, &house.ours, shown);
        let _ = refused.write_all(b"ATDT0900\r");
        assert_eq!(rest(&mut refused), b"", "{why}");
        house.logged(why);
    }
    let mut plain = Client::connect(port);
    plain.say("ATZ\r\n");
    assert!(plain.rest().len() < 20, "an alert, or nothing");
    house.logged("TLS: received corrupt message");
    assert_eq!(pty.read_now(), b"", "nothing of all those reached the modem");

    // Half-closed: what the modem says is still heard; then it is recorded who it was.
    client.conn.send_close_notify();
    client.flush().expect("flush");
    pty.write(b"bye");
    assert_eq!(rest(&mut client), b"bye");
    let records = wait::until("the record", || Some(house.server.records()).filter(|r| !r.is_empty()));
    assert_eq!(
        (&records[0]["user"], &records[0]["cause"]),
        (&"laptop 7".into(), &"the client closed".into())
    );

    assert_eq!(slow.rest(), b"");
    house.logged("TLS: the handshake took too long");
}

#[test]
fn a_reload_takes_new_certificates_and_refuses_wrong_ones() {
    let (pty, port) = (Pty::raw(), free_port());
    let house = house(&format!("{port} {} 9600,8,N,1 *\n", pty.path().display()));
    let laptop = house.theirs.identity("laptop", NOW);
    let mut client = connect(port, &house.ours, Some(&laptop));
    client.write_all(b"1").expect("write");
    assert_eq!(on_line(&pty, 1), b"1");

    fs::write(house.dir.join("us.key"), "not a key\n").expect("a file");
    house.server.running.signal(nix::sys::signal::Signal::SIGHUP);
    house.logged("mserver.conf:1:26: ");
    house.logged("us.key: no private key in PEM");
    house.logged("the configuration stays as it was");

    let others = Authority::new("the new office");
    let us = others.identity("modems", NOW);
    fs::write(house.dir.join("us.pem"), us.certificate).expect("a file");
    fs::write(house.dir.join("us.key"), us.key).expect("a file");
    house.server.running.signal(nix::sys::signal::Signal::SIGHUP);
    house.logged("the configuration was read again");
    client.write_all(b"2").expect("the session goes on");
    assert_eq!(on_line(&pty, 1), b"2");
    drop(client);
    house.server.until_state(0, "free");
    let mut old = connect(port, &house.ours, Some(&laptop));
    assert!(old.write_all(b"3").and_then(|()| old.flush()).is_err(), "the old authority is no good any more");
    let mut fresh = connect(port, &others, Some(&laptop));
    fresh.write_all(b"4").expect("write");
    assert_eq!(on_line(&pty, 1), b"4");
}

#[test]
fn watchers_and_rfc_2217_go_through_tls_as_well() {
    let (pty, port) = (Pty::raw(), free_port());
    let house =
        house(&format!("{port} {} 9600,8,N,1,rfc2217 127.0.0.1 watch=127.0.0.1\n", pty.path().display()));
    let laptop = house.theirs.identity("laptop", NOW);
    let mut user = connect(port, &house.ours, Some(&laptop));
    user.write_all(b"\xff\xfa\x2c\x01\x00\x00\x30\x39\xff\xf0?").expect("write");
    on_line(&pty, 1);
    let mut heard = Vec::new();
    while !heard.ends_with(b"\xff\xfa\x2c\x65\x00\x00\x30\x39\xff\xf0") {
        let mut byte = [0];
        user.read_exact(&mut byte).expect("the answer");
        heard.push(byte[0]);
    }
    let mut watcher = connect(port, &house.ours, Some(&laptop));
    watcher.write_all(b"typed in vain").expect("write");
    wait::until("the watcher", || {
        (house.server.status()["lines"][0]["user"]["watchers"].as_array()?.len() == 1).then_some(())
    });
    pty.write(b"RING");
    let mut ring = [0; 4];
    watcher.read_exact(&mut ring).expect("what the modem says");
    user.read_exact(&mut ring).expect("what the modem says");
    assert_eq!((&ring, pty.read_now()), (b"RING", Vec::new()));
}
