//! A client's host name, believed only if it has the client's address among its own.

use super::Name;
use crate::account::getent;
use crate::sys::names;
use std::net::{IpAddr, ToSocketAddrs};

/// What was found of a name; [`Name`] that owns its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostName {
    /// A name that is confirmed.
    Known(String),
    /// None, or no answer in time.
    Unknown,
    /// A name that does not have the address: a fault, or a forgery.
    Paranoid,
}

impl HostName {
    /// For a [`super::Visit`].
    #[must_use]
    pub fn as_name(&self) -> Name<'_> {
        match self {
            HostName::Known(name) => Name::Known(name),
            HostName::Unknown => Name::Unknown,
            HostName::Paranoid => Name::Paranoid,
        }
    }
}

/// Looks the name up, forth and back. May take as long as the resolver takes.
#[must_use]
pub fn look_up(address: IpAddr) -> HostName {
    let Ok(name) = names::name_of(address.to_canonical()) else { return HostName::Unknown };
    let Ok(addresses) = (name.as_str(), 0).to_socket_addrs() else { return HostName::Paranoid };
    judge(&name, address, addresses.map(|a| a.ip()))
}

/// As [`look_up`], by `getent`, which has five seconds for each way: for programs that are linked statically
/// and cannot load the name services themselves.
#[must_use]
pub fn look_up_by_getent(address: IpAddr) -> HostName {
    let Some(found) = getent("hosts", &address.to_canonical().to_string()) else { return HostName::Unknown };
    // `ADDRESS NAME [ALIAS...]`, then `ADDRESS TYPE [NAME]` in each line.
    let Some(name) = found.split_ascii_whitespace().nth(1) else { return HostName::Unknown };
    let back = if name.starts_with('-') { None } else { getent("ahosts", name) }.unwrap_or_default();
    let addresses = back.lines().filter_map(|line| line.split_ascii_whitespace().next()?.parse().ok());
    judge(name, address, addresses)
}

fn judge(name: &str, address: IpAddr, mut addresses: impl Iterator<Item = IpAddr>) -> HostName {
    let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    // A name that reads like an address would match rules that are about addresses.
    let is_name =
        !name.is_empty() && name.len() <= 253 && name.bytes().all(usual) && name.parse::<IpAddr>().is_err();
    if is_name && addresses.any(|a| a.to_canonical() == address.to_canonical()) {
        HostName::Known(name.trim_end_matches('.').to_string())
    } else {
        HostName::Paranoid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_only_if_it_leads_back() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let known = HostName::Known("box.foo.org".into());
        for (name, back, expected) in [
            ("box.foo.org", vec![ip("10.9.9.9"), ip("10.1.2.3")], &known),
            ("box.foo.org.", vec![ip("::ffff:10.1.2.3")], &known),
            ("box.foo.org", vec![ip("10.9.9.9")], &HostName::Paranoid),
            ("10.1.2.3", vec![ip("10.1.2.3")], &HostName::Paranoid),
            ("evil name", vec![ip("10.1.2.3")], &HostName::Paranoid),
            ("", vec![ip("10.1.2.3")], &HostName::Paranoid),
        ] {
            assert_eq!(&judge(name, ip("10.1.2.3"), back.into_iter()), expected, "{name:?}");
        }
    }

    #[test]
    fn getent_knows_this_machine() {
        let local = look_up_by_getent("127.0.0.1".parse().expect("an address"));
        assert!(matches!(local, HostName::Known(_)), "{local:?}");
    }
}
