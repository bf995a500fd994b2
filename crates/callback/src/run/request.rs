//! The foreground: who asks for a call, whether he may, and where he is to be called.

use super::{Program, in_hours, variable};
use crate::ask::{self, Answered};
use crate::attempts::{self, Attempt, Kind, Store};
use crate::question::Question;
use crate::secrets;
use std::path::Path;
use ttyline::exit::Callback as Exit;
use ttyline::line_name::LineName;
use ttyline::log::Level;
use ttyline::number::Fixed;
use ttyline::visible;

impl Program {
    /// Everything up to the moment the line is let go: the numbers to call.
    pub(super) fn foreground(&mut self) -> Result<Vec<String>, Exit> {
        if self.options.own_line && self.own.is_none() {
            eprintln!("callback: -S: standard input is no terminal line");
            self.log.say(Level::Fatal, "-S: standard input is no terminal line");
            return Err(Exit::Usage);
        }
        let lines = self.lines()?;
        if self.settings.speed().is_none() {
            self.log.say(Level::Fatal, "the speed is none that the original takes");
            return Err(Exit::Usage);
        }
        let asks = self.options.numbers.is_empty();
        if asks && !self.reader.readable() {
            return self.refuse("", "the configuration cannot be read");
        }
        if self.called_in || asks {
            self.gate(&lines)?;
        }
        // Who has not been answered cannot be asked.
        if self.options.unanswered && asks {
            return self.refuse("", "no number is given, and nobody can be asked");
        }
        if self.options.unanswered && self.settings.policy.password {
            return self.refuse(&self.options.numbers.join(" "), "password: nobody can be asked for it");
        }
        for number in &self.options.numbers {
            let Ok(fixed) = Fixed::parse(number.as_bytes()) else { continue };
            if let Some(reason) = self.settings.policy.numbers.fixed(&fixed) {
                self.log.say(Level::Warn, format!("{number} would be refused to a caller: {reason}"));
            }
        }
        let numbers = self.ask(asks)?;
        if self.called_in || asks {
            self.note(Kind::Asked, numbers.first().map_or("", String::as_str))?;
            let first = visible::quoted_field(numbers.join(" "));
            self.audit(&format!("callback: accepted, {}, number='{first}'", self.who()));
        }
        Ok(numbers)
    }

    pub(super) fn lines(&mut self) -> Result<Vec<LineName>, Exit> {
        let configured = || {
            let names = self.settings.lines()?;
            names.iter().map(|name| LineName::new(name).ok()).collect::<Option<Vec<_>>>()
        };
        let lines = match &self.own {
            Some(own) if self.options.own_line && !self.settings.policy.other_line => vec![own.clone()],
            own => {
                let Some(mut lines) = configured() else {
                    self.log.say(Level::Fatal, "dialout-devices: devices must be located in /dev");
                    return Err(Exit::Line);
                };
                if self.settings.policy.other_line {
                    lines.retain(|line| Some(line) != own.as_ref());
                }
                lines
            }
        };
        if lines.is_empty() {
            self.log.say(Level::Fatal, "no line to dial on");
            return Err(Exit::Usage);
        }
        Ok(lines)
    }

    /// A request that comes to nothing: log, record, a polite word.
    fn refuse<T>(&mut self, number: &str, why: &str) -> Result<T, Exit> {
        self.refused(number, why);
        if !self.options.unanswered {
            ask::say("\nSorry, you cannot be called back now.\n");
        }
        Err(Exit::Dial)
    }

    fn refused(&mut self, number: &str, why: &str) {
        let text = format!("callback: refused, {}, number='{number}', reason='{why}'", self.who());
        self.audit(&text);
        let mut record = self.record(number);
        record.cause = format!("refused: {why}");
        self.append(record);
    }

    /// Hours, limits, loops.
    fn gate(&mut self, lines: &[LineName]) -> Result<(), Exit> {
        if variable("RINGBACK_CALLED_BACK").is_some() {
            return self.refuse("", &attempts::Limit::Loop.to_string());
        }
        if !in_hours(&self.settings) {
            return self.refuse("", "hours");
        }
        let quiet = variable("CONNECT").is_some_and(|connect| connect.is_empty());
        let user = self.user.clone().unwrap_or_default();
        let line = self.own.as_ref().or(lines.first()).map_or(String::new(), |l| l.device().to_string());
        let limits = self.settings.policy.attempts;
        let judged = Store::open(Path::new(attempts::FILE))
            .map(|store| store.attempts.judge(attempts::now(), &user, &line, limits, quiet));
        match judged {
            Ok(None) => Ok(()),
            Ok(Some(limit)) => self.refuse("", &limit.to_string()),
            Err(e) => {
                self.log.failed(Level::Error, format!("cannot use {}", attempts::FILE), &e);
                self.refuse("", "the counters cannot be used")
            }
        }
    }

    /// Counts an event.
    fn note(&mut self, kind: Kind, number: &str) -> Result<(), Exit> {
        let line = self.own.as_ref().map_or(String::new(), |l| l.device().to_string());
        self.note_on(kind, number, line)
    }

    pub(super) fn note_on(&mut self, kind: Kind, number: &str, line: String) -> Result<(), Exit> {
        let user = self.user.clone().unwrap_or_default();
        let event = Attempt { time: attempts::now(), kind, user, line, number: number.to_string() };
        let saved = Store::open(Path::new(attempts::FILE)).and_then(|mut store| {
            store.attempts.add(event);
            store.save()
        });
        if let Err(e) = saved {
            self.log.failed(Level::Error, format!("cannot write {}", attempts::FILE), &e);
            if kind == Kind::Asked {
                return self.refuse(number, "the counters cannot be used");
            }
        }
        Ok(())
    }

    /// Asks the caller for what is not known yet.
    fn ask(&mut self, number: bool) -> Result<Vec<String>, Exit> {
        let password = self.settings.policy.password && (self.called_in || number);
        let mut question = Question::new(self.settings.policy.numbers.clone(), password, number);
        let user = self.user.clone().unwrap_or_default();
        let (mut refusals, mut faults) = (Vec::new(), Vec::new());
        let answered = ask::ask(
            &mut question,
            |password| {
                secrets::is_right(Path::new(secrets::FILE), &user, password).unwrap_or_else(|none| {
                    faults.push(none.to_string());
                    false
                })
            },
            |number, why| refusals.push((number.to_string(), why.to_string())),
        );
        for fault in faults {
            self.log.say(Level::Error, fault);
        }
        for (number, why) in refusals {
            self.refused(&number, &why);
            self.note(Kind::Refused, &number)?;
        }
        match answered {
            Ok(Answered::Call(verdict)) => {
                self.log.say(Level::Mesg, format!("{}: {}", verdict.dialled, verdict.reason));
                Ok(vec![verdict.dialled])
            }
            Ok(Answered::Nothing) => Ok(self.options.numbers.clone()),
            Ok(Answered::Over(why)) => {
                self.log.say(Level::Mesg, format!("nobody to call: {why}"));
                ask::say("\nGoodbye.\n");
                Err(Exit::Dial)
            }
            Err(e) => {
                self.log.failed(Level::Error, "cannot ask the caller", &e);
                Err(Exit::Dial)
            }
        }
    }
}
