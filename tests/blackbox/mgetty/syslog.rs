//! Section 4: what syslog is told, on a /dev/log of the test's own.

use super::*;
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;

/// Puts a layer of the sandbox over /dev in which `log` is the socket `$1`, then runs the rest.
const WITH_LOG: &str = r#"
socket=$1
shift
layer=$(dirname "$socket")/layer
mkdir -p "$layer/upper" "$layer/work" "$layer/pts"
mount --bind /dev/pts "$layer/pts"
mount -t overlay overlay -o "lowerdir=/dev,upperdir=$layer/upper,workdir=$layer/work" /dev
mount --bind "$layer/pts" /dev/pts
rm -f /dev/log
touch /dev/log
mount --bind "$socket" /dev/log
exec "$@"
"#;

/// A getty whose syslog is the socket.
fn with_syslog(config: &str) -> (Getty, UnixDatagram) {
    let mut getty = Getty::new(config);
    let path = getty.sandbox.path().join("bin/log");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("a flag");
    let script = getty.sandbox.script("with-log", WITH_LOG);
    let (line, program) = (getty.modem.line(), getty.subject.path.display().to_string());
    let path = path.display().to_string();
    getty.running = Some(getty.sandbox.start(&script, &[&path, &program, &line]));
    getty.wait_idle();
    (getty, socket)
}

/// Messages so far, dates and times left out.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    let (mut messages, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(count) = socket.recv(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let (priority, rest) = text.split_once('>').expect("a priority");
        // `Nov 20 12:40:16 `
        messages.push(format!("{priority}>{}", rest.get(16..).unwrap_or("").trim_end_matches(['\n', '\0'])));
    }
    messages
}

#[test]
fn audits_and_failures_go_to_syslog() {
    let (mut getty, socket) = with_syslog("rings 2");
    let pid = getty.running().pid();
    getty.modem.ring();
    getty.modem.ring();
    let mark = getty.modem.expect("login: ", 0);
    std::thread::sleep(ms(60));
    getty.modem.send("nobody\r");
    getty.said(mark);
    let messages = heard(&socket);
    let line = getty.modem.line();
    // auth.notice is 37; the name is that of the program, without its directory.
    let wanted =
        format!("<37>mgetty[{pid}]: data dev={line}, pid={pid}, caller='none', conn='33600', name='', cmd='");
    assert!(
        messages.iter().any(|m| m.starts_with(&wanted) && m.ends_with(", user='nobody'")),
        "{messages:#?}"
    );
    assert!(!messages.iter().any(|m| m.contains("waiting...")), "{messages:#?}");

    let (mut getty, socket) = with_syslog("rings 2");
    let pid = getty.running().pid();
    getty.running().signal(Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    let line = getty.modem.line();
    let wanted = format!("<37>mgetty[{pid}]: failed dev={line}, pid={pid}, got signal 15, exiting");
    let messages = heard(&socket);
    assert!(messages.contains(&wanted), "{wanted}\n{messages:#?}");
}

/// auth.alert is 33.
#[test]
fn a_usage_error_is_an_alert() {
    let getty = Getty::new("");
    let path = getty.sandbox.path().join("bin/log");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_nonblocking(true).expect("a flag");
    let script = getty.sandbox.script("with-log", WITH_LOG);
    let (path, program) = (path.display().to_string(), getty.subject.path.display().to_string());
    let mut running = getty.sandbox.start(&script, &[&path, &program, "-s", "1234", "ttyS1"]);
    assert_eq!(running.status(), 2);
    let messages = heard(&socket);
    assert!(messages.iter().any(|m| m.starts_with("<33>mgetty[")), "{messages:#?}");
}

/// A syslog that has stopped reading: the original may wait for it for ever.
#[test]
fn a_full_syslog_stalls_no_call() {
    if subject("mgetty").original {
        return;
    }
    let (mut getty, socket) = with_syslog("");
    let sender = UnixDatagram::unbound().expect("a socket");
    sender.set_nonblocking(true).expect("a flag");
    let path = getty.sandbox.path().join("bin/log");
    while sender.send_to(b"<37>full", &path).is_ok() {}
    assert!(getty.log_in("joe").contains("<<arg1=joe>>"));
    drop(socket);
}
