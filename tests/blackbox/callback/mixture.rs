//! Every mixture works: ours or the original of mgetty, callback and the client's chat.
//!
//! The story of the call-back documents on two ptys: the client calls, logs in as `call`, is hung up on,
//! waits for RING, answers, and logs in again. Their script, with the typography repaired.

use super::phone::{CLIENT, Phone, SERVER};
use ringback_tests::originals;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait::{until, until_within};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const SCRIPT: &str = r"TIMEOUT 5
ABORT 'ERROR'
ABORT 'BUSY'
ABORT 'NO ANSWER'
ABORT 'NO DIALTONE'
ABORT '\nVOICE\r'
'' AT&FH0 'OK-+++\c-OK' 'AT&C0S0=1'
TIMEOUT 20
OK ATDT5376443 CONNECT ''
ogin:-ogin: call
'\nNO CARRIER\r' ''
TIMEOUT 60
'\nRING\r' AT&C1A
CONNECT ''
TIMEOUT 20
ogin:-ogin: pppuser
welcome
";

fn program(name: &str, original: bool) -> PathBuf {
    if original { originals::program(name) } else { ours(name) }
}

/// The prompt's time after the second CONNECT.
fn story(mgetty: bool, callback: bool, chat: bool) -> Duration {
    let name = format!("mgetty {mgetty} callback {callback} chat {chat} (true: the original)");
    let (sandbox, phone) = (Sandbox::new(), Phone::new());
    sandbox.write_etc(
        "mgetty.config",
        "data-only yes\ntoggle-dtr no\nfido-send-emsi no\nissue-file x\n",
        0o644,
    );
    sandbox.write_etc("callback.config", "delay 4\ndelay-randomize 1\nmax-time 60\n", 0o644);
    let welcome = sandbox.script("welcome", "echo welcome; sleep 1");
    let login = format!(
        "call - - {} -S 123456\npppuser - - {}\n",
        program("callback", callback).display(),
        welcome.display()
    );
    sandbox.write_etc("login.config", &login, 0o600);
    let getty = program("mgetty", mgetty);
    let line = phone.line(SERVER);
    let mut first = sandbox.start(&getty, &[&line]);
    let initialised = || phone.commands(SERVER).len() >= 2 && !lock_is_there(&sandbox, &line);
    until("the getty", || initialised().then_some(()));
    let script = sandbox.path().join("client-script");
    std::fs::write(&script, SCRIPT).unwrap();
    let slave = phone.pty(CLIENT).slave();
    let stdio = || Stdio::from(slave.try_clone().unwrap());
    let mut client = Command::new(program("chat", chat))
        .args(["-v", "-f"])
        .arg(sandbox.script("script", SCRIPT).with_file_name("script"))
        .stdin(stdio())
        .stdout(stdio())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The getty has become callback, whose end hangs up; then init starts the next getty.
    assert_eq!(first.status(), 0, "{name}");
    phone.hang_up();
    let _second = sandbox.start(&getty, &[&line]);
    let ended = until_within(Duration::from_secs(60), || client.try_wait().unwrap());
    let log = sandbox.log_text("mg_callback.log");
    let getty_log = sandbox.log_text(&format!("mg_{}.log", line.replace('/', "-")));
    if ended.is_none_or(|status| !status.success()) {
        let _ = client.kill();
        panic!(
            "{name}: chat {ended:?}\nserver {:?}\nclient {:?}\n{log}\n{getty_log}",
            phone.sent(SERVER),
            phone.commands(CLIENT)
        );
    }
    assert!(phone.commands(SERVER).contains(&"ATD123456".to_string()), "{name}");
    assert!(log.contains("callback: success"), "{name}: {log}");
    let connected = phone.connected()[1];
    let prompt = phone.heard(CLIENT, "login: ", 2).expect("a second prompt");
    prompt - connected
}

fn lock_is_there(sandbox: &Sandbox, line: &str) -> bool {
    sandbox.lock(&format!("LCK..{}", line.replace('/', "_"))).exists()
}

#[test]
fn all_eight_mixtures_call_back() {
    let all: Vec<(bool, bool, bool)> = (0..8).map(|n| (n & 1 != 0, n & 2 != 0, n & 4 != 0)).collect();
    // First, so that eight threads do not unpack them.
    let _ = (originals::program("mgetty"), originals::program("chat"));
    let stories: Vec<_> = all
        .into_iter()
        .map(|(mgetty, callback, chat)| {
            (mgetty, callback, std::thread::spawn(move || story(mgetty, callback, chat)))
        })
        .collect();
    for (mgetty, callback, story) in stories {
        let took = story.join().expect("the story's end");
        println!("mgetty {mgetty} callback {callback}: CONNECT to prompt {took:?}");
    }
}
