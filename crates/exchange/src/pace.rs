//! True bit rates: how many bytes one direction of a call may carry by now.

use std::time::Duration;

/// A moment: time since the exchange's start.
pub type Now = Duration;

/// Bits on the line for each byte of asynchronous data (start, eight, stop).
pub const BITS: u64 = 10;
/// From one helping of data to the next: a third of the 20 ms of jitter allowed, for a busy machine.
pub const TICK: Duration = Duration::from_millis(7);

/// What one direction has not used yet. Never more than two ticks' worth, so that a pause is not
/// made up for by a burst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credit {
    /// In bits times nanoseconds, so that slow rates lose nothing by rounding.
    amount: u64,
    at: Now,
}

const SECOND: u64 = 1_000_000_000;

impl Credit {
    /// A direction that begins to move at `now`: the first helping is due.
    pub fn begin(&mut self, now: Now) {
        self.amount = 0;
        self.at = now.saturating_sub(TICK);
    }

    /// Bytes that may pass at `now` at `rate` bits per second.
    pub fn bytes(&mut self, rate: u32, now: Now) -> usize {
        let since = now.saturating_sub(self.at).min(10 * TICK);
        self.at = now;
        let rate = u64::from(rate);
        let earned = rate * u64::try_from(since.as_nanos()).unwrap_or(0);
        let most = (2 * rate * u64::try_from(TICK.as_nanos()).unwrap_or(0)).max(BITS * SECOND);
        self.amount = self.amount.min(most) + earned;
        usize::try_from(self.amount / (BITS * SECOND)).unwrap_or(usize::MAX)
    }

    /// `bytes` have passed.
    pub fn spend(&mut self, bytes: usize) {
        let spent = BITS * SECOND * u64::try_from(bytes).unwrap_or(u64::MAX / (BITS * SECOND));
        self.amount = self.amount.saturating_sub(spent);
    }
}

#[cfg(test)]
mod tests {
    use super::{Credit, TICK};
    use proptest::prelude::*;
    use std::time::Duration;

    /// What a second carries, in ticks of 10 ms.
    fn carried(rate: u32) -> usize {
        let step = Duration::from_millis(10);
        let mut credit = Credit::default();
        credit.begin(TICK);
        let mut sum = 0;
        for tick in 1..=100 {
            let bytes = credit.bytes(rate, step * tick);
            credit.spend(bytes);
            sum += bytes;
        }
        sum
    }

    #[test]
    fn a_second_carries_a_tenth_of_the_bit_rate() {
        for rate in [300, 1200, 2400, 9600, 14400, 33600, 56000] {
            let (got, wanted) = (carried(rate), rate as usize / 10);
            assert!(got.abs_diff(wanted) <= 1, "{rate}: {got}");
        }
    }

    #[test]
    fn a_late_tick_is_made_up_for_but_a_pause_is_not() {
        let mut credit = Credit::default();
        credit.begin(TICK);
        let first = credit.bytes(33600, TICK);
        credit.spend(first);
        let late = credit.bytes(33600, TICK + Duration::from_millis(40));
        assert!((134..=135).contains(&late), "134.4 and what was left: {late}");
        let mut credit = Credit::default();
        credit.begin(Duration::ZERO);
        assert!(credit.bytes(33600, Duration::from_secs(60)) <= 336);
    }

    proptest! {
        #[test]
        fn never_faster_than_the_rate(rate in 300u32..56001, steps in prop::collection::vec(0u64..50, 1..200)) {
            let (mut credit, mut now, mut sum) = (Credit::default(), Duration::from_secs(1), 0);
            credit.begin(now);
            for step in steps {
                now += Duration::from_millis(step);
                let bytes = credit.bytes(rate, now);
                credit.spend(bytes);
                sum += bytes as u64;
            }
            let milliseconds = u64::try_from((now - Duration::from_secs(1) + TICK).as_millis()).expect("short");
            prop_assert!(sum * 10_000 <= u64::from(rate) * milliseconds + 10_000);
        }
    }
}
