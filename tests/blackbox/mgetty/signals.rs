//! Section 11: signals and exit codes.

use super::*;
use nix::sys::signal::Signal;

#[test]
fn killing_signals() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut getty = Getty::idle("");
        getty.running().signal(signal);
        assert_eq!(getty.status(), 10);
        let pid = getty.running().pid();
        let text =
            format!("failed dev={}, pid={pid}, got signal {}, exiting", getty.modem.line(), signal as i32);
        assert!(getty.log().contains(&text), "{}", getty.log());
        assert!(!getty.lock_path().exists());
        if !getty.subject.original {
            assert!(!getty.pid_path().exists(), "no stale pid file for the call-back program to signal");
        }
    }
}

#[test]
fn a_hang_up_signal_counts_after_the_first_activity() {
    let mut getty = Getty::idle("");
    getty.running().signal(Signal::SIGHUP);
    std::thread::sleep(ms(200));
    assert_eq!(getty.running().status_now(), None);
    getty.prompt();
    getty.running().signal(Signal::SIGHUP);
    assert_eq!(getty.status(), 10);
}

#[test]
fn usr1_is_a_ring() {
    let mut getty = Getty::idle("rings 7");
    let mark = getty.modem.mark();
    getty.running().signal(Signal::SIGUSR1);
    let mark = getty.modem.expect("ATA\r", mark);
    getty.modem.expect("login: ", mark);
}

#[test]
fn usr2_reads_the_configuration_again_by_ending() {
    let mut getty = Getty::idle("");
    getty.running().signal(Signal::SIGUSR2);
    assert_eq!(getty.status(), 0);
    assert!(getty.log().contains("got signal USR2, exiting"), "{}", getty.log());
    let mut getty = Getty::idle("");
    getty.prompt();
    getty.running().signal(Signal::SIGUSR2);
    std::thread::sleep(ms(200));
    assert_eq!(getty.running().status_now(), None, "a caller is not disturbed");
}

#[test]
fn no_device() {
    let mut getty = Getty::new("");
    getty.running = Some(getty.sandbox.start(&getty.subject.path, &["nosuch/tty0"]));
    if getty.subject.original {
        assert_eq!(getty.status(), 30);
        return;
    }
    // Difference: a device that is not there may be plugged in.
    let state = getty.sandbox.run("ringback/lines/nosuch_tty0.json");
    wait::until("the state", || {
        std::fs::read_to_string(&state).ok().filter(|t| t.contains("no such device"))
    });
    assert!(!getty.sandbox.lock("LCK..nosuch_tty0").exists());
    getty.running().signal(Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    assert!(!getty.sandbox.run("mgetty.pid.nosuch-tty0").exists());
}

#[test]
fn a_stopped_syslog_stalls_nobody() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    // A syslog that never reads: its queue is full after a few messages.
    let socket =
        std::os::unix::net::UnixDatagram::bind(getty.sandbox.path().join("bin/log")).expect("a socket");
    getty.start();
    getty.wait_idle();
    getty.running().signal(Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    drop(socket);
}

/// Signals that whoever started it has blocked or ignored: it hears them, children have exit codes, and the login
/// program has none of it.
#[test]
fn signals_that_were_blocked_at_the_start() {
    let start = |config: &str| {
        let mut getty = Getty::new("");
        let no = getty.sandbox.script("no", "exit 1").display().to_string();
        getty.sandbox.write_etc("mgetty.config", &format!("{BASE}{}\n", config.replace("NO", &no)), 0o644);
        let mut command = getty.sandbox.command("/usr/bin/env".as_ref(), None);
        command.args(["--block-signal=HUP,TERM,USR1", "--ignore-signal=CHLD"]);
        command.arg(&getty.subject.path).arg(getty.modem.line());
        getty.running = Some(Running::spawn(&mut command));
        getty.wait_idle();
        getty
    };
    let mut getty = start("");
    let said = getty.log_in("joe");
    if getty.subject.original {
        return;
    }
    for which in ["SigBlk:", "SigIgn:"] {
        let line = said.lines().find(|line| line.starts_with(which)).expect(which);
        // 32 and 33 are the C library's own: cargo has one of them ignored, and nobody can change that.
        let set = line.split_ascii_whitespace().last().and_then(|set| u64::from_str_radix(set, 16).ok());
        assert_eq!(set.map(|set| set & !(3 << 31)), Some(0), "{line}");
    }
    let mut getty = start("cnd-program NO");
    getty.modem.ring();
    getty.wait_log("denied caller");
    getty.running().signal(Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
}
