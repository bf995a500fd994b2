//! Carries a script out: the one place where the language meets a line.

use crate::journal::{Journal, Kind, Outcome};
use crate::line::{self, Fatal, Input, Line};
use crate::messages::{Messages, to_stderr, visible};
use crate::received::{Unlogged, echo};
use crate::report::{Reports, remove_equal};
use crate::source::{Next, Source};
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;
use ttyline::expect::escape::{self, Values, leading_integer};
use ttyline::expect::matcher::Matcher;
use ttyline::expect::script::{Keyword, Step, Turns, alternatives};
use ttyline::expect::words::{Place, Word};
use ttyline::log::reason;

mod sending;
#[cfg(test)]
mod tests;

pub use sending::secrets;

/// ABORT and REPORT strings in force, each.
pub const MOST_STRINGS: usize = 50;
/// The longest ABORT or REPORT string, bytes.
pub const LONGEST_STRING: usize = 49;
/// The longest expect string, bytes.
pub const LONGEST_EXPECT: usize = 1024;
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
    unlogged: Unlogged,
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
        result
    }

    /// Reads until the string, an abort string, or the end of patience.
    fn scan(&mut self, expected: &[u8]) -> Result<Wait, Stop> {
        let aborts = self.progress.aborts.iter().map(|a| a.string.as_slice());
        let mut matcher = Matcher::new(std::iter::once(expected).chain(aborts));
        self.progress.unlogged.begin_wait(expected.len());
        let mut buffer = [0; 1024];
        self.reports.begin_wait();
        let plain = !self.echo && !self.copy && !self.messages.verbose;
        if plain && self.reports.is_empty() && !self.journal.is_on() {
            return match self.line.read_to_match(&mut matcher, &mut buffer, !self.progress.late) {
                Ok(0) => Ok(Wait::Found),
                Ok(index) => Err(self.aborted(index - 1)),
                Err(ended) => self.ended(ended),
            };
        }
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
                    self.show(byte)?;
                }
                if !self.reports.is_empty() {
                    self.reports.byte(byte);
                }
                match matcher.feed(byte) {
                    None => {}
                    Some(0) => {
                        self.progress.unlogged.rest(self.messages);
                        self.messages.detail(b" -- got it\n");
                        self.journal.end(Outcome::Done, expected.len(), self.line.now());
                        return Ok(Wait::Found);
                    }
                    Some(index) => return Err(self.aborted(index - 1)),
                }
                if !plain {
                    self.progress.unlogged.full(self.messages);
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
        self.progress.unlogged.rest(self.messages);
        self.messages.detail(b" -- failed");
        let abort = self.progress.aborts[index].clone();
        self.messages.notice(&[b"Failed (", abort.string.as_slice(), b")"].concat());
        let Abort { string, place, step } = abort;
        let length = string.len();
        self.journal.end(Outcome::Abort { index, string, place, step }, length, self.line.now());
        Stop(u8::try_from(4 + index).unwrap_or(u8::MAX))
    }

    /// Echo, log and copy of one received byte.
    fn show(&mut self, byte: u8) -> Result<(), Stop> {
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
            self.progress.unlogged.byte(byte, self.messages);
        }
        if self.copy {
            let _ = echo(byte);
        }
        Ok(())
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
