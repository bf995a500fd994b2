//! Line speeds, bit/s.

use std::fmt;

/// The speeds mgetty's `-s` and `speed` take (spec section 1); anything else is a usage error there.
pub const MGETTY: [u32; 19] = [
    50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400, 57600, 115_200,
    230_400, 460_800,
];

/// Speeds with a `B` code of their own in `c_cflag`, and that code (asm-generic; the kernel takes any
/// other speed as `BOTHER` with the number beside it).
const CODED: [(u32, u32); 31] = [
    (0, 0o0),
    (50, 0o1),
    (75, 0o2),
    (110, 0o3),
    (134, 0o4),
    (150, 0o5),
    (200, 0o6),
    (300, 0o7),
    (600, 0o10),
    (1200, 0o11),
    (1800, 0o12),
    (2400, 0o13),
    (4800, 0o14),
    (9600, 0o15),
    (19200, 0o16),
    (38400, 0o17),
    (57600, 0o10001),
    (115_200, 0o10002),
    (230_400, 0o10003),
    (460_800, 0o10004),
    (500_000, 0o10005),
    (576_000, 0o10006),
    (921_600, 0o10007),
    (1_000_000, 0o10010),
    (1_152_000, 0o10011),
    (1_500_000, 0o10012),
    (2_000_000, 0o10013),
    (2_500_000, 0o10014),
    (3_000_000, 0o10015),
    (3_500_000, 0o10016),
    (4_000_000, 0o10017),
];

/// The `B` code of a standard speed. Programs that only know `tcgetattr` understand these.
#[must_use]
pub fn code(bits_per_second: u32) -> Option<u32> {
    CODED.iter().find(|(speed, _)| *speed == bits_per_second).map(|(_, code)| *code)
}

/// The speed of a `B` code.
#[must_use]
pub fn of_code(code: u32) -> Option<u32> {
    CODED.iter().find(|(_, c)| *c == code).map(|(speed, _)| *speed)
}

/// Whether mgetty and callback take this speed.
#[must_use]
pub fn is_mgetty_speed(bits_per_second: u32) -> bool {
    MGETTY.contains(&bits_per_second)
}

/// Rates between two modems, which people take for speeds of the port.
const BETWEEN_MODEMS: [u32; 10] =
    [12_000, 14_400, 16_800, 21_600, 24_000, 26_400, 28_800, 31_200, 33_600, 56_000];

/// A number that is no speed of a serial port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSpeed {
    /// Whether it is one between two modems.
    pub between_modems: bool,
    /// The next speed that a port has.
    pub next: u32,
}

impl fmt::Display for NoSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.between_modems {
            "is a rate between two modems; the port to the modem has a speed of its own, and a faster one does no harm"
        } else {
            "is no speed of a serial port"
        })
    }
}

/// What is wrong with a number as a speed for mgetty; `None`: nothing.
#[must_use]
pub fn fault(bits_per_second: u32) -> Option<NoSpeed> {
    if is_mgetty_speed(bits_per_second) {
        return None;
    }
    let next = MGETTY.iter().find(|s| **s >= bits_per_second).or(MGETTY.last()).copied().unwrap_or(115_200);
    Some(NoSpeed { between_modems: BETWEEN_MODEMS.contains(&bits_per_second), next })
}

/// Reads a speed written as decimal digits and nothing else, 1 … 4294967295 bit/s.
#[must_use]
pub fn parse(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|speed| *speed > 0)
}

/// The first integer in a modem's `CONNECT` text, as autobauding sets the port by it; `CONNECT` alone
/// means 300 bit/s (spec section 2, `autobauding`).
#[must_use]
pub fn of_connect(rest: &str) -> Option<u32> {
    let rest = rest.trim();
    if rest.is_empty() {
        return Some(300);
    }
    let start = rest.find(|c: char| c.is_ascii_digit())?;
    let digits = rest.get(start..)?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    parse(digits.get(..end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_speeds_agree_both_ways() {
        for (speed, code_of) in CODED {
            assert_eq!(code(speed), Some(code_of));
            assert_eq!(of_code(code_of), Some(speed));
        }
        assert_eq!(code(33_600), None);
        assert!(MGETTY.iter().all(|s| code(*s).is_some()));
    }

    #[test]
    fn a_speed_is_digits_only() {
        assert_eq!(parse("38400"), Some(38400));
        for bad in ["", "0", "-1", "+5", "38400x", " 9600", "99999999999"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn what_is_no_speed() {
        assert_eq!(fault(38_400), None);
        assert_eq!(fault(33_600), Some(NoSpeed { between_modems: true, next: 38_400 }));
        assert_eq!(fault(112_000), Some(NoSpeed { between_modems: false, next: 115_200 }));
        assert_eq!(fault(u32::MAX).map(|f| f.next), Some(460_800));
    }

    #[test]
    fn connect_texts() {
        assert_eq!(of_connect(""), Some(300));
        assert_eq!(of_connect(" 115200/V34"), Some(115_200));
        assert_eq!(of_connect(" LAPM 9600"), Some(9600));
        assert_eq!(of_connect(" FAST"), None);
    }
}
