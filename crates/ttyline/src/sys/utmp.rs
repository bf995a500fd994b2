//! The records of who is on which line: `utmp` and `wtmp`.
//!
//! Written by our own code: glibc's `pututxline` waits up to ten seconds for a lock, with an alarm of its own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// wtmp, the history of sessions.
pub const WTMP: &str = "/var/log/wtmp";

/// Size of one record on this machine, bytes.
pub const RECORD: usize = size_of::<libc::utmpx>();

/// What a getty's record becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Waits for a name (`LOGIN_PROCESS`).
    Login,
    /// Somebody is on the line (`USER_PROCESS`).
    User,
}

/// What is written into a record; too long texts are cut.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The kind.
    pub kind: Kind,
    /// The line without `/dev/`.
    pub line: &'a str,
    /// The user, `LOGIN` for [`Kind::Login`].
    pub user: &'a str,
    /// The host field: caller or CONNECT text; `None` leaves what was there.
    pub host: Option<&'a str>,
}

fn from_bytes(bytes: &[u8; RECORD]) -> libc::utmpx {
    // SAFETY: utmpx is plain integers and byte arrays: every bit pattern is a value of it; sizes are equal.
    unsafe { std::mem::transmute_copy(bytes) }
}

fn to_bytes(record: &libc::utmpx) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    // SAFETY: both are RECORD bytes; the records come from zeroed or read bytes, so padding is initialised.
    unsafe {
        std::ptr::copy_nonoverlapping((&raw const *record).cast::<u8>(), bytes.as_mut_ptr(), RECORD);
    }
    bytes
}

fn put(field: &mut [libc::c_char], text: &str) {
    let mut bytes = text.bytes();
    for place in field {
        *place = bytes.next().unwrap_or(0) as libc::c_char;
    }
}

/// The text of a field up to its first NUL.
fn text_of(field: &[libc::c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|c| *c as u8).take_while(|b| *b != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The one that init, or we before, had made for the process was changed.
    Changed,
    /// There was none: it has been made, and [`clear`] is ours to call.
    Made,
}

/// Changes the record of process `pid` in `utmp` and appends it to `wtmp`. A record of type INIT, LOGIN or
/// USER that is there already (init writes it) keeps its id; where there is none (as under systemd) one is
/// made, in the place of a dead one of the same line if there is such.
///
/// # Errors
/// Files that cannot be read or written; a `wtmp` that is missing or full is no error.
pub fn update(utmp: &Path, wtmp: &Path, pid: i32, entry: &Entry<'_>) -> io::Result<Noted> {
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(utmp)?;
    lock(&file);
    let (noted, place, mut record) = match find(&mut file, |record| is_of(record, pid))? {
        Some((place, bytes)) => (Noted::Changed, place, from_bytes(&bytes)),
        None => {
            let id = id_of(entry.line);
            let dead = |r: &libc::utmpx| r.ut_type == libc::DEAD_PROCESS && text_of(&r.ut_id) == id;
            let place = match find(&mut file, dead)? {
                Some((place, _)) => place,
                None => file.metadata()?.len() / RECORD as u64 * RECORD as u64,
            };
            let mut record = from_bytes(&[0; RECORD]);
            record.ut_pid = pid;
            put(&mut record.ut_id, &id);
            (Noted::Made, place, record)
        }
    };
    record.ut_type = match entry.kind {
        Kind::Login => libc::LOGIN_PROCESS,
        Kind::User => libc::USER_PROCESS,
    };
    put(&mut record.ut_line, entry.line);
    put(&mut record.ut_user, entry.user);
    if let Some(host) = entry.host {
        put(&mut record.ut_host, host);
    }
    store(&file, wtmp, place, record)?;
    Ok(noted)
}

/// The record of process `pid` says from now on that nobody is there.
///
/// # Errors
/// As [`update`]; a record that is not there is none.
pub fn clear(utmp: &Path, wtmp: &Path, pid: i32) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(utmp)?;
    lock(&file);
    let Some((place, bytes)) = find(&mut file, |record| is_of(record, pid))? else { return Ok(()) };
    let mut record = from_bytes(&bytes);
    record.ut_type = libc::DEAD_PROCESS;
    put(&mut record.ut_user, "");
    put(&mut record.ut_host, "");
    store(&file, wtmp, place, record)
}

