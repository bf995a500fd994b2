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

/// One form of line.
#[derive(Debug)]
struct Row {
    /// How it begins.
    prefix: &'static str,
    /// What it tells.
    field: Field,
    /// A line, and the value it gives (for the tests; they also say whose it is).
    #[cfg(test)]
    example: (&'static str, &'static str),
}

/// `"prefix" Field, "line" => "value";` in the order in which they are tried. A blank at the end is part of
/// the prefix.
macro_rules! table {
    ($( $prefix:literal $field:ident, $line:literal => $value:literal; )*) => {
        const TABLE: &[Row] = &[ $( Row {
            prefix: $prefix,
            field: Field::$field,
            #[cfg(test)]
            example: ($line, $value),
        }, )* ];
    };
}

table! {
    // ELSA: in place of every RING.
    "RING;" Id, "RING;5551234;42" => "5551234";
    "RING" Nothing, "RING" => "";
    "OK" Nothing, "OK" => "";
    "CONNECT " Connect, "CONNECT 33600/ARQ/V34" => "33600/ARQ/V34";
    // US Robotics, Rockwell: words.
    "CALLER NAME:" Name, "CALLER NAME: DOE JOHN" => "DOE JOHN";
    "CALLER NUMBER:" Id, "CALLER NUMBER: 5551234" => "5551234";
    "TIME:" Time, "TIME: 0612" => "0612";
    "DATE:" Date, "DATE: 1120" => "1120";
    "REASON FOR NO CALLER NUMBER:" Id, "REASON FOR NO CALLER NUMBER: PRIVATE" => "PRIVATE";
    "REASON FOR NO CALLER NAME:" Name, "REASON FOR NO CALLER NAME: UNAVAILABLE" => "UNAVAILABLE";
    "CALLED NUMBER:" Called, "CALLED NUMBER: 42" => "42";
    // ZyXEL; ring.rs takes `TO:` from the same line.
    "FM:" Id, "FM:5551234" => "5551234";
    "CARRIER " Carrier, "CARRIER 33600" => "33600";
    "PROTOCOL:" Protocol, "PROTOCOL: LAP-M" => "LAP-M";
    // V.250 6.4: modulation and error control reports.
    "+MCR:" Carrier, "+MCR: V34" => "V34";
    "+MRR:" Protocol, "+MRR: 33600" => "33600";
    // V.253 and Rockwell, formatted caller identification with and without blanks. `P` is withheld, `O` unknown.
    "DATE = " Date, "DATE = 1120" => "1120";
    "TIME = " Time, "TIME = 0612" => "0612";
    "NMBR = " Id, "NMBR = 5551234" => "5551234";
    "NAME = " Name, "NAME = DOE JOHN" => "DOE JOHN";
    // +VCID=2, #CID=2: the raw message, see `message`.
    "MESG = " Message, "MESG = 030735353531323334" => "030735353531323334";
    "MESG=" Message, "MESG=030735353531323334" => "030735353531323334";
    // ISDN adapters: Digi, Patton (#CID=10).
    "DDN_NMBR=" Id, "DDN_NMBR= 5551234" => "5551234";
    "NDID=" Called, "NDID=42" => "42";
    "NDID = " Called, "NDID = 42" => "42";
    "DATE=" Date, "DATE=1120" => "1120";
    "TIME=" Time, "TIME=0612" => "0612";
    "NMBR=" Id, "NMBR=5551234" => "5551234";
    "NAME=" Name, "NAME=DOE JOHN" => "DOE JOHN";
    "CALLER'S NUMBER:" Id, "CALLER'S NUMBER: 5551234" => "5551234";
    "NBR=" Id, "NBR=5551234" => "5551234";
    "CallerID:" Id, "CallerID: 5551234" => "5551234";
    "Diverting number:" Id, "Diverting number: 5551234" => "5551234";
    // 3GPP 27.007, 7.11: "+49401",145,…
    "+CLIP:" FirstDigits, "+CLIP: \"+49401\",145" => "49401";
}

