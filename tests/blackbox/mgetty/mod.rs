//! mgetty: one file per section of its specification.
//!
//! Each test also passes with `SUBJECT=original`; deliberate differences branch on
//! `subject.original` and stand in README "Differences".

mod alive;
mod audit;
mod bad_input;
mod beside;
mod callers;
mod chats;
mod command_line;
mod configuration;
mod documents;
mod escapes;
mod families;
mod files;
mod handover;
mod init_files;
mod long_waits;
mod modem_lines;
mod names;
mod options;
mod ppp;
mod prompt;
mod rings;
mod rules;
mod settings;
mod signals;
mod soak;
mod states;
mod syslog;
mod told;

use ringback_tests::modem::{Manner, Modem};
use ringback_tests::preload;
use ringback_tests::sandbox::{Running, Sandbox};
use ringback_tests::subject::{Subject, subject};
use ringback_tests::wait;
use std::path::PathBuf;
use std::time::Duration;

/// What every test's mgetty.config begins with: no probing for fax, nothing of the machine's own issue.
const BASE: &str = "data-only yes\ntoggle-dtr no\nissue-file none\nprompt-waittime 0\n";

/// A getty on a modem's line, with all the files around it.
struct Getty {
    /// Dropped, and so killed, before its line: the next test's may have the same number.
    running: Option<Running>,
    sandbox: Sandbox,
    modem: Modem,
    subject: Subject,
    args: Vec<String>,
    /// Of the program under test, besides what the sandbox gives.
    environment: Vec<(&'static str, String)>,
}

impl Getty {
    /// A getty that is not started yet; `config` follows [`BASE`].
    fn new(config: &str) -> Getty {
        Getty::with(config, Manner::default())
    }

    fn with(config: &str, manner: Manner) -> Getty {
        let sandbox = Sandbox::new();
        sandbox.write_etc("mgetty.config", &format!("{BASE}{config}\n"), 0o644);
        let program = sandbox.script("program", PROGRAM);
        let entry = format!("* - - {} @\n", program.display());
        sandbox.write_etc("login.config", &entry, 0o600);
        Getty {
            sandbox,
            modem: Modem::with(manner),
            subject: subject("mgetty"),
            args: Vec::new(),
            environment: Vec::new(),
            running: None,
        }
    }

    /// As [`Getty::new`], started and waiting for rings.
    fn idle(config: &str) -> Getty {
        let mut getty = Getty::new(config);
        getty.start();
        getty.wait_idle();
        getty
    }

    /// Replaces login.config; `PROGRAM` stands for the script that tells what it was given.
    fn login_config(&self, text: &str) {
        let program = self.sandbox.path().join("bin/program");
        self.sandbox.write_etc(
            "login.config",
            &text.replace("PROGRAM", &program.display().to_string()),
            0o600,
        );
    }

    fn start(&mut self) {
        let line = self.modem.line();
        let mut command = self.sandbox.command(&self.subject.path, None);
        command.args(&self.args).arg(line).envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.running = Some(Running::spawn(&mut command));
    }

    /// Waits of `from` seconds or more will take `take` (see tests/preload/longwaits.c).
    fn shorten(&mut self, from: u32, take: Duration) {
        self.preload("tests/preload/longwaits.c");
        self.environment.push(("LONGWAITS_FROM", from.to_string()));
        self.environment.push(("LONGWAITS_TAKE", take.as_millis().to_string()));
    }

    /// Loads a library before the program.
    fn preload(&mut self, source: &str) {
        let library = preload::library(source).display().to_string();
        if !self.subject.original {
            self.subject.path = preload::dynamic("mgetty");
        }
        match self.environment.iter_mut().find(|(name, _)| *name == "LD_PRELOAD") {
            Some((_, libraries)) => *libraries = format!("{libraries}:{library}"),
            None => self.environment.push(("LD_PRELOAD", library)),
        }
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("the getty was started")
    }

    fn lock_path(&self) -> PathBuf {
        self.sandbox.lock(&format!("LCK..{}", self.modem.line().replace('/', "_")))
    }

    fn pid_path(&self) -> PathBuf {
        self.sandbox.run(&format!("mgetty.pid.{}", self.id()))
    }

    fn state_path(&self) -> PathBuf {
        self.sandbox.run(&format!("ringback/lines/{}.json", self.modem.line().replace('/', "_")))
    }

    fn log_path(&self) -> PathBuf {
        self.sandbox.log(&format!("mg_{}.log", self.id()))
    }

    /// The line's state file; empty if there is none.
    fn state(&self) -> String {
        std::fs::read_to_string(self.state_path()).unwrap_or_default()
    }

