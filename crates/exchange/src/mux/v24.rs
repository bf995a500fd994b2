//! Modem lines as octets (27.010 clauses 5.4.6.3.7 and 5.5.2, "convergence layer type 2").

const EXTENSION: u8 = 0x01;
const FLOW: u8 = 0x02;
const READY_TO_COMMUNICATE: u8 = 0x04;
const READY_TO_RECEIVE: u8 = 0x08;
const INCOMING_CALL: u8 = 0x40;
const DATA_VALID: u8 = 0x80;
const BREAK: u8 = 0x02;

/// Modem lines driven by the program on the kernel's tty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FromTerminal {
    /// Data terminal ready.
    pub dtr: bool,
    /// Request to send.
    pub rts: bool,
    /// The kernel's buffers are full: send no data.
    pub stop: bool,
}

/// Modem lines driven by the modem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ToTerminal {
    /// Data set ready.
    pub dsr: bool,
    /// Clear to send. Off makes the kernel hold its data back.
    pub cts: bool,
    /// Ring indicator.
    pub ri: bool,
    /// Data carrier detect.
    pub dcd: bool,
}

impl FromTerminal {
    /// Reads the octets in front of the data of a frame: lines, whether a break is signalled, and
    /// how many octets that were. `None`: there is no complete signal field.
    pub fn decode(information: &[u8]) -> Option<(Self, bool, usize)> {
        let octet = *information.first()?;
        let length = information.iter().position(|o| o & EXTENSION != 0)? + 1;
        let broken = length > 1 && information.get(1).is_some_and(|o| o & BREAK != 0);
        let lines = Self {
            dtr: octet & READY_TO_COMMUNICATE != 0,
            rts: octet & READY_TO_RECEIVE != 0,
            stop: octet & FLOW != 0,
        };
        Some((lines, broken, length))
    }
}

impl ToTerminal {
    /// The signal octet.
    pub fn octet(self) -> u8 {
        let bit = |on: bool, bit: u8| if on { bit } else { 0 };
        EXTENSION
            | bit(self.dsr, READY_TO_COMMUNICATE)
            | bit(self.cts, READY_TO_RECEIVE)
            | bit(self.ri, INCOMING_CALL)
            | bit(self.dcd, DATA_VALID)
    }
}
