//! mgetty's chat scripts (`init-chat`, `answer-chat` … and `-m`): expect, send, expect, send …
//!
//! A language of its own, poorer than chat's (spec section 3). Parsing resolves `\r \n \t \\ \"`;
//! `\d` (pause), `\c` (no final CR) and `\X` (X itself) are resolved when a word is sent.

use std::time::Duration;

/// A script: words that are expected and sent in turn, beginning with an expected one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModemChat {
    words: Vec<Vec<u8>>,
}

impl ModemChat {
    /// Splits at single blanks; `"` switches quoting on and off, also inside a word; two blanks
    /// make an empty word. Nothing can be wrong with a script: a missing quote ends at the end.
    pub fn parse(text: &[u8]) -> ModemChat {
        let (mut words, mut word, mut quoted) = (Vec::new(), Vec::new(), false);
        let mut bytes = text.iter().copied();
        while let Some(byte) = bytes.next() {
            match byte {
                b' ' if !quoted => words.push(std::mem::take(&mut word)),
                b'"' => quoted = !quoted,
                b'\\' => match bytes.next() {
                    Some(b'r') => word.push(b'\r'),
                    Some(b'n') => word.push(b'\n'),
                    Some(b't') => word.push(b'\t'),
                    Some(c @ (b'\\' | b'"')) => word.push(c),
                    Some(c) => word.extend_from_slice(&[b'\\', c]),
                    None => word.push(b'\\'),
                },
                c => word.push(c),
            }
        }
        if !text.is_empty() {
            words.push(word);
        }
        ModemChat { words }
    }

    /// The words: even ones are expected, odd ones sent.
    pub fn words(&self) -> &[Vec<u8>] {
        &self.words
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// The waits of a dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// Limit for each expected word.
    pub expect: Duration,
    /// Pause before each sent word.
    pub before_send: Duration,
    /// What `\d` means.
    pub pause: Duration,
}

/// What a modem says unasked: of the call before, whose hang-up may have swallowed our command, or of the next.
const UNASKED: [&[u8]; 2] = [b"NO CARRIER", b"RING"];

/// How a dialogue ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All words were found and sent.
    Done,
    /// This one of the abort strings came.
    Abort(usize),
    /// An expected word did not come in time.
    Timeout,
}

/// What happened, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// From now on this is waited for.
    Waiting(Vec<u8>),
    /// It was found.
    Found,
    /// This was sent, with its final CR if it has one.
    Sent(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Expect { until: Duration },
    Send { from: usize, until: Duration },
    Over(Outcome),
}

/// A script that is being run: bytes and times go in, bytes to send come out.
/// Times are measured from any fixed point.
#[derive(Debug, Clone)]
pub struct Dialogue {
    chat: ModemChat,
    aborts: &'static [&'static [u8]],
    timing: Timing,
    at: usize,
    phase: Phase,
    /// The last bytes received, as many as the longest string looked for.
    tail: Vec<u8>,
    sent: Vec<u8>,
    notes: Vec<Note>,
    /// Limit for the first sign of life, while none has come.
    silence: Option<Duration>,
    /// The line that came since, as long as it may be [`UNASKED`].
    unasked: Vec<u8>,
    /// When the present wait began.
    since: Duration,
}

