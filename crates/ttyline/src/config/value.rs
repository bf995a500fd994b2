//! Single values, read as the originals read them (spec section 2; the odd cases were tried on Debian's mgetty).

use crate::settings::{Flow, Parity};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What kind of value a keyword takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Int,
    /// Yes or no.
    Bool,
    /// The rest of the line.
    Text,
    /// A chat script.
    Chat,
    /// A kind of flow control.
    Flow,
    /// A kind of parity.
    Parity,
}

impl Kind {
    /// What may stand there, for people.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Kind::Int => "a number (decimal, 0octal or 0xhex)",
            Kind::Bool => "`yes` or `no`",
            Kind::Text => "text",
            Kind::Chat => "a chat script: expect send expect send ...",
            Kind::Parity => "`none`, `even`, `odd`, `mark` or `space`",
            Kind::Flow => "`rts`, `hard`, `xon`, `soft`, `both` or `none`",
        }
    }
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<T> {
    /// The value.
    pub value: T,
    /// Set if it hardly means what was meant: how it is understood.
    pub doubt: Option<&'static str>,
}

/// A type of value.
pub trait Value: Sized {
    /// Its kind.
    const KIND: Kind;

    /// Reads the rest of a line (white space compressed, ends trimmed); `None` if it cannot be understood.
    fn read(text: &[u8]) -> Option<Read<Self>>;

    /// As it would be written in a file.
    fn show(&self) -> String;
}

/// Text of a file: bytes in whatever encoding it has.
#[derive(Clone, Debug, PartialEq, Eq, Default, Hash)]
pub struct Text(Vec<u8>);

