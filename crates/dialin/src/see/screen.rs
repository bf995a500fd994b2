//! A terminal's screen, shown anew and given back as it was.

use anyhow::{Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use ttyline::settings::Settings;
use ttyline::signal;
use ttyline::sys::termios::{self, When};
use ttyline::sys::tty;

/// The screen while it is ours: other screen of the terminal, no cursor, keys without Enter.
pub struct Screen {
    before: Settings,
    signals: signal::Signals,
}

impl Screen {
    /// Takes the screen.
    ///
    /// # Errors
    /// Standard input or output is no terminal.
    pub fn open() -> Result<Screen> {
        let (input, output) = (std::io::stdin(), std::io::stdout());
        if !input.is_terminal() || !output.is_terminal() {
            bail!("this needs a terminal; `dialin status` shows the same once");
        }
        let before = termios::get(input.as_fd())?;
        let signals =
            signal::Signals::listen(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT])?;
        termios::set(input.as_fd(), &before.raw(), When::Now)?;
        let screen = Screen { before, signals };
        write(b"\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }

    /// Shows a text, cut to the screen's size. What is in it is safe for terminals already.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn show(&mut self, text: &str) -> Result<()> {
        let (rows, wide) = tty::window_size(std::io::stdout()).unwrap_or((24, 80));
        let mut all = String::from("\x1b[H");
        for line in text.lines().take(usize::from(rows)) {
            all.extend(line.chars().take(usize::from(wide)));
            all.push_str("\x1b[K\r\n");
        }
        // The last line end would scroll a full screen.
        all.truncate(all.trim_end_matches("\r\n").len());
        all.push_str("\x1b[J");
        write(all.as_bytes())
    }

    /// Waits; true if a key or a signal ends it.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn ended(&mut self, wait: Duration) -> Result<bool> {
        let until = Instant::now() + wait;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let input = std::io::stdin();
            let mut ready = [
                PollFd::new(input.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            ];
            let limit = PollTimeout::try_from(left.as_millis().min(60_000)).unwrap_or(PollTimeout::MAX);
            match poll(&mut ready, limit) {
                Err(nix::errno::Errno::EINTR) => continue,
                Err(e) => return Err(e.into()),
                Ok(0) => return Ok(false),
                Ok(_) => {}
            }
            let came = |ready: &PollFd<'_>| ready.revents().is_some_and(|events| !events.is_empty());
            if came(&ready[1]) {
                return Ok(true);
            }
            if came(&ready[0]) {
                let mut keys = [0; 64];
                let count = input.lock().read(&mut keys)?;
                // ^C and ^D as keys: the terminal makes no signals of them now.
                if count == 0 || keys[..count].iter().any(|key| b"qQ\x03\x04".contains(key)) {
                    return Ok(true);
                }
            }
        }
    }
}

fn write(bytes: &[u8]) -> Result<()> {
    let mut output = std::io::stdout();
    output.write_all(bytes)?;
    Ok(output.flush()?)
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = write(b"\x1b[?25h\x1b[?1049l");
        let _ = termios::set(std::io::stdin(), &self.before, When::Now);
    }
}
