//! `caller-rules`: what becomes of a call, by caller, called number, kind of ring, line and hour.
//!
//! Line: `CONDITION... OUTCOME [ARGUMENT...]`. The first rule whose conditions all hold decides; with none
//! the call is answered. A line that cannot be read decides nothing. `dialin.config` is asked before.

mod reach;
mod reading;

use super::call_policy::Hours;
use super::document::{Document, Position};
use super::keywords::port_matches;
use super::{Problem, Source};
use std::path::Path;

/// Where the rules are if mgetty.config does not say.
pub const FILE: &str = "/etc/ringback/caller-rules";

/// Why a modem gives no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hidden {
    /// It told nothing: `none`.
    Untold,
    /// The caller withholds it: `withheld` (`P`, `PRIVATE` …).
    Withheld,
    /// The network has none: `unavailable` (`O`, `OUT OF AREA` …).
    Unavailable,
}

/// All of them.
pub const HIDDEN: [Hidden; 3] = [Hidden::Untold, Hidden::Withheld, Hidden::Unavailable];

/// Who calls, as far as the modem says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Digits, perhaps a `+` before them.
    Number(String),
    /// No number.
    Hidden(Hidden),
}

impl Caller {
    /// Of the text a modem gives as the caller's number; `none` is what a getty has if it gives none.
    #[must_use]
    pub fn of(id: &str) -> Caller {
        let text = id.trim();
        let upper = text.to_ascii_uppercase();
        if text.is_empty() || upper == "NONE" {
            return Caller::Hidden(Hidden::Untold);
        }
        if text.starts_with(|c: char| c == '+' || c.is_ascii_digit()) {
            let digit = |(place, c): &(usize, char)| c.is_ascii_digit() || *place == 0 && *c == '+';
            return Caller::Number(text.chars().enumerate().filter(digit).map(|(_, c)| c).collect());
        }
        let withheld = ["P", "ANONYMOUS", "WITHHELD", "RESTRICTED", "BLOCKED"];
        Caller::Hidden(if withheld.iter().any(|word| upper.starts_with(word)) {
            Hidden::Withheld
        } else {
            Hidden::Unavailable
        })
    }
}

/// One word behind `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// This number and no other.
    Number(String),
    /// All numbers that begin so: `030*`.
    Prefix(String),
    /// Callers without a number.
    Hidden(Hidden),
}

impl Who {
    fn is(&self, caller: &Caller) -> bool {
        match (self, caller) {
            (Who::Number(number), Caller::Number(caller)) => number == caller,
            (Who::Prefix(start), Caller::Number(caller)) => caller.starts_with(start),
            (Who::Hidden(one), Caller::Hidden(other)) => one == other,
            _ => false,
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is answered.
    Answer,
    /// It rings out, and is logged as denied.
    Refuse,
    /// It rings out: it is for somebody else on the line.
    Ignore,
    /// It rings out; then this number is called, at the line owner's cost.
    CallBack {
        /// The number, as the administrator wrote it.
        number: String,
        /// Whose limits and policy hold.
        user: Option<String>,
    },
    /// This program runs, with these arguments; it rings out.
    Program(Vec<String>),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Answer => f.write_str("answer"),
            Outcome::Refuse => f.write_str("refuse"),
            Outcome::Ignore => f.write_str("ignore"),
            Outcome::CallBack { number, user: None } => write!(f, "call-back {number}"),
            Outcome::CallBack { number, user: Some(user) } => write!(f, "call-back {number} user {user}"),
            Outcome::Program(words) => write!(f, "program {}", words.join(" ")),
        }
    }
}

