//! Section 4: lock file, pid file, log.

use super::*;
use std::fs;

/// It holds numbers and names.
#[test]
fn the_log_is_not_for_everybody() {
    use std::os::unix::fs::PermissionsExt;
    let getty = Getty::idle("");
    let mode = std::fs::metadata(getty.log_path()).expect("a log").permissions().mode() & 0o777;
    assert_eq!(mode, if getty.subject.original { 0o644 } else { 0o600 });
}

#[test]
fn the_lock_is_held_while_busy_and_free_while_idle() {
    let mut getty = Getty::new("");
    getty.start();
    let lock = getty.lock_path();
    let content = wait::until("the lock", || fs::read_to_string(&lock).ok());
    let pid = getty.running().pid().as_raw();
    assert_eq!(content, format!("{pid:10}\n"));
    assert_eq!(fs::read_to_string(getty.pid_path()).expect("pid file"), format!("{pid}\n"));
    getty.wait_idle();
    getty.answer();
    assert_eq!(fs::read_to_string(&lock).expect("the lock"), format!("{pid:10}\n"));
}

#[test]
fn a_stale_lock_is_removed() {
    for content in [&b"    999999\n"[..], b"999999", &[0x3f, 0x42, 0x0f, 0x00], b"", b"garbage\n"] {
        let mut getty = Getty::new("");
        if getty.subject.original && (content.is_empty() || content.starts_with(b"g")) {
            // The original reads memory it has not set: sometimes stale, sometimes for ever in use.
            continue;
        }
        fs::write(getty.lock_path(), content).expect("a lock");
        let old = std::time::SystemTime::now() - Duration::from_secs(100);
        fs::File::options()
            .write(true)
            .open(getty.lock_path())
            .and_then(|f| f.set_modified(old))
            .expect("its age");
        getty.start();
        getty.wait_idle();
    }
}

#[test]
fn a_line_in_use_is_left_alone_and_taken_when_it_is_free() {
    let mut getty = Getty::new("");
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    fs::write(getty.lock_path(), format!("{:10}\n", other.id())).expect("a lock");
    getty.start();
    getty.wait_dialout();
    std::thread::sleep(ms(300));
    assert!(getty.modem.commands().is_empty(), "the line is somebody else's");
    let freed = std::time::Instant::now();
    fs::remove_file(getty.lock_path()).expect("unlock");
    assert_eq!(getty.status(), 0, "init starts it anew");
    if !getty.subject.original {
        assert!(freed.elapsed() < Duration::from_secs(5), "no polling: {:?}", freed.elapsed());
    }
    let _ = (other.kill(), other.wait());
}

#[test]
fn a_dialler_that_dies_frees_the_line() {
    let mut getty = Getty::new("");
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    fs::write(getty.lock_path(), format!("{:10}\n", other.id())).expect("a lock");
    getty.start();
    getty.wait_dialout();
    let _ = (other.kill(), other.wait());
    assert_eq!(getty.status(), 0);
}

#[test]
fn activity_on_a_locked_line_is_not_ours() {
    let mut getty = Getty::idle("");
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().expect("a process");
    std::thread::sleep(ms(50));
    fs::write(getty.lock_path(), format!("{:10}\n", other.id())).expect("a lock");
    let mark = getty.modem.mark();
    getty.modem.ring();
    assert!(getty.modem.expect_within("AT", mark, ms(600)).is_none());
    getty.wait_dialout();
    let _ = (other.kill(), other.wait());
    assert_eq!(getty.status(), 0);
}

#[test]
fn a_lock_that_a_script_removes_is_made_again() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    let lock = getty.lock_path();
    // As the documents' own `ppp-call` begins.
    fs::remove_file(&lock).expect("rm -f /var/lock/LCK*");
    let pid = getty.running().pid().as_raw();
    if getty.subject.original {
        getty.modem.send("joe\r");
        getty.said(mark);
        assert!(!lock.exists());
        return;
    }
    let made = wait::until("the lock", || fs::read_to_string(&lock).ok());
    assert_eq!(made, format!("{pid:10}\n"));
    getty.wait_log("was removed by somebody: made again");
    getty.modem.send("joe\r");
    assert!(getty.said(mark).contains(&format!("lock: {pid:10}")));
    // In the session too, by who stays beside it.
    fs::remove_file(&lock).expect("rm -f /var/lock/LCK*");
    let made = wait::until("the lock", || fs::read_to_string(&lock).ok());
    assert_eq!(made, format!("{pid:10}\n"));
    assert!(getty.running().status_now().is_none(), "the session goes on");
}

/// Before the process that stays beside the session has begun to watch.
#[test]
fn a_lock_that_the_program_removes_first_of_all_is_made_again() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    let program =
        getty.sandbox.script("scruffy", "rm -f /run/lock/LCK..*\necho \"<<removed>>\"\nread answer\n");
    getty.login_config(&format!("* - - {}\n", program.display()));
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send("joe\r");
    getty.modem.expect("<<removed>>", mark);
    let pid = getty.running().pid().as_raw();
    let made = wait::until("the lock", || fs::read_to_string(getty.lock_path()).ok());
    assert_eq!(made, format!("{pid:10}\n"));
}

#[test]
fn a_line_in_use_whose_lock_a_script_removes_is_still_in_use() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return; // It believes the file alone.
    }
    let tty = || std::process::Stdio::from(getty.modem.pty().slave().try_clone().expect("the line"));
    let mut other = std::process::Command::new("sleep").arg("1000").stdin(tty()).spawn().expect("a process");
    std::thread::sleep(ms(50));
    fs::write(getty.lock_path(), format!("{:10}\n", other.id())).expect("a lock");
    getty.start();
    getty.wait_dialout();
    fs::remove_file(getty.lock_path()).expect("rm -f /var/lock/LCK*");
    std::thread::sleep(ms(300));
    assert!(
        getty.running().status_now().is_none() && getty.modem.commands().is_empty(),
        "the line is somebody else's"
    );
    let _ = (other.kill(), other.wait());
    assert_eq!(getty.status(), 0);
}

#[test]
fn log_lines_have_the_form_scrapers_know() {
    let mut getty = Getty::idle("debug 5");
    getty.log_in("nobody");
    let log = getty.log();
    let id = getty.id();
    let infix = &id.replace('-', "/")[id.len() - 3..];
    let digits: String = log.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let infix: String = infix.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert!(digits.starts_with("\n--\n99/99 99:99:99 "), "{log}");
    assert!(digits.contains(&format!("\n99/99 99:99:99 {infix}  waiting...")), "{log}");
    assert!(digits.contains(&format!("\n99/99 99:99:99 {infix}  send: ")), "{log}");
    assert!(log.contains("ATQ0V1H0[0d]"), "{log}");
    assert!(log.contains("waiting for ``OK''") && log.contains(" ** found **"), "{log}");
    assert!(log.contains("wfr: waiting for ``RING''"), "{log}");
    let pid = getty.running().pid();
    let program = getty.sandbox.path().join("bin/program");
    let audit = format!(
        "##### data dev={}, pid={pid}, caller='none', conn='33600', name='', cmd='{}', user='nobody'\n",
        getty.modem.line(),
        program.display()
    );
    assert!(log.contains(&audit), "{audit}\n{log}");
}
