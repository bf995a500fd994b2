//! What mserver tells of its lines: `ringback-lines`(5), `ringback-records`(5).

use super::*;
use crate::dialin::status::{doing, status};

#[test]
fn the_bytes_of_both_ways_are_counted_exactly_as_the_line_has_them() {
    let (pty, raw) = (Pty::raw(), free_port());
    let (other, telnet) = (Pty::raw(), free_port());
    let server = Server::start(&format!(
        "{raw} {} 115200,8,N,1 *\n{telnet} {} 115200,8,N,1,telnet *\n",
        pty.path().display(),
        other.path().display()
    ));
    let noise = |count: u32| -> Vec<u8> {
        (0..count).map(|n| n.wrapping_mul(2_654_435_761).rotate_left(9) as u8).collect()
    };
    let (sent, received) = (noise(150_001), noise(90_007));
    let mut client = Client::connect(raw);
    let (mut writer, told) = (client.0.try_clone().expect("dup"), sent.clone());
    let writing = std::thread::spawn(move || writer.write_all(&told).expect("write"));
    assert_eq!(on_line(&pty, sent.len()), sent);
    writing.join().expect("the writer");
    let mut heard = vec![0; received.len()];
    std::thread::scope(|scope| {
        scope.spawn(|| pty.write_long(&received));
        client.0.read_exact(&mut heard).expect("bytes from the modem");
    });
    assert_eq!(heard, received);
    drop(client);
    server.until_state(0, "free");
    // Telnet's own bytes, and doubled 255s, never were on the line.
    let mut client = Client::connect(telnet);
    client.say(b"a\xff\xffb");
    assert_eq!(on_line(&other, 3), b"a\xffb");
    other.write(b"1\xff2");
    client.hear(b"1\xff\xff2");
    drop(client);
    server.until_state(1, "free");
    let counted: Vec<_> =
        server.records().iter().map(|r| (r["bytes_out"].as_u64(), r["bytes_in"].as_u64())).collect();
    assert_eq!(counted, [(Some(150_001), Some(90_007)), (Some(3), Some(3))]);
}

#[test]
fn the_line_s_state_says_who_has_it() {
    let (pty, port) = (Pty::raw(), free_port());
    let conf = format!("{port} {} 115200,8,N,1 *\n", pty.path().display());
    let mut server = Server::start(&conf);
    let line = pty.line();
    assert_eq!(status(&server.sandbox, &line), serde_json::Value::Null, "nobody has had it yet");
    let mut client = Client::connect(port);
    client.say("x");
    on_line(&pty, 1);
    let used = status(&server.sandbox, &line);
    assert_eq!((&used["state"], &used["peer"]), (&"dial-out".into(), &"mserver".into()));
    assert!(used["dial_out"]["client"].as_str().is_some_and(|c| c.contains("127.0.0.1")), "{used}");
    assert!(doing(&server.sandbox, &line).starts_with("dial-out by mserver for "), "{used}");
    drop(client);
    server.until_state(0, "free");
    let left = status(&server.sandbox, &line);
    assert_eq!((&left["state"], &left["program"]), (&"idle".into(), &"mserver".into()));
    assert_eq!((&left["stale"], left.get("dial_out")), (&false.into(), None));
    // Nothing is written while nothing changes.
    let file = server.sandbox.run(&format!("ringback/lines/{}.json", line.replace('/', "_")));
    let written = || fs::metadata(&file).expect("the file").modified().expect("its time");
    let before = written();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(written(), before);
    let mut client = Client::connect(port);
    client.say("x");
    on_line(&pty, 1);
    server.running.signal(Signal::SIGKILL);
    server.running.status();
    assert_eq!(status(&server.sandbox, &line)["stale"], true);
    assert!(doing(&server.sandbox, &line).starts_with("no getty (was: dial-out by mserver for "));
}

#[test]
fn a_getty_on_the_line_keeps_its_state() {
    let (sandbox, modem, port) = (Sandbox::new(), Modem::new(), free_port());
    sandbox.write_etc("mgetty.config", "data-only yes\ntoggle-dtr no\nissue-file none\n", 0o644);
    let line = modem.line();
    let _getty = sandbox.start(&ours("mgetty"), &[&line]);
    wait::until("the getty", || (status(&sandbox, &line)["state"] == "idle").then_some(()));
    let before = status(&sandbox, &line);
    let server =
        Server::start_in(sandbox, &format!("{port} /dev/{line} 115200,8,N,1 * settle=10ms\n"), |_| {});
    let client = Client::connect(port);
    let used = || (status(&server.sandbox, &line)["state"] == "dial-out").then_some(());
    wait::until("the use", used);
    assert_eq!(status(&server.sandbox, &line)["pid"], before["pid"]);
    drop(client);
    server.until_state(0, "free");
    assert_eq!(status(&server.sandbox, &line), before);
}

/// As its own user it may not read what root's programs have written: that stays.
#[test]
fn as_its_own_user_it_tells_of_lines_that_nobody_else_has() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let (pty, other) = (Pty::raw(), Pty::raw());
    let (port, taken) = (free_port(), free_port());
    let sandbox = Sandbox::new();
    fs::write(
        sandbox.path().join("etc-upper/passwd"),
        "root:x:0:0::/:/bin/sh\nmserver:x:6781:6781::/:/bin/false\n",
    )
    .expect("passwd");
    fs::create_dir_all(sandbox.run("ringback/lines")).expect("the directory");
    for one in [&pty, &other] {
        std::os::unix::fs::chown(one.path(), Some(6781), None).expect("a line of its own");
    }
    let theirs = sandbox.run(&format!("ringback/lines/{}.json", other.line().replace('/', "_")));
    let text = format!("{{\"v\":1,\"line\":\"{}\",\"pid\":1,\"state\":\"idle\"}}\n", other.line());
    fs::write(&theirs, &text).expect("a getty's file");
    fs::set_permissions(&theirs, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    let server = Server::start_in(
        sandbox,
        &format!(
            "{port} {} 115200,8,N,1 *\n{taken} {} 115200,8,N,1 *\n",
            pty.path().display(),
            other.path().display()
        ),
        |_| {},
    );
    let (mut client, mut second) = (Client::connect(port), Client::connect(taken));
    client.say("x");
    second.say("y");
    on_line(&pty, 1);
    on_line(&other, 1);
    let owner = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).expect("status");
    assert!(owner.contains("\nUid:\t6781\t6781"), "{owner}");
    assert!(doing(&server.sandbox, &pty.line()).starts_with("dial-out by mserver for "));
    assert_eq!(fs::read_to_string(&theirs).expect("the getty's file"), text);
}
