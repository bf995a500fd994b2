//! dialin, killed before each of its writes: a file is the old or the new one, never half, and the next run
//! makes all files the old or all the new ones.

use super::tree::Tree;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::process::{Command, Stdio};

/// System calls that change files; those that open count if they may make one.
const WRITES: &[libc::c_long] = &[
    libc::SYS_write,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_fchmod,
    libc::SYS_fchown,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_fsetxattr,
];
/// Those that not every architecture has.
#[cfg(target_arch = "x86_64")]
const OLD_WRITES: &[libc::c_long] =
    &[libc::SYS_rename, libc::SYS_mkdir, libc::SYS_unlink, libc::SYS_rmdir, libc::SYS_chmod];
#[cfg(not(target_arch = "x86_64"))]
const OLD_WRITES: &[libc::c_long] = &[];

/// Whether the process stands at a system call that changes files.
fn at_a_write(pid: Pid) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    let words: Vec<&str> = text.split_whitespace().collect();
    let Some(number) = words.first().and_then(|n| n.parse::<libc::c_long>().ok()) else { return false };
    if number == libc::SYS_openat {
        let flags = words.get(3).and_then(|f| u64::from_str_radix(f.trim_start_matches("0x"), 16).ok());
        return flags.is_some_and(|f| f & 0o100 != 0);
    }
    WRITES.contains(&number) || OLD_WRITES.contains(&number)
}

/// Runs a command and kills it before its `n`th write; whether it came so far.
fn killed_before(command: &mut Command, n: usize) -> bool {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", "kill -STOP $$; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    shell.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let killed = kill_before(pid, n);
    // Its status was taken above.
    let _ = child.wait();
    killed
}

fn kill_before(pid: Pid, n: usize) -> bool {
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("its stop");
    ptrace::seize(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).expect("seize");
    kill(pid, Signal::SIGCONT).expect("go on");
    let (mut writes, mut inside) = (0, false);
    loop {
        match waitpid(pid, None).expect("wait") {
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => return false,
            WaitStatus::PtraceSyscall(_) if at_a_write(pid) => {
                inside = !inside;
                writes += usize::from(inside);
                if inside && writes == n {
                    kill(pid, Signal::SIGKILL).expect("kill");
                    while !matches!(
                        waitpid(pid, None),
                        Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(_)
                    ) {}
                    return true;
                }
            }
            _ => {}
        }
        let _ = ptrace::syscall(pid, None);
    }
}

#[test]
fn before_each_write_files_are_old_or_new_and_the_next_run_makes_them_agree() {
    let [one, two, made] = ["/etc/ppp/options.ttyS0", "/etc/ppp/pap-secrets", "/etc/ppp/peers/dialin"];
    let new = Tree::with(&[(one, "idle 2\n"), (two, "bob * new *\n"), (made, "auth\n")]);
    let archive = new.at("/new.tar").display().to_string();
    new.run(&["backup", &archive]).ok();
    let (mut finished, mut taken_back) = (0, 0);
    for n in 1.. {
        let tree = Tree::with(&[(one, "idle 1\n"), (two, "bob * old *\n")]);
        tree.chmod(two, 0o600);
        let before = tree.snapshot();
        if !killed_before(&mut tree.command(&["--yes", "restore", &archive]), n) {
            assert!(n > 30, "it was killed {n} times only");
            break;
        }
        assert!(["idle 1\n", "idle 2\n"].contains(&tree.read(one).as_str()), "{n}");
        assert!(["bob * old *\n", "bob * new *\n"].contains(&tree.read(two).as_str()), "{n}");
        assert!(!tree.at(made).exists() || tree.read(made) == "auth\n", "{n}");
        let said = tree.run(&["log"]);
        finished += said.err.matches("it is finished now").count();
        taken_back += said.err.matches("it is taken back").count();
        said.ok();
        let old = tree.read(one) == "idle 1\n";
        if old {
            assert_eq!(tree.snapshot(), before, "{n}");
        } else {
            assert_eq!((tree.read(two), tree.read(made)), ("bob * new *\n".into(), "auth\n".into()), "{n}");
            assert_eq!(tree.mode(two), 0o600);
            let left = tree.snapshot().into_iter().filter(|(name, ..)| name.contains(".dialin-")).count();
            assert_eq!(left, 0, "{n}");
            // What was finished can be undone.
            tree.change(&["undo"]);
            assert_eq!(tree.snapshot(), before, "{n}");
        }
    }
    assert!(finished > 2 && taken_back > 5, "finished {finished}, taken back {taken_back}");
}
