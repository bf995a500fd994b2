//! What each command does.

use super::command::{Command, Commands, Form};
use super::registers::Settings;
use super::result::Outcome;
use super::{Action, Modem, Now, State};

/// What becomes of the command line after a command.
enum Then {
    /// The next command; `OK` after the last.
    Go,
    /// The rest is not looked at, and the outcome (if any) is told otherwise.
    Stop,
    /// `ERROR`.
    Wrong,
}

/// Letters whose values are taken and have no effect here: their highest value.
const TAKEN: [(char, u32); 8] =
    [('B', 99), ('C', 1), ('L', 3), ('M', 3), ('N', 7), ('W', 3), ('Y', 1), ('F', 10)];

/// The same for signed letters (`&K3`, `\N3`, `%C3`).
const TAKEN_SIGNED: [(char, &str); 4] =
    [('&', "ABGHIJKLMNPQRSUXY"), ('\\', "ABGJKLNQTVX"), ('%', "ABCEGLT"), ('-', "CJMQ")];

/// Extended commands whose value is kept and read back: name, default, what `=?` tells.
const KEPT: [(&str, &str, &str); 19] = [
    ("+IPR", "0", "(0,300,1200,2400,4800,9600,19200,38400,57600,115200)"),
    ("+ICF", "3,3", "(1-6),(0-3)"),
    ("+IFC", "2,2", "(0-2),(0-2)"),
    ("+ILRR", "0", "(0,1)"),
    ("+MS", "V34,1,0,0,0,0", "(V21,V22,V22B,V32,V32B,V34,V90),(0,1),(0-33600),(0-33600),(0-56000),(0-33600)"),
    ("+ES", "3,0,2", "(0-4),(0-4),(0-9)"),
    ("+EB", "1,0,30", "(0,1),(0,1),(0-254)"),
    ("+ESR", "1", "(0-2)"),
    ("+EFCS", "1", "(0-2)"),
    ("+EFRAM", "255,255", "(1-65535),(1-65535)"),
    ("+ETBM", "1,1,20", "(0-2),(0-2),(0-30)"),
    ("+DS", "3,0,2048,20", "(0-3),(0,1),(512-4096),(6-250)"),
    ("+PCW", "0", "(0-2)"),
    ("+PMH", "0", "(0,1)"),
    ("+PQC", "0", "(0-3)"),
    ("+CBST", "7,0,1", "(0-7,71),(0),(1)"),
    ("+CR", "0", "(0,1)"),
    ("+CRC", "0", "(0,1)"),
    ("+VDR", "0,0", "(0,1),(0-255)"),
];

impl Modem {
    /// Carries out a command line (what stood after `AT`).
    pub(super) fn execute(&mut self, line: &str, now: Now, out: &mut Vec<Action>) {
        out.push(Action::Understood(format!("AT{line}")));
        for command in Commands::of(line) {
            let then = match command {
                Ok(command) if self.refuses(&command) => Then::Wrong,
                Ok(command) => self.carry_out(command, now, out),
                Err(_) => Then::Wrong,
            };
            match then {
                Then::Go => {}
                Then::Stop => return,
                Then::Wrong => {
                    self.report(Outcome::Error, now, out);
                    return;
                }
            }
        }
        self.report(Outcome::Ok, now, out);
    }

    /// Whether the family, or a fault, does not know a command.
    fn refuses(&self, command: &Command) -> bool {
        let head = match *command {
            Command::Basic(letter, _) => letter.to_string(),
            Command::Signed(sign, letter, _) => format!("{sign}{letter}"),
            Command::ReadRegister(n) | Command::SetRegister(n, _) | Command::SetBit(n, ..) => format!("S{n}"),
            Command::Dial(_) => "D".to_string(),
            Command::Extended(name, _) => name.to_string(),
        };
        let faulty = self.whims().is_some_and(|w| w.errors.iter().any(|e| head.starts_with(e.as_str())));
        // The commands of its own dialect are known to a modem even if the family as such is not.
        let own = self.make.dialect.commands().contains(&head.as_str());
        faulty
            || (!own
                && head != "+FCLASS"
                && !(head.starts_with("+CG") && self.cellular())
                && self.make.profile.unknown.iter().any(|unknown| head.starts_with(unknown)))
    }

    fn cellular(&self) -> bool {
        self.make.profile.capabilities.contains("+CGSM")
    }

