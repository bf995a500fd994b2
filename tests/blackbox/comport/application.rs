//! What an application does to the port, as the server sees it; what the modem does, as the application sees it.

use super::{App, Comport, Peer, sub};
use nix::sys::termios::{self, ControlFlags, FlushArg, InputFlags, LocalFlags, SetArg};
use ringback_tests::wait;
use std::process::{Command, Stdio};

fn stty(comport: &Comport, words: &[&str]) {
    let status = Command::new("stty").arg("-F").arg(comport.link("modem")).args(words).status();
    assert!(status.expect("stty").success());
}

#[test]
fn settings_flow_control_and_speed_0_are_followed() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &["--linger", "60"]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    // From outside, by a program of its own.
    stty(&comport, &["38400"]);
    connection.hear(sub(&[1, 0, 0, 0x96, 0]));
    stty(&comport, &["cstopb"]);
    connection.hear(sub(&[4, 2]));
    stty(&comport, &["crtscts"]);
    connection.hear(sub(&[5, 3]));
    stty(&comport, &["-crtscts", "ixon", "ixoff"]);
    connection.hear(sub(&[5, 2]));
    // By a program that writes its flags anew, which ends the kernel's telling until comport looks again.
    for speed in [19200u32, 57600, 1200, 115_200] {
        let mut settings = ttyline::sys::termios::get(&app.0).expect("settings");
        settings = settings.raw().with_speed(speed);
        ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
        connection.hear(sub(&[&[1][..], &speed.to_be_bytes()].concat()));
    }
    // Any speed at all, with an FF in it.
    let settings = ttyline::sys::termios::get(&app.0).expect("settings").with_speed(0xff00);
    ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
    connection.hear(sub(&[1, 0, 0, 255, 0]));
    let settings = settings.hung_up();
    ttyline::sys::termios::set(&app.0, &settings, ttyline::sys::termios::When::Now).expect("set");
    connection.hear(sub(&[5, 9]));
    drop(app);
    connection.hear(sub(&[5, 12]));
}

#[test]
fn an_application_that_edits_lines_gets_its_editing_and_is_followed_too() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    let mut settings = termios::tcgetattr(&app.0).expect("settings");
    settings.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
    settings.input_flags |= InputFlags::ICRNL;
    termios::tcsetattr(&app.0, SetArg::TCSANOW, &settings).expect("cooked");
    // The flag by which changes are told would take the editing away: it is off now.
    wait::until("line editing", || {
        let now = termios::tcgetattr(&app.0).expect("settings");
        (!now.local_flags.contains(LocalFlags::EXTPROC)).then_some(())
    });
    connection.say("clx\x7ferk\r");
    app.hear("clerk\n");
    connection.hear("erk\n");
    settings.local_flags -= LocalFlags::EXTPROC;
    termios::cfsetspeed(&mut settings, termios::BaudRate::B2400).expect("speed");
    termios::tcsetattr(&app.0, SetArg::TCSANOW, &settings).expect("slower");
    connection.hear(sub(&[1, 0, 0, 9, 96]));
    // Raw again: told at once again.
    stty(&comport, &["raw", "-echo"]);
    wait::until("telling", || {
        let now = termios::tcgetattr(&app.0).expect("settings");
        now.local_flags.contains(LocalFlags::EXTPROC).then_some(())
    });
    connection.say("\r");
    app.hear("\r");
}

#[test]
fn flushes_are_purges_and_what_was_on_the_way_is_not_heard() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    termios::tcflush(&app.0, FlushArg::TCIFLUSH).expect("flush");
    connection.hear(sub(&[12, 1]));
    connection.say("old news");
    connection.say([sub(&[112, 1]), b"new".to_vec()].concat());
    app.hear("new");
    termios::tcflush(&app.0, FlushArg::TCOFLUSH).expect("flush");
    connection.hear(sub(&[12, 2]));
    app.say("still there");
    connection.hear("still there");
}

