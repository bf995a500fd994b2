//! What may stand in a number.

use crate::visible;

/// A number a caller typed: digits, at most one `+` before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed(String);

/// Why text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadNumber {
    /// No digit in it.
    Empty,
    /// A byte that may not stand in it: `;` and letters are commands to a modem, `,` `W` `@` `!` dial on
    /// through a PBX, `*` and `#` divert the line.
    Character(u8),
    /// A `+` that is not the first character, or a second one.
    Plus,
    /// More than [`Typed::MOST`] digits, or [`Fixed::MOST`] characters.
    Long,
}

impl std::fmt::Display for BadNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadNumber::Empty => f.write_str("there is no digit in it"),
            BadNumber::Character(byte) => write!(f, "`{}` may not stand in it", visible::terminal([*byte])),
            BadNumber::Plus => f.write_str("`+` may only stand before the first digit"),
            BadNumber::Long => f.write_str("it is too long"),
        }
    }
}

impl std::error::Error for BadNumber {}

impl Typed {
    /// Most digits: E.164's 15, with room for an international prefix.
    pub const MOST: usize = 20;

    /// Reads what a caller typed: blanks and `- . ( )` are dropped, then only digits are left, and at most
    /// one leading `+`.
    ///
    /// # Errors
    /// [`BadNumber`]; of several faults the first.
    pub fn parse(text: &[u8]) -> Result<Typed, BadNumber> {
        let mut number = String::new();
        for &byte in text {
            match byte {
                b' ' | b'-' | b'.' | b'(' | b')' => {}
                b'+' if number.is_empty() => number.push('+'),
                b'+' => return Err(BadNumber::Plus),
                b'0'..=b'9' => {
                    number.push(char::from(byte));
                    if number.len() > Typed::MOST + usize::from(number.starts_with('+')) {
                        return Err(BadNumber::Long);
                    }
                }
                other => return Err(BadNumber::Character(other)),
            }
        }
        if number.trim_start_matches('+').is_empty() { Err(BadNumber::Empty) } else { Ok(Typed(number)) }
    }

    /// `+4930123`, `030123`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number the administrator wrote: what goes into the dial command as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed(String);

impl Fixed {
    /// Most characters; modems take 40 to 60 of a dial string, the longest known 255.
    pub const MOST: usize = 80;

    /// Characters of a dial string (V.250, 6.3.1) that are no command of their own: digits, `* # + A-D`,
    /// pauses and waits `, W @ !`, `P T` for pulses and tones, and separators.
    ///
    /// # Errors
    /// [`BadNumber`]; `;` (back to command state), `S` (stored numbers) and control characters among them.
    pub fn parse(text: &[u8]) -> Result<Fixed, BadNumber> {
        if text.len() > Fixed::MOST {
            return Err(BadNumber::Long);
        }
        if let Some(&bad) = text.iter().find(|b| {
            !b.is_ascii_digit() && !b"*#+ABCD,W@!PT-.() ".contains(&b.to_ascii_uppercase()) || **b == 0
        }) {
            return Err(BadNumber::Character(bad));
        }
        if !text.iter().any(|b| b.is_ascii_digit() || b"*#".contains(b)) {
            return Err(BadNumber::Empty);
        }
        Ok(Fixed(String::from_utf8_lossy(text).into_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Every number the exchanges on the way may see: what follows each pause, and all digits as one.
    /// `0,0049…` is a PBX's outside line and then a number abroad.
    pub fn readings(&self) -> Vec<String> {
        let digits = |part: &str| -> String {
            part.chars().filter(|c| c.is_ascii_digit() || matches!(c, '*' | '#' | '+')).collect()
        };
        let mut readings = Vec::new();
        for (place, _) in self.0.match_indices([',', 'W', 'w', '@', '!']) {
            readings.push(digits(self.0.get(place..).unwrap_or("")));
        }
        readings.push(digits(&self.0));
        readings.retain(|reading| !reading.is_empty());
        readings.dedup();
        readings
    }
}
