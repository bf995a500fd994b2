//! `login.config`: which program a name starts (spec section 10).
//!
//! Line: `KEY USER UTMP PROGRAM [ARGUMENT...]`; after a `!version 2` line `KEY CALLBACK USER UTMP PROGRAM ...`.
//! The first line whose key matches wins. Unlike the original this file fails closed: with a wrong owner or
//! mode nobody logs in, and an unknown user refuses the entry ([`Rejected`]; the caller looks the user up).

use super::document::{Document, LogicalLine, Position, Word};
use super::value::Text;
use super::{Fault, Problem, Source};
use crate::visible;
use std::path::Path;

/// The most arguments a login program gets, besides its name; further ones are dropped.
pub const MOST_ARGUMENTS: usize = 9;

/// Which calls a line is for (format 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// All.
    Always,
    /// Only after callback.
    AfterCallback,
    /// Only if not called back.
    NotAfterCallback,
}

/// As whom the program runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// root stays root: `-`.
    Root,
    /// The user of that name.
    User(Text),
}

/// What is written to utmp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Utmp {
    /// Nothing: `-`.
    Nothing,
    /// The caller's name: `@`.
    Name,
    /// This text.
    Text(Text),
}

/// One argument of a login program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The caller's name, left out if empty: `@`.
    Name,
    /// The CONNECT text, `??` if there is none: `\I`.
    Connect,
    /// The caller's number: `\Y`.
    CallerId,
    /// Itself.
    Literal(Text),
}

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginEntry {
    /// The key as written.
    pub key: Text,
    /// For which calls.
    pub when: When,
    /// As whom.
    pub run_as: RunAs,
    /// What utmp says.
    pub utmp: Utmp,
    /// The program.
    pub program: Text,
    /// Its arguments, at most [`MOST_ARGUMENTS`].
    pub arguments: Vec<Argument>,
    /// How many more stood there.
    pub dropped: usize,
    /// Where the line begins.
    pub at: Position,
}

/// A login.config.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LoginConfig {
    /// Its lines.
    pub entries: Vec<LoginEntry>,
    /// What is wrong in it.
    pub problems: Vec<Problem>,
}

/// Why a file counts for nothing and nobody may log in by it.
#[derive(Debug)]
pub enum Rejected {
    /// It is not root's.
    Owner(u32),
    /// Others than its owner may read or write it.
    Mode(u32),
    /// It cannot be read.
    Unreadable(std::io::Error),
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Rejected::Owner(uid) => write!(f, "must be owned by root, but is owned by uid {uid}"),
            Rejected::Mode(mode) => {
                write!(f, "must be readable by root only (mode 0600), but has mode {mode:04o}")
            }
            Rejected::Unreadable(e) => write!(f, "cannot be read: {}", crate::log::reason(e)),
        }
    }
}

/// What reading the file gave.
#[derive(Debug)]
pub enum LoginFile {
    /// It may be used.
    Usable(LoginConfig),
    /// There is none: /bin/login for all.
    Missing,
    /// It is there and must not be used: nobody logs in.
    Rejected(Rejected),
}

/// Reads the file and checks owner and mode of what was read.
#[must_use]
pub fn load_file(path: &Path) -> LoginFile {
    use std::os::unix::fs::MetadataExt;
    match super::read(path) {
        Source::Missing => LoginFile::Missing,
        Source::Unreadable(e) => LoginFile::Rejected(Rejected::Unreadable(e)),
        Source::Read(bytes, meta) => match check_access(meta.uid(), meta.mode()) {
            Ok(()) => LoginFile::Usable(LoginConfig::parse(&Document::parse(bytes))),
            Err(rejected) => LoginFile::Rejected(rejected),
        },
    }
}

/// Whether a file of that owner and mode may be used.
///
/// # Errors
/// [`Rejected::Owner`], [`Rejected::Mode`].
pub fn check_access(uid: u32, mode: u32) -> Result<(), Rejected> {
    match (uid, mode & 0o077) {
        (0, 0) => Ok(()),
        (0, _) => Err(Rejected::Mode(mode & 0o7777)),
        _ => Err(Rejected::Owner(uid)),
    }
}

