//! Edits dialin.config, token by token: separators and comments stay where they are.

use super::document::Position;
use std::ops::Range;

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// As written, `!` included.
    pub text: String,
    /// Its bytes.
    pub span: Range<usize>,
    /// Where it begins.
    pub at: Position,
}

impl Rule {
    /// Whether it lets in.
    #[must_use]
    pub fn allows(&self) -> bool {
        !self.text.starts_with('!')
    }

    /// What numbers must begin with; `all` and nothing mean everybody.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.text.strip_prefix('!').unwrap_or(&self.text)
    }

    /// Whether nothing behind it is ever reached.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.prefix(), "all" | "")
    }

    /// Whether it decides about a caller.
    #[must_use]
    pub fn decides(&self, caller: &str) -> bool {
        self.prefix() == "all" || caller.starts_with(self.prefix())
    }
}

/// All rules in their order, as mgetty reads them ([`super::dialin`]).
#[must_use]
pub fn rules(file: &[u8]) -> Vec<Rule> {
    let mut starts = vec![0];
    starts.extend(file.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1));
    super::dialin::tokens(file)
        .map(|(at, token)| {
            let line = usize::try_from(at.line).unwrap_or(1).saturating_sub(1);
            let column = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
            let start = starts.get(line).copied().unwrap_or(0) + column;
            Rule { text: String::from_utf8_lossy(token).into_owned(), span: start..start + token.len(), at }
        })
        .collect()
}

/// What may stand in the file as one rule: no blank, comma, `#` or control byte.
#[must_use]
pub fn is_rule(text: &str) -> bool {
    let prefix = text.strip_prefix('!').unwrap_or(text);
    !prefix.is_empty() && prefix.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b',' | b'#' | b'!'))
}

/// The file with a new rule at a place (0 is the first); without one before the first rule that is for
/// everybody, so that it is reached.
#[must_use]
pub fn with_rule(file: &[u8], text: &str, place: Option<usize>) -> Vec<u8> {
    let rules = rules(file);
    let place = place.or_else(|| rules.iter().position(Rule::is_final)).unwrap_or(rules.len());
    let mut out = file.to_vec();
    let Some(next) = rules.get(place) else {
        if out.last().is_some_and(|b| *b != b'\n') {
            out.push(b'\n');
        }
        out.extend(format!("{text}\n").bytes());
        return out;
    };
    // On a line of its own if the next one begins its line, else before it on the same.
    let line_start =
        out.get(..next.span.start).unwrap_or_default().iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
    let first =
        out.get(line_start..next.span.start).unwrap_or_default().iter().all(|b| b" \t,\r".contains(b));
    if first {
        out.splice(line_start..line_start, format!("{text}\n").bytes());
    } else {
        out.splice(next.span.start..next.span.start, format!("{text} ").bytes());
    }
    out
}

/// The file with another text in a rule's place.
#[must_use]
pub fn with_text(file: &[u8], rule: &Rule, text: &str) -> Vec<u8> {
    let mut out = file.to_vec();
    out.splice(rule.span.clone(), text.bytes());
    out
}

/// The file with the rule at `from` standing at `to`; the places stay, the rules move between them.
#[must_use]
pub fn moved(file: &[u8], from: usize, to: usize) -> Vec<u8> {
    let rules = rules(file);
    let mut texts: Vec<&str> = rules.iter().map(|r| r.text.as_str()).collect();
    if from >= texts.len() || to >= texts.len() {
        return file.to_vec();
    }
    let text = texts.remove(from);
    texts.insert(to, text);
    let mut out = file.to_vec();
    for (rule, text) in rules.iter().zip(texts).rev() {
        if rule.text != text {
            out.splice(rule.span.clone(), text.bytes());
        }
    }
    out
}

