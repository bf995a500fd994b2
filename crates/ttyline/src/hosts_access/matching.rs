//! Whether a rule is about a visit.

use super::{Name, ReadFile, Rule, Visit};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most words read out of one pattern file: a file may be any size.
const MOST_FILE: usize = 1 << 20;

/// Whether the daemon and the client are both in the rule's lists.
pub(super) fn matches(rule: &Rule, visit: &Visit<'_>, read: ReadFile<'_>) -> bool {
    in_list(&rule.daemons, &|word| is_daemon(word, visit))
        && in_list(&rule.clients, &|word| is_client(word, visit, read))
}

/// `a b EXCEPT c EXCEPT d`: one of the words before the first EXCEPT, and not in the list behind it.
fn in_list<W: AsRef<str>>(words: &[W], is: &dyn Fn(&str) -> bool) -> bool {
    let cut = words.iter().position(|w| w.as_ref().eq_ignore_ascii_case("EXCEPT"));
    let (before, behind) = words.split_at(cut.unwrap_or(words.len()));
    before.iter().any(|w| is(w.as_ref())) && !behind.split_first().is_some_and(|(_, rest)| in_list(rest, is))
}

fn is_daemon(word: &str, visit: &Visit<'_>) -> bool {
    let by_name =
        |word: &str| is_text(word, visit.daemon) || visit.port.is_some_and(|port| word.parse() == Ok(port));
    match at_sign(word) {
        None => by_name(word),
        Some((daemon, host)) => {
            // Names of our own addresses are not looked up.
            let here = visit.reached_at.map(|address| Visit {
                client: address.to_canonical(),
                name: Name::Unknown,
                ..*visit
            });
            by_name(daemon) && here.map_or(is_text(host, "unknown"), |here| is_host(host, &here, &|_| None))
        }
    }
}

fn is_client(word: &str, visit: &Visit<'_>, read: ReadFile<'_>) -> bool {
    match at_sign(word) {
        None => is_host(word, visit, read),
        // Nobody was asked who the user is.
        Some((user, host)) => is_host(host, visit, read) && is_text(user, "unknown"),
    }
}

/// `user@host`; a word that begins with the sign is a netgroup.
fn at_sign(word: &str) -> Option<(&str, &str)> {
    word.split_once('@').filter(|(before, _)| !before.is_empty())
}

fn is_host(word: &str, visit: &Visit<'_>, read: ReadFile<'_>) -> bool {
    if word.starts_with('@') {
        // Netgroups come from NIS, which is not asked.
        return false;
    }
    if word.starts_with('/') {
        return in_file(word, visit, read);
    }
    if word.eq_ignore_ascii_case("KNOWN") {
        return matches!(visit.name, Name::Known(_));
    }
    if word.eq_ignore_ascii_case("LOCAL") {
        return matches!(visit.name, Name::Known(name) if !name.contains('.'));
    }
    if let Some((net, mask)) = word.split_once('/') {
        return in_net(net, mask, visit.client);
    }
    let address = visit.client;
    is_text(word, visit.name.text()) || is_text(word, &address.to_string()) || is_address(word, address)
}

/// A pattern file holds words as the second field does; a file inside a file is not read.
fn in_file(path: &str, visit: &Visit<'_>, read: ReadFile<'_>) -> bool {
    let Some(text) = read(path) else { return false };
    let text = text.get(..MOST_FILE).unwrap_or(&text);
    let text = String::from_utf8_lossy(text);
    text.lines().any(|line| {
        let words: Vec<&str> = line.split([' ', '\t', '\r', ',']).filter(|w| !w.is_empty()).collect();
        in_list(&words, &|word| is_client(word, visit, &|_| None))
    })
}

/// The library's plain comparison: ALL, KNOWN, `.suffix`, `prefix.`, `*` and `?`, or the same word.
fn is_text(word: &str, text: &str) -> bool {
    if word.starts_with('.') {
        return text.len() > word.len() && ends_with(text, word);
    }
    if word.eq_ignore_ascii_case("ALL") {
        return true;
    }
    if word.eq_ignore_ascii_case("KNOWN") {
        return !matches!(text, "unknown" | "paranoid");
    }
    if word.ends_with('.') {
        return text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    }
    if word.contains(['*', '?']) {
        return glob(word.as_bytes(), text.as_bytes());
    }
    word.eq_ignore_ascii_case(text)
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len()
        .checked_sub(end.len())
        .and_then(|at| text.get(at..))
        .is_some_and(|t| t.eq_ignore_ascii_case(end))
}

/// Whether `*` and `?` in `pattern` make it `text`, in letters of any case. Linear in space, quadratic in
/// time at worst: a star only ever goes back to itself.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted.eq_ignore_ascii_case(&byte) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// `[2001:db8::5]`.
fn is_address(word: &str, address: IpAddr) -> bool {
    let inside = word.strip_prefix('[').and_then(|w| w.strip_suffix(']'));
    let wanted = inside.and_then(|w| w.parse::<Ipv6Addr>().ok());
    wanted.is_some_and(|wanted| IpAddr::V6(wanted) == address)
}

fn in_net(net: &str, mask: &str, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => in_v4_net(net, mask, address).unwrap_or(false),
        IpAddr::V6(address) => in_v6_net(net, mask, address).unwrap_or(false),
    }
}

fn in_v4_net(net: &str, mask: &str, address: Ipv4Addr) -> Option<bool> {
    let net = dotted_quad(net)?;
    let mask = match dotted_quad(mask) {
        Some(mask) => mask,
        None => match leading_number(mask)? {
            bits @ 1..=32 => u32::MAX << (32 - bits),
            _ => return None,
        },
    };
    Some(u32::from(address) & mask == net)
}

fn in_v6_net(net: &str, mask: &str, address: Ipv6Addr) -> Option<bool> {
    let net: Ipv6Addr = net.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    // As atoi: what is no number is 0, hence everybody.
    let bits = leading_number(mask).unwrap_or(0);
    let keep = match bits {
        0 => 0,
        bits @ 1..=128 => u128::MAX << (128 - bits),
        _ => return None,
    };
    Some(u128::from(address) & keep == u128::from(net) & keep)
}

/// The number a text begins with, as `strtol` reads it in base 10.
fn leading_number(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end).filter(|d| !d.is_empty())?.parse::<i64>().ok().map(|n| sign * n)
}

/// Four parts, each decimal, octal (`012`) or hexadecimal (`0xa`), as `inet_addr` reads them;
/// 255.255.255.255 is its mark for a failure.
fn dotted_quad(text: &str) -> Option<u32> {
    let mut address = 0u32;
    let mut count = 0;
    for part in text.split('.') {
        let value = match part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None if part.starts_with('+') => return None,
            None if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(part, 8),
            None => part.parse(),
        };
        address = address << 8 | value.ok().filter(|v| *v < 256)?;
        count += 1;
    }
    (count == 4 && address != u32::MAX).then_some(address)
}

/// Whether a word of a client list can be about a host name.
pub(super) fn may_be_name(word: &str) -> bool {
    let host = at_sign(word).map_or(word, |(_, host)| host);
    if host.starts_with('/') {
        return true;
    }
    let only_address = host.contains('/')
        || host.starts_with(['[', '@'])
        || host.eq_ignore_ascii_case("ALL")
        || host.eq_ignore_ascii_case("EXCEPT")
        || host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    !only_address
}
