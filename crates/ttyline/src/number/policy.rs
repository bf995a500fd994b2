//! Which numbers may be dialled: patterns, rules, the verdict and its reason.

use super::country::{Class, Plan};
use super::text::{Fixed, Typed};

/// The beginning of numbers, or (with `$`) whole ones: digits, `* #`, `?` for any digit, `+` first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    begin: String,
    whole: bool,
}

/// Why a word is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPattern;

impl std::fmt::Display for BadPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a pattern is digits (`?` is any digit), perhaps `+` before and `$` behind them")
    }
}

impl std::error::Error for BadPattern {}

impl Pattern {
    /// Most characters of a pattern.
    pub const MOST: usize = 40;

    /// Reads one.
    ///
    /// # Errors
    /// [`BadPattern`].
    pub fn parse(word: &str) -> Result<Pattern, BadPattern> {
        let (begin, whole) = match word.strip_suffix('$') {
            Some(begin) => (begin, true),
            None => (word, false),
        };
        let body = begin.strip_prefix('+').unwrap_or(begin);
        let good = body.bytes().all(|b| b.is_ascii_digit() || b"?*#".contains(&b));
        if !good || body.is_empty() || word.len() > Pattern::MOST {
            return Err(BadPattern);
        }
        Ok(Pattern { begin: begin.to_string(), whole })
    }

    /// Whether a number, as dialled, matches.
    #[must_use]
    pub fn matches(&self, number: &str) -> bool {
        let fits = |(wanted, is): (u8, u8)| wanted == is || wanted == b'?' && is.is_ascii_digit();
        let long_enough = number.len() >= self.begin.len();
        long_enough
            && (!self.whole || number.len() == self.begin.len())
            && self.begin.bytes().zip(number.bytes()).all(fits)
    }

    /// The same pattern for numbers as they are dialled by `plan`.
    fn dialled(&self, plan: &Plan) -> Pattern {
        Pattern { begin: plan.dialled(&self.begin), whole: self.whole }
    }

    /// How much it says: its characters without the `?`. A pattern of many `?` must not outweigh `0900`.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.begin.bytes().filter(|b| *b != b'?').count()
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.begin, if self.whole { "$" } else { "" })
    }
}

/// One word behind `number-allow` or `number-deny`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// Numbers that begin so.
    Pattern(Pattern),
    /// A class of the built-in tables: `premium`, `international` …
    Class(Class),
    /// `all`.
    All,
}

/// Why a word cannot stand behind `number-allow`.
pub type BadWord = BadPattern;

impl Word {
    /// Reads one.
    ///
    /// # Errors
    /// [`BadPattern`].
    pub fn parse(word: &str) -> Result<Word, BadWord> {
        if word == "all" {
            return Ok(Word::All);
        }
        match Class::ALL.iter().find(|class| class.name() == word) {
            Some(class) => Ok(Word::Class(*class)),
            None => Pattern::parse(word).map(Word::Pattern),
        }
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Word::Pattern(pattern) => pattern.fmt(f),
            Word::Class(class) => f.write_str(class.name()),
            Word::All => f.write_str("all"),
        }
    }
}

/// Where a rule stands; the nearer one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// For everybody.
    Global,
    /// In a `port` section.
    Port,
    /// In the section of this user.
    User,
}

/// One word of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `number-allow` or `number-deny`.
    pub allow: bool,
    /// What it speaks of.
    pub word: Word,
    /// Whose section it stands in.
    pub scope: Scope,
    /// Its line in callback.config.
    pub line: u32,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing speaks against it.
    Nothing,
    /// This rule.
    Rule(Rule),
    /// The built-in table: the class, and the prefix that makes it so.
    Class(Class, Pattern),
    /// There are `number-allow` patterns, and it matches none.
    NotListed,
    /// It has so many digits, not between these numbers of them.
    Length(usize, u8, u8),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Nothing => f.write_str("no rule speaks against it"),
            Reason::Rule(rule) => {
                let keyword = if rule.allow { "number-allow" } else { "number-deny" };
                write!(f, "line {}: {keyword} {}", rule.line, rule.word)
            }
            Reason::Class(class, prefix) => {
                write!(f, "built-in table: {prefix} is {} here (number-allow can allow it)", class.name())
            }
            Reason::NotListed => f.write_str("no number-allow matches it"),
            Reason::Length(is, least, most) => {
                write!(f, "it has {is} digits, number-length allows {least} to {most}")
            }
        }
    }
}

