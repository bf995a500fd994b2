//! Whatever comes: a clear line in the log, the line back in service, nothing left behind.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn ten_megabytes_of_noise() {
    let mut getty = Getty::idle("");
    if getty.subject.original {
        return;
    }
    let noise: Vec<u8> = (0..64 * 1024_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let end = std::time::Instant::now() + Duration::from_secs(9);
    let mut sent = 0;
    while sent < 10 * 1024 * 1024 && std::time::Instant::now() < end && getty.running().status_now().is_none()
    {
        let mut master = getty.modem.pty().master();
        match std::io::Write::write(&mut master, &noise) {
            Ok(n) => sent += n,
            Err(_) => std::thread::sleep(ms(1)),
        }
    }
    // Noise may hold `BUSY` or a frame; it never holds the line.
    let status = getty.status();
    assert!([0, 20].contains(&status), "{status}");
    assert!(!getty.lock_path().exists() && !getty.pid_path().exists());
}

#[test]
fn a_name_of_a_megabyte() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    let piece = [b'x'; 1000];
    for _ in 0..100 {
        let mut master = getty.modem.pty().master();
        let mut rest = &piece[..];
        while !rest.is_empty() {
            match std::io::Write::write(&mut master, rest) {
                Ok(n) => rest = &rest[n..],
                Err(_) => std::thread::sleep(ms(1)),
            }
        }
    }
    getty.modem.send("\r");
    let said = getty.said(mark);
    let name = said.split("<<arg1=").nth(1).expect("a name").split(">>").next().expect("its end");
    assert_eq!(name.len(), 1024);
}

#[test]
fn a_caller_is_never_taken_for_the_modem() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    for text in ["NMBR = 666", "CALLER NUMBER: 666", "RING", "CONNECT 115200", "+FCON", "FM:666 TO:1"] {
        getty.modem.send(format!("{text}\x15"));
        std::thread::sleep(ms(30));
    }
    std::thread::sleep(ms(300));
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    assert!(said.contains("<<CALLER_ID=none>>") && said.contains("<<CONNECT=33600>>"), "{said}");
    assert!(!getty.log().contains("666"), "{}", getty.log());
}

#[test]
fn a_caller_who_types_right_after_connect_is_not_the_modem_either() {
    let mut getty = Getty::idle("");
    if getty.subject.original {
        return;
    }
    let mark = getty.answer();
    getty.modem.send("NMBR = 666\r\nRING\r\nCONNECT 1\r\n");
    let mark = getty.modem.expect("login: ", mark);
    std::thread::sleep(ms(300));
    getty.modem.send("\x15");
    std::thread::sleep(ms(100));
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    assert!(said.contains("<<CALLER_ID=none>>") && said.contains("<<CONNECT=33600>>"), "{said}");
}

#[test]
fn endless_rings_are_answered_once() {
    let getty = Getty::idle("");
    let mark = getty.modem.mark();
    for _ in 0..50 {
        getty.modem.ring();
    }
    getty.modem.expect("ATA\r", mark);
}

#[test]
fn planted_files_in_the_lock_directory() {
    type Plant = fn(&Getty);
    let plants: &[Plant] = &[
        |g| nix::unistd::mkfifo(&g.lock_path(), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO"),
        |g| symlink("/dev/zero", g.lock_path()).expect("a symlink"),
        |g| symlink(g.sandbox.path().join("bin/program"), g.lock_path()).expect("a symlink"),
        |g| fs::write(g.lock_path(), vec![b'7'; 5_000_000]).expect("a huge file"),
        |g| fs::write(g.lock_path(), "        -1\n").expect("a lock"),
        |g| fs::write(g.lock_path(), "99999999999999999999999\n").expect("a lock"),
    ];
    if subject("mgetty").original {
        return;
    }
    for plant in plants {
        let mut getty = Getty::new("");
        plant(&getty);
        getty.start();
        getty.wait_idle();
    }
}

#[test]
fn a_forged_lock_does_not_hold_the_line() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    // A stranger's lock that names init.
    fs::write(getty.lock_path(), "         1\n").expect("a lock");
    nix::unistd::chown(&getty.lock_path(), Some(nix::unistd::Uid::from_raw(65534)), None).expect("chown");
    getty.start();
    getty.wait_idle();
    assert!(getty.log().contains("lock file removed"), "{}", getty.log());
}

#[test]
fn a_lock_directory_that_cannot_be_written() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    fs::remove_dir_all(getty.sandbox.run("lock")).expect("remove");
    fs::write(getty.sandbox.run("lock"), "").expect("a file in its place");
    getty.start();
    getty.wait_log("lock");
    assert_eq!(getty.status(), 0);
}

#[test]
fn devices_that_are_none() {
    std::thread::scope(|scope| {
        for name in ["null", "shm"] {
            scope.spawn(move || {
                let mut getty = Getty::new("");
                if getty.subject.original {
                    // It changes owner and mode before it opens the device, and these are the machine's own.
                    return;
                }
                getty.running = Some(getty.sandbox.start(&getty.subject.path, &[name]));
                assert_eq!(getty.status(), 30, "{name}");
            });
        }
    });
}

#[test]
fn the_line_vanishes_while_idle() {
    let mut getty = Getty::idle("");
    if getty.subject.original {
        return;
    }
    // As long as somebody holds the slave, no other test's pty gets its number.
    let _hold = getty.modem.pty().slave().try_clone().expect("a descriptor");
    let (lock, pid, state, log) = (getty.lock_path(), getty.pid_path(), getty.state_path(), getty.log_path());
    getty.modem = Modem::new();
    let log = || fs::read_to_string(&log).unwrap_or_default();
    wait::until("the log", || log().contains("line is gone: trying again").then_some(()));
    // Difference: it stays and waits for the line to come back, and says so once.
    wait::until("the state", || {
        let text = fs::read_to_string(&state).unwrap_or_default();
        (text.contains("\"state\":\"failed\"") && text.contains("\"why\":\"no such device\"")).then_some(())
    });
    wait::until("the lock to go", || (!lock.exists()).then_some(()));
    std::thread::sleep(ms(1500));
    assert_eq!(log().matches("no such device").count(), 1, "{}", log());
    getty.running().signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    assert!(!lock.exists() && !pid.exists());
}

#[test]
fn the_caller_hangs_up_at_the_prompt() {
    let mut getty = Getty::idle("");
    getty.prompt();
    let lock = getty.lock_path();
    // As above.
    let _hold = getty.modem.pty().slave().try_clone().expect("a descriptor");
    getty.modem = Modem::new();
    assert_eq!(getty.status(), 10);
    assert!(!lock.exists());
}

#[test]
fn escape_sequences_do_not_reach_the_log() {
    let mut getty = Getty::idle("debug 6");
    let mark = getty.prompt();
    getty.modem.send("\x1b]0;x\x07\x1b[2Jjoe', user='root\r");
    getty.said(mark);
    let log = getty.log();
    assert!(!log.contains('\x1b'), "{log:?}");
    if !getty.subject.original {
        // Difference: the original lets some control characters and the quotes of a name through.
        assert!(!log.contains('\x07') && !log.contains("user='root"), "{log:?}");
    }
}

#[test]
fn unreadable_configuration() {
    let mut getty = Getty::new("");
    fs::remove_file(getty.sandbox.etc("mgetty.config")).expect("remove");
    nix::unistd::mkfifo(&getty.sandbox.etc("mgetty.config"), nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    if getty.subject.original {
        return;
    }
    getty.args = vec!["-D".into()];
    getty.start();
    getty.wait_log("cannot be read");
    getty.wait_idle();
}
