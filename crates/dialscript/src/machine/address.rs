//! `getip`: looks for dotted addresses in what the other end sends.

use std::net::Ipv4Addr;

/// The longest address, `255.255.255.255`, and the full stop of a sentence.
const LONGEST: usize = 16;
/// The shortest, `1.2.3.4`, with the byte behind it that ends it.
const SHORTEST: usize = 8;

/// Looks for the n-th address of a stream.
#[derive(Debug)]
pub(super) struct AddressScan {
    left: u32,
    /// Digits and dots in a row; one more than [`LONGEST`] stands for "too long".
    run: Vec<u8>,
}

impl AddressScan {
    pub(super) fn new(number: u32) -> AddressScan {
        AddressScan { left: number.max(1), run: Vec::new() }
    }

    /// How many bytes may be read at least.
    pub(super) fn need(&self) -> usize {
        SHORTEST.saturating_sub(self.run.len()).max(1)
    }

    /// Takes a byte; the address, when the byte behind it has come.
    pub(super) fn feed(&mut self, byte: u8) -> Option<Ipv4Addr> {
        if byte.is_ascii_digit() || byte == b'.' {
            if self.run.len() <= LONGEST {
                self.run.push(byte);
            }
            return None;
        }
        let run = std::mem::take(&mut self.run);
        let found = AddressScan::whole(run.strip_suffix(b".").unwrap_or(&run))?;
        self.left -= 1;
        (self.left == 0).then_some(found)
    }

    /// The address that a text is: four numbers up to 255, leading zeros allowed, as old servers write them.
    pub(super) fn whole(text: &[u8]) -> Option<Ipv4Addr> {
        let mut numbers = [0u8; 4];
        let mut parts = text.split(|&b| b == b'.');
        for number in &mut numbers {
            let part = parts.next().filter(|p| (1..=3).contains(&p.len()))?;
            *number = part.iter().try_fold(0u8, |n, d| {
                d.is_ascii_digit().then_some(())?;
                n.checked_mul(10)?.checked_add(d - b'0')
            })?;
        }
        parts.next().is_none().then(|| Ipv4Addr::from(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(number: u32, stream: &str) -> Option<(String, usize)> {
        let mut scan = AddressScan::new(number);
        let mut at = 0;
        while at < stream.len() {
            for _ in 0..scan.need().min(stream.len() - at) {
                at += 1;
                if let Some(address) = scan.feed(stream.as_bytes()[at - 1]) {
                    return Some((address.to_string(), at));
                }
            }
        }
        None
    }

    #[test]
    fn addresses_are_found_in_sentences() {
        assert_eq!(find(1, "Your address is 10.0.0.7.\r\n"), Some(("10.0.0.7".into(), 26)));
        assert_eq!(find(2, "from 1.2.3.4 to 5.6.7.8 mtu"), Some(("5.6.7.8".into(), 24)));
        assert_eq!(find(1, "192.168.001.002 "), Some(("192.168.1.2".into(), 16)));
        assert_eq!(find(1, "1.2.3 1.2.3.4.5 256.1.1.1 1..2.3 1.2.3.4567 11.543.23.13 "), None);
        assert_eq!(find(1, "1.2.3.4"), None, "a digit may follow");
        assert_eq!(find(1, &"1".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn reading_by_need_never_passes_the_end(stream in "[0-9.. x]{0,60}", number in 1u32..3) {
            let mut scan = AddressScan::new(number);
            let plain = stream.bytes().position(|b| scan.feed(b).is_some());
            prop_assert_eq!(find(number, &stream).map(|(_, at)| at - 1), plain);
        }
    }
}
