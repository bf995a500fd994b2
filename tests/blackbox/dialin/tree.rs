//! A private root for dialin.

use ringback_tests::subject::ours;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A tree.
pub struct Tree {
    dir: tempfile::TempDir,
}

/// What a run gave.
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// It went well.
    pub fn ok(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// It was refused, with a sentence.
    pub fn refused(self) -> String {
        assert_eq!(self.status, 1, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("dialin: "), "{}", self.err);
        self.err
    }
}

impl Tree {
    pub fn new() -> Tree {
        // In memory: dialin syncs every file, and a disk takes its time for that.
        let place = Some(Path::new("/dev/shm"))
            .filter(|p| p.is_dir())
            .map_or_else(std::env::temp_dir, Path::to_path_buf);
        let dir = tempfile::Builder::new()
            .prefix("ringback-dialin-")
            .tempdir_in(place)
            .expect("a scratch directory");
        Tree { dir }
    }

    /// A tree with files.
    pub fn with(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new();
        for (path, text) in files {
            tree.write(path, text);
        }
        tree
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let at = self.at(path);
        fs::create_dir_all(at.parent().expect("a directory")).expect("directories");
        fs::write(at, text).expect("a file");
    }

    pub fn read(&self, path: &str) -> String {
        let bytes = fs::read(self.at(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.at(path)).expect("a file").permissions().mode() & 0o7777
    }

    pub fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.at(path), fs::Permissions::from_mode(mode)).expect("chmod");
    }

    /// dialin on this tree, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ours("dialin"));
        command
            .arg("--root")
            .arg(self.path())
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs it with `--yes`; it must go well.
    pub fn change(&self, arguments: &[&str]) -> String {
        let words: Vec<&str> = ["--yes"].iter().chain(arguments).copied().collect();
        self.run(&words).ok()
    }

    /// Runs it with something on standard input.
    pub fn feed(&self, input: &str, arguments: &[&str]) -> Ran {
        use std::io::Write;
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("dialin");
        let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("its end");
        of(&output)
    }

    /// Every file below it but the journal, with mode and bytes; links with their targets.
    pub fn snapshot(&self) -> Vec<(String, u32, Vec<u8>)> {
        let mut all = Vec::new();
        gather(self.path(), self.path(), &mut all);
        all.sort();
        all
    }
}

fn gather(top: &Path, dir: &Path, all: &mut Vec<(String, u32, Vec<u8>)>) {
    use std::os::unix::ffi::OsStrExt;
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = format!("/{}", path.strip_prefix(top).expect("below").display());
        // The journal; the lock of the tables of users, which stays as lckpwdf leaves it.
        if name.starts_with("/var") || name == "/etc/.pwd.lock" {
            continue;
        }
        let meta = fs::symlink_metadata(&path).expect("metadata");
        if meta.is_dir() {
            all.push((name, meta.permissions().mode(), Vec::new()));
            gather(top, &path, all);
        } else if meta.is_symlink() {
            all.push((name, 0, fs::read_link(&path).expect("a link").as_os_str().as_bytes().to_vec()));
        } else {
            all.push((name, meta.permissions().mode(), fs::read(&path).expect("a file")));
        }
    }
}

pub fn ran(command: &mut Command) -> Ran {
    of(&command.output().expect("start dialin"))
}

fn of(output: &std::process::Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let status = output.status.code().unwrap_or(-1);
    Ran { status, out: text(&output.stdout), err: text(&output.stderr) }
}
