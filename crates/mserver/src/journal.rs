//! Where the server tells what it does: syslog, or standard error in the foreground.

use ttyline::log::{Facility, Severity, Syslog};
use ttyline::visible;

/// The two places.
#[derive(Debug)]
pub enum Journal {
    /// syslog(3), facility daemon.
    Syslog(Syslog),
    /// Standard error.
    Stderr,
}

impl Journal {
    /// Standard error in the foreground, else syslog.
    #[must_use]
    pub fn new(foreground: bool) -> Journal {
        if foreground { Journal::Stderr } else { Journal::Syslog(Syslog::new("mserver", Facility::Daemon)) }
    }

    /// One message, made safe to show.
    pub fn say(&mut self, severity: Severity, text: impl AsRef<str>) {
        let text = visible::field(text.as_ref());
        match self {
            Journal::Syslog(syslog) => syslog.send(severity, text),
            Journal::Stderr => eprintln!("mserver: {text}"),
        }
    }
}