impl CallerData {
    /// Takes one line of the modem, believed only in command state. Says whether it told anything.
    pub fn line(&mut self, line: &[u8]) -> bool {
        let line = line.trim_ascii();
        if line.first().is_some_and(u8::is_ascii_digit) {
            // ELINK: the bare number.
            let digits = line.iter().take_while(|b| b.is_ascii_digit());
            self.id = digits.take(VALUE_MAX).map(|&b| char::from(b)).collect();
            return true;
        }
        let Some(row) = TABLE.iter().find(|row| line.starts_with(row.prefix.as_bytes())) else {
            return false;
        };
        let value = clean(line.get(row.prefix.len()..).unwrap_or(&[]));
        match row.field {
            // `RING;FROM;TO`, `FM:FROM TO:TO`.
            Field::Id => {
                let id = value.split(';').next().unwrap_or("").split("TO:").next().unwrap_or("");
                self.set_id(id.as_bytes());
            }
            Field::Name => self.name = value,
            Field::Called => self.called = value,
            Field::Date => self.date = value,
            Field::Time => self.time = value,
            Field::Carrier => self.carrier = value,
            Field::Protocol => self.protocol = value,
            Field::Message if self.messages.len() < 2 => {
                self.message(value.as_bytes());
                self.messages.push(value);
            }
            Field::Message => {}
            Field::Connect if self.carrier.is_empty() && self.protocol.is_empty() => self.connect = value,
            Field::Connect => {
                self.connect = format!("{value}/{} {}", self.carrier, self.protocol).trim_end().to_string();
            }
            Field::FirstDigits => {
                let first = value.split(',').next().unwrap_or("");
                let digits: Vec<u8> = first.bytes().filter(u8::is_ascii_digit).collect();
                self.set_id(&digits);
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

    /// An empty number is none.
    pub(super) fn set_id(&mut self, id: &[u8]) {
        let id = clean(id);
        self.id = if id.is_empty() { "none".into() } else { id };
    }

    /// A raw message; what other lines have told already stays.
    fn message(&mut self, hex: &[u8]) {
        let Some(message) = super::message::read(hex) else { return };
        if let (Some(number), "none") = (&message.number, self.id.as_str()) {
            self.set_id(number);
        }
        for (field, told) in [
            (&mut self.name, &message.name),
            (&mut self.called, &message.called),
            (&mut self.date, &message.date),
            (&mut self.time, &message.time),
        ] {
            if let (Some(told), true) = (told, field.is_empty()) {
                *field = clean(told);
            }
        }
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
        for Row { prefix, field, example: (line, value) } in TABLE {
            let mut data = CallerData::default();
            let told = data.line(format!("  {line} ").as_bytes());
            let got = match field {
                Field::Id | Field::FirstDigits => &data.id,
                Field::Name => &data.name,
                Field::Called => &data.called,
                Field::Date => &data.date,
                Field::Time => &data.time,
                Field::Connect => &data.connect,
                Field::Carrier => &data.carrier,
                Field::Protocol => &data.protocol,
                Field::Message => {
                    assert_eq!(data.id, "5551234", "{line}");
                    &data.messages[0]
                }
                Field::Nothing => {
                    assert!(!told, "{line}");
                    continue;
                }
            };
            assert!(line.starts_with(prefix), "{line}");
            assert_eq!((told, got.as_str()), (true, *value), "{line}");
        }
    }

    #[test]
    fn an_empty_number_is_none_and_a_message_adds_what_is_not_known() {
        for line in ["FM: TO:42", "RING;;42", "+CLIP: \"\",129", "NMBR=", "DDN_NMBR="] {
            assert_eq!(after(&[line]).id, "none", "{line}");
        }
        let data = after(&["NAME = X", "MESG = 801601083131323030363132020335353507054a4f484e20AA"]);
        assert_eq!((data.id.as_str(), data.name.as_str(), data.date.as_str()), ("555", "X", "1120"));
        assert_eq!(after(&["NMBR = 1", "MESG = 030735353531323334"]).id, "1");
        assert_eq!(after(&["MESG = 0303273b27"]).id, ";");
    }

    #[test]
    fn values_are_made_harmless() {
        assert_eq!(after(&["NMBR = 12'; reboot;'"]).id, "12");
        assert_eq!(after(&["NAME = O'Neill \"x\"\x1b[2J"]).name, "O Neill  x  [2J");
        assert_eq!(after(&["+CLIP: \"+49401\",145"]).id, "49401");
        assert_eq!(after(&[&format!("NAME = {}", "x".repeat(5000))]).name.len(), VALUE_MAX);
        assert_eq!(after(&["5551234 x9"]).id, "5551234");
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
            fuzz(&[TABLE[row].prefix.as_bytes(), &data].concat());
        }
    }
}
