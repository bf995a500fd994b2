//! What callback.config says beyond the original: who may be called back, where, when and how often.
//!
//! The keywords and the `user NAME` sections are such that the original's callback passes over them (an
//! unknown keyword costs it a line in its log). It knows no `user` sections, so a keyword of the original in
//! one holds for everybody, there and here; that is said as a [`Fault::Doubtful`].

use super::callback::CallbackConfig;
use super::document::{Document, LogicalLine};
use super::keywords::port_matches;
use super::{Fault, Problem};
use crate::number::{Plan, Policy, Rule, Scope, Word};

/// Keywords that the original does not know.
pub const KEYWORDS: &[&str] = &[
    "user",
    "number-allow",
    "number-deny",
    "number-length",
    "country-code",
    "international-prefix",
    "national-prefix",
    "attempts",
    "hours",
    "password",
    "clear-down-time",
    "other-line",
    "blind-dial",
    "hand-over-time",
];

/// What decides about one request for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPolicy {
    /// Which numbers.
    pub numbers: Policy,
    /// Calls in an hour for one user, and for all together.
    pub attempts: (u32, u32),
    /// When; always if empty.
    pub hours: Vec<Hours>,
    /// The user has to give a password.
    pub password: bool,
    /// Seconds the line must have been clear before it is used to call its caller back.
    pub clear_down: u32,
    /// A caller is called back on another line than his own.
    pub other_line: bool,
    /// The modem does not wait for the dial tone.
    pub blind_dial: bool,
    /// Seconds the getty may take to say that it has the call.
    pub hand_over: u32,
    country: Option<String>,
    international: Option<String>,
    national: Option<String>,
}

impl Default for CallPolicy {
    fn default() -> Self {
        CallPolicy {
            numbers: Policy::default(),
            attempts: (20, 60),
            hours: Vec::new(),
            password: false,
            clear_down: 2,
            other_line: false,
            blind_dial: false,
            hand_over: 30,
            country: None,
            international: None,
            national: None,
        }
    }
}

/// Days and a time of day, local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    /// First and last day, 0 is Sunday; the last may be before the first (Fr-Mo).
    pub days: (u32, u32),
    /// First minute of the day, and the one after the last; the end may be before the start (22:00-06:00).
    pub minutes: (u32, u32),
}

const DAYS: [&str; 7] = ["su", "mo", "tu", "we", "th", "fr", "sa"];

impl Hours {
    /// Reads `Mo-Fr 08:00-18:00`, `Sa 10:00-12:00`, several of them; a day alone is the whole day.
    #[must_use]
    pub fn parse(text: &str) -> Option<Vec<Hours>> {
        let mut found: Vec<Hours> = Vec::new();
        let mut days = None;
        for word in text.split_ascii_whitespace() {
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                let minutes = range(word, |time| {
                    let (hours, minutes) = time.split_once(':')?;
                    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
                    (hours * 60 + minutes <= 24 * 60 && minutes < 60).then_some(hours * 60 + minutes)
                })?;
                found.push(Hours { days: days?, minutes });
                days = None;
            } else {
                found.extend(days.map(|days| Hours { days, minutes: (0, 24 * 60) }));
                let day = |name: &str| {
                    let name = name.to_ascii_lowercase();
                    DAYS.iter().position(|day| *day == name).and_then(|d| u32::try_from(d).ok())
                };
                days = Some(range(word, day).or_else(|| day(word).map(|d| (d, d)))?);
            }
        }
        found.extend(days.map(|days| Hours { days, minutes: (0, 24 * 60) }));
        if found.is_empty() { None } else { Some(found) }
    }

    /// Whether a moment lies in it: day of the week (0 is Sunday), minute of the day.
    #[must_use]
    pub fn contains(&self, weekday: u32, minute: u32) -> bool {
        let (first, last) = self.days;
        let day = |d: u32| if first <= last { (first..=last).contains(&d) } else { d >= first || d <= last };
        let (start, end) = self.minutes;
        if start <= end {
            day(weekday) && (start..end).contains(&minute)
        } else {
            // Over midnight: the early hours belong to the day before.
            day(weekday) && minute >= start || day((weekday + 6) % 7) && minute < end
        }
    }
}

fn range<T>(word: &str, one: impl Fn(&str) -> Option<T>) -> Option<(T, T)> {
    let (from, to) = word.split_once('-')?;
    Some((one(from)?, one(to)?))
}

