//! From a line to a rule.

use super::{Hidden, Outcome, Rule, Who};
use crate::config::call_policy::Hours;
use crate::config::document::{LogicalLine, Word};
use crate::config::{Fault, Problem};
use crate::number::Fixed;
use crate::visible;

/// Words that begin a condition, and those that end them all.
pub const CONDITIONS: [&str; 6] = ["all", "from", "called", "ring", "line", "hours"];
/// Outcomes.
pub const OUTCOMES: [&str; 5] = ["answer", "refuse", "ignore", "call-back", "program"];

/// Reads one line.
pub(super) fn rule(line: &LogicalLine) -> Result<Rule, Problem> {
    let words = &line.words;
    let text: Vec<_> = words.iter().map(|word| visible::terminal(&word.bytes)).collect();
    let mut rule = Rule {
        at: line.words.first().map_or(line.at, |word| word.at),
        text: text.join(" "),
        from: None,
        called: None,
        ring: None,
        lines: None,
        hours: None,
        outcome: Outcome::Answer,
    };
    let mut rest = words.as_slice();
    let mut conditions = 0;
    while let Some((first, tail)) = rest.split_first() {
        if is(first, &OUTCOMES) {
            if conditions == 0 {
                return Err(bad(first, "a condition before it, or `all`"));
            }
            rule.outcome = outcome(first, tail)?;
            return Ok(rule);
        }
        if !is(first, &CONDITIONS) {
            return Err(bad(
                first,
                "a condition (all from called ring line hours) or an outcome (answer refuse ignore call-back program)",
            ));
        }
        let count = tail.iter().take_while(|word| !is(word, &CONDITIONS) && !is(word, &OUTCOMES)).count();
        let (values, next) = tail.split_at(count);
        condition(&mut rule, first, values)?;
        conditions += 1;
        rest = next;
    }
    let last = words.last();
    Err(Problem {
        at: last.map_or(line.at, |word| word.at),
        fault: Fault::Wrong(
            "the rule has no outcome, expected answer, refuse, ignore, call-back or program".into(),
        ),
    })
}

fn is(word: &Word, list: &[&str]) -> bool {
    list.iter().any(|known| known.as_bytes() == word.bytes)
}

fn bad(word: &Word, expected: &str) -> Problem {
    let fault = Fault::Wrong(format!("`{}`: expected {expected}", visible::terminal(&word.bytes)));
    Problem { at: word.at, fault }
}

fn condition(rule: &mut Rule, keyword: &Word, values: &[Word]) -> Result<(), Problem> {
    let keyword_text = keyword.text();
    if keyword_text == "all" {
        return match values.first() {
            None => Ok(()),
            Some(word) => Err(bad(word, "a condition or an outcome (`all` takes no words)")),
        };
    }
    if values.is_empty() {
        return Err(bad(keyword, "words behind it"));
    }
    match keyword_text.as_ref() {
        "from" => add(
            &mut rule.from,
            values,
            "digits, with `+` before them and `*` behind them for all that begin so, or none, withheld, unavailable",
            who,
        ),
        "called" => add(&mut rule.called, values, "digits: how the number called ends", |word| {
            let good = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
            good.then(|| word.to_string())
        }),
        "ring" => add(&mut rule.ring, values, "the number of a distinctive ring", |word| word.parse().ok()),
        "line" => add(&mut rule.lines, values, "a line's name, without /dev/", |word| {
            (!word.starts_with("/dev/")).then(|| word.to_string())
        }),
        _ => {
            let words: Vec<_> = values.iter().map(Word::text).collect();
            let first = values.first().unwrap_or(keyword);
            let hours = Hours::parse(&words.join(" "))
                .ok_or_else(|| bad(first, "days and times, as `Mo-Fr 08:00-18:00`"))?;
            rule.hours.get_or_insert_default().extend(hours);
            Ok(())
        }
    }
}

fn add<T>(
    list: &mut Option<Vec<T>>,
    values: &[Word],
    expected: &str,
    one: impl Fn(&str) -> Option<T>,
) -> Result<(), Problem> {
    let list = list.get_or_insert_default();
    for word in values {
        let text = std::str::from_utf8(&word.bytes).ok();
        list.push(text.and_then(&one).ok_or_else(|| bad(word, expected))?);
    }
    Ok(())
}

