//! What is data and what is command in a telnet stream.

use memchr::{memchr, memchr2};

/// Begins a command; doubled, it is the byte itself.
pub const IAC: u8 = 255;
const CR: u8 = 13;
const SB: u8 = 250;
const SE: u8 = 240;

/// Commands that stand alone and that somebody here acts on.
pub mod command {
    /// Break (RFC 854): a break on the serial line.
    pub const BREAK: u8 = 243;
}

/// The four words of option negotiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// The sender does it, or wants to.
    Will,
    /// The sender does not do it.
    Wont,
    /// The receiver is to do it, or may.
    Do,
    /// The receiver is not to do it.
    Dont,
}

impl Verb {
    fn of(byte: u8) -> Option<Verb> {
        Some(match byte {
            251 => Verb::Will,
            252 => Verb::Wont,
            253 => Verb::Do,
            254 => Verb::Dont,
            _ => return None,
        })
    }

    /// The byte after IAC.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Verb::Will => 251,
            Verb::Wont => 252,
            Verb::Do => 253,
            Verb::Dont => 254,
        }
    }
}

/// A command in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// One that stands alone, such as [`command::BREAK`].
    Command(u8),
    /// WILL, WONT, DO or DONT, and the option.
    Negotiate(Verb, u8),
    /// A sub-negotiation has ended; [`Decoder::sub`] has what stood between SB and SE, the option first.
    Sub,
}

/// What [`Decoder::decode`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// So many bytes of data now stand at the front of the buffer.
    pub data: usize,
    /// So many bytes of the buffer have been dealt with; the rest is for the next call.
    pub used: usize,
    /// What came after the data.
    pub event: Option<Event>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum State {
    #[default]
    Data,
    AfterCr,
    Command,
    Option(Verb),
    Sub,
    SubCommand,
}

/// Separates data from commands, however the stream is cut into reads.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    sub: Vec<u8>,
    /// CR NUL means CR (RFC 854), which a side that does not send in binary may use.
    pub cr_nul: bool,
}

impl Decoder {
    /// The longest sub-negotiation that is kept, bytes; what is beyond is read and forgotten.
    pub const MOST_SUB: usize = 256;

    /// Deals with `buffer` up to the first command: the data before it are moved to the front, so that
    /// they can be written in one go. Call again with the rest until everything is used.
    pub fn decode(&mut self, buffer: &mut [u8]) -> Piece {
        let (mut used, mut data) = (0, 0);
        while let Some(rest) = buffer.get(used..).filter(|rest| !rest.is_empty()) {
            if self.state == State::Data {
                let stop = if self.cr_nul { memchr2(IAC, CR, rest) } else { memchr(IAC, rest) };
                let run = stop.unwrap_or(rest.len());
                if data != used {
                    buffer.copy_within(used..used + run, data);
                }
                (used, data) = (used + run, data + run);
                match stop.and_then(|_| buffer.get(used).copied()) {
                    Some(IAC) => {
                        let pairs = doubled(buffer.get(used..).unwrap_or_default());
                        if pairs > 0 {
                            if let Some(room) = buffer.get_mut(data..data + pairs) {
                                room.fill(IAC);
                            }
                            (used, data) = (used + 2 * pairs, data + pairs);
                            continue;
                        }
                        self.state = State::Command;
                    }
                    Some(_) => {
                        put(buffer, &mut data, CR);
                        self.state = State::AfterCr;
                    }
                    None => break,
                }
                used += 1;
                continue;
            }
            let Some(&byte) = rest.first() else { break };
            if self.state == State::AfterCr {
                self.state = State::Data;
                used += usize::from(byte == 0);
                continue;
            }
            used += 1;
            match self.step(byte) {
                Step::Nothing => {}
                Step::Data(byte) => put(buffer, &mut data, byte),
                Step::Event(event) => return Piece { data, used, event: Some(event) },
            }
        }
        Piece { data, used, event: None }
    }