    fn carry_out(&mut self, command: Command, now: Now, out: &mut Vec<Action>) -> Then {
        match command {
            Command::Basic(letter, value) => self.basic(letter, value, now, out),
            Command::Signed(sign, letter, value) => self.signed(sign, letter, value, now, out),
            Command::ReadRegister(n) => match self.settings.read(n) {
                Some(value) => {
                    self.tell(&format!("{value:03}"), now, out);
                    Then::Go
                }
                None => Then::Wrong,
            },
            Command::SetRegister(n, value) => go(self.settings.write(n, value)),
            Command::SetBit(n, bit, on) => {
                let Some(value) = self.settings.read(n) else { return Then::Wrong };
                if (n, bit) == (40, 2) {
                    self.settings.caller_id = on;
                }
                let value = if on { value | 1 << bit } else { value & !(1 << bit) };
                go(self.settings.write(n, u32::from(value)))
            }
            Command::Dial(number) => {
                let online = matches!(self.state, State::Online { .. });
                if !online && self.dial(number, now, out) { Then::Stop } else { Then::Wrong }
            }
            Command::Extended(name, form) => self.extended(name, form, now, out),
        }
    }

    fn basic(&mut self, letter: char, value: u32, now: Now, out: &mut Vec<Action>) -> Then {
        let flag = |value| (value < 2).then_some(value == 1);
        match letter {
            'A' => {
                if matches!(self.state, State::Online { .. }) || value != 0 {
                    return Then::Wrong;
                }
                self.answer(now, out);
                return Then::Stop;
            }
            'E' => return set(flag(value), &mut self.settings.echo),
            'H' if value == 0 => self.hang_up(out),
            'H' if value == 1 => self.lift_only(out),
            'I' if value < 12 => {
                let text = self.make.profile.info.iter().find(|(n, _)| *n == value).map(|(_, text)| *text);
                if let Some(text) = text.filter(|t| !t.is_empty()) {
                    self.tell(text, now, out);
                }
            }
            'O' if value < 2 => return self.back_online(now, out),
            'Q' => return set(flag(value), &mut self.settings.quiet),
            'V' => return set(flag(value), &mut self.settings.words),
            'X' => match u8::try_from(value) {
                Ok(x) if x < 8 => self.settings.x = x,
                _ => return Then::Wrong,
            },
            'Z' if value < 2 => {
                self.hang_up(out);
                self.settings = self.stored.as_deref().cloned().unwrap_or_else(|| self.make.factory.clone());
                self.show(out);
                // V.250 6.1.1: the rest of the line is not looked at.
                self.report(Outcome::Ok, now, out);
                return Then::Stop;
            }
            'T' | 'P' if value == 0 => {}
            _ => return go(TAKEN.iter().any(|(taken, limit)| *taken == letter && value <= *limit)),
        }
        Then::Go
    }

    fn back_online(&mut self, now: Now, out: &mut Vec<Action>) -> Then {
        let outcome = match &mut self.state {
            State::Online { paused, lost: None } => {
                *paused = false;
                self.escape.begin(now);
                Outcome::Connect
            }
            _ => Outcome::NoCarrier,
        };
        self.report(outcome, now, out);
        if outcome == Outcome::Connect {
            out.push(Action::Online);
        }
        Then::Stop
    }

    fn signed(&mut self, sign: char, letter: char, value: u32, now: Now, out: &mut Vec<Action>) -> Then {
        match (sign, letter, value) {
            ('&', 'C', 0 | 1) => {
                self.settings.carrier_always_on = value == 0;
                self.show(out);
            }
            ('&', 'D', 0..=3) => self.settings.dtr = u8::try_from(value).unwrap_or(2),
            ('&', 'F', 0..=2) => {
                self.settings = self.make.factory.clone();
                self.kept.clear();
                self.show(out);
            }
            ('&', 'W', 0 | 1) => self.stored = Some(Box::new(self.settings.clone())),
            ('&', 'V', 0 | 1) => {
                let text = profile_text(&self.settings);
                self.tell(&text, now, out);
            }
            // Tests: only their end is known.
            ('&', 'T', 0) | ('&', 'Z', _) => {}
            _ => {
                let known = TAKEN_SIGNED.iter().any(|(s, letters)| *s == sign && letters.contains(letter));
                return go(known && value < 256);
            }
        }
        Then::Go
    }

