//! What the words of a line do to the line, and what its keys do to the modem.

use super::{Client, Server, free_port, on_line};
use ringback_tests::modem::Modem;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::{ours, top};
use std::fs;
use std::process::{Command, Stdio};
use ttyline::settings::{control, input};
use ttyline::sys::termios;

#[test]
fn the_settings_field_sets_the_line_and_it_is_put_back() {
    let (pty, port) = (Pty::fresh(), free_port());
    let found = termios::get(pty.slave()).expect("settings");
    let device = pty.path().display();
    let now = || termios::get(pty.slave()).expect("settings");
    let server =
        Server::start(&format!("{port} {device} 12345,8,N,2,crtscts,nohup * settle=10ms hangup=none\n"));
    let mut client = Client::connect(port);
    client.say("x");
    on_line(&pty, 1);
    let set = now();
    assert_eq!((set.speed_out, set.control & control::CSTOPB != 0), (12_345, true));
    assert!(set.control & control::CRTSCTS != 0 && set.control & control::HUPCL == 0);
    assert!(set.ignores_carrier() && set.local == 0 && set.input & (input::IXON | input::IXOFF) == 0);
    drop(client);
    server.until_state(0, "free");
    assert_eq!(now(), found, "hangup=none leaves even the speed");
    server.reconfigure(&format!("{port} {device} 300,8,N,1,xonxoff * settle=10ms\n"));
    let mut client = Client::connect(port);
    client.say("x");
    on_line(&pty, 1);
    assert_eq!(now().speed_out, 300);
    assert_eq!(now().input & (input::IXON | input::IXOFF), input::IXON | input::IXOFF);
    assert!(now().control & control::HUPCL != 0);
}

#[test]
fn telnet_is_plain_telnet_in_character_mode() {
    let (pty, port) = (Pty::raw(), free_port());
    let _server = Server::start(&format!("{port} {} 9600,8,N,1,telnet *\n", pty.path().display()));
    let mut client = Client::connect(port);
    // A client that wants COM port control is told that there is none here.
    client.say(b"\xff\xfb\x2cAT\r\0\xff\xff\r\nx");
    let greeting = client.hear(b"\xff\xfe\x2c");
    let has = |what: &[u8]| greeting.windows(what.len()).any(|w| w == what);
    assert!(has(b"\xff\xfb\x01") && has(b"\xff\xfb\x03") && !has(b"\xff\xfd\x2c"), "{greeting:?}");
    assert_eq!(on_line(&pty, 7), b"AT\r\xff\r\nx");
    pty.write(b"a\xffb");
    assert_eq!(client.hear(b"b"), b"a\xff\xffb");
    // A request that changes nothing is answered with nothing: no loop.
    client.say(b"\xff\xfd\x03\xff\xfd\x03\xff\xfd\x01\xff\xfb\x2c\xff\xfb\x2cq");
    on_line(&pty, 1);
    pty.write(b"end");
    let answers = client.hear(b"end");
    assert!(answers.iter().filter(|b| **b == 255).count() <= 2, "{answers:?}");
}

#[test]
fn hangup_with_a_command_escapes_first_and_none_leaves_the_call() {
    let (modem, port) = (Modem::new(), free_port());
    let conf = |hangup: &str| format!("{port} /dev/{} 9600,8,N,1 * settle=10ms {hangup}\n", modem.line());
    let server = Server::start(&conf("hangup=ATH0"));
    let mut client = Client::connect(port);
    client.say("ATDT1\r");
    client.hear("CONNECT 33600\r\n");
    let mark = modem.mark();
    drop(client);
    let mark = modem.expect("+++", mark);
    modem.hang_up();
    modem.expect("ATH0\r", mark);
    server.until_state(0, "free");
    server.reconfigure(&conf("hangup=none"));
    let mut client = Client::connect(port);
    client.say("ATDT1\r");
    client.hear("CONNECT 33600\r\n");
    let mark = modem.mark();
    drop(client);
    server.until_state(0, "free");
    assert!(modem.online() && modem.mark() == mark, "the call goes on, and nothing is said to the modem");
}

#[test]
fn a_line_without_hosts_is_told_of_loudly_and_defaults_hold_below() {
    let (pty, one, two, sandbox) = (Pty::raw(), free_port(), free_port(), Sandbox::new());
    let device = pty.path().display();
    let log = sandbox.path().join("log.txt");
    let file = fs::File::create(&log).expect("a log");
    let conf = format!(
        "{one} {device} 9600,8,N,1 settle=10ms\ndefaults settle=10ms busy-text=\"gone fishing\"\n{two} {device} 9600,8,N,1 192.0.2.1\n"
    );
    let server = Server::start_in(sandbox, &conf, |command| {
        command.stderr(Stdio::from(file));
    });
    let said = fs::read_to_string(&log).expect("the log");
    assert!(said.contains("mserver.conf:1:1: no hosts: only this machine is admitted"), "{said}");
    let mut client = Client::connect(one);
    client.say("x");
    on_line(&pty, 1);
    assert_eq!(Client::connect(one).rest(), b"", "no text above the defaults");
    // Who is not in the list is told nothing at all.
    assert_eq!(Client::connect(two).rest(), b"");
    server.reconfigure(&conf.replace("192.0.2.1", "127.0.0.0/8"));
    assert_eq!(Client::connect(two).rest(), b"gone fishing");
}

#[test]
fn the_unit_of_etc_starts_what_there_is() {
    let text = fs::read_to_string(top().join("etc/systemd/mserver.service")).expect("the unit");
    let shipped = top().join("etc/mserver.conf");
    for key in ["ExecStartPre=", "ExecStart="] {
        let line = text.lines().find_map(|l| l.strip_prefix(key)).expect(key);
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("/usr/sbin/mserver"));
        let words = words.filter(|word| *word != "-t");
        let out = Command::new(ours("mserver")).args(words).args(["-t", "-c"]).arg(&shipped).output();
        let out = out.expect("mserver");
        assert!(out.status.success(), "{line}: {}", String::from_utf8_lossy(&out.stderr));
    }
    for word in
        ["ExecReload=/bin/kill -HUP $MAINPID", "RuntimeDirectory=ringback", "CAP_FOWNER CAP_NET_BIND_SERVICE"]
    {
        assert!(text.contains(word), "{word}");
    }
}
