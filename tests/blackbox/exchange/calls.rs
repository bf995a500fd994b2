//! Calls: how they begin, what they carry, how they end.

use super::{CALLER, Exchange, SERVER, data};
use nix::sys::termios::ControlFlags;
use std::io::Read;
use std::time::{Duration, Instant};

#[test]
fn a_call_carries_data_both_ways() {
    let exchange = Exchange::new(&[]);
    let (server, caller) = exchange.call();
    server.write("login: ");
    caller.expect("login: ");
    caller.write(b"\x00\x11\x13\xff\r\n\x7f");
    assert_eq!(server.some(Duration::from_secs(5)), b"\x00\x11\x13\xff\r\n\x7f", "every byte as it is");
    let state = exchange.state(SERVER);
    assert_eq!((&state["state"], &state["peer"]), (&"connected".into(), &CALLER.into()));
    assert_eq!((&state["carrier"], &state["dtr"], &state["sent"]), (&true.into(), &true.into(), &7.into()));
}

#[test]
fn a_line_can_be_called_and_call() {
    let exchange = Exchange::new(&[]);
    let (server, caller) = exchange.call();
    drop(caller);
    server.expect("NO CARRIER\r\n");
    let caller = exchange.caller();
    server.write(format!("ATDT{CALLER}\r"));
    caller.expect("RING\r\n");
    caller.write("ATA\r");
    server.expect("CONNECT 33600\r\n");
}

#[test]
fn calls_that_come_to_nothing() {
    let exchange = Exchange::new(&["--far=111", "--far=112"]);
    let caller = exchange.caller();
    caller.command("ATE0");
    caller.write("ATDT999\r");
    caller.expect("NO CARRIER\r\n");
    exchange.orders(&["dial 111 112", "wait 112 ringing", "answer 112", "wait 111 connected"]);
    caller.write("ATDT111\r");
    caller.expect("BUSY\r\n");
    caller.write("ATS7=1DT5550\r");
    caller.expect("NO ANSWER\r\n");
    exchange.orders(&["wait 5550 idle", &format!("fault {CALLER} no-dialtone")]);
    caller.write("ATS6=1DT5550\r");
    caller.expect("NO DIALTONE\r\n");
}

#[test]
fn a_key_aborts_dialling() {
    let exchange = Exchange::new(&[]);
    let caller = exchange.caller();
    caller.write("ATE0DT5550\r\n");
    exchange.orders(&["wait 5550 rings=2"]);
    caller.write(" ");
    caller.expect("NO CARRIER\r\n");
    exchange.orders(&["wait 5550 idle"]);
}

#[test]
fn the_caller_gives_up_before_the_answer() {
    let exchange = Exchange::new(&[]);
    let server = exchange.server();
    exchange.orders(&[&format!("dial 5550 {SERVER}")]);
    server.expect("RING\r\n");
    exchange.orders(&["hangup 5550"]);
    server.within(Duration::from_millis(50));
    assert_eq!(server.within(Duration::from_millis(700)), "", "two rings' time");
    exchange.orders(&[&format!("wait {SERVER} idle")]);
}

#[test]
fn both_dial_each_other() {
    let exchange = Exchange::new(&[]);
    let (server, caller) = (exchange.server(), exchange.caller());
    server.write(format!("ATE0DT{CALLER}\r"));
    caller.write(format!("ATE0DT{SERVER}\r"));
    server.expect("BUSY\r\n");
    caller.expect("BUSY\r\n");
}

#[test]
fn dialling_while_it_rings_answers() {
    let exchange = Exchange::new(&[]);
    let server = exchange.server();
    server.command("ATE0S6=1");
    exchange.orders(&[&format!("dial 5550 {SERVER}")]);
    server.expect("RING\r\n");
    server.write(format!("ATDT{CALLER}\r"));
    server.expect("NO DIALTONE\r\n");
    assert_eq!(exchange.state(CALLER)["calls"], 0, "nobody else was called");
}

#[test]
fn s0_answers_by_itself() {
    let exchange = Exchange::new(&["--set=answer-delay=10ms"]);
    let server = exchange.server();
    server.command("ATE0S0=2");
    exchange.orders(&[&format!("dial 5550 {SERVER}"), "wait 5550 connected"]);
    assert_eq!(server.expect("CONNECT").matches("RING").count(), 2);
}

