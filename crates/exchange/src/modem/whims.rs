//! What can be wrong with a modem.

use super::caller_id::Dialect;
use std::time::Duration;

/// Faults of the modem itself (those of the telephone line are in [`crate::faults`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whims {
    /// Hears no command and says nothing.
    pub deaf: bool,
    /// Everything it says comes this much later.
    pub slow: Option<Duration>,
    /// Commands answered with ERROR: the heads of their names (`+VCID`, `&K`, `D`).
    pub errors: Vec<String>,
    /// Echoes whatever E says.
    pub echo_stuck: bool,
    /// Bytes of garbage before each result code.
    pub garbage: usize,
    /// Takes no notice of DTR.
    pub dtr_ignored: bool,
    /// Rings that come without a RING: the first one, or every second one …
    pub lost_rings: Vec<u8>,
    /// Shows callers in this dialect, whatever it was asked for.
    pub dialect: Option<Dialect>,
    /// Where the garbage comes from.
    pub seed: u32,
}

impl Whims {
    /// The garbage before a result code, if there is any.
    pub(super) fn garbage(&mut self) -> Option<Vec<u8>> {
        (self.garbage > 0).then(|| noise(&mut self.seed, self.garbage))
    }
}

/// Noise: bytes that look random and are the same in every run.
pub fn noise(seed: &mut u32, length: usize) -> Vec<u8> {
    let byte = |seed: &mut u32| {
        // xorshift32 (Marsaglia); never 0 once it is not.
        *seed |= u32::from(*seed == 0);
        *seed ^= *seed << 13;
        *seed ^= *seed >> 17;
        *seed ^= *seed << 5;
        seed.to_le_bytes()[1]
    };
    (0..length).map(|_| byte(seed)).collect()
}

#[cfg(test)]
mod tests {
    use super::noise;

    #[test]
    fn noise_repeats_itself_from_the_same_seed() {
        let (mut one, mut two) = (7, 7);
        assert_eq!(noise(&mut one, 50), noise(&mut two, 50));
        assert_ne!(noise(&mut one, 50), noise(&mut 7, 50));
        assert!(noise(&mut 0, 100).iter().any(|b| *b != 0));
    }
}
