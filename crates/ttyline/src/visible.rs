//! Makes strangers' bytes safe to show: on a terminal, in a log, in a CSV cell, in the environment.
//!
//! All functions give printable ASCII only, so that no terminal, log reader, spreadsheet or shell script
//! downstream is steered by a caller.

use std::fmt::Write as _;

/// Printable ASCII, blank included.
#[must_use]
pub fn is_printable(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte)
}

/// For people at a terminal: printable bytes as they are, `\` doubled, the rest as `\r` `\n` `\t` `\e` or `\xNN`.
#[must_use]
pub fn terminal(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            0x1b => text.push_str("\\e"),
            _ if is_printable(byte) => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text
}

/// For a line of a configuration file shown to its administrator: printable bytes and tabs as they are (a `\\`
/// too), the rest as `\\xNN`.
#[must_use]
pub fn line(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_printable(byte) || byte == b'\t' {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// For a field of a log line, as mgetty writes messages: what is not printable becomes `_`.
#[must_use]
pub fn field(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|&b| if is_printable(b) { char::from(b) } else { '_' }).collect()
}

/// [`field`] inside single quotes: quotes, commas and a `-` at the head become `_` too, so that a caller can
/// neither end the field nor be taken for an option by whoever cuts it out.
#[must_use]
pub fn quoted_field(bytes: impl AsRef<[u8]>) -> String {
    let harmless = |b: u8| is_printable(b) && !b"'\",".contains(&b);
    let text = bytes.as_ref().iter().map(|&b| if harmless(b) { char::from(b) } else { '_' }).collect();
    without_dash(text)
}

fn without_dash(mut text: String) -> String {
    if text.starts_with('-') {
        text.replace_range(..1, "_");
    }
    text
}

/// For modem traffic in a log, as mgetty writes it: what is not printable becomes `[0d]`.
#[must_use]
pub fn traffic(bytes: impl AsRef<[u8]>) -> String {
    let bytes = bytes.as_ref();
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_printable(byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "[{byte:02x}]");
        }
    }
    text
}

/// For a CSV cell: quoted where needed, and with a leading `'` where a spreadsheet would see a formula.
#[must_use]
pub fn csv_cell(bytes: impl AsRef<[u8]>) -> String {
    let mut text = field(bytes);
    if text.starts_with(['=', '+', '-', '@']) {
        text.insert(0, '\'');
    }
    if text.contains([',', '"', '\'', ';']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// For an argument of a program or a value of its environment: printable ASCII without quotes, commas,
/// backquotes, `$`, `\`, newlines and a `-` at its head (which become `_`), at most `limit` bytes.
#[must_use]
pub fn environment(bytes: impl AsRef<[u8]>, limit: usize) -> String {
    let harmless = |b: u8| is_printable(b) && !b"'\"`$\\,".contains(&b);
    let bytes = bytes.as_ref().iter().take(limit);
    without_dash(bytes.map(|&b| if harmless(b) { char::from(b) } else { '_' }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_place_has_its_form() {
        assert_eq!(terminal(b"a\x1b[2J\r\n\xff\\"), "a\\e[2J\\r\\n\\xff\\\\");
        assert_eq!(line(b"a\t\\d\x1b[2J\r\n"), "a\t\\d\\x1b[2J\\x0d\\x0a");
        assert_eq!(field(b"jo\xe4\x07e"), "jo__e");
        assert_eq!(quoted_field(b"x', user='root"), "x__ user=_root");
        assert_eq!(quoted_field(b"-froot \"x\"\n"), "_froot _x__");
        assert_eq!(environment(b"--a,-b", 100), "_-a_-b");
        assert_eq!(traffic(b"\r\nOK\r"), "[0d][0a]OK[0d]");
        assert_eq!(csv_cell(b"=1+1"), "\"'=1+1\"");
        assert_eq!(csv_cell(b"a\"b"), "\"a\"\"b\"");
        assert_eq!(csv_cell(b"5551234"), "5551234");
        assert_eq!(environment(b"`id`$(x)\n", 7), "_id__(x");
    }

    proptest! {
        #[test]
        fn nothing_gives_control_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for text in [terminal(&bytes), field(&bytes), quoted_field(&bytes), traffic(&bytes),
                         csv_cell(&bytes), environment(&bytes, 100)] {
                prop_assert!(text.bytes().all(is_printable));
            }
            prop_assert!(environment(&bytes, 10).len() <= 10);
        }

        #[test]
        fn terminal_text_can_be_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let text = terminal(&bytes);
            let (mut back, mut rest) = (Vec::new(), text.as_bytes());
            while let Some((&first, tail)) = rest.split_first() {
                rest = tail;
                if first != b'\\' { back.push(first); continue; }
                let (&kind, tail) = rest.split_first().unwrap();
                rest = tail;
                back.push(match kind {
                    b'r' => b'\r', b'n' => b'\n', b't' => b'\t', b'e' => 0x1b, b'\\' => b'\\',
                    _ => {
                        let (hex, tail) = rest.split_at(2);
                        rest = tail;
                        u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
                    }
                });
            }
            prop_assert_eq!(back, bytes);
        }
    }
}
