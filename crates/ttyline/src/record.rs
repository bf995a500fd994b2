//! Call records: one JSON object per line in `/var/log/ringback/calls.jsonl`, for all tools.
//!
//! Every record is one `write` of at most [`LONGEST`] bytes on a file opened with `O_APPEND`, so that lines
//! of several programs never mix. A field that is not known is left out; readers must accept fields they do
//! not know, and a field is never renamed. See ringback-records(5).

use crate::sys::clock;
use crate::visible;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where the records are.
pub const FILE: &str = "/var/log/ringback/calls.jsonl";

/// The longest record with its line feed, bytes: what the kernel writes in one piece everywhere.
pub const LONGEST: usize = 4096;

/// The longest text of a field, characters: all fields together stay below [`LONGEST`].
const TEXT: usize = 200;

/// Who called whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Somebody called us.
    In,
    /// We called.
    Out,
}

/// One call, or one request that came to nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Ties records of one call together.
    pub id: String,
    /// The program.
    pub tool: Cow<'static, str>,
    /// The line, without `/dev/`.
    pub line: String,
    /// Who called; `None` where there was no call.
    pub dir: Option<Direction>,
    /// When it began.
    pub start: Option<SystemTime>,
    /// When it ended.
    pub end: Option<SystemTime>,
    /// The caller's number.
    pub caller: Option<String>,
    /// The number called.
    pub called: Option<String>,
    /// Rings before the answer.
    pub rings: Option<u32>,
    /// What the modem said behind CONNECT.
    pub connect: Option<String>,
    /// The user.
    pub user: Option<String>,
    /// The program that served him.
    pub program: Option<String>,
    /// The other end's network address.
    pub peer: Option<String>,
    /// Bytes from the line.
    pub bytes_in: Option<u64>,
    /// Bytes to the line.
    pub bytes_out: Option<u64>,
    /// How it ended, in one word or a few: `handed-over`, `busy`, `refused: premium` …
    pub cause: String,
}

impl Record {
    /// A record that begins now, with an id of its own.
    #[must_use]
    pub fn begin(tool: &'static str, line: &str) -> Record {
        Record::since(tool, line, SystemTime::now())
    }

    /// A record of what began then.
    #[must_use]
    pub fn since(tool: &'static str, line: &str, start: SystemTime) -> Record {
        let micros = start.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros());
        Record {
            id: format!("{micros:x}-{:x}", std::process::id()),
            tool: Cow::Borrowed(tool),
            line: line.to_string(),
            start: Some(start),
            ..Record::default()
        }
    }

    /// The record as a line, with its line feed.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut line = String::from("{\"v\":1");
        let mut text = |name: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _ = write!(line, ",\"{name}\":\"{}\"", escaped(value));
            }
        };
        text("id", Some(&self.id));
        text("tool", Some(&self.tool));
        text("line", Some(&self.line));
        text("dir", self.dir.map(|d| if d == Direction::In { "in" } else { "out" }));
        text("start", self.start.map(stamp).as_deref());
        text("end", self.end.map(stamp).as_deref());
        text("caller", self.caller.as_deref());
        text("called", self.called.as_deref());
        text("connect", self.connect.as_deref());
        text("user", self.user.as_deref());
        text("program", self.program.as_deref());
        text("peer", self.peer.as_deref());
        text("cause", Some(&self.cause));
        for (name, value) in
            [("rings", self.rings.map(u64::from)), ("bytes_in", self.bytes_in), ("bytes_out", self.bytes_out)]
        {
            if let Some(value) = value {
                let _ = write!(line, ",\"{name}\":{value}");
            }
        }
        line.push_str("}\n");
        line
    }

    /// Reads a record's object; `None` if it is none. Fields that are not known are passed over.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Record> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        Some(Record {
            id: text("id")?,
            tool: text("tool")?.into(),
            line: text("line")?,
            dir: match text("dir").as_deref() {
                Some("in") => Some(Direction::In),
                Some("out") => Some(Direction::Out),
                _ => None,
            },
            start: text("start").and_then(|text| time_of(&text)),
            end: text("end").and_then(|text| time_of(&text)),
            caller: text("caller"),
            called: text("called"),
            rings: number("rings").and_then(|rings| u32::try_from(rings).ok()),
            connect: text("connect"),
            user: text("user"),
            program: text("program"),
            peer: text("peer"),
            bytes_in: number("bytes_in"),
            bytes_out: number("bytes_out"),
            cause: text("cause")?,
        })
    }

    /// Appends the record to `file`; its directory is made if it is missing.
    ///
    /// # Errors
    /// What opening or writing gives. A call must not fail for it.
    pub fn append(&self, file: &Path) -> io::Result<()> {
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory)?;
        }
        let line = self.to_line();
        // O_NONBLOCK: a FIFO in the file's place must not hold us. O_NOFOLLOW: nor a symlink mislead us.
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
        let mut file =
            OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(file)?;
        match file.write(line.as_bytes())? {
            n if n == line.len() => Ok(()),
            _ => Err(io::ErrorKind::WriteZero.into()),
        }
    }
}

