//! A line that never dies: faults of the exchange, and a modem that echoes. Each ends with a call that is answered.

use super::*;
use ringback_tests::mortal;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const SERVER: &str = "987654";

/// An exchange with a modem on our line and a telephone, and an init that starts the getty again and again.
struct Office {
    exchange: Child,
    dir: tempfile::TempDir,
    sandbox: Sandbox,
    line: String,
    init: Option<Running>,
}

impl Office {
    fn new(config: &str) -> Office {
        // Where a getty looks for lines: a name of our own, which leads to another pty after each hang-up. The
        // number of the one before may be another test's by then.
        let dir = tempfile::Builder::new().prefix("ringback-").tempdir_in("/dev/shm").expect("a directory");
        let line = dir.path().join("line");
        let exchange = mortal::command(ringback_tests::subject::ours("exchange"))
            .arg(format!("--line={SERVER}={}", line.display()))
            .args(["--far=5550", "--cadence=1s", "--set=handshake=500ms", "--control"])
            .arg(dir.path().join("ctl"))
            .stdin(Stdio::null())
            .spawn()
            .expect("start the exchange");
        wait::until("the control socket", || UnixStream::connect(dir.path().join("ctl")).ok());
        let line = line.strip_prefix("/dev").expect("in /dev").display().to_string();
        let sandbox = Sandbox::new();
        sandbox.write_etc("mgetty.config", &format!("{BASE}{config}\n"), 0o644);
        let program = sandbox.script("program", PROGRAM);
        sandbox.write_etc("login.config", &format!("* - - {} @\n", program.display()), 0o600);
        Office { exchange, dir, sandbox, line, init: None }
    }

    fn start(&mut self) {
        let init = self.sandbox.respawner(&subject("mgetty").path, "", "0.1");
        self.init = Some(self.sandbox.start(&init, &[&self.line]));
    }

    fn order(&self, order: &str) -> Result<String, String> {
        let mut stream = UnixStream::connect(self.dir.path().join("ctl")).expect("the control socket");
        writeln!(stream, "{order}").expect("an order");
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).expect("an answer");
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", text) => Ok(text.to_string()),
            (_, why) => Err(why.to_string()),
        }
    }

    #[track_caller]
    fn orders(&self, orders: &[&str]) {
        for order in orders {
            self.order(order)
                .unwrap_or_else(|why| panic!("{order}: {why}\n{}\n{}", self.state(), self.log()));
        }
    }

    fn state(&self) -> String {
        let name = format!("ringback/lines/{}.json", self.line.replace('/', "_"));
        std::fs::read_to_string(self.sandbox.run(&name)).unwrap_or_default()
    }

    fn log(&self) -> String {
        self.sandbox.log_text(&format!("mg_{}.log", self.line.replace('/', "-")))
    }

    #[track_caller]
    fn wait_state(&self, text: &str) {
        let found = wait::until_within(wait::PATIENCE, || self.state().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in the state: {}\n{}", self.state(), self.log());
    }

    /// The test call: rung until it is answered and the prompt is heard. Gives the time from `since`.
    #[track_caller]
    fn answers(&self, what: &str, since: Instant) {
        self.orders(&["hangup 5550", "wait 5550 idle 20s", &format!("dial 5550 {SERVER}")]);
        self.orders(&["wait 5550 connected 60s"]);
        println!("{what}: {:.1} s", since.elapsed().as_secs_f64());
        self.orders(&["expect 5550 20s login:", "hangup 5550"]);
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        // The gettys first: what they would find at our line's name is not ours any more.
        self.sandbox.end();
        let _ = self.exchange.kill();
        let _ = self.exchange.wait();
    }
}

#[test]
fn a_modem_that_was_silent_is_in_service_when_it_is_well() {
    if subject("mgetty").original {
        return;
    }
    let mut office = Office::new("");
    office.orders(&[&format!("fault {SERVER} deaf")]);
    office.start();
    office.wait_state("\"why\":\"modem is silent\"");
    // Looked at several times, said once.
    std::thread::sleep(ms(4000));
    assert_eq!(office.log().matches("modem is silent: trying again").count(), 1, "{}", office.log());
    office.orders(&[&format!("fault {SERVER} clear")]);
    let well = Instant::now();
    office.wait_state("\"state\":\"idle\"");
    println!("silent modem, from well to waiting: {:.1} s", well.elapsed().as_secs_f64());
    office.answers("silent modem, from well to answered", well);
}

#[test]
fn a_modem_that_loses_power_while_it_answers() {
    if subject("mgetty").original {
        return;
    }
    let mut office = Office::new("");
    office.start();
    office.wait_state("\"state\":\"idle\"");
    office.orders(&[&format!("dial 5550 {SERVER}"), &format!("wait {SERVER} training 20s")]);
    office.orders(&[&format!("fault {SERVER} power-cycle")]);
    let since = Instant::now();
    office.answers("power lost while answering, to the next answer", since);
}

