//! Rules that decide nothing, because those before them decide everything they could.

use super::{CallerRules, HIDDEN, Hidden, Rule, Who};
use crate::config::document::Position;

const WEEK: usize = 7 * 24 * 60;

/// A rule that no call reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The rule.
    pub at: Position,
    /// The first of those that keep every call from it.
    pub because: Position,
}

impl CallerRules {
    /// Rules that are never reached. Only what can be shown is said.
    #[must_use]
    pub fn unreachable(&self) -> Vec<Unreachable> {
        let mut found = Vec::new();
        for (place, rule) in self.rules.iter().enumerate() {
            let before = self.rules.get(..place).unwrap_or(&[]);
            let covering: Vec<&Rule> = before.iter().filter(|earlier| covers(earlier, rule)).collect();
            let Some(first) = covering.first() else { continue };
            let weeks: Vec<Vec<bool>> = covering.iter().map(|earlier| week(earlier)).collect();
            let all = week(rule).iter().enumerate().all(|(minute, on)| {
                !on || weeks.iter().any(|week| week.get(minute).copied().unwrap_or(false))
            });
            if all {
                found.push(Unreachable { at: rule.at, because: first.at });
            }
        }
        found
    }
}

/// The minutes of a week in which a rule holds.
fn week(rule: &Rule) -> Vec<bool> {
    let minute = |n: usize| {
        let n = u32::try_from(n).unwrap_or(0);
        rule.hours.as_ref().is_none_or(|list| list.iter().any(|h| h.contains(n / 1440, n % 1440)))
    };
    (0..WEEK).map(minute).collect()
}

/// Whether an earlier rule holds for all calls that a later one holds for, their hours apart.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    from(earlier, later)
        && list(&earlier.called, &later.called, |a, b| b.ends_with(a.as_str()))
        && list(&earlier.ring, &later.ring, |a, b| a == b)
        && list(&earlier.lines, &later.lines, |a, b| line(a.as_bytes(), b.as_bytes()))
}

/// Each of the later rule's words is covered by one of the earlier rule's.
fn list<T>(earlier: &Option<Vec<T>>, later: &Option<Vec<T>>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (earlier, later) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => later.iter().all(|b| earlier.iter().any(|a| covers(a, b))),
    }
}

fn from(earlier: &Rule, later: &Rule) -> bool {
    let numbers = match (&earlier.from, &later.from) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(earlier), Some(later)) => {
            later.iter().all(|b| matches!(b, Who::Hidden(_)) || earlier.iter().any(|a| who(a, b)))
        }
    };
    let holds = |rule: &Rule, hidden: Hidden| match &rule.from {
        None => !rule.calls(),
        Some(list) => list.contains(&Who::Hidden(hidden)),
    };
    numbers && HIDDEN.iter().all(|hidden| !holds(later, *hidden) || holds(earlier, *hidden))
}

fn who(earlier: &Who, later: &Who) -> bool {
    match (earlier, later) {
        (Who::Prefix(start), Who::Number(number) | Who::Prefix(number)) => number.starts_with(start),
        (a, b) => a == b,
    }
}

/// Names of lines: a `?` in the earlier one stands for anything.
fn line(earlier: &[u8], later: &[u8]) -> bool {
    later.len() <= earlier.len()
        && earlier.iter().enumerate().all(|(place, a)| *a == b'?' || later.get(place) == Some(a))
}

#[cfg(test)]
mod tests {
    use crate::config::Document;
    use crate::config::caller_rules::CallerRules;

    fn dead(text: &str) -> Vec<(u32, u32)> {
        let rules = CallerRules::parse(&Document::parse(text.as_bytes().to_vec()));
        assert_eq!(rules.problems, [], "{text}");
        rules.unreachable().iter().map(|dead| (dead.at.line, dead.because.line)).collect()
    }

    #[test]
    fn rules_behind_wider_ones_are_dead() {
        assert_eq!(dead("all answer\nfrom 1 refuse\n"), [(2, 1)]);
        assert_eq!(dead("from 030* answer\nfrom 0301 refuse\nfrom 03* refuse\n"), [(2, 1)]);
        assert_eq!(dead("from 1 2 answer\nfrom 2 refuse\nfrom 2 3 refuse\n"), [(2, 1)]);
        assert_eq!(dead("line ttyS? answer\nline ttyS1 refuse\nline ttyUSB1 refuse\n"), [(2, 1)]);
        assert_eq!(dead("line ttyS1 answer\nline ttyS? refuse\nfrom 1 refuse\n"), []);
        assert_eq!(dead("called 2 answer\ncalled 42 refuse\ncalled 43 refuse\n"), [(2, 1)]);
        assert_eq!(dead("ring 1 answer\nring 1 2 refuse\n"), []);
    }

    #[test]
    fn hours_of_several_rules_together_keep_calls_away() {
        let text = "hours Mo-Fr 00:00-12:00 answer\nhours Mo-Fr 12:00-24:00 ignore\nhours We refuse\nhours Sa refuse\n";
        assert_eq!(dead(text), [(3, 1)]);
        assert_eq!(
            dead("hours Fr 22:00-06:00 answer\nhours Sa 00:00-06:00 refuse\nhours Sa 00:00-06:01 refuse\n"),
            [(2, 1)]
        );
    }

    #[test]
    fn a_call_back_leaves_the_hidden_callers_to_others() {
        assert_eq!(dead("all call-back 1\nfrom none refuse\nfrom 5 refuse\n"), [(3, 1)]);
        assert_eq!(dead("all call-back 1\nall refuse\nall answer\n"), [(3, 2)]);
    }
}
