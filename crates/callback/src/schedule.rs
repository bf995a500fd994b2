//! Which number is tried next, and when to stop.

use crate::outcome::Outcome;
use std::time::Duration;

/// Modems that must keep a list of numbers in vain take three tries in quick succession; after that they
/// want a minute between tries.
const QUICK_TRIES: u32 = 3;
const SPACING: Duration = Duration::from_secs(60);

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try the number of this place after this wait.
    Try(usize, Duration),
    /// Stop.
    GiveUp,
}

#[derive(Clone, Copy, Debug, Default)]
struct Number {
    tries: u32,
    /// Not before this time.
    from: Duration,
    dead: bool,
}

/// The tries of one call-back. Times are counted from the program's start.
#[derive(Clone, Debug)]
pub struct Schedule {
    numbers: Vec<Number>,
    retry: Duration,
    end: Duration,
    at: usize,
}

impl Schedule {
    /// `count` numbers, tried in turn with `retry` between tries until `end`.
    #[must_use]
    pub fn new(count: usize, retry: Duration, end: Duration) -> Schedule {
        Schedule { numbers: vec![Number::default(); count], retry, end, at: 0 }
    }

    /// The number that is tried now.
    #[must_use]
    pub fn current(&self) -> usize {
        self.at
    }

    /// The current number's try has failed.
    pub fn failed(&mut self, now: Duration, outcome: &Outcome) -> Next {
        let (retry, count) = (self.retry, self.numbers.len());
        if let Some(number) = self.numbers.get_mut(self.at) {
            number.tries += 1;
            let spacing = if number.tries >= QUICK_TRIES { retry.max(SPACING) } else { retry };
            number.from = now + spacing;
            match outcome {
                Outcome::Blacklisted => number.dead = true,
                Outcome::Delayed(wait) => number.from = now + wait.unwrap_or(SPACING).max(spacing),
                _ => {}
            }
        }
        let alive = (1..=count).map(|step| (self.at + step) % count);
        // The next in turn, unless another one may be tried earlier.
        let next = alive.filter(|n| self.numbers.get(*n).is_some_and(|n| !n.dead)).min_by_key(|n| {
            self.numbers.get(*n).map_or(Duration::MAX, |number| number.from.max(now + retry))
        });
        let Some(next) = next else { return Next::GiveUp };
        let from = self.numbers.get(next).map_or(now, |number| number.from.max(now + retry));
        // No waiting for a try that will not be made.
        if from >= self.end {
            return Next::GiveUp;
        }
        self.at = next;
        Next::Try(next, from - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn numbers_are_tried_in_turn_until_the_time_is_over() {
        let mut schedule = Schedule::new(2, s(30), s(100));
        assert_eq!(schedule.current(), 0);
        assert_eq!(schedule.failed(s(10), &Outcome::Busy), Next::Try(1, s(30)));
        assert_eq!(schedule.failed(s(45), &Outcome::TimedOut), Next::Try(0, s(30)));
        assert_eq!(schedule.failed(s(80), &Outcome::Busy), Next::GiveUp, "the next try would be too late");
    }

    #[test]
    fn the_same_number_gets_a_minute_after_three_tries() {
        let mut schedule = Schedule::new(1, s(1), s(1000));
        let waits: Vec<Next> = (1..=4).map(|n| schedule.failed(s(n), &Outcome::Busy)).collect();
        assert_eq!(waits, [Next::Try(0, s(1)), Next::Try(0, s(1)), Next::Try(0, s(60)), Next::Try(0, s(60))]);
    }

    #[test]
    fn a_blacklisting_modem_is_obeyed() {
        let mut schedule = Schedule::new(2, s(5), s(1000));
        assert_eq!(schedule.failed(s(1), &Outcome::Blacklisted), Next::Try(1, s(5)));
        assert_eq!(schedule.failed(s(10), &Outcome::Delayed(Some(s(330)))), Next::Try(1, s(330)));
        assert_eq!(schedule.failed(s(350), &Outcome::Delayed(None)), Next::Try(1, s(60)));
        assert_eq!(schedule.failed(s(420), &Outcome::Blacklisted), Next::GiveUp);
    }
}
