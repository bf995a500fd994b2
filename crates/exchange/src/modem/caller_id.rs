//! How modems tell who calls: the dialects found in the field, as a table.

/// What the exchange sends between the first and the second ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The caller's number; empty: unknown; `P`: withheld.
    pub number: String,
    /// The caller's name, if the exchange has one.
    pub name: String,
    /// The number that was called.
    pub called: String,
    /// Month and day, `MMDD`.
    pub date: String,
    /// Hour and minute, `HHMM`.
    pub time: String,
}

/// A modem family's way of showing it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// `NMBR = 123` (V.253 style, also Rockwell's), asked for by `+VCID=1` or `#CID=1`.
    #[default]
    Spaced,
    /// `NMBR=123`, the same without blanks.
    Tight,
    /// `DDN_NMBR=123` and the called number as `NDID=` (ISDN adapters, `#CID=10`).
    Ddn,
    /// `MESG = 8004…`, the raw message in hex (`+VCID=2`, `#CID=2`).
    Hex,
    /// `CALLER NUMBER: 123`
    CallerNumber,
    /// `CALLER'S NUMBER: 123`
    CallersNumber,
    /// `CallerID: 123`
    CallerId,
    /// `FM:123 TO:456` (ZyXEL, `S40.2=1`).
    Zyxel,
    /// `RING;123;456`, in place of every RING (ELSA); nothing to ask for.
    Elsa,
    /// `+CLIP: "123",145` after each RING (cellular, Iridium; `+CLIP=1`).
    Clip,
    /// `NBR=123`
    Nbr,
    /// The modem has no caller ID.
    None,
}

/// All dialects with the name they have in options.
pub const DIALECTS: [(&str, Dialect); 12] = [
    ("spaced", Dialect::Spaced),
    ("tight", Dialect::Tight),
    ("ddn", Dialect::Ddn),
    ("hex", Dialect::Hex),
    ("caller-number", Dialect::CallerNumber),
    ("callers-number", Dialect::CallersNumber),
    ("callerid", Dialect::CallerId),
    ("zyxel", Dialect::Zyxel),
    ("elsa", Dialect::Elsa),
    ("clip", Dialect::Clip),
    ("nbr", Dialect::Nbr),
    ("none", Dialect::None),
];

impl Dialect {
    /// The dialect of that name.
    pub fn named(name: &str) -> Option<Dialect> {
        DIALECTS.iter().find(|(known, _)| *known == name).map(|(_, dialect)| *dialect)
    }

    /// The extended commands that switch it on and off; other modems' commands are errors.
    pub fn commands(self) -> &'static [&'static str] {
        match self {
            Dialect::Spaced | Dialect::Tight | Dialect::Hex => &["+VCID", "#CID"],
            Dialect::Ddn | Dialect::CallerNumber => &["#CID"],
            Dialect::CallersNumber => &["#CC"],
            Dialect::CallerId => &["%CCID"],
            Dialect::Nbr => &["*ID"],
            Dialect::Clip => &["+CLIP"],
            Dialect::Zyxel | Dialect::Elsa | Dialect::None => &[],
        }
    }

    /// Whether it stands in the place of, or together with, every RING, instead of once after the first.
    pub fn with_each_ring(self) -> bool {
        matches!(self, Dialect::Elsa | Dialect::Clip)
    }

    /// The lines shown.
    pub fn lines(self, caller: &Caller) -> Vec<String> {
        let number = if caller.number.is_empty() { "O" } else { caller.number.as_str() };
        let name = if caller.name.is_empty() { "O" } else { caller.name.as_str() };
        let known = |n: &str| if n == "P" || n == "O" { String::new() } else { n.to_string() };
        let one = |text: String| vec![text];
        match self {
            Dialect::Spaced => {
                let mut lines = vec![
                    format!("DATE = {}", caller.date),
                    format!("TIME = {}", caller.time),
                    format!("NMBR = {number}"),
                ];
                if !caller.name.is_empty() {
                    lines.push(format!("NAME = {name}"));
                }
                lines
            }
            Dialect::Tight => vec![
                format!("DATE={}", caller.date),
                format!("TIME={}", caller.time),
                format!("NAME={name}"),
                format!("NMBR={number}"),
            ],
            Dialect::Ddn => vec![
                format!("DATE={}", caller.date),
                format!("TIME={}", caller.time),
                format!("DDN_NMBR={number}"),
                format!("NDID={}", caller.called),
            ],
            Dialect::Hex => one(format!("MESG = {}", message(caller))),
            Dialect::CallerNumber => one(format!("CALLER NUMBER: {number}")),
            Dialect::CallersNumber => one(format!("CALLER'S NUMBER: {number}")),
            Dialect::CallerId => one(format!("CallerID: {number}")),
            Dialect::Zyxel => one(format!("FM:{} TO:{}", known(number), caller.called)),
            Dialect::Elsa => one(format!("RING;{};{}", known(number), caller.called)),
            Dialect::Clip => one(format!("+CLIP: \"{}\",{}", known(number), clip_type(number))),
            Dialect::Nbr => one(format!("NBR={number}")),
            Dialect::None => Vec::new(),
        }
    }
}

