//! A client's host name, believed only if it has the client's address among its own.

use super::Name;
use crate::sys::names;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

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

/// As [`look_up`], but unknown when `limit` is over. The look-up goes on by itself and comes to nothing.
#[must_use]
pub fn look_up_within(address: IpAddr, limit: Duration) -> HostName {
    let (tell, hear) = mpsc::channel();
    let started = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
        let _ = tell.send(look_up(address));
    });
    if started.is_err() {
        return HostName::Unknown;
    }
    hear.recv_timeout(limit).unwrap_or(HostName::Unknown)
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
    fn a_look_up_ends_in_time() {
        let start = std::time::Instant::now();
        let _ = look_up_within("192.0.2.1".parse().expect("an address"), Duration::from_millis(50));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}