/// Both parts of callback.config for a device and a user, and what is wrong in the lines that hold.
#[must_use]
pub fn load(
    config: &mut CallbackConfig,
    document: &Document,
    device: Option<&str>,
    user: Option<&str>,
) -> (CallPolicy, Vec<Problem>) {
    let mut policy = CallPolicy::default();
    let mut problems = Vec::new();
    let (mut port, mut port_holds) = (false, true);
    let mut section: Option<bool> = None;
    for line in document.entries() {
        let Some(word) = line.keyword() else { continue };
        match word.bytes.as_slice() {
            b"port" => {
                port = true;
                port_holds = device.is_some_and(|device| port_matches(&line.value(), device.as_bytes()));
                section = None;
            }
            b"user" => {
                let name = line.value();
                if name.is_empty() {
                    problems.push(bad(line, "the name of a user"));
                }
                section = Some(!name.is_empty() && user.is_some_and(|user| name == user.as_bytes()));
            }
            known if KEYWORDS.iter().any(|k| k.as_bytes() == known) => {
                let scope = match section {
                    Some(_) => Scope::User,
                    None if port => Scope::Port,
                    None => Scope::Global,
                };
                // Read even where it does not hold: a mistake there is one all the same.
                let mut scratch = policy.clone();
                let read = scratch.apply(line, scope);
                if let Err(expected) = read {
                    problems.push(bad(line, expected));
                } else if section.unwrap_or(port_holds) {
                    policy = scratch;
                }
            }
            _ => {
                if section.is_some() {
                    let (keyword, found) = (word.text().into_owned(), crate::visible::terminal(line.value()));
                    let understood = "said for everybody (user sections hold policy only)";
                    problems
                        .push(Problem { at: word.at, fault: Fault::Doubtful { keyword, found, understood } });
                }
                if port_holds {
                    config.apply(line, &mut problems);
                }
            }
        }
    }
    let CallPolicy { country, international, national, .. } = &policy;
    policy.numbers.plan = Plan::new(country.as_deref(), international.as_deref(), national.as_deref());
    (policy, problems)
}

fn bad(line: &LogicalLine, expected: &'static str) -> Problem {
    let keyword = line.keyword().map(|w| w.text().into_owned()).unwrap_or_default();
    let found = crate::visible::terminal(line.value());
    Problem { at: line.value_at(), fault: Fault::BadValue { keyword, found, expected } }
}

