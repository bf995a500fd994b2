//! What can be wrong, on both ends: each case has a line of the office to itself, and ends with an answered test call.
//! Not of the original, which crashes, dials what was typed, or signals a stranger.

use super::office::Office;
use ringback_tests::subject::subject;
use ringback_tests::wait::until;
use std::os::unix::fs::chown;
use std::sync::atomic::{AtomicUsize, Ordering};

const QUESTION: &str = "Telephone number for callback:";

/// A case: its name, and what happens.
type Story<'a> = (&'a str, fn(&Case));

/// An office, one of its lines, and the telephone that the case is told on.
struct Case<'a> {
    office: &'a Office,
    line: String,
    far: String,
}

impl Case<'_> {
    #[track_caller]
    fn call(&self, name: &str) {
        self.office.call(&self.far, &self.line, name);
    }

    #[track_caller]
    fn hears(&self, text: &str) {
        self.office.exchange.orders(&[&format!("expect {} 30s {text}", self.far)]);
    }

    #[track_caller]
    fn types(&self, text: &str) {
        self.office.exchange.orders(&[&format!("type {} {text}", self.far)]);
    }

    /// Until the office has hung up.
    #[track_caller]
    fn over(&self) {
        self.office
            .exchange
            .orders(&[&format!("wait {} idle 30", self.line), &format!("hangup {}", self.far)]);
    }

    fn device(&self) -> String {
        self.office.exchange.device(&self.line)
    }

    /// callback's audit line about this line.
    #[track_caller]
    fn logs(&self, text: &str) {
        let line = format!("line={}", self.device());
        let found = |log: String| log.lines().any(|l| l.contains(&line) && l.contains(text));
        until(text, || found(self.office.log()).then_some(()));
    }

    /// Asked for a number, and refused twice.
    fn refused(&self, typed: &str) {
        self.call("ask");
        self.hears(QUESTION);
        self.types(&format!("{typed}\\r"));
        self.hears(QUESTION);
        self.types(&format!("{typed}\\r"));
        self.over();
        self.logs("callback: refused");
        self.dials_nothing();
    }

    fn dials_nothing(&self) {
        let state = self.office.exchange.order(&format!("state {}", self.line)).expect("its state");
        assert!(state.contains("\"calls\":1,"), "one call in all, the one that came in: {state}");
    }

    /// He is called, and comes in.
    #[track_caller]
    fn called_back(&self) {
        let far = &self.far;
        self.office.exchange.orders(&[
            &format!("wait {far} ringing"),
            &format!("answer {far}"),
            &format!("expect {far} 30s Connection established"),
            &format!("expect {far} 30s login:"),
            &format!("type {far} mary\\r"),
            &format!("expect {far} 30s welcome mary"),
            &format!("hangup {far}"),
        ]);
    }

    /// The lock file of the line.
    fn lock(&self) -> std::path::PathBuf {
        self.office.sandbox.lock(&format!("LCK..{}", self.device().replace('/', "_")))
    }

    fn fault(&self, fault: &str) {
        self.office.exchange.orders(&[&format!("fault {} {fault}", self.line)]);
    }
}

/// Tells the cases side by side; `LINE` in the entries stands for the telephone's number.
fn tell(cases: &[Story]) {
    if subject("callback").original {
        return;
    }
    let numbers: Vec<(String, String)> =
        (0..cases.len()).map(|n| (format!("98765{n}"), format!("555{n}"))).collect();
    let lines: Vec<(&str, &str)> = numbers.iter().map(|(line, _)| (line.as_str(), "")).collect();
    let fars: Vec<&str> = numbers.iter().map(|(_, far)| far.as_str()).collect();
    let mut login = String::from(
        "ask - - CALLBACK -S\nnotty - - NOTTY\nnosuch - - CALLBACK -l ttyNOSUCH 123456\n\
         outside - - CALLBACK -l /etc/passwd 123456\nconfig - - CALLBACK --config-dir DIRECTORY -S\n\
         typo - - CALLBACK - S 123456\nnobody nobody - CALLBACK -S 123456\n",
    );
    for far in &fars {
        login.push_str(&format!("call{far} - - CALLBACK -S {far}\n"));
    }
    login.push_str("* - - WELCOME @\n");
    let office = Office::new(&lines, &fars, &login);
    office.sandbox.write_etc(
        "callback.config",
        "delay 4\ndelay-randomize 1\nretry-time 5\nmax-time 60\n",
        0o644,
    );
    let told = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for ((name, case), (line, far)) in cases.iter().zip(&numbers) {
            let (office, told) = (&office, &told);
            scope.spawn(move || {
                println!("{name}: {line}, {far}");
                case(&Case { office, line: line.clone(), far: far.clone() });
                office.serves(far, line);
                told.fetch_add(1, Ordering::Relaxed);
                println!("{name}: ends well");
            });
        }
    });
    assert_eq!(told.into_inner(), cases.len(), "{}", office.log());
}

