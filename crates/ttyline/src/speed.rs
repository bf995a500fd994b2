//! Line speeds, bit/s.

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
    fn connect_texts() {
        assert_eq!(of_connect(""), Some(300));
        assert_eq!(of_connect(" 115200/V34"), Some(115_200));
        assert_eq!(of_connect(" LAPM 9600"), Some(9600));
        assert_eq!(of_connect(" FAST"), None);
    }
}