#[test]
fn closing_the_line_hangs_up_and_loses_nothing() {
    let exchange = Exchange::new(&["--set=pace=56000"]);
    let (server, caller) = exchange.call();
    caller.write([data(3000), b"bye".to_vec()].concat());
    drop(caller);
    server.expect("bye");
    server.expect("NO CARRIER\r\n");
    assert_eq!(exchange.state(SERVER)["carrier"], false);
    assert_eq!(exchange.state(CALLER)["dtr"], false);
}

#[test]
fn speed_zero_hangs_up() {
    let exchange = Exchange::new(&[]);
    let (server, caller) = exchange.call();
    server.control(|flags| flags.remove(ControlFlags::CBAUD));
    caller.expect("NO CARRIER\r\n");
    assert_eq!(exchange.state(SERVER)["dtr"], false);
    server.control(|flags| flags.insert(ControlFlags::from_bits_retain(nix::libc::B38400)));
    server.command("AT");
    assert_eq!(exchange.state(SERVER)["dtr"], true);
}

#[test]
fn dtr_may_be_told_to_mean_nothing() {
    let exchange = Exchange::new(&[]);
    let caller = exchange.caller();
    caller.command("ATE0&D0");
    drop(caller);
    let (_server, caller) = exchange.call();
    drop(caller);
    exchange.orders(&[&format!("wait {CALLER} dtr=0"), &format!("wait {SERVER} connected")]);
}

#[test]
fn losing_the_carrier_hangs_the_terminal_up_unless_clocal() {
    let exchange = Exchange::new(&[]);
    let device = || std::fs::read_link(exchange.path("server")).expect("a symlink");
    let (server, caller) = exchange.call();
    let before = device();
    server.control(|flags| flags.remove(ControlFlags::CLOCAL));
    drop(caller);
    ringback_tests::wait::until("a hang-up of the tty", || {
        matches!((&server.line).read(&mut [0; 100]), Ok(0)).then_some(())
    });
    assert_ne!(device(), before, "a fresh pty is there for the next program");
    drop(server);
    let (server, caller) = exchange.call();
    drop(caller);
    server.expect("NO CARRIER\r\n");
}

#[test]
fn a_modem_without_guard_times_obeys_data() {
    let exchange = Exchange::new(&["--set=profile=ties"]);
    let (server, caller) = exchange.call();
    caller.write("ping -p 2b2b2b2b +++ATH0\r");
    server.expect("+++ATH0\r");
    server.expect("NO CARRIER\r\n");
    let exchange = Exchange::new(&[]);
    let (server, caller) = exchange.call();
    caller.write("+++ATH0\rstill here");
    server.expect("still here");
}

#[test]
fn three_pluses_with_silence_around_them() {
    let exchange = Exchange::new(&[]);
    let caller = exchange.caller();
    caller.command("ATE0S12=5");
    let (server, caller) = exchange.call();
    std::thread::sleep(Duration::from_millis(120));
    caller.write("+++");
    caller.expect("OK\r\n");
    server.write("wait for me");
    assert_eq!(caller.within(Duration::from_millis(100)), "", "data waits while commands are given");
    caller.write("ATO\r");
    caller.expect("CONNECT 33600\r\n");
    caller.expect("wait for me");
}

#[test]
fn a_caller_who_holds_the_line_gets_the_next_call() {
    let exchange = Exchange::new(&["--far=777"]);
    let server = exchange.server();
    server.command("ATE0S6=1S7=3");
    exchange.orders(&["hold 777 on", &format!("dial 777 {SERVER}")]);
    server.expect("RING\r\n");
    server.write("ATA\r");
    server.expect("CONNECT 33600\r\n");
    exchange.orders(&["wait 777 connected", "type 777 OK\\r\\nCONNECT 33600\\r\\n"]);
    server.expect("OK\r\nCONNECT 33600\r\n");
    drop(server);
    exchange.orders(&[&format!("wait {SERVER} held=1 idle")]);
    let server = exchange.server();
    // Nobody plays anything: there is no dial tone to be found.
    server.write(format!("ATDT{CALLER}\r"));
    server.expect("NO DIALTONE\r\n");
    // Blind dialling, or a played dial tone, reaches him and nobody else.
    exchange.orders(&["play 777 dialtone"]);
    server.write(format!("ATDT{CALLER}\r"));
    exchange.orders(&[&format!("wait {SERVER} dialling"), "sleep 300ms", "answer 777"]);
    server.expect("CONNECT 33600\r\n");
    exchange.orders(&["wait 777 connected", "type 777 got you"]);
    server.expect("got you");
    assert_eq!(exchange.state(CALLER)["calls"], 0);
    drop(server);
    exchange.orders(&["hangup 777", "hold 777 off", &format!("wait {SERVER} held=0 idle")]);
    let server = exchange.server();
    server.write("ATDT5550\r");
    exchange.orders(&["wait 5550 ringing"]);
}

