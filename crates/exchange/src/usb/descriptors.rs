//! What the adapters say they are (USB 2.0 chapter 9; CDC 1.1 and PSTN 1.2 for the modem).

use super::{Identity, Kind};

/// Endpoint numbers, the same for both kinds (the FTDI has no notices).
pub const DATA_IN: u32 = 1;
pub const DATA_OUT: u32 = 2;
pub const NOTICES: u32 = 3;

const DEVICE: u8 = 1;
const CONFIGURATION: u8 = 2;
const STRING: u8 = 3;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const QUALIFIER: u8 = 6;
const CLASS_SPECIFIC: u8 = 0x24;
const BULK: u8 = 2;
const INTERRUPT: u8 = 3;

/// The descriptor that `GET_DESCRIPTOR` asks for with this `wValue`, if there is one.
pub fn descriptor(identity: &Identity, value: u16) -> Option<Vec<u8>> {
    let [index, kind] = value.to_le_bytes();
    let acm = identity.kind == Kind::Acm;
    let class = if acm { 2 } else { 0 };
    match kind {
        DEVICE => {
            let mut device = vec![18, DEVICE, 0, 2, class, 0, 0, 64];
            device.extend(identity.vendor.to_le_bytes());
            device.extend(identity.product.to_le_bytes());
            // The release tells the chip: 6.00 is an FT232R.
            device.extend(if acm { 0x0100u16 } else { 0x0600 }.to_le_bytes());
            device.extend([1, 2, 3, 1]);
            Some(device)
        }
        CONFIGURATION if index == 0 => Some(configuration(identity.kind)),
        STRING => match index {
            0 => Some(vec![4, STRING, 0x09, 0x04]), // English
            1 => Some(string(if acm { "Ringback" } else { "FTDI" })),
            2 => Some(string(if acm { "USB Modem" } else { "FT232R USB UART" })),
            3 => Some(string(&identity.serial)),
            _ => None,
        },
        QUALIFIER if acm => Some(vec![10, QUALIFIER, 0, 2, class, 0, 0, 64, 1, 0]),
        _ => None,
    }
}

fn string(text: &str) -> Vec<u8> {
    let mut bytes = vec![0, STRING];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    bytes[0] = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    bytes
}

fn interface(number: u8, endpoints: u8, class: [u8; 3]) -> Vec<u8> {
    [&[9, INTERFACE, number, 0, endpoints][..], &class, &[0]].concat()
}

fn endpoint(address: u8, kind: u8, size: u16, interval: u8) -> Vec<u8> {
    let [low, high] = size.to_le_bytes();
    vec![7, ENDPOINT, address, kind, low, high, interval]
}

fn configuration(kind: Kind) -> Vec<u8> {
    let (interfaces, body) = match kind {
        Kind::Acm => (
            2,
            [
                interface(0, 1, [2, 2, 1]), // communications, abstract control model, V.250 commands
                vec![5, CLASS_SPECIFIC, 0, 0x10, 1], // CDC 1.1
                vec![5, CLASS_SPECIFIC, 1, 0, 1], // no call management, data on interface 1
                vec![4, CLASS_SPECIFIC, 2, 6], // line coding, line state, break
                vec![5, CLASS_SPECIFIC, 6, 0, 1], // interface 1 belongs to 0
                endpoint(0x83, INTERRUPT, 16, 4),
                interface(1, 2, [10, 0, 0]),
                endpoint(0x81, BULK, 512, 0),
                endpoint(0x02, BULK, 512, 0),
            ]
            .concat(),
        ),
        Kind::Ftdi => (
            1,
            [interface(0, 2, [255, 255, 255]), endpoint(0x81, BULK, 64, 0), endpoint(0x02, BULK, 64, 0)]
                .concat(),
        ),
    };
    let [low, high] = u16::try_from(9 + body.len()).unwrap_or(u16::MAX).to_le_bytes();
    let mut all = vec![9, CONFIGURATION, low, high, interfaces, 1, 0, 0x80, 50];
    all.extend(body);
    all
}
