//! Result codes: words, numbers, and which of them X lets through (V.250 table 1 and 6.3.7).

/// What a modem reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Ok,
    /// A connection; the text is the line's own.
    Connect,
    /// The line rings.
    Ring,
    /// No carrier, or it is gone.
    NoCarrier,
    /// The command line is bad.
    Error,
    /// No dial tone.
    NoDialTone,
    /// The other line is busy.
    Busy,
    /// It rang there, and nobody answered.
    NoAnswer,
    /// It rings there.
    Ringing,
}

impl Outcome {
    /// What X = `x` makes of it: `None` means that it is not reported at all, and the call goes on.
    pub fn seen_at(self, x: u8) -> Option<Outcome> {
        match self {
            Outcome::NoDialTone if !matches!(x, 2 | 4..) => None,
            Outcome::Busy if x < 3 => None,
            Outcome::Ringing if x < 5 => None,
            Outcome::NoAnswer if x < 3 => Some(Outcome::NoCarrier),
            other => Some(other),
        }
    }

    /// The word, `connect` for [`Outcome::Connect`] (`CONNECT` alone at X0).
    pub fn word(self, x: u8, connect: &str) -> &str {
        match self {
            Outcome::Ok => "OK",
            Outcome::Connect if x == 0 => "CONNECT",
            Outcome::Connect => connect,
            Outcome::Ring => "RING",
            Outcome::NoCarrier => "NO CARRIER",
            Outcome::Error => "ERROR",
            Outcome::NoDialTone => "NO DIALTONE",
            Outcome::Busy => "BUSY",
            Outcome::NoAnswer => "NO ANSWER",
            Outcome::Ringing => "RINGING",
        }
    }

    /// The number. Speeds have the numbers that are common to most makers up to 33600; others are 1.
    pub fn number(self, x: u8, connect: &str) -> u8 {
        match self {
            Outcome::Ok => 0,
            Outcome::Connect if x == 0 => 1,
            Outcome::Connect => speed_number(connect),
            Outcome::Ring => 2,
            Outcome::NoCarrier => 3,
            Outcome::Error => 4,
            Outcome::NoDialTone => 6,
            Outcome::Busy => 7,
            Outcome::NoAnswer => 8,
            Outcome::Ringing => 11,
        }
    }
}

fn speed_number(connect: &str) -> u8 {
    let speed = connect.split(|c: char| !c.is_ascii_digit()).find(|w| !w.is_empty());
    match speed.and_then(|s| s.parse().ok()).unwrap_or(0) {
        1200 => 5,
        2400 => 10,
        4800 => 11,
        9600 => 12,
        7200 => 13,
        12000 => 14,
        14400 => 15,
        19200 => 16,
        38400 => 17,
        57600 => 18,
        115_200 => 19,
        16800 => 59,
        21600 => 61,
        24000 => 62,
        26400 => 63,
        28800 => 64,
        31200 => 65,
        33600 => 66,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn x_hides_call_progress() {
        let seen =
            |outcome: Outcome| (0..=5).filter(|x| outcome.seen_at(*x) == Some(outcome)).collect::<Vec<_>>();
        assert_eq!(seen(Outcome::NoDialTone), [2, 4, 5]);
        assert_eq!(seen(Outcome::Busy), [3, 4, 5]);
        assert_eq!(seen(Outcome::Ringing), [5]);
        assert_eq!(seen(Outcome::NoCarrier), [0, 1, 2, 3, 4, 5]);
        assert_eq!(Outcome::NoAnswer.seen_at(0), Some(Outcome::NoCarrier));
    }

    #[test]
    fn connect_has_its_text_and_number() {
        assert_eq!(Outcome::Connect.word(4, "CONNECT 33600"), "CONNECT 33600");
        assert_eq!(Outcome::Connect.word(0, "CONNECT 33600"), "CONNECT");
        assert_eq!(Outcome::Connect.number(4, "CONNECT 33600/ARQ"), 66);
        assert_eq!(Outcome::Connect.number(4, "CONNECT FAST"), 1);
        assert_eq!(Outcome::Connect.number(0, "CONNECT 33600"), 1);
    }
}
