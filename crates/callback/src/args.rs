//! The command line, in two steps: what was typed ([`getopt`]), then what it means ([`Command`]).

use std::fmt;
use ttyline::getopt::{self, Word, number};
use ttyline::speed;

/// Letters and whether they take an argument: getopt's `x:s:am:l:SdV`.
pub const LETTERS: &[(char, bool)] = &[
    ('x', true),
    ('s', true),
    ('a', false),
    ('m', true),
    ('l', true),
    ('S', false),
    ('d', false),
    ('V', false),
];

/// New options and how many words follow.
pub const LONG: &[(&str, usize)] =
    &[("check-number", 2), ("config-dir", 1), ("help", 0), ("help-all", 0), ("unanswered", 0)];

/// A usage error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// What getopt says.
    Getopt(getopt::Wrong),
    /// `-s` with a speed that is none.
    Speed(String),
    /// `-l` with something outside /dev.
    Line,
    /// An operand that is no telephone number.
    Number(String, String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Getopt(wrong) => wrong.fmt(f),
            Wrong::Speed(text) => write!(f, "invalid speed: {text}"),
            Wrong::Line => f.write_str("-l: device must be located in /dev!"),
            Wrong::Number(word, why) => write!(f, "`{word}` is no telephone number: {why}"),
        }
    }
}

/// First step: the words behind `argv[0]` as getopt splits them.
pub fn typed(words: impl IntoIterator<Item = String>) -> Vec<Word> {
    getopt::split(LETTERS, LONG, words)
}

/// What the command line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print the version.
    Version,
    /// Print what the options are.
    Help,
    /// Say what would become of this number of this user.
    CheckNumber(Options, String, String),
    /// Call.
    Call(Options),
}

/// What the command line says; `None` leaves it to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `-x`: log level.
    pub debug: Option<i64>,
    /// `-s`: bit/s.
    pub speed: Option<u32>,
    /// `-m`
    pub init: Option<String>,
    /// `-l`: lines without `/dev/`.
    pub lines: Option<Vec<String>>,
    /// `-S`: the line it was started on.
    pub own_line: bool,
    /// `-d`: stay in the foreground.
    pub foreground: bool,
    /// `--unanswered`: the caller has rung and was not answered.
    pub unanswered: bool,
    /// Numbers, as typed.
    pub numbers: Vec<String>,
    /// `--config-dir`
    pub config_dir: Option<String>,
}

/// Second step.
///
/// # Errors
/// [`Wrong`].
pub fn meaning(typed: Vec<Word>) -> Result<Command, Wrong> {
    let mut options = Options::default();
    let mut check = None;
    for word in typed {
        match word {
            Word::Wrong(wrong) => return Err(Wrong::Getopt(wrong)),
            Word::Letter('V', _) => return Ok(Command::Version),
            Word::Letter(letter, value) => option(&mut options, letter, value)?,
            Word::Long("config-dir", values) => options.config_dir = values.into_iter().next(),
            Word::Long("unanswered", _) => options.unanswered = true,
            Word::Long("check-number", values) => check = Some(values),
            Word::Long(..) => return Ok(Command::Help),
            Word::Operand(word) => options.numbers.push(word),
        }
    }
    if let Some(Ok([user, number])) = check.map(<[String; 2]>::try_from) {
        return Ok(Command::CheckNumber(options, user, number));
    }
    for number in &options.numbers {
        fixed(number, &options)?;
    }
    Ok(Command::Call(options))
}

/// Looks at a number of the command line.
fn fixed(number: &str, options: &Options) -> Result<(), Wrong> {
    let Err(bad) = ttyline::number::Fixed::parse(number.as_bytes()) else { return Ok(()) };
    // `callback - S 123456` stands in a document that many have copied.
    let split = options.numbers.windows(2).any(|pair| pair[0] == "-" && pair[1] == "S");
    let why = if split { "did you mean -S?".to_string() } else { bad.to_string() };
    Err(Wrong::Number(ttyline::visible::terminal(number).chars().take(100).collect(), why))
}

fn option(options: &mut Options, letter: char, value: String) -> Result<(), Wrong> {
    match letter {
        'x' => options.debug = Some(i64::from(number(&value))),
        's' => {
            let wanted = u32::try_from(number(&value)).unwrap_or(0);
            if !speed::is_mgetty_speed(wanted) {
                return Err(Wrong::Speed(value.chars().take(100).collect()));
            }
            options.speed = Some(wanted);
        }
        'm' => options.init = Some(value),
        'l' => options.lines = Some(lines(&value).ok_or(Wrong::Line)?),
        'S' => options.own_line = true,
        'd' => options.foreground = true,
        // -a has never done anything.
        _ => {}
    }
    Ok(())
}

/// `ttyS1:/dev/ttyS2` as names below /dev; `None` if one lies elsewhere.
#[must_use]
pub fn lines(text: &str) -> Option<Vec<String>> {
    text.split(':')
        .filter(|word| !word.is_empty())
        .map(|word| {
            let name = word.strip_prefix("/dev/").unwrap_or(word);
            let safe = !name.is_empty()
                && !name.starts_with('/')
                && !name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
            safe.then(|| name.to_string())
        })
        .collect()
}

