//! REPORT strings and the lines they gather (chat.md section 10).

use crate::messages::to_stderr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use ttyline::sys::clock;

/// Stamp and text of a line together, bytes.
const LONGEST: usize = 4095;
/// The longest REPORT string, bytes.
const LONGEST_STRING: usize = 49;

/// Where report lines go.
#[derive(Default)]
pub struct ReportFile {
    path: Option<PathBuf>,
    file: Option<BufWriter<File>>,
}

impl ReportFile {
    /// Opens a file for append; if it cannot be, lines go to descriptor 2.
    pub fn open(path: PathBuf, announce: bool) -> ReportFile {
        let file = File::options().append(true).create(true).open(&path).ok();
        let mut file = ReportFile { file: file.map(BufWriter::new), path: Some(path) };
        if announce && file.file.is_some() {
            file.note("Opening", "...");
        }
        file
    }

    /// The end of the program: with `announce` that is written too.
    pub fn close(&mut self, announce: bool) {
        if announce {
            self.note("Closing", ".");
        }
        if let Some(file) = &mut self.file {
            let _ = file.flush();
        }
    }

    fn note(&mut self, before: &str, after: &str) {
        if let Some(path) = self.path.take() {
            let path_bytes = path.as_os_str().as_bytes();
            self.put(&[before.as_bytes(), b" \"", path_bytes, b"\"", after.as_bytes(), b"\n"].concat());
            self.path = Some(path);
        }
    }

    fn put(&mut self, text: &[u8]) {
        match &mut self.file {
            Some(file) => drop(file.write_all(text)),
            None => to_stderr(text),
        }
    }
}

struct Wanted {
    string: Vec<u8>,
    fired: bool,
}

/// The strings in force, and the line being gathered.
#[derive(Default)]
pub struct Reports {
    wanted: Vec<Wanted>,
    /// The end of what was received in this wait.
    tail: Vec<u8>,
    gathering: Option<Vec<u8>>,
    file: ReportFile,
}

impl Reports {
    /// No strings yet.
    pub fn new(file: ReportFile) -> Reports {
        Reports { file, ..Reports::default() }
    }

    /// How many strings are registered and not cleared.
    pub fn len(&self) -> usize {
        self.wanted.len()
    }

    /// Whether bytes need not be shown to [`Reports::byte`].
    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.gathering.is_none()
    }

    /// Registers a string.
    pub fn add(&mut self, string: Vec<u8>) {
        self.wanted.push(Wanted { string, fired: false });
    }

    /// Removes equal strings as [`remove_equal`] does; gives how many.
    pub fn clear(&mut self, string: &[u8]) -> usize {
        remove_equal(&mut self.wanted, |w| w.string == string)
    }

    /// A new wait begins.
    pub fn begin_wait(&mut self) {
        self.tail.clear();
    }

    /// Shows one received byte.
    pub fn byte(&mut self, byte: u8) {
        if self.tail.len() >= 16 * LONGEST_STRING {
            self.tail.drain(..15 * LONGEST_STRING);
        }
        self.tail.push(byte);
        if self.gathering.is_some() {
            self.gather(byte);
        } else if let Some(wanted) =
            self.wanted.iter_mut().find(|w| !w.fired && self.tail.ends_with(&w.string))
        {
            wanted.fired = true;
            let mut line = stamp().into_bytes();
            line.extend_from_slice(&wanted.string);
            line.truncate(LONGEST);
            self.gathering = Some(line);
        }
    }

    /// Whether a line is not complete yet.
    pub fn unfinished(&self) -> bool {
        self.gathering.is_some()
    }

    /// The next byte of the line that is gathered: a control character ends it.
    pub fn gather(&mut self, byte: u8) {
        if byte.is_ascii_control() {
            self.finish_line();
        } else if let Some(line) = self.gathering.as_mut().filter(|l| l.len() < LONGEST) {
            line.push(byte);
        }
    }

    /// Writes the line as far as it has come.
    pub fn finish_line(&mut self) {
        if let Some(line) = self.gathering.take() {
            self.file.put(&[b"chat:  ", line.as_slice(), b"\n"].concat());
        }
    }

    /// The end of the program.
    pub fn close(&mut self, announce: bool) {
        self.file.close(announce);
    }
}

/// `Mmm dd hh:mm:ss `.
fn stamp() -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let t = clock::local_now();
    let month = MONTHS.get((t.month as usize).wrapping_sub(1)).unwrap_or(&"Jan");
    format!("{month} {:02} {:02}:{:02}:{:02} ", t.day, t.hour, t.minute, t.second)
}

/// Removes equal entries the way the original does: after each removal it looks at one entry less
/// than are left, so the last of several may survive. Exit codes of ABORT strings depend on it.
pub fn remove_equal<T>(list: &mut Vec<T>, equal: impl Fn(&T) -> bool) -> usize {
    let (mut at, mut end, mut removed) = (0, list.len(), 0);
    while at < end {
        if list.get(at).is_some_and(&equal) {
            list.remove(at);
            removed += 1;
            end = end.saturating_sub(2);
        } else {
            at += 1;
        }
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_removed_as_far_as_the_original_looks() {
        for (before, after, removed) in [
            ("A", "", 1),
            ("AA", "A", 1),
            ("ABA", "BA", 1),
            ("AAB", "B", 2),
            ("AAA", "A", 2),
            ("AAAA", "AA", 2),
            ("BAACA", "BCA", 2),
            ("ABAB", "BB", 2),
            ("CAAAA", "CAA", 2),
            ("AAAAAA", "AAA", 3),
            ("ABABAB", "BBAB", 2),
            ("B", "B", 0),
        ] {
            let mut list: Vec<char> = before.chars().collect();
            assert_eq!(remove_equal(&mut list, |c| *c == 'A'), removed, "{before}");
            assert_eq!(list.iter().collect::<String>(), after, "{before}");
        }
    }

    #[test]
    fn a_line_is_gathered_up_to_a_control_character_and_fires_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report");
        let mut reports = Reports::new(ReportFile::open(path.clone(), true));
        reports.add(b"CON".to_vec());
        reports.add(b"BUS".to_vec());
        for &byte in b"xCON 12 BUS\tBUSY\rCON 3\r" {
            reports.byte(byte);
        }
        reports.close(true);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().map(|l| l.get(23..).unwrap_or(l)).collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[1..3], ["CON 12 BUS", "BUSY"]);
    }
}
