//! Locks in a directory of the test's own; the line is this machine's `/dev/null` under many names.

use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

struct Place {
    dir: tempfile::TempDir,
    locks: Locks,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let locks = Locks::in_directory(dir.path());
        Place { dir, locks }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("LCK..{name}"))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn line(name: &str) -> LineName {
    LineName::new(name).unwrap()
}

/// A process that lives until the test is over.
struct Sleeper(Child);

impl Sleeper {
    fn new() -> Sleeper {
        Sleeper(Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap())
    }
    fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The number of a process that has ended.
fn dead_pid() -> i32 {
    let mut child = Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id().cast_signed()
}

#[test]
fn a_lock_is_made_and_goes_away() {
    let place = Place::new();
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    assert_eq!(place.names(), ["LCK..nowhere"]);
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), format!("{:10}\n", judge::own_pid()));
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(place.path("nowhere")).unwrap().permissions().mode() & 0o7777, 0o644);
    assert!(lock.is_intact());
    lock.release();
    assert!(place.names().is_empty());
}

#[test]
fn a_living_holder_is_honoured_in_every_form() {
    let (place, other) = (Place::new(), Sleeper::new());
    std::thread::sleep(Duration::from_millis(20));
    for form in [
        format!("{:10}\n", other.pid()).into_bytes(),
        format!("{}", other.pid()).into_bytes(),
        format!("{} root sleep\n", other.pid()).into_bytes(),
        other.pid().to_ne_bytes().to_vec(),
    ] {
        fs::write(place.path("nowhere"), &form).unwrap();
        match place.locks.acquire(&line("nowhere"), None) {
            Err(LockError::Held(holder)) => assert_eq!(holder.pid, Some(other.pid())),
            unexpected => panic!("{unexpected:?}"),
        }
        assert_eq!(fs::read(place.path("nowhere")).unwrap(), form);
        assert_eq!(place.names(), ["LCK..nowhere"]);
    }
}

#[test]
fn what_does_not_count_is_replaced_and_reported() {
    let place = Place::new();
    let path = place.path("nowhere");
    let target = place.dir.path().join("precious");
    fs::write(&target, "kept").unwrap();
    let plants: [(&str, &dyn Fn()); 8] = [
        ("stale", &|| fs::write(&path, format!("{:10}\n", dead_pid())).unwrap()),
        ("empty", &|| fs::write(&path, "").unwrap()),
        ("garbage", &|| fs::write(&path, "garbage\n").unwrap()),
        ("minus one", &|| fs::write(&path, "-1\n").unwrap()),
        ("huge", &|| fs::write(&path, vec![b'1'; 100_000]).unwrap()),
        ("symlink", &|| symlink(&target, &path).unwrap()),
        ("fifo", &|| nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        ("directory", &|| fs::create_dir(&path).unwrap()),
    ];
    for (what, plant) in plants {
        plant();
        let lock = place.locks.acquire(&line("nowhere"), None).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(lock.removed().len(), 1, "{what}");
        assert!(fs::symlink_metadata(&path).unwrap().is_file(), "{what}");
        lock.release();
        assert_eq!(place.names(), ["precious"], "{what}");
    }
    assert_eq!(fs::read(&target).unwrap(), b"kept");
}

#[test]
fn a_lock_older_than_its_process_is_not_believed() {
    let (place, other) = (Place::new(), Sleeper::new());
    let file = fs::File::create(place.path("nowhere")).unwrap();
    std::io::Write::write_all(&mut &file, format!("{:10}\n", other.pid()).as_bytes()).unwrap();
    file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).unwrap();
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    assert_eq!(lock.removed()[0].standing, Standing::Forged(Forgery::Younger(other.pid())));
}

#[test]
fn somebody_elses_lock_for_init_is_forged() {
    if !nix::unistd::geteuid().is_root() {
        return; // Only root can make a file of another owner.
    }
    let place = Place::new();
    fs::write(place.path("nowhere"), "         1\n").unwrap();
    std::os::unix::fs::chown(place.path("nowhere"), Some(65534), None).unwrap();
    let report = place.locks.look(&line("nowhere")).unwrap();
    assert_eq!(report.holder(), None);
    assert!(report.files[0].to_string().contains("uid 65534"));
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    assert_eq!(lock.removed()[0].standing, Standing::Forged(Forgery::Owner(1)));
    drop(lock);
    fs::write(place.path("nowhere"), "         1\n").unwrap();
    assert!(matches!(place.locks.acquire(&line("nowhere"), None), Err(LockError::Held(_))), "root may");
}

#[test]
fn cus_short_name_is_honoured_and_not_written() {
    let (place, other) = (Place::new(), Sleeper::new());
    fs::write(place.path("77"), format!("{:10}\n", other.pid())).unwrap();
    let error = place.locks.acquire(&line("pts/77"), None).unwrap_err();
    assert!(matches!(error, LockError::Held(Holder { pid: Some(_), .. })), "{error}");
    assert_eq!(place.names(), ["LCK..77"], "our own name was given back");
    drop(other);
    let lock = place.locks.acquire(&line("pts/77"), None).unwrap();
    assert_eq!(place.names(), ["LCK..77", "LCK..pts_77"]);
    drop(lock);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let locks = Locks::in_directory(Path::new("/nonexistent/lock"));
    let error = locks.acquire(&line("nowhere"), None).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/lock"), "{error}");
}

