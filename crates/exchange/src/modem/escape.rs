//! `+++` in the middle of data: with silence around it, and as sold without (TIES).

use super::Now;
use memchr::memchr;
use std::time::Duration;

/// Longest command line a modem without guard times takes out of data.
const LONGEST: usize = 60;

/// Looks for the escape in what the computer sends. Data costs one comparison of times per piece
/// with guard times, one `memchr` without.
#[derive(Debug)]
pub(super) struct Escape {
    /// Escape characters in a row so far.
    seen: u8,
    /// When the computer last sent something.
    last: Now,
    /// Three have come; they count if nothing follows until then.
    until: Option<Now>,
    /// Without guard times: the command line behind the three characters.
    line: Vec<u8>,
}

impl Escape {
    pub(super) fn new() -> Escape {
        Escape { seen: 0, last: Now::ZERO, until: None, line: Vec::new() }
    }

    pub(super) fn reset(&mut self) {
        *self = Escape { last: self.last, ..Escape::new() };
    }

    /// A connection begins: the silence before the first byte counts from here.
    pub(super) fn begin(&mut self, now: Now) {
        *self = Escape { last: now, ..Escape::new() };
    }

    pub(super) fn deadline(&self) -> Option<Now> {
        self.until
    }

    /// Whether the second silence is over; then the escape holds.
    pub(super) fn due(&mut self, now: Now) -> bool {
        let due = self.until.is_some_and(|until| until <= now);
        if due {
            self.reset();
        }
        due
    }

    pub(super) fn guarded(&mut self, bytes: &[u8], escape: u8, guard: Duration, now: Now) {
        let quiet = now.saturating_sub(self.last);
        let fits = match self.seen {
            0 => quiet >= guard,
            1 | 2 => quiet < guard,
            _ => false,
        };
        self.last = now;
        self.until = None;
        let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        if fits && length <= 3 - self.seen && bytes.iter().all(|b| *b == escape) {
            self.seen += length;
            if self.seen == 3 {
                self.until = Some(now + guard);
            }
        } else {
            self.seen = 0;
        }
    }

    /// Gives how many bytes were taken up to and with the end of the command line, and the line.
    pub(super) fn unguarded(&mut self, bytes: &[u8], escape: u8, now: Now) -> Option<(usize, Box<str>)> {
        self.last = now;
        self.until = None;
        let mut place = 0;
        while let Some(rest) = bytes.get(place..).filter(|rest| !rest.is_empty()) {
            if self.seen < 3 {
                if self.seen == 0 {
                    place += memchr(escape, rest)?;
                }
                self.seen = if bytes.get(place) == Some(&escape) { self.seen + 1 } else { 0 };
                place += 1;
                continue;
            }
            let byte = rest[0];
            place += 1;
            let line = &mut self.line;
            let fits = match line.len() {
                // A fourth `+` moves the three on by one.
                0 if byte == escape => continue,
                0 => byte.eq_ignore_ascii_case(&b'A'),
                1 => byte.eq_ignore_ascii_case(&b'T'),
                _ => byte == b'\r' || (byte.is_ascii_graphic() || byte == b' '),
            };
            if !fits || line.len() > LONGEST {
                self.reset();
            } else if byte == b'\r' {
                let body: String = line[2..]
                    .iter()
                    .map(|b| char::from(b.to_ascii_uppercase()))
                    .filter(|c| *c != ' ')
                    .collect();
                self.reset();
                return Some((place, body.into()));
            } else {
                line.push(byte);
            }
        }
        // Three and then silence: most of these modems take that, too.
        if self.seen == 3 && self.line.is_empty() {
            self.until = Some(now + Duration::from_secs(1));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Escape;
    use std::time::Duration;

    const GUARD: Duration = Duration::from_secs(1);

    fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn guarded(pieces: &[(u64, &[u8])], asked: u64) -> bool {
        let mut escape = Escape::new();
        escape.begin(at(0));
        for (ms, bytes) in pieces {
            if escape.due(at(*ms)) {
                return true;
            }
            escape.guarded(bytes, b'+', GUARD, at(*ms));
        }
        escape.due(at(asked))
    }

    #[test]
    fn silence_three_signs_silence() {
        assert!(guarded(&[(1000, b"+++")], 2000));
        assert!(guarded(&[(1000, b"+"), (1200, b"+"), (1900, b"+")], 2900));
        assert!(guarded(&[(500, b"data"), (1600, b"+++")], 2700));
    }

    #[test]
    fn without_silence_it_is_data() {
        assert!(!guarded(&[(999, b"+++")], 3000), "too early");
        assert!(!guarded(&[(1000, b"+++")], 1999), "not yet");
        assert!(!guarded(&[(1000, b"+++"), (1500, b"A")], 3000), "followed by data");
        assert!(!guarded(&[(1000, b"x+++")], 3000));
        assert!(!guarded(&[(1000, b"++++")], 3000));
        assert!(!guarded(&[(1000, b"++"), (2000, b"+")], 4000), "too slow");
    }

    fn unguarded(pieces: &[&[u8]]) -> Option<(usize, String)> {
        let mut escape = Escape::new();
        pieces.iter().find_map(|p| escape.unguarded(p, b'+', at(0))).map(|(n, l)| (n, l.into()))
    }

    #[test]
    fn modems_without_guard_times_obey_data() {
        assert_eq!(unguarded(&[b"ping +++ATH0\rrest"]), Some((13, "H0".into())));
        assert_eq!(unguarded(&[b"+", b"++a", b"t h", b"0\r"]), Some((2, "H0".into())));
        assert_eq!(unguarded(&[b"+++++ATH\r"]), Some((9, "H".into())));
        assert_eq!(unguarded(&[b"+++ and so on\r"]), None);
        assert_eq!(unguarded(&[b"++ +ATH0\r"]), None);
    }
}
