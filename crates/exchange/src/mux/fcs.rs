//! The frame check sequence (27.010 clause 5.2.1.6 and annex B): a reflected CRC-8.

/// x^8 + x^2 + x + 1, bit-reversed.
const POLYNOMIAL: u8 = 0xE0;

const TABLE: [u8; 256] = table();

const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut c = i as u8;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { (c >> 1) ^ POLYNOMIAL } else { c >> 1 };
            bit += 1;
        }
        table[i] = c;
        i += 1;
    }
    table
}

/// The check octet over these octets: address, control and length; of UI frames the information too.
pub fn fcs(octets: &[u8]) -> u8 {
    0xFF - octets.iter().fold(0xFF_u8, |c, &b| TABLE[usize::from(c ^ b)])
}

#[cfg(test)]
mod tests {
    use super::fcs;

    /// Seen on the wire from the kernel (SABM, UIH) and accepted by it (UA).
    #[test]
    fn of_known_frames() {
        for (octets, want) in [
            (&[0x07, 0x3F, 0x01][..], 0xDE),
            (&[0x07, 0x73, 0x01], 0x15),
            (&[0x07, 0xEF, 0x03], 0xD4),
            (&[0x05, 0xEF, 0x03], 0xB5),
        ] {
            assert_eq!(fcs(octets), want, "{octets:02x?}");
        }
    }
}
