//! Whatever happens in a call-back, the line returns to service: each story ends with an answered call.

use super::phone::{CLIENT, Phone, SERVER};
use crate::dialin::status::{doing, status};
use ringback_tests::originals;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::ours;
use ringback_tests::wait::{until, until_within};
use std::path::PathBuf;
use std::time::Duration;

const QUESTION: &str = "Telephone number for callback: ";

/// A server with a getty that is started again whenever it ends, as init does it.
struct Server {
    sandbox: Sandbox,
    phone: Phone,
    program: PathBuf,
    getty: Running,
    prompts: usize,
    commands: usize,
}

impl Server {
    fn new(original: bool, callback_config: &str) -> Server {
        let (sandbox, phone) = (Sandbox::new(), Phone::new());
        sandbox.write_etc(
            "mgetty.config",
            "data-only yes\ntoggle-dtr no\nfido-send-emsi no\nissue-file x\n",
            0o644,
        );
        sandbox.write_etc("callback.config", callback_config, 0o644);
        // What a pty has not carried over when the session ends is lost: they do not end at once.
        let welcome = sandbox.script("welcome", "echo welcome $RINGBACK_USER; sleep 1; exit 0");
        let callback = ours("callback").display().to_string();
        let welcome = welcome.display();
        let inside = sandbox.script("inside", "echo inside $RINGBACK_USER; sleep 1; exit 0");
        let inside = inside.display();
        let login = format!(
            "!version 2\nask N - - {callback} -S\nfixed N - - {callback} -S 123456\nmary Y - - {inside}\n\
             * N - - {welcome}\n* Y - - {callback} -S 123456\n"
        );
        sandbox.write_etc("login.config", &login, 0o600);
        let program = if original { originals::program("mgetty") } else { ours("mgetty") };
        let getty = sandbox.start(&program, &[&phone.line(SERVER)]);
        let mut server = Server { sandbox, phone, program, getty, prompts: 0, commands: 0 };
        server.ready();
        server
    }

    fn lock(&self) -> PathBuf {
        self.sandbox.lock(&format!("LCK..{}", self.phone.line(SERVER).replace('/', "_")))
    }

    /// Initialised and waiting.
    fn ready(&mut self) {
        let before = self.commands;
        until("the getty", || {
            let count = self.phone.commands(SERVER)[before..].iter().filter(|c| *c == "AT").count();
            (count >= 1 && !self.lock().exists()).then_some(())
        });
        self.commands = self.phone.commands(SERVER).len();
    }

    /// Calls and logs in with this name.
    fn call(&mut self, name: &str) {
        self.phone.send(CLIENT, b"ATDT1\r");
        self.prompts += 1;
        self.phone.heard(CLIENT, "login: ", self.prompts).expect("a prompt");
        self.says(name);
    }

    fn says(&self, text: impl AsRef<[u8]>) {
        self.phone.send(CLIENT, &[text.as_ref(), b"\r"].concat());
    }

    /// The program on the line ends; init starts the next getty.
    fn over(&mut self) -> i32 {
        let status = self.getty.status();
        self.phone.hang_up();
        self.commands = self.phone.commands(SERVER).len();
        self.getty = self.sandbox.start(&self.program, &[&self.phone.line(SERVER)]);
        status
    }

    /// The getty that waited for the lock ends; the original takes a quarter of a minute.
    fn lets_go(&mut self) {
        let ended = until_within(Duration::from_secs(60), || self.getty.status_now());
        assert!(ended.is_some(), "the getty still waits: {}", self.log());
    }

    fn log(&self) -> String {
        self.sandbox.log_text("mg_callback.log")
    }

    /// The test call that every story ends with.
    fn serves(mut self, story: &str) {
        self.call("guest");
        assert!(self.phone.heard(CLIENT, "welcome", 1).is_some(), "{story}: {}", self.log());
        self.getty.status();
    }

