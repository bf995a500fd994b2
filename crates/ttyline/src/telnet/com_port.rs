//! The sub-negotiations of RFC 2217, read and written at both ends.

use super::codec::push_sub;
use super::option;

/// Answers carry the request's number plus this.
const ANSWER: u8 = 100;

/// Bits of NOTIFY-LINESTATE and its mask (RFC 2217 section 4).
pub mod line_state {
    /// A break came.
    pub const BREAK: u8 = 16;
    /// A byte without a stop bit.
    pub const FRAMING: u8 = 8;
    /// A byte with the wrong parity.
    pub const PARITY: u8 = 4;
    /// Bytes were lost.
    pub const OVERRUN: u8 = 2;
}

/// Bits of NOTIFY-MODEMSTATE and its mask.
pub mod modem_state {
    /// Carrier.
    pub const DCD: u8 = 128;
    /// The telephone rings.
    pub const RI: u8 = 64;
    /// The modem is there.
    pub const DSR: u8 = 32;
    /// The modem takes data.
    pub const CTS: u8 = 16;
    /// Carrier changed.
    pub const DELTA_DCD: u8 = 8;
    /// A ring ended.
    pub const RING_ENDED: u8 = 4;
    /// DSR changed.
    pub const DELTA_DSR: u8 = 2;
    /// CTS changed.
    pub const DELTA_CTS: u8 = 1;
}

/// Values of SET-CONTROL (RFC 2217 section 2, SET-CONTROL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Control {
    /// What holds our output up (and, until the inbound kind is set by itself, the other side's too)?
    AskFlow = 0,
    /// Nothing does.
    FlowNone = 1,
    /// XON/XOFF.
    FlowSoft = 2,
    /// RTS/CTS.
    FlowHard = 3,
    /// Is there a break on the line?
    AskBreak = 4,
    /// Begin one.
    BreakOn = 5,
    /// End it.
    BreakOff = 6,
    /// How is DTR?
    AskDtr = 7,
    /// Raise it.
    DtrOn = 8,
    /// Drop it.
    DtrOff = 9,
    /// How is RTS?
    AskRts = 10,
    /// Raise it.
    RtsOn = 11,
    /// Drop it.
    RtsOff = 12,
    /// How do we hold the other side up?
    AskInFlow = 13,
    /// We do not.
    InFlowNone = 14,
    /// By XON/XOFF.
    InFlowSoft = 15,
    /// By RTS/CTS.
    InFlowHard = 16,
    /// DCD holds our output up.
    FlowDcd = 17,
    /// DTR holds the other side up.
    InFlowDtr = 18,
    /// DSR holds our output up.
    FlowDsr = 19,
}

impl Control {
    /// All of them, in the order of their codes.
    pub const ALL: [Control; 20] = {
        use Control::*;
        [
            AskFlow, FlowNone, FlowSoft, FlowHard, AskBreak, BreakOn, BreakOff, AskDtr, DtrOn, DtrOff,
            AskRts, RtsOn, RtsOff, AskInFlow, InFlowNone, InFlowSoft, InFlowHard, FlowDcd, InFlowDtr,
            FlowDsr,
        ]
    };

    /// The value of a code.
    #[must_use]
    pub fn of(code: u8) -> Option<Control> {
        Control::ALL.get(usize::from(code)).copied()
    }
}

/// What a client asks of the port. A value of 0 (or an asking [`Control`]) sets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Who is there? Or, with a text, who is asking.
    Signature(&'a [u8]),
    /// Speed, bit/s.
    Speed(u32),
    /// Data bits, 5 to 8.
    DataBits(u8),
    /// 1 none, 2 odd, 3 even, 4 mark, 5 space.
    Parity(u8),
    /// 1 is one, 2 is two, 3 is one and a half.
    StopBits(u8),
    /// The code of a [`Control`], or any other byte.
    Control(u8),
    /// How is the line state?
    PollLineState,
    /// How is the modem state?
    PollModemState,
    /// Send no data until [`Request::Resume`].
    Suspend,
    /// Send data again.
    Resume,
    /// Which [`line_state`] bits are to be told.
    LineStateMask(u8),
    /// Which [`modem_state`] bits are to be told.
    ModemStateMask(u8),
    /// Throw away 1 what was received, 2 what is to be sent, 3 both.
    Purge(u8),
}

