//! JSON for a terminal.

use serde_json::Value;
use std::fmt::Write as _;

/// As JSON on one line, all that is not printable ASCII as `\uXXXX`: JSON leaves C1 controls as they are, and
/// some of them steer terminals.
#[must_use]
pub fn shown(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        if (' '..='~').contains(&character) {
            text.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_steers_the_terminal() {
        let value = serde_json::json!({ "a": "\x1b[2J\u{9b}2J\u{7f}\u{1f600}x" });
        let text = super::shown(&value);
        assert_eq!(text, r#"{"a":"\u001b[2J\u009b2J\u007f\ud83d\ude00x"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
