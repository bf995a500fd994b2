//! Raw caller messages in hex (`MESG`, asked for by `+VCID=2` or `#CID=2`): MDMF and SDMF (Bellcore GR-30,
//! ETSI EN 300 659-3), and the bare parameter that the original knows.

/// What a message tells; what it does not is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The caller's number, or the letter for its absence (`P`, `O`).
    pub number: Option<Vec<u8>>,
    /// His name.
    pub name: Option<Vec<u8>>,
    /// The number called.
    pub called: Option<Vec<u8>>,
    /// Month and day.
    pub date: Option<Vec<u8>>,
    /// Hour and minute.
    pub time: Option<Vec<u8>>,
}

/// Reads the hex digits of a message; `None` if they are none. What is cut short tells what came before.
#[must_use]
pub fn read(hex: &[u8]) -> Option<Message> {
    let digits: Vec<u8> = hex.iter().copied().filter(|b| !b.is_ascii_whitespace()).take(512).collect();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes: Option<Vec<u8>> = digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect();
    let bytes = bytes.filter(|bytes| bytes.len() > 2)?;
    let mut message = Message::default();
    match bytes.as_slice() {
        // SDMF: date, time and number in a row.
        [0x04, length, rest @ ..] => {
            let text = rest.get(..usize::from(*length)).unwrap_or(rest);
            let (stamp, number) = text.split_at(text.len().min(8));
            message.stamp(stamp);
            message.number = Some(number.to_vec()).filter(|number| !number.is_empty());
        }
        [0x80, _, parameters @ ..] => message.parameters(parameters),
        // One parameter without its frame: 02 and 03 both stand for the caller then.
        [0x02 | 0x03, length, rest @ ..] => {
            message.number = Some(rest.get(..usize::from(*length)).unwrap_or(rest).to_vec());
        }
        _ => return None,
    }
    Some(message)
}

impl Message {
    fn stamp(&mut self, stamp: &[u8]) {
        self.date = stamp.get(..4).map(<[u8]>::to_vec);
        self.time = stamp.get(4..8).map(<[u8]>::to_vec);
    }

    /// Kind, length, value; a checksum is left over at the end.
    fn parameters(&mut self, mut rest: &[u8]) {
        while let [kind, length, tail @ ..] = rest {
            let Some(value) = tail.get(..usize::from(*length)) else { return };
            let text = || Some(value.to_vec());
            match kind {
                0x01 => self.stamp(value),
                0x02 | 0x04 => self.number = text(),
                0x03 => self.called = text(),
                0x07 => self.name = text(),
                _ => {}
            }
            rest = tail.get(usize::from(*length)..).unwrap_or(&[]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(field: &Option<Vec<u8>>) -> String {
        field.as_ref().map_or("-".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    fn all(hex: &str) -> Option<String> {
        let m = read(hex.as_bytes())?;
        Some([&m.number, &m.name, &m.called, &m.date, &m.time].map(text).join(" "))
    }

    #[test]
    fn each_kind_of_message() {
        for (hex, wanted) in [
            ("030735353531323334", "5551234 - - - -"),
            ("02 03 35 35 35", "555 - - - -"),
            ("0412313132303036313235353531323334353637aa", "5551234567 - - 1120 0612"),
            ("801601083131323030363132020335353507054a4f484e20AA", "555 JOHN  - 1120 0612"),
            ("800604014F0302343200", "O - 42 - -"),
            ("8005040150", "P - - - -"),
            ("80ff0203353535", "555 - - - -"),
            ("80050210353535", "- - - - -"),
        ] {
            assert_eq!(all(hex).as_deref(), Some(wanted), "{hex}");
        }
        for none in ["", "80", "zz0735", "99887766", "5551234"] {
            assert_eq!(all(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9a-fA-F ]{0,80}", other in ".{0,40}") {
            let _ = (read(text.as_bytes()), read(other.as_bytes()));
        }
    }
}
