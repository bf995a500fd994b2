//! dialin.config and the caller rules.

use super::{Report, read};
use crate::judge::Files;
use std::path::Path;
use ttyline::config::caller_rules::{self, CallerRules, Outcome, Rule, RulesFile, Who};
use ttyline::config::dialin;
use ttyline::config::mgetty::MgettyConfig;

/// Gives whether a rule calls back.
pub(super) fn check(files: &Files, config: &MgettyConfig, line: Option<&str>, report: &mut Report) -> bool {
    let dialin = read(&files.dialin, report);
    if let Some(bytes) = &dialin {
        report.problems(&files.dialin, &dialin::check(bytes), &[]);
    }
    let rules = match caller_rules::load_file(&files.rules) {
        RulesFile::Usable(rules) => rules,
        RulesFile::Missing => {
            if files.rules_named {
                report.error(
                    &files.rules,
                    None,
                    "not there, though mgetty.config names it: nobody is answered",
                );
            }
            CallerRules::default()
        }
        RulesFile::Rejected(why) => {
            report.error(&files.rules, None, format!("{why}: nobody is answered"));
            CallerRules::default()
        }
    };
    report.problems(&files.rules, &rules.problems, &[]);
    for dead in rules.unreachable() {
        let because = dead.because.line;
        let text = format!("the rule is never reached: line {because} decides before it");
        report.warn(&files.rules, Some(dead.at), text);
    }
    for rule in &rules.rules {
        if let Outcome::Program(words) = &rule.outcome {
            if let Some(first) = words.first() {
                report.program(&files.rules, Some(rule.at), first, "program");
            }
        }
        if dialin.as_ref().is_some_and(|bytes| denied(bytes, rule)) {
            let text = "the rule is never reached: dialin.config refuses these callers before it";
            report.warn(&files.rules, Some(rule.at), text);
        }
    }
    let by_number = rules.rules.iter().any(|rule| rule.from.is_some())
        || dialin.as_ref().is_some_and(|bytes| dialin::tokens(bytes).next().is_some());
    if by_number
        && config.rings_wanted() == 1
        && config.get_cnd_chat.value.is_none()
        && config.cid_program.value.is_none()
    {
        let path: &Path = if rules.rules.is_empty() { &files.dialin } else { &files.rules };
        let who = line.map_or(String::new(), |line| format!(" for {line}"));
        let text =
            format!("modems tell the number after the first ring, but `rings` is 1{who}: set `rings 2`");
        report.warn(path, None, text);
    }
    rules.rules.iter().any(|rule| matches!(rule.outcome, Outcome::CallBack { .. }))
}

/// Whether dialin.config refuses everybody that a rule is about; only what can be shown.
fn denied(dialin: &[u8], rule: &Rule) -> bool {
    let Some(from) = &rule.from else { return refuses(dialin, "", true) };
    from.iter().all(|who| match who {
        Who::Number(number) => refuses(dialin, number, false),
        Who::Prefix(start) => refuses(dialin, start, true),
        // How a modem writes them is not known here.
        Who::Hidden(_) => false,
    })
}

/// Whether the file refuses this number, or every caller's that begins so.
fn refuses(dialin: &[u8], number: &str, all_that_begin_so: bool) -> bool {
    for (_, token) in dialin::tokens(dialin) {
        let (allowed, prefix) = match token.strip_prefix(b"!") {
            Some(rest) => (false, rest),
            None => (true, token),
        };
        if prefix == b"all" || number.as_bytes().starts_with(prefix) {
            return !allowed;
        }
        // Some of them are let in by a word that is more exact.
        if all_that_begin_so && allowed && (prefix.starts_with(number.as_bytes()) || number.is_empty()) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_dialin_config_refuses() {
        let file = b"0301 !030 0171\n!all\n";
        assert!(refuses(file, "0302", false) && !refuses(file, "0301", false));
        assert!(!refuses(file, "030", true), "0301 is let in");
        assert!(refuses(file, "0302", true) && refuses(file, "09", true) && !refuses(file, "01", true));
        assert!(!refuses(b"!030", "", true) && refuses(b"!all", "", true) && !refuses(b"1 !all", "", true));
    }
}