impl Request<'_> {
    /// Reads what stood between SB and SE. `None` for another option, an unknown command, a missing
    /// value; what is too long is cut. Nothing of it can disturb the stream: it has been taken out whole.
    #[must_use]
    pub fn read(sub: &[u8]) -> Option<Request<'_>> {
        let (&[option::COM_PORT, command], value) = sub.split_first_chunk::<2>()? else { return None };
        let byte = value.first().copied();
        Some(match command {
            0 => Request::Signature(value),
            1 => Request::Speed(u32::from_be_bytes(*value.first_chunk::<4>()?)),
            2 => Request::DataBits(byte?),
            3 => Request::Parity(byte?),
            4 => Request::StopBits(byte?),
            5 => Request::Control(byte?),
            6 => Request::PollLineState,
            7 => Request::PollModemState,
            8 => Request::Suspend,
            9 => Request::Resume,
            10 => Request::LineStateMask(byte?),
            11 => Request::ModemStateMask(byte?),
            12 => Request::Purge(byte?),
            _ => return None,
        })
    }

    /// Appends the whole sub-negotiation to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Request::Signature(text) => push(0, text, out),
            Request::Speed(speed) => push(1, &speed.to_be_bytes(), out),
            Request::DataBits(v) => push(2, &[v], out),
            Request::Parity(v) => push(3, &[v], out),
            Request::StopBits(v) => push(4, &[v], out),
            Request::Control(v) => push(5, &[v], out),
            Request::PollLineState => push(6, &[], out),
            Request::PollModemState => push(7, &[], out),
            Request::Suspend => push(8, &[], out),
            Request::Resume => push(9, &[], out),
            Request::LineStateMask(v) => push(10, &[v], out),
            Request::ModemStateMask(v) => push(11, &[v], out),
            Request::Purge(v) => push(12, &[v], out),
        }
    }
}

/// What a server says: the values in force, and notices nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Who is there; empty asks the client for its own.
    Signature(&'a [u8]),
    /// Speed in force, bit/s.
    Speed(u32),
    /// Data bits in force.
    DataBits(u8),
    /// Parity in force.
    Parity(u8),
    /// Stop bits in force.
    StopBits(u8),
    /// What is in force of the group asked for.
    Control(u8),
    /// [`line_state`] bits.
    LineState(u8),
    /// [`modem_state`] bits.
    ModemState(u8),
    /// The client is to send no data until [`Answer::Resume`].
    Suspend,
    /// The client may send again.
    Resume,
    /// The mask in force.
    LineStateMask(u8),
    /// The mask in force.
    ModemStateMask(u8),
    /// What was thrown away.
    Purge(u8),
}

impl Answer<'_> {
    /// As [`Request::read`]; sredird's eight-byte speeds are read as what they mean.
    #[must_use]
    pub fn read(sub: &[u8]) -> Option<Answer<'_>> {
        let (&[option::COM_PORT, command], value) = sub.split_first_chunk::<2>()? else { return None };
        let byte = value.first().copied();
        Some(match command.checked_sub(ANSWER)? {
            0 => Answer::Signature(value),
            1 => Answer::Speed(u32::from_be_bytes(*value.first_chunk::<4>()?)),
            2 => Answer::DataBits(byte?),
            3 => Answer::Parity(byte?),
            4 => Answer::StopBits(byte?),
            5 => Answer::Control(byte?),
            6 => Answer::LineState(byte?),
            7 => Answer::ModemState(byte?),
            8 => Answer::Suspend,
            9 => Answer::Resume,
            10 => Answer::LineStateMask(byte?),
            11 => Answer::ModemStateMask(byte?),
            12 => Answer::Purge(byte?),
            _ => return None,
        })
    }

    /// Appends the whole sub-negotiation to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Answer::Signature(text) => push(ANSWER, text, out),
            Answer::Speed(speed) => push(ANSWER + 1, &speed.to_be_bytes(), out),
            Answer::DataBits(v) => push(ANSWER + 2, &[v], out),
            Answer::Parity(v) => push(ANSWER + 3, &[v], out),
            Answer::StopBits(v) => push(ANSWER + 4, &[v], out),
            Answer::Control(v) => push(ANSWER + 5, &[v], out),
            Answer::LineState(v) => push(ANSWER + 6, &[v], out),
            Answer::ModemState(v) => push(ANSWER + 7, &[v], out),
            Answer::Suspend => push(ANSWER + 8, &[], out),
            Answer::Resume => push(ANSWER + 9, &[], out),
            Answer::LineStateMask(v) => push(ANSWER + 10, &[v], out),
            Answer::ModemStateMask(v) => push(ANSWER + 11, &[v], out),
            Answer::Purge(v) => push(ANSWER + 12, &[v], out),
        }
    }
}

