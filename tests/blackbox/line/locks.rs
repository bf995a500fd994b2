//! Lock files as other programs make and see them.

use super::getty::Getty;
use ringback_tests::wait;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A process that lives as long as the value.
struct Other(Child);

impl Other {
    fn new() -> Other {
        Other(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().expect("sleep"))
    }
    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).expect("a process id")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn the_lock_is_held_during_a_call_in_the_common_form_and_not_while_idle() {
    let getty = Getty::started();
    wait::until("no lock while idle", || (!getty.lock().exists()).then_some(()));
    getty.answered();
    let pid = getty.running.as_ref().expect("started").pid();
    assert_eq!(fs::read_to_string(getty.lock()).expect("the lock"), format!("{pid:>10}\n"));
    assert_eq!(fs::metadata(getty.lock()).expect("the lock").permissions().mode() & 0o7777, 0o644);
}

#[test]
fn a_foreign_lock_is_honoured_in_every_form() {
    let other = Other::new();
    let forms: [Vec<u8>; 4] = [
        format!("{:10}\n", other.pid()).into_bytes(),
        // Not four digits: the original takes every file of four bytes as binary.
        format!("{:6}", other.pid()).into_bytes(),
        format!("{} pppd root\n", other.pid()).into_bytes(),
        other.pid().to_ne_bytes().to_vec(),
    ];
    for form in forms {
        let mut getty = Getty::prepared();
        fs::write(getty.lock(), &form).expect("a foreign lock");
        getty.start();
        getty.logged("sleep 1000");
        assert_eq!(fs::read(getty.lock()).expect("the lock"), form);
        assert!(getty.modem.commands().is_empty(), "nothing is sent to a line of somebody else");
    }
}

#[test]
fn a_stale_lock_is_taken_over_at_once() {
    for form in ["       999999999\n", "garbage\n", ""] {
        let mut getty = Getty::prepared();
        if getty.subject.original && form.is_empty() {
            continue; // It takes pid 0 for a living process at first.
        }
        fs::write(getty.lock(), form).expect("a stale lock");
        getty.start();
        getty.logged("waiting...");
        assert!(!getty.lock().exists(), "{form:?}");
    }
}

#[test]
fn a_lock_that_names_init_but_is_not_roots_is_forged() {
    let mut getty = Getty::prepared();
    if getty.subject.original || !is_root() {
        return; // The original believes it and waits for ever; only root can make a stranger's file.
    }
    fs::write(getty.lock(), "         1\n").expect("a forged lock");
    chown(getty.lock(), Some(65534), Some(65534)).expect("chown");
    getty.start();
    getty.logged("waiting...");
    assert!(!getty.lock().exists());
    assert!(getty.log().contains("uid 65534"), "{}", getty.log());
}

#[test]
fn planted_fifos_symlinks_directories_and_huge_files_hold_nobody() {
    type Plant = fn(&Path);
    let plants: [(&str, Plant); 4] = [
        ("fifo", |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).expect("mkfifo")),
        ("symlink", |path| symlink("/etc/passwd", path).expect("symlink")),
        ("directory", |path| fs::create_dir(path).expect("mkdir")),
        ("huge", |path| {
            fs::File::create(path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
        }),
    ];
    for (what, plant) in plants {
        let mut getty = Getty::prepared();
        if getty.subject.original {
            return; // It hangs on some of them.
        }
        plant(&getty.lock());
        getty.start();
        getty.logged("waiting...");
        assert!(getty.log().contains("forged"), "{what}: {}", getty.log());
        let left: Vec<_> = fs::read_dir(getty.sandbox.run("lock")).expect("lock directory").collect();
        assert!(left.is_empty(), "{what}: {left:?}");
    }
}

#[test]
fn the_short_name_of_cu_is_honoured_and_not_written() {
    let mut getty = Getty::prepared();
    if getty.subject.original {
        return; // Debian's does not know it.
    }
    let other = Other::new();
    let number = getty.modem.line().replace("pts/", "");
    let short = getty.sandbox.lock(&format!("LCK..{number}"));
    fs::write(&short, format!("{:10}\n", other.pid())).expect("cu's lock");
    getty.start();
    getty.logged("sleep 1000");
    assert!(getty.modem.commands().is_empty());
    drop(other);
    fs::remove_file(&short).expect("cu ends");
    assert_eq!(getty.status(), 0, "the line is free: init starts a new getty");
    assert!(!short.exists() && !getty.lock().exists());
}

#[test]
fn a_lock_directory_that_is_not_there_is_named_in_the_log() {
    let mut getty = Getty::prepared();
    if getty.subject.original {
        return; // It only says that the line is busy.
    }
    fs::remove_dir(getty.sandbox.run("lock")).expect("no lock directory");
    getty.start();
    getty.logged("lock directory /var/lock cannot be used");
    getty.status();
    assert!(getty.modem.commands().is_empty());
}

#[test]
fn a_call_is_given_to_its_program_with_the_lock_and_without_flock() {
    let mut getty = Getty::prepared();
    let stays = getty.sandbox.script("stays", "echo here; exec sleep 1000");
    getty.sandbox.write_etc("login.config", &format!("* - - {}\n", stays.display()), 0o600);
    getty.start();
    getty.logged("waiting...");
    let mark = getty.answered();
    getty.modem.send("joe\r");
    getty.modem.expect("here", mark);
    let pid = getty.running.as_ref().expect("started").pid();
    assert_eq!(fs::read_to_string(getty.lock()).expect("the lock"), format!("{pid:>10}\n"));
    let slave = &getty.modem.pty().user();
    assert!(!ttyline::sys::tty::is_exclusive(slave).expect("a tty"));
    assert!(ttyline::sys::tty::try_flock(slave).expect("a file"), "pppd may lock the line itself");
}

#[test]
fn programs_without_lock_files_see_that_a_call_is_on() {
    let getty = Getty::started();
    if getty.subject.original {
        return; // It knows lock files only.
    }
    let slave = &getty.modem.pty().user();
    assert!(ttyline::sys::tty::try_flock(slave).expect("a file"), "free while idle");
    ttyline::sys::tty::unflock(slave).expect("a file");
    getty.answered();
    assert!(!ttyline::sys::tty::try_flock(slave).expect("a file"));
    assert!(ttyline::sys::tty::is_exclusive(slave).expect("a tty"));
}

#[test]
fn a_line_held_by_flock_alone_is_left_alone() {
    let mut getty = Getty::prepared();
    if getty.subject.original {
        return;
    }
    let path = getty.modem.pty().path().to_path_buf();
    let mut other = std::process::Command::new("flock")
        .arg("-o")
        .arg(&path)
        .args(["sleep", "30"])
        .spawn()
        .expect("flock");
    wait::until("the lock", || {
        let ours = fs::File::open(&path).expect("the line");
        (!ttyline::sys::tty::try_flock(&ours).expect("a file")).then_some(())
    });
    getty.start();
    getty.logged("flock");
    assert!(getty.modem.commands().is_empty());
    let _ = (other.kill(), other.wait());
    assert_eq!(getty.status(), 0);
    assert!(!getty.lock().exists());
}
