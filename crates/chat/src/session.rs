//! Carries a script out: the one place where the language meets a line.

use crate::journal::{Journal, Kind, Outcome};
use crate::line::{self, Fatal, Input, Line};
use crate::messages::{Messages, push_visible, to_stderr, visible};
use crate::report::{Reports, remove_equal};
use crate::source::{Next, Source};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use ttyline::expect::escape::{self, Values, leading_integer};
use ttyline::expect::matcher::Matcher;
use ttyline::expect::script::{Keyword, Step, Turns, alternatives, file_name, file_text};
use ttyline::expect::words::{Place, Word};
use ttyline::log::reason;

/// ABORT and REPORT strings in force, each.
pub const MOST_STRINGS: usize = 50;
/// The longest ABORT or REPORT string, bytes.
pub const LONGEST_STRING: usize = 49;
/// The longest expect string, bytes.
pub const LONGEST_EXPECT: usize = 1024;
/// Received text is logged in pieces of this many bytes.
const LOG_PIECE: usize = 80;
/// What the original says of a line that gives nothing any more.
const END_OF_FILE: &[u8] = b"warning: read() on stdin returned 0";
/// After `TIMEOUT` with nothing sensible.
const DEFAULT_TIMEOUT: i32 = 45;

/// The end of a script before its end: the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop(pub u8);

/// What a wait ended with that is not an error by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wait {
    Found,
    Missed(Outcome),
}

/// An ABORT string, and where it was set.
#[derive(Clone, Debug)]
struct Abort {
    string: Vec<u8>,
    place: Place,
    step: usize,
}

/// A script on its way.
pub struct Session<'a> {
    /// The line.
    pub line: &'a mut dyn Line,
    /// Where messages go.
    pub messages: &'a mut Messages,
    /// REPORT strings.
    pub reports: &'a mut Reports,
    /// What is written down.
    pub journal: &'a mut Journal,
    /// What escapes refer to.
    pub values: Values<'a>,
    /// Pause before each byte sent.
    pub pace: Duration,
    /// Seconds; no limit if not above 0.
    pub timeout: i32,
    /// Received bytes are echoed to descriptor 2.
    pub echo: bool,
    /// Received bytes are copied to descriptor 2.
    pub copy: bool,
    progress: Progress,
}

/// What a session remembers between steps.
#[derive(Default)]
pub struct Progress {
    aborts: Vec<Abort>,
    /// The step under way, from 1.
    step: usize,
    place: Place,
    /// Echo has left the cursor in the middle of a line.
    mid_line: bool,
    /// The alarm rang during a send that survived it: the next wait takes only what is there
    /// (observed in the original; a wait that fails ends this).
    late: bool,
    /// The received line that is not logged yet.
    unlogged: Vec<u8>,
}

