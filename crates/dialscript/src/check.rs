//! `--check`: what is wrong with a script, and what will hurt later. Nothing is sent.

use crate::compile;
use crate::escape::translate;
use crate::lexer::{Fault, Place};
use crate::machine::asks_secret;
use crate::parser;
use crate::syntax::{Case, Expr, ExprKind, Procedure, Script, Statement, StatementKind, System, reserved};
use std::collections::HashSet;
use std::net::Ipv4Addr;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The script cannot be run.
    Error,
    /// It runs, but hardly as it was meant.
    Warning,
    /// Worth knowing; no reason to change a script that works.
    Note,
}

impl Severity {
    /// As `--check` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// How bad.
    pub severity: Severity,
    /// What, in words; never a string of the script, which may be a password.
    pub text: String,
}

/// Everything there is to say about a script, in the order of the file.
#[must_use]
pub fn check(script: &[u8]) -> Vec<Finding> {
    let mut findings = Findings::default();
    match parser::parse(script) {
        Err(faults) => findings.errors(faults),
        Ok(tree) => {
            if let Err(faults) = compile::compile(&tree) {
                findings.errors(faults);
            }
            findings.script(&tree);
        }
    }
    findings.list.sort_by_key(|f| (f.place, f.severity));
    findings.list
}

/// The severities that make `--check` fail.
#[must_use]
pub fn bad(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity != Severity::Note)
}

#[derive(Default)]
struct Findings {
    list: Vec<Finding>,
    /// Labels that something leads to, and variables that are read, in the current procedure.
    aims: HashSet<String>,
    read: HashSet<String>,
    commands_seen: bool,
}

impl Findings {
    fn errors(&mut self, faults: Vec<Fault>) {
        self.list.extend(faults.into_iter().map(|f| Finding {
            place: f.place,
            severity: Severity::Error,
            text: f.text,
        }));
    }

    fn warn(&mut self, place: Place, text: impl Into<String>) {
        self.list.push(Finding { place, severity: Severity::Warning, text: text.into() });
    }

    fn note(&mut self, place: Place, text: impl Into<String>) {
        self.list.push(Finding { place, severity: Severity::Note, text: text.into() });
    }

    fn script(&mut self, script: &Script) {
        for procedure in &script.procedures {
            if procedure.name.key() != "main" {
                self.note(
                    procedure.name.place,
                    format!(
                        "`{}` never runs: only main does, and nothing can call a procedure",
                        procedure.name.text
                    ),
                );
            }
            self.procedure(procedure);
        }
        let mut waits = Vec::new();
        if let Some(main) = script.main() {
            endless(&main.body, &mut waits);
        }
        if let Some(first) = waits.first() {
            let text = match waits.len() {
                1 => "this waitfor has no until: it waits for ever (--limit ends the run)".to_string(),
                n => format!(
                    "this waitfor and {} more have no until: they wait for ever (--limit ends the run)",
                    n - 1
                ),
            };
            self.note(*first, text);
        }
    }

    fn procedure(&mut self, procedure: &Procedure) {
        self.aims.clear();
        self.read.clear();
        self.commands_seen = false;
        uses(&procedure.body, &mut self.aims, &mut self.read);
        self.block(&procedure.body);
        self.passwords(&procedure.body);
    }

    fn block(&mut self, body: &[Statement]) {
        let mut reached = true;
        for statement in body {
            match &statement.kind {
                StatementKind::Label(label) => {
                    reached = true;
                    if !self.aims.contains(&label.key()) {
                        self.note(label.place, format!("nothing leads to the label `{}:`", label.text));
                    }
                }
                // Labels inside can be aimed at from outside.
                StatementKind::If(_, inner) | StatementKind::While(_, inner) if has_label(inner) => {
                    reached = true
                }
                _ if !reached => {
                    self.warn(statement.place, "this is never reached: the command before goes elsewhere");
                    reached = true;
                }
                _ => {}
            }
            self.statement(statement);
            if matches!(statement.kind, StatementKind::Goto(_) | StatementKind::Halt) {
                reached = false;
            }
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Declare(_, name, _) => {
                if self.commands_seen {
                    self.warn(statement.place, "Windows wants declarations before the first command");
                }
                if !self.read.contains(&name.key()) {
                    self.note(name.place, format!("`{}` is never read", name.text));
                }
                return;
            }
            StatementKind::Transmit(value, raw) => self.transmit(value, *raw),
            StatementKind::WaitFor(cases, _) => self.waitfor(cases),
            StatementKind::SetAddress(value) => {
                if let ExprKind::Text(text) = &value.kind {
                    if std::str::from_utf8(text).ok().and_then(|t| t.parse::<Ipv4Addr>().ok()).is_none() {
                        self.warn(value.place, "this is no IP address: four numbers up to 255");
                    }
                }
            }
            StatementKind::If(condition, body) => {
                if let ExprKind::Truth(false) = condition.kind {
                    self.warn(condition.place, "this is never TRUE");
                }
                self.block(body);
            }
            StatementKind::While(condition, body) => {
                if matches!(condition.kind, ExprKind::Truth(true)) && spins(body) {
                    self.warn(statement.place, "this loop neither waits nor sends nor ends");
                }
                self.block(body);
            }
            _ => {}
        }
        self.commands_seen = true;
    }

