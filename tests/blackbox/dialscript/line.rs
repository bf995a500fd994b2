//! What a script does to its line and to files beside it.

use super::{Far, Place, Script};
use nix::sys::termios::{ControlFlags, tcgetattr};
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use ringback_tests::wait;
use std::process::Stdio;

#[test]
fn all_eight_bits_pass_both_ways() {
    let place = Place::with("waitfor \"Num\u{e9}ro ?\", matchcase\ntransmit \"\u{e9}^[<lf>^@\"");
    let mut far = Far::new();
    let running = far.start(&[&place.script()]);
    far.say("Numiro ? Num\u{e9}ro ?");
    far.hear("\u{e9}\x1b\n\0");
    assert_eq!(running.end().0, 0);
}

#[test]
fn set_port_changes_the_line_until_the_end() {
    // A pty has no data bits and no parity to set; stop bits can be seen.
    let place = Place::with("set port stopbits 2\nset screen keyboard off\ntransmit \"set\"\nwaitfor \"go\"");
    let mut far = Far::cooked();
    let before = tcgetattr(far.pty.slave()).expect("settings");
    let running = far.start(&[&place.script()]);
    far.hear("set");
    let during = tcgetattr(far.pty.slave()).expect("settings");
    assert!(during.control_flags.contains(ControlFlags::CSTOPB));
    far.say("go");
    assert_eq!(running.end().0, 0);
    assert_eq!(tcgetattr(far.pty.slave()).expect("settings"), before);
}

#[test]
fn an_address_is_taken_down() {
    let place = Place::with("waitfor \"address is\"\nset ipaddr getip 2\ntransmit \"ok\"");
    let mut far = Far::new();
    let running = far.start(&["--ipaddr-file", &place.name("ip"), &place.script()]);
    far.say("10.9.9.9 Your address is 10.0.0.1 and mine 10.0.0.2.\r\n");
    far.hear("ok");
    assert_eq!(running.end().0, 0);
    assert_eq!(place.read("ip"), "10.0.0.2\n");
}

#[test]
fn without_a_descriptor_it_opens_and_locks_a_device_itself() {
    let place = Place::with("transmit \"AT^M\"\nwaitfor \"OK\" until 20");
    let sandbox = Sandbox::new();
    let mut far = Far::cooked();
    let before = tcgetattr(far.pty.slave()).expect("settings");
    let device = far.pty.path().to_str().expect("UTF-8").to_string();
    let start = || {
        let mut command = sandbox.command(&ours("dialscript"), None);
        command.args(["--device", &device, "--speed", "9600", "--lock", &place.script()]);
        Script { child: Some(command.stderr(Stdio::piped()).spawn().expect("start")) }
    };
    let running = start();
    far.hear("AT\r");
    let held = wait::until("a lock file", || {
        std::fs::read_dir(sandbox.run("lock"))
            .ok()?
            .flatten()
            .map(|e| e.path())
            .find(|p| p.to_string_lossy().contains("LCK.."))
    });
    let (status, told) = start().end();
    assert_eq!(status, 2, "{told}");
    assert!(told.contains("--device /dev/pts/"), "{told}");
    far.say("AT\r\r\nOK\r\n");
    assert_eq!(running.end(), (0, String::new()));
    assert!(!held.exists());
    let after = tcgetattr(far.pty.slave()).expect("settings");
    assert_eq!(after, before);
}
