//! Faults of what the script says: steps that cannot be reached, strings that cannot match, sends
//! that do something else than they seem to.

use super::file::typographic;
use super::{Finding, Level, escapes, finding};
use crate::args::Options;
use crate::plan::{Plan, send_source};
use crate::report::remove_equal;
use crate::session::{LONGEST_EXPECT, LONGEST_STRING, MOST_STRINGS};
use ttyline::expect::escape::{self, Output, Values, leading_integer};
use ttyline::expect::script::{Keyword, Step, alternatives, file_name};
use ttyline::expect::words::{Place, Word};
use ttyline::visible;

/// What a modem says when a call fails, and what a module says when a command fails.
const CALL_FAILS: &[&str] = &["NO CARRIER", "BUSY", "NO DIALTONE", "NO ANSWER"];
const DATA_CALL_FAILS: &[&str] = &["NO CARRIER"];
const COMMAND_FAILS: &[&str] = &["ERROR"];

struct Abort {
    string: Vec<u8>,
    raw: Vec<u8>,
}

struct Checker<'a> {
    values: Values<'a>,
    variables: bool,
    phones: [bool; 2],
    findings: Vec<Finding>,
    timeout: i32,
    aborts: Vec<Abort>,
    reports: usize,
    /// Failures that were complained about: once each is enough.
    missing: Vec<&'static str>,
    /// The expect that can never succeed: what follows is never carried out.
    dead_end: Option<Place>,
    told_dead_end: bool,
}

/// Checks the steps in order.
pub fn check(plan: &Plan, options: &Options) -> Vec<Finding> {
    let mut checker = Checker {
        values: escapes(options),
        variables: options.variables,
        phones: [options.phone.is_some(), options.phone2.is_some()],
        findings: Vec::new(),
        timeout: options.timeout,
        aborts: Vec::new(),
        reports: 0,
        missing: Vec::new(),
        dead_end: None,
        told_dead_end: false,
    };
    let last_wait = plan.steps.iter().rposition(|s| matches!(s, Step::Expect(w) if !w.text.is_empty()));
    for (n, step) in plan.steps.iter().enumerate() {
        if let (Some(dead_end), false) = (checker.dead_end, checker.told_dead_end) {
            checker.told_dead_end = true;
            let line = if dead_end.line > 0 {
                format!("line {}", dead_end.line)
            } else {
                format!("word {}", dead_end.column)
            };
            let message = format!("never reached: the expect in {line} can only fail");
            checker.warn(step.word().place, "unreachable", &step.word().text, message);
        }
        let next = plan.steps.get(n + 1..).unwrap_or_default();
        match step {
            Step::Keyword(keyword, word) => {
                let waits = last_wait.is_some_and(|w| w > n);
                checker.keyword(*keyword, word, waits);
            }
            Step::Expect(word) => checker.expect(word),
            Step::Send(word) => {
                if let Some(keyword) = Keyword::of(&word.text) {
                    let message = format!(
                        "{} stands where a send is due: it is sent as text (is an expect before it missing its send? write '' for none)",
                        keyword.name()
                    );
                    checker.error(word.place, "keyword-as-send", &word.text, message);
                }
                let after_silence = match n.checked_sub(1).and_then(|p| plan.steps.get(p)) {
                    Some(Step::Expect(before)) => before.text.is_empty() && n <= 1,
                    _ => false,
                };
                checker.send(&word.text, word.place, after_silence, awaited(next));
            }
        }
    }
    if let Some((keyword, word)) = &plan.open_keyword {
        let message = format!("{} without an argument: it is ignored", keyword.name());
        checker.error(word.place, "missing-argument", &word.text, message);
    }
    checker.findings
}

/// The next thing that is awaited.
fn awaited(next: &[Step]) -> Option<&Word> {
    next.iter().find_map(|step| match step {
        Step::Expect(word) if !word.text.is_empty() => Some(word),
        _ => None,
    })
}