/// What `-V` prints.
#[must_use]
pub fn version() -> String {
    format!(
        "\nmgetty+sendfax by Gert Doering\nRingback {}, a drop-in replacement of release 1.2.1\n\n\
         log file written to '/var/log/mgetty/mg_callback.log'\n\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The usage lines, on standard error.
pub const USAGE: &str = "\
Usage: callback [-x <debug level>] [-V] [-l <modem lines>] [-m <initstring>]
       [-s <speed>] [-d] [-S] [phone number(s)...]
";

/// What `--help` prints.
pub const HELP: &str = "\
usage: callback [options] [number...]
  -a            ignored
  -d            stay in the foreground, do not wait for the line to hang up by itself
  -l lines      lines to dial on, with `:` between them
  -m chat       initialisation chat
  -S            dial on the line that is standard input
  -s speed      port speed, bit/s
  -V            version
  -x level      log level 0 to 9
  --check-number user number
                say whether this user may have this number called, and which rule decides
  --config-dir directory
                where callback.config is
  --unanswered  the caller has rung and was not answered: he is asked nothing
  --help, --help-all
                this text
";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(line: &str) -> Result<Command, Wrong> {
        meaning(typed(line.split(' ').filter(|w| !w.is_empty()).map(String::from)))
    }

    fn options(line: &str) -> Options {
        match command(line) {
            Ok(Command::Call(options)) => options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_seeds_lines() {
        let fixed = options("-S 123456");
        assert!(fixed.own_line && !fixed.foreground);
        assert_eq!(fixed.numbers, ["123456"]);
        assert!(options("-S").numbers.is_empty());
        let typo = command("- S 123456").unwrap_err();
        assert_eq!(typo.to_string(), "`-` is no telephone number: did you mean -S?");
    }

    #[test]
    fn letters_cluster_and_permute() {
        let all = options("123 -dSx9 456 -s 9600 -m ATZ -l ttyS1:/dev/ttyS2 -a -- 789");
        assert!(all.own_line && all.foreground);
        assert_eq!((all.debug, all.speed, all.init.as_deref()), (Some(9), Some(9600), Some("ATZ")));
        assert_eq!(all.lines.unwrap(), ["ttyS1", "ttyS2"]);
        assert_eq!(all.numbers, ["123", "456", "789"]);
        assert_eq!(options("0,0049123 *21*5#").numbers.len(), 2);
    }

    #[test]
    fn mistakes() {
        assert_eq!(command("-Z"), Err(Wrong::Getopt(getopt::Wrong::Unknown('Z'))));
        assert_eq!(command("--delay"), Err(Wrong::Getopt(getopt::Wrong::Unknown('-'))));
        assert_eq!(command("-s"), Err(Wrong::Getopt(getopt::Wrong::Missing('s'))));
        assert_eq!(command("-s 1234 1"), Err(Wrong::Speed("1234".into())));
        for outside in ["-l /foo/bar", "-l /dev/../etc/x", "-l /dev//x"] {
            assert_eq!(command(outside), Err(Wrong::Line), "{outside}");
        }
        assert!(matches!(command("12;ATH"), Err(Wrong::Number(..))));
        assert!(matches!(command("S=1"), Err(Wrong::Number(..))));
        assert!(matches!(meaning(typed(["".to_string()])), Err(Wrong::Number(..))));
        assert!(matches!(meaning(typed(["1".repeat(1000)])), Err(Wrong::Number(..))));
        assert_eq!(command("-V -Z"), Ok(Command::Version));
    }

    #[test]
    fn new_options_are_long_and_whole() {
        let check = |line| match command(line) {
            Ok(Command::CheckNumber(_, user, number)) => (user, number),
            other => panic!("{other:?}"),
        };
        assert_eq!(check("--check-number mary 0900"), ("mary".into(), "0900".into()));
        assert_eq!(check("--check-number=mary 0900"), ("mary".into(), "0900".into()));
        assert!(matches!(command("--check-number mary"), Err(Wrong::Getopt(_))));
        assert!(matches!(command("--help=1"), Err(Wrong::Getopt(_))));
        assert_eq!(options("--config-dir /x 1").config_dir.as_deref(), Some("/x"));
        assert_eq!(command("--help"), Ok(Command::Help));
    }

    #[test]
    fn every_option_is_in_the_help() {
        for (letter, _) in LETTERS {
            assert!(HELP.contains(&format!("  -{letter} ")), "-{letter}");
        }
        for (name, _) in LONG {
            assert!(HELP.contains(&format!("--{name}")), "--{name}");
        }
    }

    proptest! {
        #[test]
        fn any_words_mean_something(words in proptest::collection::vec("[-a-zA-Z0-9=/.:;,+*# ]{0,8}", 0..8)) {
            if let Ok(Command::Call(options)) = meaning(typed(words)) {
                for number in options.numbers {
                    prop_assert!(!number.contains([';', '\r', '\n']));
                }
            }
        }
    }
}
