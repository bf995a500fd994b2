//! dialscript: Windows' dial-up scripts on a line, as pppd's connect program starts them.

mod documents;
mod failures;
mod line;
mod manual;
mod secrets;
mod story;
mod told;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use ringback_tests::pty::Pty;
use ringback_tests::subject::{ours, top};
use ringback_tests::wait::{self, PATIENCE};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

/// The far end of a line, played by the test.
pub struct Far {
    pub pty: Pty,
    seen: Vec<u8>,
}

impl Far {
    /// On a line that is 8-bit clean, so that the far end may speak before the script has begun.
    pub fn new() -> Far {
        Far { pty: Pty::raw(), seen: Vec::new() }
    }

    /// On a line as the kernel makes it: cooked, with echo. The script must speak first.
    pub fn cooked() -> Far {
        Far { pty: Pty::fresh(), seen: Vec::new() }
    }

    pub fn say(&self, text: impl AsRef<[u8]>) {
        self.pty.write(text.as_ref());
    }

    /// Waits until the script has sent `text`, and nothing before it that was not expected.
    pub fn hear(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while self.seen.len() < text.len() {
            assert!(Instant::now() < end, "no {text:?}, only {:?}", String::from_utf8_lossy(&self.seen));
            self.seen.extend(self.pty.read_now());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let rest = self.seen.split_off(text.len());
        assert_eq!(String::from_utf8_lossy(&self.seen), text);
        self.seen = rest;
    }

    /// What the script has sent beyond what was heard.
    pub fn rest(&mut self) -> String {
        self.seen.extend(self.pty.read_now());
        String::from_utf8_lossy(&std::mem::take(&mut self.seen)).into_owned()
    }

    /// What is in the line's input, not read by anybody.
    pub fn left(&self) -> Vec<u8> {
        use nix::fcntl::{FcntlArg, OFlag, fcntl};
        let slave = self.pty.slave();
        fcntl(slave, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("non-blocking");
        let mut buffer = [0; 4096];
        let n = nix::unistd::read(slave, &mut buffer).unwrap_or(0);
        buffer[..n].to_vec()
    }

    /// A command with the line on descriptors 0 and 1.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = program();
        let slave = || Stdio::from(self.pty.slave().try_clone().expect("dup"));
        command.args(args).stdin(slave()).stdout(slave()).stderr(Stdio::piped());
        command
    }

    /// Starts it.
    pub fn start(&self, args: &[&str]) -> Script {
        Script { child: Some(self.command(args).spawn().expect("start dialscript")) }
    }
}

/// A running script; killed when it goes out of scope.
pub struct Script {
    child: Option<Child>,
}

impl Script {
    pub fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().expect("running").id();
        kill(Pid::from_raw(i32::try_from(id).expect("a process id")), signal).expect("signal");
    }

    /// Waits for the end: exit status and what was written to descriptor 2.
    pub fn end(mut self) -> (i32, String) {
        let mut child = self.child.take().expect("running");
        wait::until("the script's end", || child.try_wait().expect("wait"));
        result(&child.wait_with_output().expect("output"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn result(output: &Output) -> (i32, String) {
    use std::os::unix::process::ExitStatusExt;
    let status = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
    (status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The program, in an environment that says nothing.
pub fn program() -> Command {
    let mut command = Command::new(ours("dialscript"));
    command.env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// Runs it to its end without a line.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let output = program().args(args).stdin(Stdio::null()).output().expect("run dialscript");
    let (status, stderr) = result(&output);
    (status, String::from_utf8_lossy(&output.stdout).into_owned(), stderr)
}

/// A directory with a script in it.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    /// `main` with this body as `x.scp`.
    pub fn with(body: &str) -> Place {
        let place = Place { dir: tempfile::tempdir().expect("a scratch directory") };
        place.write("x.scp", &format!("proc main\n{body}\nendproc\n"));
        place
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).expect("write a file");
        self.name(name)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_string()
    }

    pub fn script(&self) -> String {
        self.name("x.scp")
    }

    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.path(name)).expect("read a file")).into_owned()
    }
}

/// A file of the source tree.
pub fn file(path: &str) -> PathBuf {
    top().join(path)
}

pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
