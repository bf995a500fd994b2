//! Sections 4 and 11: what log watchers look for, levels of the log, utmp, locks of odd kinds.

use super::*;
use nix::sys::signal::Signal;
use std::fs;

/// `dev=…, pid=…`
fn dev_pid(getty: &mut Getty) -> String {
    format!("dev={}, pid={}", getty.modem.line(), getty.running().pid())
}

/// Waits for an AUDIT line with this text behind date and time.
fn audit(getty: &Getty, text: &str) {
    getty.wait_log(&format!(" ##### {text}"));
    let log = getty.log();
    let line = log.lines().find(|line| line.contains(text)).expect("just seen");
    let digits: String = line.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert!(digits.starts_with("99/99 99:99:99 ##### "), "{line}");
}

/// Each text of a call that comes to nothing.
#[test]
fn calls_that_come_to_nothing() {
    let told = "\r\nNMBR = 555\r\nNAME = JOE\r\n";
    for (config, manner, sent, text, code) in [
        (
            "rings 4",
            Manner::default(),
            "\r\nNMBR = 555\r\n\r\nNO CARRIER\r\n",
            "failed A_FAIL DEV, caller='555'",
            20,
        ),
        ("rings 4", Manner::default(), "\r\nERROR\r\n", "failed A_FAIL DEV, caller='none'", 20),
        (
            "",
            replying("ATA", "\r\nBUSY\r\n"),
            told,
            "failed A_FAIL DEV, caller='555', conn='', name='JOE'",
            1,
        ),
        (
            "answer-chat-timeout 1",
            replying("ATA", ""),
            told,
            "failed timeout DEV, caller='555', conn='', name='JOE'",
            1,
        ),
    ] {
        let mut getty = Getty::with(config, manner);
        getty.start();
        getty.wait_idle();
        getty.modem.send(sent);
        assert_eq!(getty.status(), code, "{text}");
        let text = text.replace("DEV", &dev_pid(&mut getty));
        audit(&getty, &text);
    }
}

#[test]
fn a_call_that_is_told_from_end_to_end() {
    let mut getty = Getty::new("");
    getty.login_config("joe - guest PROGRAM @\n");
    getty.start();
    getty.wait_idle();
    let mark = getty.modem.mark();
    getty.modem.send("\r\nNMBR = 555\r\nNAME = DOE, J\r\n");
    let mark = getty.modem.expect("login: ", mark);
    std::thread::sleep(ms(60));
    getty.modem.send("joe\r");
    getty.said(mark);
    let program = getty.sandbox.path().join("bin/program");
    let dev = dev_pid(&mut getty);
    let log = getty.log();
    // A comma in a name could forge a field.
    let name = if getty.subject.original { "DOE, J" } else { "DOE" };
    let head = format!("##### data {dev}, caller='555', conn='33600', name='{name}");
    assert!(log.contains(&head), "{head}\n{log}");
    assert!(log.contains(&format!("cmd='{}', user='joe'\n", program.display())), "{log}");
}

/// Level 0 tells of failures alone, 9 tells all; what is sent to the modem stands at 4 as a command, its
/// answers from 5 on.
#[test]
fn levels() {
    for (level, waiting, command, answers) in [
        ("0", false, false, false),
        ("3", false, false, false),
        ("4", true, true, false),
        ("9", true, true, true),
    ] {
        let mut getty = Getty::new(&format!("debug {level}\npost-init-chat \"\" AT+GMM OK"));
        getty.start();
        getty.modem.commands_seen(3);
        wait::until("the lock to go", || (!getty.lock_path().exists()).then_some(()));
        getty.modem.ring();
        getty.modem.expect("login: ", 0);
        let log = getty.log();
        assert_eq!(log.contains("waiting..."), waiting, "{level}: {log}");
        assert_eq!(log.contains("AT+GMM[0d]"), command, "{level}: {log}");
        assert_eq!(log.contains("RING[0d]"), answers, "{level}: {log}");
    }
}

/// The log is opened anew at each wake-up, so that logrotate need not tell anybody.
#[test]
fn a_rotated_log() {
    let mut getty = Getty::idle("");
    let log = getty.sandbox.log(&format!("mg_{}.log", getty.id()));
    fs::rename(&log, log.with_extension("1")).expect("rotate");
    getty.prompt();
    let text = wait::until("a new log", || fs::read_to_string(&log).ok());
    assert!(text.contains("ATA[0d]"), "{text}");
    assert!(fs::read_to_string(log.with_extension("1")).expect("the old one").contains("waiting..."));
}