/// Printable ASCII without what JSON would have to escape, cut to [`TEXT`] characters.
fn escaped(text: &str) -> String {
    let short: String = text.chars().take(TEXT).collect();
    visible::field(short).chars().take(TEXT).collect::<String>().replace('\\', "\\\\").replace('"', "\\\"")
}

/// Local time with its offset: `2026-11-20T08:40:38+01:00`.
#[must_use]
pub fn stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let t = clock::local(i64::try_from(seconds).unwrap_or(0));
    let (sign, offset) = if t.offset < 0 { ('-', -t.offset) } else { ('+', t.offset) };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
        t.year,
        t.month,
        t.day,
        t.hour,
        t.minute,
        t.second,
        offset / 3600,
        offset / 60 % 60
    )
}

/// Reads what [`stamp`] gives.
#[must_use]
pub fn time_of(stamp: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<i64>().ok();
    let marks = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':'), (22, ':')];
    if stamp.len() != 25
        || !marks.iter().all(|(at, mark)| stamp.get(*at..).is_some_and(|s| s.starts_with(*mark)))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let east = number(20, 22)? * 3600 + number(23, 25)? * 60;
    let east = match stamp.get(19..20)? {
        "+" => east,
        "-" => -east,
        _ => return None,
    };
    // Days since 1 March of the year 0 of the proleptic Gregorian calendar: leap days come last in a year.
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let seconds = (days - 719_468) * 86_400 + number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds - east).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_is_one_line_of_json() {
        let mut record = Record::begin("callback", "ttyS1");
        record.id = "1-2".into();
        record.start = None;
        record.dir = Some(Direction::Out);
        record.called = Some("030123".into());
        record.user = Some("x\",\"cause\":\"y\n".into());
        record.rings = Some(2);
        record.cause = "busy".into();
        assert_eq!(
            record.to_line(),
            "{\"v\":1,\"id\":\"1-2\",\"tool\":\"callback\",\"line\":\"ttyS1\",\"dir\":\"out\",\"called\":\"030123\",\
             \"user\":\"x\\\",\\\"cause\\\":\\\"y_\",\"cause\":\"busy\",\"rings\":2}\n"
        );
        let stamp = stamp(UNIX_EPOCH);
        assert_eq!(stamp.len(), "1970-01-01T00:00:00+00:00".len(), "{stamp}");
    }

    #[test]
    fn times_are_read_back() {
        for seconds in [0, 1, 951_782_400, 1_700_000_000, 4_102_444_800] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            assert_eq!(time_of(&stamp(time)), Some(time));
        }
        let at = |text: &str| time_of(text).map(|t| t.duration_since(UNIX_EPOCH).unwrap().as_secs());
        assert_eq!(at("2026-11-20T08:40:38+01:00"), Some(1_795_160_438));
        assert_eq!(at("2024-02-29T23:59:59-08:00"), Some(1_709_279_999));
        for text in ["", "2026-11-20T08:40:38Z", "2026-11-20 08:40:38+01:00", "2026-1x-20T08:40:38+01:00"] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn records_are_appended() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/calls.jsonl");
        let record = Record::begin("callback", "ttyS1");
        record.append(&file).unwrap();
        record.append(&file).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
        assert!(record.append(Path::new("/dev/full")).is_err());
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_line(text in ".{0,600}", other in "[\"\\\\]{0,600}") {
            let all = Some(text.clone());
            let record = Record {
                line: other.clone(), caller: all.clone(), called: all.clone(), connect: Some(other),
                user: all.clone(), program: all.clone(), peer: all, cause: text, ..Record::begin("callback", "x")
            };
            let line = record.to_line();
            prop_assert!(line.len() <= LONGEST);
            prop_assert!(line.strip_suffix('\n').unwrap().bytes().all(visible::is_printable));
        }
    }
}
