//! Signals as readable events.
//!
//! A handler only writes the signal's number to a pipe; the program reads it in its poll loop. Waiting
//! system calls (a blocking open, a drain) end with `EINTR`, they are not restarted.

use crate::sys::signals::{self, Disposition};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

/// The signals a program listens to. One per process.
#[derive(Debug)]
pub struct Signals {
    pipe: File,
    heard: Vec<Signal>,
}

impl Signals {
    /// Listens to `wanted` from now on.
    ///
    /// # Errors
    /// No descriptors left, a signal that cannot be caught, or a second `Signals` in this process.
    pub fn listen(wanted: &[Signal]) -> io::Result<Signals> {
        use nix::fcntl::OFlag;
        let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        if !signals::set_pipe(writer) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "signals are listened to already"));
        }
        let mut signals = Signals { pipe: File::from(reader), heard: Vec::new() };
        // What we were started with counts no more: while SIGCHLD is ignored no child has an exit code, and a
        // blocked signal would come only to the program that follows.
        signals::set(Signal::SIGCHLD as i32, Disposition::Default)?;
        for &signal in wanted {
            signals.hear(signal)?;
        }
        nix::sys::signal::SigSet::empty().thread_set_mask()?;
        Ok(signals)
    }

    /// Listens to one more signal, or again to one that was ignored.
    ///
    /// # Errors
    /// `EINVAL` for SIGKILL and SIGSTOP.
    pub fn hear(&mut self, signal: Signal) -> io::Result<()> {
        signals::set(signal as i32, Disposition::Tell)?;
        if !self.heard.contains(&signal) {
            self.heard.push(signal);
        }
        Ok(())
    }

    /// Ignores a signal from now on.
    ///
    /// # Errors
    /// `EINVAL` for SIGKILL and SIGSTOP.
    pub fn ignore(&mut self, signal: Signal) -> io::Result<()> {
        signals::set(signal as i32, Disposition::Ignore)?;
        if !self.heard.contains(&signal) {
            self.heard.push(signal);
        }
        Ok(())
    }

    /// The next signal that has come, without waiting.
    #[must_use]
    pub fn next(&self) -> Option<Signal> {
        let mut byte = [0];
        loop {
            match (&self.pipe).read(&mut byte) {
                Ok(1) => {
                    if let Ok(signal) = Signal::try_from(i32::from(byte[0])) {
                        return Some(signal);
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                _ => return None,
            }
        }
    }

    /// Every signal heard or ignored gets its default effect back: before exec, which keeps ignored ones.
    pub fn restore(&mut self) {
        for signal in self.heard.drain(..) {
            let _ = signals::set(signal as i32, Disposition::Default);
        }
        restore_defaults();
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Every signal gets its default effect, SIGPIPE (which Rust programs ignore) among them, and none is
/// blocked: the state in which a login program is to start. (`Command::exec` does SIGPIPE and the mask too.)
pub fn restore_defaults() {
    for signal in Signal::iterator() {
        if !matches!(signal, Signal::SIGKILL | Signal::SIGSTOP) {
            let _ = signals::set(signal as i32, Disposition::Default);
        }
    }
    let none = nix::sys::signal::SigSet::empty();
    let _ = none.thread_set_mask();
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::raise;

    #[test]
    fn signals_are_read_in_order_and_only_one_listener_is_allowed() {
        let mut signals = Signals::listen(&[Signal::SIGUSR1, Signal::SIGUSR2]).unwrap();
        assert_eq!(signals.next(), None);
        raise(Signal::SIGUSR2).unwrap();
        raise(Signal::SIGUSR1).unwrap();
        assert_eq!(signals.next(), Some(Signal::SIGUSR2));
        assert_eq!(signals.next(), Some(Signal::SIGUSR1));
        assert_eq!(signals.next(), None);
        signals.ignore(Signal::SIGUSR1).unwrap();
        raise(Signal::SIGUSR1).unwrap();
        assert_eq!(signals.next(), None);
        signals.hear(Signal::SIGUSR1).unwrap();
        raise(Signal::SIGUSR1).unwrap();
        assert_eq!(signals.next(), Some(Signal::SIGUSR1));
        assert!(Signals::listen(&[]).is_err());
    }
}
