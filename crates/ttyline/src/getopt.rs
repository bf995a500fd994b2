//! Command lines as getopt(3) splits them, with GNU's permutation, letter by letter, and long options
//! of ours where getopt would have given a usage error.
//!
//! Not clap: it drags in five times a getty's memory bar. Not lexopt: it takes the `=` off `-p=text`,
//! which getopt hands on.

use std::fmt;

/// Letters and whether they take an argument, as in getopt's option string.
pub type Letters = [(char, bool)];
/// Long options and how many words follow: never abbreviated, the first word also after `=`.
pub type Long = [(&'static str, usize)];

/// One thing typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// A letter and its argument (empty if it takes none).
    Letter(char, String),
    /// A long option and its arguments.
    Long(&'static str, Vec<String>),
    /// An operand.
    Operand(String),
    /// A mistake; reading goes no further, as getopt's caller exits at the first.
    Wrong(Wrong),
}

/// What getopt says on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// No such letter.
    Unknown(char),
    /// The letter's argument is missing.
    Missing(char),
    /// A long option's argument is missing.
    LongMissing(&'static str),
    /// An argument for a long option that takes none.
    LongSurplus(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Unknown(letter) => write!(f, "invalid option -- '{letter}'"),
            Wrong::Missing(letter) => write!(f, "option requires an argument -- '{letter}'"),
            Wrong::LongMissing(name) => write!(f, "option '--{name}' requires an argument"),
            Wrong::LongSurplus(name) => write!(f, "option '--{name}' takes no argument"),
        }
    }
}

/// Splits the words behind `argv[0]`.
pub fn split(letters: &Letters, long: &Long, words: impl IntoIterator<Item = String>) -> Vec<Word> {
    let (mut words, mut out) = (words.into_iter(), Vec::new());
    while let Some(word) = words.next() {
        if word == "--" {
            out.extend(words.by_ref().map(Word::Operand));
        } else if let Some(name) = word.strip_prefix("--") {
            out.push(whole(long, name, &mut words));
        } else if word.len() > 1 && word.starts_with('-') {
            cluster(letters, &word[1..], &mut words, &mut out);
        } else {
            out.push(Word::Operand(word));
        }
        if matches!(out.last(), Some(Word::Wrong(_))) {
            break;
        }
    }
    out
}

fn whole(long: &Long, name: &str, words: &mut impl Iterator<Item = String>) -> Word {
    let (name, value) = match name.split_once('=') {
        Some((name, value)) => (name, Some(value.to_string())),
        None => (name, None),
    };
    let Some(&(known, takes)) = long.iter().find(|(known, _)| *known == name) else {
        // What getopt says of every word with two dashes.
        return Word::Wrong(Wrong::Unknown('-'));
    };
    let mut values: Vec<String> = value.into_iter().collect();
    if values.len() > takes {
        return Word::Wrong(Wrong::LongSurplus(known));
    }
    while values.len() < takes {
        let Some(word) = words.next() else { return Word::Wrong(Wrong::LongMissing(known)) };
        values.push(word);
    }
    Word::Long(known, values)
}

fn cluster(known: &Letters, text: &str, words: &mut impl Iterator<Item = String>, out: &mut Vec<Word>) {
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        match known.iter().find(|(known, _)| *known == letter) {
            None => return out.push(Word::Wrong(Wrong::Unknown(letter))),
            Some((_, false)) => out.push(Word::Letter(letter, String::new())),
            Some((_, true)) => {
                let attached = rest.as_str();
                let value = if attached.is_empty() { words.next() } else { Some(attached.to_string()) };
                return out.push(match value {
                    Some(value) => Word::Letter(letter, value),
                    None => Word::Wrong(Wrong::Missing(letter)),
                });
            }
        }
    }
}

/// atoi(3): blanks, a sign, digits; what follows is ignored, 0 if there is no number.
#[must_use]
pub fn number(text: &str) -> i32 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.bytes().take_while(u8::is_ascii_digit);
    let value = digits.fold(0_i64, |n, digit| (n * 10 + i64::from(digit - b'0')).min(i64::from(i32::MAX)));
    i32::try_from(sign * value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str) -> Vec<Word> {
        let letters = &[('r', false), ('D', false), ('n', true)];
        split(letters, &[("dir", 1), ("check", 2), ("help", 0)], line.split(' ').map(String::from))
    }

    #[test]
    fn letters_cluster_and_permute() {
        let letter = |c, value: &str| Word::Letter(c, value.into());
        let operand = |text: &str| Word::Operand(text.into());
        assert_eq!(read("-rn4 x -D"), [letter('r', ""), letter('n', "4"), operand("x"), letter('D', "")]);
        assert_eq!(read("-n=4 -n -4"), [letter('n', "=4"), letter('n', "-4")]);
        assert_eq!(read("- -- -r --help"), [operand("-"), operand("-r"), operand("--help")]);
    }

    #[test]
    fn long_options_are_whole() {
        let values = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(read("--dir=a=b"), [Word::Long("dir", values(&["a=b"]))]);
        assert_eq!(read("--check=a -b"), [Word::Long("check", values(&["a", "-b"]))]);
        assert_eq!(read("--help"), [Word::Long("help", vec![])]);
    }

    #[test]
    fn reading_ends_at_the_first_mistake() {
        assert_eq!(read("-rz -D"), [Word::Letter('r', String::new()), Word::Wrong(Wrong::Unknown('z'))]);
        assert_eq!(read("-n"), [Word::Wrong(Wrong::Missing('n'))]);
        assert_eq!(read("--di x"), [Word::Wrong(Wrong::Unknown('-'))]);
        assert_eq!(read("--help=1"), [Word::Wrong(Wrong::LongSurplus("help"))]);
        assert_eq!(read("--check a"), [Word::Wrong(Wrong::LongMissing("check"))]);
    }

    proptest! {
        #[test]
        fn any_words_are_split(words in proptest::collection::vec("[-a-zA-Z0-9=/. ]{0,8}", 0..8)) {
            let _ = split(&[('r', false), ('n', true)], &[("dir", 1)], words);
        }

        #[test]
        fn atoi_never_overflows(text in "\\PC{0,40}") {
            let _ = number(&text);
        }
    }
}