    /// Nothing was dialled.
    fn nothing_dialled(&self) {
        let commands = self.phone.commands(SERVER);
        assert!(!commands.iter().any(|c| c.starts_with("ATD")), "{commands:?}");
    }
}

#[test]
fn after_nonsense_at_the_question() {
    let stories: [(&str, &[&[u8]]); 4] = [
        ("end of input", &[b"\x04"]),
        ("commands", &[b"123;ATH", b"123&F"]),
        ("a flood", &[&[b'1'; 4000], &[b'1'; 4000]]),
        ("dear numbers", &[b"0900123456", b"+881612345678"]),
    ];
    let all: Vec<_> = stories
        .into_iter()
        .map(|(story, lines)| {
            std::thread::spawn(move || {
                let mut server = Server::new(false, "");
                server.call("ask");
                for (place, line) in lines.iter().enumerate() {
                    server.phone.heard(CLIENT, QUESTION, place + 1).expect("the question");
                    if *line == b"\x04" {
                        server.phone.send(CLIENT, line);
                    } else {
                        server.says(line);
                    }
                }
                assert_eq!(server.over(), 10, "{story}: {}", server.log());
                server.nothing_dialled();
                server.ready();
                server.serves(story);
            })
        })
        .collect();
    for one in all {
        one.join().expect("a story");
    }
}

#[test]
fn after_a_caller_who_is_not_there_when_called() {
    for original in [false, true] {
        let mut server = Server::new(original, "delay 4\ndelay-randomize 1\nretry-time 5\nmax-time 14\n");
        server.call("fixed");
        assert_eq!(server.over(), 0);
        server.ready();
        // He lets it ring; the exchange of this test knows no time limit, the modem's user gives up.
        let rings = until_within(Duration::from_secs(20), || {
            server.phone.commands(SERVER).contains(&"ATD123456".to_string()).then_some(())
        });
        assert!(rings.is_some(), "{}", server.log());
        server.phone.gives_up();
        until("callback's end", || server.log().contains("giving up").then_some(()));
        until("no lock", || (!server.lock().exists()).then_some(()));
        // The getty that waited for the lock ends and is started again.
        server.commands = server.phone.commands(SERVER).len();
        server.lets_go();
        server.getty = server.sandbox.start(&server.program, &[&server.phone.line(SERVER)]);
        server.ready();
        server.serves("nobody there");
    }
}

#[test]
fn after_callback_was_killed_while_it_dialled() {
    let stories = [false, true].map(|original| {
        std::thread::spawn(move || {
            let mut server = Server::new(original, "delay 4\ndelay-randomize 1\nmax-time 60\n");
            server.call("fixed");
            assert_eq!(server.over(), 0);
            server.ready();
            until("dialling", || {
                server.phone.commands(SERVER).contains(&"ATD123456".to_string()).then_some(())
            });
            let pid = std::fs::read_to_string(server.lock()).unwrap().trim().parse().unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
                .unwrap();
            server.phone.gives_up();
            // The getty that waits sees the owner's end; the lock that is left names nobody.
            server.commands = server.phone.commands(SERVER).len();
            server.lets_go();
            server.getty = server.sandbox.start(&server.program, &[&server.phone.line(SERVER)]);
            server.ready();
            server.serves("a killed callback");
        })
    });
    for story in stories {
        story.join().expect("a story");
    }
}

#[test]
fn who_is_called_back_is_known_to_be_and_loops_end() {
    let mut server = Server::new(false, "delay 4\ndelay-randomize 1\nmax-time 60\n");
    server.call("fixed");
    assert_eq!(server.over(), 0);
    let ring = server.phone.heard(CLIENT, "RING\r\n", 1);
    assert!(ring.is_some(), "{}", server.log());
    server.phone.send(CLIENT, b"ATA\r");
    server.prompts += 1;
    server.phone.heard(CLIENT, "login: ", server.prompts).expect("the second prompt");
    // A `*` entry would call for ever.
    server.says("nobody");
    assert!(server.phone.heard(CLIENT, "you cannot be called back now", 1).is_some(), "{}", server.log());
    assert_eq!(server.over(), 10);
    assert!(server.log().contains("reason='loop"), "{}", server.log());
    server.ready();
    server.serves("a loop");
}

