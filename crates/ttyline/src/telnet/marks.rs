//! Breaks and damaged bytes among the data of a line that marks them (PARMRK, termios(3)).

use super::com_port::line_state;
use memchr::memchr;

const MARK: u8 = 0xff;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum State {
    #[default]
    Data,
    Marked,
    Damaged,
}

/// Takes the marks out, however the stream is cut into reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks(State);

impl Marks {
    /// Moves the data in `buffer` to its front and gives how many bytes they are, and what was marked as
    /// [`line_state`] bits. The kernel does not tell framing from parity errors: both bits stand for them.
    pub fn take_out(&mut self, buffer: &mut [u8]) -> (usize, u8) {
        let (mut used, mut data, mut state) = (0, 0, 0);
        while let Some(rest) = buffer.get(used..).filter(|rest| !rest.is_empty()) {
            if self.0 == State::Data {
                let stop = memchr(MARK, rest);
                let run = stop.unwrap_or(rest.len());
                buffer.copy_within(used..used + run, data);
                (used, data) = (used + run, data + run);
                if stop.is_none() {
                    break;
                }
                self.0 = State::Marked;
                used += 1;
                continue;
            }
            let byte = rest.first().copied().unwrap_or_default();
            used += 1;
            let keep = match (self.0, byte) {
                (State::Marked, 0) => {
                    self.0 = State::Damaged;
                    continue;
                }
                // Nothing else follows a mark than itself.
                (State::Marked, byte) => byte,
                (_, 0) => {
                    state |= line_state::BREAK;
                    self.0 = State::Data;
                    continue;
                }
                (_, byte) => {
                    state |= line_state::FRAMING | line_state::PARITY;
                    byte
                }
            };
            self.0 = State::Data;
            if let Some(place) = buffer.get_mut(data) {
                *place = keep;
                data += 1;
            }
        }
        (data, state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(pieces: &[&[u8]]) -> (Vec<u8>, u8) {
        let (mut marks, mut data, mut state) = (Marks::default(), Vec::new(), 0);
        for piece in pieces {
            let mut buffer = piece.to_vec();
            let (n, bits) = marks.take_out(&mut buffer);
            data.extend_from_slice(&buffer[..n]);
            state |= bits;
        }
        (data, state)
    }

    #[test]
    fn marks_of_every_kind() {
        let damaged = line_state::FRAMING | line_state::PARITY;
        for (stream, data, state) in [
            (&b"ab"[..], &b"ab"[..], 0),
            (b"a\xff\xffb", b"a\xffb", 0),
            (b"a\xff\0\0b", b"ab", line_state::BREAK),
            (b"a\xff\0xb", b"axb", damaged),
            (b"\xff\0\0\xff\0y\xff\xff", b"y\xff", line_state::BREAK | damaged),
        ] {
            assert_eq!(all(&[stream]), (data.to_vec(), state), "{stream:02x?}");
        }
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(stream in proptest::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 0..60), cut in 0usize..60) {
            let cut = cut.min(stream.len());
            prop_assert_eq!(all(&[&stream]), all(&[&stream[..cut], &stream[cut..]]));
        }
    }
}
