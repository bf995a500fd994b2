//! What modems say to a dial command, and what it means for the next try.

use std::time::Duration;
use ttyline::visible;

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Connected; the text behind CONNECT.
    Connected(String),
    /// The other end is engaged.
    Busy,
    /// There is no dial tone: the line is dead, or still taken by somebody.
    NoDialTone,
    /// The call was lost, or the modems did not agree.
    NoCarrier,
    /// Nobody answered.
    NoAnswer,
    /// A person answered.
    Voice,
    /// The modem refuses this number for ever (or until it is reset).
    Blacklisted,
    /// The modem refuses this number for a time, if it says for how long.
    Delayed(Option<Duration>),
    /// Somebody called us at the same moment.
    Glare,
    /// The modem does not understand the command.
    Error,
    /// The modem went back to command state as if nothing was.
    GaveUp,
    /// Nothing was said within the limit.
    TimedOut,
    /// The modem does not answer its initialisation.
    Silent,
    /// It is not sure that the line is clear: why.
    NotClear(&'static str),
    /// The line is gone.
    HungUp,
    /// A signal told us to end.
    Interrupted(i32),
}

impl Outcome {
    /// The class, for logs and records.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Connected(_) => "connected",
            Outcome::Busy => "busy",
            Outcome::NoDialTone => "no dial tone",
            Outcome::NoCarrier => "no carrier",
            Outcome::NoAnswer => "no answer",
            Outcome::Voice => "voice",
            Outcome::Blacklisted => "blacklisted by the modem",
            Outcome::Delayed(_) => "delayed by the modem",
            Outcome::Glare => "an incoming call came first",
            Outcome::Error => "modem says ERROR",
            Outcome::GaveUp => "modem says OK",
            Outcome::TimedOut => "nothing from the modem in time",
            Outcome::Silent => "modem is silent",
            Outcome::NotClear(_) => "no proof that the caller has hung up",
            Outcome::HungUp => "line is gone",
            Outcome::Interrupted(_) => "signal",
        }
    }
}

/// What a line of the modem means while it dials; `None` for progress and echo.
#[must_use]
pub fn answer(line: &[u8]) -> Option<Outcome> {
    let line = visible::field(line);
    let line = line.trim();
    let is = |text: &str| line.starts_with(text);
    // RINGING is the other end's bell, RING our own.
    if is("RINGING") {
        None
    } else if let Some(rest) = line.strip_prefix("CONNECT") {
        Some(Outcome::Connected(rest.trim().to_string()))
    } else if is("BUSY") {
        Some(Outcome::Busy)
    } else if is("NO DIALTONE") || is("NO DIAL TONE") || is("NODIALTONE") {
        Some(Outcome::NoDialTone)
    } else if is("NO CARRIER") {
        Some(Outcome::NoCarrier)
    } else if is("NO ANSWER") || is("NOANSWER") {
        Some(Outcome::NoAnswer)
    } else if is("VOICE") {
        Some(Outcome::Voice)
    } else if is("BLACKLISTED") {
        Some(Outcome::Blacklisted)
    } else if let Some(rest) = line.strip_prefix("DELAYED") {
        Some(Outcome::Delayed(delay(rest)))
    } else if is("RING") {
        Some(Outcome::Glare)
    } else if is("ERROR") || is("+CME ERROR") {
        Some(Outcome::Error)
    } else if line == "OK" {
        Some(Outcome::GaveUp)
    } else {
        None
    }
}

/// `DELAYED 00:05:30`, `DELAYED: 5:30`, `DELAYED`.
fn delay(rest: &str) -> Option<Duration> {
    let text = rest.trim_start_matches([' ', ':', '=']);
    let mut seconds: u64 = 0;
    for part in text.split(':') {
        seconds =
            seconds.checked_mul(60)?.checked_add(part.trim().parse::<u64>().ok().filter(|n| *n < 100)?)?;
    }
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_answers_of_real_modems() {
        for (line, wanted) in [
            ("CONNECT", Some(Outcome::Connected(String::new()))),
            ("CONNECT 33600/ARQ", Some(Outcome::Connected("33600/ARQ".into()))),
            ("BUSY", Some(Outcome::Busy)),
            ("NO DIALTONE", Some(Outcome::NoDialTone)),
            ("NO DIAL TONE", Some(Outcome::NoDialTone)),
            ("NO CARRIER", Some(Outcome::NoCarrier)),
            ("NO ANSWER", Some(Outcome::NoAnswer)),
            ("VOICE", Some(Outcome::Voice)),
            ("BLACKLISTED", Some(Outcome::Blacklisted)),
            ("DELAYED", Some(Outcome::Delayed(None))),
            ("DELAYED 00:05:30", Some(Outcome::Delayed(Some(Duration::from_secs(330))))),
            ("DELAYED: 2:00", Some(Outcome::Delayed(Some(Duration::from_secs(120))))),
            ("RING", Some(Outcome::Glare)),
            ("RING 1", Some(Outcome::Glare)),
            ("RINGING", None),
            ("ERROR", Some(Outcome::Error)),
            ("OK", Some(Outcome::GaveUp)),
            ("ATD030BUSY", None),
            ("ATDT123", None),
            ("", None),
            ("PROGRESS", None),
        ] {
            assert_eq!(answer(line.as_bytes()), wanted, "{line}");
        }
        assert_eq!(delay(" 99999999999:1"), None);
    }
}
