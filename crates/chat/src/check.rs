//! `--check`: what is wrong with a script, without sending anything.

use crate::args::{Options, Script};
use crate::explain;
use crate::mask::{HIDDEN, Masker};
use crate::messages::to_stderr;
use crate::plan::{self, Plan};
use crate::run::values;
use crate::trace;
use serde_json::{Map, Value};
use std::io::Write;
use ttyline::expect::words::Place;
use ttyline::visible;

mod file;
mod steps;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The script fails, or does not do what stands there.
    Error,
    /// It probably does not do what was meant.
    Warning,
}

/// Something wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// How bad.
    pub level: Level,
    /// A short name for it, the same in all versions.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// The text it is about.
    pub text: Vec<u8>,
}

/// Everything wrong with a script, in the order of the text.
pub fn check(plan: &Plan, options: &Options) -> Vec<Finding> {
    let mut findings = file::check(&plan.text);
    findings.extend(steps::check(plan, options));
    if let Some(error) = plan.unterminated {
        findings.push(Finding {
            place: error.place,
            level: Level::Error,
            code: "unterminated-quote",
            message: format!(
                "unterminated quote (line {}): expected the same quote again on this line; the script ends here",
                error.piece
            ),
            text: Vec::new(),
        });
    }
    findings.sort_by_key(|f| (f.place.line, f.place.column));
    findings
}

/// Reads, checks, prints; 1 if anything was found.
pub fn run(options: &Options, json: bool) -> u8 {
    let plan = match Plan::read(&options.script) {
        Ok(plan) => plan,
        Err(text) => {
            to_stderr(format!("chat: {text}\n").as_bytes());
            return 1;
        }
    };
    let mut masker = Masker::default();
    plan::secrets(options).iter().for_each(|s| masker.add(s));
    let findings = check(&plan, options);
    let mut out = String::new();
    for finding in &findings {
        let line = if json {
            as_json(finding, &options.script, &masker)
        } else {
            as_text(finding, &options.script, &masker)
        };
        out.push_str(&line);
        out.push('\n');
    }
    let printed = std::io::stdout().write_all(out.as_bytes());
    u8::from(!findings.is_empty() || printed.is_err())
}

/// A word of a secret send is not shown, nor any secret in another.
fn shown(finding: &Finding, masker: &Masker) -> Vec<u8> {
    let quiet = finding.text.windows(2).any(|w| w == b"\\q");
    if quiet { HIDDEN.to_vec() } else { masker.text(&finding.text) }
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

fn as_text(finding: &Finding, script: &Script, masker: &Masker) -> String {
    let at = explain::place(script, finding.place);
    let Finding { level, code, message, .. } = finding;
    let text = visible::terminal(shown(finding, masker));
    let text = if finding.text.is_empty() { String::new() } else { format!("\"{text}\": ") };
    format!("{at}: {}: {text}{message} [{code}]", name(*level))
}

fn as_json(finding: &Finding, script: &Script, masker: &Masker) -> String {
    let mut object = Map::new();
    if let Script::File(path) = script {
        object.insert("file".into(), path.to_string_lossy().into());
    }
    object.insert("line".into(), finding.place.line.into());
    object.insert("column".into(), finding.place.column.into());
    object.insert("level".into(), name(finding.level).into());
    object.insert("code".into(), finding.code.into());
    object.insert("message".into(), finding.message.as_str().into());
    object.insert("text".into(), trace::text(&shown(finding, masker)));
    Value::Object(object).to_string()
}

/// What every check calls when it found something.
fn finding(
    place: Place,
    level: Level,
    code: &'static str,
    text: &[u8],
    message: impl Into<String>,
) -> Finding {
    Finding { place, level, code, message: message.into(), text: text.to_vec() }
}

/// The context the steps are checked in.
fn escapes(options: &Options) -> ttyline::expect::escape::Values<'_> {
    values(options)
}