#[test]
fn what_the_caller_types() {
    tell(&[
        ("end of input", |case| {
            case.call("ask");
            case.hears(QUESTION);
            case.types("\\x04");
            case.hears("Goodbye");
            case.over();
            case.dials_nothing();
        }),
        ("nothing but CR", |case| case.refused("")),
        ("a command behind", |case| case.refused("123;ATH0")),
        ("CR within", |case| case.refused("123\\x16\\rATD456")),
        ("letters", |case| case.refused("CALLME")),
        ("a hundred digits", |case| case.refused(&"1".repeat(100))),
        // A megabyte comes to callback itself in `caller::end_of_input_and_floods`; a tty keeps 4095.
        ("more than a tty keeps", |case| {
            case.call("ask");
            case.hears(QUESTION);
            let piece = format!("type {} {}", case.far, "1".repeat(4096));
            for _ in 0..4 {
                // The exchange takes so much at a time.
                until("room", || case.office.exchange.order(&piece).ok());
            }
            case.types("\\r");
            case.hears(QUESTION);
            case.types("\\r");
            case.over();
            case.dials_nothing();
        }),
        ("an emergency", |case| case.refused("112")),
        ("his carrier is lost at the question", |case| {
            case.call("ask");
            case.hears(QUESTION);
            case.office.exchange.orders(&[&format!("cut {}", case.far), &format!("hangup {}", case.far)]);
            case.office.waits(&case.line);
            case.dials_nothing();
        }),
    ]);
}

#[test]
fn what_the_administrator_got_wrong() {
    tell(&[
        ("no tty", |case| {
            case.call("notty");
            case.hears("standard input is no terminal line");
            case.over();
        }),
        ("no such line", |case| {
            case.call("nosuch");
            case.hears("Dialing continues");
            case.over();
            case.office.logs("no line to dial on");
        }),
        ("a line outside /dev", |case| {
            case.call("outside");
            case.hears("device must be located in /dev");
            case.over();
        }),
        ("a configuration that cannot be read", |case| {
            case.call("config");
            case.hears("you cannot be called back now");
            case.over();
            case.logs("reason='the configuration cannot be read'");
        }),
        ("- S", |case| {
            case.call("typo");
            case.hears("did you mean -S?");
            case.over();
        }),
    ]);
}

#[test]
fn what_modems_and_other_programs_do() {
    tell(&[
        ("a silent modem", |case| {
            case.call(&format!("call{}", case.far));
            case.hears("Dialing continues");
            case.over();
            case.office.waits(&case.line);
            case.fault("deaf");
            case.logs("reason='no clear-down: the modem does not answer ATH'");
            case.fault("clear");
            case.dials_nothing();
        }),
        ("a modem that refuses its initialisation", |case| {
            case.fault("error=+FCLASS");
            case.call(&format!("call{}", case.far));
            case.over();
            case.called_back();
        }),
        ("a modem that refuses to dial", |case| {
            case.fault("error=D");
            case.call(&format!("call{}", case.far));
            case.over();
            case.logs("cause='modem says ERROR'");
            case.fault("clear");
            case.called_back();
        }),
        ("a getty that is killed while it is dialled for", |case| {
            case.call(&format!("call{}", case.far));
            case.over();
            case.office.exchange.orders(&[&format!("wait {} ringing", case.far)]);
            let file = format!("mgetty.pid.{}", case.device().replace('/', "-"));
            let pid = std::fs::read_to_string(case.office.sandbox.run(&file)).expect("its pid file");
            let pid = nix::unistd::Pid::from_raw(pid.trim().parse().expect("a number"));
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).expect("kill");
            case.office.exchange.orders(&[&format!("answer {}", case.far)]);
            case.hears("Fatal error: can't pass control");
            case.over();
        }),
        ("a stale pid file", |case| {
            case.call(&format!("call{}", case.far));
            case.over();
            case.office.waits(&case.line);
            let file = format!("mgetty.pid.{}", case.device().replace('/', "-"));
            std::fs::write(case.office.sandbox.run(&file), "4194304\n").expect("a stale pid file");
            case.called_back();
        }),
        ("planted files where the lock ought to be", |case| {
            case.call(&format!("call{}", case.far));
            case.over();
            case.office.waits(&case.line);
            std::os::unix::fs::symlink("/etc/passwd", case.lock()).expect("a symlink");
            case.called_back();
        }),
    ]);
}

#[test]
fn forged_locks_and_programs_that_are_not_root() {
    tell(&[
        ("a lock of a stranger's that names somebody else", |case| {
            case.call(&format!("call{}", case.far));
            case.over();
            case.office.waits(&case.line);
            std::fs::write(case.lock(), format!("{:10}\n", 1)).expect("a lock");
            chown(case.lock(), Some(65534), None).expect("a stranger's");
            case.called_back();
        }),
        ("not root", |case| {
            case.call("nobody");
            case.hears("must be run as userid");
            case.over();
        }),
    ]);
}