/// Whether a number may be dialled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It may.
    pub allowed: bool,
    /// The number as it is dialled (of a typed number: what is sent to the modem).
    pub dialled: String,
    /// What decided.
    pub reason: Reason,
}

/// Everything that decides about numbers, for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How numbers are dialled from here.
    pub plan: Plan,
    /// Rules, in any order.
    pub rules: Vec<Rule>,
    /// Fewest and most digits, as dialled.
    pub length: (u8, u8),
}

impl Default for Policy {
    fn default() -> Self {
        Policy { plan: Plan::default(), rules: Vec::new(), length: (3, 17) }
    }
}

impl Policy {
    /// Judges a typed number.
    #[must_use]
    pub fn typed(&self, number: &Typed) -> Verdict {
        let dialled = self.plan.dialled(number.as_str());
        let (allowed, reason) = self.judge(&dialled);
        Verdict { allowed, dialled, reason }
    }

    /// What policy would say of an administrator's number: `None` if nothing, else why it would be refused
    /// to a caller. It is dialled anyway.
    #[must_use]
    pub fn fixed(&self, number: &Fixed) -> Option<Reason> {
        number.readings().iter().find_map(|reading| {
            let (allowed, reason) = self.judge(&self.plan.dialled(reading));
            // Whoever writes a fixed number lists it by writing it; extensions are short.
            let speaks = !matches!(reason, Reason::NotListed | Reason::Length(..));
            (!allowed && speaks).then_some(reason)
        })
    }

    /// The match that says most decides; of equal ones a whole number, then the nearer section, then the configuration before the
    /// tables, then `deny` before `allow`.
    fn judge(&self, dialled: &str) -> (bool, Reason) {
        let (least, most) = self.length;
        // The own country's code alone leaves nothing to dial where no national prefix is used.
        if dialled.len() < usize::from(least.max(1)) || dialled.len() > usize::from(most) {
            return (false, Reason::Length(dialled.len(), least, most));
        }
        let class = self.plan.class(dialled);
        let weigh = |rule: &Rule| match &rule.word {
            Word::Pattern(pattern) => {
                let pattern = pattern.dialled(&self.plan);
                pattern.matches(dialled).then(|| (pattern.weight(), pattern.whole))
            }
            Word::Class(named) => {
                class.as_ref().filter(|(is, _)| is == named).map(|(_, by)| (by.weight(), by.whole))
            }
            Word::All => Some((0, false)),
        };
        let best = self
            .rules
            .iter()
            .filter_map(|rule| weigh(rule).map(|weight| (weight, rule.scope, !rule.allow, rule)))
            .max_by_key(|(weight, scope, deny, _)| (*weight, *scope, *deny));
        match (best, class) {
            (Some(((weight, _), _, _, rule)), class)
                if class.as_ref().is_none_or(|(_, by)| weight >= by.weight()) =>
            {
                (rule.allow, Reason::Rule(rule.clone()))
            }
            (_, Some((class, by))) => (false, Reason::Class(class, by)),
            (_, None) if self.lists() => (false, Reason::NotListed),
            (_, None) => (true, Reason::Nothing),
        }
    }

    /// Whether there is a list of allowed numbers: then nothing else is allowed.
    fn lists(&self) -> bool {
        self.rules.iter().any(|rule| rule.allow && matches!(rule.word, Word::Pattern(_)))
    }
}
