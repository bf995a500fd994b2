//! Faults on demand, one by one, as a program on the line meets them.

use super::{CALLER, Exchange, SERVER};
use std::time::{Duration, Instant};

fn faulty(fault: &str) -> Exchange {
    let exchange = Exchange::new(&[]);
    exchange.orders(&[&format!("fault {SERVER} {fault}")]);
    exchange
}

#[test]
fn a_deaf_modem() {
    let exchange = faulty("deaf");
    let server = exchange.server();
    server.write("AT\r");
    assert_eq!(server.within(Duration::from_millis(200)), "");
}

#[test]
fn a_slow_modem() {
    let exchange = faulty("slow=300ms");
    let server = exchange.server();
    let asked = Instant::now();
    server.write("ATE0\r");
    let first = server.some(Duration::from_secs(10));
    assert!(asked.elapsed() >= Duration::from_millis(290), "{first:?} after {:?}", asked.elapsed());
    server.heard.lock().expect("heard").extend(first);
    server.expect("OK\r\n");
}

#[test]
fn a_modem_that_refuses_a_command() {
    let exchange = faulty("error=+VCID error=&K");
    let server = exchange.server();
    assert!(server.command("AT+VCID=1").ends_with("ERROR\r\n"));
    assert!(server.command("ATX4&K3").ends_with("ERROR\r\n"));
    assert!(server.command("ATX4").ends_with("OK\r\n"));
    exchange.orders(&[&format!("fault {SERVER} clear")]);
    assert!(server.command("AT+VCID=1").ends_with("OK\r\n"));
}

#[test]
fn an_echo_that_sticks_and_garbage_between_results() {
    let exchange = faulty("echo garbage=20");
    let server = exchange.server();
    server.command("ATE0");
    let answer = server.command("AT");
    assert!(answer.starts_with("AT\r"), "{answer:?}");
    assert!(answer.len() > "AT\r\r\nOK\r\n".len() + 10, "{answer:?}");
}

#[test]
fn a_lost_ring_and_the_wrong_dialect() {
    let exchange = faulty("lost-ring=1 cid=nbr");
    let server = exchange.server();
    server.command("ATE0");
    exchange.orders(&[&format!("dial 5550 {SERVER}"), &format!("wait {SERVER} rings=2")]);
    let said = server.within(Duration::from_millis(50));
    // The number comes between the first two rings; a third may be there by now.
    assert!(said.starts_with("\r\nNBR=5550") && said.contains("RING"), "{said:?}");
}

#[test]
fn a_carrier_that_drops() {
    for (fault, text) in [("drop=5", "hello"), ("drop=100ms", "")] {
        let exchange = faulty(fault);
        // Both stay open: a close that is seen late would end the call that follows.
        let first = (exchange.server(), exchange.caller());
        first.0.command("ATS10=1");
        first.1.command("ATS10=1");
        let (server, caller) = exchange.call();
        caller.write(text);
        assert!(server.expect("NO CARRIER\r\n").starts_with(text), "{fault}");
        caller.expect("NO CARRIER\r\n");
    }
    let exchange = Exchange::new(&[]);
    let (server, _caller) = exchange.call();
    exchange.orders(&[&format!("cut {SERVER}")]);
    server.expect("NO CARRIER\r\n");
}

#[test]
fn noise_on_the_line() {
    let exchange = faulty("noise=10/50ms");
    let (server, _caller) = exchange.call();
    let mut noise = 0;
    while noise < 30 {
        let n = server.some(Duration::from_secs(5)).len();
        assert!(n > 0, "silence");
        noise += n;
    }
}

#[test]
fn a_fault_for_the_second_call_only() {
    let exchange = faulty("drop=50ms call=2");
    let (server, caller) = exchange.call();
    assert_eq!(server.within(Duration::from_millis(200)), "");
    drop(caller);
    server.expect("NO CARRIER\r\n");
    let caller = exchange.caller();
    caller.write(format!("ATDT{SERVER}\r"));
    server.expect("RING\r\n");
    server.write("ATA\r");
    server.expect("CONNECT 33600\r\n");
    server.expect("NO CARRIER\r\n");
    caller.expect("NO CARRIER\r\n");
}

#[test]
fn a_modem_that_loses_power() {
    let exchange = Exchange::new(&[]);
    let server = exchange.server();
    server.command("ATE0S0=7");
    exchange.orders(&[&format!("fault {SERVER} power-cycle")]);
    assert!(server.command("ATS0?").contains("000"));
    let exchange = faulty("power-cycle=50ms");
    let (server, caller) = exchange.call();
    caller.expect("NO CARRIER\r\n");
    assert_eq!(server.within(Duration::from_millis(50)), "", "it says nothing about it");
}

#[test]
fn a_modem_that_ignores_dtr() {
    let exchange = Exchange::new(&[]);
    exchange.orders(&[&format!("fault {CALLER} dtr-ignored")]);
    let (_server, caller) = exchange.call();
    drop(caller);
    exchange.orders(&[&format!("wait {CALLER} open=0"), &format!("wait {SERVER} connected")]);
}

#[test]
fn no_dial_tone_on_the_command_line() {
    let exchange = Exchange::new(&["--set=fault=no-dialtone"]);
    let caller = exchange.caller();
    caller.write("ATE0S6=1DT5550\r");
    caller.expect("NO DIALTONE\r\n");
}
