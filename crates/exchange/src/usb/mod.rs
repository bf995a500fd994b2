//! Serial adapters on the USB, the device's side: pure. What the host's controller sends (USB/IP
//! messages, as `vhci_hcd` speaks them) goes in, answers and [`Told`] come out.
//!
//! Two kinds: [`Kind::Acm`] is a USB modem (CDC-ACM, driver `cdc_acm`), [`Kind::Ftdi`] an FT232R
//! between a modem and its computer (driver `ftdi_sio`).
//!
//! There is no "open" on the USB. The drivers ask for data while their tty is open and withdraw
//! the request when it is closed: that is [`Told::InUse`]. DTR and RTS come by themselves.

mod acm;
mod descriptors;
mod device;
mod ftdi;
mod message;
#[cfg(test)]
mod tests;

pub use device::{Device, Nonsense};

use std::fmt;

/// The kind of adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A modem with a USB plug: it has its power from there.
    Acm,
    /// An adapter between the USB and a serial cable; the modem has a power supply of its own.
    Ftdi,
}

impl Kind {
    /// The USB's speed, as `vhci_hcd` counts: high speed (3) or full speed (2).
    pub fn bus_speed(self) -> u32 {
        match self {
            Kind::Acm => 3,
            Kind::Ftdi => 2,
        }
    }
}

/// What tells adapters apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The kind.
    pub kind: Kind,
    /// The serial number, of which udev makes the name in `/dev/serial/by-id`.
    pub serial: String,
    /// Vendor and product, in hexadecimal as in `lsusb`.
    pub vendor: u16,
    /// See `vendor`.
    pub product: u16,
}

impl Identity {
    /// Reads `acm|ftdi[:SERIAL[:VENDOR:PRODUCT]]`; the serial number is `fallback` unless given.
    pub fn parse(text: &str, fallback: &str) -> Result<Identity, String> {
        let words: Vec<&str> = text.split(':').collect();
        let (kind, vendor, product) = match words.first() {
            Some(&"acm") => (Kind::Acm, 0x1d6b, 0x0f01),
            Some(&"ftdi") => (Kind::Ftdi, 0x0403, 0x6001),
            _ => return Err(format!("{text:?}: acm or ftdi is wanted")),
        };
        let serial = words.get(1).copied().unwrap_or(fallback);
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if serial.is_empty() || serial.len() > 32 || !serial.bytes().all(good) {
            return Err(format!("{serial:?} is no serial number (letters, digits, - and _; at most 32)"));
        }
        let id = |word: &str| match u16::from_str_radix(word, 16) {
            Ok(id) if word.len() <= 4 => Ok(id),
            _ => Err(format!("{word:?} is no vendor or product number (four hexadecimal digits)")),
        };
        let (vendor, product) = match words.get(2..).unwrap_or_default() {
            [] => (vendor, product),
            [vendor, product] => (id(vendor)?, id(product)?),
            _ => return Err(format!("{text:?}: KIND:SERIAL:VENDOR:PRODUCT")),
        };
        Ok(Identity { kind, serial: serial.to_string(), vendor, product })
    }
}

/// Data bits, parity, stop bits, written `8N1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// 5 to 8.
    pub bits: u8,
    /// One of `N O E M S`.
    pub parity: char,
    /// In halves: 2, 3 or 4.
    pub stop_halves: u8,
}

/// Parities as both kinds of adapter number them.
const PARITIES: [char; 5] = ['N', 'O', 'E', 'M', 'S'];

impl Frame {
    /// Eight bits, no parity, one stop bit.
    pub const EIGHT_BITS: Frame = Frame { bits: 8, parity: 'N', stop_halves: 2 };

    /// Made of the numbers in the adapters' requests (stop: 0 is 1, 1 is 1.5, 2 is 2).
    fn of(bits: u8, parity: u8, stop: u8) -> Option<Frame> {
        let parity = *PARITIES.get(usize::from(parity))?;
        ((5..=8).contains(&bits) && stop <= 2).then_some(Frame { bits, parity, stop_halves: stop + 2 })
    }

    /// Reads `8N1`, `7E2`, `8N1.5`.
    pub fn parse(text: &str) -> Option<Frame> {
        let mut letters = text.chars();
        let bits = u8::try_from(letters.next()?.to_digit(10)?).ok()?;
        let parity = letters.next()?.to_ascii_uppercase();
        let parity = PARITIES.iter().position(|p| *p == parity)?;
        let stop = ["1", "1.5", "2"].iter().position(|s| *s == letters.as_str())?;
        Frame::of(bits, u8::try_from(parity).ok()?, u8::try_from(stop).ok()?)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = ["1", "1.5", "2"].get(usize::from(self.stop_halves).wrapping_sub(2)).unwrap_or(&"?");
        write!(f, "{}{}{stop}", self.bits, self.parity)
    }
}

/// How the computer has set the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coding {
    /// Bits per second. An FTDI chip divides 24 MHz: 115200 becomes 115385.
    pub speed: u32,
    /// The rest.
    pub frame: Frame,
}

impl Coding {
    /// Whether the speed is that one, as exactly as an adapter's clock can be (2 %).
    pub fn runs_at(self, speed: u32) -> bool {
        u64::from(self.speed.abs_diff(speed)) * 50 <= u64::from(speed)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.speed, self.frame)
    }
}

/// What the host did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A program has opened the tty (`true`), the last one has closed it.
    InUse(bool),
    /// DTR and RTS.
    Lines {
        /// Data terminal ready.
        dtr: bool,
        /// Request to send.
        rts: bool,
    },
    /// Speed and frame.
    Coding(Coding),
    /// A break begins, ends.
    Break(bool),
    /// [`Device::read`] would give bytes.
    Readable,
    /// After a short [`Device::write`]: there is room.
    Writable,
}

/// A hostile host: whatever it sends, the device neither panics nor grows. For the fuzzer.
pub fn fuzz(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    let kind = if first & 1 == 0 { "acm" } else { "ftdi" };
    let Ok(identity) = Identity::parse(kind, "FUZZ") else { return };
    let mut device = Device::new(identity);
    let mut buffer = [0; 4096];
    // The host's bytes come in pieces; between them the other side does what it does.
    for (turn, piece) in rest.chunks(usize::from(first >> 1) + 1).enumerate() {
        if device.receive(piece).is_err() {
            return;
        }
        match turn % 4 {
            0 => {
                let _ = device.read(&mut buffer);
            }
            1 => {
                let _ = device.write(&buffer);
            }
            2 => device.send_break(),
            _ => device.set_lines(crate::port::ModemLines { cts: turn % 8 == 3, ..Default::default() }),
        }
        device.told().for_each(drop);
        let due = device.output().len();
        assert!(due <= Device::MOST_OUTPUT, "the output is bounded");
        device.written(due.min(usize::from(first) * 64));
    }
}
