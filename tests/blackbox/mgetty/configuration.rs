//! Section 2: mgetty.config (its parsing is compared with the original in `line::config_conformance`).

use super::*;

#[test]
fn sections_and_keywords_take_effect() {
    let mut getty = Getty::new("rings 3\nlogin-prompt global>");
    let line = getty.modem.line();
    let text = format!(
        "{BASE}rings 3\nlogin-prompt global>\nterm vt52\nport nosuch\nlogin-prompt wrong>\nport {line}\nrings 1\n\
         login-prompt mine> login:\n"
    );
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.login_config("* - - PROGRAM @ \\I\n");
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let mark = getty.modem.expect("mine> login:", mark);
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    assert!(said.contains("<<TERM=vt52>>") && said.contains("<<arg2=33600>>"), "{said}");
}

#[test]
fn a_missing_or_broken_file_is_not_fatal() {
    let mut getty = Getty::new("");
    getty.sandbox.write_etc(
        "mgetty.config",
        "wibble yes\nrings many\n\0\u{fffd}\\\ntoggle-dtr no\ndata-only\n",
        0o644,
    );
    getty.start();
    getty.wait_idle();
    if !getty.subject.original {
        assert!(getty.log().contains("mgetty.config:1:1: unknown keyword `wibble`"), "{}", getty.log());
        assert!(getty.log().contains("mgetty.config:2:"), "{}", getty.log());
    }
    let mut getty = Getty::new("");
    std::fs::remove_file(getty.sandbox.etc("mgetty.config")).expect("remove");
    getty.args = vec!["-D".into()];
    getty.start();
    getty.wait_idle();
}

#[test]
fn the_device_gets_its_owner_and_mode() {
    use std::os::unix::fs::MetadataExt;
    let mut getty = Getty::idle("port-owner nobody\nport-group daemon\nport-mode 0640");
    let meta = std::fs::metadata(getty.modem.pty().path()).expect("the device");
    assert_eq!((meta.uid(), meta.gid(), meta.mode() & 0o777), (65534, 1, 0o640));
    getty.prompt();
    let meta = std::fs::metadata(getty.modem.pty().path()).expect("the device");
    assert_eq!(meta.mode() & 0o777, 0o600, "nobody else reads the name");
}

#[test]
fn autobauding_follows_the_connect_text() {
    let manner = Manner { connect: "CONNECT 1200".into(), ..Manner::default() };
    let mut getty = Getty::with("autobauding yes", manner);
    getty.start();
    getty.wait_idle();
    getty.prompt();
    let settings = nix::sys::termios::tcgetattr(getty.modem.pty().user()).expect("settings");
    assert_eq!(nix::sys::termios::cfgetospeed(&settings), nix::sys::termios::BaudRate::B1200);
}

#[test]
fn fax_keywords_are_accepted() {
    let getty = Getty::idle(
        "fax-id 49 1234\nfax-max-speed 9600\nfax-spool-in /tmp\nmodem-type cls2\ndiskspace 100\nnotify root\nswitchbd 19200",
    );
    assert!(!getty.log().contains("fax-id"), "{}", getty.log());
}

#[test]
fn each_wait_can_be_set() {
    let subject = subject("mgetty");
    if subject.original {
        return;
    }
    let started = std::time::Instant::now();
    let _getty = Getty::idle("command-delay 0\ninit-drain 0\nready-drain 0\nconnect-drain 0");
    assert!(started.elapsed() < Duration::from_secs(10));
}

/// Where the phone rings slowly, or a caller is to be known for gone sooner.
#[test]
fn the_time_between_rings() {
    let getty = Getty::idle("ring-timeout 1500\nrings 2");
    let mark = getty.modem.mark();
    getty.modem.ring();
    if getty.subject.original {
        std::thread::sleep(ms(2500));
        assert!(!getty.log().contains("phone stopped ringing"), "{}", getty.log());
        return;
    }
    std::thread::sleep(ms(1000));
    getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
    let mut getty = Getty::idle("ring-timeout 0\nrings 2");
    getty.modem.ring();
    getty.wait_log("phone stopped ringing (rings=1, ");
    assert!(getty.running().status_now().is_none());
}

#[test]
fn a_speed_that_is_none() {
    let mut getty = Getty::new("speed 1234");
    getty.start();
    if getty.subject.original {
        assert_eq!(getty.status(), 2);
        return;
    }
    getty.wait_idle();
    assert!(getty.log().contains("speed 1234: no such speed, 38400 is used"), "{}", getty.log());
}
