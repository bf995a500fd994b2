//! `dialin.config`: which callers are answered (spec section 7).

use super::document::Position;

/// What the file says about a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the call may be answered.
    pub allowed: bool,
    /// The token that decided; `None` if none did (then the call is allowed).
    pub at: Option<Position>,
}

/// Looks a caller up; `caller` is the number, or `none` if there is none. The first token that is a prefix
/// of it decides, `all` is one of everybody's, `!` before it denies.
#[must_use]
pub fn look_up(file: &[u8], caller: &str) -> Verdict {
    for (at, token) in tokens(file) {
        let (allowed, prefix) = match token.strip_prefix(b"!") {
            Some(rest) => (false, rest),
            None => (true, token),
        };
        if prefix == b"all" || caller.as_bytes().starts_with(prefix) {
            return Verdict { allowed, at: Some(at) };
        }
    }
    Verdict { allowed: true, at: None }
}

/// The tokens with their places. Lines whose first byte after blanks is `#` are comments; there are none
/// behind tokens, and no joining of lines.
pub fn tokens(file: &[u8]) -> impl Iterator<Item = (Position, &[u8])> {
    file.split(|b| *b == b'\n').zip(1_u32..).flat_map(|(line, number)| {
        let comment = line.trim_ascii_start().starts_with(b"#");
        let line = if comment { &[] } else { line };
        let mut start = 0;
        line.split(|b| matches!(b, b' ' | b'\t' | b',' | b'\r')).filter_map(move |token| {
            let column = u32::try_from(start + 1).unwrap_or(u32::MAX);
            start += token.len() + 1;
            (!token.is_empty()).then_some((Position { line: number, column }, token))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(file: &str, caller: &str) -> bool {
        look_up(file.as_bytes(), caller).allowed
    }

    #[test]
    fn first_hit_decides() {
        let file = "# 555\n 832, 555\t!416\n!none\n!all\n";
        assert!(allowed(file, "5551234"));
        assert!(!allowed(file, "4161"));
        assert!(!allowed(file, "none"));
        assert!(!allowed(file, "999"));
        assert_eq!(look_up(file.as_bytes(), "4161").at, Some(Position { line: 2, column: 11 }));
        assert!(allowed("", "999"));
        assert!(allowed("!555", "none"));
        assert!(!allowed("!", "999"), "`!` alone denies all");
        assert!(allowed("!P", "p"), "case matters");
        assert!(!allowed("!all\nall\n", "1"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_verdict_at_a_token_that_is_there(
            file in proptest::collection::vec(any::<u8>(), 0..100), caller in "[0-9A-Z]{0,8}") {
            let verdict = look_up(&file, &caller);
            match verdict.at {
                None => prop_assert!(verdict.allowed),
                Some(at) => prop_assert!(tokens(&file).any(|(place, _)| place == at)),
            }
        }
    }
}
