//! Section 1: every option of the command line, and what comes before what.

use super::*;
use nix::sys::termios::{BaudRate, cfgetospeed, tcgetattr};

fn speed(getty: &Getty) -> BaudRate {
    cfgetospeed(&tcgetattr(getty.modem.pty().user()).expect("settings"))
}

/// Nothing on the other end that echoes or answers.
fn cable() -> Manner {
    Manner { echo: false, answers: false, ..Manner::default() }
}

/// All options at once, each against another value in the file.
#[test]
fn the_command_line_comes_before_the_file() {
    let manner = Manner { connect: "CONNECT 1200".into(), ..Manner::default() };
    let file =
        "debug 0\nspeed 300\nrings 5\nissue-file wrong\nlogin-prompt wrong\nautobauding no\nfax-id 0\n";
    let mut getty = Getty::with(file, manner);
    let words =
        "-x 5 -s 9600 -n2 -a -i hello -p who:\\S\\040 -C data -I 491234 -k 77 -S /none -D -m".split(' ');
    getty.args = words.map(|word| word.replace('_', " ")).collect();
    getty.args.push("\"\" ATE1 OK".into());
    getty.start();
    getty.wait_idle();
    assert_eq!(speed(&getty), BaudRate::B9600);
    assert_eq!(getty.modem.commands(), ["ATE1"]);
    assert!(getty.log().contains("ATE1[0d]"), "-x 5 shows what is sent: {}", getty.log());
    let mark = getty.modem.mark();
    getty.modem.ring();
    assert!(getty.modem.expect_within("ATA", mark, ms(300)).is_none(), "-n2");
    getty.modem.ring();
    let mark = getty.modem.expect("ATA\r", mark);
    let mark = getty.modem.expect("hello\r\n", mark);
    getty.modem.expect("\r\nwho:1200 ", mark);
    assert_eq!(speed(&getty), BaudRate::B1200, "-a");
}

/// Options that are about other things than data calls say nothing.
#[test]
fn a_direct_line() {
    for words in [&["-r"][..], &["-rD", "-x", "9"], &["-F", "-r", "-n", "9", "-R", "5"]] {
        let mut getty = Getty::with("", cable());
        getty.args = words.iter().map(ToString::to_string).collect();
        getty.start();
        getty.wait_idle();
        let mark = getty.modem.mark();
        assert!(getty.modem.commands().is_empty(), "{words:?}");
        getty.modem.send("x");
        let mark = getty.modem.expect("login: ", mark);
        std::thread::sleep(ms(50));
        getty.modem.send("joe\r");
        let said = getty.said(mark);
        assert!(said.contains("<<arg1=joe>>") && said.contains("<<CONNECT=DIRECT>>"), "{words:?}: {said}");
        assert!(getty.log().contains("conn='DIRECT'"), "{}", getty.log());
    }
}

/// `-b`: a pty has no carrier to wait for, so that it does not wait for a key either.
#[test]
fn a_blocking_line_does_not_wait_for_a_key() {
    for (words, config) in [(&["-b", "-r"][..], ""), (&["-b"], "direct yes"), (&["-r"], "blocking yes")] {
        let mut getty = Getty::new(config);
        getty.args = words.iter().map(ToString::to_string).collect();
        getty.start();
        getty.modem.expect("login: ", 0);
    }
}

/// With a modem that answers by itself, the open is over when the caller is there.
#[test]
fn a_blocking_line_with_a_modem() {
    let mut getty = Getty::new("blocking yes");
    getty.start();
    getty.modem.commands_seen(2);
    getty.wait_log("waiting for ``RING''");
    let mark = getty.modem.mark();
    getty.modem.send("\r\nCONNECT 2400\r\n");
    getty.modem.expect("login: ", mark);
}

#[test]
fn no_ring_at_all_is_one_ring() {
    for words in [&["-n", "0"][..], &["-n0x5"]] {
        let mut getty = Getty::new("");
        getty.args = words.iter().map(ToString::to_string).collect();
        getty.start();
        getty.wait_idle();
        getty.prompt();
    }
}

/// As `getty` in inittab, and as something that only looks like it.
#[test]
fn only_the_whole_name_counts() {
    let mut getty = Getty::new("");
    let line = getty.modem.line();
    getty.running = Some(getty.sandbox.start_as(&getty.subject.path, Some("/sbin/getty"), &[&line]));
    getty.modem.expect("login: ", 0);
    assert!(getty.modem.commands().is_empty());
    let mut getty = Getty::new("");
    let line = getty.modem.line();
    getty.running = Some(getty.sandbox.start_as(&getty.subject.path, Some("ringgetty"), &[&line]));
    getty.wait_idle();
    assert_eq!(getty.modem.commands().len(), 2);
}

/// The port follows the number behind CONNECT where it is a speed of a port; 300 bit/s where there is none.
#[test]
fn autobauding() {
    let rows = [
        ("CONNECT 9600", "9600"),
        ("CONNECT", "300"),
        ("CONNECT 33600/ARQ", "38400"),
        ("CONNECT FAST 9600", "38400"),
        ("CONNECT 7", "38400"),
    ];
    each(&rows, |(connect, speed)| {
        let manner = Manner { connect: (*connect).into(), ..Manner::default() };
        let mut getty = Getty::with("login-prompt speed \\S;login:\nautobauding yes", manner);
        getty.start();
        getty.wait_idle();
        let mark = getty.answer();
        getty.modem.expect(&format!("speed {speed};login:"), mark);
        let set = std::process::Command::new("stty").arg("-F").arg(getty.modem.pty().path()).output();
        let set = String::from_utf8(set.expect("stty").stdout).expect("text");
        assert!(set.starts_with(&format!("speed {speed} baud;")), "{connect}: {set}");
    });
}
