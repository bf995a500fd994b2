//! Many processes compete for locks that go stale all the time: never two owners, never a lost fresh lock.
//!
//! The competitors are this test program again, told by the environment what to be.

use super::judge::own_pid;
use super::*;
use std::fs::{self, OpenOptions};
use std::process::{Command, Stdio};

const PLACE: &str = "RINGBACK_TEST_RACE";

/// One competitor: takes the lock again and again for a second. Counts how often it had it.
fn compete(place: &Path) {
    let locks = Locks::in_directory(&place.join("locks"));
    let name = LineName::new("nowhere").unwrap();
    let owner = place.join("owner");
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let dead = dead.id().cast_signed();
    let end = Instant::now() + Duration::from_secs(1);
    let (mut had, mut turn) = (0_u32, own_pid());
    while Instant::now() < end {
        let mut lock = match locks.acquire(&name, None) {
            Ok(lock) => lock,
            Err(LockError::Held(_) | LockError::Unquiet(_)) => {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            }
            Err(e) => panic!("{e}"),
        };
        had += 1;
        // Nobody else may be here.
        OpenOptions::new().write(true).create_new(true).open(&owner).expect("two owners");
        std::thread::sleep(Duration::from_micros(300));
        assert!(lock.is_intact(), "a fresh lock was lost");
        fs::remove_file(&owner).unwrap();
        turn = turn.wrapping_add(1);
        match turn % 4 {
            0 => lock.release(),
            1 => {
                // Crashed: the lock stays and names a process that has ended.
                lock.restamp(dead).expect("a fresh lock was lost");
                lock.leave();
            }
            2 => {
                lock.release();
                let path = place.join("locks/LCK..nowhere");
                let _ = nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU);
            }
            _ => {
                lock.release();
                let path = place.join("locks/LCK..nowhere");
                let _ = std::os::unix::fs::symlink("/etc/passwd", path);
            }
        }
    }
    fs::write(place.join(format!("had.{}", own_pid())), had.to_string()).unwrap();
}

#[test]
fn many_processes_compete_for_stale_locks() {
    if let Some(place) = std::env::var_os(PLACE) {
        return compete(Path::new(&place));
    }
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("locks")).unwrap();
    let competitors: Vec<_> = (0..8)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "lock::race::many_processes_compete_for_stale_locks", "--nocapture"])
                .env(PLACE, dir.path())
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut competitor in competitors {
        assert!(competitor.wait().unwrap().success(), "see the competitor's message above");
    }
    let had: u32 = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("had."))
        .map(|path| fs::read_to_string(path).unwrap().parse::<u32>().unwrap())
        .sum();
    assert!(had > 50, "hardly anybody had the lock: {had}");
    let left: Vec<_> =
        fs::read_dir(dir.path().join("locks")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "LCK..nowhere"), "temporary files are left: {left:?}");
}
