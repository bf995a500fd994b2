//! What `comport-preload` and `comport` say to each other about the modem lines of a pty.
//!
//! A request is one message on a Unix stream socket of the abstract name [`socket_name`], with the pty's
//! own descriptor beside it: who can show that may drive its lines, nobody else. The answer is one message.

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The lines, as TIOCMGET gives them.
    Get,
    /// DTR and RTS to be these.
    Set,
    /// DTR and RTS to be raised.
    Raise,
    /// DTR and RTS to be dropped.
    Drop,
    /// A break to begin (1) or to end (0).
    Break,
    /// A break of so many milliseconds.
    Pulse,
    /// How often lines have changed.
    Counts,
    /// An answer when one of these lines has changed.
    Wait,
    /// Data bits (lowest byte) and parity (the next), as RFC 2217 numbers them.
    SetByte,
    /// Data bits and parity.
    GetByte,
}

const COMMANDS: [(u8, Command); 10] = [
    (b'G', Command::Get),
    (b'S', Command::Set),
    (b'+', Command::Raise),
    (b'-', Command::Drop),
    (b'B', Command::Break),
    (b'P', Command::Pulse),
    (b'C', Command::Counts),
    (b'W', Command::Wait),
    (b'F', Command::SetByte),
    (b'f', Command::GetByte),
];

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub command: Command,
    /// Lines by their TIOCM bits, or what else the command needs.
    pub argument: u32,
}

impl Request {
    /// Octets on the socket.
    pub const LENGTH: usize = 8;

    /// As it is sent.
    #[must_use]
    pub fn write(&self) -> [u8; Request::LENGTH] {
        let code = COMMANDS.iter().find(|(_, c)| *c == self.command).map_or(0, |(code, _)| *code);
        let [a, b, c, d] = self.argument.to_le_bytes();
        [code, 0, 0, 0, a, b, c, d]
    }

    /// Reads one; `None` if it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Request> {
        let &[code, 0, 0, 0, a, b, c, d] = bytes else { return None };
        let command = COMMANDS.iter().find(|(known, _)| *known == code).map(|(_, command)| *command)?;
        Some(Request { command, argument: u32::from_le_bytes([a, b, c, d]) })
    }
}

/// An answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Lines by their TIOCM bits, or what else was asked for.
    pub value: u32,
    /// Changes of CTS, DSR, RI and DCD.
    pub counts: [u32; 4],
}

impl Answer {
    /// Octets on the socket.
    pub const LENGTH: usize = 20;

    /// As it is sent.
    #[must_use]
    pub fn write(&self) -> [u8; Answer::LENGTH] {
        let mut bytes = [0; Answer::LENGTH];
        let words = std::iter::once(&self.value).chain(&self.counts);
        for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads one; `None` if it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Answer> {
        let bytes: &[u8; Answer::LENGTH] = bytes.try_into().ok()?;
        let mut words = bytes.chunks_exact(4).map(|w| w.try_into().map_or(0, u32::from_le_bytes));
        let mut next = || words.next().unwrap_or(0);
        Some(Answer { value: next(), counts: [next(), next(), next(), next()] })
    }
}

/// The abstract socket of the pty with this device number.
#[must_use]
pub fn socket_name(device: u64) -> String {
    format!("ringback-comport-{device:x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (_, command) in COMMANDS {
            let request = Request { command, argument: 0x0102_0304 };
            assert_eq!(Request::read(&request.write()), Some(request));
        }
        let answer = Answer { value: 7, counts: [1, 2, 3, u32::MAX] };
        assert_eq!(Answer::read(&answer.write()), Some(answer));
        for bad in [&b""[..], b"G", b"G\0\0\0\0\0\0\0\0", b"x\0\0\0\0\0\0\0", b"G\x01\0\0\0\0\0\0"] {
            assert_eq!(Request::read(bad), None);
            assert_eq!(Answer::read(bad), None);
        }
    }
}
