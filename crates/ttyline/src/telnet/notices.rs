//! When a modem state is worth telling a client of RFC 2217.

use super::com_port::modem_state::{CTS, DCD, DELTA_CTS, DELTA_DCD, DELTA_DSR, DSR, RI, RING_ENDED};
#[cfg(target_os = "linux")]
use crate::sys::tty::ModemLines;

/// The state bits of modem lines.
#[cfg(target_os = "linux")]
#[must_use]
pub fn state_of(lines: ModemLines) -> u8 {
    [(lines.carrier(), DCD), (lines.ring(), RI), (lines.dsr(), DSR), (lines.cts(), CTS)]
        .into_iter()
        .filter(|(on, _)| *on)
        .fold(0, |state, (_, bit)| state | bit)
}

/// What changed from one state to the next: its delta bits.
#[must_use]
pub fn deltas(before: u8, after: u8) -> u8 {
    let changed = before ^ after;
    [
        (changed & DCD, DELTA_DCD),
        (before & !after & RI, RING_ENDED),
        (changed & DSR, DELTA_DSR),
        (changed & CTS, DELTA_CTS),
    ]
    .into_iter()
    .filter(|(bits, _)| *bits != 0)
    .fold(0, |all, (_, bit)| all | bit)
}

/// The notice for a change under the client's mask, if it wants one.
///
/// RFC 2217 tells when the state AND the mask is not zero, by which a client that asks for DCD alone would
/// never hear of its loss; here a line counts as asked for when its state bit or its delta bit is in the
/// mask, and what is told is the state AND the mask.
#[must_use]
pub fn notice(before: u8, after: u8, mask: u8) -> Option<u8> {
    let lines = mask & (DCD | RI | DSR | CTS);
    let by_delta = [(DELTA_DCD, DCD), (RING_ENDED, RI), (DELTA_DSR, DSR), (DELTA_CTS, CTS)]
        .into_iter()
        .filter(|(delta, _)| mask & delta != 0)
        .fold(0, |all, (_, line)| all | line);
    // The trailing edge is the only one the delta bit of RI stands for.
    let rising_ring = after & !before & RI;
    let changed = before ^ after;
    let asked = changed & lines | changed & by_delta & !rising_ring;
    (asked != 0).then_some((after | deltas(before, after)) & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_by_line() {
        assert_eq!(deltas(0, DCD | CTS), DELTA_DCD | DELTA_CTS);
        assert_eq!(deltas(0, RI), 0, "a ring that begins has no delta bit");
        assert_eq!(deltas(RI | DSR, 0), RING_ENDED | DELTA_DSR);
    }

    #[test]
    fn what_is_told_under_which_mask() {
        let table = [
            (0, DCD, 255, Some(DCD | DELTA_DCD)),
            (DCD, 0, 255, Some(DELTA_DCD)),
            (DCD, 0, DCD, Some(0)),
            (0, DCD, DELTA_DCD, Some(DELTA_DCD)),
            (0, CTS, DCD, None),
            (DCD, DCD, 255, None),
            (0, DCD, 0, None),
            (0, RI, RING_ENDED, None),
            (RI, 0, RING_ENDED, Some(RING_ENDED)),
            (0, RI, RI, Some(RI)),
        ];
        for (before, after, mask, told) in table {
            assert_eq!(notice(before, after, mask), told, "{before:02x} {after:02x} {mask:02x}");
        }
    }
}
