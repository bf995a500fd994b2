//! What a client speaks: bytes, or telnet with or without COM port control.

use ttyline::share::wish::Protocol;
use ttyline::telnet::codec::{self, Decoder, Event, Piece, Verb};
use ttyline::telnet::com_port::Request;
use ttyline::telnet::com_port_server::{Port, Server};
use ttyline::telnet::option;
use ttyline::telnet::options::{Options, Policy};

/// The name and version a client is told, without any path.
const SIGNATURE: &str = concat!("ringback mserver ", env!("CARGO_PKG_VERSION"));

/// One client's language.
#[derive(Debug)]
pub enum Speech {
    /// Every byte is the modem's.
    Raw,
    /// Its first bytes decide; an IAC that came alone is kept.
    Undecided {
        /// Whether an IAC has come.
        iac: bool,
    },
    /// Telnet.
    Telnet(Box<Telnet>),
}

/// A telnet connection.
#[derive(Debug)]
pub struct Telnet {
    decoder: Decoder,
    options: Options,
    /// COM port control, where it may be had.
    pub com_port: Option<Server>,
    binary_always: bool,
}

/// What a client's command asks for beyond an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing.
    Nothing,
    /// A break of the usual length.
    Break,
}

impl Speech {
    /// As the line's settings say; a telnet greeting goes to `out` at once.
    #[must_use]
    pub fn begin(protocol: Protocol, out: &mut Vec<u8>) -> Speech {
        match protocol {
            Protocol::Raw => Speech::Raw,
            Protocol::Auto => Speech::Undecided { iac: false },
            Protocol::Telnet => Speech::Telnet(Box::new(Telnet::open(Policy::TELNET_SERVER, false, out))),
            Protocol::ComPort => Speech::Telnet(Box::new(Telnet::open(Policy::COM_PORT_SERVER, true, out))),
        }
    }

    /// Decides by the very first bytes, once: IAC and WILL, WONT, DO or DONT mean telnet (an AT command
    /// never begins so). Gives whether the language is known now; an IAC that was kept is to be put
    /// before `bytes` if it is [`Speech::Raw`].
    pub fn decide(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Decided {
        let Speech::Undecided { iac } = self else { return Decided::Known { kept: false } };
        let kept = *iac;
        let (first, second) = match (kept, bytes) {
            (true, [second, ..]) => (codec::IAC, Some(*second)),
            (false, [first, second, ..]) => (*first, Some(*second)),
            (false, [first]) => (*first, None),
            (_, []) => return Decided::NotYet,
        };
        match (first, second) {
            (codec::IAC, None) => {
                *iac = true;
                return Decided::NotYet;
            }
            (codec::IAC, Some(251..=254)) => {
                *self = Speech::Telnet(Box::new(Telnet::open(Policy::AUTO_SERVER, true, out)));
            }
            _ => *self = Speech::Raw,
        }
        Decided::Known { kept }
    }

    /// Telnet, if it is that.
    pub fn telnet(&mut self) -> Option<&mut Telnet> {
        match self {
            Speech::Telnet(telnet) => Some(telnet),
            _ => None,
        }
    }

    /// The word for the status.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Speech::Raw => "raw",
            Speech::Undecided { .. } => "auto",
            Speech::Telnet(telnet) if telnet.options.theirs(option::COM_PORT) => "rfc2217",
            Speech::Telnet(_) => "telnet",
        }
    }
}

/// Whether the first bytes were enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// More are needed.
    NotYet,
    /// The language is known.
    Known {
        /// An IAC that had come alone belongs before the bytes.
        kept: bool,
    },
}

impl Telnet {
    fn open(policy: Policy, com_port: bool, out: &mut Vec<u8>) -> Telnet {
        let binary_always = policy.ask.contains(&option::COM_PORT);
        let mut decoder = Decoder::default();
        decoder.cr_nul = !binary_always;
        let com_port = com_port.then(|| Server::new(SIGNATURE));
        Telnet { decoder, options: Options::open(policy, out), com_port, binary_always }
    }

    /// The next piece of what the client sent; see [`Decoder::decode`].
    pub fn decode(&mut self, bytes: &mut [u8]) -> Piece {
        self.decoder.decode(bytes)
    }

    /// Does what a command says; answers go to `out`.
    pub fn act(&mut self, event: Event, port: &mut dyn Port, out: &mut Vec<u8>) -> Wanted {
        match event {
            Event::Command(codec::command::BREAK) => return Wanted::Break,
            Event::Command(_) => {}
            Event::Negotiate(verb, wanted) => {
                self.options.handle(verb, wanted, out);
                self.decoder.cr_nul = !self.binary_always
                    && !self.options.theirs(option::BINARY)
                    && !self.options.theirs(option::COM_PORT);
                if wanted == option::COM_PORT && verb == Verb::Will && self.options.theirs(option::COM_PORT) {
                    if let Some(server) = &mut self.com_port {
                        server.activate(port, out);
                    }
                }
            }
            Event::Sub => {
                // A client that controls the port without having asked to is served all the same. (pyserial
                // keeps its WILL to itself when our DO comes before it has sent it.)
                if let (Some(server), Some(request)) = (&mut self.com_port, Request::read(self.decoder.sub()))
                {
                    server.activate(port, out);
                    server.handle(request, port, out);
                }
            }
        }
        Wanted::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(pieces: &[&[u8]]) -> (Speech, Vec<Decided>, Vec<u8>) {
        let (mut speech, mut out) = (Speech::begin(Protocol::Auto, &mut Vec::new()), Vec::new());
        let decided = pieces.iter().map(|piece| speech.decide(piece, &mut out)).collect();
        (speech, decided, out)
    }

    #[test]
    fn the_first_bytes_decide_once_and_for_all() {
        let (speech, decided, out) = decide(&[b"ATZ\r", b"\xff\xfd\x03"]);
        assert!(matches!(speech, Speech::Raw) && out.is_empty());
        assert_eq!(decided[0], Decided::Known { kept: false });
        for pieces in [&[&b"\xff\xfd\x03"[..]][..], &[b"\xff", b"\xfb\x2c"]] {
            let (mut speech, decided, out) = decide(pieces);
            assert!(speech.telnet().is_some(), "{pieces:?}");
            assert_eq!(decided.last(), Some(&Decided::Known { kept: pieces.len() == 2 }));
            assert!(!out.is_empty(), "a greeting");
        }
        // Binary data that only begins as telnet would.
        let (speech, decided, _) = decide(&[b"", b"\xff", b"\x7e\xff"]);
        assert!(matches!(speech, Speech::Raw));
        assert_eq!(decided, [Decided::NotYet, Decided::NotYet, Decided::Known { kept: true }]);
    }

    #[test]
    fn greetings_by_language() {
        for (protocol, offers_com_port, greets) in
            [(Protocol::Raw, false, false), (Protocol::Telnet, false, true), (Protocol::ComPort, true, true)]
        {
            let mut out = Vec::new();
            let speech = Speech::begin(protocol, &mut out);
            assert_eq!(out.windows(3).any(|w| w == [255, 253, 44]), offers_com_port);
            assert_eq!((!out.is_empty(), speech.word() == "raw"), (greets, !greets));
        }
    }
}