impl<'a> Session<'a> {
    /// A session at its start.
    pub fn new(
        line: &'a mut dyn Line,
        messages: &'a mut Messages,
        reports: &'a mut Reports,
        journal: &'a mut Journal,
        values: Values<'a>,
    ) -> Session<'a> {
        Session {
            line,
            messages,
            reports,
            journal,
            values,
            pace: Duration::ZERO,
            timeout: DEFAULT_TIMEOUT,
            echo: false,
            copy: false,
            progress: Progress::default(),
        }
    }

    /// Carries the whole script out.
    ///
    /// # Errors
    /// [`Stop`]: it ended before its end, and has been told.
    pub fn carry_out(&mut self, source: &mut Source) -> Result<(), Stop> {
        let mut turns = Turns::default();
        loop {
            let word = match source.next_word() {
                Next::Word(word) => word,
                Next::End => return Ok(()),
                Next::Interrupted => {
                    self.interrupted()?;
                    continue;
                }
                Next::Unterminated(error) => {
                    self.progress.step += 1;
                    self.progress.place = error.place;
                    return Err(self.fatal(1, format!("unterminated quote (line {})", error.piece)));
                }
            };
            let Some(step) = turns.take(word) else { continue };
            self.progress.step += 1;
            self.progress.place = step.word().place;
            match step {
                Step::Keyword(keyword, argument) => self.keyword(keyword, &argument)?,
                Step::Expect(word) => self.expect(&word)?,
                Step::Send(word) => self.send(&word.text, word.place)?,
            }
        }
    }

    /// Opens a script or `@` file.
    ///
    /// # Errors
    /// [`Stop`]: it cannot be opened, or a signal came first.
    pub fn open(&mut self, path: &[u8]) -> Result<File, Stop> {
        loop {
            // std would go on waiting for a FIFO's writer after a signal.
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
            match nix::fcntl::open(Path::new(OsStr::from_bytes(path)), flags, Mode::empty()) {
                Ok(fd) => return Ok(fd.into()),
                Err(nix::errno::Errno::EINTR) => self.interrupted()?,
                Err(e) => {
                    let text = [path, b" -- open failed: ", reason(&io::Error::from(e)).as_bytes()].concat();
                    return Err(self.fatal_bytes(1, &text));
                }
            }
        }
    }

    fn interrupted(&mut self) -> Result<(), Stop> {
        match self.line.pause(Duration::ZERO) {
            line::Output::Fatal(fatal) => Err(self.signal(fatal)),
            _ => Ok(()),
        }
    }

    // ---- keywords ----

    fn keyword(&mut self, keyword: Keyword, argument: &Word) -> Result<(), Stop> {
        if self.journal.is_on() {
            let kind = Kind::Keyword(keyword.name(), argument.text.clone());
            self.journal.begin(self.progress.step, argument.place, kind, self.line.now());
        }
        let raw = argument.text.as_slice();
        match keyword {
            Keyword::Abort => {
                let string = self.string(raw, "ABORT")?;
                if self.progress.aborts.len() >= MOST_STRINGS {
                    return Err(self.fatal(2, "Too many ABORT strings".into()));
                }
                self.messages.detail_of("abort on", &string);
                let (place, step) = (argument.place, self.progress.step);
                self.progress.aborts.push(Abort { string, place, step });
            }
            Keyword::ClrAbort => {
                let string = self.string(raw, "CLR_ABORT")?;
                for _ in 0..remove_equal(&mut self.progress.aborts, |a| a.string == string) {
                    self.messages.detail_of("clear abort on", &string);
                }
            }
            Keyword::Report => {
                let string = self.string(raw, "REPORT")?;
                if self.reports.len() >= MOST_STRINGS {
                    return Err(self.fatal(2, "Too many REPORT strings".into()));
                }
                self.messages.detail_of("report", &string);
                self.reports.add(string);
            }
            Keyword::ClrReport => {
                let string = self.string(raw, "REPORT")?;
                for _ in 0..self.reports.clear(&string) {
                    self.messages.detail_of("clear report", &string);
                }
            }
            Keyword::Timeout => {
                let seconds = leading_integer(&escape::expect(raw, self.values));
                self.timeout = if seconds > 0 { seconds } else { DEFAULT_TIMEOUT };
                self.messages.detail(format!("timeout set to {} seconds", self.timeout).as_bytes());
            }
            Keyword::Echo => self.echo = raw == b"ON",
            Keyword::Say => to_stderr(escape::send_text(raw, self.values).shown()),
            Keyword::Hangup => self.line.ignore_hangup(raw == b"OFF"),
        }
        self.journal.end(Outcome::Done, 0, self.line.now());
        Ok(())
    }

    /// An ABORT or REPORT string, if it is not too long.
    fn string(&mut self, raw: &[u8], name: &str) -> Result<Vec<u8>, Stop> {
        let string = escape::expect(raw, self.values);
        if string.len() <= LONGEST_STRING {
            return Ok(string);
        }
        let text = [b"Illegal or too-long ", name.as_bytes(), b" string ('", &visible(raw), b"')"].concat();
        Err(self.fatal_bytes(1, &text))
    }

    // ---- expecting ----

    fn expect(&mut self, word: &Word) -> Result<(), Stop> {
        if word.text.is_empty() {
            return Ok(());
        }
        for pair in alternatives(&word.text).chunks(2) {
            let Some((at, expected)) = pair.first() else { break };
            self.progress.place = word.place_at(*at);
            let expected = escape::expect(expected, self.values);
            match (self.wait_for(&expected)?, pair.get(1)) {
                (Wait::Found, _) => return Ok(()),
                (Wait::Missed(_), Some((at, send))) => self.send(send, word.place_at(*at))?,
                (Wait::Missed(_), None) => {
                    self.messages.notice(b"Failed");
                    return Err(Stop(3));
                }
            }
        }
        // A send without anything to await after it: as if found.
        Ok(())
    }

    fn wait_for(&mut self, expected: &[u8]) -> Result<Wait, Stop> {
        if self.journal.is_on() {
            let kind = Kind::Expect { text: expected.to_vec(), timeout: self.timeout };
            self.journal.begin(self.progress.step, self.progress.place, kind, self.line.now());
        }
        self.messages.detail_of("expect", expected);
        if expected.len() > LONGEST_EXPECT {
            self.messages.notice(b"expect string is too long");
            self.messages.notice(b"Failed");
            let outcome = Outcome::Fatal("expect string is too long (1024 bytes at most)".into());
            self.journal.end(outcome, 0, self.line.now());
            return Err(Stop(1));
        }
        if expected.is_empty() {
            self.messages.detail(b"got it");
            self.journal.end(Outcome::Done, 0, self.line.now());
            return Ok(Wait::Found);
        }
        self.line.set_alarm(self.timeout);
        let result = self.scan(expected);
        self.line.set_alarm(0);
        self.progress.unlogged.clear();
        result
    }

    /// Reads until the string, an abort string, or the end of patience.
    fn scan(&mut self, expected: &[u8]) -> Result<Wait, Stop> {
        let aborts = self.progress.aborts.iter().map(|a| a.string.as_slice());
        let mut matcher = Matcher::new(std::iter::once(expected).chain(aborts));
        let mut log = LogPieces::new(expected.len());
        let mut buffer = [0; 1024];
        self.reports.begin_wait();
        let plain = !self.echo && !self.copy && !self.messages.verbose;
        loop {
            // With echo a failure to write ends the program: no byte may be taken beyond it.
            let most = if self.echo { 1 } else { matcher.need().min(buffer.len()) };
            let wait = !self.progress.late;
            let count = match self.line.read(&mut buffer[..most], wait) {
                Input::Bytes(count) => count,
                ended => return self.ended(ended),
            };
            let bytes = &mut buffer[..count];
            bytes.iter_mut().for_each(|b| *b &= 0x7F);
            if self.journal.is_on() {
                self.journal.received(bytes, self.line.now());
            }
            for &byte in bytes.iter() {
                if !plain {
                    self.show(byte, &mut log)?;
                }
                if !self.reports.is_empty() {
                    self.reports.byte(byte);
                }
                match matcher.feed(byte) {
                    None => {}
                    Some(0) => {
                        self.log_rest();
                        self.messages.detail(b" -- got it\n");
                        self.journal.end(Outcome::Done, expected.len(), self.line.now());
                        return Ok(Wait::Found);
                    }
                    Some(index) => return Err(self.aborted(index - 1)),
                }
                if !plain && log.is_due(self.progress.unlogged.len()) {
                    self.log_rest();
                }
            }
        }
    }

    /// A wait that ended otherwise than by a match.
    fn ended(&mut self, ended: Input) -> Result<Wait, Stop> {
        let outcome = match ended {
            Input::Fatal(fatal) => return Err(self.signal(fatal)),
            Input::Alarm => {
                self.messages.detail(b"alarm");
                Outcome::TimedOut
            }
            Input::End => {
                self.messages.notice(END_OF_FILE);
                self.journal.hung_up(self.line.now());
                Outcome::HungUp
            }
            Input::Failed => {
                self.journal.hung_up(self.line.now());
                Outcome::HungUp
            }
            Input::Nothing | Input::Bytes(_) => {
                // Observed in the original: the next wait does wait.
                self.line.set_blocking();
                Outcome::Nothing
            }
        };
        self.progress.late = false;
        self.journal.end(outcome.clone(), 0, self.line.now());
        Ok(Wait::Missed(outcome))
    }

    fn aborted(&mut self, index: usize) -> Stop {
        self.log_rest();
        self.messages.detail(b" -- failed");
        let abort = self.progress.aborts[index].clone();
        self.messages.notice(&[b"Failed (", abort.string.as_slice(), b")"].concat());
        let Abort { string, place, step } = abort;
        let length = string.len();
        self.journal.end(Outcome::Abort { index, string, place, step }, length, self.line.now());
        Stop(u8::try_from(4 + index).unwrap_or(u8::MAX))
    }

    /// Echo, log and copy of one received byte.
    fn show(&mut self, byte: u8, log: &mut LogPieces) -> Result<(), Stop> {
        if self.echo {
            if let Err(error) = echo(byte) {
                return Err(self.fatal(2, format!("Could not write to stderr, {}", reason(&error))));
            }
            match byte {
                b'\n' => self.progress.mid_line = false,
                b'\r' => {}
                _ => self.progress.mid_line = true,
            }
        }
        if self.messages.verbose {
            log.count += 1;
            if byte == b'\n' {
                self.log_line();
            } else {
                self.progress.unlogged.push(byte);
                if self.progress.unlogged.len() >= LOG_PIECE {
                    self.log_line();
                }
            }
        }
        if self.copy {
            let _ = echo(byte);
        }
        Ok(())
    }

    fn log_line(&mut self) {
        self.messages.detail(&visible(&self.progress.unlogged));
        self.progress.unlogged.clear();
    }

    fn log_rest(&mut self) {
        if !self.progress.unlogged.is_empty() {
            self.log_line();
        }
    }

    // ---- sending ----

    fn send(&mut self, word: &[u8], place: Place) -> Result<(), Stop> {
        self.progress.place = place;
        let contents;
        let word = match file_name(word) {
            None => word,
            Some(name) => {
                contents = self.file_contents(name)?;
                file_text(&contents)
            }
        };
        let send = escape::send(word, self.values);
        let output = send.output();
        if self.journal.is_on() {
            self.note_send(&send, &output, place);
        }
        if send.quiet {
            self.messages.detail(b"send (??????)");
        } else {
            self.messages.detail_of("send", send.shown());
        }
        self.line.begin_send(send.quiet);
        self.line.set_alarm(self.timeout);
        let result = self.put_out(&output);
        self.line.set_alarm(0);
        result?;
        self.line.end_send();
        self.journal.send_complete(self.line.now());
        self.journal.end(Outcome::Done, 0, self.line.now());
        Ok(())
    }

    fn note_send(&mut self, send: &escape::Send, output: &[escape::Output], place: Place) {
        let mut bytes = Vec::new();
        for act in output {
            if let escape::Output::Bytes(b) = act {
                bytes.extend_from_slice(b);
            }
        }
        if send.quiet {
            for secret in secrets(send) {
                self.journal.masker.add(&secret);
            }
        }
        let shown = self.journal.masker.text(&bytes);
        let secret = send.quiet || shown != bytes;
        let shown = (!send.quiet).then_some(shown);
        self.journal.begin(self.progress.step, place, Kind::Send(shown), self.line.now());
        self.journal.secret_send = secret;
    }

    fn file_contents(&mut self, name: &[u8]) -> Result<Vec<u8>, Stop> {
        let mut file = self.open(name)?;
        let (mut contents, mut block) = (Vec::new(), [0; 1023]);
        while contents.len() < block.len() {
            let left = block.len() - contents.len();
            match file.read(&mut block[..left]) {
                Ok(0) => break,
                Ok(n) => contents.extend_from_slice(&block[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => self.interrupted()?,
                // A directory is an empty file.
                Err(_) => break,
            }
        }
        Ok(contents)
    }

    fn put_out(&mut self, output: &[escape::Output]) -> Result<(), Stop> {
        let mut late = false;
        for act in output {
            match act {
                escape::Output::Bytes(bytes) if self.pace.is_zero() => self.put_bytes(bytes, &mut late)?,
                escape::Output::Bytes(bytes) => {
                    for byte in bytes {
                        self.pause(self.pace, &mut late)?;
                        self.put_bytes(std::slice::from_ref(byte), &mut late)?;
                    }
                }
                escape::Output::Delay => self.pause(Duration::from_secs(1), &mut late)?,
                escape::Output::Pause => self.pause(Duration::from_millis(10), &mut late)?,
                escape::Output::Break => {
                    self.line.send_break();
                    self.journal.sent_break(self.line.now());
                }
            }
        }
        // An alarm in the last moment.
        if self.line.alarm_rang() {
            self.messages.detail(b"alarm");
            late = true;
        }
        self.progress.late |= late;
        Ok(())
    }

    fn put_bytes(&mut self, mut bytes: &[u8], late: &mut bool) -> Result<(), Stop> {
        while !bytes.is_empty() {
            if *late {
                return Err(self.send_failed(b" -- write timed out", Outcome::SendTimedOut));
            }
            match self.line.write(bytes) {
                line::Output::Done(count) => {
                    let (gone, rest) = bytes.split_at(count.min(bytes.len()));
                    bytes = rest;
                    if self.journal.is_on() {
                        self.journal.sent(gone, self.line.now());
                    }
                }
                line::Output::Alarm => {
                    self.messages.detail(b"alarm");
                    *late = true;
                }
                line::Output::Fatal(fatal) => return Err(self.signal(fatal)),
                line::Output::Failed(error) => {
                    let why = reason(&error);
                    let text = [b" -- write failed: ", why.as_bytes()].concat();
                    return Err(self.send_failed(&text, Outcome::SendFailed(why)));
                }
            }
        }
        Ok(())
    }

    /// Waits; the alarm cuts it short and makes the next byte too late.
    fn pause(&mut self, time: Duration, late: &mut bool) -> Result<(), Stop> {
        match self.line.pause(time) {
            line::Output::Alarm => {
                self.messages.detail(b"alarm");
                *late = true;
                Ok(())
            }
            line::Output::Fatal(fatal) => Err(self.signal(fatal)),
            _ => Ok(()),
        }
    }

    fn send_failed(&mut self, detail: &[u8], outcome: Outcome) -> Stop {
        self.messages.detail(detail);
        self.messages.fatal(b"Failed");
        self.journal.end(outcome, 0, self.line.now());
        Stop(1)
    }

    // ---- ends ----

    fn fatal(&mut self, status: u8, text: String) -> Stop {
        self.fatal_bytes(status, text.as_bytes())
    }

    fn fatal_bytes(&mut self, status: u8, text: &[u8]) -> Stop {
        self.messages.fatal(text);
        if self.journal.is_on() {
            let now = self.line.now();
            // An error outside a step (a file, a quote) is a step of its own.
            self.journal.fail(self.progress.step, self.progress.place, &String::from_utf8_lossy(text), now);
        }
        Stop(status)
    }

    fn signal(&mut self, fatal: Fatal) -> Stop {
        self.messages.fatal(fatal.name().as_bytes());
        self.journal.end(Outcome::Signal(fatal.name()), 0, self.line.now());
        Stop(2)
    }

    /// The last acts before the line is given back: echo's newline, the unfinished report.
    ///
    /// # Errors
    /// A signal came meanwhile: its status stands for the script's.
    pub fn finish(&mut self) -> Result<(), Stop> {
        if self.progress.mid_line {
            to_stderr(b"\n");
        }
        let mut result = Ok(());
        while self.reports.unfinished() {
            self.line.set_alarm(1);
            let mut byte = [0];
            match self.line.read(&mut byte, !self.progress.late) {
                Input::Bytes(_) => {
                    self.reports.gather(byte[0] & 0x7F);
                    continue;
                }
                Input::Alarm => self.messages.detail(b"alarm"),
                Input::End => self.messages.notice(END_OF_FILE),
                Input::Fatal(fatal) => {
                    self.messages.fatal(fatal.name().as_bytes());
                    result = Err(Stop(2));
                }
                Input::Nothing | Input::Failed => {}
            }
            self.reports.finish_line();
        }
        self.line.set_alarm(0);
        result
    }
}

/// What a quiet send must hide: all its bytes, its parts between pauses, what stands behind each
/// `\q`, and the values in it.
pub fn secrets(send: &escape::Send) -> Vec<Vec<u8>> {
    let bare = |bytes: &[u8]| bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec();
    let mut all = Vec::new();
    for from in std::iter::once(0).chain(send.quiet_at.iter().copied()) {
        let text = send.text.get(from..).unwrap_or_default().to_vec();
        let parts = escape::Send { text, ..escape::Send::default() }.output();
        let mut whole = Vec::new();
        for act in parts {
            if let escape::Output::Bytes(bytes) = act {
                all.push(bare(&bytes));
                whole.extend_from_slice(&bytes);
            }
        }
        all.push(bare(&whole));
    }
    all.extend(send.values.iter().cloned());
    all
}

/// One byte to descriptor 2, as echo and `-V` show it.
fn echo(byte: u8) -> io::Result<()> {
    let mut out = Vec::new();
    match byte {
        b'\r' => return Ok(()),
        b'\n' => out.push(b'\n'),
        _ => push_visible(&mut out, byte, true),
    }
    io::stderr().write_all(&out)
}

/// When the original's receive buffer is full, an unfinished piece is logged too (chat.md section 9).
struct LogPieces {
    count: usize,
    next: usize,
    least: usize,
}

impl LogPieces {
    fn new(expected: usize) -> LogPieces {
        LogPieces { count: 0, next: 1024, least: expected.max(50) }
    }

    /// After each byte: whether `unlogged` bytes must be logged now.
    fn is_due(&mut self, unlogged: usize) -> bool {
        if self.count < self.next {
            return false;
        }
        self.next += (1024 - self.least.min(1024)) + 1;
        unlogged >= self.least
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::ReportFile;
    use proptest::prelude::*;

    /// A line that gives its bytes in pieces: never more than up to the next border at once.
    struct Pieces {
        bytes: Vec<u8>,
        at: usize,
        borders: Vec<usize>,
        sent: Vec<u8>,
    }

    impl Line for Pieces {
        fn read(&mut self, buffer: &mut [u8], _wait: bool) -> Input {
            let border = self.borders.iter().copied().find(|b| *b > self.at).unwrap_or(self.bytes.len());
            let count = buffer.len().min(border - self.at);
            if count == 0 {
                return Input::Alarm;
            }
            buffer[..count].copy_from_slice(&self.bytes[self.at..self.at + count]);
            self.at += count;
            Input::Bytes(count)
        }
        fn write(&mut self, bytes: &[u8]) -> line::Output {
            self.sent.extend_from_slice(bytes);
            line::Output::Done(bytes.len())
        }
        fn pause(&mut self, _time: Duration) -> line::Output {
            line::Output::Done(0)
        }
        fn send_break(&mut self) {}
        fn set_alarm(&mut self, _seconds: i32) {}
        fn alarm_rang(&mut self) -> bool {
            false
        }
        fn ignore_hangup(&mut self, _ignored: bool) {}
        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    /// Status, what was sent, what is left on the line.
    fn run(words: &[Vec<u8>], bytes: &[u8], borders: Vec<usize>) -> (u8, Vec<u8>, Vec<u8>) {
        let mut line = Pieces { bytes: bytes.to_vec(), at: 0, borders, sent: Vec::new() };
        let mut messages = Messages::new(false, false, false);
        let mut reports = Reports::new(ReportFile::default());
        let mut journal = Journal::default();
        let values = Values::default();
        let mut session = Session::new(&mut line, &mut messages, &mut reports, &mut journal, values);
        let status = match session.carry_out(&mut Source::words(words)) {
            Ok(()) => 0,
            Err(Stop(status)) => status,
        };
        let left = line.bytes.split_off(line.at);
        (status, line.sent, left)
    }

    fn fifty_aborts() -> Vec<Vec<u8>> {
        (0..50)
            .flat_map(|n| [b"ABORT".to_vec(), format!("{}FAIL{n:02}", "C".repeat(n % 9)).into_bytes()])
            .collect()
    }

    #[test]
    fn at_every_border_the_rest_is_left_to_the_byte() {
        let stream = b"\r\nCCCFAIL5CONNECCCONNECT 9600\r\nCFAIL09login: x";
        let mut words = fifty_aborts();
        words.extend(["CONNECT", "a", "ogin:", "b\\c"].map(|w| w.as_bytes().to_vec()));
        for border in 0..=stream.len() {
            // FAIL09 fires while the login is awaited.
            let (status, sent, left) = run(&words, stream, vec![border]);
            assert_eq!((status, sent.as_slice(), left.as_slice()), (4 + 9, &b"a\r"[..], &b"login: x"[..]));
        }
        let each: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(run(&words, stream, each).2, b"login: x");
        let quiet = b"xxCCFAICONNECT 57600\r\nlogin: rest";
        for border in 0..=quiet.len() {
            let (status, sent, left) = run(&words, quiet, vec![border]);
            assert_eq!((status, sent.as_slice(), left.as_slice()), (0, &b"a\rb"[..], &b" rest"[..]));
        }
    }

    /// The plainest reader: one byte after the other, everything compared.
    fn plain(expected: &[Vec<u8>], aborts: &[Vec<u8>], stream: &[u8]) -> (u8, usize) {
        let mut at = 0;
        for string in expected {
            let begin = at;
            loop {
                if at == stream.len() {
                    return (3, at);
                }
                at += 1;
                let seen = &stream[begin..at];
                if seen.ends_with(string) {
                    break;
                }
                if let Some(n) = aborts.iter().position(|a| seen.ends_with(a)) {
                    return (4 + u8::try_from(n).unwrap(), at);
                }
            }
        }
        (0, at)
    }

    proptest! {
        #[test]
        fn pieces_of_any_size_make_no_difference(
            expected in prop::collection::vec("[ab]{1,6}", 1..4),
            aborts in prop::collection::vec("[ab]{2,9}", 0..50),
            stream in "[abc]{0,200}",
            borders in prop::collection::btree_set(0usize..200, 0..60),
        ) {
            let bytes = |list: &[String]| list.iter().map(|s| s.clone().into_bytes()).collect::<Vec<_>>();
            let mut words = Vec::new();
            for abort in &aborts {
                words.extend([b"ABORT".to_vec(), abort.clone().into_bytes()]);
            }
            for string in &expected {
                words.extend([string.clone().into_bytes(), b"\\c".to_vec()]);
            }
            let borders: Vec<usize> = borders.into_iter().filter(|b| *b < stream.len()).collect();
            let (status, _, left) = run(&words, stream.as_bytes(), borders);
            let (wanted, at) = plain(&bytes(&expected), &bytes(&aborts), stream.as_bytes());
            prop_assert_eq!((status, left.as_slice()), (wanted, &stream.as_bytes()[at..]));
        }
    }
}