#[test]
fn restamping_and_taking_over_leave_no_gap() {
    let (place, other) = (Place::new(), Sleeper::new());
    let mut lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    lock.restamp(other.pid()).unwrap();
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), format!("{:10}\n", other.pid()));
    assert_eq!(place.names(), ["LCK..nowhere"]);
    lock.leave();
    let wrong = place.locks.take_over(&line("nowhere"), 1, None).unwrap_err();
    assert!(matches!(wrong, LockError::Held(_)), "{wrong}");
    let lock = place.locks.take_over(&line("nowhere"), other.pid(), None).unwrap();
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), format!("{:10}\n", judge::own_pid()));
    drop(lock);
    assert!(place.names().is_empty());
}

#[test]
fn a_lock_that_was_stolen_is_noticed_and_not_removed() {
    let place = Place::new();
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    fs::remove_file(place.path("nowhere")).unwrap();
    fs::write(place.path("nowhere"), "         1\n").unwrap();
    assert!(!lock.is_intact());
    drop(lock);
    assert_eq!(fs::read(place.path("nowhere")).unwrap(), b"         1\n");
}

#[test]
fn a_lock_that_was_removed_is_made_again_and_goes_with_its_owner() {
    let place = Place::new();
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    let keeper = keep::Keeper::watch(&lock).unwrap();
    assert!(!keeper.missing() && keeper.mend().is_empty());
    fs::remove_file(place.path("nowhere")).unwrap();
    assert!(keeper.missing());
    assert_eq!(keeper.mend(), [place.path("nowhere")]);
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), format!("{:10}\n", judge::own_pid()));
    assert!(!keeper.missing());
    drop(lock);
    assert!(place.names().is_empty());
}

#[test]
fn what_names_somebody_else_is_left_alone() {
    let (place, other) = (Place::new(), Sleeper::new());
    let lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    let keeper = keep::Keeper::watch(&lock).unwrap();
    fs::remove_file(place.path("nowhere")).unwrap();
    let theirs = format!("{:10}\n", other.pid());
    fs::write(place.path("nowhere"), &theirs).unwrap();
    assert!(keeper.mend().is_empty());
    drop(lock);
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), theirs);
}

#[test]
fn a_keeper_outlives_a_lock_that_was_left_to_another() {
    let (place, other) = (Place::new(), Sleeper::new());
    let mut lock = place.locks.acquire(&line("nowhere"), None).unwrap();
    lock.restamp(other.pid()).unwrap();
    let keeper = keep::Keeper::watch(&lock).unwrap();
    lock.leave();
    fs::remove_file(place.path("nowhere")).unwrap();
    assert_eq!(keeper.mend().len(), 1);
    assert_eq!(fs::read_to_string(place.path("nowhere")).unwrap(), format!("{:10}\n", other.pid()));
}

#[test]
fn the_line_is_held_with_flock_and_exclusive_use() {
    let place = Place::new();
    let pair = nix::pty::openpty(None, None).unwrap();
    let path = nix::unistd::ttyname(&pair.slave).unwrap();
    let name = line(path.to_str().unwrap());
    let open = || Line::open(&path, crate::line::Opening::AtOnce);
    let (one, other) = (open().unwrap(), open().unwrap());
    let lock = place.locks.acquire(&name, Some(&one)).unwrap();
    assert!(tty::is_exclusive(&one).unwrap());
    assert!(!tty::try_flock(&other).unwrap());
    assert_eq!(process::flock_holder(&path), Some(judge::own_pid()));
    lock.release();
    assert!(!tty::is_exclusive(&one).unwrap());
    assert!(tty::try_flock(&other).unwrap());
    let error = place.locks.acquire(&name, Some(&one)).unwrap_err();
    assert!(matches!(error, LockError::Held(Holder { file: None, .. })), "{error}");
    assert!(place.names().is_empty());
    drop(other);
    let lock = place.locks.acquire(&name, Some(&one)).unwrap();
    lock.leave();
    assert!(!tty::is_exclusive(&one).unwrap());
    assert_eq!(place.names().len(), 1);
}

#[test]
fn the_lock_of_a_symlink_keeps_the_real_device_too() {
    // Every Linux has /dev/stdin; here it leads to what a child's standard input is.
    let (place, other) = (Place::new(), Sleeper::new());
    let Ok(real) = fs::canonicalize("/dev/fd") else { return };
    let names = names::names(&real, &real);
    fs::write(place.path("fd"), format!("{:10}\n", other.pid())).unwrap();
    assert_eq!(aliases(place.dir.path(), &real, &names), ["LCK..fd"]);
    assert!(aliases(place.dir.path(), Path::new("/dev/null"), &names).is_empty());
}

#[test]
fn a_symlinked_line_is_locked_by_both_names() {
    if !nix::unistd::geteuid().is_root() {
        return; // Only root can make a symlink in /dev.
    }
    let (place, other) = (Place::new(), Sleeper::new());
    let alias = format!("ringback-test-{}", judge::own_pid());
    let link = Path::new("/dev").join(&alias);
    symlink("/dev/null", &link).unwrap();
    let lock = place.locks.acquire(&line(&alias), None);
    let names = place.names();
    drop(lock);
    fs::write(place.path(&alias), format!("{:10}\n", other.pid())).unwrap();
    let by_real_name = place.locks.acquire(&line("null"), None);
    fs::remove_file(&link).unwrap();
    assert_eq!(names, ["LCK..null".to_string(), format!("LCK..{alias}")]);
    assert!(matches!(by_real_name, Err(LockError::Held(_))), "{by_real_name:?}");
}