impl LoginConfig {
    /// Reads a file's lines.
    #[must_use]
    pub fn parse(document: &Document) -> LoginConfig {
        let mut config = LoginConfig::default();
        let mut version = 1;
        for line in document.entries() {
            let Some(key) = line.keyword() else { continue };
            if key.bytes.first() == Some(&b'!') {
                match (key.bytes.as_slice(), line.value().as_slice()) {
                    (b"!version", b"1") => version = 1,
                    (b"!version", b"2") => version = 2,
                    (word, value) => {
                        let words = visible::terminal([word, value].join(&b' '));
                        let fault = Fault::UnknownDirective(words.trim_end().to_string());
                        config.problems.push(Problem { at: key.at, fault });
                    }
                }
                continue;
            }
            match entry(line, version) {
                Some(entry) => {
                    if entry.dropped > 0 {
                        let fault = Fault::TooManyArguments(entry.dropped);
                        config.problems.push(Problem { at: entry.at, fault });
                    }
                    config.entries.push(entry);
                }
                None => {
                    let fault = Fault::Incomplete(visible::terminal(&key.bytes));
                    config.problems.push(Problem { at: key.at, fault });
                }
            }
        }
        config
    }

    /// The entry for a name; the special names of the original are [`AUTO_PPP`] and names that begin with
    /// the byte 0xff (FIDO).
    #[must_use]
    pub fn find(&self, name: &[u8], called_back: bool) -> Option<&LoginEntry> {
        self.entries.iter().find(|entry| {
            let call = match entry.when {
                When::Always => true,
                When::AfterCallback => called_back,
                When::NotAfterCallback => !called_back,
            };
            call && key_matches(entry.key.as_bytes(), name)
        })
    }
}

/// The name an incoming PPP frame stands for.
pub const AUTO_PPP: &[u8] = b"/AutoPPP/";

/// The key of every FIDO mailer.
const FIDO: &[u8] = b"/FIDO/";

/// Whether a key means a name: exactly, `abc*`, `*abc`, `*abc*`, `*`; `/FIDO/` means every FIDO name.
#[must_use]
pub fn key_matches(key: &[u8], name: &[u8]) -> bool {
    if key == FIDO && name.first() == Some(&0xff) {
        return true;
    }
    match key {
        b"*" => true,
        [b'*', middle @ .., b'*'] => {
            middle.is_empty() || name.windows(middle.len()).any(|part| part == middle)
        }
        [b'*', end @ ..] => name.ends_with(end),
        [start @ .., b'*'] => name.starts_with(start),
        _ => key == name,
    }
}

fn entry(line: &LogicalLine, version: u8) -> Option<LoginEntry> {
    let mut words = line.words.iter();
    let text = |word: &Word| Text::from(word.bytes.clone());
    let key = words.next()?;
    let when = if version == 2 {
        match words.next()?.bytes.first()? {
            b'Y' | b'y' => When::AfterCallback,
            b'N' | b'n' => When::NotAfterCallback,
            _ => When::Always,
        }
    } else {
        When::Always
    };
    let user = words.next()?;
    let utmp = words.next()?;
    let program = words.next()?;
    let run_as = if user.bytes == b"-" { RunAs::Root } else { RunAs::User(text(user)) };
    let utmp = match utmp.bytes.as_slice() {
        b"-" => Utmp::Nothing,
        b"@" => Utmp::Name,
        _ => Utmp::Text(text(utmp)),
    };
    let mut arguments: Vec<_> = words
        .map(|word| match word.bytes.as_slice() {
            b"@" => Argument::Name,
            b"\\I" => Argument::Connect,
            b"\\Y" => Argument::CallerId,
            _ => Argument::Literal(text(word)),
        })
        .collect();
    let dropped = arguments.len().saturating_sub(MOST_ARGUMENTS);
    arguments.truncate(MOST_ARGUMENTS);
    Some(LoginEntry {
        key: text(key),
        when,
        run_as,
        utmp,
        program: text(program),
        arguments,
        dropped,
        at: line.at,
    })
}