fn who(word: &str) -> Option<Who> {
    match word {
        "none" => return Some(Who::Hidden(Hidden::Untold)),
        "withheld" => return Some(Who::Hidden(Hidden::Withheld)),
        "unavailable" => return Some(Who::Hidden(Hidden::Unavailable)),
        _ => {}
    }
    let (number, prefix) = word.strip_suffix('*').map_or((word, false), |start| (start, true));
    let digits = number.strip_prefix('+').unwrap_or(number);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = number.to_string();
    Some(if prefix { Who::Prefix(number) } else { Who::Number(number) })
}

fn outcome(keyword: &Word, words: &[Word]) -> Result<Outcome, Problem> {
    let plain = match keyword.bytes.as_slice() {
        b"answer" => Outcome::Answer,
        b"refuse" => Outcome::Refuse,
        b"ignore" => Outcome::Ignore,
        b"call-back" => return call_back(keyword, words),
        _ => return program(keyword, words),
    };
    match words.first() {
        None => Ok(plain),
        Some(word) => Err(bad(word, "nothing behind the outcome")),
    }
}

fn call_back(keyword: &Word, words: &[Word]) -> Result<Outcome, Problem> {
    let (number, rest) = words.split_first().ok_or_else(|| bad(keyword, "the number to call"))?;
    if Fixed::parse(&number.bytes).is_err() || number.bytes.starts_with(b"-") {
        return Err(bad(number, "a telephone number"));
    }
    let user = match rest {
        [] => None,
        [user, name] if user.bytes == b"user" => Some(name.text().into_owned()),
        [word, ..] => return Err(bad(word, "`user` and a name")),
    };
    Ok(Outcome::CallBack { number: number.text().into_owned(), user })
}

fn program(keyword: &Word, words: &[Word]) -> Result<Outcome, Problem> {
    let first = words.first().ok_or_else(|| bad(keyword, "a program"))?;
    if !first.bytes.starts_with(b"/") {
        return Err(bad(first, "the absolute path of a program"));
    }
    Ok(Outcome::Program(words.iter().map(|word| word.text().into_owned()).collect()))
}

#[cfg(test)]
mod tests {
    use crate::config::Document;
    use crate::config::caller_rules::CallerRules;
    use std::path::Path;

    #[test]
    fn mistakes_are_told_with_their_place() {
        let table = [
            ("refuse", "1:1: `refuse`: expected a condition before it, or `all`"),
            ("from", "1:1: `from`: expected words behind it"),
            ("from refuse", "1:1: `from`: expected words behind it"),
            ("from 03x refuse", "1:6: `03x`: expected digits"),
            ("from *  refuse", "1:6: `*`: expected digits"),
            ("form 030 refuse", "1:1: `form`: expected a condition"),
            ("from 030 reject", "1:10: `reject`: expected digits"),
            ("from 030", "1:6: the rule has no outcome"),
            ("all 030 refuse", "1:5: `030`: expected a condition or an outcome"),
            ("all refuse now", "1:12: `now`: expected nothing behind the outcome"),
            ("all call-back", "1:5: `call-back`: expected the number to call"),
            ("all call-back 12;ATH", "1:15: `12;ATH`: expected a telephone number"),
            ("all call-back 12 mary", "1:18: `mary`: expected `user` and a name"),
            ("all program wake", "1:13: `wake`: expected the absolute path"),
            ("all program", "1:5: `program`: expected a program"),
            ("hours 08:00-18:00 refuse", "1:7: `08:00-18:00`: expected days and times"),
            ("ring two refuse", "1:6: `two`: expected the number of a distinctive ring"),
            ("line /dev/ttyS1 refuse", "1:6: `/dev/ttyS1`: expected a line's name"),
            ("called 4x refuse", "1:8: `4x`: expected digits"),
        ];
        for (text, wanted) in table {
            let rules = CallerRules::parse(&Document::parse(text.as_bytes().to_vec()));
            let said: Vec<_> = rules.problems.iter().map(|p| p.describe(Path::new("f"))).collect();
            assert_eq!(said.len(), 1, "{text}: {said:?}");
            assert!(said[0].starts_with(&format!("f:{wanted}")), "{text}: {said:?}");
            assert_eq!(rules.rules, []);
        }
    }
}
