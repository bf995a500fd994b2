//! Frames: `F9 address control length… [information…] fcs F9`.

use super::fcs::fcs;

/// Opens and closes every frame; one flag may do both for neighbours.
pub const FLAG: u8 = 0xF9;
/// The longest information field that is believed. Longer ones are noise: the kernel was told 512,
/// and a bound on what a garbled length can make us wait for is what makes resynchronising quick.
const LONGEST: usize = super::MTU + 16;
/// Flag, address, control, two octets of length, information, check, flag.
const BUFFER: usize = LONGEST + 7;
const POLL_FINAL: u8 = 0x10;

/// What a frame is (27.010 clause 5.2.1.3), poll/final bit aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Opens a channel.
    Sabm,
    /// Agrees to the other's SABM or DISC.
    Ua,
    /// Refuses: the channel is closed.
    Dm,
    /// Closes a channel.
    Disc,
    /// Information, the check octet covers the header only.
    Uih,
    /// Information, the check octet covers all of it.
    Ui,
}

impl Kind {
    fn from_octet(octet: u8) -> Option<Self> {
        Some(match octet & !POLL_FINAL {
            0x2F => Self::Sabm,
            0x63 => Self::Ua,
            0x0F => Self::Dm,
            0x43 => Self::Disc,
            0xEF => Self::Uih,
            0x03 => Self::Ui,
            _ => return None,
        })
    }

    fn octet(self) -> u8 {
        match self {
            Self::Sabm => 0x2F | POLL_FINAL,
            Self::Ua => 0x63 | POLL_FINAL,
            Self::Dm => 0x0F | POLL_FINAL,
            Self::Disc => 0x43 | POLL_FINAL,
            Self::Uih => 0xEF,
            Self::Ui => 0x03,
        }
    }

    /// Command or response bit of a frame from the answering side (27.010 clause 5.2.1.2).
    fn command_response(self) -> u8 {
        u8::from(matches!(self, Self::Ua | Self::Dm))
    }
}

/// One frame as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The channel (DLCI), 0 to 63.
    pub channel: u8,
    /// What it is.
    pub kind: Kind,
    /// The information field.
    pub information: &'a [u8],
}

/// Appends a frame of the answering side to `out`. `information` is at most 32767 octets long.
pub fn encode(out: &mut Vec<u8>, channel: u8, kind: Kind, information: &[&[u8]]) {
    let length: usize = information.iter().map(|part| part.len()).sum();
    let start = out.len() + 1;
    out.extend([FLAG, (channel << 2) | (kind.command_response() << 1) | 1, kind.octet()]);
    match u8::try_from(length) {
        Ok(short) if short < 128 => out.push((short << 1) | 1),
        _ => out.extend([((length << 1) & 0xFE) as u8, (length >> 7) as u8]),
    }
    let header = out.len();
    for part in information {
        out.extend_from_slice(part);
    }
    let checked = if kind == Kind::Ui { out.len() } else { header };
    let check = fcs(out.get(start..checked).unwrap_or_default());
    out.extend([check, FLAG]);
}

/// Finds frames in a stream of octets, whatever else is in it.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
    noise: u64,
}

/// What the front of the buffer is.
enum Front {
    /// Nothing can be said before more arrives.
    Short,
    /// Not a frame: drop one octet and look again.
    Noise,
    /// A frame: information from..to, octets used up (the closing flag stays: it may open the next).
    Frame { channel: u8, kind: Kind, from: usize, to: usize, used: usize },
}

impl Deframer {
    /// Takes octets in and hands each whole frame to `each`, in order. Holds at most one frame back.
    pub fn receive(&mut self, mut octets: &[u8], mut each: impl FnMut(Frame<'_>)) {
        while !octets.is_empty() {
            let room = (4 * BUFFER).saturating_sub(self.buffer.len()).min(octets.len());
            let (now, later) = octets.split_at(room);
            self.buffer.extend_from_slice(now);
            octets = later;
            let mut at = 0;
            loop {
                let front = self.buffer.get(at..).unwrap_or_default();
                match look(front) {
                    Front::Short => break,
                    Front::Noise => {
                        // Flags are the usual filling, not noise.
                        if front.first() != Some(&FLAG) {
                            self.noise += 1;
                        }
                        at += 1;
                    }
                    Front::Frame { channel, kind, from, to, used } => {
                        each(Frame { channel, kind, information: front.get(from..to).unwrap_or_default() });
                        at += used;
                    }
                }
            }
            self.buffer.drain(..at);
        }
    }

    /// Octets dropped so far because they belonged to no frame.
    pub fn noise(&self) -> u64 {
        self.noise
    }

    /// Octets held back: the beginning of a frame.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }
}

fn look(front: &[u8]) -> Front {
    let Some(&first) = front.first() else { return Front::Short };
    if first != FLAG {
        return Front::Noise;
    }
    let Some(&address) = front.get(1) else { return Front::Short };
    if address == FLAG || address & 1 == 0 {
        return Front::Noise;
    }
    let Some(&control) = front.get(2) else { return Front::Short };
    let Some(kind) = Kind::from_octet(control) else { return Front::Noise };
    let Some(&low) = front.get(3) else { return Front::Short };
    let (length, from) = if low & 1 == 1 {
        (usize::from(low >> 1), 4)
    } else {
        let Some(&high) = front.get(4) else { return Front::Short };
        ((usize::from(high) << 7) | usize::from(low >> 1), 5)
    };
    if length > LONGEST {
        return Front::Noise;
    }
    let to = from + length;
    let (Some(&check), Some(&end)) = (front.get(to), front.get(to + 1)) else { return Front::Short };
    let checked = front.get(1..if kind == Kind::Ui { to } else { from }).unwrap_or_default();
    if end != FLAG || check != fcs(checked) {
        return Front::Noise;
    }
    Front::Frame { channel: address >> 2, kind, from, to, used: to + 1 }
}
