//! The call records, ringback-records(5): today's file and those logrotate has put aside.

use crate::root::Root;
use anyhow::{Result, anyhow};
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::SystemTime;
use ttyline::log::reason;
use ttyline::record::{FILE, Record};

/// A call: its record, and the object it was read from (fields of later versions are in it).
#[derive(Clone, Debug)]
pub struct Call {
    /// What we know of it.
    pub record: Record,
    /// As it stands in the file.
    pub value: Value,
}

/// What is wanted. Every part narrows it; parts that are `None` do not.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Ended (or begun) at or after this.
    pub since: Option<SystemTime>,
    /// Begun before this.
    pub until: Option<SystemTime>,
    /// On this line.
    pub line: Option<String>,
    /// Of this user.
    pub user: Option<String>,
    /// Whose caller's or called number ends so.
    pub number: Option<String>,
    /// Of this tool.
    pub tool: Option<String>,
    /// Whose cause begins so.
    pub cause: Option<String>,
}

impl Wanted {
    /// Whether a call is wanted.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        let bare = |line: &str| line.strip_prefix("/dev/").unwrap_or(line).to_string();
        let is =
            |wanted: &Option<String>, has: Option<&str>| wanted.as_deref().is_none_or(|w| has == Some(w));
        let ends =
            |wanted: &str, has: &Option<String>| has.as_deref().is_some_and(|has| has.ends_with(wanted));
        let last = record.end.or(record.start);
        let first = record.start.or(record.end);
        self.since.is_none_or(|since| last.is_some_and(|last| last >= since))
            && self.until.is_none_or(|until| first.is_some_and(|first| first < until))
            && self.line.as_deref().is_none_or(|line| bare(line) == bare(&record.line))
            && is(&self.user, record.user.as_deref())
            && is(&self.tool, Some(&record.tool))
            && self.cause.as_deref().is_none_or(|cause| record.cause.starts_with(cause))
            && self.number.as_deref().is_none_or(|n| ends(n, &record.caller) || ends(n, &record.called))
    }
}

/// The longest line that is looked at, bytes: records have at most 4096.
const LONGEST: u64 = 64 * 1024;

/// Calls `each` with every record that is wanted, oldest file first; gives how many lines were no records.
///
/// # Errors
/// The directory or a file cannot be read.
pub fn read(root: &Root, wanted: &Wanted, mut each: impl FnMut(Call)) -> Result<usize> {
    let (directory, name) = FILE.rsplit_once('/').unwrap_or(("/", FILE));
    let mut files: Vec<(u32, String)> =
        root.names(directory)?.into_iter().filter_map(|file| Some((age(&file, name)?, file))).collect();
    files.sort_by(|a, b| b.cmp(a));
    let mut odd = 0;
    for (_, file) in files {
        let path = format!("{directory}/{file}");
        let opened = open(root, &path)?;
        let reader = BufReader::new(opened.reader);
        odd += each_line(reader, wanted, &mut each)
            .map_err(|e| anyhow!("{}: {}", root.shown(&path), reason(&e)))?;
        if let Some(mut child) = opened.child {
            let _ = child.wait();
        }
    }
    Ok(odd)
}

/// 0 for the file itself, N for `.N` and `.N.gz`; `None` for other files.
fn age(file: &str, name: &str) -> Option<u32> {
    match file.strip_prefix(name)? {
        "" => Some(0),
        rest => {
            let number = rest.strip_prefix('.')?;
            number.strip_suffix(".gz").unwrap_or(number).parse().ok()
        }
    }
}

struct Opened {
    reader: Box<dyn Read>,
    child: Option<std::process::Child>,
}

fn open(root: &Root, path: &str) -> Result<Opened> {
    let place = root.place(path, false)?.ok_or_else(|| anyhow!("{}: not found", root.shown(path)))?;
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = openat(&place.dir, place.name.as_os_str(), flags, Mode::empty())
        .map_err(|e| anyhow!("{}: cannot be read: {}", root.shown(path), reason(&e.into())))?;
    let file = File::from(fd);
    if !path.ends_with(".gz") {
        return Ok(Opened { reader: Box::new(file), child: None });
    }
    let mut child = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::from(file))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| anyhow!("gzip, for {}: {}", root.shown(path), reason(&e)))?;
    let reader: Box<dyn Read> = match child.stdout.take() {
        Some(out) => Box::new(out),
        None => Box::new(std::io::empty()),
    };
    Ok(Opened { reader, child: Some(child) })
}

fn each_line(
    mut reader: impl BufRead,
    wanted: &Wanted,
    each: &mut impl FnMut(Call),
) -> std::io::Result<usize> {
    let mut odd = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut reader).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(odd);
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let value: Option<Value> = serde_json::from_slice(&line).ok();
        match value.and_then(|value| Some(Call { record: Record::from_value(&value)?, value })) {
            Some(call) if wanted.takes(&call.record) => each(call),
            Some(_) => {}
            None => odd += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_known_by_name() {
        let age = |file| age(file, "calls.jsonl");
        assert_eq!(
            [age("calls.jsonl"), age("calls.jsonl.1"), age("calls.jsonl.12.gz")],
            [Some(0), Some(1), Some(12)]
        );
        assert_eq!([age("calls.jsonl.new"), age("calls.jsonl.gz"), age("other.1")], [None; 3]);
    }

    #[test]
    fn what_is_wanted() {
        let record = Record {
            line: "ttyS1".into(),
            caller: Some("+49301234".into()),
            user: Some("max".into()),
            cause: "refused: premium".into(),
            start: record_time("2026-11-20T10:00:00+00:00"),
            ..Record::default()
        };
        let takes = |set: fn(&mut Wanted)| {
            let mut wanted = Wanted::default();
            set(&mut wanted);
            wanted.takes(&record)
        };
        assert!(takes(|_| {}));
        assert!(takes(|w| w.line = Some("/dev/ttyS1".into())));
        assert!(!takes(|w| w.line = Some("ttyS".into())));
        assert!(takes(|w| w.number = Some("1234".into())));
        assert!(!takes(|w| w.number = Some("4930".into())));
        assert!(takes(|w| w.cause = Some("refused".into())));
        assert!(!takes(|w| w.user = Some("mo".into())));
        assert!(!takes(|w| w.since = record_time("2026-11-20T10:00:01+00:00")));
        assert!(takes(|w| w.since = record_time("2026-11-20T10:00:00+00:00")));
        assert!(!takes(|w| w.until = record_time("2026-11-20T10:00:00+00:00")));
    }

    fn record_time(text: &str) -> Option<SystemTime> {
        ttyline::record::time_of(text)
    }
}
