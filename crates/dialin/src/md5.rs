//! MD5 (RFC 1321), which CHAP answers with. Good for nothing else.

/// The digest of some bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut text = bytes.to_vec();
    text.push(0x80);
    while text.len() % 64 != 56 {
        text.push(0);
    }
    text.extend((bytes.len() as u64).wrapping_mul(8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in text.chunks_exact(64) {
        let mut words = [0; 16];
        for (word, four) in words.iter_mut().zip(block.chunks_exact(4)) {
            *word = u32::from_le_bytes(four.try_into().unwrap_or_default());
        }
        state = mixed(state, &words);
    }
    let mut out = [0; 16];
    for (four, word) in out.chunks_exact_mut(4).zip(state) {
        four.copy_from_slice(&word.to_le_bytes());
    }
    out
}

/// One block of sixteen words.
fn mixed(before: [u32; 4], words: &[u32; 16]) -> [u32; 4] {
    const TURNS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let [mut a, mut b, mut c, mut d] = before;
    for step in 0..64 {
        let (round, mix, word) = match step / 16 {
            0 => (0, (b & c) | (!b & d), step),
            1 => (1, (d & b) | (!d & c), 5 * step + 1),
            2 => (2, b ^ c ^ d, 3 * step + 5),
            _ => (3, c ^ (b | !d), 7 * step),
        };
        let sum = a.wrapping_add(mix).wrapping_add(sine(step)).wrapping_add(words[word % 16]);
        let turned = b.wrapping_add(sum.rotate_left(TURNS[round][step % 4]));
        (a, d, c, b) = (d, c, b, turned);
    }
    let [w, x, y, z] = before;
    [w.wrapping_add(a), x.wrapping_add(b), y.wrapping_add(c), z.wrapping_add(d)]
}

/// The constant of a step: 2^32 times the sine of its number from 1, as the RFC makes them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn sine(step: usize) -> u32 {
    (((step + 1) as f64).sin().abs() * 4_294_967_296.0) as u32
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_the_rfc_has_it() {
        for (text, wanted) in [
            ("", "d41d8cd98f00b204e9800998ecf8427e"),
            ("abc", "900150983cd24fb0d6963f7d28e17f72"),
            ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                "57edf4a22be3c955ac49da2e2107b67a",
            ),
        ] {
            let shown: String = super::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(shown, wanted, "{text}");
        }
    }
}
