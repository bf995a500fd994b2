//! Who may in: the host list of the line, and hosts.allow and hosts.deny.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use ttyline::config::mserver::Hosts;
use ttyline::hosts_access::lookup::HostName;
use ttyline::hosts_access::{self, Rules, Visit};

/// The daemon's name in hosts.allow and hosts.deny.
pub const DAEMON: &str = "mserver";

/// A client at the door.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Its address, IPv4 as IPv4.
    pub peer: IpAddr,
    /// The address it reached.
    pub reached: IpAddr,
    /// The port it reached.
    pub port: u16,
    /// Its name, once that has been looked up.
    pub name: Option<HostName>,
    /// Whom its certificate names, at a port with TLS.
    pub certificate: Option<Rc<str>>,
}

impl Caller {
    /// The verified name.
    #[must_use]
    pub fn known_name(&self) -> Option<&str> {
        match &self.name {
            Some(HostName::Known(name)) => Some(name),
            _ => None,
        }
    }

    /// Whether it comes from this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.peer.is_loopback() || self.peer == self.reached
    }

    /// Whether a line's host list admits it; an absent list admits this machine.
    #[must_use]
    pub fn admitted_by(&self, hosts: Option<&Hosts>) -> bool {
        hosts.map_or(self.is_local(), |hosts| hosts.admit(self.peer, self.known_name()))
    }

    /// Who it is, for the record: whom its certificate names, or its verified host name.
    #[must_use]
    pub fn who(&self) -> Option<&str> {
        self.certificate.as_deref().or(self.known_name())
    }

    /// For people: address, and name where there is one.
    #[must_use]
    pub fn shown(&self) -> String {
        let place = match self.known_name() {
            Some(name) => format!("{name} ({})", self.peer),
            None => self.peer.to_string(),
        };
        match &self.certificate {
            Some(who) => format!("`{who}` at {place}"),
            None => place,
        }
    }
}

/// What the two files say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Files {
    /// They admit the client.
    Granted,
    /// They refuse it, or cannot be read; why, for people.
    Denied(String),
    /// That depends on its name.
    NeedName,
}

/// Reads the two files anew, as the library does for each client: a change holds from the next one on.
#[must_use]
pub fn ask_files(caller: &Caller, allow: &Path, deny: &Path) -> Files {
    let rules = |path: &Path| match std::fs::read(path) {
        Ok(text) => Ok(Rules::read(&text)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Rules::default()),
        Err(e) => Err(format!("{}: {}", path.display(), ttyline::log::reason(&e))),
    };
    let (allow, deny) = match (rules(allow), rules(deny)) {
        (Ok(allow), Ok(deny)) => (allow, deny),
        (Err(why), _) | (_, Err(why)) => return Files::Denied(why),
    };
    if caller.name.is_none() && hosts_access::needs_name(&allow, &deny) {
        return Files::NeedName;
    }
    let name = caller.name.as_ref().map_or(hosts_access::Name::Unknown, HostName::as_name);
    let visit = Visit {
        daemon: DAEMON,
        port: Some(caller.port),
        reached_at: Some(caller.reached),
        client: caller.peer,
        name,
    };
    let decision = hosts_access::decide(&allow, &deny, &visit, &|path| std::fs::read(path).ok());
    if decision.granted {
        return Files::Granted;
    }
    let rule = decision.by.map_or(String::new(), |(source, line)| format!("{source:?} rule, line {line}"));
    Files::Denied(decision.remark.unwrap_or(rule))
}
