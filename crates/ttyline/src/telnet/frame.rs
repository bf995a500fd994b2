//! A line's speed, frame and flow control in RFC 2217's terms, and as the kernel's settings.

use super::com_port::Control;
use crate::settings::{Settings, control, input};
use crate::speed;

/// What a client can set, as RFC 2217 numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// bit/s.
    pub speed: u32,
    /// 5 to 8.
    pub data_bits: u8,
    /// 1 none, 2 odd, 3 even, 4 mark, 5 space.
    pub parity: u8,
    /// 1 is one, 2 is two, 3 is one and a half.
    pub stop_bits: u8,
    /// What holds our output up: 1 nothing, 2 XON/XOFF, 3 RTS/CTS.
    pub flow: u8,
    /// How we hold the other side up: 14 not, 15 XON/XOFF, 16 RTS/CTS.
    pub in_flow: u8,
}

const FIVE: u32 = 0;
const SIX: u32 = 0o20;

impl Frame {
    /// What the kernel's settings say.
    #[must_use]
    pub fn of(settings: &Settings) -> Frame {
        let flags = settings.control;
        let data_bits = match flags & control::CSIZE {
            FIVE => 5,
            SIX => 6,
            control::CS7 => 7,
            _ => 8,
        };
        let hard = flags & control::CRTSCTS != 0;
        Frame {
            // What has a code of its own may have been set by a program that knows nothing else.
            speed: speed::of_code(flags & control::CBAUD).unwrap_or(settings.speed_out),
            data_bits,
            parity: match (
                flags & control::PARENB != 0,
                flags & control::CMSPAR != 0,
                flags & control::PARODD != 0,
            ) {
                (false, _, _) => 1,
                (true, false, true) => 2,
                (true, false, false) => 3,
                (true, true, true) => 4,
                (true, true, false) => 5,
            },
            stop_bits: match (flags & control::CSTOPB != 0, data_bits) {
                (false, _) => 1,
                // A UART's second stop bit of five-bit bytes is half as long.
                (true, 5) => 3,
                (true, _) => 2,
            },
            flow: match (settings.input & input::IXON != 0, hard) {
                (true, _) => Control::FlowSoft as u8,
                (_, true) => Control::FlowHard as u8,
                _ => Control::FlowNone as u8,
            },
            in_flow: match (settings.input & input::IXOFF != 0, hard) {
                (true, _) => Control::InFlowSoft as u8,
                (_, true) => Control::InFlowHard as u8,
                _ => Control::InFlowNone as u8,
            },
        }
    }

    /// The settings with this speed.
    #[must_use]
    pub fn with_speed(settings: Settings, speed: u32) -> Settings {
        settings.with_speed(speed)
    }

    /// The settings with so many data bits, if there is such a number.
    #[must_use]
    pub fn with_data_bits(mut settings: Settings, bits: u8) -> Option<Settings> {
        let code = match bits {
            5 => FIVE,
            6 => SIX,
            7 => control::CS7,
            8 => control::CS8,
            _ => return None,
        };
        settings.control = settings.control & !control::CSIZE | code;
        Some(settings)
    }

    /// The settings with this parity, if there is such a one.
    #[must_use]
    pub fn with_parity(mut settings: Settings, parity: u8) -> Option<Settings> {
        use control::{CMSPAR, PARENB, PARODD};
        let flags = match parity {
            1 => 0,
            2 => PARENB | PARODD,
            3 => PARENB,
            4 => PARENB | PARODD | CMSPAR,
            5 => PARENB | CMSPAR,
            _ => return None,
        };
        settings.control = settings.control & !(PARENB | PARODD | CMSPAR) | flags;
        Some(settings)
    }