/// Whether process `pid` has become a user's since then, by the last records of `wtmp`; `None` where that
/// cannot be read.
#[must_use]
pub fn was_user(wtmp: &Path, pid: i32, since: SystemTime) -> Option<bool> {
    let mut file = File::open(wtmp).ok()?;
    let whole = file.metadata().ok()?.len() / RECORD as u64;
    let since = since.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    file.seek(SeekFrom::Start(whole.saturating_sub(LAST) * RECORD as u64)).ok()?;
    let mut bytes = [0; RECORD];
    while file.read_exact(&mut bytes).is_ok() {
        let record = from_bytes(&bytes);
        // Unsigned: see above.
        let time = u64::from(record.ut_tv.tv_sec as u32);
        if record.ut_type == libc::USER_PROCESS && record.ut_pid == pid && time >= since {
            return Some(true);
        }
    }
    Some(false)
}

/// So many records of wtmp are looked at.
const LAST: u64 = 500;

/// As other gettys do: the last four characters of the line.
fn id_of(line: &str) -> String {
    let skip = line.chars().count().saturating_sub(4);
    line.chars().skip(skip).collect()
}

fn is_of(record: &libc::utmpx, pid: i32) -> bool {
    let kinds = [libc::INIT_PROCESS, libc::LOGIN_PROCESS, libc::USER_PROCESS];
    kinds.contains(&record.ut_type) && record.ut_pid == pid
}

fn store(file: &File, wtmp: &Path, place: u64, mut record: libc::utmpx) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // 32 bits on most machines: wraps in 2106 when read as unsigned, which current readers do.
    record.ut_tv.tv_sec = now.as_secs() as _;
    record.ut_tv.tv_usec = now.subsec_micros() as _;
    let bytes = to_bytes(&record);
    file.write_all_at(&bytes, place)?;
    let wtmp = OpenOptions::new().append(true).custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW).open(wtmp);
    if let Ok(mut wtmp) = wtmp {
        let _ = wtmp.write_all(&bytes);
    }
    Ok(())
}

/// The number of people logged in (`USER_PROCESS` records); 0 where the file cannot be read.
#[must_use]
pub fn users(utmp: &Path) -> usize {
    let Ok(mut file) = File::open(utmp) else { return 0 };
    let (mut bytes, mut count) = ([0; RECORD], 0);
    while file.read_exact(&mut bytes).is_ok() {
        count += usize::from(from_bytes(&bytes).ut_type == libc::USER_PROCESS);
    }
    count
}

/// Line, user and host of the record of `pid`, for tests and reports.
#[must_use]
pub fn look(utmp: &Path, pid: i32) -> Option<(i16, String, String, String)> {
    let (_, bytes) = find(&mut File::open(utmp).ok()?, |record| is_of(record, pid)).ok()??;
    let r = from_bytes(&bytes);
    Some((r.ut_type, text_of(&r.ut_line), text_of(&r.ut_user), text_of(&r.ut_host)))
}

fn find(file: &mut File, wanted: impl Fn(&libc::utmpx) -> bool) -> io::Result<Option<(u64, [u8; RECORD])>> {
    file.seek(SeekFrom::Start(0))?;
    let (mut bytes, mut place) = ([0; RECORD], 0);
    loop {
        match file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        if wanted(&from_bytes(&bytes)) {
            return Ok(Some((place, bytes)));
        }
        place += RECORD as u64;
    }
}