/// Over a getty that idles meanwhile, and answers whoever calls.
#[test]
fn the_line_s_state_says_that_a_call_back_is_pending_and_what_comes_of_it() {
    let mut server = Server::new(false, "delay 4\ndelay-randomize 1\nmax-time 60\n");
    let line = server.phone.line(SERVER);
    server.call("fixed");
    assert_eq!(server.over(), 0);
    server.ready();
    until("the getty's state", || (status(&server.sandbox, &line)["line_state"] == "idle").then_some(()));
    let pending = status(&server.sandbox, &line);
    assert_eq!((&pending["state"], &pending["stale"]), (&"call-back".into(), &false.into()));
    assert_eq!((&pending["user"], &pending["called"]), (&"fixed".into(), &"123456".into()));
    assert_eq!(pending["call_back"]["step"], "pending");
    assert_eq!(doing(&server.sandbox, &line), "call-back of fixed pending");
    server.phone.heard(CLIENT, "RING\r\n", 1).expect("the call");
    assert_eq!(doing(&server.sandbox, &line), "calling fixed back");
    let dialled = status(&server.sandbox, &line);
    assert_eq!((&dialled["state"], &dialled["called"]), (&"call-back".into(), &"123456".into()));
    server.phone.send(CLIENT, b"ATA\r");
    server.prompts += 1;
    server.phone.heard(CLIENT, "login: ", server.prompts).expect("the second prompt");
    until("the prompt's state", || {
        (doing(&server.sandbox, &line) == "at the login prompt"
            && status(&server.sandbox, &line).get("call_back").is_none())
        .then_some(())
    });
}

#[test]
fn a_call_back_that_is_killed_while_it_waits_is_pending_no_more() {
    let mut server = Server::new(false, "delay 60\ndelay-randomize 1\n");
    let line = server.phone.line(SERVER);
    server.call("fixed");
    assert_eq!(server.over(), 0);
    server.ready();
    until("the getty's state", || (status(&server.sandbox, &line)["line_state"] == "idle").then_some(()));
    let pid = status(&server.sandbox, &line)["call_back"]["pid"].as_i64().expect("a process");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("its id"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kill");
    until("its end", || (doing(&server.sandbox, &line) == "idle").then_some(()));
    assert_eq!(status(&server.sandbox, &line)["state"], "idle");
}

#[test]
fn a_forged_pid_file_keeps_nobody_from_being_called() {
    let mut server = Server::new(false, "delay 4\ndelay-randomize 1\nmax-time 60\n");
    server.call("fixed");
    assert_eq!(server.over(), 0);
    server.ready();
    let mut victim = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let file = format!("mgetty.pid.{}", server.phone.line(SERVER).replace('/', "-"));
    std::fs::write(server.sandbox.run(&file), format!("{}\n", victim.id())).unwrap();
    server.phone.heard(CLIENT, "RING\r\n", 1).expect("the call");
    server.phone.send(CLIENT, b"ATA\r");
    server.prompts += 1;
    server.phone.heard(CLIENT, "login: ", server.prompts).expect("the second prompt");
    assert!(victim.try_wait().unwrap().is_none(), "the stranger lives");
    let _ = (victim.kill(), victim.wait());
    server.says("mary");
    assert!(server.phone.heard(CLIENT, "inside mary", 1).is_some());
    server.over();
    server.ready();
    // Who may come in only when called is nobody when he calls.
    server.prompts = 2;
    server.call("mary");
    assert!(server.phone.heard(CLIENT, "welcome mary", 1).is_some());
}
