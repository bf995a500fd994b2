//! What a look at the machine or its files has found, and what to do about it.

use crate::command::code;
use crate::json::shown;
use crate::session::{Session, say};
use serde_json::{Value, json};
use ttyline::visible;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Good,
    /// Worth knowing; it may be meant so.
    Note,
    /// It will not work, or is dangerous.
    Problem,
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Weight::Good => "ok",
            Weight::Note => "note",
            Weight::Problem => "PROBLEM",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    /// Where: `file:line:column`, or a subject such as `pppd`.
    pub place: String,
    /// A sentence.
    pub says: String,
    /// What to type or to write.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn good(place: impl Into<String>, says: impl Into<String>) -> Finding {
        Finding { weight: Weight::Good, place: place.into(), says: says.into(), remedy: None }
    }

    /// Worth knowing.
    pub fn note(place: impl Into<String>, says: impl Into<String>, remedy: impl Into<String>) -> Finding {
        let remedy = Some(remedy.into()).filter(|r| !r.is_empty());
        Finding { weight: Weight::Note, place: place.into(), says: says.into(), remedy }
    }

    /// To be mended.
    pub fn problem(place: impl Into<String>, says: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { weight: Weight::Problem, ..Finding::note(place, says, remedy) }
    }
}

/// Shows findings; the exit code is [`code::NO`] if there is a problem among them.
pub fn report(session: &Session, findings: &[Finding]) -> u8 {
    let count = |weight| findings.iter().filter(|finding| finding.weight == weight).count();
    let problems = count(Weight::Problem);
    if session.json {
        let all: Vec<Value> = findings
            .iter()
            .map(|f| json!({ "weight": f.weight.word().to_lowercase(), "place": f.place, "says": f.says, "remedy": f.remedy }))
            .collect();
        say(shown(&Value::from(all)));
    } else {
        for finding in findings {
            say(visible::line(format!("{:7}  {}: {}", finding.weight.word(), finding.place, finding.says)));
        }
        let remedies: Vec<&String> = findings.iter().filter_map(|finding| finding.remedy.as_ref()).collect();
        if !remedies.is_empty() {
            say("\nwhat to do:");
            let mut said: Vec<&String> = Vec::new();
            for remedy in remedies {
                if !said.contains(&remedy) {
                    say(format!("  {}", visible::line(remedy)));
                    said.push(remedy);
                }
            }
        }
        let many = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        say(format!("\n{}, {}", many(problems, "problem"), many(count(Weight::Note), "note")));
    }
    if problems > 0 { code::NO } else { code::DONE }
}
