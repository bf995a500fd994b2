//! `/etc/hosts.allow` and `/etc/hosts.deny`, read as the TCP wrappers' library reads them.
//!
//! The order: the first rule of the allow file that matches grants, else the first of the deny file that
//! matches refuses, else the client is granted; a rule's last field may turn its verdict round. What the
//! library does was found by asking it (`tests/conformance/hosts_access`), surprises included.
//!
//! No command of a rule is ever run here: `spawn` gives the library's verdict and a remark, `twist`,
//! `aclexec`, `user` and `group` refuse. Nobody is asked for a user name (RFC 1413), so all are unknown.

pub mod lookup;
mod matching;
mod options;
mod rules;

pub(crate) use matching::glob;
pub use rules::{Oddity, Rule, Rules};

use std::net::IpAddr;

/// What is known of a client's host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// The address's name, which has the address among its own.
    Known(&'a str),
    /// There is none, or it could not be found out.
    Unknown,
    /// The address has a name, but that name does not have the address.
    Paranoid,
}

impl<'a> Name<'a> {
    fn text(self) -> &'a str {
        match self {
            Name::Known(name) => name,
            Name::Unknown => "unknown",
            Name::Paranoid => "paranoid",
        }
    }
}

/// Who wants what.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The daemon's name.
    pub daemon: &'a str,
    /// The port it was reached at; its number counts as a name of the daemon.
    pub port: Option<u16>,
    /// The address it was reached at.
    pub reached_at: Option<IpAddr>,
    /// The client's address; an IPv4 address in IPv6 clothes counts as IPv4.
    pub client: IpAddr,
    /// The client's host name.
    pub name: Name<'a>,
}

/// Which file decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A rule of the allow file.
    Allow,
    /// A rule of the deny file.
    Deny,
}

/// May the client in, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub granted: bool,
    /// The rule that decided, by file and line; `None` if none matched.
    pub by: Option<(Source, usize)>,
    /// Something the administrator ought to read.
    pub remark: Option<String>,
}

/// Reads the pattern file a rule names (`/etc/friends`); `None` if it cannot be read.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Decides.
#[must_use]
pub fn decide(allow: &Rules, deny: &Rules, visit: &Visit<'_>, read: ReadFile<'_>) -> Decision {
    let visit = Visit { client: visit.client.to_canonical(), ..*visit };
    for (source, rules, plain) in [(Source::Allow, allow, true), (Source::Deny, deny, false)] {
        if let Some(rule) = rules.rules.iter().find(|rule| matching::matches(rule, &visit, read)) {
            let outcome = options::outcome(&rule.options, plain);
            return Decision {
                granted: outcome.granted,
                by: Some((source, rule.line)),
                remark: outcome.remark,
            };
        }
        // Behind a line the library cannot read it reads nothing: there is no more to grant, and all is refused.
        if let Some(line) = rules.broken_at.filter(|_| source == Source::Deny) {
            let remark = Some(format!("hosts.deny cannot be read from line {line} on"));
            return Decision { granted: false, by: Some((source, line)), remark };
        }
    }
    Decision { granted: true, by: None, remark: None }
}

/// Whether the decision may depend on the client's host name, so that it is worth a look-up.
#[must_use]
pub fn needs_name(allow: &Rules, deny: &Rules) -> bool {
    allow
        .rules
        .iter()
        .chain(&deny.rules)
        .any(|rule| rule.clients.iter().any(|word| matching::may_be_name(word)))
}

#[cfg(test)]
mod tests;