impl LoginEntry {
    /// The program's arguments for a call, `argv[0]` (the last part of its path) first. By the key
    /// `/FIDO/` a FIDO name loses its first byte.
    #[must_use]
    pub fn argv(&self, name: &[u8], connect: &str, caller_id: &str) -> Vec<Text> {
        let program = self.program.as_bytes();
        let base = program.rsplit(|b| *b == b'/').next().unwrap_or(program);
        let mailer = name.strip_prefix(&[0xff]).filter(|_| self.key.as_bytes() == FIDO);
        let name = mailer.unwrap_or(name);
        let mut argv = vec![Text::from(base.to_vec())];
        for argument in &self.arguments {
            match argument {
                Argument::Name if name.is_empty() => {}
                Argument::Name => argv.push(Text::from(name.to_vec())),
                Argument::Connect => argv.push(Text::from(if connect.is_empty() { "??" } else { connect })),
                Argument::CallerId => argv.push(Text::from(caller_id)),
                Argument::Literal(text) => argv.push(text.clone()),
            }
        }
        argv
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(text: &str) -> LoginConfig {
        LoginConfig::parse(&Document::parse(text.as_bytes().to_vec()))
    }

    fn argv(entry: &LoginEntry, name: &str) -> Vec<String> {
        entry.argv(name.as_bytes(), "33600", "555").iter().map(Value::show).collect()
    }
    use crate::config::Value;

    #[test]
    fn the_seeds_line_for_ppp() {
        let c = config("/AutoPPP/ -\ta_ppp  /usr/sbin/pppd auth -chap +pap login detach kdebug 7 debug\n");
        let entry = c.find(AUTO_PPP, false).unwrap();
        assert_eq!((&entry.run_as, &entry.utmp), (&RunAs::Root, &Utmp::Text(Text::from("a_ppp"))));
        assert_eq!(argv(entry, "/AutoPPP/").join(" "), "pppd auth -chap +pap login detach kdebug 7 debug");
        assert_eq!(c.find(b"joe", false), None);
        assert!(c.problems.is_empty());
    }

    #[test]
    fn keys() {
        for (key, name, matches) in [
            ("joe", "joe", true),
            ("joe", "Joe", false),
            ("U*", "Uucp", true),
            ("*x", "abx", true),
            ("*x", "x", true),
            ("*b*", "abc", true),
            ("**", "", true),
            ("*", "/AutoPPP/", true),
            ("*", "", true),
            ("a*c", "abc", false),
            ("joe", "joey", false),
            ("*b*", "ac", false),
        ] {
            assert_eq!(key_matches(key.as_bytes(), name.as_bytes()), matches, "{key} {name}");
        }
        assert!(key_matches(b"/FIDO/", b"\xfftsync"));
        assert!(!key_matches(b"/FIDO/", b"tsync"));
    }

    #[test]
    fn words_of_the_call() {
        let c = config("a u @ /bin/prog @ \\I \\Y x@ \\i\n");
        let entry = &c.entries[0];
        assert_eq!(argv(entry, "joe"), ["prog", "joe", "33600", "555", "x@", "\\i"]);
        assert_eq!(argv(entry, ""), ["prog", "33600", "555", "x@", "\\i"]);
        let fido = entry.argv(b"\xfftsync", "", "none");
        assert_eq!(fido[1].as_bytes(), b"\xfftsync");
        assert_eq!(config("/FIDO/ u @ /x @\n").entries[0].argv(b"\xfftsync", "", "")[1].as_bytes(), b"tsync");
        assert_eq!(fido[2].as_bytes(), b"??");
        assert_eq!(entry.run_as, RunAs::User(Text::from("u")));
    }

    #[test]
    fn version_two_knows_called_back_callers() {
        let c = config(
            "!version 2\n* N - - /usr/sbin/callback -S\n* yes - @ /bin/login @\n!version 1\nj - - /x\n",
        );
        assert_eq!(c.find(b"joe", false).unwrap().program.as_bytes(), b"/usr/sbin/callback");
        assert_eq!(c.find(b"joe", true).unwrap().program.as_bytes(), b"/bin/login");
        assert_eq!(c.entries[2].when, When::Always);
    }

    #[test]
    fn incomplete_lines_are_skipped_and_long_ones_cut() {
        let c = config("joe - -\n!foo\nx - - /p 1 2 3 4 5 6 7 8 9 10 11\n");
        assert_eq!(c.entries.len(), 1);
        assert_eq!((c.entries[0].arguments.len(), c.entries[0].dropped), (9, 2));
        let said: Vec<_> = c.problems.iter().map(|p| p.describe(Path::new("f"))).collect();
        assert_eq!(
            said,
            [
                "f:1:1: the line for `joe` is incomplete, expected user, utmp entry and program",
                "f:2:1: `!foo` is not understood, expected `!version 1` or `!version 2`",
                "f:3:1: more than nine arguments, the last 2 are dropped",
            ]
        );
    }

    #[test]
    fn only_roots_own_file_with_mode_0600_is_used() {
        assert!(check_access(0, 0o100_600).is_ok());
        assert!(check_access(0, 0o100_400).is_ok());
        assert!(matches!(check_access(0, 0o100_640), Err(Rejected::Mode(0o640))));
        assert!(matches!(check_access(1000, 0o100_600), Err(Rejected::Owner(1000))));
        assert!(matches!(load_file(Path::new("/nonexistent/login.config")), LoginFile::Missing));
        assert!(matches!(load_file(Path::new("/")), LoginFile::Rejected(Rejected::Unreadable(_))));
    }

    proptest! {
        #[test]
        fn any_file_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in ".{0,8}") {
            let c = LoginConfig::parse(&Document::parse(bytes));
            if let Some(entry) = c.find(name.as_bytes(), false) {
                prop_assert!(entry.argv(name.as_bytes(), "", "none").len() <= 1 + MOST_ARGUMENTS);
            }
        }
    }
}
