//! A getty on a played modem, as far as these tests need one.

use ringback_tests::modem::{Manner, Modem};
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{Subject, subject};
use ringback_tests::wait;

/// A getty, its modem and its private file system.
pub struct Getty {
    pub subject: Subject,
    pub sandbox: Sandbox,
    pub modem: Modem,
    pub running: Option<Running>,
}

impl Getty {
    /// All but the getty itself; no wait that can be left out.
    pub fn prepared() -> Getty {
        let sandbox = Sandbox::new();
        sandbox.write_etc("mgetty.config", "toggle-dtr no\nprompt-waittime 0\n", 0o644);
        let modem = Modem::with(Manner::default());
        Getty { subject: subject("mgetty"), sandbox, modem, running: None }
    }

    /// Starts it.
    pub fn start(&mut self) {
        let line = self.modem.line();
        self.running = Some(self.sandbox.start(&self.subject.path, &["-D", "-x", "5", &line]));
    }

    /// Starts it and waits until it is idle.
    pub fn started() -> Getty {
        let mut getty = Getty::prepared();
        getty.start();
        getty.logged("waiting...");
        getty
    }

    /// `pts-3`.
    pub fn id(&self) -> String {
        self.modem.line().replace('/', "-")
    }

    /// The path of the lock named `LCK..` and the line with `_`.
    pub fn lock(&self) -> std::path::PathBuf {
        self.sandbox.lock(&format!("LCK..{}", self.modem.line().replace('/', "_")))
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.sandbox.log_text(&format!("mg_{}.log", self.id()))
    }

    /// Waits until `text` stands in the log.
    pub fn logged(&self, text: &str) {
        let found = wait::until_within(wait::PATIENCE, || self.log().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in the log:\n{}", self.log());
    }

    /// Rings until it answers; gives the place behind the prompt.
    pub fn answered(&self) -> usize {
        let mark = self.modem.mark();
        self.modem.ring();
        self.modem.expect("login: ", mark)
    }

    /// Its exit status.
    pub fn status(&mut self) -> i32 {
        self.running.as_mut().expect("started").status()
    }
}
