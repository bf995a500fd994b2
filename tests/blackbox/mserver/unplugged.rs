//! Devices that go away and come back: a symlink, as udev makes it, to a pty that is there or not.

use super::{Client, Server, free_port, on_line};
use ringback_tests::modem::Modem;
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::wait;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

fn plug(link: &Path, to: &Path) {
    let fresh = link.with_extension("new");
    symlink(to, &fresh).expect("symlink");
    fs::rename(fresh, link).expect("symlink");
}

fn house(conf: &str) -> (Server, Pty, PathBuf, u16) {
    let (sandbox, pty, port) = (Sandbox::new(), Pty::raw(), free_port());
    let link = sandbox.path().join("usb-modem");
    plug(&link, pty.path());
    let conf = conf.replace("PORT", &port.to_string()).replace("DEVICE", &link.display().to_string());
    (Server::start_in(sandbox, &conf, |_| {}), pty, link, port)
}

#[test]
fn a_session_waits_for_its_device_and_has_its_settings_again() {
    let (server, pty, link, port) = house("PORT DEVICE 9600,8,N,1,rfc2217 * settle=10ms unplugged=wait:60\n");
    let mut client = Client::connect(port);
    // 12345 bit/s and RTS off.
    client.say(b"\xff\xfa\x2c\x01\0\0\x30\x39\xff\xf0\xff\xfa\x2c\x05\x0c\xff\xf0one");
    client.hear(b"\xff\xfa\x2c\x69\x0c\xff\xf0");
    assert_eq!(on_line(&pty, 3), b"one");
    pty.write(b"last words");
    client.hear("last words");
    fs::remove_file(&link).expect("unplug");
    drop(pty);
    server.until_state(0, "unplugged");
    assert_eq!(server.status()["lines"][0]["user"]["peer"], "127.0.0.1");
    client.say("two");
    let pty = Pty::raw();
    plug(&link, pty.path());
    assert_eq!(on_line(&pty, 3), b"two", "what was said meanwhile");
    assert_eq!(ttyline::sys::termios::get(pty.slave()).expect("settings").speed_out, 12_345);
    pty.write(b"hello again");
    client.hear("hello again");
    // Who goes while there is no device is gone at once.
    fs::remove_file(&link).expect("unplug");
    drop(pty);
    server.until_state(0, "unplugged");
    drop(client);
    server.until_state(0, "absent");
    let records = wait::until("the record", || Some(server.records()).filter(|r| !r.is_empty()));
    assert_eq!((&records[0]["cause"], &records[0]["bytes_out"]), (&"the client closed".into(), &6.into()));
}

#[test]
fn a_session_ends_with_its_device_or_after_the_wait_and_the_next_one_finds_it_again() {
    let (server, pty, link, port) = house("PORT DEVICE 9600,8,N,1 * settle=10ms\n");
    let mut client = Client::connect(port);
    client.say("1");
    on_line(&pty, 1);
    fs::remove_file(&link).expect("unplug");
    drop(pty);
    assert_eq!(client.rest(), b"");
    server.until_state(0, "absent");
    assert_eq!(Client::connect(port).rest(), b"", "no device, no modem");
    let pty = Pty::raw();
    plug(&link, pty.path());
    server.until_state(0, "free");
    let device = link.display();
    server.reconfigure(&format!(
        "{port} {device} 9600,8,N,1 * settle=10ms unplugged=wait:300ms busy=wait:60\n"
    ));
    let mut client = Client::connect(port);
    client.say("2");
    on_line(&pty, 1);
    fs::remove_file(&link).expect("unplug");
    drop(pty);
    assert_eq!(client.rest(), b"");
    let causes = wait::until("both records", || {
        Some(server.records().iter().map(|r| r["cause"].to_string()).collect::<Vec<_>>())
            .filter(|c| c.len() == 2)
    });
    assert_eq!(causes, ["\"the line hung up\"", "\"the device did not come back\""]);
    // With busy=wait a client waits for a device that is not there yet.
    let mut early = Client::connect(port);
    early.say("3");
    wait::until("somebody waiting", || (server.status()["waiting"].as_array()?.len() == 1).then_some(()));
    let pty = Pty::raw();
    plug(&link, pty.path());
    assert_eq!(on_line(&pty, 1), b"3");
}

#[test]
fn a_modem_that_is_back_is_initialised_before_its_client_has_it_again() {
    let (sandbox, port) = (Sandbox::new(), free_port());
    let link = sandbox.path().join("usb-modem");
    let modem = Modem::new();
    plug(&link, modem.pty().path());
    let conf = format!(
        "{port} {} 9600,8,N,1 * init=\"ATZ\\rATS0=0\" settle=10ms unplugged=wait:60\n",
        link.display()
    );
    let server = Server::start_in(sandbox, &conf, |_| {});
    let mut client = Client::connect(port);
    client.say("ATS0=1\r");
    client.hear("OK\r\n");
    fs::remove_file(&link).expect("unplug");
    drop(modem);
    server.until_state(0, "unplugged");
    let modem = Modem::new();
    client.say("ATI\r");
    plug(&link, modem.pty().path());
    client.hear("OK\r\n");
    assert_eq!(modem.commands(), ["ATZ", "ATS0=0", "ATI"]);
}
