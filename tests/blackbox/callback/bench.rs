//! A callback with a played modem and a played getty, or a caller at the question.

use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
use ringback_tests::modem::{Manner, Modem};
use ringback_tests::pty::Pty;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{Subject, subject};
use ringback_tests::wait::{until, until_within};
use std::process::Stdio;
use std::time::Duration;

/// Everything one test needs.
pub struct Bench {
    pub subject: Subject,
    pub sandbox: Sandbox,
}

impl Bench {
    /// A callback with this configuration.
    pub fn new(config: &str) -> Bench {
        let (subject, sandbox) = (subject("callback"), Sandbox::new());
        sandbox.write_etc("callback.config", config, 0o644);
        Bench { subject, sandbox }
    }

    /// Runs it to its end without any tty; gives exit status and standard error.
    pub fn run(&self, args: &[&str]) -> (i32, String) {
        let mut command = self.sandbox.command(&self.subject.path, None);
        let out =
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("callback");
        let text = [out.stdout, out.stderr].concat();
        let status = out.status.code().unwrap_or(139);
        (status, String::from_utf8_lossy(&text).into_owned())
    }

    /// The log.
    pub fn log(&self) -> String {
        self.sandbox.log_text("mg_callback.log")
    }

    /// The records.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.sandbox.path().join("log/ringback/calls.jsonl"));
        text.unwrap_or_default().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Lock files that are there.
    pub fn locks(&self) -> usize {
        std::fs::read_dir(self.sandbox.path().join("run/lock")).expect("lock directory").count()
    }

    /// A process that passes for a getty of this line, and does `on_usr1` (shell) when it is signalled.
    pub fn getty(&self, line: &str, on_usr1: &str) -> Running {
        let program = self.sandbox.path().join("bin/mgetty");
        if !program.exists() {
            std::fs::copy("/bin/bash", &program).expect("a copy of bash");
        }
        let pid_file = format!("/run/mgetty.pid.{}", line.replace('/', "-"));
        let lock = format!("/run/lock/LCK..{}", line.replace('/', "_"));
        let body = format!(
            "lock={lock}; trap '{on_usr1}' USR1; echo $$ >{pid_file}.new; mv {pid_file}.new {pid_file}; \
             while :; do sleep 0.05; done"
        );
        let running = self.sandbox.start(&program, &["-c", &body, "mgetty", line]);
        let there = self.sandbox.run(&format!("mgetty.pid.{}", line.replace('/', "-")));
        until("the getty's pid file", || there.exists().then_some(()));
        running
    }
}

/// What a getty does that takes the call.
pub const TAKES: &str = "kill -USR1 $(cat $lock)";

/// A played modem that answers `command` with `reply`.
pub fn modem(command: &str, reply: &str) -> Modem {
    let replies = vec![(command.to_string(), format!("\r\n{reply}\r\n"))];
    Modem::with(Manner { replies, ..Manner::default() })
}

/// A caller at a cooked line, as mgetty leaves it.
pub struct Caller {
    pub pty: Pty,
    pub callback: Running,
    seen: Vec<u8>,
}

impl Caller {
    /// callback with these arguments and variables on a line of its own.
    pub fn new(bench: &Bench, args: &[&str], variables: &[(&str, &str)]) -> Caller {
        let pty = Pty::fresh();
        let mut settings = tcgetattr(pty.slave()).expect("settings");
        settings.input_flags |= nix::sys::termios::InputFlags::ICRNL;
        tcsetattr(pty.slave(), SetArg::TCSANOW, &settings).expect("a cooked line");
        let stdio = || Stdio::from(pty.slave().try_clone().expect("a descriptor"));
        let mut command = bench.sandbox.command(&bench.subject.path, None);
        command.args(args).stdin(stdio()).stdout(stdio()).stderr(stdio());
        command.envs(variables.iter().copied());
        let callback = Running::of(command.spawn().expect("callback"));
        Caller { pty, callback, seen: Vec::new() }
    }

    /// What he has seen, as text.
    pub fn seen(&mut self) -> String {
        self.seen.extend(self.pty.read_now());
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits for `text` to be seen `times` times.
    pub fn wait_for(&mut self, text: &str, times: usize) {
        let found = until_within(Duration::from_secs(20), || {
            (self.seen().matches(text).count() >= times).then_some(())
        });
        assert!(found.is_some(), "no {text:?} in {:?}", self.seen());
    }

    /// Types a line.
    pub fn types(&self, text: impl AsRef<[u8]>) {
        self.pty.write(&[text.as_ref(), b"\r"].concat());
    }
}
