//! Recognises PPP in a call's data, for people: which protocol, which message (RFC 1661, 1332,
//! 1334, 1994). Passwords are never shown.

use std::net::Ipv4Addr;

/// Longest frame looked at; the rest of a longer one is skipped.
const LONGEST: usize = 2048;

/// One direction of a call.
#[derive(Debug, Default)]
pub struct Frames {
    frame: Vec<u8>,
    escaped: bool,
    /// An LCP frame has been seen: this is PPP.
    pub ppp: bool,
}

impl Frames {
    /// Takes data and gives what the complete frames in it are.
    pub fn feed(&mut self, data: &[u8], mut seen: impl FnMut(String, bool)) {
        for &byte in data {
            match byte {
                0x7e => {
                    if self.frame.len() >= 4
                        && let Some((name, bulk, lcp)) = classify(&self.frame, self.ppp)
                    {
                        self.ppp |= lcp;
                        seen(name, bulk);
                    }
                    self.frame.clear();
                    self.escaped = false;
                }
                0x7d => self.escaped = true,
                _ if self.frame.len() < LONGEST => {
                    let value = if std::mem::take(&mut self.escaped) { byte ^ 0x20 } else { byte };
                    self.frame.push(value);
                }
                _ => {}
            }
        }
    }
}

/// As pppd's log names them.
const CODES: [&str; 12] = [
    "", "ConfReq", "ConfAck", "ConfNak", "ConfRej", "TermReq", "TermAck", "CodeRej", "ProtRej", "EchoReq",
    "EchoRep", "DiscReq",
];

/// The frame's name, whether it is bulk data, and whether it is LCP.
fn classify(frame: &[u8], ppp: bool) -> Option<(String, bool, bool)> {
    let body = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    // Protocol numbers whose first octet is odd are compressed to one octet (RFC 1661 6.5).
    let (protocol, payload) = match *body {
        [one, ref rest @ ..] if one & 1 == 1 => (u16::from(one), rest),
        [one, two, ref rest @ ..] => (u16::from_be_bytes([one, two]), rest),
        _ => return None,
    };
    let code = usize::from(payload.first().copied().unwrap_or(0));
    let message = |name: &str| {
        let code = CODES.get(code).copied().filter(|c| !c.is_empty());
        code.map(|code| format!("{name} {code}"))
    };
    if protocol == 0xc021 {
        return Some((message("LCP")?, false, true));
    }
    if !ppp {
        return None;
    }
    let named = match protocol {
        0xc023 => pap(payload),
        0xc223 => {
            let what = ["", "Challenge", "Response", "Success", "Failure"].get(code).copied().unwrap_or("");
            format!("CHAP {what}").trim_end().to_string()
        }
        0xc029 => "CBCP".to_string(),
        0x8021 => with_address(message("IPCP")?, payload),
        0x8057 => message("IPV6CP")?,
        0x80fd => message("CCP")?,
        0x0021 => return ip(payload).map(|(name, bulk)| (name, bulk, false)),
        0x002d | 0x002f => return Some(("IP TCP".into(), true, false)),
        0x00fd => return Some(("compressed".into(), true, false)),
        0x0057 => return Some(("IPv6".into(), true, false)),
        _ => return None,
    };
    Some((named, false, false))
}

fn pap(payload: &[u8]) -> String {
    match payload.first() {
        Some(1) => {
            let length = usize::from(payload.get(4).copied().unwrap_or(0));
            let user = payload.get(5..5 + length).unwrap_or_default();
            format!("PAP user {}", ttyline::visible::terminal(user))
        }
        Some(2) => "PAP accepted".into(),
        Some(3) => "PAP refused".into(),
        _ => "PAP".into(),
    }
}

/// The IP-Address option (3) of an IPCP message.
fn with_address(mut name: String, payload: &[u8]) -> String {
    let mut options = payload.get(4..).unwrap_or_default();
    while let [kind, length, ..] = *options {
        let length = usize::from(length);
        if let (3, Some(&[a, b, c, d])) = (kind, options.get(2..6)) {
            let address = Ipv4Addr::new(a, b, c, d);
            name.push_str(&format!(" {address}"));
            break;
        }
        match options.get(length.max(2)..) {
            Some(rest) => options = rest,
            None => break,
        }
    }
    name
}

fn ip(packet: &[u8]) -> Option<(String, bool)> {
    let header = usize::from(packet.first()? & 15) * 4;
    let kind = packet.get(header).copied();
    Some(match packet.get(9)? {
        1 if kind == Some(8) => ("IP ping".into(), false),
        1 if kind == Some(0) => ("IP ping reply".into(), false),
        1 => ("IP ICMP".into(), false),
        6 => ("IP TCP".into(), true),
        17 => ("IP UDP".into(), true),
        _ => ("IP".into(), true),
    })
}

#[cfg(test)]
mod tests {
    use super::Frames;
    use proptest::prelude::*;

    fn seen(pieces: &[&[u8]]) -> Vec<String> {
        let (mut frames, mut names) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.feed(piece, |name, _| names.push(name));
        }
        names
    }

    const LCP: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x24\x11\x22\x7e";

    #[test]
    fn names_what_a_login_by_ppp_consists_of() {
        let names = seen(&[
            LCP,
            b"\xff\x03\xc0\x23\x01\x01\x00\x10\x04user\x06secret\x11\x22\x7e",
            b"\x7e\x80\x21\x01\x01\x00\x0a\x03\x06\x0a\x00\x00\x02\x11\x22\x7e",
            b"\x21\x45\x00\x00\x1c\x00\x00\x00\x00\x40\x01\x00\x00\x0a\x00\x00\x02\x0a\x00\x00\x01\x08\x00\x11\x22\x7e",
        ]);
        assert_eq!(names, ["LCP ConfReq", "PAP user user", "IPCP ConfReq 10.0.0.2", "IP ping"]);
    }

    #[test]
    fn text_is_no_ppp() {
        assert!(seen(&[b"~~~ login: ~!~ hello world ~"]).is_empty());
    }

    proptest! {
        #[test]
        fn any_data_is_taken(data in prop::collection::vec(prop_oneof![Just(0x7e), Just(0x7d), any::<u8>()], 0..400)) {
            let mut frames = Frames::default();
            frames.feed(LCP, |_, _| {});
            frames.feed(&data, |_, _| {});
            prop_assert!(frames.frame.len() <= super::LONGEST);
        }
    }
}