/// One rule. A condition that is not there holds for every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it begins.
    pub at: Position,
    /// As written, with one blank between words.
    pub text: String,
    /// Who calls.
    pub from: Option<Vec<Who>>,
    /// The number called ends so.
    pub called: Option<Vec<String>>,
    /// Distinctive ring numbers.
    pub ring: Option<Vec<i32>>,
    /// Lines, as behind `port`.
    pub lines: Option<Vec<String>>,
    /// When, local time.
    pub hours: Option<Vec<Hours>>,
    /// What becomes of the call.
    pub outcome: Outcome,
}

/// A call, as far as it is known while it rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// The caller's number as the modem tells it; `none` if it does not.
    pub caller: &'a str,
    /// The number called; empty if it is not told.
    pub called: &'a str,
    /// Distinctive ring number, 0 if none.
    pub ring: i32,
    /// The line below `/dev`.
    pub line: &'a str,
    /// Day of the week, 0 is Sunday.
    pub weekday: u32,
    /// Minute of the day, local time.
    pub minute: u32,
}

impl Rule {
    /// Whether it decides about this call. A call-back costs money: it needs a caller with a number, or a
    /// rule that names those without.
    #[must_use]
    pub fn holds(&self, call: &Call<'_>) -> bool {
        let caller = Caller::of(call.caller);
        let from = match &self.from {
            Some(list) => list.iter().any(|who| who.is(&caller)),
            None => !self.calls() || matches!(caller, Caller::Number(_)),
        };
        let called = call.called.split('/').next().unwrap_or("").trim();
        from && any(&self.called, |end| called.ends_with(end.as_str()))
            && any(&self.ring, |ring| *ring == call.ring)
            && any(&self.lines, |name| port_matches(name.as_bytes(), call.line.as_bytes()))
            && any(&self.hours, |hours| hours.contains(call.weekday, call.minute))
    }

    fn calls(&self) -> bool {
        matches!(self.outcome, Outcome::CallBack { .. })
    }
}

fn any<T>(list: &Option<Vec<T>>, is: impl FnMut(&T) -> bool) -> bool {
    list.as_ref().is_none_or(|list| list.iter().any(is))
}

/// A file of rules.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct CallerRules {
    /// In the order of the file.
    pub rules: Vec<Rule>,
    /// What is wrong in it.
    pub problems: Vec<Problem>,
}

impl CallerRules {
    /// Reads a file's lines.
    #[must_use]
    pub fn parse(document: &Document) -> CallerRules {
        let mut rules = CallerRules::default();
        for line in document.entries() {
            match reading::rule(line) {
                Ok(rule) => rules.rules.push(rule),
                Err(problem) => rules.problems.push(problem),
            }
        }
        rules
    }

    /// The rule that decides about a call.
    #[must_use]
    pub fn find(&self, call: &Call<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.holds(call))
    }
}

/// What reading the file gave.
#[derive(Debug)]
pub enum RulesFile {
    /// It may be used.
    Usable(CallerRules),
    /// There is none.
    Missing,
    /// It is there and must not be used: why. Nobody is answered then, as nobody knows who may be.
    Rejected(String),
}

