//! A private view of the file system for one program under test.
//!
//! The program runs in a mount namespace of its own (`unshare -m`, `-rm` when not root) in which
//! `/run`, `/var/log`, `/var/lib` and `/etc/mgetty` are directories of the test; `/etc` is the machine's own
//! below a writable layer. The test sees and writes the same files from outside.

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The directories of one test.
pub struct Sandbox {
    dir: tempfile::TempDir,
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox::new()
    }
}

impl Sandbox {
    /// Empty directories; `/run/lock` is world-writable and sticky as on Debian.
    pub fn new() -> Sandbox {
        let dir = tempfile::Builder::new().prefix("ringback-").tempdir().expect("a scratch directory");
        for sub in ["etc-mgetty", "etc-upper", "etc-work", "run/lock", "log/mgetty", "lib", "bin"] {
            fs::create_dir_all(dir.path().join(sub)).expect("scratch directories");
        }
        let sandbox = Sandbox { dir };
        mode(&sandbox.path().join("run/lock"), 0o1777);
        mode(sandbox.path(), 0o755);
        sandbox
    }

    /// The scratch directory; it has the same path inside.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file of `/etc/mgetty`.
    pub fn etc(&self, name: &str) -> PathBuf {
        self.path().join("etc-mgetty").join(name)
    }

    /// A file of `/run/lock`.
    pub fn lock(&self, name: &str) -> PathBuf {
        self.path().join("run/lock").join(name)
    }

    /// A file of `/run`.
    pub fn run(&self, name: &str) -> PathBuf {
        self.path().join("run").join(name)
    }

    /// A file of `/var/log/mgetty`.
    pub fn log(&self, name: &str) -> PathBuf {
        self.path().join("log/mgetty").join(name)
    }

    /// The text of a log of `/var/log/mgetty`; empty if there is none yet.
    pub fn log_text(&self, name: &str) -> String {
        fs::read(self.log(name)).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Writes `/etc/mgetty/NAME` with the given mode.
    pub fn write_etc(&self, name: &str, text: &str, bits: u32) {
        fs::write(self.etc(name), text).expect("write a configuration file");
        mode(&self.etc(name), bits);
    }

    /// Makes an executable shell script and gives its path (the same inside).
    pub fn script(&self, name: &str, body: &str) -> PathBuf {
        let path = self.path().join("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{body}\n")).expect("write a script");
        mode(&path, 0o755);
        path
    }

    /// `program` as the leader of a new session inside, nothing started yet. `argv[0]` is the
    /// program's file name (or what `arg0` says).
    pub fn command(&self, program: &Path, arg0: Option<&str>) -> Command {
        let flags = if geteuid().is_root() { "-m" } else { "-rm" };
        let name =
            arg0.map_or_else(|| program.file_name().expect("a file name").into(), std::ffi::OsString::from);
        let mut command = crate::mortal::command("setsid");
        command
            .args(["unshare", flags, "--propagation", "private", "bash", "--norc", "-c", INSIDE, "sandbox"])
            .arg(self.path())
            .arg(name)
            .arg(program);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("TERM", "linux");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts `program` with `args` inside; killed when the value is dropped.
    pub fn start(&self, program: &Path, args: &[&str]) -> Running {
        self.start_as(program, None, args)
    }

    /// A script that starts `program` for each of its arguments, and again whenever it has ended and `pause` seconds
    /// are over, as init does: in a session of its own. What it ended with goes to `/run/ended`. All of it is killed
    /// when the script is, or this process ends.
    pub fn respawner(&self, program: &Path, options: &str, pause: &str) -> PathBuf {
        let mortal = crate::mortal::words().collect::<Vec<_>>().join(" ");
        let program = program.display();
        let each = self.script(
            "each",
            &format!("while :; do {mortal} setsid -w {program} {options} $1; echo $? >>/run/ended; sleep {pause}; done"),
        );
        let each = each.display();
        self.script("init", &format!("for line in \"$@\"; do {mortal} {each} \"$line\" & done\nwait"))
    }

    /// As [`Sandbox::start`], with `argv[0]` chosen.
    pub fn start_as(&self, program: &Path, arg0: Option<&str>, args: &[&str]) -> Running {
        let child = self.command(program, arg0).args(args).spawn().expect("start the program");
        Running { child }
    }
}

impl Sandbox {
    /// Processes that live in it: the programs started and all they have started.
    pub fn processes(&self) -> Vec<Pid> {
        let own = fs::read_link("/proc/self/ns/mnt").unwrap_or_default();
        let scratch = self.path().display().to_string();
        let lives_here = |entry: &fs::DirEntry| {
            // Their mounts show our directories; those of most processes are the machine's own.
            fs::read_link(entry.path().join("ns/mnt")).is_ok_and(|there| there != own)
                && fs::read_to_string(entry.path().join("mountinfo"))
                    .is_ok_and(|text| text.contains(&scratch))
        };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let here = all.filter(|entry| entry.file_name().to_str().is_some_and(|n| n.parse::<i32>().is_ok()));
        here.filter(lives_here)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
            .collect()
    }

    /// Kills all that lives in it. A getty that outlives its test would go on opening its line, whose name
    /// another test's pty has by then.
    pub fn end(&self) {
        for _ in 0..20 {
            let processes = self.processes();
            if processes.is_empty() {
                return;
            }
            for pid in processes {
                let _ = kill(pid, Signal::SIGKILL);
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs as bash in the new namespace: $1 the scratch directory, $2 argv[0], $3 the program.
const INSIDE: &str = r#"
set -e
s=$1 name=$2 program=$3
shift 3
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$s/etc-upper,workdir=$s/etc-work" /etc
mkdir -p /etc/mgetty
mount --bind "$s/etc-mgetty" /etc/mgetty
mount --bind "$s/log" /var/log
mount --bind "$s/lib" /var/lib
mount --bind "$s/run" /run
# What the test runner's own starter left open is none of the program's business.
for fd in /proc/$$/fd/*; do
    fd=${fd##*/}
    if [ "$fd" -gt 2 ] && [ "$fd" -lt 250 ]; then eval "exec $fd<&-"; fi
done
exec -a "$name" "$program" "$@"
"#;

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).expect("chmod");
}

/// A program under test that is killed when it goes out of scope.
pub struct Running {
    child: Child,
}

impl Running {
    /// A program that was started otherwise ([`Sandbox::command`] with descriptors of its own).
    pub fn of(child: Child) -> Running {
        Running { child }
    }

    /// Starts what [`Sandbox::command`] has prepared.
    pub fn spawn(command: &mut Command) -> Running {
        Running { child: command.spawn().expect("start the program") }
    }

    /// Its process id: the helper programs before it were replaced by exec.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(self.pid(), signal);
    }

    /// The exit status as a shell shows it (128 + signal), if it has ended.
    pub fn status_now(&mut self) -> Option<i32> {
        let status = self.child.try_wait().expect("wait")?;
        Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
    }

    /// Waits for the end and gives the exit status as a shell shows it.
    pub fn status(&mut self) -> i32 {
        crate::wait::until("the program's end", || self.status_now())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
