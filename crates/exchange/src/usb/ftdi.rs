//! The requests of an FT232R, as `ftdi_sio` makes them.

use super::acm::Answer;
use super::message::Setup;
use super::{Coding, Frame};
use crate::port::ModemLines;

/// What the chip remembers.
#[derive(Clone, Debug)]
pub struct Ftdi {
    speed: u32,
    frame: Frame,
    breaking: bool,
    latency: u8,
    /// RTS/CTS in the chip: while CTS is off it sends nothing.
    pub heeds_cts: bool,
}

impl Default for Ftdi {
    fn default() -> Ftdi {
        Ftdi { speed: 9600, frame: Frame::EIGHT_BITS, breaking: false, latency: 16, heeds_cts: false }
    }
}

impl Ftdi {
    /// `sending`: the chip has octets of the host's not yet sent.
    pub fn request(&mut self, setup: Setup, lines: ModemLines, sending: bool) -> Answer {
        let Setup { kind, request, value, index } = setup;
        match (kind, request) {
            // GET_MODEM_STATUS, GET_LATENCY_TIMER, and what lies in an empty EEPROM
            (0xc0, 5) => Answer::Done(vec![status(lines), if sending { 0 } else { EMPTY }]),
            (0xc0, 10) => Answer::Done(vec![self.latency]),
            (0xc0, _) => Answer::Done(vec![0xff, 0xff]),
            // RESET: everything, or what waits for the host; 2 is what waits to be sent
            (0x40, 0) if value == 2 => Answer::Done(Vec::new()),
            (0x40, 0) => Answer::Purge,
            // MODEM_CTRL: a line with its bit in the upper octet
            (0x40, 1) => {
                let line = |bit: u16| (value & bit << 8 != 0).then_some(value & bit != 0);
                Answer::Lines(line(1), line(2))
            }
            // SET_FLOW_CTRL
            (0x40, 2) => {
                self.heeds_cts = index >> 8 & 1 != 0;
                Answer::Flow
            }
            // SET_BAUD_RATE: a divisor of 24 MHz / 8 with a fraction in eighths
            (0x40, 3) => {
                const EIGHTHS: [u32; 8] = [0, 4, 2, 1, 3, 5, 6, 7];
                let whole = u32::from(value & 0x3fff);
                let fraction = EIGHTHS[usize::from(value >> 14 | (index & 1) << 2)];
                self.speed = match (whole, fraction) {
                    (0, 0) => 3_000_000,
                    (1, 0) => 2_000_000,
                    _ => {
                        let eighths = 8 * whole + fraction;
                        (24_000_000 + eighths / 2) / eighths
                    }
                };
                Answer::Coding(self.coding())
            }
            // SET_DATA: bits, parity, stop bits, break
            (0x40, 4) => {
                let [bits, rest] = value.to_le_bytes();
                let Some(frame) = Frame::of(bits, rest & 7, rest >> 3 & 3) else { return Answer::Stall };
                self.frame = frame;
                let breaking = value & 0x4000 != 0;
                if std::mem::replace(&mut self.breaking, breaking) != breaking {
                    return Answer::Break(breaking, Some(self.coding()));
                }
                Answer::Coding(self.coding())
            }
            (0x40, 9) => {
                [self.latency, _] = value.to_le_bytes();
                Answer::Done(Vec::new())
            }
            // Event and error characters, bit modes: taken without effect.
            (0x40, _) => Answer::Done(Vec::new()),
            _ => Answer::Stall,
        }
    }

    fn coding(&self) -> Coding {
        Coding { speed: self.speed, frame: self.frame }
    }
}

/// Everything has been sent (line status, the second octet of each packet).
pub const EMPTY: u8 = 0x60;
/// A break has come in.
pub const BREAK: u8 = 0x10;

/// The lines as in the first octet of each packet.
pub fn status(lines: ModemLines) -> u8 {
    let ModemLines { dcd, ri, cts, dsr } = lines;
    1 | u8::from(cts) << 4 | u8::from(dsr) << 5 | u8::from(ri) << 6 | u8::from(dcd) << 7
}
