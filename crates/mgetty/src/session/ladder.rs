//! What is done about a line that cannot be served: tried again in this process, for ever.
//!
//! An exit would only make init start the next getty, which finds the same line: a storm of respawns, each
//! with its full time-outs. So a fault is said once, the line is let go (another program may want it), and
//! looked at again after a pause that grows to a bound. Each look opens the device anew, which also finds
//! one that was unplugged and plugged in again; DTR is dropped, the modem is asked for a sign of life, at
//! times after a guarded `+++` and ATH; only when it answers all is initialised as at start.

use std::time::Duration;

/// Pauses between looks, milliseconds; the last one is the bound. A look at a silent modem takes a second:
/// together with the initialisation that follows, a healthy modem is in service within 5 s.
const PAUSES: [u64; 4] = [300, 500, 1000, 1500];

/// Every so many looks the modem is hung up with a guarded `+++` first: it may be online, with DTR ignored.
const ESCAPE_EVERY: u32 = 6;

/// How often in a row the line could not be served, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ladder {
    failures: u32,
    why: Option<String>,
}

impl Ladder {
    /// Why the line is not served, if it is not.
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// One more failure. Gives the pause before the next look, and whether this is to be said: not if it has been.
    pub fn failed(&mut self, why: &str) -> (Duration, bool) {
        let pause = PAUSES.get(self.failures as usize).or(PAUSES.last()).copied().unwrap_or(1500);
        self.failures = self.failures.saturating_add(1);
        let news = self.why.as_deref() != Some(why);
        if news {
            self.why = Some(why.to_string());
        }
        (Duration::from_millis(pause), news)
    }

    /// Whether the next look begins with `+++`.
    pub fn escapes(&self) -> bool {
        self.failures % ESCAPE_EVERY == 2
    }

    /// The line is served again: gives whether it was not.
    pub fn recovered(&mut self) -> bool {
        let was = self.why.is_some();
        *self = Ladder::default();
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_a_fault_is_said_once() {
        let mut ladder = Ladder::default();
        let mut pauses = Vec::new();
        for n in 0..6 {
            let (pause, news) = ladder.failed("modem is silent");
            assert_eq!(news, n == 0);
            pauses.push(pause.as_millis());
        }
        assert_eq!(pauses, [300, 500, 1000, 1500, 1500, 1500]);
        assert!(ladder.failed("line is gone").1, "another fault is news");
        assert_eq!(ladder.why(), Some("line is gone"));
        assert!(ladder.recovered());
        assert!(!ladder.recovered());
        assert!(ladder.failed("line is gone").1);
    }

    #[test]
    fn now_and_then_the_modem_is_escaped_from_its_call() {
        let mut ladder = Ladder::default();
        let mut escapes = Vec::new();
        for n in 1..20 {
            ladder.failed("x");
            if ladder.escapes() {
                escapes.push(n);
            }
        }
        assert_eq!(escapes, [2, 8, 14]);
    }
}
