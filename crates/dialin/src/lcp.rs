//! The caller's side of PPP as far as the login (RFC 1661, 1662, 1334, 1994), to see whether a server lets somebody
//! in. Pure: frames in, frames out.

use crate::chap;
use std::fmt;

/// Protocol numbers.
const LCP: u16 = 0xc021;
const PAP: u16 = 0xc023;
const CHAP: u16 = 0xc223;
const EAP: u16 = 0xc227;

/// A proof that a server asks for and this caller can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Pap,
    Chap(chap::Kind),
}

/// The longest frame that is kept, bytes.
const LONGEST: usize = 2048;

/// How far it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// No frame of the server yet.
    Silent,
    /// The link is being agreed upon.
    Agreeing,
    /// The server asks for a proof this caller cannot give (EAP).
    Asks(&'static str),
    /// The server wants no proof at all.
    Open,
    /// The name and secret were sent.
    Proving,
    /// They were taken.
    LetIn,
    /// They were not; what the server said.
    Refused(String),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Silent => f.write_str("no PPP frame came"),
            Stage::Agreeing => f.write_str("PPP began, and was not agreed upon"),
            Stage::Asks(what) => write!(f, "the server asks for {what}"),
            Stage::Open => f.write_str("the server asks for no proof: everybody is let in"),
            Stage::Proving => f.write_str("the server did not answer to the name and secret"),
            Stage::LetIn => f.write_str("the account was let in"),
            Stage::Refused(said) => write!(f, "the account was refused: {said}"),
        }
    }
}

/// A caller.
pub struct Caller {
    name: Vec<u8>,
    secret: Vec<u8>,
    frame: Vec<u8>,
    escaped: bool,
    open: bool,
    /// How far it has come.
    pub stage: Stage,
    ours_agreed: bool,
    theirs_agreed: bool,
    wants: Option<Way>,
    naks: u8,
    /// The proof it was asked for and cannot give.
    refused: Option<&'static str>,
}

impl Caller {
    /// One with a name and a secret.
    #[must_use]
    pub fn new(name: &[u8], secret: &[u8]) -> Caller {
        Caller {
            name: name.to_vec(),
            secret: secret.to_vec(),
            frame: Vec::new(),
            escaped: false,
            open: false,
            stage: Stage::Silent,
            ours_agreed: false,
            theirs_agreed: false,
            wants: None,
            naks: 0,
            refused: None,
        }
    }