/// The first ring has been counted: what comes while it is being read is forgotten by the original.
fn first_of_five_rings(getty: &Getty) {
    getty.modem.ring();
    let waits = || getty.log().matches("wfr: waiting for ``RING''").count();
    let counted = || if getty.subject.original { waits() == 2 } else { getty.log().contains("ring 1") };
    wait::until("the first ring", || counted().then_some(()));
}

/// SIGUSR1 before the line is ready is kept; USR2 at any time before the answer ends it.
#[test]
fn signals_at_other_times() {
    let mut getty = Getty::with("init-chat \"\" \\dATZ OK", replying("ATZ", "\r\nOK\r\n"));
    getty.start();
    wait::until("the pid file", || getty.pid_path().exists().then_some(()));
    getty.running().signal(Signal::SIGUSR1);
    if getty.subject.original {
        // Difference: there it waits for something else to happen.
        getty.wait_idle();
        getty.modem.send("x");
    }
    getty.modem.expect("ATA\r", 0);
    let mut getty = Getty::idle("rings 5");
    first_of_five_rings(&getty);
    getty.running().signal(Signal::SIGUSR2);
    assert_eq!(getty.status(), 0);
    assert!(!getty.lock_path().exists());
    let mut getty = Getty::idle("rings 5");
    first_of_five_rings(&getty);
    getty.running().signal(Signal::SIGUSR1);
    // Difference: there a ring must follow, and one that comes while it gives up the interrupted wait is not
    // heard. Fewer than five are enough for all that.
    let rings = if getty.subject.original { 3 } else { 0 };
    let answered = (0..rings).any(|_| {
        getty.modem.ring();
        getty.modem.expect_within("ATA\r", 0, ms(1500)).is_some()
    });
    assert!(answered || getty.modem.expect_within("ATA\r", 0, wait::PATIENCE).is_some(), "{}", getty.log());
}

/// utmp without a record of ours: the original writes none, and so does `who` not show the caller.
#[test]
fn the_caller_in_utmp() {
    use ttyline::sys::utmp;
    let mut getty = Getty::new("");
    let (utmp_file, wtmp) = (getty.sandbox.run("utmp"), getty.sandbox.path().join("log/wtmp"));
    fs::write(&wtmp, "").expect("wtmp");
    getty.login_config("joe - guest PROGRAM @\n");
    let init = getty.sandbox.script("init", INIT);
    let (line, program) = (getty.modem.line(), getty.subject.path.display().to_string());
    getty.running = Some(getty.sandbox.start(&init, &[&program, &line]));
    getty.wait_idle();
    let pid = getty.running().pid().as_raw();
    getty.modem.send("\r\nNMBR = 555\r\nNAME = X\r\n");
    let mark = getty.modem.expect("login: ", 0);
    // Before the answer the number is the host, after login the CONNECT text.
    let (kind, _, user, host) = utmp::look(&utmp_file, pid).expect("our record");
    assert_eq!((kind, user.as_str(), host.as_str()), (6, "LOGIN", "555"));
    std::thread::sleep(ms(60));
    getty.modem.send("joe\r");
    getty.said(mark);
    let (kind, _, user, host) = utmp::look(&utmp_file, pid).expect("our record");
    assert_eq!((kind, user.as_str(), host.as_str()), (7, "guest", "33600"));
}

