//! How a shared line is to be set: `115200,8,N,1` of mserver.conf, and the words that may follow.

use crate::settings::{Flow, Settings, control};
use crate::telnet::frame::Frame;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Bytes, all of them.
    #[default]
    Raw,
    /// Telnet.
    Telnet,
    /// Telnet with COM port control (RFC 2217).
    ComPort,
    /// Telnet if the client's very first bytes are a telnet request, else raw.
    Auto,
}

impl Protocol {
    /// The word in a settings field.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Protocol::Raw => "raw",
            Protocol::Telnet => "telnet",
            Protocol::ComPort => "rfc2217",
            Protocol::Auto => "auto",
        }
    }
}

/// A settings field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// bit/s.
    pub speed: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// RFC 2217's number: 1 none, 2 odd, 3 even, 4 mark, 5 space.
    pub parity: u8,
    /// RFC 2217's number: 1, 2, or 3 for one and a half.
    pub stop_bits: u8,
    /// How the line is told to wait.
    pub flow: Flow,
    /// The last close drops DTR (off by `nohup`).
    pub hang_up: bool,
    /// What clients speak.
    pub protocol: Protocol,
}

impl Default for Wish {
    fn default() -> Wish {
        Wish {
            speed: 115_200,
            data_bits: 8,
            parity: 1,
            stop_bits: 1,
            flow: Flow::None,
            hang_up: true,
            protocol: Protocol::Raw,
        }
    }
}

/// What a settings field has said already.
#[derive(Debug, Default)]
struct Named {
    flow: bool,
    protocol: bool,
}

/// What is wrong with a settings field, and where in it (bytes from its start).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadWish {
    /// Where the part begins.
    pub at: usize,
    /// What is expected there.
    pub expected: &'static str,
    /// The part, as it stands.
    pub part: String,
}

impl std::fmt::Display for BadWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {} is expected", crate::visible::terminal(&self.part), self.expected)
    }
}

impl std::error::Error for BadWish {}

impl Wish {
    /// Reads `SPEED,BITS,PARITY,STOP[,WORD…]`.
    ///
    /// # Errors
    /// The first part that is not understood.
    pub fn parse(text: &str) -> Result<Wish, BadWish> {
        let mut wish = Wish::default();
        let mut at = 0;
        let mut named = Named::default();
        for place in 0.. {
            let Some(rest) = text.get(at..) else { break };
            let part = rest.split(',').next().unwrap_or(rest);
            wish.take(place, part, &mut named).map_err(|expected| BadWish {
                at,
                expected,
                part: part.into(),
            })?;
            at += part.len() + 1;
            if at > text.len() {
                if place < 3 {
                    let expected = "SPEED,BITS,PARITY,STOP, as in 115200,8,N,1,";
                    return Err(BadWish { at: 0, expected, part: text.into() });
                }
                break;
            }
        }
        Ok(wish)
    }