/// The file without a rule; a line that said nothing else goes whole.
#[must_use]
pub fn without(file: &[u8], rule: &Rule) -> Vec<u8> {
    let mut out = file.to_vec();
    let line_start =
        out.get(..rule.span.start).unwrap_or_default().iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
    let rest = out.get(rule.span.end..).unwrap_or_default();
    let line_end = rest.iter().position(|b| *b == b'\n').map_or(out.len(), |p| rule.span.end + p + 1);
    let separator = |b: &u8| b" \t,\r\n".contains(b);
    let before = out.get(line_start..rule.span.start).unwrap_or_default();
    let after = out.get(rule.span.end..line_end).unwrap_or_default();
    if before.iter().all(separator) && after.iter().all(separator) {
        out.drain(line_start..line_end);
    } else if before.iter().all(separator) {
        let gap = after.iter().take_while(|b| b" \t,".contains(b)).count();
        out.drain(rule.span.start..rule.span.end + gap);
    } else {
        let gap = before.iter().rev().take_while(|b| b" \t,".contains(b)).count();
        out.drain(rule.span.start - gap..rule.span.end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "# friends\n832, 555\t!416\n!none\n\n!all # nobody else\n";

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn edits_touch_nothing_else() {
        assert_eq!(text(with_rule(FILE.as_bytes(), "+4930", None)), FILE.replace("!all", "+4930\n!all"));
        assert_eq!(text(with_rule(FILE.as_bytes(), "7", Some(1))), FILE.replace("555", "7 555"));
        assert_eq!(text(with_rule(b"555", "7", None)), "555\n7\n");
        assert_eq!(text(with_rule(b"", "!all", None)), "!all\n");
        let all = rules(FILE.as_bytes());
        assert_eq!(text(with_text(FILE.as_bytes(), &all[1], "!555")), FILE.replace("555", "!555"));
        assert_eq!(text(without(FILE.as_bytes(), &all[1])), FILE.replace(", 555", ""));
        assert_eq!(text(without(FILE.as_bytes(), &all[0])), FILE.replace("832, ", ""));
        assert_eq!(text(without(FILE.as_bytes(), &all[3])), FILE.replace("!none\n", ""));
        assert_eq!(
            text(moved(FILE.as_bytes(), 3, 0)),
            "# friends\n!none, 832\t555\n!416\n\n!all # nobody else\n"
        );
        assert_eq!(text(moved(FILE.as_bytes(), 0, 2)), FILE.replace("832, 555\t!416", "555, !416\t832"));
    }

    #[test]
    fn traps_are_seen_as_mgetty_sees_them() {
        let all = rules(b"555 # my friend 4\n!\n");
        let texts: Vec<_> = all.iter().map(|r| r.text.as_str()).collect();
        assert_eq!(texts, ["555", "#", "my", "friend", "4", "!"]);
        assert!(all[5].is_final() && !all[5].allows());
        for good in ["+49", "!none", "O", "P", "OUT_OF_AREA", "all", "555-1"] {
            assert!(is_rule(good), "{good}");
        }
        for bad in ["", "!", "5 5", "5,5", "#5", "!!5", "5\n"] {
            assert!(!is_rule(bad), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn rules_move_and_nothing_is_lost(file in "([!0-9a#]{0,3}[ ,\t\n]){0,12}", from in 0usize..8, to in 0usize..8) {
            let texts = |bytes: &[u8]| rules(bytes).into_iter().map(|r| r.text).collect::<Vec<_>>();
            let before = texts(file.as_bytes());
            // A comment is a line whose first rule begins with `#`: none may come to stand there.
            prop_assume!(!before.iter().any(|t| t.starts_with('#')));
            let mut sorted = texts(&moved(file.as_bytes(), from, to));
            if from < before.len() && to < before.len() {
                prop_assert_eq!(&sorted[to], &before[from]);
            }
            let mut wanted = before.clone();
            sorted.sort();
            wanted.sort();
            prop_assert_eq!(sorted, wanted);
            if let Some(rule) = rules(file.as_bytes()).get(from) {
                let mut left = before.clone();
                left.remove(from);
                prop_assert_eq!(texts(&without(file.as_bytes(), rule)), left);
            }
            let mut more = before.clone();
            let place = from.min(before.len());
            more.insert(place, "777".into());
            prop_assert_eq!(texts(&with_rule(file.as_bytes(), "777", Some(place))), more);
        }
    }
}
