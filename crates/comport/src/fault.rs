//! Why there is no connection: one sentence, one exit code.

use std::fmt;
use std::io;

/// The system's text for an error, without Rust's number behind it.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error ").map_or(text.clone(), |(text, _)| text.to_string())
}

/// What went wrong between us and the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such host.
    NoHost(String),
    /// It does not want us: nobody listens, or there is no way to it.
    Refused(String),
    /// It does not answer.
    Silent(String),
    /// Its certificate is not what it should be.
    Certificate(String),
    /// TLS failed otherwise.
    Tls(String),
    /// It has ended the connection.
    Ended,
    /// The connection broke.
    Broken(String),
}

impl Fault {
    /// A connection that could not be made.
    #[must_use]
    pub fn of_connect(error: &io::Error) -> Fault {
        match error.kind() {
            io::ErrorKind::TimedOut => Fault::Silent(reason(error)),
            _ => Fault::Refused(reason(error)),
        }
    }

    /// The exit code where the first failure is the end.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Fault::NoHost(_) => 3,
            Fault::Refused(_) | Fault::Silent(_) => 4,
            Fault::Certificate(_) | Fault::Tls(_) => 5,
            Fault::Ended => 0,
            Fault::Broken(_) => 6,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NoHost(why) => write!(f, "the host is not known: {why}"),
            Fault::Refused(why) => write!(f, "no connection: {why}"),
            Fault::Silent(why) => write!(f, "no answer: {why}"),
            Fault::Certificate(why) => write!(f, "the server's certificate is not good: {why}"),
            Fault::Tls(why) => write!(f, "TLS failed: {why}"),
            Fault::Ended => f.write_str("the server ended the connection"),
            Fault::Broken(why) => write!(f, "the connection broke: {why}"),
        }
    }
}
