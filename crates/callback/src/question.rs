//! What the caller is asked: his password where one is wanted, then his number.

use ttyline::number::{BadNumber, Policy, Reason, Typed, Verdict};

/// The question for the number; scripts wait for `number for callback: `.
pub const NUMBER: &str = "Telephone number for callback: ";
/// The question for the password.
pub const PASSWORD: &str = "Password for callback: ";

/// How often a number or a password may be given.
const TRIES: u32 = 2;

/// What the caller did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A line, without its end.
    Line(Vec<u8>),
    /// More than a line may hold; the rest was thrown away.
    TooLong,
    /// He hung up, or ended his input.
    End,
    /// He said nothing for too long.
    Silence,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do {
    /// Write to him.
    Say(&'static str),
    /// Read a line; [`Question::reply`] takes it. True: without echo.
    Read(bool),
    /// Check this password; [`Question::checked`] takes the answer.
    Check(Vec<u8>),
    /// A refusal, for the log: what was typed, safe to show, and why.
    Refused(String, String),
    /// He is to be called at this number.
    Call(Verdict),
    /// It is over: why, in a word.
    Over(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Password,
    Checking,
    Number,
    Over,
}

/// The dialogue.
#[derive(Clone, Debug)]
pub struct Question {
    policy: Policy,
    password: bool,
    number: bool,
    state: State,
    tries: u32,
}

impl Question {
    /// Asks for the password, the number, or both.
    #[must_use]
    pub fn new(policy: Policy, password: bool, number: bool) -> Question {
        Question { policy, password, number, state: State::New, tries: 0 }
    }

    /// Begins.
    pub fn start(&mut self) -> Vec<Do> {
        if self.password { self.ask(State::Password) } else { self.after_password() }
    }

    fn ask(&mut self, state: State) -> Vec<Do> {
        self.state = state;
        let secret = state == State::Password;
        vec![Do::Say(if secret { PASSWORD } else { NUMBER }), Do::Read(secret)]
    }

    fn after_password(&mut self) -> Vec<Do> {
        self.tries = 0;
        if self.number {
            self.ask(State::Number)
        } else {
            self.state = State::Over;
            Vec::new()
        }
    }

    /// Whether nothing more is to be asked.
    #[must_use]
    pub fn over(&self) -> bool {
        self.state == State::Over
    }

    /// The password was right, or not.
    pub fn checked(&mut self, right: bool) -> Vec<Do> {
        if self.state != State::Checking {
            return Vec::new();
        }
        if right {
            return self.after_password();
        }
        self.again("\nSorry.\n", State::Password, Do::Refused(String::new(), "wrong password".into()))
    }

    /// What the caller did.
    pub fn reply(&mut self, reply: Reply) -> Vec<Do> {
        let line = match (self.state, reply) {
            (State::Password, Reply::Line(line)) => {
                self.state = State::Checking;
                return vec![Do::Say("\n"), Do::Check(line)];
            }
            (State::Password | State::Number, Reply::End) => return self.end("end of input"),
            (State::Password | State::Number, Reply::Silence) => {
                return self.end("no answer to the question");
            }
            (State::Password, Reply::TooLong) => {
                self.state = State::Checking;
                return self.checked(false);
            }
            (State::Number, Reply::TooLong) => Err(BadNumber::Long),
            (State::Number, Reply::Line(line)) => Typed::parse(&line).map(|number| (line, number)),
            _ => return Vec::new(),
        };
        let (line, number) = match line {
            Ok(found) => found,
            Err(bad) => {
                let say = match bad {
                    BadNumber::Long => "\nThat is too long for a telephone number.\n",
                    BadNumber::Empty => "\nPlease type your telephone number.\n",
                    _ => "\nPlease type digits only, with at most a + before them.\n",
                };
                return self.again(say, State::Number, Do::Refused(String::new(), bad.to_string()));
            }
        };
        let verdict = self.policy.typed(&number);
        if verdict.allowed {
            self.state = State::Over;
            return vec![Do::Call(verdict)];
        }
        let why = match &verdict.reason {
            Reason::Class(class, _) => class.name().to_string(),
            reason => reason.to_string(),
        };
        let shown = ttyline::visible::quoted_field(line);
        self.again("\nSorry, this number cannot be called.\n", State::Number, Do::Refused(shown, why))
    }

    fn again(&mut self, say: &'static str, state: State, refused: Do) -> Vec<Do> {
        self.tries += 1;
        let mut out = vec![Do::Say(say), refused];
        out.extend(if self.tries < TRIES { self.ask(state) } else { self.end("too many tries") });
        out
    }

    fn end(&mut self, why: &'static str) -> Vec<Do> {
        self.state = State::Over;
        vec![Do::Over(why)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> Reply {
        Reply::Line(text.as_bytes().to_vec())
    }

    #[test]
    fn a_good_number_is_called() {
        let mut question = Question::new(Policy::default(), false, true);
        assert_eq!(question.start(), [Do::Say(NUMBER), Do::Read(false)]);
        let Do::Call(verdict) = &question.reply(line(" (030) 123-456"))[0] else { panic!("a call") };
        assert_eq!(verdict.dialled, "030123456");
        assert!(question.over());
    }

    #[test]
    fn a_bad_one_gets_a_second_try_and_no_third() {
        for bad in ["0900123456", "12;ATH", "", "+", "112"] {
            let mut question = Question::new(Policy::default(), false, true);
            question.start();
            let first = question.reply(line(bad));
            assert!(matches!(&first[0], Do::Say(text) if text.starts_with('\n')), "{bad}");
            assert!(matches!(first[1], Do::Refused(..)), "{bad}");
            assert_eq!(first[2..], [Do::Say(NUMBER), Do::Read(false)], "{bad}");
            let mut second = question.clone();
            assert!(matches!(second.reply(line("123456"))[0], Do::Call(_)), "{bad}");
            assert_eq!(question.reply(line(bad)).last(), Some(&Do::Over("too many tries")), "{bad}");
            assert!(question.reply(line("123456")).is_empty());
        }
    }

    #[test]
    fn the_password_comes_first_and_is_not_echoed() {
        let mut question = Question::new(Policy::default(), true, false);
        assert_eq!(question.start(), [Do::Say(PASSWORD), Do::Read(true)]);
        assert_eq!(question.reply(line("secret")), [Do::Say("\n"), Do::Check(b"secret".to_vec())]);
        assert!(question.checked(true).is_empty() && question.over());
        let mut question = Question::new(Policy::default(), true, true);
        question.start();
        question.reply(line("wrong"));
        assert_eq!(question.checked(false)[2..], [Do::Say(PASSWORD), Do::Read(true)]);
        question.reply(line("right"));
        assert_eq!(question.checked(true), [Do::Say(NUMBER), Do::Read(false)]);
        assert!(matches!(question.reply(line("123456"))[0], Do::Call(_)));
    }

    #[test]
    fn who_says_nothing_or_too_much_is_not_called() {
        for (reply, why) in [(Reply::End, "end of input"), (Reply::Silence, "no answer to the question")] {
            let mut question = Question::new(Policy::default(), false, true);
            question.start();
            assert_eq!(question.reply(reply), [Do::Over(why)]);
        }
        let mut question = Question::new(Policy::default(), false, true);
        question.start();
        question.reply(Reply::TooLong);
        assert_eq!(question.reply(Reply::TooLong).last(), Some(&Do::Over("too many tries")));
    }

    proptest! {
        #[test]
        fn it_always_ends(replies in proptest::collection::vec(
            prop_oneof![proptest::collection::vec(any::<u8>(), 0..40).prop_map(Reply::Line),
                        Just(Reply::TooLong), Just(Reply::End)], 6), password in any::<bool>()) {
            let mut question = Question::new(Policy::default(), password, true);
            question.start();
            for reply in replies {
                question.reply(reply);
                question.checked(false);
            }
            prop_assert!(question.over());
        }
    }
}
