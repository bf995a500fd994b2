//! Questions at a terminal.

use anyhow::{Result, anyhow, bail};
use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};
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
    // ^C is read as a line that ends in it: a signal would leave the terminal without echo.
    quiet.local_flags.remove(LocalFlags::ISIG);
    if let Some(end) = quiet.control_chars.get_mut(SpecialCharacterIndices::VEOL as usize) {
        *end = 3;
    }
    // Before the question, so that nothing typed as its answer is flushed or shown.
    tcsetattr(&input, SetArg::TCSAFLUSH, &quiet).map_err(failed)?;
    let _ = write!(std::io::stderr(), "{question}");
    let mut room = [0; 1024];
    let read = nix::unistd::read(&input, &mut room);
    let _ = tcsetattr(&input, SetArg::TCSANOW, &before);
    let line = room.get(..read.unwrap_or(0)).unwrap_or_default();
    if line.is_empty() || line.contains(&3) {
        bail!("nothing was changed");
    }
    match std::str::from_utf8(line) {
        Ok(text) => Ok(text.trim_end_matches(['\n', '\r']).to_string()),
        Err(_) => bail!("what was typed is no UTF-8; nothing was changed"),
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
