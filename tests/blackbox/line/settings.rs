//! How the line is set at each step of a call, seen at the kernel's side of the pty.

use super::getty::Getty;
use ringback_tests::wait;
use ttyline::settings::{Settings, cc, control, input, local, output};
use ttyline::sys::termios;

fn now(getty: &Getty) -> Settings {
    termios::get(getty.modem.pty().user()).expect("settings of the line")
}

fn is_raw(s: &Settings) {
    assert_eq!((s.input, s.output, s.local), (0, 0, 0));
    assert_eq!((s.chars[cc::VMIN], s.chars[cc::VTIME]), (1, 0));
}

const MODEM: u32 = control::CS8 | control::CREAD | control::HUPCL | control::CRTSCTS;

/// Control flags without the speed.
fn flags(s: &Settings) -> u32 {
    s.control & !(control::CBAUD | control::CIBAUD)
}

#[test]
fn idle_answering_and_reading_the_name() {
    let mut getty = Getty::prepared();
    // Whatever the line was before.
    let before = now(&getty);
    let odd = Settings { control: before.control | control::CSTOPB | control::PARENB, ..before };
    termios::set(getty.modem.pty().user(), &odd, termios::When::Now).expect("odd settings");
    getty.start();
    getty.logged("waiting...");
    let idle = now(&getty);
    is_raw(&idle);
    assert_eq!(flags(&idle), MODEM | control::CLOCAL);
    assert_eq!((idle.speed_in, idle.speed_out), (38400, 38400));
    assert_eq!(idle.control & control::CBAUD, 0o17, "as a standard speed");
    getty.answered();
    let name = wait::until("name reading", || Some(now(&getty)).filter(|s| s.local == 0));
    is_raw(&name);
    assert_eq!(flags(&name), MODEM, "a lost carrier hangs up from now on");
}

fn handed_over(name: &[u8]) -> Settings {
    let mut getty = Getty::prepared();
    let stays = getty.sandbox.script("stays", "echo here; exec sleep 1000");
    getty.sandbox.write_etc("login.config", &format!("* - - {}\n", stays.display()), 0o600);
    getty.start();
    getty.logged("waiting...");
    let mark = getty.answered();
    getty.modem.send(name);
    getty.modem.expect("here", mark);
    now(&getty)
}

#[test]
fn a_name_ended_by_cr_gives_a_cooked_line_that_maps_ends() {
    let s = handed_over(b"joe\r");
    assert_eq!(s.input, input::BRKINT | input::IGNPAR | input::ICRNL);
    assert_eq!(s.output, output::OPOST | output::ONLCR | output::XTABS);
    assert_eq!(s.local, local::ECHO | local::ECHOE | local::ECHOK | local::ISIG | local::ICANON);
    assert_eq!(flags(&s), MODEM);
    assert_eq!(s.chars[cc::VEOF], 4);
}

#[test]
fn a_name_ended_by_lf_gives_a_cooked_line_that_maps_nothing() {
    let s = handed_over(b"joe\n");
    assert_eq!((s.input, s.output), (input::BRKINT | input::IGNPAR, output::OPOST | output::XTABS));
    assert_eq!(s.local & local::ICANON, local::ICANON);
}

#[test]
fn ppp_gets_a_raw_line() {
    let s = handed_over(b"\x7e\xff\x7d\x23\xc0\x21");
    assert_eq!((s.input, s.output, s.local), (input::ICRNL, output::ONLCR, 0));
    assert_eq!(flags(&s), MODEM);
}
