//! Which family the modem is of (`modem-profile`): asked after the init chat, then set up as its kind wants it.
//!
//! Whatever it answers, the line goes into service: what it does not know is left out.

use super::{Action, Session, State};
use std::time::Duration;
use ttyline::at::inquiry::{Inquiry, Timing, summary};
use ttyline::at::profile::{self, Choice, Profile};
use ttyline::log::Level;
use ttyline::visible;

/// Limit for each answer.
const ANSWER: Duration = Duration::from_secs(2);

/// What the modem is being asked for.
#[derive(Debug)]
pub(super) struct Asking {
    inquiry: Inquiry,
    /// It is being set up; else it is being found out what it is.
    setting_up: bool,
}

impl Asking {
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.inquiry.deadline()
    }
}

impl Session {
    /// The modem's family, if one was found or chosen.
    pub fn profile(&self) -> Option<&'static Profile> {
        self.profile
    }

    /// The init chat is done.
    pub(super) fn family(&mut self) {
        match self.setup.profile {
            Choice::Plain => self.statistics(),
            Choice::Named(profile) => self.set_up(profile),
            Choice::Auto => {
                let inquiry = Inquiry::ask(profile::QUESTIONS.iter().copied(), self.timing(), self.now);
                self.asking(Asking { inquiry, setting_up: false });
            }
        }
    }

    fn timing(&self) -> Timing {
        Timing { before_send: self.setup.waits.before_command, answer: ANSWER }
    }

    fn set_up(&mut self, profile: &'static Profile) {
        self.profile = Some(profile);
        let inquiry = Inquiry::set_up(profile, self.timing(), self.now);
        self.asking(Asking { inquiry, setting_up: true });
    }

    fn asking(&mut self, asking: Asking) {
        if asking.inquiry.is_over() {
            self.asked(&asking);
        } else {
            self.state = State::Asking(Box::new(asking));
        }
    }

    pub(super) fn asking_byte(&mut self, mut asking: Asking, byte: u8) {
        self.push(Action::LogMore(Level::Noise, vec![byte]));
        asking.inquiry.feed(byte, self.now);
        self.asking(asking);
    }

    pub(super) fn asking_tick(&mut self, mut asking: Asking) {
        if let Some(command) = asking.inquiry.tick(self.now) {
            self.log(Level::Noise, "send: ");
            self.push(Action::LogMore(Level::Noise, command.clone()));
            self.push(Action::Send(command));
        }
        self.asking(asking);
    }

    /// All is answered.
    fn asked(&mut self, asking: &Asking) {
        let answers = asking.inquiry.answers();
        if asking.setting_up {
            let name = self.profile.map_or("", |profile| profile.name);
            self.log(Level::Mesg, &format!("modem profile {name}: {}", summary(answers)));
            return self.statistics();
        }
        let text = |command: &str| {
            let answer = answers.iter().find(|answer| answer.command == command);
            answer.map(|answer| answer.lines.join(" ")).unwrap_or_default()
        };
        let told = format!("ATI `{}', +GMI `{}', +GMM `{}'", text("ATI"), text("AT+GMI"), text("AT+GMM"));
        let told: String = visible::field(&told).chars().take(300).collect();
        match profile::recognise(answers) {
            Some(profile) => {
                self.log(Level::Mesg, &format!("modem is {}: {} ({told})", profile.name, profile.about));
                self.set_up(profile);
            }
            None => {
                self.profile = None;
                self.log(Level::Warn, &format!("modem is of no family known here ({told})"));
                self.statistics();
            }
        }
    }
}