/// The lock glibc's writers take, for at most 100 ms: a record is worth no more of a caller's time.
fn lock(file: &File) {
    use nix::fcntl::{FcntlArg, fcntl};
    let wanted = libc::flock {
        l_type: libc::F_WRLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    for _ in 0..10 {
        if fcntl(file, FcntlArg::F_SETLK(&wanted)).is_ok() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: i16, pid: i32, id: &str) -> [u8; RECORD] {
        let mut r = from_bytes(&[0; RECORD]);
        r.ut_type = kind;
        r.ut_pid = pid;
        put(&mut r.ut_id, id);
        to_bytes(&r)
    }

    #[test]
    fn only_the_own_record_of_a_getty_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (utmp, wtmp) = (dir.path().join("utmp"), dir.path().join("wtmp"));
        let mut all = record(libc::BOOT_TIME, 77, "~~").to_vec();
        all.extend(record(libc::DEAD_PROCESS, 77, "d"));
        all.extend(record(libc::INIT_PROCESS, 77, "s1"));
        all.extend(record(libc::USER_PROCESS, 78, "s2"));
        std::fs::write(&utmp, &all).unwrap();
        std::fs::write(&wtmp, b"").unwrap();
        let entry = Entry { kind: Kind::Login, line: "ttyS1", user: "LOGIN", host: Some("5551234") };
        assert_eq!(update(&utmp, &wtmp, 77, &entry).unwrap(), Noted::Changed);
        let after = std::fs::read(&utmp).unwrap();
        assert_eq!(after.len(), all.len());
        assert_eq!(after[..2 * RECORD], all[..2 * RECORD]);
        assert_eq!(after[3 * RECORD..], all[3 * RECORD..]);
        let found = look(&utmp, 77).unwrap();
        assert_eq!(found, (libc::LOGIN_PROCESS, "ttyS1".into(), "LOGIN".into(), "5551234".into()));
        assert_eq!(std::fs::read(&wtmp).unwrap(), after[2 * RECORD..3 * RECORD]);
        assert_eq!(users(&utmp), 1);
    }

    #[test]
    fn a_record_is_made_where_there_is_none_and_its_place_is_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let (utmp, wtmp) = (dir.path().join("utmp"), dir.path().join("wtmp"));
        std::fs::write(&utmp, record(libc::BOOT_TIME, 77, "~~")).unwrap();
        std::fs::write(&wtmp, b"").unwrap();
        let entry = |kind, user| Entry { kind, line: "ttyACM0", user, host: Some("555") };
        for (round, pid) in [(1, 99), (2, 100)] {
            assert_eq!(update(&utmp, &wtmp, pid, &entry(Kind::Login, "LOGIN")).unwrap(), Noted::Made);
            assert_eq!(update(&utmp, &wtmp, pid, &entry(Kind::User, "joe")).unwrap(), Noted::Changed);
            assert_eq!(users(&utmp), 1);
            clear(&utmp, &wtmp, pid).unwrap();
            assert_eq!((users(&utmp), look(&utmp, pid)), (0, None));
            let all = std::fs::read(&utmp).unwrap();
            assert_eq!(all.len(), 2 * RECORD);
            assert_eq!(std::fs::read(&wtmp).unwrap().len(), 3 * RECORD * round);
            let last = from_bytes(all[RECORD..].try_into().unwrap());
            assert_eq!((last.ut_type, text_of(&last.ut_id)), (libc::DEAD_PROCESS, "ACM0".into()));
            assert_eq!((text_of(&last.ut_line), text_of(&last.ut_user)), ("ttyACM0".into(), String::new()));
        }
        clear(&utmp, &wtmp, 12345).unwrap();
        let hour = std::time::Duration::from_secs(3600);
        assert_eq!(was_user(&wtmp, 99, SystemTime::now() - hour), Some(true));
        assert_eq!(was_user(&wtmp, 99, SystemTime::now() + hour), Some(false));
        assert_eq!(was_user(&wtmp, 98, UNIX_EPOCH), Some(false));
        assert_eq!(was_user(dir.path(), 99, UNIX_EPOCH), Some(false));
        assert_eq!(was_user(&dir.path().join("none"), 99, UNIX_EPOCH), None);
    }
}
