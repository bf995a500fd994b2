//! Questions at a terminal.

use anyhow::{Result, anyhow, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Write};
use ttyline::log::reason;

/// Asks for a secret without showing what is typed.
///
/// # Errors
/// No terminal, or it is closed.
pub fn hidden(question: &str) -> Result<String> {
    let input = std::io::stdin();
    let failed = |e: nix::errno::Errno| anyhow!("the terminal: {}", reason(&e.into()));
    let before = tcgetattr(&input).map_err(failed)?;
    let mut quiet = before.clone();
    quiet.local_flags.remove(LocalFlags::ECHO);
    quiet.local_flags.insert(LocalFlags::ECHONL);
    let _ = write!(std::io::stderr(), "{question}");
    tcsetattr(&input, SetArg::TCSAFLUSH, &quiet).map_err(failed)?;
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    let _ = tcsetattr(&input, SetArg::TCSAFLUSH, &before);
    match read {
        Ok(n) if n > 0 => Ok(line.trim_end_matches(['\n', '\r']).to_string()),
        _ => bail!("nothing was changed"),
    }
}

/// Asks; an empty answer is the default. Without a terminal the default is taken.
#[must_use]
pub fn line(question: &str, default: &str) -> String {
    if !std::io::stdin().is_terminal() {
        return default.to_string();
    }
    let mut out = std::io::stdout();
    let _ = if default.is_empty() {
        write!(out, "{question}: ")
    } else {
        write!(out, "{question} [{default}]: ")
    };
    let _ = out.flush();
    let mut answer = String::new();
    match std::io::stdin().lock().read_line(&mut answer) {
        Ok(n) if n > 0 && !answer.trim().is_empty() => answer.trim().to_string(),
        _ => default.to_string(),
    }
}
