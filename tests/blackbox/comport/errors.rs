//! Wrong configurations and hostile places.

use super::{Comport, Peer, scratch};
use ringback_tests::sandbox::Running;
use ringback_tests::subject::{ours, top};
use ringback_tests::wait;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(args: &[&str]) -> (Option<i32>, String) {
    let out = Command::new(ours("comport")).args(args).stdin(Stdio::null()).output().expect("comport");
    let said = [out.stdout, out.stderr].concat();
    (out.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_mistake_of_a_file_is_told_by_line_and_column() {
    let dir = scratch();
    let file = dir.path().join("c");
    let path = file.display().to_string();
    let bad =
        "modem tcp://office:5800\nmodem tcp://a:1\nx ftp://a:1\ny tcp://a:1 on-loss=no\n\"z tcp://a:1\n";
    fs::write(&file, bad).expect("configuration");
    let (code, said) = run(&["-t", "-c", &path]);
    assert_eq!(code, Some(1));
    for place in [":2:1: ", ":3:3: ", ":4:21: ", ":5:1: "] {
        assert!(said.contains(&format!("{path}{place}")), "{said}");
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    fs::write(&file, "modem tcp://office:5800\n").expect("configuration");
    assert_eq!(run(&["-t", "-c", &path]), (Some(0), format!("{path}: 1 port(s), no mistakes\n")));
    fs::write(&file, "").expect("configuration");
    assert_eq!(run(&["-c", &path]).0, Some(1), "no port");
    let (code, said) = run(&["-t", "-c", "/nowhere"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("/nowhere: No such file"), "{said}");
    let shipped = top().join("etc/comport.conf").display().to_string();
    assert_eq!(run(&["-t", "-c", &shipped]).0, Some(0));
    // What the sample only shows is right too.
    let shown = fs::read_to_string(&shipped).expect("the sample").replace("#/run", "/run");
    fs::write(&file, shown.replace(" ca=/etc/ssl/office.pem", "")).expect("configuration");
    assert!(run(&["-t", "-c", &path]).1.contains("2 port(s)"), "{}", run(&["-t", "-c", &path]).1);
}

#[test]
fn wrong_command_lines_and_files_of_tls() {
    let dir = scratch();
    let junk = dir.path().join("junk");
    fs::write(&junk, "no certificate").expect("junk");
    let ca = format!("--ca={}", junk.display());
    for (args, code, text) in [
        (&["modem"][..], 2, "NAME=SCHEME"),
        (&["modem=office:1"], 2, "column 7: "),
        (&["modem=tcp://office:0"], 2, "column 20: "),
        (&["a=tcp://a:1", "a=tcp://b:1"], 2, "twice"),
        (&["--on-loss", "maybe", "a=tcp://a:1"], 2, "--on-loss: keep or hangup"),
        (&["--speed", "9600", "a=tcp://a:1"], 2, "belong to --stdio"),
        (&["--stdio"], 2, "--stdio takes one"),
        (&["--stdio", "ftp://a:1"], 2, "no scheme"),
        (&["-c", "/x", "a=tcp://a:1"], 2, "not in both"),
        (&["--nonsense"], 2, "--nonsense"),
        (&["-t", "--ca=/nowhere", "a=tls+tcp://a:1"], 1, "/nowhere: "),
        (&["-t", &ca, "a=tls+tcp://a:1"], 1, "no certificate in it"),
        (&["/nowhere/at/all/\x1b=tcp://a:1"], 2, "no name of a port"),
        (&["/proc/x=tcp://a:1"], 1, "/proc/x: "),
        (&["--group", "nobody-knows", "/tmp/x-x=tcp://a:1"], 1, "no such group"),
        (&["--version"], 0, "comport "),
        (&["--help"], 0, "--on-loss"),
    ] {
        let (status, said) = run(args);
        assert_eq!(status, Some(code), "{args:?}: {said}");
        assert!(said.contains(text), "{args:?}: {said}");
        assert!(!said.contains('\x1b'));
    }
}

#[test]
fn nothing_that_is_somebody_else_s_is_replaced() {
    let (dir, peer) = (scratch(), Peer::new());
    let path = |name: &str| dir.path().join(name);
    fs::write(path("file"), "precious").expect("a file");
    fs::create_dir(path("directory")).expect("a directory");
    symlink("/etc/passwd", path("elsewhere")).expect("a symlink");
    symlink(path("nothing"), path("dangling")).expect("a symlink");
    symlink("/dev/pts/ptmx", path("another")).expect("a symlink");
    for name in ["file", "directory", "elsewhere", "dangling", "another"] {
        let port = format!("{}={}", path(name).display(), peer.address("tcp"));
        let (code, said) = run(&[&port]);
        assert_eq!(code, Some(1), "{name}: {said}");
        assert!(said.contains(name) && said.contains("left alone"), "{said}");
    }
    assert_eq!(fs::read_to_string(path("file")).expect("the file"), "precious");
    assert_eq!(fs::read_link(path("elsewhere")).expect("the symlink"), Path::new("/etc/passwd"));
    // A second one for the same name.
    let comport = Comport::start(&peer.address("tcp"), &[]);
    let target = fs::read_link(comport.link("modem")).expect("a symlink");
    let port = format!("{}={}", comport.link("modem").display(), peer.address("tcp"));
    let (code, said) = run(&[&port]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(fs::read_link(comport.link("modem")).expect("a symlink"), target);
    // One that was swapped for another while it ran is not removed at the end.
    fs::remove_file(comport.link("modem")).expect("remove");
    symlink("/etc/passwd", comport.link("modem")).expect("a symlink");
    comport.running.signal(nix::sys::signal::Signal::SIGTERM);
    let Comport { dir, mut running } = comport;
    assert_eq!(running.status(), 0);
    assert_eq!(fs::read_link(dir.path().join("modem")).expect("still there"), Path::new("/etc/passwd"));
}

#[test]
fn what_a_killed_one_left_is_taken_over() {
    let (dir, peer) = (scratch(), Peer::new());
    let link = dir.path().join("modem");
    let start = || {
        let mut command = Command::new(ours("comport"));
        command.arg(format!("{}={}", link.display(), peer.address("tcp"))).stderr(Stdio::null());
        Running::spawn(&mut command)
    };
    let mut first = start();
    wait::until("the port", || link.exists().then_some(()));
    first.signal(nix::sys::signal::Signal::SIGKILL);
    first.status();
    assert!(link.symlink_metadata().is_ok(), "left over");
    let _second = start();
    wait::until("the port again", || {
        link.exists().then(|| super::App::open(&link)).and_then(|app| {
            app.say("x");
            peer.has_visitor()
        })
    });
}
