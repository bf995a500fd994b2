//! The manual pages name every option and keyword, and no other.

use super::{chat, off_line};
use ringback_tests::subject::top;
use std::collections::BTreeSet;

/// Long options in a text.
fn options(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_lowercase() || c == '-'))
        .filter(|w| w.len() > 3 && w.starts_with("--") && !w.starts_with("---"))
        .map(|w| w.trim_end_matches('-').to_string())
        .collect()
}

#[test]
fn every_option_stands_in_the_page() {
    if chat().original {
        return;
    }
    let page = std::fs::read_to_string(top().join("man/chat.8")).unwrap();
    // mdoc: `.It Fl -pace Ar MS`, `.Fl f Ar file`.
    let items: BTreeSet<String> = page
        .lines()
        .filter_map(|l| l.strip_prefix(".It Fl "))
        .filter_map(|l| l.split_whitespace().next())
        .map(|w| format!("-{w}"))
        .collect();
    let help = off_line(&["--help-all"]);
    assert_eq!(help.status, 0);
    let mut wanted = options(&help.stdout);
    assert!(wanted.len() > 10, "{wanted:?}");
    wanted.extend("f t r v V e E s S T U".split(' ').map(|l| format!("-{l}")));
    assert_eq!(items, wanted);
}

#[test]
fn every_check_and_keyword_stands_in_the_page() {
    let page = std::fs::read_to_string(top().join("man/chat-script.5")).unwrap();
    for keyword in
        ["ABORT", "CLR_ABORT", "REPORT", "CLR_REPORT", "TIMEOUT", "ECHO", "SAY", "HANGUP", "EOT", "BREAK"]
    {
        assert!(page.contains(&format!(".It Ic {keyword}")), "{keyword}");
    }
    let page = std::fs::read_to_string(top().join("man/chat.8")).unwrap();
    let mut codes = BTreeSet::new();
    for file in ["check.rs", "check/file.rs", "check/steps.rs"] {
        let source = std::fs::read_to_string(top().join("crates/chat/src").join(file)).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        // A code is an argument of its own: `"bad-quote",`.
        for (at, _) in source.match_indices('"') {
            let word: String =
                source[at + 1..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let level = word == "error" || word == "warning";
            if word.len() > 2 && !level && source[at + 1 + word.len()..].starts_with("\",") {
                codes.insert(word);
            }
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    let items: BTreeSet<String> =
        page.lines().filter_map(|l| l.strip_prefix(".It Cm ")).map(ToString::to_string).collect();
    assert_eq!(items, codes);
}
