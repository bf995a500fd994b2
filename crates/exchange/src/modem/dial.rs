//! What stands behind `D`: digits to send and things to wait for (V.250 6.3.1).

/// One step of dialling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this digit (`0`-`9`, `*`, `#`, `A`-`D`).
    Digit(char),
    /// `,`: wait S8 seconds.
    Pause,
    /// `W`: wait for another dial tone.
    DialTone,
    /// `@`: wait for silence.
    Silence,
    /// `!`: a hook flash.
    Flash,
    /// `T`: tones from here on.
    Tone,
    /// `P`: pulses from here on.
    Pulse,
}

/// A dial string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// `;` at the end: stay in command state when the digits are out.
    pub stay: bool,
    /// `L`: the last number again.
    pub again: bool,
}

/// Reads a dial string (upper case); `None` for characters that no modem dials.
pub fn plan(text: &str) -> Option<Plan> {
    let mut plan = Plan::default();
    for (place, c) in text.chars().enumerate() {
        if plan.stay {
            return None; // nothing follows `;`
        }
        plan.steps.push(match c {
            '0'..='9' | '*' | '#' | 'A'..='D' => Step::Digit(c),
            ',' => Step::Pause,
            'W' => Step::DialTone,
            '@' => Step::Silence,
            '!' => Step::Flash,
            'T' => Step::Tone,
            'P' => Step::Pulse,
            'L' if place == 0 => {
                plan.again = true;
                continue;
            }
            ';' => {
                plan.stay = true;
                continue;
            }
            // Written for people: V.250 6.3.1 has these without meaning.
            '-' | '(' | ')' | '/' | '.' => continue,
            _ => return None,
        });
    }
    Some(plan)
}

#[cfg(test)]
mod tests {
    use super::{Plan, Step, plan};

    #[test]
    fn digits_modes_and_pauses() {
        use Step::{DialTone, Digit, Pause, Pulse, Tone};
        let wanted = vec![Tone, Digit('0'), DialTone, Digit('1'), Pause, Pulse, Digit('2')];
        assert_eq!(plan("T0W(1),P2"), Some(Plan { steps: wanted, stay: false, again: false }));
    }

    #[test]
    fn a_semicolon_stays_in_command_state() {
        assert!(plan("123;").is_some_and(|p| p.stay && p.steps.len() == 3));
        assert_eq!(plan("1;2"), None);
    }

    #[test]
    fn the_last_number_again() {
        assert!(plan("L").is_some_and(|p| p.again));
        assert_eq!(plan("1L"), None);
        assert_eq!(plan("Q"), None);
    }
}
