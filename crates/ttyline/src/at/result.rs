//! Result codes of a modem (V.250, 5.7.1), as a getty looks for them at the start of a line.

/// A result that changes what a waiting getty does. It acts on them as soon as the last
/// letter has come, before the line is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The modem answered by itself.
    Connect,
    /// The call or the command came to nothing.
    Fail,
    /// A fax machine calls.
    Fax,
}

/// Texts at the start of a line, and what they mean.
const ACTIONS: &[(&str, Action)] = &[
    ("CONNECT", Action::Connect),
    ("NO CARRIER", Action::Fail),
    ("BUSY", Action::Fail),
    ("ERROR", Action::Fail),
    ("+FCON", Action::Fax),
    ("+FCO\r", Action::Fax),
    ("FAX", Action::Fax),
    ("+FHS:", Action::Fail),
    ("+FHNG:", Action::Fail),
];

/// Strings that end the init chat. `NO CARRIER` and `BUSY` do not: they are left over of the last call.
pub const INIT_ABORTS: &[&[u8]] = &[b"ERROR"];

/// Strings that end the answer chat; [`is_fax`] tells which of them announce a fax.
pub const ANSWER_ABORTS: &[&[u8]] =
    &[b"NO CARRIER", b"BUSY", b"ERROR", b"+FCON", b"+FCO\r", b"FAX", b"+FHS:", b"+FHNG:"];

/// Whether this abort string of the answer chat means that a fax calls.
pub fn is_fax(abort: usize) -> bool {
    matches!(ANSWER_ABORTS.get(abort), Some(&b"+FCON" | &b"+FCO\r" | &b"FAX"))
}

/// The action a line calls for. `line` is what has come since the last CR or LF, with the
/// byte that ended it if it has.
pub fn action(line: &[u8]) -> Option<Action> {
    ACTIONS.iter().find(|(text, _)| line.starts_with(text.as_bytes())).map(|&(_, action)| action)
}

/// The port speed a `CONNECT` text asks for (`autobauding`): the number it begins with; 300 bit/s if there is
/// no text, as V.250 says of a bare `CONNECT`; 0 if it begins with something else.
pub fn connect_speed(text: &str) -> u32 {
    if text.is_empty() {
        return 300;
    }
    let digits: String = text.chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_at_the_start_of_a_line_only() {
        assert_eq!(action(b"CONNECT"), Some(Action::Connect));
        assert_eq!(action(b"CONNECT 33600\r"), Some(Action::Connect));
        assert_eq!(action(b"CONNEC"), None);
        assert_eq!(action(b" CONNECT"), None);
        assert_eq!(action(b"+FCO"), None);
        assert_eq!(action(b"+FCO\r"), Some(Action::Fax));
        assert_eq!(action(b"NO CARRIER"), Some(Action::Fail));
        assert_eq!(action(b"RING"), None);
    }

    #[test]
    fn speed_is_the_number_at_the_head() {
        assert_eq!(connect_speed("33600/ARQ/V34"), 33600);
        assert_eq!(connect_speed("FAST 9600"), 0);
        assert_eq!(connect_speed(""), 300);
        assert_eq!(connect_speed("99999999999999"), 999_999_999);
    }

    #[test]
    fn fax_aborts_are_told_from_failures() {
        let fax: Vec<_> = (0..ANSWER_ABORTS.len() + 1).filter(|&n| is_fax(n)).collect();
        assert_eq!(fax, [3, 4, 5]);
    }
}