    /// Whether there is nothing more to find out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::LetIn | Stage::Refused(_) | Stage::Asks(_) | Stage::Open)
    }

    /// What is sent at the start, and again while no answer comes: a request without options, or the name again.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        match self.stage {
            Stage::Proving => self.proof(),
            _ => framed(LCP, &[1, 1, 0, 4]),
        }
    }

    /// The end of the call.
    #[must_use]
    pub fn end() -> Vec<u8> {
        framed(LCP, &[5, 9, 0, 4])
    }

    /// Takes bytes of the line; gives what is to be sent.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for &byte in bytes {
            match byte {
                0x7e => {
                    let frame = std::mem::take(&mut self.frame);
                    if self.open && !frame.is_empty() {
                        if let Some((protocol, payload)) = unframed(&frame) {
                            out.extend(self.frame_of(protocol, payload));
                        }
                    }
                    (self.open, self.escaped) = (true, false);
                }
                0x7d if self.open => self.escaped = true,
                _ if self.open && self.frame.len() < LONGEST => {
                    self.frame.push(if self.escaped { byte ^ 0x20 } else { byte });
                    self.escaped = false;
                }
                _ => {}
            }
        }
        out
    }

    fn frame_of(&mut self, protocol: u16, payload: &[u8]) -> Vec<u8> {
        if self.stage == Stage::Silent {
            self.stage = Stage::Agreeing;
        }
        let [code, id, high, low, rest @ ..] = payload else { return Vec::new() };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(data) = rest.get(..length.saturating_sub(4)) else { return Vec::new() };
        match (protocol, code) {
            (LCP, 1) => self.request(*id, data),
            (LCP, 2) => {
                self.ours_agreed = true;
                self.agreed()
            }
            // What is asked for is nothing: there is nothing to refuse.
            (LCP, 9) => framed(LCP, &packet(10, *id, &[0, 0, 0, 0])),
            (LCP, 5) => {
                if !self.is_done() {
                    self.stage = Stage::Refused("the server hung up".into());
                }
                framed(LCP, &packet(6, *id, &[]))
            }
            (CHAP, 1) => self.challenged(*id, data),
            (PAP, 2) | (CHAP, 3) => self.judged(Stage::LetIn),
            (PAP, 3) => {
                self.judged(Stage::Refused(ttyline::visible::field(data.get(1..).unwrap_or_default())))
            }
            (CHAP, 4) => self.judged(Stage::Refused(ttyline::visible::field(data))),
            _ => Vec::new(),
        }
    }

    /// The server's verdict; one that comes before the proof counts for nothing.
    fn judged(&mut self, verdict: Stage) -> Vec<u8> {
        if self.stage == Stage::Proving {
            self.stage = verdict;
        }
        Vec::new()
    }

    /// The server's challenge of CHAP, and again later in the call.
    fn challenged(&mut self, id: u8, data: &[u8]) -> Vec<u8> {
        let [length, rest @ ..] = data else { return Vec::new() };
        let Some(challenge) = rest.get(..usize::from(*length)) else { return Vec::new() };
        let Some(Way::Chap(kind)) = self.wants else { return Vec::new() };
        if !matches!(self.stage, Stage::Agreeing | Stage::Proving) {
            return Vec::new();
        }
        let Some(value) = kind.response(id, &self.name, &self.secret, challenge) else { return Vec::new() };
        // The challenge may overtake the acknowledgement.
        self.stage = Stage::Proving;
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        framed(CHAP, &packet(2, id, &[&[length][..], &value, &self.name].concat()))
    }

    /// The server's wishes: all are granted, but for a proof that this caller cannot give. Instead of that PAP and
    /// CHAP with MD5 are offered, three times in all.
    fn request(&mut self, id: u8, options: &[u8]) -> Vec<u8> {
        let mut wants = None;
        let mut rest = options;
        while let [kind, length, ..] = rest {
            let length = usize::from(*length).max(2);
            let value = rest.get(2..length).unwrap_or_default();
            if let (3, [high, low, kind @ ..]) = (*kind, value) {
                wants = Some((u16::from_be_bytes([*high, *low]), kind.first().copied()));
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        let way = wants.and_then(|(protocol, kind)| match protocol {
            PAP => Some(Way::Pap),
            CHAP => chap::Kind::of(kind?).map(Way::Chap),
            _ => None,
        });
        if let Some((protocol, _)) = wants.filter(|_| way.is_none()) {
            self.refused = Some(if protocol == EAP {
                "EAP, which old clients do not answer"
            } else {
                "a proof this test does not know"
            });
            self.naks += 1;
            if self.naks > 3 {
                return self.asks();
            }
            let instead: &[u8] = if self.naks == 2 { &[3, 5, 0xc2, 0x23, 5] } else { &[3, 4, 0xc0, 0x23] };
            return framed(LCP, &packet(3, id, instead));
        }
        // pppd takes its wish back when it allows nothing of what was offered, and hangs up later.
        if way.is_none() && self.refused.is_some() {
            return self.asks();
        }
        self.wants = way;
        self.theirs_agreed = true;
        let mut out = framed(LCP, &packet(2, id, options));
        out.extend(self.agreed());
        out
    }

    /// The server asks for what this caller has refused.
    fn asks(&mut self) -> Vec<u8> {
        self.stage = Stage::Asks(self.refused.unwrap_or_default());
        Caller::end()
    }

    fn agreed(&mut self) -> Vec<u8> {
        if !(self.ours_agreed && self.theirs_agreed) || self.stage != Stage::Agreeing {
            return Vec::new();
        }
        if self.wants.is_none() {
            self.stage = Stage::Open;
            return Vec::new();
        }
        self.stage = Stage::Proving;
        self.proof()
    }

    /// Name and secret for PAP; with CHAP the server begins.
    fn proof(&self) -> Vec<u8> {
        if self.wants != Some(Way::Pap) {
            return Vec::new();
        }
        let short = |bytes: &[u8]| bytes.get(..bytes.len().min(255)).unwrap_or_default().to_vec();
        let (name, secret) = (short(&self.name), short(&self.secret));
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or(255);
        let data = [&[length(&name)][..], &name, &[length(&secret)], &secret].concat();
        framed(PAP, &packet(1, 1, &data))
    }
}

fn packet(code: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap_or(u16::MAX).to_be_bytes();
    [&[code, id][..], &length, data].concat()
}

/// The checksum of RFC 1662, bit by bit.
fn fcs(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |mut fcs: u16, byte| {
        fcs ^= u16::from(*byte);
        for _ in 0..8 {
            fcs = if fcs & 1 == 1 { fcs >> 1 ^ 0x8408 } else { fcs >> 1 };
        }
        fcs
    })
}

/// A frame as it goes over an asynchronous line; everything below a blank is escaped.
fn framed(protocol: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = vec![0xff, 0x03];
    body.extend(protocol.to_be_bytes());
    body.extend(payload);
    let sum = !fcs(&body);
    body.extend(sum.to_le_bytes());
    let mut out = vec![0x7e];
    for byte in body {
        if byte < 0x20 || byte == 0x7d || byte == 0x7e {
            out.extend([0x7d, byte ^ 0x20]);
        } else {
            out.push(byte);
        }
    }
    out.push(0x7e);
    out
}

