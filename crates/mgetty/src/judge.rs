//! Who is answered: dialin.config, then the caller rules. Decides on what was read; reads the two files.

use std::path::{Path, PathBuf};
use ttyline::at::caller_data::CallerData;
use ttyline::config::caller_rules::{self, Call, Outcome, RulesFile};
use ttyline::config::{self, Source, dialin};
use ttyline::log::reason;
use ttyline::sys::clock;
use ttyline::visible;

/// The files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// dialin.config.
    pub dialin: PathBuf,
    /// The caller rules.
    pub rules: PathBuf,
    /// mgetty.config names the rules: they have to be there.
    pub rules_named: bool,
}

/// What was decided, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What becomes of the call.
    pub outcome: Outcome,
    /// `FILE:LINE:COLUMN: what stands there`, for log and people; `None` if nothing decided.
    pub because: Option<String>,
    /// A rule of ours decided, not the original's file.
    pub by_rule: bool,
    /// What could not be read or is broken.
    pub faults: Vec<String>,
}

impl Files {
    /// Decides about a call.
    pub fn judge(&self, call: &Call<'_>) -> Judgement {
        let mut judgement =
            Judgement { outcome: Outcome::Answer, because: None, by_rule: false, faults: Vec::new() };
        judgement.dialin(&self.dialin, call);
        if judgement.outcome == Outcome::Answer {
            judgement.rules(self, call);
        }
        judgement
    }
}

impl Files {
    /// What in them is broken or hardly does what was meant, each with its place.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        match config::read(&self.dialin) {
            Source::Read(bytes, _) => {
                doubts.extend(dialin::check(&bytes).iter().map(|problem| problem.describe(&self.dialin)));
            }
            Source::Unreadable(error) => {
                doubts.push(format!("{}: cannot be read: {}", self.dialin.display(), reason(&error)));
            }
            Source::Missing => {}
        }
        let shown = self.rules.display();
        match caller_rules::load_file(&self.rules) {
            RulesFile::Usable(rules) => {
                doubts.extend(rules.problems.iter().map(|problem| problem.describe(&self.rules)));
                doubts.extend(rules.unreachable().iter().map(|dead| {
                    let line = dead.because.line;
                    format!("{shown}:{}: the rule is never reached: line {line} decides before it", dead.at)
                }));
            }
            RulesFile::Missing if self.rules_named => {
                doubts.push(format!("{shown} is not there: nobody is answered"));
            }
            RulesFile::Missing => {}
            RulesFile::Rejected(why) => doubts.push(format!("{shown} {why}: nobody is answered")),
        }
        doubts
    }

    /// Whether there are rules for single lines.
    pub fn name_lines(&self) -> bool {
        match caller_rules::load_file(&self.rules) {
            RulesFile::Usable(rules) => rules.rules.iter().any(|rule| rule.lines.is_some()),
            _ => false,
        }
    }
}

impl Judgement {
    fn dialin(&mut self, path: &Path, call: &Call<'_>) {
        let bytes = match config::read(path) {
            Source::Read(bytes, _) => bytes,
            Source::Missing => return,
            Source::Unreadable(error) => {
                // The original answers then; but this file keeps people out.
                self.faults.push(format!("{}: cannot be read: {}", path.display(), reason(&error)));
                self.outcome = Outcome::Refuse;
                self.because = Some(format!("{}: cannot be read", path.display()));
                return;
            }
        };
        let verdict = dialin::look_up(&bytes, call.caller);
        if let Some(at) = verdict.at {
            let token = dialin::tokens(&bytes).find(|(place, _)| *place == at).map_or(&b""[..], |(_, t)| t);
            self.because = Some(format!("{}:{at}: {}", path.display(), visible::terminal(token)));
        }
        if !verdict.allowed {
            self.outcome = Outcome::Refuse;
        }
    }

    fn rules(&mut self, files: &Files, call: &Call<'_>) {
        let shown = files.rules.display();
        let rules = match caller_rules::load_file(&files.rules) {
            RulesFile::Usable(rules) => rules,
            // Whom it was to keep out cannot be known.
            RulesFile::Missing if files.rules_named => {
                self.faults.push(format!("{shown} is not there: nobody is answered"));
                self.outcome = Outcome::Refuse;
                self.because = Some(format!("{shown} is not there"));
                return;
            }
            RulesFile::Missing => return,
            RulesFile::Rejected(why) => {
                self.faults.push(format!("{shown} {why}: nobody is answered"));
                self.outcome = Outcome::Refuse;
                self.because = Some(format!("{shown} {why}"));
                return;
            }
        };
        self.faults.extend(rules.problems.iter().map(|problem| problem.describe(&files.rules)));
        if let Some(rule) = rules.find(call) {
            self.outcome = rule.outcome.clone();
            self.because = Some(format!("{shown}:{}: {}", rule.at, rule.text));
            self.by_rule = true;
        }
    }
}