impl Dialogue {
    /// Begins `chat`; call [`Dialogue::tick`] next.
    pub fn new(chat: ModemChat, aborts: &'static [&'static [u8]], timing: Timing, now: Duration) -> Dialogue {
        let mut dialogue = Dialogue {
            chat,
            aborts,
            timing,
            at: 0,
            phase: Phase::Over(Outcome::Done),
            tail: Vec::new(),
            sent: Vec::new(),
            notes: Vec::new(),
            silence: None,
            unasked: Vec::new(),
            since: now,
        };
        dialogue.begin_word(now);
        dialogue
    }

    /// If nothing comes within `limit` of a wait, or only what the modem says unasked, it counts as over.
    pub fn give_up_on_silence(&mut self, limit: Duration) {
        self.silence = Some(limit);
        if let Phase::Expect { until } = self.phase {
            self.phase = Phase::Expect { until: until.min(self.since + limit) };
        }
    }

    /// How it ended, if it has.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.phase {
            Phase::Over(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Whether it waits for bytes now. While it pauses or sends, they stay where they are.
    pub fn hungry(&self) -> bool {
        matches!(self.phase, Phase::Expect { .. })
    }

    /// When [`Dialogue::tick`] is due.
    pub fn deadline(&self) -> Option<Duration> {
        match self.phase {
            Phase::Expect { until } | Phase::Send { until, .. } => Some(until),
            Phase::Over(_) => None,
        }
    }

    /// The word that is expected now.
    pub fn expected(&self) -> Option<&[u8]> {
        if self.hungry() { self.chat.words.get(self.at).map(Vec::as_slice) } else { None }
    }

    /// What happened since the last call.
    pub fn notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// The expected word counts as found (a virtual ring).
    pub fn found(&mut self, now: Duration) {
        if self.hungry() {
            self.notes.push(Note::Found);
            self.at += 1;
            self.begin_word(now);
        }
    }

    /// Takes one byte; only when [`Dialogue::hungry`].
    pub fn feed(&mut self, byte: u8, now: Duration) {
        if self.hungry() && self.silence.is_some() && !self.is_unasked(byte) {
            self.silence = None;
            self.phase = Phase::Expect { until: self.since + self.timing.expect };
        }
        let Some(expected) = self.expected() else { return };
        let longest = self.aborts.iter().map(|a| a.len()).max().unwrap_or(0).max(expected.len());
        if self.tail.len() >= longest {
            self.tail.remove(0);
        }
        self.tail.push(byte);
        let wanted = self.chat.words.get(self.at).map_or(&[][..], Vec::as_slice);
        if self.tail.ends_with(wanted) {
            self.found(now);
        } else if let Some(which) = self.aborts.iter().position(|a| self.tail.ends_with(a)) {
            self.phase = Phase::Over(Outcome::Abort(which));
        }
    }

    /// Whether this byte may belong to what a modem says of its own: no echo, and no answer to what was sent.
    fn is_unasked(&mut self, byte: u8) -> bool {
        if matches!(byte, b'\r' | b'\n') {
            let whole = self.unasked.is_empty() || UNASKED.contains(&&self.unasked[..]);
            self.unasked.clear();
            return whole;
        }
        self.unasked.push(byte);
        UNASKED.iter().any(|word| word.starts_with(&self.unasked))
    }

    /// The time is `now`: appends what is to be sent by now to `out`.
    pub fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        loop {
            match self.phase {
                Phase::Expect { until } if now >= until => {
                    self.phase = Phase::Over(Outcome::Timeout);
                    return;
                }
                Phase::Send { from, until } if now >= until => self.send(from, now, out),
                _ => return,
            }
        }
    }

    fn send(&mut self, mut from: usize, now: Duration, out: &mut Vec<u8>) {
        let mut end_with_cr = true;
        let word = self.chat.words.get(self.at).map_or(&[][..], Vec::as_slice);
        // `\c` counts wherever it stands, also before a pause that has passed.
        let mut before = word.get(..from).unwrap_or(&[]).iter();
        while let Some(&byte) = before.next() {
            if byte == b'\\' && before.next() == Some(&b'c') {
                end_with_cr = false;
            }
        }
        while let Some(&byte) = word.get(from) {
            from += 1;
            if byte != b'\\' {
                out.push(byte);
                self.sent.push(byte);
                continue;
            }
            let escaped = word.get(from).copied();
            from += 1;
            match escaped {
                Some(b'd') => {
                    self.phase = Phase::Send { from, until: now + self.timing.pause };
                    return;
                }
                Some(b'c') => end_with_cr = false,
                Some(other) => {
                    out.push(other);
                    self.sent.push(other);
                }
                None => {}
            }
        }
        if end_with_cr {
            out.push(b'\r');
            self.sent.push(b'\r');
        }
        self.notes.push(Note::Sent(std::mem::take(&mut self.sent)));
        self.at += 1;
        self.begin_word(now);
    }

    fn begin_word(&mut self, now: Duration) {
        self.tail.clear();
        while let Some(word) = self.chat.words.get(self.at) {
            if self.at % 2 == 1 {
                self.phase = Phase::Send { from: 0, until: now + self.timing.before_send };
                return;
            }
            if !word.is_empty() {
                self.notes.push(Note::Waiting(word.clone()));
                self.since = now;
                let limit = self.silence.map_or(self.timing.expect, |limit| limit.min(self.timing.expect));
                self.phase = Phase::Expect { until: now + limit };
                return;
            }
            self.at += 1;
        }
        self.phase = Phase::Over(Outcome::Done);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMING: Timing = Timing {
        expect: Duration::from_secs(20),
        before_send: Duration::from_millis(50),
        pause: Duration::from_millis(500),
    };
    const ABORTS: &[&[u8]] = &[b"ERROR", b"BUSY", b"NO CARRIER"];

    fn words(text: &str) -> Vec<String> {
        let chat = ModemChat::parse(text.as_bytes());
        chat.words().iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_silent_modem_is_given_up_sooner_than_a_slow_one() {
        let rows = [
            ("", 3),
            ("A", 20),
            ("\r\nNO CARRIER\r\n\r\nRING\r\n", 3),
            ("\r\nNO CARRIER\r\nA", 20),
            ("\r\nO", 20),
        ];
        for (echo, end) in rows {
            let mut dialogue = Dialogue::new(ModemChat::parse(b"\"\" AT OK"), &[], TIMING, Duration::ZERO);
            dialogue.give_up_on_silence(Duration::from_secs(3));
            let mut out = Vec::new();
            dialogue.tick(dialogue.deadline().unwrap(), &mut out);
            let begun = TIMING.before_send;
            for byte in echo.bytes() {
                dialogue.feed(byte, begun);
            }
            assert_eq!(dialogue.deadline(), Some(begun + Duration::from_secs(end)), "{echo:?}");
        }
    }

    #[test]
    fn words_are_split_as_mgetty_does() {
        assert_eq!(words(r#""" \dATQ0V1H0 OK AT OK"#), ["", r"\dATQ0V1H0", "OK", "AT", "OK"]);
        assert_eq!(words(r#"a"b c"d e"#), ["ab cd", "e"]);
        assert_eq!(words("a  b"), ["a", "", "b"]);
        assert_eq!(words(r#"\r\n\t\\\"\x"#), ["\r\n\t\\\"\\x"]);
        assert_eq!(words(r#""open end"#), ["open end"]);
        assert!(words("").is_empty());
        assert_eq!(words("a\\"), ["a\\"]);
    }

    #[test]
    fn pauses_are_kept_to_the_millisecond() {
        let chat = ModemChat::parse(br#""" \dAT\dZ OK"#);
        let (mut run, mut out) = (Dialogue::new(chat, ABORTS, TIMING, ms(0)), Vec::new());
        run.tick(ms(0), &mut out);
        assert_eq!((run.deadline(), run.hungry(), out.len()), (Some(ms(50)), false, 0));
        run.tick(ms(50), &mut out);
        assert_eq!((run.deadline(), out.len()), (Some(ms(550)), 0));
        run.tick(ms(550), &mut out);
        assert_eq!((run.deadline(), &out[..]), (Some(ms(1050)), &b"AT"[..]));
        run.tick(ms(1050), &mut out);
        assert_eq!((run.deadline(), &out[..], run.hungry()), (Some(ms(21050)), &b"ATZ\r"[..], true));
        run.tick(ms(21049), &mut out);
        assert_eq!(run.outcome(), None);
        run.tick(ms(21050), &mut out);
        assert_eq!(run.outcome(), Some(Outcome::Timeout));
    }

    #[test]
    fn the_echo_is_part_of_the_stream_and_an_abort_ends_it() {
        let chat = ModemChat::parse(br#""" ATA CONNECT \c "#);
        let (mut run, mut out) = (Dialogue::new(chat.clone(), ABORTS, TIMING, ms(0)), Vec::new());
        run.tick(ms(50), &mut out);
        for &byte in b"ATA\r\r\nBUSX\r\nCONNECT" {
            run.feed(byte, ms(60));
        }
        assert!(!run.hungry());
        out.clear();
        run.tick(ms(110), &mut out);
        assert_eq!((run.outcome(), &out[..]), (Some(Outcome::Done), &b""[..]));

        let mut run = Dialogue::new(chat, ABORTS, TIMING, ms(0));
        run.tick(ms(50), &mut out);
        for &byte in b"ATA\r\r\nxNO CARRIER" {
            run.feed(byte, ms(60));
        }
        assert_eq!(run.outcome(), Some(Outcome::Abort(2)));
    }

    #[test]
    fn unknown_escapes_are_the_letter_and_an_empty_script_is_done() {
        let chat = ModemChat::parse(br#""" a\p\s\cb"#);
        let (mut run, mut out) = (Dialogue::new(chat, ABORTS, TIMING, ms(0)), Vec::new());
        run.tick(ms(50), &mut out);
        assert_eq!(out, b"apsb");
        assert_eq!(Dialogue::new(ModemChat::default(), ABORTS, TIMING, ms(0)).outcome(), Some(Outcome::Done));
    }

    proptest! {
        #[test]
        fn any_script_ends(text in proptest::collection::vec(any::<u8>(), 0..120),
                           noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut now = ms(0);
            let mut run = Dialogue::new(ModemChat::parse(&text), ABORTS, TIMING, now);
            let (mut out, mut noise) = (Vec::new(), noise.into_iter());
            let mut rounds = 0;
            while run.outcome().is_none() {
                match noise.next() {
                    Some(byte) if run.hungry() => run.feed(byte, now),
                    _ => now = run.deadline().expect("a deadline while it runs"),
                }
                run.tick(now, &mut out);
                rounds += 1;
                prop_assert!(rounds < 2000);
            }
            prop_assert!(run.tail.len() <= 130);
        }
    }
}