    fn transmit(&mut self, value: &Expr, raw: bool) {
        match &value.kind {
            ExprKind::System(system @ (System::UserId | System::Password)) if !raw => self.note(
                value.place,
                format!(
                    "^ < and \\ in ${0} are taken for escapes, as in Windows; `transmit ${0}, raw` sends it as it is",
                    system.name()
                ),
            ),
            ExprKind::Text(text) => {
                self.pasted(value.place, text);
                if raw && translate(text) != *text {
                    self.warn(value.place, "with raw the escapes of this string are sent as they are written");
                }
                if text.windows(2).any(|w| w == b"\\r" || w == b"\\n") {
                    self.warn(value.place, "\\r and \\n mean nothing here: write ^M or <cr>, ^J or <lf>");
                }
            }
            _ => {}
        }
    }

    fn waitfor(&mut self, cases: &[Case]) {
        let texts: Vec<Option<Vec<u8>>> = cases.iter().map(|c| literal(&c.text)).collect();
        for (at, case) in cases.iter().enumerate() {
            let Some(text) = texts.get(at).and_then(Option::as_ref) else { continue };
            if text.is_empty() {
                self.warn(case.text.place, "an empty string is there at once");
            }
            if let ExprKind::Text(written) = &case.text.kind {
                self.pasted(case.text.place, written);
                if written.windows(2).any(|w| w == b"\\r" || w == b"\\n") {
                    self.warn(case.text.place, "\\r and \\n mean nothing here: write ^M or <cr>, ^J or <lf>");
                }
            }
            let hidden = (0..at).find(|&before| {
                let (Some(other), Some(one)) =
                    (texts.get(before).and_then(Option::as_ref), cases.get(before))
                else {
                    return false;
                };
                !other.is_empty()
                    && (!one.matchcase || case.matchcase)
                    && contains(text, other, one.matchcase)
            });
            if hidden.is_some() {
                self.warn(case.text.place, "this never comes first: a string before it is a part of it");
            }
            if cases.len() > 1 && case.then.is_none() {
                self.note(case.text.place, "among several strings Windows wants `then` with each");
            }
        }
    }

    /// Characters that web pages and word processors put in the place of others.
    fn pasted(&mut self, place: Place, text: &[u8]) {
        let typographic: [&[u8]; 9] = [
            b"\xe2\x80\x98",
            b"\xe2\x80\x99",
            b"\xe2\x80\x9c",
            b"\xe2\x80\x9d",
            b"\xe2\x88\x92",
            b"\xe2\x80\x93",
            b"\xe2\x80\xa6",
            b"\xc2\xa0",
            b"\xe2\x80\x94",
        ];
        if typographic.iter().any(|t| text.windows(t.len()).any(|w| w == *t)) {
            self.warn(
                place,
                "there is a typographic quote, minus or blank in this string: no modem or login sends that",
            );
        }
    }

    /// Passwords in the script itself.
    fn passwords(&mut self, body: &[Statement]) {
        let mut asked = false;
        let mut told = false;
        each(body, &mut |statement| match &statement.kind {
            StatementKind::WaitFor(cases, _) => {
                asked = cases.iter().filter_map(|c| literal(&c.text)).any(|text| asks_secret(&text));
            }
            StatementKind::Transmit(value, _) if asked && !told => {
                if let ExprKind::Text(text) = &value.kind {
                    if translate(text).iter().any(|b| b.is_ascii_graphic()) {
                        told = true;
                        self.list.push(Finding {
                            place: value.place,
                            severity: Severity::Note,
                            text: "this looks like a password in the script: $PASSWORD takes it from a file"
                                .into(),
                        });
                    }
                }
            }
            _ => {}
        });
    }
}

fn literal(expr: &Expr) -> Option<Vec<u8>> {
    match &expr.kind {
        ExprKind::Text(text) => Some(translate(text)),
        _ => None,
    }
}

fn contains(text: &[u8], part: &[u8], matchcase: bool) -> bool {
    text.windows(part.len().max(1)).any(|w| if matchcase { w == part } else { w.eq_ignore_ascii_case(part) })
}

fn each<'a>(body: &'a [Statement], see: &mut impl FnMut(&'a Statement)) {
    for statement in body {
        see(statement);
        if let StatementKind::If(_, inner) | StatementKind::While(_, inner) = &statement.kind {
            each(inner, see);
        }
    }
}

fn has_label(body: &[Statement]) -> bool {
    let mut found = false;
    each(body, &mut |s| found |= matches!(s.kind, StatementKind::Label(_)));
    found
}

/// Nothing in it takes time or leaves it.
fn spins(body: &[Statement]) -> bool {
    let mut spins = true;
    each(body, &mut |s| {
        spins &= matches!(
            s.kind,
            StatementKind::Declare(..)
                | StatementKind::Assign(..)
                | StatementKind::If(..)
                | StatementKind::While(..)
                | StatementKind::Label(_)
                | StatementKind::SetPort(_)
                | StatementKind::SetKeyboard(_)
        );
    });
    spins
}

