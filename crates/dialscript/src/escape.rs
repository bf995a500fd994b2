//! Carets, `<cr>`, `<lf>` and backslashes in strings (SCRIPT.DOC section 4).
//!
//! A string keeps its escapes until it is sent or awaited: that is why `transmit "^M", raw` sends two characters.

/// The bytes a string stands for.
#[must_use]
pub fn translate(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, taken) = match (first, after.first()) {
            (b'^', Some(&c @ b'@'..=b'_')) => (c & 0x1f, 2),
            (b'^', Some(&c @ b'a'..=b'z')) => (c & 0x1f, 2),
            (b'\\', Some(&c @ (b'"' | b'^' | b'<' | b'\\'))) => (c, 2),
            (b'<', _) if starts(rest, b"<cr>") => (b'\r', 4),
            (b'<', _) if starts(rest, b"<lf>") => (b'\n', 4),
            _ => (first, 1),
        };
        out.push(byte);
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

fn starts(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|t| t.eq_ignore_ascii_case(with))
}

/// A string that [`translate`] turns into `bytes`.
#[must_use]
pub fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            0..=0x1f => out.extend_from_slice(&[b'^', byte | 0x40]),
            b'"' | b'^' | b'<' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table_of_the_manual() {
        for (written, meant) in [
            ("Joe^M", b"Joe\r".as_slice()),
            ("^@^A^Z^[^\\^]^^^_", b"\0\x01\x1a\x1b\x1c\x1d\x1e\x1f"),
            ("^a^z", b"\x01\x1a"),
            ("^1^ ^", b"^1^ ^"),
            ("<cr><lf><CR><Lf>", b"\r\n\r\n"),
            ("<c><cr <", b"<c><cr <"),
            (r#"\"\^M\<cr>\\"#, br#""^M<cr>\"#),
            (r"\n\", br"\n\"),
        ] {
            assert_eq!(translate(written.as_bytes()), meant, "{written}");
        }
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(translate(&escaped(&bytes)), bytes);
        }
    }
}
