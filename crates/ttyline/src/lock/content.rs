//! What stands in a lock file.

/// Bytes of a lock file that matter (spec section 4); more may follow and is ignored.
pub const READ: usize = 19;

/// The largest process id Linux gives (`PID_MAX_LIMIT`).
const MOST: i32 = 1 << 22;

/// The form we write: HDB, as in the FHS.
#[must_use]
pub fn write(pid: i32) -> String {
    format!("{pid:10}\n")
}

/// The process a lock file names; `None` if it names none.
///
/// Text (`      1234\n`, with or without blanks, newline, or words behind the number) or, as older UUCPs
/// write it, a binary `int` of this machine. The original takes every file of four bytes as binary, also
/// `123\n`; four characters of text are never a process id in binary, so here they are read as text.
#[must_use]
pub fn parse(bytes: &[u8]) -> Option<i32> {
    let bytes = bytes.get(..READ.min(bytes.len()))?;
    binary(bytes).or_else(|| text(bytes))
}

fn binary(bytes: &[u8]) -> Option<i32> {
    let four: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(i32::from_ne_bytes(four)).filter(|pid| (1..=MOST).contains(pid))
}

fn text(bytes: &[u8]) -> Option<i32> {
    let mut number: Option<i32> = None;
    for &byte in bytes.trim_ascii_start() {
        if !byte.is_ascii_digit() {
            break;
        }
        number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(i32::from(byte - b'0'))?);
    }
    number.filter(|pid| (1..=MOST).contains(pid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_known_forms() {
        for form in ["      1234\n", "1234\n", "1234", " 1234 root pppd\n", "1234\0\0", "0000001234"] {
            assert_eq!(parse(form.as_bytes()), Some(1234), "{form:?}");
        }
        assert_eq!(parse(&1234_i32.to_ne_bytes()), Some(1234));
        assert_eq!(parse(b"123\n"), Some(123), "four bytes of text");
        assert_eq!(write(1234), "      1234\n");
    }

    #[test]
    fn what_names_no_process() {
        for form in ["", "garbage", "-1\n", "0\n", "         0\n", "99999999999999", "\n\n\n\n", "4194305"] {
            assert_eq!(parse(form.as_bytes()), None, "{form:?}");
        }
        assert_eq!(parse(&0_i32.to_ne_bytes()), None);
        assert_eq!(parse(&(-1_i32).to_ne_bytes()), None);
    }

    proptest! {
        #[test]
        fn what_we_write_is_read(pid in 1..=MOST) {
            prop_assert_eq!(parse(write(pid).as_bytes()), Some(pid));
            prop_assert_eq!(parse(&pid.to_ne_bytes()), Some(pid));
        }

        #[test]
        fn anything_is_a_process_id_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(pid) = parse(&bytes) {
                prop_assert!((1..=MOST).contains(&pid));
            }
        }
    }
}
