//! Host lists: who may use a modem, look on, or take it over.

use crate::hosts_access::glob;
use std::net::IpAddr;

/// Who may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: everybody.
    Everybody,
    /// An address and how many of its bits count.
    Net(IpAddr, u8),
    /// A glob over the address's text (`192.168.2.*`).
    AddressGlob(String),
    /// A glob over the verified host name.
    NameGlob(String),
}

impl HostPattern {
    fn parse(text: &str) -> Result<HostPattern, &'static str> {
        if text == "*" {
            return Ok(HostPattern::Everybody);
        }
        // What hosts_access(5) would understand, and what would match nobody here.
        match text {
            "ALL" => return Err("* for everybody"),
            "LOCAL" | "KNOWN" | "UNKNOWN" | "PARANOID" => return Err("a host's name or address"),
            _ if text.starts_with('.') => return Err("*.DOMAIN"),
            _ if text.ends_with('.') => return Err("NET.* or NET/BITS"),
            _ => {}
        }
        let plain = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        if let Some((address, bits)) = plain.split_once('/') {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            let address: IpAddr = address.parse().map_err(|_| "an address before the `/`")?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.parse().ok().filter(|b| *b <= most).ok_or("a number of bits after the `/`")?;
            return Ok(HostPattern::Net(address, bits));
        }
        if let Ok(address) = plain.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(HostPattern::Net(address, if address.is_ipv4() { 32 } else { 128 }));
        }
        if text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'*' | b'?')) && !text.is_empty() {
            if !text.contains(['*', '?']) {
                return Err("an address of four numbers up to 255");
            }
            return Ok(HostPattern::AddressGlob(text.into()));
        }
        let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b'?');
        if text.bytes().all(usual) && !text.is_empty() {
            return Ok(HostPattern::NameGlob(text.into()));
        }
        Err("an address, ADDRESS/BITS, a host name (with * and ?), or * for everybody")
    }

    fn admits(&self, address: IpAddr, name: Option<&str>) -> bool {
        match self {
            HostPattern::Everybody => true,
            HostPattern::Net(net, bits) => same_net(*net, address, *bits),
            HostPattern::AddressGlob(pattern) => glob(pattern.as_bytes(), address.to_string().as_bytes()),
            HostPattern::NameGlob(pattern) => name.is_some_and(|n| glob(pattern.as_bytes(), n.as_bytes())),
        }
    }
}

pub(super) fn same_net(net: IpAddr, address: IpAddr, bits: u8) -> bool {
    let (net, address, width) = match (net, address) {
        (IpAddr::V4(n), IpAddr::V4(a)) => (u128::from(u32::from(n)), u128::from(u32::from(a)), 32),
        (IpAddr::V6(n), IpAddr::V6(a)) => (u128::from(n), u128::from(a), 128),
        _ => return false,
    };
    bits == 0 || (net ^ address) >> (width - u32::from(bits)) == 0
}

/// A list of hosts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Hosts(Vec<HostPattern>);

impl Hosts {
    /// Reads patterns between commas; the place of a mistake is in bytes from the start.
    pub(super) fn parse(text: &str) -> Result<Hosts, (usize, &'static str)> {
        let mut at = 0;
        let mut hosts = Hosts::default();
        for pattern in text.split(',') {
            hosts.0.push(HostPattern::parse(pattern).map_err(|expected| (at, expected))?);
            at += pattern.len() + 1;
        }
        Ok(hosts)
    }

    /// Whether nobody is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a client is in it. `name` is a verified one.
    #[must_use]
    pub fn admit(&self, address: IpAddr, name: Option<&str>) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|pattern| pattern.admits(address, name))
    }

    /// Whether it admits everybody: `*`, `0.0.0.0/0`, `*.*.*.*`.
    #[must_use]
    pub fn is_everybody(&self) -> bool {
        self.0.iter().any(|pattern| match pattern {
            HostPattern::Everybody | HostPattern::Net(_, 0) => true,
            HostPattern::AddressGlob(glob) => glob.bytes().all(|b| matches!(b, b'*' | b'.')),
            _ => false,
        })
    }

    /// Whether it needs the client's name for `address`, which is looked up only then.
    #[must_use]
    pub fn need_name(&self, address: IpAddr) -> bool {
        !self.admit(address, None) && self.0.iter().any(|p| matches!(p, HostPattern::NameGlob(_)))
    }
}
