//! The caller at the question: what he may say, and what becomes of everything else.

use super::bench::{Bench, Caller};
use ringback_tests::wait::until;

const QUESTION: &str = "Telephone number for callback: ";

#[test]
fn the_question_and_what_follows() {
    let bench = Bench::new("delay 4\ndelay-randomize 1\nmax-time 5\n");
    let mut caller = Caller::new(&bench, &["-S"], &[]);
    caller.wait_for(QUESTION, 1);
    caller.types("123456");
    assert_eq!(caller.callback.status(), 0);
    let seen = caller.seen();
    assert_eq!(
        seen,
        format!(
            "{QUESTION}123456\r\n\r\nDialing continues in the background, all further messages will\r\n\
             be written to the logfile '/var/log/mgetty/mg_callback.log'.\r\n\
             Please look there for errors / diagnostics.\r\n\r\n"
        )
    );
    let first = if bench.subject.original { "detaching from ctty" } else { "delaying 4 seconds" };
    until("the background", || bench.log().contains(first).then_some(()));
}

#[test]
fn refused_numbers_get_a_second_try_and_no_third() {
    let bench = Bench::new("");
    if bench.subject.original {
        return; // It dials everything.
    }
    let user = [("RINGBACK_USER", "mary"), ("CALLER_ID", "555"), ("CONNECT", "33600")];
    let mut caller = Caller::new(&bench, &["-S", "-d"], &user);
    caller.wait_for(QUESTION, 1);
    caller.types("123;ATH");
    caller.wait_for("Please type digits only", 1);
    caller.wait_for(QUESTION, 2);
    caller.types("0900 123456");
    caller.wait_for("Sorry, this number cannot be called.", 1);
    assert_eq!(caller.callback.status(), 10);
    assert!(!caller.seen().contains("premium"), "the caller learns nothing of the rules");
    let log = bench.log();
    assert!(
        log.contains("##### callback: refused, user='mary', caller='555'")
            && log.contains("number='0900 123456', reason='premium'"),
        "{log}"
    );
    let causes: Vec<_> = bench.records().iter().map(|r| r["cause"].clone()).collect();
    assert_eq!(causes[1], "refused: premium");
    assert_eq!(bench.records()[0]["user"], "mary");
}

#[test]
fn end_of_input_and_floods() {
    let bench = Bench::new("");
    if bench.subject.original {
        return; // It dials what happens to stand in its memory.
    }
    let mut caller = Caller::new(&bench, &["-S"], &[]);
    caller.wait_for(QUESTION, 1);
    caller.pty.write(b"\x04");
    assert_eq!(caller.callback.status(), 10);
    assert!(bench.log().contains("end of input"), "{}", bench.log());
    // A pipe holds what a cooked tty would cut.
    use std::io::Write;
    use std::process::Stdio;
    let mut command = bench.sandbox.command(&bench.subject.path, None);
    let mut child = command.args(["-d"]).stdin(Stdio::piped()).spawn().unwrap();
    let megabyte = vec![b'1'; 1 << 20];
    let mut input = child.stdin.take().unwrap();
    let _ = input.write_all(&megabyte).and_then(|()| input.write_all(b"1"));
    assert_eq!(child.wait().unwrap().code(), Some(10), "{}", bench.log());
    assert!(!bench.log().contains("accepted"));
    let mut caller = Caller::new(&bench, &["-S"], &[]);
    caller.wait_for(QUESTION, 1);
    caller.types("1".repeat(100));
    caller.wait_for("too long", 1);
    caller.types("+49 30\x1b[A");
    assert_eq!(caller.callback.status(), 10);
}

#[test]
fn a_user_has_so_many_calls_in_an_hour() {
    let bench = Bench::new("attempts 2 3\ndelay 4\nmax-time 5\n");
    if bench.subject.original {
        return;
    }
    let ask = |user: &str| {
        let mut caller =
            Caller::new(&bench, &["-S", "123456"], &[("RINGBACK_USER", user), ("CONNECT", "33600")]);
        (caller.callback.status(), caller.seen())
    };
    assert_eq!(ask("mary").0, 0);
    assert_eq!(ask("mary").0, 0);
    let (status, seen) = ask("mary");
    assert_eq!(status, 10);
    assert!(seen.contains("you cannot be called back now"), "{seen}");
    assert_eq!(ask("john").0, 0);
    assert_eq!(ask("john").0, 10, "all together have had three");
    let kept = bench.sandbox.path().join("lib/ringback/callback-attempts");
    assert_eq!(std::fs::read_to_string(kept).unwrap().lines().count(), 3);
    assert!(bench.log().contains("all users may ask 3 times"), "{}", bench.log());
}

#[test]
fn counters_survive_a_reboot_expire_and_are_bounded() {
    let bench = Bench::new("attempts 2 5000\ndelay 4\nmax-time 5\n");
    if bench.subject.original {
        return;
    }
    let directory = bench.sandbox.path().join("lib/ringback");
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("callback-attempts");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ask = |events: &str| {
        std::fs::write(&file, events).unwrap();
        let mut caller =
            Caller::new(&bench, &["-S", "123456"], &[("RINGBACK_USER", "mary"), ("CONNECT", "33600")]);
        let status = caller.callback.status();
        (status, std::fs::read_to_string(&file).unwrap().lines().count())
    };
    let event = |ago: u64| format!("{} asked mary ttyS1 123456\n", now - ago);
    assert_eq!(ask(&[event(3000), event(60)].concat()), (10, 2), "what an earlier boot has written counts");
    assert_eq!(ask(&[event(3700), event(3650)].concat()), (0, 1), "an hour later it does not, and goes");
    assert_eq!(ask("rubbish\n\u{0}\n9 asked\n"), (0, 1), "a file that is none");
    // Somebody asks and asks: no more is kept, and nobody is called.
    let flood: String = (0..3000).map(|n| format!("{now} asked user{n} ttyS1 123456\n")).collect();
    let (status, _) = ask(&flood);
    assert_eq!(status, 10);
    assert!(bench.log().contains("attempts: all users"), "{}", bench.log());
}

