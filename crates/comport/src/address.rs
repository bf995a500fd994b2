//! Where a port leads: `SCHEME://HOST:PORT`.

use std::fmt;

/// How the server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Bytes.
    Raw,
    /// Telnet.
    Telnet,
    /// Telnet with control of the port (RFC 2217).
    ComPort,
}

/// An address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What is spoken.
    pub language: Language,
    /// Inside TLS.
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

/// The schemes, for messages.
pub const SCHEMES: &str = "tcp, telnet, rfc2217, tls+tcp, tls+telnet, tls+rfc2217";

/// A mistake: where it begins, in bytes from the start, and what it is.
pub type Mistake = (usize, String);

impl Address {
    /// Reads an address; `service` gives the TCP port of a name of /etc/services.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, service: &dyn Fn(&str) -> Option<u16>) -> Result<Address, Mistake> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err((0, format!("SCHEME://HOST:PORT is expected; the schemes are {SCHEMES}")));
        };
        let (tls, plain) = match scheme.strip_prefix("tls+") {
            Some(plain) => (true, plain),
            None => (false, scheme),
        };
        let language = match plain {
            "tcp" => Language::Raw,
            "telnet" => Language::Telnet,
            "rfc2217" => Language::ComPort,
            _ => return Err((0, format!("`{}` is no scheme; there are {SCHEMES}", shown(scheme)))),
        };
        let at = scheme.len() + 3;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port, host_at) = match rest.strip_prefix('[') {
            Some(inside) => {
                let (host, after) =
                    inside.split_once(']').ok_or_else(|| (at, "the `[` is not closed".to_string()))?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err((at + 1, format!("`{}` is no IPv6 address", shown(host))));
                }
                (host, after.strip_prefix(':'), at + 1)
            }
            None => match rest.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err((at, "an IPv6 address stands in brackets: [::1]:5800".into()));
                }
                Some((host, port)) => (host, Some(port), at),
                None => (rest, None, at),
            },
        };
        let usual = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
        if host.is_empty() || host.len() > 253 || host.starts_with('-') || !host.bytes().all(usual) {
            return Err((host_at, format!("`{}` is no host name", shown(host))));
        }
        let port_at = at + rest.len() - port.map_or(0, str::len);
        let port = match (port, language) {
            (Some(text), _) => port_of(text, service).map_err(|why| (port_at, why))?,
            (None, Language::Telnet) if !tls => 23,
            (None, _) => return Err((port_at, "`:PORT` is missing".into())),
        };
        Ok(Address { language, tls, host: host.into(), port })
    }
}

/// A port number, or the name of a service.
///
/// # Errors
/// A sentence.
pub fn port_of(text: &str, service: &dyn Fn(&str) -> Option<u16>) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(0) | Err(_) => service(text).ok_or_else(|| {
            format!("`{}` is no port (1 to 65535) and no service of /etc/services", shown(text))
        }),
        Ok(number) => Ok(number),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.language {
            Language::Raw => "tcp",
            Language::Telnet => "telnet",
            Language::ComPort => "rfc2217",
        };
        let tls = if self.tls { "tls+" } else { "" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{tls}{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

fn shown(text: &str) -> String {
    ttyline::visible::terminal(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, Mistake> {
        Address::parse(text, &|name| (name == "modem").then_some(2006))
    }

    #[test]
    fn addresses_come_back() {
        for text in [
            "tcp://office:5800",
            "telnet://10.0.0.1:23",
            "rfc2217://[::1]:2217",
            "tls+rfc2217://modems.foo.org:992",
            "tls+tcp://a-b_c:1",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("tcp://office:modem").unwrap().port, 2006);
        assert_eq!(parse("telnet://office/").unwrap().port, 23);
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, at, what) in [
            ("office:5800", 0, "SCHEME://"),
            ("http://office:80", 0, "`http` is no scheme"),
            ("tls+udp://office:80", 0, "no scheme"),
            ("tcp://office", 12, "missing"),
            ("tls+telnet://office", 19, "missing"),
            ("tcp://:5800", 6, "no host name"),
            ("tcp://-x:5800", 6, "no host name"),
            ("tcp://of fice:5800", 6, "no host name"),
            ("tcp://office:0", 13, "no port"),
            ("tcp://office:99999", 13, "no port"),
            ("tcp://office:nothing", 13, "no service"),
            ("tcp://::1:5800", 6, "brackets"),
            ("tcp://[::1", 6, "not closed"),
            ("tcp://[office]:1", 7, "no IPv6 address"),
            ("tcp://[::1]", 11, "missing"),
        ] {
            let (place, why) = parse(text).unwrap_err();
            assert_eq!(place, at, "{text}: {why}");
            assert!(why.contains(what), "{text}: {why}");
        }
    }
}
