//! The command line of a Hayes modem, cut into commands (V.250 clause 5).

/// Longest command line taken; V.250 5.2.2 wants 40, common modems take 255.
pub const LONGEST: usize = 255;

/// How an extended command was written (V.250 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// `+NAME`
    Do,
    /// `+NAME=VALUE`
    Set(&'a str),
    /// `+NAME?`
    Read,
    /// `+NAME=?`
    Test,
}

/// One command of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// A letter with its number (`E0`; none is 0).
    Basic(char, u32),
    /// `&` and a letter (`&C1`), also `\N3`, `%C0`, `-J1`: the sign, the letter, the number.
    Signed(char, char, u32),
    /// `S7?`
    ReadRegister(u32),
    /// `S7=60`
    SetRegister(u32, u32),
    /// `S40.2=1`, one bit of a register (ZyXEL).
    SetBit(u32, u32, bool),
    /// `D` and all that follows on the line.
    Dial(&'a str),
    /// `+NAME`, `#NAME`, `%NAME`, `*NAME`: sign and name together, upper case as typed.
    Extended(&'a str, Form<'a>),
}

/// The command line cannot be read from here on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bad;

/// Splits a line's body (what stands between `AT` and the end, blanks already taken out, upper
/// case) into commands, one after the other, so that those before a bad one are carried out.
pub struct Commands<'a> {
    rest: &'a str,
}

