//! Which side does which option: answers that cannot loop.
//!
//! The rule of RFC 1143, less its queue (nothing here withdraws an option it asked for): a request is
//! answered only when it changes something, so two machines of this kind always fall silent, and so does
//! one against a client that confirms what is in force already (ser2net #30).

use super::codec::{Verb, push_verb};
use super::option;

const KNOWN: [u8; 4] = [option::BINARY, option::ECHO, option::SUPPRESS_GO_AHEAD, option::COM_PORT];

/// What one side is willing to do, and what it asks for at the start.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Options this side offers by WILL at the start.
    pub offer: &'static [u8],
    /// Options this side asks for by DO at the start.
    pub ask: &'static [u8],
    /// Options this side does when asked, beside those it offers.
    pub agree: &'static [u8],
    /// Options the other side may do, beside those asked for.
    pub allow: &'static [u8],
}

impl Policy {
    /// A server whose line is used from a plain telnet client: character mode, no local echo, eight bits.
    pub const TELNET_SERVER: Policy = Policy {
        offer: &[option::ECHO, option::SUPPRESS_GO_AHEAD, option::BINARY],
        ask: &[option::SUPPRESS_GO_AHEAD, option::BINARY],
        agree: &[],
        allow: &[],
    };
    /// A server of RFC 2217.
    pub const COM_PORT_SERVER: Policy = Policy {
        offer: Policy::TELNET_SERVER.offer,
        ask: &[option::SUPPRESS_GO_AHEAD, option::BINARY, option::COM_PORT],
        agree: &[],
        allow: &[],
    };
    /// A server whose client has shown that it speaks telnet: COM port control too, if it begins.
    pub const AUTO_SERVER: Policy = Policy { allow: &[option::COM_PORT], ..Policy::TELNET_SERVER };
    /// A client of a telnet line: it takes echo as it comes, since nobody types here.
    pub const TELNET_CLIENT: Policy = Policy {
        offer: &[option::SUPPRESS_GO_AHEAD, option::BINARY],
        ask: &[option::SUPPRESS_GO_AHEAD, option::BINARY],
        agree: &[],
        allow: &[option::ECHO],
    };
    /// A client of RFC 2217. Servers exist that say WILL of it themselves (pyserial's example).
    pub const COM_PORT_CLIENT: Policy = Policy {
        offer: &[option::COM_PORT, option::SUPPRESS_GO_AHEAD, option::BINARY],
        allow: &[option::ECHO, option::COM_PORT],
        ..Policy::TELNET_CLIENT
    };
}

/// Something is now done that was not, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The option.
    pub option: u8,
    /// It is this side that does it; else the other.
    pub ours: bool,
    /// Whether it is done now.
    pub on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum State {
    #[default]
    No,
    Asked,
    Yes,
}

/// The options of one connection.
#[derive(Clone, Debug)]
pub struct Options {
    policy: Policy,
    ours: [State; KNOWN.len()],
    theirs: [State; KNOWN.len()],
    /// Refusals given, by verb and option: each is given once, until the other side takes its wish back.
    refused_do: [u64; 4],
    refused_will: [u64; 4],
}

impl Options {
    /// Appends the opening to `out`. It is sent at once: no side waits for the other.
    #[must_use]
    pub fn open(policy: Policy, out: &mut Vec<u8>) -> Options {
        let mut options = Options {
            policy,
            ours: Default::default(),
            theirs: Default::default(),
            refused_do: [0; 4],
            refused_will: [0; 4],
        };
        for (verb, wanted, states) in
            [(Verb::Will, policy.offer, &mut options.ours), (Verb::Do, policy.ask, &mut options.theirs)]
        {
            for &option in wanted {
                push_verb(verb, option, out);
                if let Some(state) = known(option).and_then(|k| states.get_mut(k)) {
                    *state = State::Asked;
                }
            }
        }
        options
    }

    /// Whether this side does the option.
    #[must_use]
    pub fn ours(&self, option: u8) -> bool {
        known(option).and_then(|k| self.ours.get(k)) == Some(&State::Yes)
    }

    /// Whether the other side does the option.
    #[must_use]
    pub fn theirs(&self, option: u8) -> bool {
        known(option).and_then(|k| self.theirs.get(k)) == Some(&State::Yes)
    }

    /// Deals with what the other side said; appends the answer, if there must be one.
    pub fn handle(&mut self, verb: Verb, option: u8, out: &mut Vec<u8>) -> Option<Change> {
        let ours = matches!(verb, Verb::Do | Verb::Dont);
        let on = matches!(verb, Verb::Do | Verb::Will);
        let (states, refused, wanted, also, yes, no) = if ours {
            let policy = &self.policy;
            (&mut self.ours, &mut self.refused_do, policy.offer, policy.agree, Verb::Will, Verb::Wont)
        } else {
            let policy = &self.policy;
            (&mut self.theirs, &mut self.refused_will, policy.ask, policy.allow, Verb::Do, Verb::Dont)
        };
        let bit = 1u64 << (option & 63);
        let word = refused.get_mut(usize::from(option >> 6))?;
        if !on {
            *word &= !bit;
        }
        let state = known(option)
            .and_then(|k| states.get_mut(k))
            .filter(|_| wanted.contains(&option) || also.contains(&option));
        let Some(state) = state else {
            if on && *word & bit == 0 {
                *word |= bit;
                push_verb(no, option, out);
            }
            return None;
        };
        let before = *state;
        *state = if on { State::Yes } else { State::No };
        match (before, on) {
            (State::Yes, true) | (State::No, false) => return None,
            (State::No, true) => push_verb(yes, option, out),
            (State::Yes, false) => push_verb(no, option, out),
            // The answer to our own request.
            (State::Asked, true) => {}
            (State::Asked, false) => return None,
        }
        Some(Change { option, ours, on })
    }
}