/// Under systemd no init makes a record. The original writes none then; ours makes its own, and clears it.
#[test]
fn a_record_in_utmp_is_made_where_init_made_none_and_cleared_at_the_end() {
    use ttyline::sys::utmp;
    let mut getty = Getty::new("");
    let (utmp_file, wtmp) = (getty.sandbox.run("utmp"), getty.sandbox.path().join("log/wtmp"));
    let empty = || {
        fs::write(&utmp_file, "").expect("utmp");
        fs::write(&wtmp, "").expect("wtmp");
    };
    // Kinds of a process' records, in their order.
    let kinds = |file: &std::path::Path, pid: i32| -> Vec<i16> {
        let bytes = fs::read(file).unwrap_or_default();
        let records = bytes.chunks_exact(utmp::RECORD).filter(|r| r[4..8] == pid.to_ne_bytes());
        records.map(|r| i16::from_ne_bytes([r[0], r[1]])).collect()
    };
    const LOGIN: i16 = 6;
    const USER: i16 = 7;
    const DEAD: i16 = 8;
    empty();
    getty.login_config("joe - guest PROGRAM @\n");
    getty.start();
    getty.wait_idle();
    let pid = getty.running().pid().as_raw();
    getty.modem.send("\r\nNMBR = 555\r\n");
    let mark = getty.prompt();
    if getty.subject.original {
        assert!(kinds(&utmp_file, pid).is_empty());
        return;
    }
    let line = getty.modem.line();
    let (kind, its_line, user, host) = utmp::look(&utmp_file, pid).expect("a record");
    assert_eq!((kind, its_line.as_str(), user.as_str(), host.as_str()), (LOGIN, &*line, "LOGIN", "555"));
    getty.modem.send("joe\r");
    getty.said(mark);
    let (kind, _, user, _) = utmp::look(&utmp_file, pid).expect("a record");
    assert_eq!((kind, user.as_str()), (USER, "guest"));
    getty.modem.send("\r");
    assert_eq!(getty.status(), 0);
    wait::until("the end in utmp", || (kinds(&utmp_file, pid) == [DEAD]).then_some(()));
    assert_eq!(kinds(&wtmp, pid), [LOGIN, USER, DEAD]);
    // A call that ends at the prompt.
    empty();
    getty.modem.hang_up();
    getty.start();
    wait::until("waiting again", || (getty.log().matches("waiting...").count() == 2).then_some(()));
    let pid = getty.running().pid().as_raw();
    getty.prompt();
    assert_eq!(kinds(&utmp_file, pid), [LOGIN]);
    getty.modem.send("\x04");
    assert_eq!(getty.status(), 0);
    assert_eq!((kinds(&utmp_file, pid), kinds(&wtmp, pid)), (vec![DEAD], vec![LOGIN, DEAD]));
}

#[test]
fn a_dialler_in_utmp() {
    use ttyline::sys::utmp;
    let mut getty = Getty::new("");
    fs::write(getty.sandbox.path().join("log/wtmp"), "").expect("wtmp");
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    fs::write(getty.lock_path(), format!("{:10}\n", other.id())).expect("a lock");
    let init = getty.sandbox.script("init", INIT);
    let (line, program) = (getty.modem.line(), getty.subject.path.display().to_string());
    getty.running = Some(getty.sandbox.start(&init, &[&program, &line]));
    let pid = getty.running().pid().as_raw();
    let utmp_file = getty.sandbox.run("utmp");
    let (kind, _, user, host) = wait::until("dialout in utmp", || {
        utmp::look(&utmp_file, pid).filter(|(_, _, user, _)| user == "dialout")
    });
    assert_eq!((kind, user.as_str()), (7, "dialout"));
    assert!(host.starts_with("sleep"), "{host}");
    let _ = (other.kill(), other.wait());
}

/// As init does: a record with the getty's pid, before it is started.
const INIT: &str = r#"bytes=$(printf '\\%03o' $(($$ & 255)) $(($$ >> 8 & 255)) $(($$ >> 16 & 255)))
printf "\\005\\000\\000\\000$bytes\\000" > /run/utmp
{ head -c 32 /dev/zero; printf s1; head -c 342 /dev/zero; } >> /run/utmp
exec "$@""#;

/// Forms of locks that hold, by the process they name.
#[test]
fn locks_that_hold() {
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    let pid = other.id();
    for content in [
        format!("{pid:10}\n").into_bytes(),
        // Not four digits: the original takes every file of four bytes as binary.
        format!("{pid:6}").into_bytes(),
        format!("{pid:10} uucp cu\n").into_bytes(),
        pid.to_ne_bytes().to_vec(),
    ] {
        let mut getty = Getty::new("");
        fs::write(getty.lock_path(), &content).expect("a lock");
        getty.start();
        getty.wait_dialout();
        assert!(getty.modem.commands().is_empty());
        assert_eq!(fs::read(getty.lock_path()).expect("still there"), content);
    }
    let _ = (other.kill(), other.wait());
}