impl Checker<'_> {
    fn error(&mut self, place: Place, code: &'static str, text: &[u8], message: impl Into<String>) {
        self.findings.push(finding(place, Level::Error, code, text, message));
    }

    fn warn(&mut self, place: Place, code: &'static str, text: &[u8], message: impl Into<String>) {
        self.findings.push(finding(place, Level::Warning, code, text, message));
    }

    fn keyword(&mut self, keyword: Keyword, word: &Word, waits: bool) {
        let raw = word.text.as_slice();
        let string = escape::expect(raw, self.values);
        match keyword {
            Keyword::Abort | Keyword::ClrAbort | Keyword::Report | Keyword::ClrReport => {
                if string.len() > LONGEST_STRING {
                    let message = format!(
                        "{} string of {} bytes: {LONGEST_STRING} are the most (the script ends here with status 1)",
                        keyword.name(),
                        string.len()
                    );
                    self.error(word.place, "too-long", raw, message);
                    self.dead_end.get_or_insert(word.place);
                }
                self.pattern(word.place, raw, &string, keyword.name());
                self.dollar(word.place, raw);
            }
            Keyword::Timeout => {
                let digits = string.trim_ascii();
                if leading_integer(&string) <= 0 || !digits.iter().all(u8::is_ascii_digit) {
                    let message = "takes a number of seconds above 0; anything else is 45";
                    self.warn(word.place, "timeout", raw, message);
                }
                let seconds = leading_integer(&string);
                self.timeout = if seconds > 0 { seconds } else { 45 };
            }
            Keyword::Echo if raw != b"ON" && raw != b"OFF" => {
                self.warn(word.place, "argument", raw, "takes ON or OFF in capitals; anything else is OFF");
            }
            Keyword::Hangup if raw != b"ON" && raw != b"OFF" => {
                self.warn(word.place, "argument", raw, "takes ON or OFF in capitals; anything else is ON");
            }
            Keyword::Echo | Keyword::Hangup | Keyword::Say => {}
        }
        match keyword {
            Keyword::Abort => self.abort(word, string, waits),
            Keyword::ClrAbort if remove_equal(&mut self.aborts, |a| a.string == string) == 0 => {
                self.warn(word.place, "nothing-to-clear", raw, "no such ABORT string is in force here");
            }
            Keyword::Report => {
                self.reports += 1;
                if self.reports == MOST_STRINGS + 1 {
                    self.error(
                        word.place,
                        "too-many",
                        raw,
                        "more than 50 REPORT strings: the script ends here",
                    );
                }
            }
            Keyword::ClrReport => self.reports = self.reports.saturating_sub(1),
            _ => {}
        }
    }

    fn abort(&mut self, word: &Word, string: Vec<u8>, waits: bool) {
        let raw = word.text.as_slice();
        if self.aborts.len() == MOST_STRINGS {
            self.error(word.place, "too-many", raw, "more than 50 ABORT strings: the script ends here");
        }
        if string.is_empty() {
            self.warn(
                word.place,
                "empty-abort",
                raw,
                "an empty ABORT string fires at the first byte that comes",
            );
        } else if !waits {
            self.warn(word.place, "unreachable", raw, "nothing is awaited after this: it can never fire");
        } else if let Some(sooner) = self.aborts.iter().find(|a| ends_sooner(&a.string, &string)) {
            let message = format!(
                "can never fire: \"{}\", set before it, always fires first",
                visible::terminal(&sooner.raw)
            );
            self.warn(word.place, "shadowed", raw, message);
        } else if let Some(longer) = self.aborts.iter().find(|a| ends_sooner_strictly(&string, &a.string)) {
            let message = format!(
                "always fires before \"{}\", set before it, which therefore never does",
                visible::terminal(&longer.raw)
            );
            self.warn(word.place, "shadowed", raw, message);
        }
        self.aborts.push(Abort { string, raw: raw.to_vec() });
    }

    /// A string that is awaited in any way.
    fn pattern(&mut self, place: Place, raw: &[u8], string: &[u8], what: &str) -> bool {
        if string.is_ascii() {
            return true;
        }
        // Typographic signs in a file have been reported where they stand in the line.
        if place.line > 0 && typographic(raw).is_some() {
            return false;
        }
        let hint = match typographic(raw) {
            Some((_, sign, plain)) => format!(" ({sign}, as on a web page; meant was perhaps {plain})"),
            None => String::new(),
        };
        let message = format!(
            "this {what} string can never match: bytes come with seven bits, and it has one above 127{hint}"
        );
        self.error(place, "eight-bit", raw, message);
        false
    }

    fn dollar(&mut self, place: Place, raw: &[u8]) {
        if !self.variables {
            return;
        }
        let mut at = 0;
        while let Some(&byte) = raw.get(at) {
            at += match byte {
                b'\\' => 2,
                b'$' => {
                    let rest = raw.get(at + 1..).unwrap_or_default();
                    let name = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                    let name = rest.get(..name).unwrap_or_default();
                    if name.is_empty() {
                        let message = "with -E a $ without a name vanishes: write \\$ for the sign itself";
                        self.warn(place, "dollar", raw, message);
                    } else if self.values.variables.is_some_and(|look| look(name).is_none()) {
                        let message = format!("with -E: ${} is not set", visible::terminal(name));
                        self.warn(place, "dollar", raw, message);
                    }
                    1 + name.len()
                }
                _ => 1,
            };
        }
    }

    fn expect(&mut self, word: &Word) {
        let lower = Keyword::ALL.into_iter().find(|k| k.name().as_bytes().eq_ignore_ascii_case(&word.text));
        if let Some(keyword) = lower {
            let message = format!("is awaited as text: the keyword is {}", keyword.name());
            self.warn(word.place, "keyword-case", &word.text, message);
        }
        let pieces = alternatives(&word.text);
        let (mut alive, mut matched_at_once) = (word.text.is_empty(), false);
        for (n, (at, piece)) in pieces.iter().enumerate() {
            let place = word.place_at(*at);
            if matched_at_once {
                let message = "never reached: the empty string before it is found at once";
                self.warn(place, "unreachable", piece, message);
                break;
            }
            if n % 2 == 1 {
                let next = pieces.get(n + 1).map(|(_, p)| *p);
                self.send(piece, place, true, None);
                if next.is_none() {
                    alive = true;
                    let message = "the word ends with a send: it counts as found, and nothing is awaited (write EXPECT-SEND-EXPECT)";
                    self.warn(place, "ends-with-send", piece, message);
                }
                continue;
            }
            let string = escape::expect(piece, self.values);
            self.dollar(place, piece);
            self.carets_in_expect(place, piece);
            if string.is_empty() {
                (alive, matched_at_once) = (true, true);
                continue;
            }
            if string.len() > LONGEST_EXPECT {
                let message =
                    format!("expect string of {} bytes: {LONGEST_EXPECT} are the most", string.len());
                self.error(place, "too-long", piece, message);
                continue;
            }
            if !self.pattern(place, piece, &string, "expect") {
                continue;
            }
            let sooner = self.aborts.iter().find(|a| ends_sooner_strictly(&a.string, &string));
            if let Some(Abort { raw, .. }) = sooner {
                let message = format!(
                    "can never be found: the ABORT string \"{}\" always fires first",
                    visible::terminal(raw)
                );
                self.error(place, "abort-in-expect", piece, message);
                continue;
            }
            alive = true;
        }
        if !alive {
            self.dead_end.get_or_insert(word.place);
        }
    }

    fn carets_in_expect(&mut self, place: Place, piece: &[u8]) {
        // Modules announce things as `^SYSINFO:`; `^M` and `^J` are what people mean by carets.
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            match byte {
                b'\\' => at += 2,
                b'^' => {
                    let capitals = piece.iter().skip(at + 1).take_while(|b| b.is_ascii_uppercase()).count();
                    if capitals >= 3 {
                        let letter = char::from(*piece.get(at + 1).unwrap_or(&b' '));
                        let message = format!("^{letter} is Ctrl-{letter}: write \\^ for the sign itself");
                        self.error(place, "caret", piece, message);
                        return;
                    }
                    at += 2;
                }
                _ => at += 1,
            }
        }
    }

    /// `after_silence`: nothing can have come just before. `awaited`: what the script waits for next.
    fn send(&mut self, word: &[u8], place: Place, after_silence: bool, awaited: Option<&Word>) {
        let Some(text) = send_source(word) else {
            let name = file_name(word).unwrap_or_default();
            if !std::path::Path::new(std::ffi::OsStr::new(&*String::from_utf8_lossy(name))).exists() {
                let message = "there is no such file: the script ends here with status 1";
                self.error(place, "no-file", word, message);
            }
            return;
        };
        let send = escape::send(&text, self.values);
        let output = send.output();
        let upper = text.to_ascii_uppercase();
        if upper.starts_with(b"AT") {
            if let Some(at) = caret(&text) {
                let letter = char::from(*text.get(at + 1).unwrap_or(&b'?')).to_ascii_uppercase();
                let message = format!("^{letter} sends Ctrl-{letter}: write \\^ for the sign itself");
                self.error(place, "caret", word, message);
            }
        }
        self.dollar(place, &text);
        if text.first() != Some(&b'@') && place.line == 0 {
            if let Some((_, sign, plain)) = typographic(&text) {
                let message = format!("{sign} is sent as it is; meant was perhaps {plain}");
                self.warn(place, "typographic", word, message);
            }
        }
        for (known, letter) in self.phones.into_iter().zip(["T", "U"]) {
            if !known && has_escape(&text, letter.as_bytes()[0]) {
                let message = format!("\\{letter} without option -{letter}: the letter {letter} is sent");
                self.warn(place, "no-number", word, message);
            }
        }
        let delays = output.iter().filter(|o| **o == Output::Delay).count();
        let last_byte = output.iter().rposition(|o| matches!(o, Output::Bytes(_)));
        let before = output.iter().take(last_byte.unwrap_or(0)).filter(|o| **o == Output::Delay).count();
        if self.timeout > 0 && before >= usize::try_from(self.timeout).unwrap_or(usize::MAX) {
            let message =
                format!("{delays} s of delays under TIMEOUT {}: the send fails with status 1", self.timeout);
            self.error(place, "slow-send", word, message);
        }
        self.guard(&output, word, place, after_silence);
        if let Some(awaited) = awaited {
            self.failures(&upper, word, place, awaited);
        }
    }

    /// `+++` is an escape only between silences of a second.
    fn guard(&mut self, output: &[Output], word: &[u8], place: Place, after_silence: bool) {
        let Some(at) = output.iter().position(|o| matches!(o, Output::Bytes(b) if contains(b, b"+++")))
        else {
            return;
        };
        let Some(Output::Bytes(bytes)) = output.get(at) else { return };
        let pause = |o: Option<&Output>| matches!(o, Some(Output::Delay));
        let before = bytes.starts_with(b"+++")
            && (after_silence || pause(at.checked_sub(1).and_then(|a| output.get(a))));
        // Nothing behind it: the wait for the answer is the pause.
        let after = bytes.ends_with(b"+++") && (at + 1 == output.len() || pause(output.get(at + 1)));
        if !before || !after {
            let message = "+++ is data to the modem without a second of silence before and after it: write \\d+++\\d\\c";
            self.warn(place, "guard-time", word, message);
        }
    }

    /// A command whose failure nobody listens to costs the whole time-out.
    fn failures(&mut self, upper: &[u8], word: &[u8], place: Place, awaited: &Word) {
        if !upper.starts_with(b"AT") {
            return;
        }
        let dials = upper.starts_with(b"ATD") && contains(&awaited.text, b"CONNECT");
        let wanted: Vec<&[&'static str]> = if dials && contains(upper, b"*") {
            vec![DATA_CALL_FAILS, COMMAND_FAILS]
        } else if dials {
            vec![CALL_FAILS]
        } else if upper.starts_with(b"AT+") || upper.starts_with(b"AT\\^") {
            vec![COMMAND_FAILS]
        } else {
            return;
        };
        let missing: Vec<&str> = wanted
            .into_iter()
            .flatten()
            .copied()
            .filter(|text| !self.aborts.iter().any(|a| contains(text.as_bytes(), trimmed(&a.string))))
            .filter(|text| !self.missing.contains(text))
            .collect();
        if missing.is_empty() {
            return;
        }
        let list = missing.iter().map(|m| format!("ABORT '{m}'")).collect::<Vec<_>>().join(", ");
        let message = format!("nothing ends the wait when it fails: add {list} before it");
        self.missing.extend(missing);
        self.warn(place, "no-abort", word, message);
    }
}

