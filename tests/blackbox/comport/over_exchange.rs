//! The whole way: application → comport → mserver → exchange → the other end of a call.

use super::{App, Comport, scratch};
use crate::mserver::{Server, free_port};
use ringback_tests::originals::{foreign, unpacked};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::process::{Child, Command, Stdio};

/// The office with its modem at 100, a subscriber at 200, and a port here.
struct World {
    dir: tempfile::TempDir,
    _exchange: Running,
    server: Server,
    comport: Comport,
}

fn world(protocol: &str, scheme: &str) -> World {
    let (dir, port) = (scratch(), free_port());
    let (office, far) = (dir.path().join("office"), dir.path().join("far"));
    let mut command = ringback_tests::mortal::command(ours("exchange"));
    command.arg("--line").arg(format!("100={}", office.display()));
    command.arg("--line").arg(format!("200={}", far.display()));
    command.args(["--set", "handshake=50ms"]).stderr(Stdio::null()).stdout(Stdio::null());
    let exchange = Running::spawn(&mut command);
    wait::until("the exchange", || (office.exists() && far.exists()).then_some(()));
    let conf = format!("{port} {} 115200,8,N,1,{protocol} * settle=10ms\n", office.display());
    let server = Server::start(&conf);
    let comport = Comport::start(&format!("{scheme}://127.0.0.1:{port}"), &["--linger", "100ms"]);
    World { dir, _exchange: exchange, server, comport }
}

impl World {
    /// The far end answers, and says something in both directions.
    fn answer(&self) -> App {
        let far = App::open(&self.dir.path().join("far"));
        far.hear("RING\r\n");
        far.say("ATA\r");
        far
    }
}

fn finish(child: Child, name: &str) {
    let out = child.wait_with_output().expect("wait");
    let said = [out.stdout, out.stderr].concat();
    assert_eq!(out.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn our_chat_dials_and_the_modem_is_free_again() {
    for (protocol, scheme) in [("raw", "tcp"), ("rfc2217", "rfc2217"), ("telnet", "telnet")] {
        let world = world(protocol, scheme);
        let chat = Command::new(ours("chat"))
            .arg("--device")
            .arg(world.comport.link("modem"))
            .args([
                "-v",
                "ABORT",
                "BUSY",
                "ABORT",
                "NO CARRIER",
                "",
                "ATZ",
                "OK",
                "ATDT200",
                "CONNECT",
                "hello",
                "welcome",
            ])
            .stderr(Stdio::piped())
            .spawn()
            .expect("chat");
        let far = world.answer();
        far.hear("hello\r");
        far.say("welcome");
        finish(chat, scheme);
        far.hear("NO CARRIER\r\n");
        world.server.until_state(0, "free");
        let records = wait::until("the record", || Some(world.server.records()).filter(|r| !r.is_empty()));
        assert_eq!(records[0]["cause"], "the client closed");
    }
}

#[test]
fn c_kermit_dials() {
    let world = world("rfc2217", "rfc2217");
    let script = format!(
        "set modem type none, set line {}, if fail exit 1 no line, set carrier-watch off, set flow none, set speed 57600, \
         output ATDT200\\13, input 20 CONNECT, if fail exit 2 no answer, output hello, input 20 welcome, \
         if fail exit 3 no welcome, exit 0",
        world.comport.link("modem").display()
    );
    let mut command = foreign("ckermit", "usr/bin/kermit", &[]);
    let kermit = command
        .args(["-Y", "-C", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kermit");
    let far = world.answer();
    far.hear("hello");
    far.say("welcome");
    finish(kermit, "kermit");
}

/// minicom in a terminal of the test's own, with `options`.
fn minicom(world: &World, sandbox: &Sandbox, screen: &Pty, options: &[&str]) -> Running {
    let root = unpacked("minicom");
    let mut command = sandbox.command(&root.join("usr/bin/minicom"), None);
    command.args(["-o", "-b", "57600", "-D"]).arg(world.comport.link("modem")).args(options);
    // It starts runscript by its name.
    let path = format!("{}:/usr/bin:/bin", root.join("usr/bin").display());
    command.env("PATH", path).env("TERM", "vt100").env("HOME", sandbox.path()).env("LANG", "C");
    command.stdin(screen.user()).stdout(screen.user()).stderr(screen.user());
    Running::spawn(&mut command)
}

fn until_shown(screen: &Pty, text: &str) {
    let mut shown = Vec::new();
    wait::until(&format!("{text:?} on the screen"), || {
        shown.extend(screen.read_now());
        String::from_utf8_lossy(&shown).contains(text).then_some(())
    });
}

#[test]
fn minicom_dials_as_its_user_types() {
    let (world, sandbox, screen) = (world("rfc2217", "rfc2217"), Sandbox::new(), Pty::fresh());
    let minicom = minicom(&world, &sandbox, &screen, &[]);
    until_shown(&screen, "Welcome to minicom");
    screen.write(b"ATDT200\r");
    let far = world.answer();
    until_shown(&screen, "CONNECT 33600");
    screen.write(b"hello\r");
    far.hear("hello\r");
    far.say("welcome\r\n");
    until_shown(&screen, "welcome");
    // He closes his window.
    minicom.signal(nix::sys::signal::Signal::SIGHUP);
    far.hear("NO CARRIER\r\n");
    world.server.until_state(0, "free");
}

#[test]
fn minicom_s_script_dials() {
    let (world, sandbox, screen) = (world("rfc2217", "rfc2217"), Sandbox::new(), Pty::fresh());
    let script = sandbox.path().join("script");
    let text = "timeout 60\nsend ATZ\nexpect {\n  \"OK\"\n  timeout 20 goto failed\n}\nsend ATDT200\nexpect {\n  \"CONNECT\"\n  \
                timeout 20 goto failed\n}\nsend hello\nexpect {\n  \"welcome\"\n  timeout 20 goto failed\n}\n\
                send through\nexit 0\nfailed:\nsend failed\nexit 1\n";
    std::fs::write(&script, text).expect("a script");
    let script = script.display().to_string();
    let _minicom = minicom(&world, &sandbox, &screen, &["-S", &script]);
    let far = world.answer();
    far.hear("hello\r");
    far.say("welcome\r\n");
    far.hear("through\r");
}

#[test]
fn a_caller_is_answered_through_the_network() {
    let world = world("rfc2217", "rfc2217");
    let app = world.comport.open();
    app.say("AT\r");
    app.hear("OK\r\n");
    let far = App::open(&world.dir.path().join("far"));
    far.say("ATDT100\r");
    app.hear("RING\r\n");
    app.say("ATA\r");
    app.hear("CONNECT 33600\r\n");
    far.hear("CONNECT 33600\r\n");
    let all: Vec<u8> = (0..=255).collect();
    far.say(&all);
    app.hear(&all);
    app.say(&all);
    far.hear(&all);
    // The application hangs up as on a serial line: by closing.
    drop(app);
    far.hear("NO CARRIER\r\n");
}