    /// The settings with these stop bits. One and a half exist with five data bits only, two with more.
    #[must_use]
    pub fn with_stop_bits(mut settings: Settings, stop: u8) -> Option<Settings> {
        let five = settings.control & control::CSIZE == FIVE;
        settings.control = match (stop, five) {
            (1, _) => settings.control & !control::CSTOPB,
            (2, false) | (3, true) => settings.control | control::CSTOPB,
            _ => return None,
        };
        Some(settings)
    }

    /// The settings with this flow control: the kinds of [`Control`] Linux has. RTS/CTS works in both
    /// directions or in none, so that asking for one of them gives both.
    #[must_use]
    pub fn with_flow(mut settings: Settings, kind: Control) -> Option<Settings> {
        use input::{IXANY, IXOFF, IXON};
        let (input, control) = (&mut settings.input, &mut settings.control);
        match kind {
            Control::FlowNone => {
                (*input, *control) = (*input & !(IXON | IXOFF | IXANY), *control & !control::CRTSCTS)
            }
            Control::FlowSoft => (*input, *control) = (*input | IXON | IXOFF, *control & !control::CRTSCTS),
            Control::FlowHard => {
                (*input, *control) = (*input & !(IXON | IXOFF | IXANY), *control | control::CRTSCTS)
            }
            Control::InFlowNone => *input &= !IXOFF,
            Control::InFlowSoft => *input |= IXOFF,
            Control::InFlowHard => (*input, *control) = (*input & !IXOFF, *control | control::CRTSCTS),
            _ => return None,
        }
        Some(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Flow;

    fn modem() -> Settings {
        Settings::default().for_modem(115_200, Flow::None)
    }

    #[test]
    fn every_value_comes_back() {
        assert_eq!(
            Frame::of(&modem()),
            Frame { speed: 115_200, data_bits: 8, parity: 1, stop_bits: 1, flow: 1, in_flow: 14 }
        );
        for speed in [0, 75, 9600, 12_345, 3_000_000] {
            assert_eq!(Frame::of(&modem().with_speed(speed)).speed, speed);
        }
        for bits in 5..=8 {
            assert_eq!(Frame::of(&Frame::with_data_bits(modem(), bits).unwrap()).data_bits, bits);
        }
        for parity in 1..=5 {
            assert_eq!(Frame::of(&Frame::with_parity(modem(), parity).unwrap()).parity, parity);
        }
        let five = Frame::with_data_bits(modem(), 5).unwrap();
        for (settings, stop) in [(modem(), 1), (modem(), 2), (five, 1), (five, 3)] {
            assert_eq!(Frame::of(&Frame::with_stop_bits(settings, stop).unwrap()).stop_bits, stop);
        }
        assert_eq!(Frame::with_stop_bits(modem(), 3), None);
        assert_eq!(Frame::with_stop_bits(five, 2), None);
        for bad in [0, 4, 9, 255] {
            assert_eq!(Frame::with_data_bits(modem(), bad), None);
            assert_eq!(Frame::with_parity(modem(), bad.max(6)), None);
        }
    }

    #[test]
    fn flow_control_both_ways_and_apart() {
        let flows = |kinds: &[Control]| {
            let settings = kinds.iter().fold(modem(), |s, k| Frame::with_flow(s, *k).unwrap());
            (Frame::of(&settings).flow, Frame::of(&settings).in_flow)
        };
        use Control::*;
        assert_eq!(flows(&[FlowHard]), (3, 16));
        assert_eq!(flows(&[FlowSoft]), (2, 15));
        assert_eq!(flows(&[FlowSoft, FlowNone]), (1, 14));
        assert_eq!(flows(&[FlowSoft, InFlowNone]), (2, 14));
        assert_eq!(flows(&[InFlowSoft]), (1, 15));
        assert_eq!(flows(&[FlowHard, InFlowSoft]), (3, 15));
        assert_eq!(flows(&[FlowHard, InFlowNone]), (3, 16), "not to be had: what is in force is told");
        assert_eq!(Frame::with_flow(modem(), FlowDcd), None);
    }
}
