//! Every way in which a script ends badly: its exit status, one line that says why, the line restored.

use super::{Far, Place, run};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn halt_is_no_success() {
    let place = Place::with("waitfor \"ogin:\" until 1\nif $FAILURE then\nhalt\nendif");
    let far = Far::new();
    far.say("nobody here");
    let (status, told) = far.start(&[&place.script()]).end();
    assert_eq!(status, 4);
    let script = place.script();
    assert_eq!(
        told,
        format!(
            "dialscript: {script}:4:1: halt, after waitfor \"ogin:\" until 1 (line 2) had waited 1.0 s in vain\n"
        )
    );
}

#[test]
fn a_hang_up_is_told() {
    let place = Place::with("transmit \"x\"\nwaitfor \"RING\"");
    let mut far = Far::new();
    let mut script = far.command(&["--why", &place.script()]);
    let child = script.spawn().expect("start");
    drop(script);
    let running = super::Script { child: Some(child) };
    far.hear("x");
    far.say("\r\nNO CARR");
    std::thread::sleep(std::time::Duration::from_millis(100));
    ringback_tests::wait::until("it to be read", || (!far.pty.is_readable()).then_some(()));
    drop(far);
    let (status, told) = running.end();
    assert_eq!(status, 3);
    assert!(told.contains(":3:1: the line was hung up during waitfor \"RING\""), "{told}");
    assert!(told.contains("what came instead ends in \"\\r\\nNO CARR\""), "{told}");
}

#[test]
fn the_limit_ends_a_wait_for_ever() {
    let place = Place::with("waitfor \"RING\"");
    let far = Far::new();
    let (status, told) = far.start(&["--limit", "1", "--why", &place.script()]).end();
    assert_eq!(status, 3);
    assert!(
        told.contains("the time of --limit was over during waitfor \"RING\"; no byte at all came"),
        "{told}"
    );
}

#[test]
fn a_loop_that_does_nothing_ends() {
    let place = Place::with("while TRUE do\nendwhile");
    let (status, told) = Far::new().start(&[&place.script()]).end();
    assert_eq!(status, 5);
    assert!(told.contains(":2:1: the script cannot go on: it goes round and round"), "{told}");
}

#[test]
fn a_signal_ends_it_and_the_line_is_as_before() {
    let place = Place::with("transmit \"here\"\nwaitfor \"never\"");
    let mut far = Far::cooked();
    let before = nix::sys::termios::tcgetattr(far.pty.slave()).expect("settings");
    let running = far.start(&[&place.script()]);
    far.hear("here");
    assert_ne!(nix::sys::termios::tcgetattr(far.pty.slave()).expect("settings"), before, "raw while it runs");
    running.signal(Signal::SIGTERM);
    let (status, told) = running.end();
    assert_eq!(status, 2);
    assert!(told.contains("SIGTERM during waitfor \"never\""), "{told}");
    assert_eq!(nix::sys::termios::tcgetattr(far.pty.slave()).expect("settings"), before);
}

#[test]
fn a_script_that_cannot_be_run_sends_nothing() {
    let place = Place::with("transmit \"before\"\ntransmit 5\ngoto Nowhere");
    let mut far = Far::new();
    let (status, told) = far.start(&[&place.script()]).end();
    let script = place.script();
    assert_eq!(status, 1);
    assert_eq!(
        told,
        format!(
            "dialscript: {script}:3:10: transmit sends a string, this is an integer\n\
             dialscript: {script}:4:6: there is no label `Nowhere:` in this procedure\n"
        )
    );
    assert_eq!(far.rest(), "");
}

#[test]
fn no_line_no_script_no_value() {
    let place = Place::with("transmit $PASSWORD, raw");
    let script = place.script();
    let (status, _, told) = run(&[&script]);
    assert_eq!(
        (status, told.contains(":2:10: the script uses $PASSWORD, which is not given")),
        (1, true),
        "{told}"
    );
    place.write("pw", "x\n");
    fs::set_permissions(place.path("pw"), fs::Permissions::from_mode(0o644)).expect("chmod");
    let (status, _, told) = run(&["--password-file", &place.name("pw"), &script]);
    assert_eq!(status, 2);
    assert!(told.contains("everybody may read it"), "{told}");
    assert!(
        told.contains("descriptor 0 is no line: Inappropriate ioctl for device; start me from"),
        "{told}"
    );
    let (status, _, told) = run(&[&place.name("absent.scp")]);
    assert_eq!((status, told.contains("absent.scp: No such file or directory")), (1, true), "{told}");
    let (status, _, told) = run(&["--password", "geheim", &script]);
    assert_eq!((status, told.contains("geheim")), (1, false), "{told}");
}

#[test]
fn binary_files_are_no_scripts() {
    for path in ["/bin/true", "/dev/zero", "/"] {
        let (status, out, told) = run(&["--check", path]);
        assert_eq!(status, 1, "{path}");
        assert!(!out.is_empty() || !told.is_empty());
        assert!(
            out.bytes().chain(told.bytes()).all(|b| b == b'\n' || (0x20..0x7f).contains(&b)),
            "{path}: {out}{told}"
        );
    }
}