    fn take(&mut self, place: usize, part: &str, named: &mut Named) -> Result<(), &'static str> {
        let flow = |new: Flow, flow: &mut Flow| {
            *flow = if named.flow && *flow != new { Flow::Both } else { new };
        };
        match place {
            0 => self.speed = crate::speed::parse(part).ok_or("a speed in bit/s")?,
            1 => {
                self.data_bits =
                    part.parse().ok().filter(|n| (5..=8).contains(n)).ok_or("5, 6, 7 or 8 data bits")?;
            }
            2 => {
                self.parity = match part {
                    "N" | "n" => 1,
                    "O" | "o" => 2,
                    "E" | "e" => 3,
                    "M" | "m" => 4,
                    "S" | "s" => 5,
                    _ => return Err("a parity, one of N, E, O, M, S,"),
                }
            }
            3 => {
                self.stop_bits = match part {
                    "1" => 1,
                    "2" if self.data_bits > 5 => 2,
                    "1.5" if self.data_bits == 5 => 3,
                    _ => return Err("stop bits, 1 or 2 (with 5 data bits 1 or 1.5),"),
                }
            }
            _ => match part {
                "crtscts" => {
                    flow(Flow::Hard, &mut self.flow);
                    named.flow = true;
                }
                "xonxoff" => {
                    flow(Flow::Soft, &mut self.flow);
                    named.flow = true;
                }
                "nohup" => self.hang_up = false,
                word => {
                    let protocols = [Protocol::Raw, Protocol::Telnet, Protocol::ComPort, Protocol::Auto];
                    let Some(new) = protocols.into_iter().find(|p| p.word() == word) else {
                        return Err("raw, telnet, rfc2217, auto, crtscts, xonxoff or nohup");
                    };
                    if named.protocol && new != self.protocol {
                        return Err("one of raw, telnet, rfc2217 and auto, not two,");
                    }
                    (self.protocol, named.protocol) = (new, true);
                }
            },
        }
        Ok(())
    }

    /// The line's settings: raw, as wished, modem lines ignored (a lost carrier is the client's business).
    #[must_use]
    pub fn settings(&self, found: Settings) -> Settings {
        let mut wanted = found.for_modem(self.speed, self.flow);
        // Each was checked when it was read, so that none is left out.
        wanted = Frame::with_data_bits(wanted, self.data_bits).unwrap_or(wanted);
        wanted = Frame::with_parity(wanted, self.parity).unwrap_or(wanted);
        wanted = Frame::with_stop_bits(wanted, self.stop_bits).unwrap_or(wanted);
        if !self.hang_up {
            wanted.control &= !control::HUPCL;
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_document_s_field_and_more() {
        let document = Wish::parse("115200,8,N,1").unwrap();
        assert_eq!(document, Wish::default());
        let wish = Wish::parse("1200,7,e,2,rfc2217,crtscts,nohup").unwrap();
        assert_eq!((wish.speed, wish.data_bits, wish.parity, wish.stop_bits), (1200, 7, 3, 2));
        assert_eq!((wish.flow, wish.hang_up, wish.protocol), (Flow::Hard, false, Protocol::ComPort));
        assert_eq!(Wish::parse("50,5,N,1.5").unwrap().stop_bits, 3);
        assert_eq!(Wish::parse("9600,8,N,1,xonxoff,crtscts").unwrap().flow, Flow::Both);
    }

    #[test]
    fn mistakes_are_pointed_at() {
        for (text, at) in [
            ("", 0),
            ("fast,8,N,1", 0),
            ("9600", 0),
            ("9600,8,N", 0),
            ("9600,9,N,1", 5),
            ("9600,8,X,1", 7),
            ("9600,8,N,3", 9),
            ("9600,8,N,1.5", 9),
            ("9600,8,N,1,", 11),
            ("9600,8,N,1,raw,crtcts", 15),
            ("9600,8,N,1,raw,rfc2217", 15),
            ("0,8,N,1", 0),
        ] {
            assert_eq!(Wish::parse(text).map_err(|e| e.at), Err(at), "{text:?}");
        }
    }

    #[test]
    fn settings_as_wished() {
        let frame = |text: &str| Frame::of(&Wish::parse(text).unwrap().settings(Settings::default()));
        let seven = frame("12345,7,E,2,xonxoff");
        let expected = Frame { speed: 12_345, data_bits: 7, parity: 3, stop_bits: 2, flow: 2, in_flow: 15 };
        assert_eq!(seven, expected);
        assert_eq!(frame("50,5,N,1.5").stop_bits, 3);
        let settings = Wish::parse("9600,8,N,1,nohup").unwrap().settings(Settings::default());
        assert_eq!(settings.control & control::HUPCL, 0);
        assert!(settings.ignores_carrier());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "[0-9A-Za-z,.é]{0,40}") {
            if let Err(bad) = Wish::parse(&text) {
                prop_assert!(bad.at <= text.len());
            }
        }
    }
}