#[test]
fn a_caller_who_is_cut_off_at_each_place() {
    if subject("mgetty").original {
        return;
    }
    let mut office = Office::new("");
    office.start();
    office.wait_state("\"state\":\"idle\"");
    let call = format!("dial 5550 {SERVER}");
    for typed in ["", "jo", "nobody\\r"] {
        office.orders(&[&call, "wait 5550 connected 20s", "expect 5550 20s login:"]);
        if !typed.is_empty() {
            office.orders(&[&format!("type 5550 {typed}")]);
        }
        if typed.ends_with('r') {
            office.wait_state("\"state\":\"session\"");
        }
        office.orders(&[&format!("cut {SERVER}"), "wait 5550 idle 20s"]);
        office.wait_state("\"state\":\"idle\"");
    }
    office.answers("after three that were cut off", Instant::now());
}

#[test]
fn a_modem_that_echoes_the_prompt_is_not_answered() {
    let mut getty = Getty::new("login-prompt @!login:\nlogin-time 30");
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    getty.modem.expect("login:", mark);
    // Back in command state, unsaid: from now on every character is echoed.
    getty.modem.hang_up();
    getty.modem.send("\r");
    getty.wait_log("the modem echoes our prompt");
    getty.wait_record("modem echoes the prompt");
    getty.wait_state("\"state\":\"idle\"");
    let mark = getty.answer();
    getty.modem.expect("login:", mark);
}

#[test]
fn no_carrier_left_over_fails_no_initialisation() {
    let manner = replying("ATQ0V1H0", "\r\nNO CARRIER\r\n\r\nOK\r\n");
    let mut getty = Getty::with("", manner);
    if getty.subject.original {
        return;
    }
    getty.start();
    getty.wait_idle();
    assert!(!getty.log().contains("failed"), "{}", getty.log());
}

/// Its hang-up has swallowed the command: not a word follows, and the long limits of a slow modem are not waited for.
#[test]
fn a_modem_that_only_ends_the_last_call_is_asked_again() {
    let manner = Manner { echo: false, ..replying("ATZ1", "\r\nNO CARRIER\r\n") };
    let mut getty = Getty::with("init-chat \"\" ATZ1 OK\nforce-init-chat \"\" ATH0 OK", manner);
    if getty.subject.original {
        return;
    }
    let start = Instant::now();
    getty.start();
    assert!(
        wait::until_within(wait::PATIENCE, || (getty.modem.commands().len() > 1).then_some(())).is_some()
    );
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}\n{}", start.elapsed(), getty.log());
    assert_eq!(getty.modem.commands()[..2], ["ATZ1", "ATH0"]);
}

#[test]
fn a_stopped_syslog_with_a_full_queue_stalls_no_call() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    let log = getty.sandbox.path().join("log-socket");
    let socket = std::os::unix::net::UnixDatagram::bind(&log).expect("a socket");
    let full = std::os::unix::net::UnixDatagram::unbound().expect("a socket");
    full.set_nonblocking(true).expect("non-blocking");
    while full.send_to(b"full", &log).is_ok() {}
    // A /dev of its own with nothing but what a getty needs, and this /dev/log.
    let script = getty.sandbox.script(
        "stopped",
        r#"d=$1/dev
mkdir -p "$d" && mount -t tmpfs none "$d" && mkdir "$d/pts" && mount --rbind /dev/pts "$d/pts" || exit 99
for n in null zero full tty random urandom; do : >"$d/$n" && mount --bind "/dev/$n" "$d/$n"; done
ln -s "$1/log-socket" "$d/log" && mount --rbind "$d" /dev || exit 99
exec "$2" "$3""#,
    );
    let (root, line) = (getty.sandbox.path().display().to_string(), getty.modem.line());
    let program = getty.subject.path.display().to_string();
    getty.running = Some(getty.sandbox.start(&script, &[&root, &program, &line]));
    getty.wait_idle();
    let said = getty.log_in("nobody");
    assert!(said.contains("<<arg1=nobody>>"), "{said}");
    drop(socket);
}

#[test]
fn the_line_is_released_by_a_session_and_by_another_program() {
    if subject("mgetty").original {
        return;
    }
    let mut office = Office::new("");
    office.start();
    office.wait_state("\"state\":\"idle\"");
    office.orders(&[&format!("dial 5550 {SERVER}"), "wait 5550 connected 20s", "expect 5550 20s login:"]);
    office.orders(&["type 5550 nobody\\r", "expect 5550 20s <<end>>"]);
    office.wait_state("\"state\":\"session\"");
    office.orders(&["type 5550 \\r"]);
    let ended = Instant::now();
    office.wait_state("\"state\":\"idle\"");
    println!("session ended, to waiting: {:.1} s", ended.elapsed().as_secs_f64());
    office.orders(&["wait 5550 idle 20s"]);
    // Another program has the line for a while.
    let mut other = Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    let lock = office.sandbox.lock(&format!("LCK..{}", office.line.replace('/', "_")));
    std::fs::write(&lock, format!("{:10}\n", other.id())).expect("a lock");
    office.orders(&[&format!("dial 5550 {SERVER}")]);
    office.wait_state("\"state\":\"dial-out\"");
    assert!(office.state().contains("sleep 1000"), "{}", office.state());
    office.orders(&["hangup 5550"]);
    other.kill().expect("kill");
    other.wait().expect("wait");
    let freed = Instant::now();
    office.wait_state("\"state\":\"idle\"");
    println!("dial-out over, to waiting: {:.1} s", freed.elapsed().as_secs_f64());
    office.answers("dial-out over, to answered", freed);
}