impl Text {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As UTF-8, with replacement characters for what is none.
    #[must_use]
    pub fn as_str(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// As the name of a file.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// As an argument of a program.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Text {
        Text(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Text {
        Text(bytes)
    }
}

impl Value for Text {
    const KIND: Kind = Kind::Text;

    fn read(text: &[u8]) -> Option<Read<Self>> {
        // There are no comments behind values; a `#` there is part of a file name or prompt.
        let commented = text.windows(3).any(|w| w == b" # ");
        let doubt = commented.then_some("text with the `#` in it (comments need a line of their own)");
        Some(Read { value: Text(text.to_vec()), doubt })
    }

    fn show(&self) -> String {
        self.as_str().into_owned()
    }
}

/// A chat script as it stands in the file (it may contain a real `#`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Chat(pub Text);

impl Value for Chat {
    const KIND: Kind = Kind::Chat;

    fn read(text: &[u8]) -> Option<Read<Self>> {
        let odd = text.iter().filter(|b| **b == b'"').count() % 2 == 1;
        let doubt = odd.then_some("a script with a quote that is not closed");
        Some(Read { value: Chat(Text(text.to_vec())), doubt })
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

impl Value for i64 {
    const KIND: Kind = Kind::Int;

    /// C's `strtol` with base 0, if a digit or `-digit` begins the text; what follows the number is ignored.
    fn read(text: &[u8]) -> Option<Read<i64>> {
        let (negative, digits) = match text.split_first()? {
            (b'-', rest) => (true, rest),
            _ => (false, text),
        };
        if !digits.first()?.is_ascii_digit() {
            return None;
        }
        let hex = matches!(digits, [b'0', b'x' | b'X', next, ..] if next.is_ascii_hexdigit());
        let (base, body) = match digits {
            [b'0', _, rest @ ..] if hex => (16, rest),
            [b'0', ..] => (8, digits),
            _ => (10, digits),
        };
        let (mut value, mut rest) = (0_i64, body);
        while let Some((&byte, tail)) = rest.split_first() {
            let Some(digit) = char::from(byte).to_digit(base) else { break };
            value = value.saturating_mul(i64::from(base)).saturating_add(i64::from(digit));
            rest = tail;
        }
        let doubt = (!rest.is_empty()).then_some("the number in front");
        Some(Read { value: if negative { -value } else { value }, doubt })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Value for bool {
    const KIND: Kind = Kind::Bool;

    /// True if empty or beginning with `y`, `Y`, `t`, `T` or `on`; all else is false, also `1` and `ON`.
    fn read(text: &[u8]) -> Option<Read<bool>> {
        let value = match text {
            [] => true,
            [b'y' | b'Y' | b't' | b'T', ..] => true,
            _ => text.starts_with(b"on"),
        };
        let word = String::from_utf8_lossy(text).to_lowercase();
        let clear = match word.as_str() {
            "" | "y" | "yes" | "t" | "true" | "on" => value,
            "n" | "no" | "f" | "false" | "off" => !value,
            _ => false,
        };
        let doubt = (!clear).then_some(if value { "yes" } else { "no" });
        Some(Read { value, doubt })
    }

    fn show(&self) -> String {
        if *self { "yes".into() } else { "no".into() }
    }
}

impl Value for Flow {
    const KIND: Kind = Kind::Flow;

    fn read(text: &[u8]) -> Option<Read<Flow>> {
        let begins = |word: &[u8]| text.starts_with(word);
        let value = if begins(b"rts") || begins(b"hard") {
            Flow::Hard
        } else if begins(b"xon") || begins(b"soft") {
            Flow::Soft
        } else {
            match text {
                b"both" => Flow::Both,
                b"none" => Flow::None,
                _ => return None,
            }
        };
        Some(Read { value, doubt: None })
    }

    fn show(&self) -> String {
        match self {
            Flow::None => "none",
            Flow::Hard => "hard",
            Flow::Soft => "soft",
            Flow::Both => "both",
        }
        .into()
    }
}

/// The kinds of parity by name.
const PARITIES: [(&str, Parity); 5] = [
    ("none", Parity::None),
    ("even", Parity::Even),
    ("odd", Parity::Odd),
    ("mark", Parity::Mark),
    ("space", Parity::Space),
];

impl Value for Parity {
    const KIND: Kind = Kind::Parity;

    fn read(text: &[u8]) -> Option<Read<Parity>> {
        let found = PARITIES.iter().find(|(name, _)| name.as_bytes() == text)?;
        Some(Read { value: found.1, doubt: None })
    }

    fn show(&self) -> String {
        PARITIES.iter().find(|(_, parity)| parity == self).map_or("", |(name, _)| name).into()
    }
}

/// A value that may be unset.
impl<T: Value> Value for Option<T> {
    const KIND: Kind = T::KIND;

    fn read(text: &[u8]) -> Option<Read<Option<T>>> {
        T::read(text).map(|read| Read { value: Some(read.value), doubt: read.doubt })
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(String::new, Value::show)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn int(text: &str) -> Option<i64> {
        i64::read(text.as_bytes()).map(|r| r.value)
    }

    #[test]
    fn numbers_as_strtol_reads_them() {
        for (text, value) in [
            ("38400", 38400),
            ("0x12c", 300),
            ("0660", 0o660),
            ("0660x", 0o660),
            ("08", 0),
            ("9", 9),
            ("010", 8),
            ("0xfg", 15),
            ("-0x10", -16),
            ("-5", -5),
            ("4 5", 4),
            ("0x", 0),
            ("99999999999", 99_999_999_999),
        ] {
            assert_eq!(int(text), Some(value), "{text}");
        }
        for bad in ["", "-", "+5", "x", "- 5"] {
            assert_eq!(int(bad), None, "{bad:?}");
        }
        assert!(i64::read(b"9600 # slow").unwrap().doubt.is_some());
        assert!(i64::read(b"9600").unwrap().doubt.is_none());
    }

    #[test]
    fn yes_and_no_as_the_original_reads_them() {
        for (text, value, doubt) in [
            ("", true, false),
            ("yes", true, false),
            ("Y", true, false),
            ("true", true, false),
            ("on", true, false),
            ("onward", true, true),
            ("no", false, false),
            ("off", false, false),
            ("1", false, true),
            ("ON", false, true),
            ("On", false, true),
            ("0", false, true),
            ("yes # no", true, true),
        ] {
            let read = bool::read(text.as_bytes()).unwrap();
            assert_eq!((read.value, read.doubt.is_some()), (value, doubt), "{text:?}");
        }
    }

    #[test]
    fn flow_control() {
        let flow = |text: &str| Flow::read(text.as_bytes()).map(|r| r.value);
        assert_eq!(flow("rtsx"), Some(Flow::Hard));
        assert_eq!(flow("hard,soft"), Some(Flow::Hard));
        assert_eq!(flow("softy"), Some(Flow::Soft));
        assert_eq!(flow("both"), Some(Flow::Both));
        for bad in ["RTS", "bothx", "nonex", ""] {
            assert_eq!(flow(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_are_read_back(n in any::<i32>()) {
            prop_assert_eq!(int(&n.to_string()), Some(i64::from(n)));
        }

        #[test]
        fn nothing_makes_them_fall_over(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (i64::read(&bytes), bool::read(&bytes), Flow::read(&bytes), Text::read(&bytes), Chat::read(&bytes));
        }
    }
}