/// An ABORT string without the CR and LF people put around it.
fn trimmed(string: &[u8]) -> &[u8] {
    let trimmed = string.trim_ascii();
    // An empty one fires at everything.
    if trimmed.is_empty() { string } else { trimmed }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|w| w == part)
}

/// Whether `first`, set earlier, has always fired when `then` could.
fn ends_sooner(first: &[u8], then: &[u8]) -> bool {
    !first.is_empty() && contains(then, first)
}

/// Whether `short` always ends at an earlier byte than `long`.
fn ends_sooner_strictly(short: &[u8], long: &[u8]) -> bool {
    let all_but_last = long.get(..long.len().saturating_sub(1)).unwrap_or_default();
    !short.is_empty() && !all_but_last.is_empty() && contains(all_but_last, short)
}

/// An unprotected caret before a letter.
fn caret(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            b'^' if text.get(at + 1).is_some_and(|b| b.is_ascii_alphabetic()) => {
                // A single ^M at the end is somebody's way to write CR, ^Z ends a message.
                let last = at + 2 == text.len();
                if !(last && matches!(text.get(at + 1), Some(b'M' | b'm' | b'Z' | b'z'))) {
                    return Some(at);
                }
                at += 2;
            }
            b'^' => at += 2,
            _ => at += 1,
        }
    }
}

/// Whether `\LETTER` stands in the text as an escape.
fn has_escape(text: &[u8], letter: u8) -> bool {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte == b'\\' {
            if text.get(at + 1) == Some(&letter) {
                return true;
            }
            at += 1;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests;
