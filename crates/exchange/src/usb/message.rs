//! USB/IP messages after the import: what a host's controller submits, and the answers.
//! (Linux Documentation/usb/usbip_protocol.rst; all numbers big-endian, 48 octets and data.)

/// The length of every header.
pub const HEADER: usize = 48;
/// The most data of one transfer to the device. `cdc_acm` and `ftdi_sio` send a few KiB.
pub const MOST_DATA: usize = 64 * 1024;

const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMIT_RETURNED: u32 = 3;
const UNLINK_RETURNED: u32 = 4;

/// Transfer results, as negative errno.
pub const DONE: i32 = 0;
pub const STALL: i32 = -32; // EPIPE
pub const RESET: i32 = -104; // ECONNRESET

/// A control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    pub kind: u8,
    pub request: u8,
    pub value: u16,
    pub index: u16,
}

/// What the host wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A transfer; `data` goes to the device, or up to `length` octets are wanted from it (`to_host`).
    Submit { seq: u32, to_host: bool, endpoint: u32, length: usize, setup: Setup, data: &'a [u8] },
    /// An earlier transfer is not wanted any more.
    Unlink { seq: u32, victim: u32 },
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

/// Reads the first message; `Ok(None)`: more is needed. Gives how many octets it took.
pub fn first(input: &[u8]) -> Result<Option<(Message<'_>, usize)>, &'static str> {
    let Some(header) = input.get(..HEADER) else { return Ok(None) };
    let seq = word(header, 4);
    match word(header, 0) {
        SUBMIT => {
            let to_host = word(header, 12) != 0;
            let length = usize::try_from(word(header, 24)).unwrap_or(usize::MAX);
            // 0 and -1 both mean: not isochronous.
            if !matches!(word(header, 32), 0 | u32::MAX) {
                return Err("an isochronous transfer");
            }
            if !to_host && length > MOST_DATA {
                return Err("a transfer of more than 64 KiB");
            }
            let end = HEADER + if to_host { 0 } else { length };
            let Some(data) = input.get(HEADER..end) else { return Ok(None) };
            let setup = Setup {
                kind: header[40],
                request: header[41],
                value: u16::from_le_bytes([header[42], header[43]]),
                index: u16::from_le_bytes([header[44], header[45]]),
            };
            let endpoint = word(header, 16);
            Ok(Some((Message::Submit { seq, to_host, endpoint, length, setup, data }, end)))
        }
        UNLINK => Ok(Some((Message::Unlink { seq, victim: word(header, 20) }, HEADER))),
        _ => Err("an unknown message"),
    }
}

/// Appends the end of a transfer: `data` to the host, or `taken` octets of the host's.
pub fn submitted(out: &mut Vec<u8>, seq: u32, status: i32, taken: usize, data: &[u8]) {
    let length = u32::try_from(taken.max(data.len())).unwrap_or(u32::MAX);
    answer(out, SUBMIT_RETURNED, seq, status, length);
    out.extend_from_slice(data);
}

/// Appends the end of an unlink: `RESET` if the transfer was still there, else `DONE`.
pub fn unlinked(out: &mut Vec<u8>, seq: u32, status: i32) {
    answer(out, UNLINK_RETURNED, seq, status, 0);
}

fn answer(out: &mut Vec<u8>, command: u32, seq: u32, status: i32, length: u32) {
    for number in [command, seq, 0, 0, 0] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&status.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.resize(out.len() + HEADER - 28, 0);
}