fn push(command: u8, value: &[u8], out: &mut Vec<u8>) {
    push_sub(&[&[option::COM_PORT, command], value], out);
}

#[cfg(test)]
mod tests {
    use super::super::codec::{Decoder, Event};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_their_places() {
        for (code, control) in Control::ALL.into_iter().enumerate() {
            assert_eq!(control as usize, code);
            assert_eq!(Control::of(control as u8), Some(control));
        }
        assert_eq!(Control::of(20), None);
    }

    #[test]
    fn bad_lengths_are_ignored_or_cut() {
        assert_eq!(Request::read(&[]), None);
        assert_eq!(Request::read(&[44]), None);
        assert_eq!(Request::read(&[1, 2, 8]), None, "another option");
        assert_eq!(Request::read(&[44, 2]), None, "no value");
        assert_eq!(Request::read(&[44, 1, 11]), None, "Cisco's one-byte speed");
        assert_eq!(Request::read(&[44, 1, 0, 0, 37, 128, 9, 9]), Some(Request::Speed(9600)));
        assert_eq!(Request::read(&[44, 2, 7, 8]), Some(Request::DataBits(7)));
        assert_eq!(Request::read(&[44, 77, 1]), None);
        assert_eq!(Request::read(&[44, 101, 0, 0, 0, 0]), None, "a server's code");
        assert_eq!(Answer::read(&[44, 2, 8]), None, "a client's code");
        let sredird = [44, 101, 0, 0, 37, 128, 0, 0, 0, 0];
        assert_eq!(Answer::read(&sredird), Some(Answer::Speed(9600)));
    }

    #[test]
    fn a_speed_with_ff_in_it_is_doubled_on_the_wire() {
        let mut out = Vec::new();
        Request::Speed(0xff00).write(&mut out);
        assert_eq!(out, [255, 250, 44, 1, 0, 0, 255, 255, 0, 255, 240]);
    }

    fn over_the_wire(wire: &[u8]) -> Vec<u8> {
        let (mut decoder, mut buffer) = (Decoder::default(), wire.to_vec());
        let piece = decoder.decode(&mut buffer);
        assert_eq!((piece.data, piece.used, piece.event), (0, wire.len(), Some(Event::Sub)));
        decoder.sub().to_vec()
    }

    proptest! {
        #[test]
        fn requests_and_answers_come_through(n in 0u8..13, v: u8, speed: u32, text in proptest::collection::vec(any::<u8>(), 0..100)) {
            let request = match n {
                0 => Request::Signature(&text), 1 => Request::Speed(speed), 2 => Request::DataBits(v),
                3 => Request::Parity(v), 4 => Request::StopBits(v), 5 => Request::Control(v),
                6 => Request::PollLineState, 7 => Request::PollModemState, 8 => Request::Suspend,
                9 => Request::Resume, 10 => Request::LineStateMask(v), 11 => Request::ModemStateMask(v),
                _ => Request::Purge(v),
            };
            let answer = match n {
                0 => Answer::Signature(&text), 1 => Answer::Speed(speed), 2 => Answer::DataBits(v),
                3 => Answer::Parity(v), 4 => Answer::StopBits(v), 5 => Answer::Control(v),
                6 => Answer::LineState(v), 7 => Answer::ModemState(v), 8 => Answer::Suspend,
                9 => Answer::Resume, 10 => Answer::LineStateMask(v), 11 => Answer::ModemStateMask(v),
                _ => Answer::Purge(v),
            };
            let (mut a, mut b) = (Vec::new(), Vec::new());
            request.write(&mut a);
            answer.write(&mut b);
            let (a, b) = (over_the_wire(&a), over_the_wire(&b));
            prop_assert_eq!(Request::read(&a), Some(request));
            prop_assert_eq!(Answer::read(&b), Some(answer));
        }
    }
}