fn endless(body: &[Statement], waits: &mut Vec<Place>) {
    each(body, &mut |s| {
        if matches!(s.kind, StatementKind::WaitFor(_, None)) {
            waits.push(s.place);
        }
    });
}

fn uses(body: &[Statement], aims: &mut HashSet<String>, read: &mut HashSet<String>) {
    each(body, &mut |statement| match &statement.kind {
        StatementKind::Goto(label) => drop(aims.insert(label.key())),
        StatementKind::WaitFor(cases, until) => {
            for case in cases {
                aims.extend(case.then.as_ref().map(crate::syntax::Name::key));
                variables(&case.text, read);
            }
            if let Some(until) = until {
                variables(until, read);
            }
        }
        StatementKind::Declare(_, _, Some(value))
        | StatementKind::Assign(_, value)
        | StatementKind::Transmit(value, _)
        | StatementKind::Delay(value)
        | StatementKind::SetAddress(value)
        | StatementKind::GetIp(Some(value))
        | StatementKind::If(value, _)
        | StatementKind::While(value, _) => variables(value, read),
        _ => {}
    });
}

fn variables(expr: &Expr, read: &mut HashSet<String>) {
    match &expr.kind {
        ExprKind::Variable(name) => {
            debug_assert!(!reserved(name));
            read.insert(name.to_ascii_lowercase());
        }
        ExprKind::Unary(_, inner) => variables(inner, read),
        ExprKind::GetIp(Some(inner)) => variables(inner, read),
        ExprKind::Binary(_, left, right) => {
            variables(left, read);
            variables(right, read);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(body: &str) -> Vec<String> {
        check(format!("proc main\n{body}\nendproc").as_bytes())
            .iter()
            .map(|f| format!("{} {}: {}", f.place, f.severity.name(), f.text))
            .collect()
    }

    #[test]
    fn each_finding_has_its_place() {
        for (body, finding) in [
            ("goto a\nhalt\na:", "3:1 warning: this is never reached"),
            ("a: halt", "2:1 note: nothing leads to the label"),
            ("halt\ninteger x = 1", "3:1 warning: this is never reached"),
            ("delay 1\ninteger x = 1\ndelay x", "3:1 warning: Windows wants declarations"),
            ("integer x", "2:9 note: `x` is never read"),
            ("waitfor \"\"", "2:9 warning: an empty string"),
            ("waitfor \"ogin\" then a, \"Login\" then a\na:", "2:24 warning: this never comes first"),
            ("waitfor \"a\", \"b\"", "2:9 note: among several strings"),
            ("waitfor \"a\"", "2:1 note: this waitfor has no until"),
            ("waitfor \"a\"\nwaitfor \"b\"", "2:1 note: this waitfor and 1 more"),
            ("transmit \"a\\r\"", "2:10 warning: \\r and \\n mean nothing"),
            ("transmit \"a^M\", raw", "2:10 warning: with raw"),
            ("transmit $PASSWORD", "2:10 note: ^ < and \\ in $PASSWORD"),
            ("waitfor \"Password:\"\ntransmit \"x^M\"", "3:10 note: this looks like a password"),
            ("set ipaddr \"11.543.23.13\"", "2:12 warning: this is no IP address"),
            ("while TRUE do\nendwhile", "2:1 warning: this loop neither waits"),
            ("waitfor \"pass\u{2212}word\"", "2:9 warning: there is a typographic"),
            ("transmit 5", "2:10 error: transmit sends a string"),
            ("endproc\nproc other", "3:6 note: `other` never runs"),
        ] {
            assert!(says(body).iter().any(|s| s.starts_with(finding)), "{body}: {:?}", says(body));
        }
    }

    #[test]
    fn good_scripts_are_left_alone() {
        for body in [
            "waitfor \"ogin:\" until 30\ntransmit \"call^M\"",
            "waitfor \"Login\", matchcase then a, \"ogin\" then b until 5\na:\nb:",
            "while TRUE do\nwaitfor \"x\" until 5\nif $SUCCESS then goto out endif\nendwhile\nout:",
            "goto b\nif TRUE then\nb: delay 1\nendif",
        ] {
            assert_eq!(says(body), Vec::<String>::new(), "{body}");
        }
    }

    #[test]
    fn strings_of_the_script_are_never_shown() {
        for body in [
            "transmit \"geheim\" + 1",
            "delay \"geheim\"",
            "\"geheim\"",
            "waitfor \"word:\"\ntransmit \"geheim\"",
        ] {
            assert!(!says(body).is_empty() && says(body).iter().all(|s| !s.contains("geheim")), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_checked(text in "(proc main|endproc|waitfor|transmit|goto|while|do|\"a\"|,|x|7|\\$PASSWORD|:|=|\n| ){0,60}") {
            let _ = check(text.as_bytes());
        }
    }
}
