//! Lines: their symlinks, their settings, opening and closing, and that idle means idle.

use super::{Computer, Exchange, SERVER};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{ControlFlags, InputFlags, LocalFlags, tcgetattr};
use nix::unistd::Pid;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

fn end(exchange: &mut Exchange, signal: Signal) -> Option<i32> {
    kill(Pid::from_raw(exchange.pid() as i32), signal).expect("kill");
    wait::until("the exchange's end", || exchange.child.try_wait().expect("wait")).code()
}

#[test]
fn a_fresh_line_is_raw() {
    let exchange = Exchange::new(&[]);
    let settings = tcgetattr(&exchange.server().line).expect("settings");
    assert!(!settings.local_flags.intersects(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG));
    assert!(!settings.input_flags.intersects(InputFlags::ICRNL));
}

#[test]
fn symlinks_come_and_go_with_the_exchange() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut exchange = Exchange::new(&[]);
        let target = fs::read_link(exchange.path("server")).expect("a symlink");
        assert!(target.starts_with("/dev/pts"));
        assert_eq!(end(&mut exchange, signal), Some(0));
        assert!(exchange.path("server").symlink_metadata().is_err());
        assert!(exchange.path("ctl").symlink_metadata().is_err());
    }
}

#[test]
fn a_symlink_replaced_by_somebody_else_stays() {
    let mut exchange = Exchange::new(&[]);
    fs::remove_file(exchange.path("server")).expect("remove");
    fs::write(exchange.path("server"), "mine").expect("write");
    end(&mut exchange, Signal::SIGTERM);
    assert_eq!(fs::read_to_string(exchange.path("server")).expect("still there"), "mine");
}

#[test]
fn what_is_in_the_way_is_not_replaced() {
    let exchange = Exchange::new(&[]);
    let path = |name: &str| exchange.path(name);
    fs::write(path("file"), "mine").expect("write");
    symlink("/dev/null", path("null")).expect("symlink");
    symlink("nowhere", path("dangling")).expect("symlink");
    for name in ["file", "null", "dangling", "server"] {
        let before = path(name).symlink_metadata().expect("there").modified().expect("a time");
        let output = Command::new(ours("exchange"))
            .arg(format!("--line=1={}", path(name).display()))
            .output()
            .expect("run the exchange");
        assert_eq!(output.status.code(), Some(1), "{name}");
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(name) && message.contains("left alone"), "{message}");
        assert_eq!(path(name).symlink_metadata().expect("there").modified().expect("a time"), before);
    }
}

#[test]
fn a_crash_leaves_nothing_in_the_way() {
    let mut exchange = Exchange::new(&[]);
    end(&mut exchange, Signal::SIGKILL);
    assert!(exchange.path("server").symlink_metadata().is_ok(), "left over");
    let dir = std::mem::replace(&mut exchange.dir, tempfile::tempdir().expect("a directory"));
    let lines = ["--line=987654=server", "--line=123456=caller"].map(String::from);
    let exchange = Exchange::with(dir, &lines);
    exchange.server().command("AT");
}

#[test]
fn opening_and_closing_is_seen() {
    let exchange = Exchange::new(&[]);
    exchange.orders(&[&format!("wait {SERVER} open=0 dtr=0 5")]);
    let server = exchange.server();
    exchange.orders(&[&format!("wait {SERVER} open=1 dtr=1 5")]);
    server.control(|flags| flags.remove(ControlFlags::CBAUD));
    exchange.orders(&[&format!("wait {SERVER} open=1 dtr=0 5")]);
    server.control(|flags| flags.insert(ControlFlags::from_bits_retain(nix::libc::B38400)));
    exchange.orders(&[&format!("wait {SERVER} open=1 dtr=1 5")]);
    let second = exchange.server();
    drop(server);
    second.command("AT");
    assert_eq!(exchange.state(SERVER)["open"], true, "somebody still has it");
    drop(second);
    exchange.orders(&[&format!("wait {SERVER} open=0 dtr=0 5")]);
}

#[test]
fn what_nobody_read_is_not_for_the_next_program() {
    let exchange = Exchange::new(&[]);
    let server = exchange.server();
    server.write("ATI\r");
    exchange.orders(&["sleep 50ms"]);
    drop(server);
    exchange.orders(&[&format!("wait {SERVER} open=0"), &format!("dial 5550 {SERVER}")]);
    exchange.orders(&[&format!("wait {SERVER} rings=2")]);
    let server = exchange.server();
    let said = server.within(Duration::from_millis(30));
    assert!(!said.contains("OK") && said.matches("RING").count() <= 1, "{said:?}");
}

#[test]
fn an_idle_exchange_does_not_wake_up() {
    let exchange = Exchange::new(&[]);
    let wakes = || {
        let text = fs::read_to_string(format!("/proc/{}/status", exchange.pid())).expect("status");
        let switches = text.lines().filter(|l| l.contains("ctxt_switches"));
        switches.filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).sum::<u64>()
    };
    // Open lines, closed ones that have been open, and a call that is over.
    let (server, caller) = exchange.call();
    drop(caller);
    server.expect("NO CARRIER\r\n");
    let other = Computer::at(&exchange.path("caller"));
    other.command("AT");
    drop(other);
    exchange.orders(&["sleep 300ms"]);
    // The end of that order's own connection is the last event; it may be on its way still.
    let rests = || {
        let before = wakes();
        std::thread::sleep(Duration::from_millis(700));
        wakes() == before
    };
    assert!((0..5).any(|_| rests()));
}

#[test]
fn a_thousand_opens_are_survived() {
    let exchange = Exchange::new(&[]);
    for _ in 0..1000 {
        drop(exchange.server());
    }
    exchange.server().command("AT");
    exchange.orders(&[&format!("wait {SERVER} open=0 5")]);
}

#[test]
fn garbage_and_megabytes_in_command_state() {
    let exchange = Exchange::new(&[]);
    let server = exchange.server();
    server.command("ATE0");
    server.write(super::data(300_000));
    server.write("\r");
    server.within(Duration::from_millis(100));
    assert!(server.command("AT").contains("OK"));
}

/// What real drivers make of USB lines is shown by tests/lab-usb; here, what is told where there are none.
#[test]
fn usb_lines_are_explained_where_they_cannot_be() {
    let run = |line: &str| {
        let output = std::process::Command::new(ringback_tests::subject::ours("exchange"))
            .args(["--usb-line", line])
            .output()
            .expect("run the exchange");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (line, why) in [
        ("1=pl2303", "acm or ftdi"),
        ("1=acm:a/b", "no serial number"),
        ("1=acm:A:1bc7", "KIND:SERIAL:VENDOR:PRODUCT"),
        ("1", "NUMBER="),
    ] {
        let (code, text) = run(line);
        assert!(code == Some(1) && text.contains(why), "{line}: {text}");
    }
    if !std::path::Path::new("/sys/devices/platform/vhci_hcd.0").exists() {
        let (code, text) = run("1=acm");
        assert!(code == Some(1) && text.contains("vhci_hcd loaded"), "{text}");
    }
    let exchange = Exchange::new(&[]);
    for order in ["unplug", "plug", "break", "lines"] {
        let why = exchange.order(&format!("{order} {SERVER}")).expect_err("a pty has no plug");
        assert!(why.contains("not on the USB"), "{why}");
    }
    for bad in ["lines 987654 cts", "lines 987654 cd=1", "lines 987654 cts=2", "add-usb 77=ttyUSB0"] {
        exchange.order(bad).expect_err(bad);
    }
}