#[test]
fn every_dialect_of_caller_id() {
    for (dialect, ask, wanted) in [
        ("spaced", "+VCID=1", "TIME = "),
        ("spaced", "#CID=1", "NMBR = 5550\r\n"),
        ("tight", "+VCID=1", "NMBR=5550\r\n"),
        ("ddn", "#CID=10", "DDN_NMBR=5550\r\nNDID=987654\r\n"),
        ("hex", "+VCID=2", "MESG = 80"),
        ("caller-number", "#CID=1", "CALLER NUMBER: 5550\r\n"),
        ("callers-number", "#CC1", "CALLER'S NUMBER: 5550\r\n"),
        ("callerid", "%CCID=1", "CallerID: 5550\r\n"),
        ("zyxel", "S40.2=1", "FM:5550 TO:987654\r\n"),
        ("elsa", "", "RING;5550;987654\r\n"),
        ("clip", "+CLIP=1", "+CLIP: \"5550\",129\r\n"),
        ("nbr", "*ID1", "NBR=5550\r\n"),
    ] {
        let exchange = Exchange::new(&[&format!("--set=cid={dialect}")]);
        let server = exchange.server();
        assert!(server.command(&format!("ATE0{ask}")).ends_with("OK\r\n"), "{dialect}");
        exchange.orders(&[&format!("dial 5550 {SERVER}")]);
        server.expect(wanted);
    }
}

#[test]
fn a_withheld_number_is_not_shown() {
    let exchange = Exchange::new(&["--far=666,withheld=on"]);
    let server = exchange.server();
    server.command("ATE0+VCID=1");
    exchange.orders(&[&format!("dial 666 {SERVER}")]);
    server.expect("NMBR = P\r\n");
}

#[test]
fn a_paced_call_takes_its_time() {
    let exchange = Exchange::new(&["--set=pace=4800"]);
    let (server, caller) = exchange.call();
    let (sent, start) = (data(480), Instant::now());
    caller.write(&sent);
    let mut got = Vec::new();
    while got.len() < sent.len() {
        got.extend(server.some(Duration::from_secs(5)));
    }
    assert!(got == sent);
    assert!(start.elapsed() > Duration::from_millis(900), "480 bytes at 4800 bit/s in {:?}", start.elapsed());
    exchange.orders(&[&format!("pace {CALLER} off"), &format!("pace {SERVER} off")]);
    std::thread::scope(|scope| {
        scope.spawn(|| caller.write(data(100_000)));
        let mut rest = 100_000;
        while rest > 0 {
            let n = server.some(Duration::from_secs(5)).len();
            assert!(n > 0, "{rest} bytes are missing");
            rest -= n;
        }
    });
}

#[test]
fn a_reader_that_stops_loses_nothing_and_costs_no_memory() {
    let exchange = Exchange::new(&[]);
    let (server, caller) = exchange.call();
    let memory = || {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", exchange.pid())).expect("smaps");
        let private = text.lines().filter(|l| l.starts_with("Private_"));
        private.filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
    };
    let before = memory();
    let sent = data(2_000_000);
    let taken = caller.fill(&sent);
    assert!(taken < 100_000, "the writer is stopped, too: it could write {taken}");
    assert!(memory() < before + 200, "{before} kB before, {} kB now", memory());
    std::thread::scope(|scope| {
        scope.spawn(|| caller.write(&sent[taken..]));
        let mut got = Vec::new();
        while got.len() < sent.len() {
            let some = server.some(Duration::from_secs(10));
            assert!(!some.is_empty(), "stalled at {}", got.len());
            got.extend(some);
        }
        assert!(got == sent);
    });
}