    /// One byte inside a command.
    fn step(&mut self, byte: u8) -> Step {
        let inside = self.state;
        self.state = State::Data;
        match (inside, byte) {
            (State::Command, IAC) => return Step::Data(IAC),
            (State::Option(verb), option) => return Step::Event(Event::Negotiate(verb, option)),
            (State::Sub, IAC) => self.state = State::SubCommand,
            (State::Sub, byte) => self.keep(byte),
            (State::SubCommand, IAC) => self.keep(IAC),
            (State::SubCommand, SE) => return Step::Event(Event::Sub),
            // IAC and anything but IAC or SE inside a sub-negotiation: its end was lost. What has come of
            // it is forgotten, and the command is taken as what it is: the stream is in step again.
            (State::Command | State::SubCommand, SB) => {
                self.sub.clear();
                self.state = State::Sub;
            }
            (State::Command | State::SubCommand, byte) => match Verb::of(byte) {
                Some(verb) => self.state = State::Option(verb),
                None => return Step::Event(Event::Command(byte)),
            },
            (State::Data | State::AfterCr, byte) => return Step::Data(byte),
        }
        Step::Nothing
    }

    fn keep(&mut self, byte: u8) {
        self.state = State::Sub;
        if self.sub.len() < Decoder::MOST_SUB {
            self.sub.push(byte);
        }
    }

    /// The sub-negotiation of the last [`Event::Sub`], option first, undoubled.
    #[must_use]
    pub fn sub(&self) -> &[u8] {
        &self.sub
    }
}

enum Step {
    Nothing,
    Data(u8),
    Event(Event),
}

/// How many doubled IACs stand at the front.
fn doubled(bytes: &[u8]) -> usize {
    bytes.chunks_exact(2).take_while(|pair| *pair == [IAC, IAC]).count()
}

fn put(buffer: &mut [u8], at: &mut usize, byte: u8) {
    // There is room: every byte of data was at least one byte of the stream.
    if let Some(place) = buffer.get_mut(*at) {
        *place = byte;
        *at += 1;
    }
}

/// Whether `data` can go out as it is.
#[must_use]
pub fn is_plain(data: &[u8]) -> bool {
    memchr(IAC, data).is_none()
}

/// Appends `data` with every IAC doubled.
pub fn push_data(data: &[u8], out: &mut Vec<u8>) {
    let mut rest = data;
    out.reserve(data.len() + data.len() / 64);
    while let Some(at) = memchr(IAC, rest) {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before);
        let run = after.iter().take_while(|byte| **byte == IAC).count();
        out.resize(out.len() + 2 * run, IAC);
        rest = after.get(run..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Appends WILL, WONT, DO or DONT of an option.
pub fn push_verb(verb: Verb, option: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[IAC, verb.code(), option]);
}

/// Appends a command that stands alone.
pub fn push_command(command: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[IAC, command]);
}

