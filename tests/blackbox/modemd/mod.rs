//! modemd, started as a super-server starts it: the client's socket on descriptors 0 and 1.

mod document;
mod super_servers;
mod told;

use nix::sys::signal::Signal;
use ringback_tests::modem::{Manner, Modem};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// One client and the modemd that serves it.
struct Served {
    client: TcpStream,
    modemd: Running,
}

fn serve(sandbox: &Sandbox, args: &[&str]) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    let fd = || Stdio::from(OwnedFd::from(server.try_clone().expect("dup")));
    let mut command = sandbox.command(&ours("modemd"), None);
    command.args(args).stdin(fd()).stdout(fd()).stderr(fd());
    let modemd = Running::spawn(&mut command);
    client.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
    Served { client, modemd }
}

impl Served {
    fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.write_all(bytes.as_ref()).expect("write to modemd");
    }

    /// Reads until `end` has come.
    fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let mut byte = [0];
            match self.client.read(&mut byte) {
                Ok(1) => heard.push(byte[0]),
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&heard)),
            }
        }
        String::from_utf8_lossy(&heard).into_owned()
    }

    /// Waits until bytes go through: what was on the line before is thrown away.
    fn settle(&mut self, pty: &Pty) {
        self.say("?");
        until_read(pty, 1);
    }

    /// Everything until modemd closes.
    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        wait::ended(self.client.read_to_end(&mut heard), &heard);
        heard
    }
}

fn lock_of(sandbox: &Sandbox, pty: &Pty) -> std::path::PathBuf {
    sandbox.lock(&format!("LCK..{}", pty.line().replace('/', "_")))
}

fn until_read(pty: &Pty, wanted: usize) -> Vec<u8> {
    let mut got = Vec::new();
    wait::until("bytes on the line", || {
        got.extend(pty.read_now());
        (got.len() >= wanted).then_some(())
    });
    got
}

#[test]
fn every_byte_goes_through_both_ways_and_nothing_else() {
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0"]);
    let all: Vec<u8> = (0..=255).chain(b"\r~!id\n\r~.\r+++".iter().copied()).collect();
    served.say(&all);
    assert_eq!(until_read(&pty, all.len()), all);
    pty.write(&all);
    let mut heard = vec![0; all.len()];
    served.client.read_exact(&mut heard).expect("bytes from the modem");
    assert_eq!(heard, all);
    assert!(lock_of(&sandbox, &pty).exists());
    served.client.shutdown(Shutdown::Write).expect("half-close");
    assert_eq!(served.rest(), b"");
    assert_eq!(served.modemd.status(), 0);
    assert!(!lock_of(&sandbox, &pty).exists());
    assert_eq!(pty.read_now(), b"");
}

#[test]
fn a_second_client_is_refused_at_once_and_disturbs_nobody() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let mut first = serve(&sandbox, &[&modem.line()]);
    first.say("ATI\r");
    first.hear("OK\r\n");
    let mut second = serve(&sandbox, &[&modem.line(), "--busy-text", r"in use\r\n"]);
    second.say("ATDT1\r");
    assert_eq!(second.rest(), b"in use\r\n");
    assert_eq!(second.modemd.status(), 1);
    let mut silent = serve(&sandbox, &[&modem.line()]);
    assert_eq!((silent.rest(), silent.modemd.status()), (b"".to_vec(), 1));
    first.say("ATE1\r");
    first.hear("OK\r\n");
    assert_eq!(modem.commands(), ["ATI", "ATE1"], "nothing of the others reached the modem");
}

#[test]
fn the_next_user_gets_a_clean_modem() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let mut first = serve(&sandbox, &[&modem.line(), "--dtr-down", "3000"]);
    first.say("ATS0=1\r");
    first.hear("OK\r\n");
    first.say("ATDT0900");
    drop(first.client);
    // Somebody comes while the modem is being cleaned: he waits, and gets it.
    wait::until("the cleaning", || (!dtr(modem.pty())).then_some(()));
    let down = Instant::now();
    let mut second = serve(&sandbox, &[&modem.line()]);
    second.say("ATI\r");
    wait::until("DTR again", || dtr(modem.pty()).then_some(()));
    assert!(down.elapsed() > Duration::from_millis(1500), "DTR was down for {:?}", down.elapsed());
    assert_eq!(first.modemd.status(), 0);
    let heard = second.hear("OK\r\n");
    assert!(heard.ends_with("OK\r\n") && !heard.contains("ATZ"), "{heard:?}");
    let commands = modem.commands();
    let place = |wanted: &str| commands.iter().position(|c| c == wanted).unwrap_or(99);
    assert!(place("ATZ") < place("ATS0=0") && place("ATS0=0") < place("ATI"), "{commands:?}");
}

/// DTR as a pty has it: speed 0 is off.
fn dtr(pty: &Pty) -> bool {
    use nix::sys::termios::{BaudRate, cfgetospeed, tcgetattr};
    tcgetattr(pty.slave()).is_ok_and(|t| cfgetospeed(&t) != BaudRate::B0)
}

#[test]
fn after_kill_9_the_modem_is_cleaned_before_the_next_client_gets_it() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let mut first = serve(&sandbox, &[&modem.line()]);
    first.say("ATS0=1\r");
    first.hear("OK\r\n");
    first.modemd.signal(Signal::SIGKILL);
    assert_eq!(first.modemd.status(), 128 + 9);
    assert!(lock_of(&sandbox, modem.pty()).exists(), "kill -9 leaves the lock");
    let mut second = serve(&sandbox, &[&modem.line()]);
    second.say("ATI\r");
    second.hear("OK\r\n");
    assert_eq!(modem.commands(), ["ATS0=1", "ATZ", "ATS0=0", "ATI"]);
}

