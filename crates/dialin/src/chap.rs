//! What a caller answers to a challenge: CHAP with MD5 (RFC 1994), MS-CHAP (RFC 2433), MS-CHAPv2 (RFC 2759).

use des::Des;
use des::cipher::{Block, BlockEncrypt, KeyInit};
use md4::Md4;
use md5::{Digest, Md5};
use sha1::Sha1;

/// The kinds of CHAP that can be answered, as LCP numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 5
    Md5,
    /// 0x80
    Microsoft,
    /// 0x81
    Microsoft2,
}

impl Kind {
    /// The kind of this number.
    #[must_use]
    pub fn of(number: u8) -> Option<Kind> {
        match number {
            5 => Some(Kind::Md5),
            0x80 => Some(Kind::Microsoft),
            0x81 => Some(Kind::Microsoft2),
            _ => None,
        }
    }

    /// The value of a response; none to a challenge that is no such.
    #[must_use]
    pub fn response(self, id: u8, name: &[u8], secret: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
        match self {
            Kind::Md5 => {
                let digest = Md5::new().chain_update([id]).chain_update(secret).chain_update(challenge);
                Some(digest.finalize().to_vec())
            }
            Kind::Microsoft => {
                let nt = locked(&nt_hash(secret), challenge.try_into().ok()?);
                // 24 octets for LAN Manager, which are not used, and the flag that says so.
                Some([&[0; 24][..], &nt, &[1]].concat())
            }
            Kind::Microsoft2 => {
                let challenge = challenge.try_into().ok()?;
                let nt = microsoft2(name, secret, challenge, &PEER_CHALLENGE);
                Some([&PEER_CHALLENGE[..], &[0; 8], &nt, &[0]].concat())
            }
        }
    }
}

/// This side's challenge. Who only wants to know whether he is let in need not surprise the server.
const PEER_CHALLENGE: [u8; 16] = *b"dialin test call";

/// NT-Response of RFC 2759 section 8.1.
fn microsoft2(name: &[u8], secret: &[u8], challenge: &[u8; 16], peer: &[u8; 16]) -> [u8; 24] {
    // A domain before the name does not count.
    let name = name.rsplit(|b| *b == b'\\').next().unwrap_or_default();
    let both = Sha1::new().chain_update(peer).chain_update(challenge).chain_update(name).finalize();
    let mut first = [0; 8];
    first.copy_from_slice(&both[..8]);
    locked(&nt_hash(secret), &first)
}

/// MD4 over the secret in UTF-16 (RFC 2433 section A.4). pppd takes each octet for a letter of Latin-1.
fn nt_hash(secret: &[u8]) -> [u8; 16] {
    let wide: Vec<u8> = secret.iter().flat_map(|byte| [*byte, 0]).collect();
    Md4::digest(wide).into()
}

/// ChallengeResponse: the challenge under DES with three keys of seven octets out of the hash and zeros.
fn locked(hash: &[u8; 16], challenge: &[u8; 8]) -> [u8; 24] {
    let mut keys = [0; 21];
    keys[..16].copy_from_slice(hash);
    let mut out = [0; 24];
    for (part, key) in out.chunks_exact_mut(8).zip(keys.chunks_exact(7)) {
        let mut block: Block<Des> = (*challenge).into();
        Des::new(&spread(key).into()).encrypt_block(&mut block);
        part.copy_from_slice(&block);
    }
    out
}

/// 56 bits as DES has them: seven in each octet, its lowest for a parity that nobody checks.
fn spread(key: &[u8]) -> [u8; 8] {
    let bits = key.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut out = [0; 8];
    for (n, octet) in (0..8).rev().zip(&mut out) {
        *octet = (bits >> (7 * n) << 1 & 0xfe) as u8;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|n| u8::from_str_radix(&text[n..n + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_values_of_the_standards() {
        // RFC 2759 section 9.2.
        let challenge = hex("5B5D7C7D7B3F2F3E3C2C602132262628").try_into().unwrap();
        let peer = hex("21402324255E262A28295F2B3A337C7E").try_into().unwrap();
        let wanted = hex("82309ECD8D708B5EA08FAA3981CD83544233114A3D85D6DF");
        for name in [&b"User"[..], b"DOMAIN\\User"] {
            assert_eq!(microsoft2(name, b"clientPass", &challenge, &peer).to_vec(), wanted);
        }
        assert_eq!(nt_hash(b"clientPass").to_vec(), hex("44EBBA8D5312B8D611474411F56989AE"));
        // RFC 2433 appendix B.2.
        let wanted = hex("4E9D3C8F9CFD385D5BF4D3246791956CA4C351AB409A3D61");
        let answer = Kind::Microsoft.response(1, b"", b"MyPw", &hex("102DB5DF085D3041")).unwrap();
        assert_eq!((&answer[24..48], answer[48], answer.len()), (&wanted[..], 1, 49));
        // RFC 1321: of the empty string.
        let md5 = Kind::Md5.response(b'a', b"", b"b", b"c").unwrap();
        assert_eq!(md5, hex("900150983CD24FB0D6963F7D28E17F72"), "MD5 of `abc`");
    }

    #[test]
    fn challenges_of_other_lengths_are_not_answered() {
        assert_eq!(Kind::Microsoft.response(1, b"", b"", b"seven.."), None);
        assert_eq!(Kind::Microsoft2.response(1, b"", b"", b""), None);
        assert_eq!(Kind::of(6), None);
    }
}
