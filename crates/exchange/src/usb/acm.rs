//! The requests and notices of a USB modem (CDC PSTN 1.2, abstract control model).

use super::message::Setup;
use super::{Coding, Frame};
use crate::port::ModemLines;

/// What a class request comes to. Both kinds of adapter answer so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Refused.
    Stall,
    /// Done; octets for the host, if it wants any.
    Done(Vec<u8>),
    /// DTR and RTS, where given.
    Lines(Option<bool>, Option<bool>),
    /// Speed and frame.
    Coding(Coding),
    /// A break begins, ends; and the frame came with it.
    Break(bool, Option<Coding>),
    /// A break of some time.
    ShortBreak,
    /// What waits for the host is thrown away.
    Purge,
    /// Flow control has been set.
    Flow,
}

/// What a USB modem remembers.
#[derive(Clone, Debug)]
pub struct Acm {
    coding: [u8; 7],
}

impl Default for Acm {
    fn default() -> Acm {
        // 9600 8N1 (dwDTERate, bCharFormat, bParityType, bDataBits).
        Acm { coding: [0x80, 0x25, 0, 0, 0, 0, 8] }
    }
}

impl Acm {
    pub fn request(&mut self, setup: Setup, data: &[u8]) -> Answer {
        match (setup.kind, setup.request) {
            // SET_LINE_CODING
            (0x21, 0x20) => {
                let Some(raw) = data.get(..7).and_then(|d| <[u8; 7]>::try_from(d).ok()) else {
                    return Answer::Stall;
                };
                let [a, b, c, d, stop, parity, bits] = raw;
                let Some(frame) = Frame::of(bits, parity, stop) else { return Answer::Stall };
                self.coding = raw;
                Answer::Coding(Coding { speed: u32::from_le_bytes([a, b, c, d]), frame })
            }
            // GET_LINE_CODING
            (0xa1, 0x21) => Answer::Done(self.coding.to_vec()),
            // SET_CONTROL_LINE_STATE
            (0x21, 0x22) => Answer::Lines(Some(setup.value & 1 != 0), Some(setup.value & 2 != 0)),
            // SEND_BREAK, in ms; FFFF: until further notice
            (0x21, 0x23) => match setup.value {
                0 => Answer::Break(false, None),
                0xffff => Answer::Break(true, None),
                _ => Answer::ShortBreak,
            },
            _ => Answer::Stall,
        }
    }
}

/// The bit of a received break in a notice.
pub const BREAK: u8 = 0x04;

/// The lines as in a notice. The class knows no CTS.
pub fn state(lines: ModemLines) -> u8 {
    u8::from(lines.dcd) | u8::from(lines.dsr) << 1 | u8::from(lines.ri) << 3
}

/// SERIAL_STATE.
pub fn notice(state: u8) -> [u8; 10] {
    [0xa1, 0x20, 0, 0, 0, 0, 2, 0, state, 0]
}
