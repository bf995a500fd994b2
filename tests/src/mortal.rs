//! Programs that do not outlive the test that started them, even when it is killed.

use std::ffi::OsStr;
use std::process::Command;

/// As [`Command::new`]; the program is killed when the thread that starts it ends, however it ends. What it
/// starts itself is not: a script that starts programs says the same ([`words`]).
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut words = words();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).arg(program);
    command
}

/// What stands before such a program in a script, word by word.
pub fn words() -> impl Iterator<Item = &'static str> {
    ["setpriv", "--pdeathsig", "KILL", "--"].into_iter()
}
