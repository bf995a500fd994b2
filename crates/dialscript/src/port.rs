//! `set port` as settings of a line.

use crate::syntax::{Parity, Port};
use ttyline::settings::{Settings, control};

/// The settings after a `set port` command.
#[must_use]
pub fn set(mut settings: Settings, port: Port) -> Settings {
    let flags = &mut settings.control;
    match port {
        Port::DataBits(bits) => {
            *flags &= !control::CSIZE;
            *flags |= match bits {
                5 => 0,
                6 => control::CSIZE & !control::CS7,
                7 => control::CS7,
                _ => control::CS8,
            };
        }
        Port::Parity(parity) => {
            *flags &= !(control::PARENB | control::PARODD | control::CMSPAR);
            *flags |= match parity {
                Parity::None => 0,
                Parity::Even => control::PARENB,
                Parity::Odd => control::PARENB | control::PARODD,
                Parity::Space => control::PARENB | control::CMSPAR,
                Parity::Mark => control::PARENB | control::CMSPAR | control::PARODD,
            };
        }
        Port::StopBits(2) => *flags |= control::CSTOPB,
        Port::StopBits(_) => *flags &= !control::CSTOPB,
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_follow_the_words() {
        let eight = Settings { control: control::CS8 | control::CREAD, ..Settings::default() };
        let after = |port| set(eight, port).control & !control::CREAD;
        assert_eq!(after(Port::DataBits(5)), 0);
        assert_eq!(after(Port::DataBits(6)), 0o20);
        assert_eq!(after(Port::DataBits(7)), control::CS7);
        assert_eq!(after(Port::StopBits(2)), control::CS8 | control::CSTOPB);
        let even = set(eight, Port::Parity(Parity::Even));
        assert_eq!(even.control & !control::CREAD, control::CS8 | control::PARENB);
        let mark = set(even, Port::Parity(Parity::Mark));
        assert_eq!(mark.control & control::CMSPAR, control::CMSPAR);
        assert_eq!(set(mark, Port::Parity(Parity::None)), eight);
    }
}
