//! Asks a modem one thing after the other and keeps what it answers: pure, bounded, never stuck.
//!
//! Each command has a line of its own, a pause before it and a limit; an answer is all lines up to `OK` or `ERROR`
//! (V.250 5.7.1). Whatever a modem says, a question is over when its limit is: a megabyte without an end, or
//! chatter that never stops, costs no more time than silence.

use super::profile::{self, Profile};
use crate::visible;
use std::time::Duration;

/// Most lines of an answer that are kept.
const LINES_MAX: usize = 40;
/// Most bytes of a line that are kept.
const LINE_MAX: usize = 160;
/// After so many questions without any answer no more are asked.
const SILENT_MAX: u8 = 2;

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `OK`.
    Ok,
    /// `ERROR`, or another word that is not `OK`.
    Error,
    /// Not at all.
    Silent,
}

impl End {
    /// As a modem writes it; `no answer` for silence.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            End::Ok => "OK",
            End::Error => "ERROR",
            End::Silent => "no answer",
        }
    }
}

/// What a modem said to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The command.
    pub command: &'static str,
    /// The lines before its end, printable and bounded, without the echo.
    pub lines: Vec<String>,
    /// How it ended.
    pub end: End,
}

/// The waits of an inquiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Pause before each command.
    pub before_send: Duration,
    /// Limit for each answer.
    pub answer: Duration,
}

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    command: &'static str,
    /// One of several ways to ask for the same: when one is OK the rest are left out.
    one_of: bool,
    /// Whether a modem with a plain command set is asked, too.
    checked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Send { until: Duration },
    Answer { until: Duration },
    Over,
}

/// Questions that are being asked. Times are measured from any fixed point.
#[derive(Clone, Debug)]
pub struct Inquiry {
    questions: std::collections::VecDeque<Question>,
    asked: Option<Question>,
    timing: Timing,
    phase: Phase,
    line: Vec<u8>,
    lines: Vec<String>,
    answers: Vec<Answer>,
    silent: u8,
}

impl Inquiry {
    /// Asks these in turn; what [`profile::may_ask`] forbids is left out.
    #[must_use]
    pub fn ask(commands: impl IntoIterator<Item = &'static str>, timing: Timing, now: Duration) -> Inquiry {
        let question = |command| Question { command, one_of: false, checked: true };
        Inquiry::of(commands.into_iter().map(question).collect(), timing, now)
    }

    /// Sets a modem up as its family wants it: each command of its init, the speed cap, and the first way to tell
    /// callers that it knows.
    #[must_use]
    pub fn set_up(profile: &'static Profile, timing: Timing, now: Duration) -> Inquiry {
        let each = |command: &'static str| Question { command, one_of: false, checked: false };
        let mut questions: std::collections::VecDeque<_> =
            profile.init.iter().copied().chain(profile.quirks.speed_cap).map(each).collect();
        questions.extend(profile.caller_id.iter().map(|command| Question { one_of: true, ..each(command) }));
        Inquiry::of(questions, timing, now)
    }

    fn of(questions: std::collections::VecDeque<Question>, timing: Timing, now: Duration) -> Inquiry {
        let mut inquiry = Inquiry {
            questions,
            asked: None,
            timing,
            phase: Phase::Over,
            line: Vec::new(),
            lines: Vec::new(),
            answers: Vec::new(),
            silent: 0,
        };
        inquiry.next(now);
        inquiry
    }