/// Protocol and payload of a frame whose checksum is right; address and control may be left out.
fn unframed(frame: &[u8]) -> Option<(u16, &[u8])> {
    // The checksum over everything, itself included, is always this.
    if fcs(frame) != 0xf0b8 {
        return None;
    }
    let body = frame.get(..frame.len().checked_sub(2)?)?;
    let body = body.strip_prefix(&[0xff, 0x03]).unwrap_or(body);
    let (protocol, payload) = body.split_at_checked(2)?;
    Some((u16::from_be_bytes([protocol[0], protocol[1]]), payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A server: request with a way to prove, then its answer to the name.
    fn play(way: &[u8], answer: &[u8]) -> Stage {
        let mut caller = Caller::new(b"bob", b"s3cret");
        let options = if way.is_empty() {
            Vec::new()
        } else {
            [&[3, u8::try_from(way.len() + 2).unwrap()][..], way].concat()
        };
        caller.take(&framed(LCP, &[2, 1, 0, 4]));
        for id in 1..6 {
            caller.take(&framed(LCP, &packet(1, id, &options)));
        }
        if caller.stage == Stage::Proving && way == [0xc0, 0x23] {
            assert!(caller.begin().windows(6).any(|w| w == b"s3cret"));
            caller.take(&framed(PAP, answer));
        } else if caller.stage == Stage::Proving {
            assert!(caller.begin().is_empty(), "the server begins");
            let challenge: &[u8] = match way[2] {
                5 => b"abcd",
                0x80 => b"8 octets",
                _ => b"sixteen octets..",
            };
            let length = u8::try_from(challenge.len()).unwrap();
            let response =
                caller.take(&framed(CHAP, &packet(1, 9, &[&[length][..], challenge, b"server"].concat())));
            let kind = chap::Kind::of(way[2]).unwrap();
            let value = kind.response(9, b"bob", b"s3cret", challenge).unwrap();
            let length = u8::try_from(value.len()).unwrap();
            assert_eq!(response, framed(CHAP, &packet(2, 9, &[&[length][..], &value, b"bob"].concat())));
            caller.take(&framed(CHAP, answer));
        }
        caller.stage
    }

    #[test]
    fn what_a_server_can_do() {
        assert_eq!(play(&[0xc0, 0x23], &packet(2, 1, &[0])), Stage::LetIn);
        assert_eq!(play(&[0xc0, 0x23], &packet(3, 1, b"\x02no")), Stage::Refused("no".into()));
        assert_eq!(play(&[0xc2, 0x23, 5], &packet(3, 9, b"hello")), Stage::LetIn);
        assert_eq!(play(&[0xc2, 0x23, 5], &packet(4, 9, b"go\x1b")), Stage::Refused("go_".into()));
        for microsoft in [0x80, 0x81] {
            assert_eq!(play(&[0xc2, 0x23, microsoft], &packet(3, 9, b"S=0")), Stage::LetIn);
        }
        assert!(matches!(play(&[0xc2, 0x23, 7], &[]), Stage::Asks(what) if what.contains("does not know")));
        assert!(matches!(play(&[0xc2, 0x27], &[]), Stage::Asks(what) if what.starts_with("EAP")));
        assert_eq!(play(&[], &[]), Stage::Open);
        // As pppd does with `require-eap`: after a refusal it asks for nothing.
        let mut caller = Caller::new(b"bob", b"s3cret");
        caller.take(&framed(LCP, &[2, 1, 0, 4]));
        caller.take(&framed(LCP, &packet(1, 1, &[3, 4, 0xc2, 0x27])));
        caller.take(&framed(LCP, &packet(1, 2, &[])));
        assert!(matches!(caller.stage, Stage::Asks(what) if what.starts_with("EAP")));
    }

    #[test]
    fn a_frame_known_by_heart() {
        // LCP Configure-Request without options, as pppd sends it.
        assert_eq!(
            framed(LCP, &[1, 1, 0, 4]),
            b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x24\xd1\xb5\x7e"
        );
    }

    proptest! {
        #[test]
        fn frames_come_back(payload in proptest::collection::vec(any::<u8>(), 0..100), cut in 0usize..200) {
            let frame = framed(LCP, &payload);
            let mut plain = Vec::new();
            let mut escaped = false;
            for &b in &frame[1..frame.len() - 1] {
                if b == 0x7d { escaped = true } else { plain.push(if escaped { b ^ 0x20 } else { b }); escaped = false }
            }
            prop_assert_eq!(unframed(&plain), Some((LCP, payload.as_slice())));
            let mut caller = Caller::new(b"", b"");
            caller.take(&frame[..cut.min(frame.len())]);
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            Caller::new(b"a", b"b").take(&bytes);
        }
    }
}
