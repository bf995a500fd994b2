//! Deciding about a caller who rings: files are read, programs are asked.

use super::Getty;
use crate::exec::Call;
use crate::hook::{Asked, Ended, Hook};
use crate::judge;
use crate::session::{Event, Verdict};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;
use ttyline::config::caller_rules::Outcome;
use ttyline::log::Level;
use ttyline::visible;

/// callback reads its configuration, writes a few lines and goes to the background.
const CALLBACK_TIME: Duration = Duration::from_secs(20);

impl Getty {
    /// Enough rings: what becomes of this call?
    pub(super) fn judge_caller(&mut self) {
        if self.service.fax_only {
            return self.judged(Verdict::Refuse);
        }
        let data = self.session.caller();
        let call = judge::call(data, self.session.dist_ring(), self.service.name.device());
        let judgement = self.service.caller_files.judge(&call);
        for fault in &judgement.faults {
            self.log.say(Level::Error, fault);
        }
        if let Some(because) = &judgement.because {
            self.log.say(
                Level::Mesg,
                format!("caller '{}': {because}", visible::quoted_field(&self.session.caller().id)),
            );
        }
        if judgement.by_rule {
            let place = judgement.because.as_deref().unwrap_or_default();
            let place = place.split(' ').next().unwrap_or_default().trim_end_matches(':');
            let outcome = visible::quoted_field(judgement.outcome.to_string());
            let dev = self.session.setup().dev_pid();
            let id = visible::quoted_field(&self.session.caller().id);
            self.log
                .say(Level::Audit, format!("caller rule {place}, {dev}, caller='{id}', outcome='{outcome}'"));
        }
        match judgement.outcome {
            Outcome::Refuse => self.judged(Verdict::Refuse),
            Outcome::Ignore => self.judged(Verdict::RingOut),
            Outcome::CallBack { number, user } => {
                self.call_back = Some((number, user));
                self.judged(Verdict::CallBack);
            }
            Outcome::Program(words) => self.ask(Asked::Told, &words),
            Outcome::Answer => match self.service.cnd_program.clone() {
                Some(words) => self.ask(Asked::Answer, &words),
                None => self.judged(Verdict::Accept),
            },
        }
    }

    fn judged(&mut self, verdict: Verdict) {
        self.answers.push_back(Event::Caller(verdict));
    }

    /// `cid-program` is asked how many rings to wait for.
    pub(super) fn ask_rings(&mut self) {
        match self.service.cid_program.clone() {
            Some(words) => self.ask(Asked::Rings, &words),
            None => self.answers.push_back(Event::Rings(None)),
        }
    }

    fn ask(&mut self, asked: Asked, program: &[String]) {
        let words = judge::words(
            program,
            self.session.caller(),
            self.session.dist_ring(),
            self.service.name.device(),
        );
        self.start_hook(asked, &words, None, self.service.program_time, &[]);
    }

    /// The phone rings no more: the number of the rule is called, by callback in the background.
    pub(super) fn run_callback(&mut self) {
        let Some((number, user)) = self.call_back.take() else {
            return self.answers.push_back(Event::CallBackRuns);
        };
        let program = self.service.callback_program.clone();
        let words = [program.as_str(), "--unanswered", "-S", &number].map(String::from);
        let line = self.line.as_ref().and_then(|line| line.as_fd().try_clone_to_owned().ok());
        self.start_hook(
            Asked::CallBack,
            &words,
            line,
            CALLBACK_TIME,
            user.as_deref().unwrap_or("").as_bytes(),
        );
    }

    fn start_hook(
        &mut self,
        asked: Asked,
        words: &[String],
        stdin: Option<OwnedFd>,
        limit: Duration,
        user: &[u8],
    ) {
        let call = Call {
            caller: self.session.caller(),
            device: self.service.name.device(),
            term: None,
            tty_prompt: None,
            user,
            called_back: false,
        };
        let shown = visible::field(words.join(" "));
        match Hook::start(asked, words, call.variables(), stdin, self.clock.now() + limit) {
            Ok(hook) => {
                self.log.say(Level::Noise, format!("running {shown}"));
                self.hook = Some(hook);
            }
            Err(error) => {
                // A shell would have given 127, which the original takes for a yes.
                self.log.failed(Level::Error, format!("cannot run {shown}"), &error);
                self.answered(asked, Ended::Code(127));
            }
        }
    }

    /// Looks whether the program has ended.
    pub(super) fn look_at_hook(&mut self) {
        let now = self.clock.now();
        let Some(hook) = &mut self.hook else { return };
        let Some(ended) = hook.ended(now) else { return };
        let asked = hook.asked;
        self.hook = None;
        let failed = ended == Ended::Late || asked == Asked::CallBack && ended != Ended::Code(0);
        let level = if failed { Level::Warn } else { Level::Mesg };
        let what = match asked {
            Asked::Rings => "cid-program",
            Asked::Answer => "cnd-program",
            Asked::Told => "program of a caller rule",
            Asked::CallBack => "callback",
        };
        self.log.say(level, format!("{what}: {ended}"));
        self.answered(asked, ended);
        self.flush_answers();
    }

    fn answered(&mut self, asked: Asked, ended: Ended) {
        let code = ended.code();
        self.answers.push_back(match asked {
            // The original's codes: 1 is no, everything else yes; above 10 stands a number of rings.
            Asked::Answer => Event::Caller(if code == 1 { Verdict::Refuse } else { Verdict::Accept }),
            Asked::Rings => Event::Rings(u32::try_from(code - 10).ok().filter(|rings| *rings > 0)),
            Asked::Told => Event::Caller(Verdict::RingOut),
            Asked::CallBack => Event::CallBackRuns,
        });
    }
}
