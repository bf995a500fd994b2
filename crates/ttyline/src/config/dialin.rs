//! `dialin.config`: which callers are answered (spec section 7).

use super::document::Position;
use super::{Fault, Problem};
use crate::visible;

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

/// What hardly does what was meant: tokens that are never reached, a lone `!`, a `#` that begins no comment.
#[must_use]
pub fn check(file: &[u8]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut say = |at, text: String| problems.push(Problem { at, fault: Fault::Warning(text) });
    let mut before: Vec<(Position, &[u8])> = Vec::new();
    for (at, token) in tokens(file) {
        let prefix = token.strip_prefix(b"!").unwrap_or(token);
        let shown = visible::terminal(token);
        let everybody = |prefix: &[u8]| prefix == b"all" || prefix.is_empty();
        if token == b"!" {
            say(at, "a lone `!` denies everybody; a number belongs right behind it, or write `!all`".into());
        } else if token.starts_with(b"#") {
            say(at, format!("`{shown}`: comments need a line of their own, this one is read as numbers"));
        } else if !everybody(prefix) && !prefix.is_ascii() {
            say(at, format!("`{shown}`: no caller's number looks like this"));
        }
        if let Some((other, _)) =
            before.iter().find(|(_, earlier)| everybody(earlier) || prefix.starts_with(earlier))
        {
            say(at, format!("`{shown}` is never reached: line {} decides before it", other.line));
        }
        before.push((at, prefix));
    }
    problems
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

    #[test]
    fn what_hardly_was_meant_is_told() {
        let said = |file: &str| -> Vec<String> {
            check(file.as_bytes()).iter().map(|p| p.describe(std::path::Path::new("f"))).collect()
        };
        assert_eq!(said("# fine\n555 !666, none\n!all\n"), [""; 0]);
        assert!(said("! 555\n")[0].starts_with("f:1:1: a lone `!`"));
        assert!(said("! 555\n")[1].starts_with("f:1:3: `555` is never reached: line 1"));
        assert!(said("555 # office\n")[0].starts_with("f:1:5: `#`: comments need a line"));
        assert!(said("555\n5551\n!555\n")[0].starts_with("f:2:1: `5551` is never reached: line 1"));
        assert_eq!(said("555\n5551\n!555\n").len(), 2);
        assert!(said("!all\nall\n")[0].starts_with("f:2:1: `all` is never reached"));
    }

    proptest! {
        #[test]
        fn a_token_said_to_be_dead_decides_nothing(
            tokens in proptest::collection::vec("!?(all|[0-9]{0,3})", 0..6), caller in "[0-9]{0,4}") {
            let file = tokens.join("\n");
            let dead: Vec<_> = check(file.as_bytes()).into_iter()
                .filter(|p| p.fault.to_string().contains("never reached")).map(|p| p.at).collect();
            if let Some(at) = look_up(file.as_bytes(), &caller).at {
                prop_assert!(!dead.contains(&at), "{file:?} {at}");
            }
        }

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