impl CallPolicy {
    /// Takes one line.
    ///
    /// # Errors
    /// What is expected instead.
    fn apply(&mut self, line: &LogicalLine, scope: Scope) -> Result<(), &'static str> {
        const YES_NO: &str = "`yes` or `no`";
        const PREFIX: &str = "digits";
        let value = line.value();
        let text = std::str::from_utf8(&value).map_err(|_| "text")?;
        let keyword = line.keyword().map(|w| w.text().into_owned()).unwrap_or_default();
        let truth = || match text {
            "" | "y" | "yes" | "t" | "true" | "on" => Ok(true),
            "n" | "no" | "f" | "false" | "off" => Ok(false),
            _ => Err(YES_NO),
        };
        let numbers = || text.split(' ').map(str::parse::<u32>).collect::<Result<Vec<_>, _>>();
        let prefix = || {
            let good = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
            if good { Ok(Some(text.to_string())) } else { Err(PREFIX) }
        };
        match keyword.as_str() {
            "number-allow" | "number-deny" => {
                let expected = "numbers' beginnings, classes (premium, international ...) or `all`";
                let words: Result<Vec<Word>, _> = text.split(' ').map(Word::parse).collect();
                let (allow, line) = (keyword == "number-allow", line.at.line);
                let words = words.map_err(|_| expected)?;
                self.numbers.rules.extend(words.into_iter().map(|word| Rule { allow, word, scope, line }));
            }
            "number-length" => match numbers().as_deref() {
                Ok([least, most]) if *least <= *most && *most <= 20 => {
                    self.numbers.length =
                        (u8::try_from(*least).unwrap_or(20), u8::try_from(*most).unwrap_or(20));
                }
                _ => return Err("two numbers of digits, at most 20"),
            },
            "attempts" => match numbers().as_deref() {
                Ok([user, all]) => self.attempts = (*user, *all),
                _ => return Err("two numbers: calls in an hour per user and in all"),
            },
            "hours" => self.hours = Hours::parse(text).ok_or("days and times, as `Mo-Fr 08:00-18:00`")?,
            "password" => self.password = truth()?,
            "clear-down-time" => match numbers().as_deref() {
                Ok([seconds]) if *seconds <= 300 => self.clear_down = *seconds,
                _ => return Err("seconds, at most 300"),
            },
            "hand-over-time" => match numbers().as_deref() {
                Ok([seconds @ 1..=300]) => self.hand_over = *seconds,
                _ => return Err("seconds, 1 to 300"),
            },
            "other-line" => self.other_line = truth()?,
            "blind-dial" => self.blind_dial = truth()?,
            "country-code" => self.country = prefix()?,
            "international-prefix" => self.international = prefix()?,
            "national-prefix" => {
                // No prefix at all is a plan of its own (Italy, Denmark).
                self.national = if text.is_empty() { Some(String::new()) } else { prefix()? };
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::Typed;
    use std::path::Path;

    fn read(
        text: &str,
        device: Option<&str>,
        user: Option<&str>,
    ) -> (CallbackConfig, CallPolicy, Vec<String>) {
        let mut config = CallbackConfig::default();
        let document = Document::parse(text.as_bytes().to_vec());
        let (policy, problems) = load(&mut config, &document, device, user);
        (config, policy, problems.iter().map(|p| p.describe(Path::new("f"))).collect())
    }

    #[test]
    fn sections_for_users_hold_policy() {
        let text = "delay 5\ncountry-code 49\nnumber-deny 0900\nattempts 3 10\n\
                    user mary\nnumber-allow 030 +44\npassword yes\n\
                    user john\nattempts 1 10\nport ttyS1\ndelay 7\nnumber-length 5 9\n";
        let (config, mary, problems) = read(text, Some("ttyS0"), Some("mary"));
        assert_eq!(problems, [""; 0]);
        assert_eq!((config.delay.value, mary.attempts, mary.password), (5, (3, 10), true));
        let may = |policy: &CallPolicy, number: &str| {
            policy.numbers.typed(&Typed::parse(number.as_bytes()).unwrap()).allowed
        };
        assert!(may(&mary, "+49 30 12345") && !may(&mary, "0401234"));
        let (config, john, _) = read(text, Some("ttyS1"), Some("john"));
        assert_eq!((config.delay.value, john.attempts.0, john.numbers.length), (7, 1, (5, 9)));
        assert!(may(&john, "0401234"));
        let (_, nobody, _) = read(text, None, None);
        assert_eq!((nobody.attempts, nobody.numbers.length), ((3, 10), (3, 17)));
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let text = "number-allow 12x\nnumber-length 9 3\nattempts many\nhours Mo-Fr 8-18\npassword perhaps\n\
                    country-code +49\nclear-down-time 1000\nuser\nuser x\ndelay 9\nnonsense 1\n";
        let (config, policy, problems) = read(text, None, None);
        assert_eq!(config.delay.value, 9, "as the original reads it");
        assert_eq!(policy, CallPolicy::default());
        let places: Vec<&str> = problems.iter().filter_map(|p| p.split(' ').next()).collect();
        assert_eq!(
            places,
            [
                "f:1:14:", "f:2:15:", "f:3:10:", "f:4:7:", "f:5:10:", "f:6:14:", "f:7:17:", "f:8:1:",
                "f:10:1:", "f:11:1:", "f:11:1:"
            ],
            "{problems:#?}"
        );
    }

    #[test]
    fn hours() {
        let week = Hours::parse("Mo-Fr 08:00-18:00 Sa 10:00-12:00").unwrap();
        let open = |day, hour: u32, minute: u32| week.iter().any(|h| h.contains(day, hour * 60 + minute));
        assert!(open(1, 8, 0) && open(5, 17, 59) && open(6, 11, 0));
        assert!(!open(1, 7, 59) && !open(5, 18, 0) && !open(6, 12, 0) && !open(0, 11, 0));
        let night = Hours::parse("Fr-Mo 22:00-06:00").unwrap();
        let open = |day, hour: u32| night.iter().any(|h| h.contains(day, hour * 60));
        assert!(open(5, 23) && open(6, 1) && open(0, 22) && open(2, 5) && !open(2, 22) && !open(5, 5));
        assert_eq!(Hours::parse("Su").unwrap()[0], Hours { days: (0, 0), minutes: (0, 1440) });
        assert_eq!(Hours::parse("Mo Tu 08:00-09:00").unwrap().len(), 2);
        for bad in ["", "08:00-18:00", "Mo-Xx", "Mo 25:00-26:00", "Mo 08:00", "Mo 08:99-09:00"] {
            assert_eq!(Hours::parse(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_file_is_read(lines in proptest::collection::vec(
            (proptest::sample::select(KEYWORDS), "[ -~]{0,24}"), 0..12), rest in ".{0,40}") {
            let text: String = lines.iter().map(|(keyword, value)| format!("{keyword} {value}\n")).collect();
            let (_, policy, _) = read(&format!("{text}{rest}"), Some("ttyS1"), Some("x"));
            proptest::prop_assert!(policy.numbers.length.1 <= 20 && policy.clear_down <= 300);
            for word in ["0900123456", "112", "+49"] {
                let _ = policy.numbers.typed(&Typed::parse(word.as_bytes()).unwrap());
            }
        }
    }
}
