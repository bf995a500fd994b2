//! What a modem tells of a call: numbers, names, time, CONNECT text (spec section 6).
//!
//! One table of data for all dialects; a new dialect is a row.

/// Longest value kept, bytes.
const VALUE_MAX: usize = 80;

/// What is known of the call that is coming in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerData {
    /// Caller's number; `none` if the modem told nothing.
    pub id: String,
    /// Caller's name.
    pub name: String,
    /// Number that was called.
    pub called: String,
    /// Date as the modem wrote it.
    pub date: String,
    /// Time as the modem wrote it.
    pub time: String,
    /// What stood behind `CONNECT`, with carrier and protocol if the modem told them apart.
    pub connect: String,
    /// Messages of the exchange (`MESG`), first and second.
    pub messages: Vec<String>,
    carrier: String,
    protocol: String,
}

impl Default for CallerData {
    fn default() -> Self {
        let empty = String::new;
        CallerData {
            id: "none".into(),
            name: empty(),
            called: empty(),
            date: empty(),
            time: empty(),
            connect: empty(),
            messages: Vec::new(),
            carrier: empty(),
            protocol: empty(),
        }
    }
}

/// Where a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Id,
    Name,
    Called,
    Date,
    Time,
    Connect,
    Carrier,
    Protocol,
    Message,
    /// The caller's number is the digits of the first of several values.
    FirstDigits,
    /// The line says nothing of the caller.
    Nothing,
}

/// Prefixes in the order in which they are tried. A blank at the end is part of the prefix.
const TABLE: &[(&str, Field)] = &[
    ("RING;", Field::Id),
    ("RING", Field::Nothing),
    ("OK", Field::Nothing),
    ("CONNECT ", Field::Connect),
    // US Robotics, Rockwell: words.
    ("CALLER NAME: ", Field::Name),
    ("CALLER NUMBER: ", Field::Id),
    ("TIME: ", Field::Time),
    ("REASON FOR NO CALLER NUMBER: ", Field::Id),
    ("REASON FOR NO CALLER NAME: ", Field::Name),
    ("CALLED NUMBER: ", Field::Called),
    // ZyXEL.
    ("FM:", Field::Id),
    ("CARRIER ", Field::Carrier),
    ("PROTOCOL: ", Field::Protocol),
    // V.250 6.4: modulation and error control reports.
    ("+MCR: ", Field::Carrier),
    ("+MRR: ", Field::Protocol),
    // V.253 and Rockwell, formatted caller identification with and without blanks.
    ("DATE = ", Field::Date),
    ("TIME = ", Field::Time),
    ("NMBR = ", Field::Id),
    ("NAME = ", Field::Name),
    ("MESG = ", Field::Message),
    ("DDN_NMBR= ", Field::Id),
    ("DATE=", Field::Date),
    ("TIME=", Field::Time),
    ("NMBR=", Field::Id),
    ("NAME=", Field::Name),
    // Digi, Patton: the number that was dialled.
    ("NDID=", Field::Called),
    ("CALLER'S NUMBER: ", Field::Id),
    ("NBR=", Field::Id),
    ("CallerID: ", Field::Id),
    ("Diverting number:", Field::Id),
    // GSM 07.07, 7.11: "+49401",145,…
    ("+CLIP: ", Field::FirstDigits),
];

impl CallerData {
    /// Takes one line of the modem, believed only in command state. Says whether it told anything.
    pub fn line(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if line.first().is_some_and(u8::is_ascii_digit) {
            // ELINK: the bare number.
            self.id =
                line.iter().filter(|b| b.is_ascii_digit()).take(VALUE_MAX).map(|&b| char::from(b)).collect();
            return true;
        }
        let Some((prefix, field)) = TABLE.iter().find(|(prefix, _)| line.starts_with(prefix.as_bytes()))
        else {
            return false;
        };
        let value = clean(line.get(prefix.len()..).unwrap_or(&[]));
        match field {
            Field::Id => self.id = value.split(';').next().unwrap_or("").trim().to_string(),
            Field::Name => self.name = value,
            Field::Called => self.called = value,
            Field::Date => self.date = value,
            Field::Time => self.time = value,
            Field::Carrier => self.carrier = value,
            Field::Protocol => self.protocol = value,
            Field::Message if self.messages.len() < 2 => self.messages.push(value),
            Field::Message => {}
            Field::Connect if self.carrier.is_empty() && self.protocol.is_empty() => self.connect = value,
            Field::Connect => {
                self.connect = format!("{value}/{} {}", self.carrier, self.protocol).trim_end().to_string();
            }
            Field::FirstDigits => {
                let first = value.split(',').next().unwrap_or("");
                self.id = first.chars().filter(char::is_ascii_digit).collect();
            }
            Field::Nothing => return false,
        }
        true
    }