#[test]
fn a_lost_carrier_hangs_up_who_minds_it() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    // A shell on the port as its controlling terminal: it dies of SIGHUP.
    let link = comport.link("modem");
    let script = format!("stty clocal; echo up; stty -clocal; exec sleep 60 <>{}", link.display());
    let mut shell = Command::new("setsid")
        .args(["-c", "sh", "-c", &script])
        .stdin(std::fs::OpenOptions::new().read(true).write(true).open(&link).expect("the port"))
        .stdout(std::fs::OpenOptions::new().write(true).open(&link).expect("the port"))
        .stderr(Stdio::null())
        .spawn()
        .expect("setsid");
    let mut connection = peer.accept_controlling();
    connection.say(sub(&[107, 128 | 32 | 16]));
    connection.hear("up\n");
    let target = std::fs::read_link(&link).expect("a symlink");
    wait::until("CLOCAL off", || {
        let out = Command::new("stty").arg("-a").arg("-F").arg(&link).output().expect("stty");
        String::from_utf8_lossy(&out.stdout).contains("-clocal").then_some(())
    });
    // stty's exit is one more open and close; the shell is still there.
    connection.say(sub(&[107, 32 | 16 | 8]));
    let status = wait::until("the shell's end", || shell.try_wait().expect("wait"));
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(1), "SIGHUP");
    comport.until_logged("carrier lost");
    let new = wait::until("a fresh pty", || std::fs::read_link(&link).ok().filter(|now| *now != target));
    assert!(new.starts_with("/dev/pts"));
    // The next application has the modem again.
    let app = App::open(&link);
    app.say("ATZ\r");
    connection.hear("ATZ\r");
}

#[test]
fn a_lost_carrier_does_not_matter_to_who_ignores_it() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &[]);
    let app = comport.open();
    assert!(termios::tcgetattr(&app.0).expect("settings").control_flags.contains(ControlFlags::CLOCAL));
    let mut connection = peer.accept_controlling();
    connection.say([sub(&[107, 128]), sub(&[107, 8]), b"x".to_vec()].concat());
    app.hear("x");
    assert!(!app.is_hung_up());
}

#[test]
fn a_server_without_control_of_its_port_and_one_that_says_stop() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &["--linger", "50ms"]);
    let app = comport.open();
    let mut connection = peer.accept();
    app.say(b"AT\r\xff");
    connection.say([255, 254, 44]);
    connection.hear(b"AT\r\xff\xff");
    comport.until_logged("does not control its port");
    drop((app, connection));
    let app = comport.open();
    let mut connection = peer.accept_controlling();
    connection.say(sub(&[108]));
    connection.say("x");
    app.hear("x");
    app.say("held");
    connection.say("y");
    app.hear("y");
    connection.0.set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("limit");
    assert!(std::io::Read::read(&mut connection.0, &mut [0; 10]).is_err(), "held back");
    connection.0.set_read_timeout(Some(wait::PATIENCE)).expect("limit");
    connection.say(sub(&[109]));
    connection.hear("held");
}

#[test]
fn what_the_server_has_otherwise_is_said() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("rfc2217"), &["--byte", "7E"]);
    let _app = comport.open();
    let mut connection = peer.accept();
    connection.say([255, 253, 44]);
    let asked = connection.hear(sub(&[5, 11]));
    for wanted in [sub(&[2, 7]), sub(&[3, 3])] {
        assert!(asked.windows(wanted.len()).any(|w| w == wanted), "{asked:?}");
    }
    connection.say([sub(&[102, 8]), sub(&[103, 3])].concat());
    comport.until_logged("data bits: 7 was asked for, 8 is in force");
}

#[test]
fn plain_telnet_servers() {
    let peer = Peer::new();
    let comport = Comport::start(&peer.address("telnet"), &[]);
    let app = comport.open();
    let mut connection = peer.accept();
    // One that refuses BINARY, asks for what nobody has, and never ends asking.
    connection.say(b"\xff\xfd\x18\xff\xfd\x18\xff\xfe\x00\xff\xfc\x00\xff\xfb\x01login: ");
    app.hear("login: ");
    app.say("guest\r\x7f");
    let heard = connection.hear("guest\r\0\x7f");
    let count = |what: &[u8]| heard.windows(what.len()).filter(|w| *w == what).count();
    assert_eq!(count(&[255, 252, 0x18]), 1, "refused once: {heard:?}");
    connection.say("\r\0x");
    app.hear("\rx");
}