/// The type of number in +CLIP (3GPP 27.007): 145 international, 129 otherwise.
fn clip_type(number: &str) -> u8 {
    if number.starts_with('+') { 145 } else { 129 }
}

/// The MDMF message in hex (Bellcore GR-30: type 80, length, parameters, checksum).
fn message(caller: &Caller) -> String {
    let mut parameters = Vec::new();
    let mut put = |kind: u8, text: &str| {
        let text = &text.as_bytes()[..text.len().min(50)];
        parameters.extend([kind, u8::try_from(text.len()).unwrap_or(0)]);
        parameters.extend(text);
    };
    put(1, &format!("{}{}", caller.date, caller.time));
    match caller.number.as_str() {
        "" => put(4, "O"),
        "P" => put(4, "P"),
        number => put(2, number),
    }
    if !caller.name.is_empty() {
        put(7, &caller.name);
    }
    let mut bytes = vec![0x80, u8::try_from(parameters.len()).unwrap_or(u8::MAX)];
    bytes.extend(parameters);
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes.push(sum.wrapping_neg());
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Caller, DIALECTS, Dialect};

    fn caller(number: &str) -> Caller {
        Caller {
            number: number.into(),
            name: String::new(),
            called: "987654".into(),
            date: "1120".into(),
            time: "0612".into(),
        }
    }

    #[track_caller]
    fn shows(dialect: Dialect, number: &str, wanted: &[&str]) {
        assert_eq!(dialect.lines(&caller(number)), wanted, "{dialect:?}");
    }

    #[test]
    fn every_dialect_shows_the_number_its_own_way() {
        shows(Dialect::Spaced, "123456", &["DATE = 1120", "TIME = 0612", "NMBR = 123456"]);
        shows(Dialect::Tight, "123456", &["DATE=1120", "TIME=0612", "NAME=O", "NMBR=123456"]);
        shows(Dialect::Ddn, "123456", &["DATE=1120", "TIME=0612", "DDN_NMBR=123456", "NDID=987654"]);
        shows(Dialect::CallerNumber, "123456", &["CALLER NUMBER: 123456"]);
        shows(Dialect::CallersNumber, "123456", &["CALLER'S NUMBER: 123456"]);
        shows(Dialect::CallerId, "123456", &["CallerID: 123456"]);
        shows(Dialect::Zyxel, "123456", &["FM:123456 TO:987654"]);
        shows(Dialect::Elsa, "123456", &["RING;123456;987654"]);
        shows(Dialect::Clip, "+33123456", &["+CLIP: \"+33123456\",145"]);
        shows(Dialect::Nbr, "123456", &["NBR=123456"]);
        shows(Dialect::None, "123456", &[]);
    }

    #[test]
    fn withheld_and_unknown_numbers() {
        shows(Dialect::Spaced, "P", &["DATE = 1120", "TIME = 0612", "NMBR = P"]);
        shows(Dialect::Spaced, "", &["DATE = 1120", "TIME = 0612", "NMBR = O"]);
        shows(Dialect::Elsa, "P", &["RING;;987654"]);
    }

    #[test]
    fn the_hex_message_adds_up_to_zero() {
        let lines = Dialect::Hex.lines(&caller("123456"));
        let hex = lines[0].strip_prefix("MESG = ").expect("a message");
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
            .collect();
        assert_eq!(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        assert_eq!(usize::from(bytes[1]), bytes.len() - 3);
        assert_eq!(bytes[2..12], *b"\x01\x0811200612");
        assert_eq!(bytes[12..20], *b"\x02\x06123456");
    }

    #[test]
    fn names_lead_to_dialects() {
        for (name, dialect) in DIALECTS {
            assert_eq!(Dialect::named(name), Some(dialect));
        }
        assert_eq!(Dialect::named("klingon"), None);
    }
}