fn known(option: u8) -> Option<usize> {
    KNOWN.iter().position(|k| *k == option)
}

#[cfg(test)]
mod tests {
    use super::super::codec::{Decoder, Event};
    use super::*;
    use proptest::prelude::*;

    fn handle_all(options: &mut Options, stream: &[u8]) -> Vec<u8> {
        let (mut decoder, mut buffer, mut out, mut at) = (Decoder::default(), stream.to_vec(), Vec::new(), 0);
        while at < buffer.len() {
            let piece = decoder.decode(&mut buffer[at..]);
            at += piece.used;
            if let Some(Event::Negotiate(verb, option)) = piece.event {
                options.handle(verb, option, &mut out);
            }
        }
        out
    }

    #[test]
    fn the_opening_is_what_plain_telnet_clients_need() {
        let mut out = Vec::new();
        let mut options = Options::open(Policy::COM_PORT_SERVER, &mut out);
        let expected =
            [[255, 251, 1], [255, 251, 3], [255, 251, 0], [255, 253, 3], [255, 253, 0], [255, 253, 44]];
        assert_eq!(out, expected.concat());
        // inetutils-telnet: DO SGA, WILL SGA, DO ECHO, WILL BINARY, DO BINARY, WONT COMPORT.
        let stream =
            [[255, 253, 3], [255, 251, 3], [255, 253, 1], [255, 251, 0], [255, 253, 0], [255, 252, 44]];
        assert_eq!(handle_all(&mut options, &stream.concat()), b"", "all of it answers our own requests");
        assert!(options.ours(option::ECHO) && options.theirs(option::BINARY));
        assert!(!options.theirs(option::COM_PORT));
        // It changes its mind.
        assert_eq!(handle_all(&mut options, &[255, 251, 44]), [255, 253, 44]);
        assert!(options.theirs(option::COM_PORT));
    }

    #[test]
    fn refusals_are_given_once_until_the_wish_is_taken_back() {
        let mut options = Options::open(Policy::COM_PORT_SERVER, &mut Vec::new());
        assert_eq!(handle_all(&mut options, &[255, 253, 44]), [255, 252, 44], "we are no client of the port");
        assert_eq!(handle_all(&mut options, &[255, 253, 44]), b"");
        assert_eq!(handle_all(&mut options, &[255, 254, 44, 255, 253, 44]), [255, 252, 44]);
        assert_eq!(handle_all(&mut options, &[255, 251, 31, 255, 251, 31]), [255, 254, 31]);
        assert_eq!(handle_all(&mut options, &[255, 254, 99, 255, 252, 98]), b"", "nothing was on");
    }

    const POLICIES: [Policy; 4] =
        [Policy::TELNET_SERVER, Policy::COM_PORT_SERVER, Policy::TELNET_CLIENT, Policy::COM_PORT_CLIENT];

    #[test]
    fn any_two_fall_silent_and_agree() {
        for a in POLICIES {
            for b in POLICIES {
                let (mut to_b, mut to_a) = (Vec::new(), Vec::new());
                let mut here = Options::open(a, &mut to_b);
                let mut there = Options::open(b, &mut to_a);
                for _ in 0..3 {
                    let answer = handle_all(&mut there, &to_b);
                    to_b = handle_all(&mut here, &to_a);
                    to_a = answer;
                }
                assert!(to_a.is_empty() && to_b.is_empty());
                for o in KNOWN {
                    assert_eq!(here.ours(o), there.theirs(o), "{o}");
                    assert_eq!(here.theirs(o), there.ours(o), "{o}");
                }
            }
        }
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        let mut client = Options::open(Policy::COM_PORT_CLIENT, &mut to_server);
        let mut server = Options::open(Policy::COM_PORT_SERVER, &mut to_client);
        handle_all(&mut server, &to_server);
        handle_all(&mut client, &to_client);
        assert!(server.theirs(option::COM_PORT) && client.ours(option::COM_PORT));
        assert!(server.ours(option::BINARY) && server.theirs(option::BINARY));
    }

    proptest! {
        #[test]
        fn never_more_answers_than_requests(requests: Vec<(u8, u8)>, which in 0..POLICIES.len()) {
            let mut options = Options::open(POLICIES[which], &mut Vec::new());
            for (verb, o) in requests {
                let verb = [Verb::Will, Verb::Wont, Verb::Do, Verb::Dont][usize::from(verb & 3)];
                let mut out = Vec::new();
                options.handle(verb, o, &mut out);
                prop_assert!(out.len() <= 3);
                // The same again changes nothing, hence no answer.
                let mut again = Vec::new();
                prop_assert_eq!(options.handle(verb, o, &mut again), None);
                prop_assert!(again.is_empty());
            }
        }
    }
}