/// The call that rings now.
pub fn call<'a>(data: &'a CallerData, ring: i32, line: &'a str) -> Call<'a> {
    let now = clock::local_now();
    Call {
        caller: &data.id,
        called: &data.called,
        ring,
        line,
        weekday: now.weekday,
        minute: now.hour * 60 + now.minute,
    }
}

/// The words of a program that is told of a call: `PROGRAM... LINE ID NAME RING CALLED`, as the original's.
pub fn words(program: &[String], data: &CallerData, ring: i32, line: &str) -> Vec<String> {
    let told = [
        line.to_string(),
        argument(&data.id),
        argument(&data.name),
        ring.to_string(),
        argument(&data.called),
    ];
    program.iter().cloned().chain(told).collect()
}

/// What the telephone network says, as an argument: only what numbers and names are made of, and never
/// anything that looks like an option.
pub fn argument(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "+*#/,.@_ -".contains(c);
    let text: String = text.chars().map(|c| if harmless(c) { c } else { ' ' }).take(80).collect();
    text.trim().trim_start_matches('-').trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dialin: Option<&str>, rules: Option<&str>) -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        let files = Files { dialin: dir.path().join("d"), rules: dir.path().join("r"), rules_named: false };
        for (path, text) in [(&files.dialin, dialin), (&files.rules, rules)] {
            if let Some(text) = text {
                std::fs::write(path, text).unwrap();
            }
        }
        (dir, files)
    }

    fn call(caller: &str) -> Call<'_> {
        Call { caller, called: "", ring: 0, line: "ttyS1", weekday: 3, minute: 600 }
    }

    #[test]
    fn dialin_config_comes_first_and_only_its_no_is_final() {
        let (_dir, both) = files(Some("555\n!none\n"), Some("from 555* 556 refuse\nall ignore\n"));
        let outcome = |caller: &str| both.judge(&call(caller)).outcome;
        if !nix::unistd::geteuid().is_root() {
            return; // The rules have to be root's.
        }
        assert_eq!(outcome("5551"), Outcome::Refuse);
        assert_eq!(outcome("7"), Outcome::Ignore);
        let denied = both.judge(&call("none"));
        assert_eq!((denied.outcome, denied.by_rule), (Outcome::Refuse, false));
        assert!(denied.because.unwrap().ends_with("d:2:1: !none"));
        assert!(both.judge(&call("5551")).because.unwrap().ends_with("r:1:1: from 555* 556 refuse"));
        let (_dir, neither) = files(None, None);
        assert_eq!(neither.judge(&call("1")).because, None);
    }

    #[test]
    fn what_others_can_write_or_nobody_can_read_answers_nobody() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, open) = files(None, Some("all answer\n"));
        std::fs::set_permissions(&open.rules, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(open.judge(&call("1")).outcome, Outcome::Refuse);
        let (_dir, odd) = files(None, None);
        std::fs::create_dir(&odd.dialin).unwrap();
        assert_eq!(odd.judge(&call("1")).outcome, Outcome::Refuse);
    }

    #[test]
    fn what_is_doubtful_is_told_at_the_start() {
        let (_dir, files) = files(Some("555 # office\n"), Some("all answer\nall ignore\nform 1 refuse\n"));
        let doubts = files.doubts();
        assert!(doubts[0].contains("/d:1:5: `#`: comments"), "{doubts:?}");
        if nix::unistd::geteuid().is_root() {
            assert!(
                doubts[1].contains("/r:3:1: `form`") && doubts[2].contains("/r:2:1: the rule is never"),
                "{doubts:?}"
            );
        }
    }

    #[test]
    fn arguments_are_harmless() {
        assert_eq!(argument("5';touch /tmp/x;'"), "5  touch /tmp/x");
        assert_eq!(argument("--help"), "help");
        assert_eq!(argument("+49 30-1234"), "+49 30-1234");
        assert_eq!(argument("$(reboot)\n"), "reboot");
    }
}