    /// Whether all has been asked.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether the modem stopped answering.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent >= SILENT_MAX
    }

    /// What it said.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// When [`Inquiry::tick`] is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Send { until } | Phase::Answer { until } => Some(until),
            Phase::Over => None,
        }
    }

    /// The time is `now`: what is to be sent.
    pub fn tick(&mut self, now: Duration) -> Option<Vec<u8>> {
        match self.phase {
            Phase::Send { until } if now >= until => {
                let question = self.asked?;
                self.phase = Phase::Answer { until: now + self.timing.answer };
                Some([question.command.as_bytes(), b"\r"].concat())
            }
            Phase::Answer { until } if now >= until => {
                self.end(End::Silent, now);
                None
            }
            _ => None,
        }
    }

    /// Takes a byte of the modem's.
    pub fn feed(&mut self, byte: u8, now: Duration) {
        let Phase::Answer { .. } = self.phase else { return };
        if byte != b'\r' && byte != b'\n' {
            if self.line.len() <= LINE_MAX {
                self.line.push(byte);
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        let text = line.trim_ascii();
        match text {
            b"" => {}
            b"OK" | b"0" => self.end(End::Ok, now),
            b"ERROR" | b"4" | b"NO CARRIER" => self.end(End::Error, now),
            _ if text.starts_with(b"+CME ERROR") || text.starts_with(b"+CMS ERROR") => {
                self.end(End::Error, now)
            }
            // The echo, a call that comes in meanwhile.
            _ if self.asked.is_some_and(|q| text.eq_ignore_ascii_case(q.command.as_bytes())) => {}
            _ if text.starts_with(b"RING") => {}
            _ if self.lines.len() < LINES_MAX => {
                self.lines.push(visible::field(text.get(..LINE_MAX).unwrap_or(text)));
            }
            _ => {}
        }
    }

    fn end(&mut self, end: End, now: Duration) {
        let Some(question) = self.asked.take() else { return };
        let lines = std::mem::take(&mut self.lines);
        self.line.clear();
        // A modem that said something is not silent, only without an end.
        self.silent = if end == End::Silent && lines.is_empty() { self.silent + 1 } else { 0 };
        self.answers.push(Answer { command: question.command, lines, end });
        if question.one_of && end == End::Ok {
            self.questions.retain(|next| !next.one_of);
        }
        self.next(now);
    }

    fn next(&mut self, now: Duration) {
        self.phase = Phase::Over;
        if self.is_silent() {
            return;
        }
        while let Some(question) = self.questions.pop_front() {
            if question.checked && !profile::may_ask(question.command, &self.answers) {
                continue;
            }
            self.asked = Some(question);
            self.phase = Phase::Send { until: now + self.timing.before_send };
            return;
        }
    }
}

/// `AT&K3 OK, AT+VCID=1 ERROR`, for a log.
#[must_use]
pub fn summary(answers: &[Answer]) -> String {
    let one = |answer: &Answer| format!("{} {}", answer.command, answer.end.word());
    answers.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMING: Timing = Timing { before_send: Duration::from_millis(50), answer: Duration::from_secs(2) };

    /// Asks until it is over; `says` answers each command. Gives the time it took.
    fn run(inquiry: &mut Inquiry, mut says: impl FnMut(&str) -> Vec<u8>) -> Duration {
        let mut now = Duration::ZERO;
        while let Some(due) = inquiry.deadline() {
            now = now.max(due);
            if let Some(sent) = inquiry.tick(now) {
                let command = String::from_utf8(sent).expect("text");
                for byte in says(command.trim_end()) {
                    inquiry.feed(byte, now);
                }
            }
        }
        now
    }

    #[test]
    fn answers_are_kept_without_echo_and_rings() {
        let mut inquiry = Inquiry::ask(["ATI", "AT+GMI", "ATI3"], TIMING, Duration::ZERO);
        run(&mut inquiry, |command| match command {
            "ATI" => b"ATI\r\r\n5607\r\n\r\nRING\r\n\r\nOK\r\n".to_vec(),
            "AT+GMI" => b"at+gmi\r\r\nERROR\r\n".to_vec(),
            _ => b"one\r\ntwo \x1b[2J\r\n\r\nOK\r\n".to_vec(),
        });
        let answers = inquiry.answers();
        assert_eq!((answers[0].lines.as_slice(), answers[0].end), (&["5607".to_string()][..], End::Ok));
        assert_eq!((answers[1].lines.len(), answers[1].end), (0, End::Error));
        assert_eq!(answers[2].lines, ["one", "two _[2J"]);
        assert_eq!(summary(answers), "ATI OK, AT+GMI ERROR, ATI3 OK");
    }

    #[test]
    fn a_silent_modem_is_asked_twice() {
        let mut inquiry = Inquiry::ask(["AT", "ATI", "AT+GMI", "ATI3"], TIMING, Duration::ZERO);
        let took = run(&mut inquiry, |_| Vec::new());
        assert!(inquiry.is_silent() && inquiry.answers().len() == 2);
        assert!(took < Duration::from_secs(5));
    }

    #[test]
    fn a_megabyte_costs_no_more_than_silence() {
        let mut inquiry = Inquiry::ask(["ATI", "ATI3"], TIMING, Duration::ZERO);
        let took = run(&mut inquiry, |command| match command {
            "ATI" => vec![b'x'; 1 << 20],
            _ => b"y\r\n".repeat(1 << 18),
        });
        assert_eq!(inquiry.answers()[1].lines.len(), LINES_MAX);
        assert_eq!(inquiry.answers()[1].end, End::Silent);
        assert!(took < Duration::from_secs(5) && !inquiry.is_silent());
    }

    #[test]
    fn the_first_way_to_tell_callers_is_enough_and_errors_are_passed_over() {
        let profile = profile::named("rockwell").expect("a family");
        let mut inquiry = Inquiry::set_up(profile, TIMING, Duration::ZERO);
        let mut sent = Vec::new();
        run(&mut inquiry, |command| {
            sent.push(command.to_string());
            let ok = matches!(command, "AT#CID=1" | "ATX4");
            if ok { b"\r\nOK\r\n".to_vec() } else { b"\r\nERROR\r\n".to_vec() }
        });
        assert_eq!(sent.last().map(String::as_str), Some("AT#CID=1"));
        assert_eq!(sent.len(), profile.init.len() + 2);
        let mut inquiry = Inquiry::set_up(profile::named("ata").expect("a family"), TIMING, Duration::ZERO);
        run(&mut inquiry, |_| b"OK\r".to_vec());
        assert!(inquiry.answers().iter().any(|a| a.command.starts_with("AT+MS=")));
    }

    #[test]
    fn a_plain_modem_is_not_asked_extended_things() {
        let mut inquiry = Inquiry::ask(profile::QUESTIONS.iter().copied(), TIMING, Duration::ZERO);
        let mut sent = Vec::new();
        run(&mut inquiry, |command| {
            sent.push(command.to_string());
            b"Zimodem Firmware v3\r\nOK\r\n".to_vec()
        });
        assert_eq!(sent, ["ATI", "ATI3"]);
    }

    proptest! {
        #[test]
        fn any_modem_is_done_with_in_time(noise in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let mut inquiry = Inquiry::ask(profile::QUESTIONS.iter().copied(), TIMING, Duration::ZERO);
            let took = run(&mut inquiry, |_| noise.clone());
            prop_assert!(took <= Duration::from_millis(2050) * 5);
            for answer in inquiry.answers() {
                prop_assert!(answer.lines.len() <= LINES_MAX);
                prop_assert!(answer.lines.iter().all(|l| l.len() <= LINE_MAX && l.bytes().all(visible::is_printable)));
            }
        }
    }
}