    /// Whether number or name are known.
    pub fn known(&self) -> bool {
        self.id != "none" || !self.name.is_empty()
    }

    /// Everything is forgotten: the next call is somebody else's.
    pub fn reset(&mut self) {
        *self = CallerData::default();
    }

    pub(super) fn set_id(&mut self, id: &[u8]) {
        self.id = clean(id);
    }

    pub(super) fn set_called(&mut self, called: &[u8]) {
        self.called = clean(called);
    }
}

/// Quotes, control characters and bytes beyond ASCII become blanks; trimmed and bounded. So no
/// value can leave a log field, an argument or an environment variable.
fn clean(value: &[u8]) -> String {
    let text: String = value
        .iter()
        .take(VALUE_MAX)
        .map(|&b| if b == b'\'' || b == b'"' || !(b' '..=b'~').contains(&b) { ' ' } else { char::from(b) })
        .collect();
    text.trim().to_string()
}

/// For the fuzzer: lines of any bytes; no value may hold what it must not.
pub fn fuzz(data: &[u8]) {
    let mut caller = CallerData::default();
    let mut rings = super::ring::RingReader::default();
    let called = ["5551234".to_string(), "4".to_string()];
    for line in data.split(|&b| b == b'\r' || b == b'\n') {
        caller.line(line);
        let _ = rings.line(line, &mut caller, &called);
        let values = [&caller.id, &caller.name, &caller.called, &caller.date, &caller.time, &caller.connect];
        for value in values.into_iter().chain(&caller.messages) {
            assert!(value.len() <= 3 * VALUE_MAX + 2, "{value}");
            assert!(
                value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'\'' && b != b'"'),
                "{value:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(lines: &[&str]) -> CallerData {
        let mut data = CallerData::default();
        for line in lines {
            data.line(line.as_bytes());
        }
        data
    }

    #[test]
    fn each_row_sets_its_field() {
        for (prefix, field) in TABLE {
            let mut data = CallerData::default();
            let told = data.line(format!("  {prefix}12 34 ").as_bytes());
            let got = match field {
                Field::Id => &data.id,
                Field::Name => &data.name,
                Field::Called => &data.called,
                Field::Date => &data.date,
                Field::Time => &data.time,
                Field::Connect => &data.connect,
                Field::Carrier => &data.carrier,
                Field::Protocol => &data.protocol,
                Field::Message => &data.messages[0],
                Field::FirstDigits => {
                    assert_eq!((told, data.id.as_str()), (true, "1234"), "{prefix}");
                    continue;
                }
                Field::Nothing => {
                    assert!(!told, "{prefix}");
                    continue;
                }
            };
            assert_eq!((told, got.as_str()), (true, "12 34"), "{prefix}");
        }
    }

    #[test]
    fn values_are_made_harmless() {
        assert_eq!(after(&["NMBR = 12'; reboot;'"]).id, "12");
        assert_eq!(after(&["NAME = O'Neill \"x\"\x1b[2J"]).name, "O Neill  x  [2J");
        assert_eq!(after(&["+CLIP: \"+49401\",145"]).id, "49401");
        assert_eq!(after(&[&format!("NAME = {}", "x".repeat(5000))]).name.len(), VALUE_MAX);
        assert_eq!(after(&["5551234 x9"]).id, "55512349");
    }

    #[test]
    fn connect_text_gathers_carrier_and_protocol() {
        assert_eq!(after(&["CONNECT 33600/ARQ"]).connect, "33600/ARQ");
        assert_eq!(
            after(&["CARRIER 33600", "PROTOCOL: LAP-M", "CONNECT 115200"]).connect,
            "115200/33600 LAP-M"
        );
        assert_eq!(after(&["CONNECT"]).connect, "");
    }

    #[test]
    fn nothing_of_a_call_is_left_for_the_next() {
        let mut data = after(&["DATE = 1120", "NMBR = 1", "MESG = 03x", "CARRIER 1", "CONNECT 2"]);
        data.reset();
        assert_eq!(data, CallerData::default());
    }

    proptest! {
        #[test]
        fn any_line_is_safe(data in proptest::collection::vec(any::<u8>(), 0..300), row in 0..TABLE.len()) {
            fuzz(&data);
            fuzz(&[TABLE[row].0.as_bytes(), &data].concat());
        }
    }
}