    fn wait_state(&self, text: &str) {
        let found = wait::until_within(wait::PATIENCE, || self.state().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in the state: {}\n{}", self.state(), self.log());
    }

    /// The records of calls so far.
    fn records(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.sandbox.path().join("log/ringback/calls.jsonl"));
        text.unwrap_or_default().lines().map(str::to_string).collect()
    }

    fn wait_record(&self, text: &str) -> String {
        let found = || self.records().into_iter().find(|record| record.contains(text));
        let record = wait::until_within(wait::PATIENCE, found);
        record.unwrap_or_else(|| panic!("no record of {text:?}: {:?}\n{}", self.records(), self.log()))
    }

    fn id(&self) -> String {
        self.modem.line().replace('/', "-")
    }

    fn log(&self) -> String {
        self.sandbox.log_text(&format!("mg_{}.log", self.id()))
    }

    fn wait_log(&self, text: &str) {
        let found = wait::until_within(wait::PATIENCE, || self.log().contains(text).then_some(()));
        assert!(found.is_some(), "no {text:?} in the log:\n{}", self.log());
    }

    fn wait_idle(&mut self) {
        self.wait_log("waiting...");
        wait::until("the lock to go", || (!self.lock_path().exists()).then_some(()));
    }

    /// Until it has seen that a `sleep` holds the line.
    fn wait_dialout(&self) {
        self.wait_log(if self.subject.original { "no utmp/wtmp entry" } else { "sleep" });
    }

    /// Rings until the answer, waits for CONNECT; gives the place behind the answer command.
    fn answer(&mut self) -> usize {
        let mark = self.modem.mark();
        self.modem.ring();
        let place = self.modem.expect("ATA\r", mark);
        wait::until("CONNECT", || self.modem.connected_at());
        place
    }

    /// As [`Getty::answer`], and waits for the prompt; gives the place behind it.
    fn prompt(&mut self) -> usize {
        let mark = self.answer();
        self.prompted(mark)
    }

    /// Waits for the next prompt after `mark`; gives the place behind it.
    fn prompted(&self, mark: usize) -> usize {
        let place = self.modem.expect("login: ", mark);
        if self.subject.original {
            // Its tty is cooked for a moment more: ^C and ^\\ would be signals. What it sets is seen at the master too.
            use nix::sys::termios::{LocalFlags, tcgetattr};
            let master = self.modem.pty().master();
            let raw = || tcgetattr(&master).is_ok_and(|t| !t.local_flags.intersects(LocalFlags::ISIG));
            wait::until_within(ms(1000), || raw().then_some(()));
            std::thread::sleep(ms(20));
        }
        place
    }

    /// From idle to the login program; gives what it says.
    fn log_in(&mut self, name: &str) -> String {
        let mark = self.prompt();
        self.modem.send(name);
        self.modem.send("\r");
        self.said(mark)
    }

    /// What the login program says of itself.
    fn said(&mut self, mark: usize) -> String {
        let end = self.modem.expect("<<end>>", mark);
        let said = self.modem.received(mark);
        String::from_utf8_lossy(&said[..end - mark]).replace('\r', "")
    }

    fn status(&mut self) -> i32 {
        self.running().status()
    }
}

/// The login program of the tests: tells what it was given, then reads one line and ends.
const PROGRAM: &str = r#"
echo "<<program pid=$$ uid=$(id -u) groups=$(id -G | tr ' ' ,)>>"
i=0
for a in "$@"; do i=$((i + 1)); echo "<<arg$i=$a>>"; done
env | grep -E '^(CALLER|CALL_|CALLED|CONNECT|DEVICE|TERM|TTYPROMPT)' | sed 's/.*/<<&>>/'
echo "<<tty $(stty -g </dev/tty)>>"
stty -a | tr '\n' ' '
ls -l /proc/$$/fd | sed 's/^/fd: /'
# By the shell itself: while it starts a program its own mask is another.
while read -r line; do case $line in Sig[BIC]*) echo "$line" ;; esac; done </proc/$$/status
cat /proc/$$/stat
cat /run/lock/LCK..* 2>/dev/null | sed 's/^/lock: /'
echo "<<end>>"
read answer
"#;

/// Several at once: each waits most of its time.
fn each<T: Sync>(rows: &[T], one: impl Fn(&T) + Sync) {
    std::thread::scope(|scope| {
        for chunk in rows.chunks(rows.len().div_ceil(4)) {
            let one = &one;
            scope.spawn(move || chunk.iter().for_each(one));
        }
    });
}

/// A modem with one reply of its own.
fn replying(command: &str, reply: &str) -> Manner {
    Manner { replies: vec![(command.into(), reply.into())], ..Manner::default() }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