#[test]
fn hours_loops_and_unreadable_policy() {
    let closed = "hours Mo 00:00-00:00\n";
    let bench = Bench::new(closed);
    if bench.subject.original {
        return;
    }
    let ask = |bench: &Bench, args: &[&str], variables: &[(&str, &str)]| {
        let mut caller = Caller::new(bench, args, variables);
        (caller.callback.status(), caller.seen())
    };
    let known = ("CONNECT", "33600");
    assert_eq!(ask(&bench, &["-S", "123456"], &[known]).0, 10);
    assert!(bench.log().contains("reason='hours'"), "{}", bench.log());
    let bench = Bench::new("");
    assert_eq!(ask(&bench, &["-S", "123456"], &[known, ("RINGBACK_CALLED_BACK", "1")]).0, 10);
    assert!(bench.log().contains("reason='loop:"), "{}", bench.log());
    let bench = Bench::new("");
    std::fs::remove_file(bench.sandbox.etc("callback.config")).unwrap();
    std::fs::create_dir(bench.sandbox.etc("callback.config")).unwrap();
    let (status, seen) = ask(&bench, &["-S"], &[known]);
    assert_eq!(status, 10);
    assert!(!seen.contains(QUESTION), "{seen}");
    assert!(bench.log().contains("cannot read"), "{}", bench.log());
}

#[test]
fn a_password_is_asked_for_and_not_echoed() {
    let bench = Bench::new("user mary\npassword yes\n");
    if bench.subject.original {
        return;
    }
    let secrets = bench.sandbox.path().join("etc-upper/ringback");
    std::fs::create_dir_all(&secrets).unwrap();
    let file = secrets.join("callback-secrets");
    // The password is `Hello world!` (the test vector of SHA-256 crypt).
    let hash = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5";
    std::fs::write(&file, format!("mary:{hash}\n")).unwrap();
    let mode = |bits| {
        let bits = std::os::unix::fs::PermissionsExt::from_mode(bits);
        std::fs::set_permissions(&file, bits).unwrap();
    };
    mode(0o600);
    let variables = [("RINGBACK_USER", "mary"), ("CONNECT", "33600")];
    let mut caller = Caller::new(&bench, &["-S", "123456"], &variables);
    caller.wait_for("Password for callback: ", 1);
    caller.types("wrong");
    caller.wait_for("Password for callback: ", 2);
    caller.types("Hello world!");
    assert_eq!(caller.callback.status(), 0, "{}", bench.log());
    let seen = caller.seen();
    assert!(!seen.contains("wrong") && !seen.contains("Hello"), "{seen}");
    assert!(!bench.log().contains("Hello"));
    mode(0o644);
    let mut caller = Caller::new(&bench, &["-S", "123456"], &variables);
    caller.wait_for("Password for callback: ", 1);
    caller.types("Hello world!");
    caller.wait_for("Password for callback: ", 2);
    caller.types("Hello world!");
    assert_eq!(caller.callback.status(), 10, "{}", bench.log());
    assert!(bench.log().contains("must be root's, with mode 0600"), "{}", bench.log());
}

#[test]
fn two_hundred_forbidden_numbers_and_none_is_dialled() {
    let bench = Bench::new("");
    if bench.subject.original {
        return; // It dials all of them.
    }
    let list = include_str!("../../../crates/ttyline/src/number/forbidden.txt");
    let (mut country, mut groups) = ("-", std::collections::BTreeMap::<&str, Vec<Vec<u8>>>::new());
    for line in list.lines().filter(|l| !l.starts_with("# ") && !l.is_empty()) {
        if let Some(head) = line.strip_prefix('[') {
            country = head.trim_end_matches(']').split(' ').nth(1).unwrap();
        } else if !line.contains("\\r") && !line.contains("\\n") {
            groups.entry(country).or_default().push(bytes(line));
        }
    }
    let pairs: Vec<(&str, Vec<Vec<u8>>)> = groups
        .into_iter()
        .flat_map(|(country, numbers)| {
            numbers.chunks(2).map(|pair| (country, pair.to_vec())).collect::<Vec<_>>()
        })
        .collect();
    let count: usize = pairs.iter().map(|(_, pair)| pair.len()).sum();
    assert!(count >= 200, "{count}");
    // Each refusal ends with a second in which the caller may read it: several callers at once.
    let share = pairs.len().div_ceil(12);
    std::thread::scope(|scope| {
        for pairs in pairs.chunks(share) {
            scope.spawn(move || refused(pairs));
        }
    });
}

/// Callers who type two forbidden numbers each.
fn refused(pairs: &[(&str, Vec<Vec<u8>>)]) {
    let bench = Bench::new("");
    for (country, pair) in pairs {
        let code = if *country == "-" { String::new() } else { format!("country-code {country}\n") };
        bench.sandbox.write_etc("callback.config", &format!("{code}attempts 1000 1000\n"), 0o644);
        let mut caller = Caller::new(&bench, &["-S", "-d"], &[]);
        for (place, number) in pair.iter().enumerate() {
            caller.wait_for(QUESTION, place + 1);
            caller.types(number);
        }
        if pair.len() == 1 {
            caller.wait_for(QUESTION, 2);
            caller.types("");
        }
        assert_eq!(caller.callback.status(), 10, "{country} {pair:?}");
    }
    let log = bench.log();
    assert!(!log.contains("accepted") && !log.contains("dialing"), "{log}");
}

/// `\xNN` in the list.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or("").as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}