    fn extended(&mut self, name: &str, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        let profile = self.make.profile;
        let told = match name {
            "+GMI" | "+FMI" => profile.maker,
            "+GMM" | "+FMM" => profile.model,
            "+GMR" | "+FMR" => profile.revision,
            "+GCAP" => profile.capabilities,
            "+CGMI" if self.cellular() => profile.maker,
            "+CGMM" if self.cellular() => profile.model,
            "+CGMR" if self.cellular() => profile.revision,
            "+FCLASS" => return self.class(form, now, out),
            "+MR" => return self.reports(0, name, form, now, out),
            "+ER" => return self.reports(1, name, form, now, out),
            "+DR" => return self.reports(2, name, form, now, out),
            "+VRID" => return self.replay(form, now, out),
            _ if self.make.dialect.commands().contains(&name) => {
                return self.show_callers(name, form, now, out);
            }
            _ => return self.keep(name, form, now, out),
        };
        match form {
            _ if told.is_empty() => return Then::Wrong,
            Form::Do | Form::Read => self.tell(told, now, out),
            Form::Test => {}
            Form::Set(_) => return Then::Wrong,
        }
        Then::Go
    }

    fn class(&mut self, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        let classes = self.make.profile.classes;
        if classes.is_empty() {
            return Then::Wrong;
        }
        match form {
            Form::Test => self.tell(classes, now, out),
            Form::Read => {
                let class = classes.split(',').nth(usize::from(self.settings.class)).unwrap_or("0");
                self.tell(class, now, out);
            }
            Form::Set(value) => match classes.split(',').position(|class| class == value) {
                Some(place) => self.settings.class = u8::try_from(place).unwrap_or(0),
                None => return Then::Wrong,
            },
            Form::Do => return Then::Wrong,
        }
        Then::Go
    }

    fn reports(&mut self, which: usize, name: &str, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        let Some(on) = self.settings.reports.get_mut(which) else { return Then::Wrong };
        match form {
            Form::Test => self.tell(&format!("{name}: (0,1)"), now, out),
            Form::Read => {
                let value = u8::from(*on);
                self.tell(&format!("{name}: {value}"), now, out);
            }
            Form::Set("0") => *on = false,
            Form::Set("1") => *on = true,
            _ => return Then::Wrong,
        }
        Then::Go
    }

    fn show_callers(&mut self, name: &str, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        match form {
            Form::Test => self.tell(&format!("{name}: (0-2)"), now, out),
            Form::Read => {
                let value = u8::from(self.settings.caller_id);
                self.tell(&format!("{name}: {value}"), now, out);
            }
            Form::Set("0") => self.settings.caller_id = false,
            Form::Set("1" | "2" | "10") => self.settings.caller_id = true,
            _ => return Then::Wrong,
        }
        Then::Go
    }

    /// `+VRID`: the last caller once more (MultiTech).
    fn replay(&mut self, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        if form != Form::Do && form != Form::Set("0") {
            return Then::Wrong;
        }
        if let Some(caller) = self.caller.as_deref() {
            let lines = self.make.dialect.lines(caller).join("\r\n");
            self.tell(&lines, now, out);
        }
        Then::Go
    }

    fn keep(&mut self, name: &str, form: Form, now: Now, out: &mut Vec<Action>) -> Then {
        let Some(place) = KEPT.iter().position(|(known, ..)| *known == name) else { return Then::Wrong };
        let (_, default, range) = KEPT[place];
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        let known = self.kept.iter().position(|(p, _)| *p == place);
        match form {
            Form::Test => self.tell(&format!("{name}: {range}"), now, out),
            Form::Read => {
                let value = known.map_or_else(|| default.to_string(), |at| self.kept[at].1.to_string());
                self.tell(&format!("{name}: {value}"), now, out);
            }
            Form::Set(value) => {
                if let Some(at) = known {
                    self.kept.swap_remove(at);
                }
                self.kept.push((place, value.into()));
            }
            Form::Do => return Then::Wrong,
        }
        Then::Go
    }
}

fn go(well: bool) -> Then {
    if well { Then::Go } else { Then::Wrong }
}

fn set(value: Option<bool>, flag: &mut bool) -> Then {
    *flag = value.unwrap_or(*flag);
    go(value.is_some())
}

fn profile_text(settings: &Settings) -> String {
    let letter = |on| u8::from(on);
    let mut text = format!(
        "ACTIVE PROFILE:\r\nE{} Q{} V{} X{} &C{} &D{}\r\n",
        letter(settings.echo),
        letter(settings.quiet),
        letter(settings.words),
        settings.x,
        letter(!settings.carrier_always_on),
        settings.dtr,
    );
    for n in (0..13).chain([25, 30, 37, 95]) {
        let value = settings.read(n).unwrap_or(0);
        text.push_str(&format!("S{n:02}:{value:03} "));
    }
    text.trim_end().to_string()
}
