//! What a modem can be set to: S-registers and the letters (V.250 clause 6), as kept by `&W`.

/// Registers kept; a higher number is an error.
pub const REGISTERS: usize = 100;

/// One profile of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    s: [u8; REGISTERS],
    /// E: commands are echoed.
    pub echo: bool,
    /// Q1: no result codes.
    pub quiet: bool,
    /// V: words instead of numbers.
    pub words: bool,
    /// X: which result codes there are.
    pub x: u8,
    /// &C0: carrier detect is always on.
    pub carrier_always_on: bool,
    /// &D: what a falling DTR does.
    pub dtr: u8,
    /// Caller ID is shown.
    pub caller_id: bool,
    /// +FCLASS.
    pub class: u8,
    /// +MR, +ER, +DR: lines before CONNECT about carrier, error control, compression.
    pub reports: [bool; 3],
}

impl Default for Settings {
    fn default() -> Settings {
        let mut s = [0; REGISTERS];
        for (register, value) in [
            (2, 43),
            (3, 13),
            (4, 10),
            (5, 8),
            (6, 2),
            (7, 50),
            (8, 2),
            (10, 14),
            (11, 50),
            (12, 50),
            (25, 5),
        ] {
            s[register] = value;
        }
        Settings {
            s,
            echo: true,
            quiet: false,
            words: true,
            x: 4,
            carrier_always_on: false,
            dtr: 2,
            caller_id: false,
            class: 0,
            reports: [false; 3],
        }
    }
}

impl Settings {
    /// The value of register `n`, if there is such a register.
    pub fn read(&self, n: u32) -> Option<u8> {
        self.s.get(usize::try_from(n).ok()?).copied()
    }

    /// Sets register `n`; `false` if there is no such register or it does not take that value.
    pub fn write(&mut self, n: u32, value: u32) -> bool {
        let limit = match n {
            1 => return false, // the ring counter is read only
            3..=5 => 127,
            _ => 255,
        };
        let (Ok(n), Ok(value)) = (usize::try_from(n), u8::try_from(value)) else { return false };
        match self.s.get_mut(n) {
            Some(register) if value <= limit => *register = value,
            _ => return false,
        }
        true
    }

    /// A register known to exist.
    pub(super) fn s(&self, n: u8) -> u8 {
        self.s.get(usize::from(n)).copied().unwrap_or(0)
    }

    pub(super) fn set_rings(&mut self, rings: u8) {
        self.s[1] = rings;
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn registers_have_their_defaults_and_limits() {
        let mut settings = Settings::default();
        assert_eq!((settings.read(0), settings.read(7), settings.read(12)), (Some(0), Some(50), Some(50)));
        assert!(settings.write(0, 2) && settings.read(0) == Some(2));
        assert!(!settings.write(1, 1), "the ring counter");
        assert!(!settings.write(3, 128), "line ends are ASCII");
        assert!(!settings.write(7, 256));
        assert!(!settings.write(100, 0));
        assert_eq!(settings.read(100), None);
    }
}
