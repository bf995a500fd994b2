//! Programs that are asked or told something while the line rings: by argv, never through a shell, with a
//! time limit. The getty goes on meanwhile: their end is one more thing that it waits for.

use nix::sys::signal::{Signal, killpg};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use ttyline::sys::process::pidfd_open;

/// Where the kernel has no descriptors for processes: how often we look.
const LOOK: Duration = Duration::from_millis(100);

/// What a program is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// How many rings to wait for (`cid-program`).
    Rings,
    /// Whether to answer (`cnd-program`).
    Answer,
    /// Nothing: a rule has it run.
    Told,
    /// To call back (`callback`).
    CallBack,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Its time was over; it was killed.
    Late,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exit code {code}"),
            Ended::Signal(signal) => write!(f, "ended by signal {signal}"),
            Ended::Late => f.write_str("its time was over, killed"),
        }
    }
}

impl Ended {
    /// Its exit code; 0 where the original would have found none.
    pub fn code(self) -> i32 {
        match self {
            Ended::Code(code) => code,
            Ended::Signal(_) | Ended::Late => 0,
        }
    }
}

/// A program that runs.
#[derive(Debug)]
pub struct Hook {
    /// What it was asked.
    pub asked: Asked,
    child: Child,
    pidfd: Option<OwnedFd>,
    until: Duration,
}

impl Hook {
    /// Starts it in a process group of its own; `stdin` is the line for a program that needs it, else nothing.
    ///
    /// # Errors
    /// No such program, no more processes.
    pub fn start(
        asked: Asked,
        words: &[String],
        variables: Vec<(&'static str, String)>,
        stdin: Option<OwnedFd>,
        until: Duration,
    ) -> io::Result<Hook> {
        let (name, args) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
        let child = Command::new(name)
            .args(args)
            .envs(variables)
            .stdin(stdin.map_or_else(Stdio::null, Stdio::from))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pidfd = i32::try_from(child.id()).ok().and_then(|pid| pidfd_open(pid).ok());
        Ok(Hook { asked, child, pidfd, until })
    }

    /// What becomes readable when it ends.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.pidfd.as_ref().map(AsFd::as_fd)
    }

    /// When [`Hook::ended`] is to be asked at the latest.
    pub fn due(&self, now: Duration) -> Duration {
        if self.pidfd.is_some() { self.until } else { self.until.min(now + LOOK) }
    }

    /// How it ended, if it has, or has to now.
    pub fn ended(&mut self, now: Duration) -> Option<Ended> {
        match self.child.try_wait() {
            Ok(None) if now < self.until => None,
            Ok(None) => {
                self.kill();
                Some(Ended::Late)
            }
            Ok(Some(status)) => {
                Some(status.code().map_or_else(|| Ended::Signal(status.signal().unwrap_or(0)), Ended::Code))
            }
            Err(_) => Some(Ended::Signal(0)),
        }
    }

    /// With everything it has started and that has not left its group.
    fn kill(&mut self) {
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(nix::unistd::Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn run(script: &str, limit: Duration) -> Ended {
        let words = ["/bin/sh", "-c", script].map(String::from);
        let start = Instant::now();
        let mut hook = Hook::start(Asked::Answer, &words, Vec::new(), None, limit).unwrap();
        loop {
            if let Some(ended) = hook.ended(start.elapsed()) {
                return ended;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn how_programs_end() {
        let long = Duration::from_secs(60);
        assert_eq!(run("exit 11", long), Ended::Code(11));
        assert_eq!(run("kill -9 $$", long), Ended::Signal(9));
        assert_eq!(run("sleep 100 & wait", Duration::from_millis(50)), Ended::Late);
        let none = ["/no/such/program".to_string()];
        assert!(Hook::start(Asked::Told, &none, Vec::new(), None, long).is_err());
        assert!(Hook::start(Asked::Told, &[], Vec::new(), None, long).is_err());
    }
}