/// Reads the file. It names programs that run as root, so nobody else may write it.
#[must_use]
pub fn load_file(path: &Path) -> RulesFile {
    use std::os::unix::fs::MetadataExt;
    match super::read(path) {
        Source::Missing => RulesFile::Missing,
        Source::Unreadable(e) => RulesFile::Rejected(format!("cannot be read: {}", crate::log::reason(&e))),
        Source::Read(_, meta) if meta.uid() != 0 => {
            RulesFile::Rejected(format!("must be owned by root, but is owned by uid {}", meta.uid()))
        }
        Source::Read(_, meta) if meta.mode() & 0o022 != 0 => {
            let mode = meta.mode() & 0o7777;
            RulesFile::Rejected(format!("must be writable by root only (mode 0644), but has mode {mode:04o}"))
        }
        Source::Read(bytes, _) => RulesFile::Usable(CallerRules::parse(&Document::parse(bytes))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rules(text: &str) -> CallerRules {
        CallerRules::parse(&Document::parse(text.as_bytes().to_vec()))
    }

    fn call<'a>(caller: &'a str, line: &'a str) -> Call<'a> {
        // Wednesday, 10:00.
        Call { caller, called: "", ring: 0, line, weekday: 3, minute: 600 }
    }

    fn decides(rules: &CallerRules, call: &Call<'_>) -> String {
        rules.find(call).map_or("none".into(), |rule| format!("{} {}", rule.at.line, rule.outcome))
    }

    #[test]
    fn the_first_rule_that_holds_decides() {
        let file = rules(
            "# office\nfrom 030* +4930* line ttyS1 hours Mo-Fr 08:00-18:00 answer\n\
             from 0171555 call-back 01715551 user mary\nfrom withheld refuse\ncalled 42 program /bin/wake  a b\n\
             ring 2 ignore\nline ttyS? refuse\nall ignore\n",
        );
        assert_eq!(file.problems, []);
        let table = [
            (call("0301234", "ttyS1"), "2 answer"),
            (call("+49 30-1234", "ttyS1"), "2 answer"),
            (call("0301234", "ttyS2"), "7 refuse"),
            (Call { minute: 1100, ..call("0301234", "ttyS1") }, "7 refuse"),
            (Call { weekday: 0, ..call("0301234", "x") }, "8 ignore"),
            (call("0171555", "x"), "3 call-back 01715551 user mary"),
            (call("01715556", "x"), "8 ignore"),
            (call("P", "x"), "4 refuse"),
            (call("PRIVATE", "x"), "4 refuse"),
            (Call { called: "0142/3", ..call("1", "x") }, "5 program /bin/wake a b"),
            (Call { ring: 2, ..call("none", "x") }, "6 ignore"),
        ];
        for (call, wanted) in table {
            assert_eq!(decides(&file, &call), wanted, "{call:?}");
        }
        assert_eq!(decides(&rules(""), &call("1", "x")), "none");
    }

    #[test]
    fn who_has_no_number_is_called_back_only_where_he_is_named() {
        let all = rules("all call-back 123\n");
        assert_eq!(decides(&all, &call("55", "x")), "1 call-back 123");
        for hidden in ["none", "P", "O", "OUT OF AREA", "", "Anonymous", "UNAVAILABLE"] {
            assert_eq!(decides(&all, &call(hidden, "x")), "none", "{hidden:?}");
        }
        let named = rules("from none call-back 1\nfrom withheld call-back 2\nfrom unavailable call-back 3\n");
        for (id, wanted) in [("none", "1"), ("P", "2"), ("O", "3")] {
            assert!(decides(&named, &call(id, "x")).ends_with(wanted), "{id}");
        }
        assert_eq!(decides(&named, &call("55", "x")), "none");
    }

    proptest! {
        #[test]
        fn any_file_is_read_and_any_call_judged(
            lines in proptest::collection::vec(
                "(all|from|called|ring|line|hours)( [0-9+*a-zA-Z:?-]{1,8}){0,3} (answer|refuse|call-back|program|x)( [ -\\[\\]-~]{0,9})?",
                0..8),
            id in ".{0,12}", called in "[0-9/]{0,8}", weekday in 0u32..7, minute in 0u32..1440) {
            let file = rules(&lines.join("\n"));
            prop_assert_eq!(file.rules.len() + file.problems.len(), lines.len());
            let call = Call { caller: &id, called: &called, ring: 1, line: "ttyS1", weekday, minute };
            let found = file.find(&call);
            if let (Some(Outcome::CallBack { .. }), Caller::Hidden(_)) = (found.map(|r| &r.outcome), Caller::of(&id)) {
                prop_assert!(found.is_some_and(|rule| rule.from.is_some()));
            }
            // A rule said to be dead decides nothing.
            for dead in file.unreachable() {
                prop_assert!(found.is_none_or(|rule| rule.at != dead.at));
            }
        }
    }
}
