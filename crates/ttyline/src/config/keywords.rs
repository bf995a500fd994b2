//! Files of keywords with `port` sections: mgetty.config and callback.config.

use super::document::{Document, LogicalLine};
use super::value::Kind;
use super::{Origin, Problem};
use std::borrow::Borrow;

/// One keyword of a file with the value in force, for listings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The keyword.
    pub keyword: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// The value as it would be written; empty if unset.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Whether the name of a `port` section means the device (the name below `/dev`). `?` on either side is any
/// byte; what one is longer than the other must be all `?`. There is no `*`.
#[must_use]
pub fn port_matches(name: &[u8], device: &[u8]) -> bool {
    let common = name.len().min(device.len());
    let (name_head, name_rest) = name.split_at(common);
    let (device_head, device_rest) = device.split_at(common);
    let same = |(a, b): (&u8, &u8)| a == b || *a == b'?' || *b == b'?';
    name_head.iter().zip(device_head).all(same) && name_rest.iter().chain(device_rest).all(|b| *b == b'?')
}

/// Calls `apply` for each line that holds for `device`: those before the first `port` line, and those of
/// every section that matches, in the order of the file. With no device only the global ones.
pub fn apply_sections<L: Borrow<LogicalLine>>(
    lines: impl IntoIterator<Item = L>,
    device: Option<&str>,
    mut apply: impl FnMut(&LogicalLine),
) {
    let mut holds = true;
    for line in lines {
        let line = line.borrow();
        if line.keyword().is_some_and(|word| word.bytes == b"port") {
            holds = device.is_some_and(|device| port_matches(&line.value(), device.as_bytes()));
        } else if holds {
            apply(line);
        }
    }
}

/// Every section's name in the order of the file, for checks over all lines of a machine.
pub(super) fn problems_everywhere(
    document: &Document,
    mut check: impl FnMut(&LogicalLine, &mut Vec<Problem>),
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for line in document.entries() {
        if line.keyword().is_some_and(|word| word.bytes != b"port") {
            check(line, &mut problems);
        }
    }
    problems
}

/// Makes a type that holds the settings of a file: one field per keyword, with its type and built-in value.
macro_rules! keyword_file {
    (
        $(#[$about:meta])*
        $name:ident { $( $(#[$doc:meta])* $keyword:literal $field:ident : $type:ty = $default:expr; )* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $crate::config::Setting<$type>, )*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $( $field: $crate::config::Setting::built_in($default), )* }
            }
        }

        impl $name {
            /// The keywords and their kinds, in the order of the original's documentation.
            pub const KEYWORDS: &'static [(&'static str, $crate::config::Kind)] =
                &[ $( ($keyword, <$type as $crate::config::Value>::KIND), )* ];

            /// Takes one line; what is wrong with it goes to `problems`.
            pub fn apply(
                &mut self,
                line: &$crate::config::LogicalLine,
                problems: &mut Vec<$crate::config::Problem>,
            ) {
                use $crate::config::{Fault, Problem, Value};
                let Some(word) = line.keyword() else { return };
                let (value, at) = (line.value(), line.value_at());
                let found = || $crate::visible::terminal(&value);
                match word.bytes.as_slice() {
                    $( bytes if bytes == $keyword.as_bytes() => match <$type as Value>::read(&value) {
                        Some(read) => {
                            self.$field.from_file(read.value, at);
                            if let Some(understood) = read.doubt {
                                let (keyword, found) = ($keyword.to_string(), found());
                                let fault = Fault::Doubtful { keyword, found, understood };
                                problems.push(Problem { at, fault });
                            }
                        }
                        None => {
                            let (keyword, found) = ($keyword.to_string(), found());
                            let expected = <$type as Value>::KIND.expected();
                            let fault = Fault::BadValue { keyword, found, expected };
                            problems.push(Problem { at, fault });
                        }
                    }, )*
                    other => {
                        let fault = Fault::UnknownKeyword($crate::visible::terminal(other));
                        problems.push(Problem { at: word.at, fault });
                    }
                }
            }

            /// Takes a file: what holds for `device`, or the global part alone. Gives what is wrong in the
            /// lines that hold.
            pub fn load(
                &mut self,
                document: &$crate::config::Document,
                device: Option<&str>,
            ) -> Vec<$crate::config::Problem> {
                let mut problems = Vec::new();
                let lines = document.entries();
                $crate::config::apply_sections(lines, device, |line| self.apply(line, &mut problems));
                problems
            }

            /// As [`Self::load`], from a file's bytes, keeping nothing of them.
            pub fn load_bytes(&mut self, bytes: &[u8], device: Option<&str>) -> Vec<$crate::config::Problem> {
                let mut problems = Vec::new();
                let lines = $crate::config::document::read_lines(bytes);
                $crate::config::apply_sections(lines, device, |line| self.apply(line, &mut problems));
                problems
            }

            /// What is wrong anywhere in a file, whichever line it is for.
            #[must_use]
            pub fn check(document: &$crate::config::Document) -> Vec<$crate::config::Problem> {
                $crate::config::keywords::problems_everywhere(document, |line, problems| {
                    $name::default().apply(line, problems);
                })
            }

            /// All settings with their origins.
            #[must_use]
            pub fn entries(&self) -> Vec<$crate::config::Entry> {
                vec![ $( $crate::config::Entry {
                    keyword: $keyword,
                    kind: <$type as $crate::config::Value>::KIND,
                    value: $crate::config::Value::show(&self.$field.value),
                    origin: self.$field.origin,
                }, )* ]
            }
        }
    };
}
pub(super) use keyword_file;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn question_marks_and_nothing_else() {
        for (name, device, matches) in [
            ("ttyS1", "ttyS1", true),
            ("ttyS?", "ttyS1", true),
            ("ttyS??", "ttyS1", true),
            ("nosuch/tty?", "nosuch/tty", true),
            ("ttyS1", "ttyS?", true),
            ("ttyS*", "ttyS1", false),
            ("*", "ttyS1", false),
            ("ttyS", "ttyS1", false),
            ("TTYS1", "ttyS1", false),
            ("nosuch/tt? x", "nosuch/tty", false),
            ("", "ttyS1", false),
        ] {
            assert_eq!(port_matches(name.as_bytes(), device.as_bytes()), matches, "{name} {device}");
        }
    }

    proptest! {
        #[test]
        fn matching_is_the_same_both_ways(a in "[a?]{0,6}", b in "[a?]{0,6}") {
            prop_assert_eq!(port_matches(a.as_bytes(), b.as_bytes()), port_matches(b.as_bytes(), a.as_bytes()));
        }
    }
}
