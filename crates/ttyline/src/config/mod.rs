//! Configuration files: a lossless reader, and the meaning of each file.
//!
//! [`document`] keeps every byte and knows where each word stands; [`value`] reads single values as the
//! originals do; [`mgetty`], [`callback`], [`login`] and [`dialin`] are the files. What is wrong in a file
//! is a [`Problem`], never a failure: where the original goes on, so do we, but we say it once and clearly.

pub mod call_policy;
pub mod callback;
pub mod caller_rules;
pub mod dialin;
pub mod dialin_edit;
pub mod document;
pub mod getty_command;
pub mod inittab;
mod keywords;
pub mod login;
pub mod login_edit;
pub mod mgetty;
pub mod mserver;
pub mod mserver_edit;
pub mod ppp_options;
pub mod ppp_secrets;
pub mod ppp_words;
pub mod sections;
pub mod spelling;
pub mod value;

pub use document::{Document, LogicalLine, Position, Word};
pub use keywords::{Entry, apply_sections, port_matches};
pub use value::{Kind, Text, Value};

use std::path::{Path, PathBuf};

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built into the program.
    BuiltIn,
    /// A place in the file.
    File(Position),
    /// The command line.
    CommandLine,
}

impl Origin {
    /// For people: `/etc/mgetty/mgetty.config:7:1`, `built in` or `command line`.
    #[must_use]
    pub fn describe(&self, file: &Path) -> String {
        match self {
            Origin::BuiltIn => "built in".into(),
            Origin::File(at) => format!("{}:{at}", file.display()),
            Origin::CommandLine => "command line".into(),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// A value built into the program.
    pub fn built_in(value: T) -> Setting<T> {
        Setting { value, origin: Origin::BuiltIn }
    }

    /// A value of the file; what the command line said stays.
    pub fn from_file(&mut self, value: T, at: Position) {
        if self.origin != Origin::CommandLine {
            *self = Setting { value, origin: Origin::File(at) };
        }
    }

    /// A value of the command line, which comes before everything else.
    pub fn override_with(&mut self, value: T) {
        *self = Setting { value, origin: Origin::CommandLine };
    }

    /// Whether anybody has chosen it.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.origin == Origin::BuiltIn
    }
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Position,
    /// What.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No such keyword.
    UnknownKeyword(String),
    /// The value cannot be read; what was in force before stays so.
    BadValue {
        /// The keyword.
        keyword: String,
        /// What stands there.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// It is read, but hardly means what was meant (`1` for yes, text behind a number).
    Doubtful {
        /// The keyword.
        keyword: String,
        /// What stands there.
        found: String,
        /// How it is understood.
        understood: &'static str,
    },
    /// A line of login.config without program.
    Incomplete(String),
    /// More than nine words for a login program: the rest is dropped.
    TooManyArguments(usize),
    /// A `!` line of login.config that is not understood.
    UnknownDirective(String),
    /// Something else: a sentence.
    Wrong(String),
    /// It is read as it stands, but hardly does what was meant: a sentence.
    Warning(String),
}

impl Problem {
    /// One line for people: `FILE:LINE:COLUMN: what, what was expected`.
    #[must_use]
    pub fn describe(&self, file: &Path) -> String {
        format!("{}:{}: {}", file.display(), self.at, self.fault)
    }

    /// Whether the original would have gone on without a word.
    #[must_use]
    pub fn is_mere_doubt(&self) -> bool {
        matches!(self.fault, Fault::Doubtful { .. } | Fault::Warning(_))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::UnknownKeyword(word) => write!(f, "unknown keyword `{word}`"),
            Fault::BadValue { keyword, found, expected } => {
                write!(f, "`{keyword}` is followed by `{found}`, expected {expected}")
            }
            Fault::Doubtful { keyword, found, understood } => {
                write!(f, "`{keyword} {found}` is understood as {understood}")
            }
            Fault::Incomplete(key) => {
                write!(f, "the line for `{key}` is incomplete, expected user, utmp entry and program")
            }
            Fault::TooManyArguments(dropped) => {
                write!(f, "more than nine arguments, the last {dropped} are dropped")
            }
            Fault::UnknownDirective(word) => {
                write!(f, "`{word}` is not understood, expected `!version 1` or `!version 2`")
            }
            Fault::Wrong(text) | Fault::Warning(text) => f.write_str(text),
        }
    }
}

/// A file as it was found on the disk.
#[derive(Debug)]
pub enum Source {
    /// It was read.
    Read(Vec<u8>, std::fs::Metadata),
    /// There is none.
    Missing,
    /// It is there and cannot be read.
    Unreadable(std::io::Error),
}

/// The largest configuration file that is read, bytes.
pub const LARGEST: u64 = 4 << 20;

/// Reads a configuration file. The metadata are those of the very file that was read.
#[must_use]
pub fn read(path: &Path) -> Source {
    use std::io::{ErrorKind, Read};
    use std::os::unix::fs::OpenOptionsExt;
    // O_NONBLOCK: a FIFO in the file's place must not hold a getty for ever.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Source::Missing,
        Err(e) => return Source::Unreadable(e),
    };
    let meta = match file.metadata() {
        Ok(meta) if meta.is_file() => meta,
        Ok(_) => {
            return Source::Unreadable(std::io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        Err(e) => return Source::Unreadable(e),
    };
    let mut bytes = Vec::new();
    match file.take(LARGEST).read_to_end(&mut bytes) {
        Ok(_) => Source::Read(bytes, meta),
        Err(e) => Source::Unreadable(e),
    }
}

/// The directory of the originals' files: the first of these that is there, else the first.
#[must_use]
pub fn default_directory() -> PathBuf {
    let places = ["/etc/mgetty", "/etc/mgetty+sendfax"].map(Path::new);
    places.into_iter().find(|p| p.is_dir()).unwrap_or(places[0]).to_path_buf()
}