impl<'a> Commands<'a> {
    /// The commands of `body`.
    pub fn of(body: &'a str) -> Commands<'a> {
        Commands { rest: body }
    }

    fn number(&mut self) -> Option<u32> {
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        // Too long a number is out of range for every command.
        (digits > 0).then(|| number.parse().unwrap_or(u32::MAX))
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn register(&mut self) -> Result<Command<'a>, Bad> {
        let register = self.number().ok_or(Bad)?;
        let bit = if self.eat('.') { Some(self.number().ok_or(Bad)?) } else { None };
        if self.eat('?') && bit.is_none() {
            return Ok(Command::ReadRegister(register));
        }
        if !self.eat('=') {
            return Err(Bad);
        }
        let value = self.number().unwrap_or(0); // V.250 5.3.2: a missing value may be 0
        match bit {
            None => Ok(Command::SetRegister(register, value)),
            Some(bit) if bit < 8 && value < 2 => Ok(Command::SetBit(register, bit, value == 1)),
            Some(_) => Err(Bad),
        }
    }

    /// `sign` stands at the head of `rest`.
    fn extended(&mut self) -> Result<Command<'a>, Bad> {
        let letters = self.rest.bytes().skip(1).take_while(u8::is_ascii_alphabetic).count();
        let sign = self.rest.chars().next().ok_or(Bad)?;
        if letters == 0 {
            return Err(Bad);
        }
        let (name, rest) = self.rest.split_at(1 + letters);
        // `#CC1`, `*ID1`: a number without `=`; for the letters-only families it is the value.
        if sign != '+' && letters >= 2 && rest.starts_with(|c: char| c.is_ascii_digit()) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (value, rest) = rest.split_at(digits);
            self.rest = rest;
            return Ok(Command::Extended(name, Form::Set(value)));
        }
        self.rest = rest;
        let form = if self.eat('?') {
            Form::Read
        } else if self.eat('=') {
            if self.eat('?') { Form::Test } else { Form::Set(self.value()) }
        } else {
            Form::Do
        };
        // V.250 5.4.5: a `;` stands between an extended command and the next one.
        match self.eat(';') || self.rest.is_empty() || sign != '+' {
            true => Ok(Command::Extended(name, form)),
            false => Err(Bad),
        }
    }

    /// A value up to `;`, which inside quotes is an ordinary character.
    fn value(&mut self) -> &'a str {
        let mut quoted = false;
        let end = self.rest.find(|c: char| {
            quoted ^= c == '"';
            c == ';' && !quoted
        });
        let (value, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        value
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Result<Command<'a>, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.eat(';') {}
        let head = self.rest.chars().next()?;
        let found = match head {
            'D' => {
                let number = &self.rest[1..];
                self.rest = "";
                Ok(Command::Dial(number))
            }
            'S' => {
                self.eat('S');
                self.register()
            }
            'A'..='Z' => {
                self.eat(head);
                Ok(Command::Basic(head, self.number().unwrap_or(0)))
            }
            '+' => self.extended(),
            '&' | '\\' | '%' | '-' | '*' | '#' | '$' => {
                let mut after = self.rest.chars().skip(1);
                let (letter, next) = (after.next(), after.next());
                let word = next.is_some_and(|c| c.is_ascii_alphabetic());
                match letter {
                    // `%CCID=1`, `#CID=1`, `*ID1`: names; `%C0&K3`, `\N3`: one letter.
                    Some(letter) if letter.is_ascii_alphabetic() => {
                        let named = matches!(head, '#' | '*' | '$') || (head == '%' && word);
                        if named {
                            self.extended()
                        } else {
                            self.rest = self.rest.get(2..).unwrap_or("");
                            Ok(Command::Signed(head, letter, self.number().unwrap_or(0)))
                        }
                    }
                    _ => Err(Bad),
                }
            }
            _ => Err(Bad),
        };
        if found.is_err() {
            self.rest = "";
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::{Bad, Command, Commands, Form};
    use proptest::prelude::*;

    #[track_caller]
    fn splits(body: &str, wanted: &[Result<Command<'_>, Bad>]) {
        assert_eq!(Commands::of(body).collect::<Vec<_>>(), wanted, "{body}");
    }

    #[test]
    fn several_commands_stand_on_one_line() {
        splits(
            "E0Q0V1X4&C1&D2S0=0",
            &[
                Ok(Command::Basic('E', 0)),
                Ok(Command::Basic('Q', 0)),
                Ok(Command::Basic('V', 1)),
                Ok(Command::Basic('X', 4)),
                Ok(Command::Signed('&', 'C', 1)),
                Ok(Command::Signed('&', 'D', 2)),
                Ok(Command::SetRegister(0, 0)),
            ],
        );
        splits("", &[]);
        splits("H", &[Ok(Command::Basic('H', 0))]);
        splits("\\N3%C0", &[Ok(Command::Signed('\\', 'N', 3)), Ok(Command::Signed('%', 'C', 0))]);
    }

    #[test]
    fn registers_are_read_set_and_set_by_bit() {
        splits(
            "S7?S0=1S3=",
            &[Ok(Command::ReadRegister(7)), Ok(Command::SetRegister(0, 1)), Ok(Command::SetRegister(3, 0))],
        );
        splits("S40.2=1", &[Ok(Command::SetBit(40, 2, true))]);
        splits("S40.9=1", &[Err(Bad)]);
        splits("S=1", &[Err(Bad)]);
        splits("S7", &[Err(Bad)]);
    }

    #[test]
    fn a_number_takes_the_rest_of_the_line() {
        splits("X3DT0W123,456;H", &[Ok(Command::Basic('X', 3)), Ok(Command::Dial("T0W123,456;H"))]);
    }

    #[test]
    fn extended_commands_end_at_a_semicolon() {
        splits(
            "+GMI;+VCID=1;+FCLASS=?;+IPR?",
            &[
                Ok(Command::Extended("+GMI", Form::Do)),
                Ok(Command::Extended("+VCID", Form::Set("1"))),
                Ok(Command::Extended("+FCLASS", Form::Test)),
                Ok(Command::Extended("+IPR", Form::Read)),
            ],
        );
        splits("+MS=V34,0,\";\"", &[Ok(Command::Extended("+MS", Form::Set("V34,0,\";\"")))]);
        splits("+GMIE0", &[Err(Bad)]);
        splits("+", &[Err(Bad)]);
    }

    #[test]
    fn caller_id_commands_of_older_families_are_names() {
        splits("#CID=1", &[Ok(Command::Extended("#CID", Form::Set("1")))]);
        splits("%CCID=1", &[Ok(Command::Extended("%CCID", Form::Set("1")))]);
        splits("#CC1", &[Ok(Command::Extended("#CC", Form::Set("1")))]);
        splits("*ID1", &[Ok(Command::Extended("*ID", Form::Set("1")))]);
    }

    #[test]
    fn what_follows_a_bad_command_is_not_looked_at() {
        splits("E0?H", &[Ok(Command::Basic('E', 0)), Err(Bad)]);
        splits("&1", &[Err(Bad)]);
    }

    proptest! {
        #[test]
        fn any_text_ends(body in "\\PC{0,300}") {
            prop_assert!(Commands::of(&body).count() <= body.len());
        }

        #[test]
        fn command_like_text_ends(body in "[A-Z0-9&%#*+=?;.\"\\\\-]{0,255}") {
            prop_assert!(Commands::of(&body).count() <= body.len());
        }
    }
}