/// Appends a sub-negotiation; `parts` are what stands between SB and SE, with every IAC doubled here.
pub fn push_sub(parts: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(&[IAC, SB]);
    for part in parts {
        push_data(part, out);
    }
    out.extend_from_slice(&[IAC, SE]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Everything a decoder makes of `pieces`: the data, and the events with their sub-negotiations.
    fn decode(decoder: &mut Decoder, pieces: &[&[u8]]) -> (Vec<u8>, Vec<(Event, Vec<u8>)>) {
        let (mut data, mut events) = (Vec::new(), Vec::new());
        for piece in pieces {
            let mut buffer = piece.to_vec();
            let mut at = 0;
            while at < buffer.len() {
                let found = decoder.decode(&mut buffer[at..]);
                assert!(found.used > 0 && found.data <= found.used);
                data.extend_from_slice(&buffer[at..at + found.data]);
                if let Some(event) = found.event {
                    let sub = if event == Event::Sub { decoder.sub().to_vec() } else { Vec::new() };
                    events.push((event, sub));
                }
                at += found.used;
            }
        }
        (data, events)
    }

    #[test]
    fn what_a_stream_means() {
        use Event::{Command, Negotiate, Sub};
        type Row = (&'static [u8], bool, &'static [u8], Vec<(Event, &'static [u8])>);
        let table: Vec<Row> = vec![
            (b"plain", false, b"plain", vec![]),
            (b"a\xff\xffb", false, b"a\xffb", vec![]),
            (b"\xff\xf3", false, b"", vec![(Command(243), b"")]),
            (b"a\xff\xfb\x2cb", false, b"ab", vec![(Negotiate(Verb::Will, 44), b"")]),
            (b"\xff\xfd\xff", false, b"", vec![(Negotiate(Verb::Do, 255), b"")]),
            (b"x\xff\xfa\x2c\x01\0\0\xff\xff\0\xff\xf0y", false, b"xy", vec![(Sub, b"\x2c\x01\0\0\xff\0")]),
            (b"\xff\xfa\xff\xf0z", false, b"z", vec![(Sub, b"")]),
            // The end of the first was lost; the second counts.
            (b"\xff\xfa\x2c\x0b\xff\xfa\x2c\x07\xff\xf0d", false, b"d", vec![(Sub, b"\x2c\x07")]),
            (b"\xff\xfa\x2c\xff\xfd\x03d", false, b"d", vec![(Negotiate(Verb::Do, 3), b"")]),
            (b"\xff\xfa\x2c\xff\xf3d", false, b"d", vec![(Command(243), b"")]),
            // SE without SB is a command without meaning.
            (b"\xff\xf0d", false, b"d", vec![(Command(240), b"")]),
            (b"a\r\0b\r\nc\rd\r", true, b"a\rb\r\nc\rd\r", vec![]),
            (b"\r\r\0\r\xff\xff", true, b"\r\r\r\xff", vec![]),
            (b"a\r\0b", false, b"a\r\0b", vec![]),
        ];
        for (stream, cr_nul, data, events) in table {
            let mut decoder = Decoder { cr_nul, ..Decoder::default() };
            let found = decode(&mut decoder, &[stream]);
            assert_eq!(found.0, data, "{stream:02x?}");
            let events: Vec<_> = events.into_iter().map(|(e, s)| (e, s.to_vec())).collect();
            assert_eq!(found.1, events, "{stream:02x?}");
        }
    }

    #[test]
    fn a_sub_negotiation_is_bounded_and_its_excess_is_no_data() {
        let mut stream = vec![IAC, SB, 44];
        stream.extend_from_slice(&[7; 100_000]);
        stream.extend_from_slice(b"\xff\xf0after");
        let mut decoder = Decoder::default();
        let (data, events) = decode(&mut decoder, &[&stream]);
        assert_eq!(data, b"after");
        assert_eq!(events[0].1.len(), Decoder::MOST_SUB);
        assert!(decoder.sub.capacity() <= 2 * Decoder::MOST_SUB);
    }

    proptest! {
        #[test]
        fn data_come_back_as_they_went(data: Vec<u8>, cr_nul: bool) {
            let data: Vec<u8> = if cr_nul { data.into_iter().filter(|b| *b != 0).collect() } else { data };
            let mut wire = Vec::new();
            push_data(&data, &mut wire);
            prop_assert_eq!(is_plain(&data), wire.len() == data.len());
            let mut decoder = Decoder { cr_nul, ..Decoder::default() };
            prop_assert_eq!(decode(&mut decoder, &[&wire]), (data, vec![]));
        }

        #[test]
        fn sub_negotiations_come_back_as_they_went(option: u8, value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut wire = Vec::new();
            push_sub(&[&[option], &value], &mut wire);
            let (data, events) = decode(&mut Decoder::default(), &[&wire]);
            prop_assert!(data.is_empty());
            let mut whole = vec![option];
            whole.extend_from_slice(&value);
            prop_assert_eq!(events, vec![(Event::Sub, whole)]);
        }

        #[test]
        fn cuts_do_not_matter(stream in proptest::collection::vec(prop_oneof![
            any::<u8>(), Just(IAC), Just(SB), Just(SE), Just(CR), Just(0u8)], 0..200), cut in 0usize..200, cr_nul: bool) {
            let cut = cut.min(stream.len());
            let make = || Decoder { cr_nul, ..Decoder::default() };
            let whole = decode(&mut make(), &[&stream]);
            prop_assert_eq!(&whole, &decode(&mut make(), &[&stream[..cut], &stream[cut..]]));
            let singles: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(&whole, &decode(&mut make(), &singles));
        }

        #[test]
        fn any_stream_is_in_step_after_a_whole_command(stream: Vec<u8>, option: u8) {
            let mut decoder = Decoder::default();
            decode(&mut decoder, &[&stream]);
            // At worst a lost end, an open command and an open option stand before it.
            let (data, events) = decode(&mut decoder, &[&[IAC, SE, IAC, SE, IAC, Verb::Do.code(), option, b'x']]);
            prop_assert_eq!(data.last(), Some(&b'x'));
            prop_assert_eq!(events.last(), Some(&(Event::Negotiate(Verb::Do, option), vec![])));
        }
    }
}