#[test]
fn a_modem_in_a_call_that_ignores_dtr_is_called_back() {
    // The fake modem stays online whatever DTR does; it answers again after the escape sequence.
    let sandbox = Sandbox::new();
    let manner = Manner { handshake: Duration::ZERO, ..Manner::default() };
    let modem = Modem::with(manner);
    let mut served = serve(&sandbox, &[&modem.line()]);
    served.say("ATDT1\r");
    served.hear("CONNECT 33600\r\n");
    let mark = modem.mark();
    served.modemd.signal(Signal::SIGTERM);
    let escape = modem.expect("+++", mark);
    modem.hang_up();
    modem.expect("ATS0=0", escape);
    assert_eq!(served.modemd.status(), 0);
}

#[test]
fn half_closing_drains_and_still_hears_the_answer() {
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0"]);
    let data: Vec<u8> = (0..60_000u32).map(|n| (n * 7 % 251) as u8).collect();
    served.say(&data);
    served.client.shutdown(Shutdown::Write).expect("half-close");
    assert_eq!(until_read(&pty, data.len()), data);
    pty.write(b"CONNECT\r\n");
    assert_eq!(served.rest(), b"CONNECT\r\n");
    assert_eq!(served.modemd.status(), 0);
}

#[test]
fn a_stopped_line_does_not_keep_the_modem_for_a_client_that_is_gone() {
    use nix::sys::termios::{FlowArg, tcflow};
    let (sandbox, pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0"]);
    served.settle(&pty);
    tcflow(pty.slave(), FlowArg::TCOOFF).expect("stop the line");
    served.say(vec![b'y'; 40_000]);
    drop(served.client);
    let start = Instant::now();
    assert_eq!(served.modemd.status(), 0);
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(!lock_of(&sandbox, &pty).exists());
}

#[test]
fn an_idle_session_ends_and_a_hung_up_line_ends_it_too() {
    let (sandbox, mut pty) = (Sandbox::new(), Pty::raw());
    let path = pty.path().to_str().unwrap().to_string();
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0", "--idle", "1"]);
    assert_eq!(served.rest(), b"");
    assert_eq!(served.modemd.status(), 0);
    let mut served = serve(&sandbox, &[&path, "--init", "none", "--dtr-down", "0"]);
    served.settle(&pty);
    pty.write(b"NO CARRIER\r\n");
    served.hear("NO CARRIER\r\n");
    pty.let_go();
    drop(pty);
    assert_eq!(served.rest(), b"");
    assert_eq!(served.modemd.status(), 0);
}

#[test]
fn nothing_but_the_modem_s_bytes_reach_the_client_when_things_go_wrong() {
    let sandbox = Sandbox::new();
    for (args, code) in [
        (vec![], 2),
        (vec!["/dev/null", "--nosuch"], 2),
        (vec!["/dev/null"], 1),
        (vec!["/dev/no-such-line"], 1),
        (vec!["/dev/null", "--settings", "9600"], 2),
    ] {
        let mut served = serve(&sandbox, &args);
        assert_eq!((served.rest(), served.modemd.status()), (b"".to_vec(), code), "{args:?}");
    }
}

#[test]
fn hosts_access_is_asked_where_no_tcpd_stands_in_front() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let upper = sandbox.path().join("etc-upper");
    std::fs::write(upper.join("hosts.deny"), "modemd: ALL\n").unwrap();
    let mut refused = serve(&sandbox, &[&modem.line(), "--hosts-access"]);
    assert_eq!((refused.rest(), refused.modemd.status()), (b"".to_vec(), 1));
    std::fs::write(upper.join("hosts.allow"), "modemd: 127.0.0.1\n").unwrap();
    let mut admitted = serve(&sandbox, &[&modem.line(), "--hosts-access"]);
    admitted.say("ATI\r");
    admitted.hear("OK\r\n");
    drop(admitted.client);
    assert_eq!(admitted.modemd.status(), 0);
    // By name, which the name services of the machine know.
    std::fs::write(upper.join("hosts"), "127.0.0.1 box.foo.org\n").unwrap();
    std::fs::write(upper.join("hosts.allow"), "modemd: .foo.org\n").unwrap();
    let mut named = serve(&sandbox, &[&modem.line(), "--hosts-access"]);
    named.say("ATI3\r");
    named.hear("OK\r\n");
}

#[test]
fn a_systemd_socket_on_descriptor_3_and_a_record_of_the_use() {
    let (sandbox, modem) = (Sandbox::new(), Modem::new());
    let script = sandbox.script(
        "as-systemd",
        &format!(
            "LISTEN_PID=$$ LISTEN_FDS=1 exec {} {} 3<&0 </dev/null >/dev/null 2>&1",
            ours("modemd").display(),
            modem.line()
        ),
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (server, _) = listener.accept().expect("accept");
    let mut command = sandbox.command(&script, None);
    command.stdin(Stdio::from(OwnedFd::from(server)));
    let mut served = Served { client, modemd: Running::spawn(&mut command) };
    served.client.set_read_timeout(Some(wait::PATIENCE)).expect("time limit");
    served.say("ATI\r");
    served.hear("OK\r\n");
    served.client.shutdown(Shutdown::Both).expect("close");
    assert_eq!(served.modemd.status(), 0);
    let text = std::fs::read_to_string(sandbox.path().join("log/ringback/calls.jsonl")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(text.trim()).expect("JSON");
    assert_eq!(record["tool"], "modemd");
    assert_eq!(record["peer"], "127.0.0.1");
    assert_eq!(record["bytes_out"], 4);
    assert_eq!(record["cause"], "the client closed");
}
