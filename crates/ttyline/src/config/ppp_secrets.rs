//! pap-secrets and chap-secrets: `CLIENT SERVER SECRET ADDRESS… [-- OPTION…]`, read and edited as pppd
//! reads them (words of [`super::ppp_words`], an entry begins with the first word of a line).

use super::document::Position;
use super::ppp_options::{end_line, take};
use super::ppp_words::{self, Word, quoted};
use std::net::Ipv4Addr;
use std::ops::Range;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who is let in (or who we are): `*` for everybody.
    pub client: Word,
    /// Where: `*` for everywhere.
    pub server: Word,
    /// The secret, `@FILE`, or nothing.
    pub secret: Word,
    /// Addresses he may have, before a `--`.
    pub addresses: Vec<Word>,
    /// Options for his pppd, behind the `--`.
    pub options: Vec<Word>,
    /// From its first word to its last.
    pub span: Range<usize>,
}

/// A line that pppd reads as an entry and that is too short for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// Where.
    pub at: Position,
}

/// What a secret is. The secret itself stays where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Nothing: PAP asks the system if `login` is set; without it anything is accepted.
    Empty,
    /// In another file.
    File(String),
    /// There is one.
    Set,
}

impl Entry {
    /// What its secret is.
    #[must_use]
    pub fn secret(&self) -> Secret {
        match self.secret.bytes.as_slice() {
            [] => Secret::Empty,
            [b'@', file @ ..] if !file.is_empty() => Secret::File(String::from_utf8_lossy(file).into_owned()),
            _ => Secret::Set,
        }
    }

    /// Where it begins.
    #[must_use]
    pub fn at(&self) -> Position {
        self.client.at
    }

    /// Whether it lets everybody in with any name and password, as long as pppd's `login` does not ask the system.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.client.bytes == b"*" && self.secret() == Secret::Empty && !self.addresses.is_empty()
    }
}

/// All entries of a file, and the lines that are none.
#[must_use]
pub fn read(file: &[u8]) -> (Vec<Entry>, Vec<Short>) {
    let (mut entries, mut short) = (Vec::new(), Vec::new());
    let words = ppp_words::words(file);
    let mut rest = words.as_slice();
    while let Some(first) = rest.first() {
        let length = 1 + rest.iter().skip(1).take_while(|w| !w.first).count();
        let (line, after) = rest.split_at(length);
        rest = after;
        let [client, server, secret, more @ ..] = line else {
            short.push(Short { at: first.at });
            continue;
        };
        let cut = more.iter().position(|w| w.bytes == b"--").unwrap_or(more.len());
        let (addresses, options) = more.split_at(cut);
        let end = line.last().map_or(first.span.end, |w| w.span.end);
        entries.push(Entry {
            client: client.clone(),
            server: server.clone(),
            secret: secret.clone(),
            addresses: addresses.to_vec(),
            options: options.iter().skip(1).cloned().collect(),
            span: first.span.start..end,
        });
    }
    (entries, short)
}

/// The entry pppd takes for a caller's name and its own: the one with the fewest wildcards, an exact client
/// before an exact server, the first of equals.
#[must_use]
pub fn find<'a>(entries: &'a [Entry], client: &[u8], server: &[u8]) -> Option<&'a Entry> {
    let mut best: Option<(u8, &Entry)> = None;
    for entry in entries {
        let score = |word: &Word, wanted: &[u8], weight: u8| match word.bytes.as_slice() {
            b"*" => Some(0),
            exact if exact == wanted => Some(weight),
            _ => None,
        };
        let Some(c) = score(&entry.client, client, 2) else { continue };
        let Some(s) = score(&entry.server, server, 1) else { continue };
        if best.is_none_or(|(most, _)| c + s > most) {
            best = Some((c + s, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

/// What an entry says about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// He may have it.
    Allowed,
    /// He may not.
    Refused,
    /// It depends on a host's or network's name, which is not looked up here.
    Depends,
}

/// Whether a caller may have an address: the first word that is about it decides; no word, no address.
#[must_use]
pub fn allowed(addresses: &[Word], address: Ipv4Addr) -> Address {
    for word in addresses {
        let text = word.text();
        let (wanted, rest) = match text.strip_prefix('!') {
            Some(rest) => (Address::Refused, rest),
            None => (Address::Allowed, text.as_ref()),
        };
        match rest {
            "-" => return Address::Refused,
            "*" => return wanted,
            _ => match matches(rest, address) {
                Some(true) => return wanted,
                Some(false) => {}
                None => return Address::Depends,
            },
        }
    }
    Address::Refused
}

/// `1.2.3.4`, `1.2.3.0/24`, `1.2.3.0/24+` (the address with the unit's number); `None`: a name.
fn matches(text: &str, address: Ipv4Addr) -> Option<bool> {
    let text = text.strip_suffix('+').unwrap_or(text);
    let (net, bits) = match text.split_once('/') {
        Some((net, bits)) => (net, bits.parse::<u32>().ok().filter(|b| (1..=32).contains(b))?),
        None => (text, 32),
    };
    let net: Ipv4Addr = net.parse().ok()?;
    Some((u32::from(net) ^ u32::from(address)) >> (32 - bits) == 0)
}

/// The file with one more entry at its end.
#[must_use]
pub fn with_entry(file: &[u8], client: &[u8], server: &[u8], secret: &[u8], addresses: &[&[u8]]) -> Vec<u8> {
    let mut out = file.to_vec();
    end_line(&mut out);
    let words = [quoted(client), quoted(server), quoted(secret)];
    let addresses = addresses.iter().map(|a| quoted(a));
    out.extend(words.into_iter().chain(addresses).collect::<Vec<_>>().join(&b'\t'));
    out.push(b'\n');
    out
}

/// The file with another secret in an entry.
#[must_use]
pub fn with_secret(file: &[u8], entry: &Entry, secret: &[u8]) -> Vec<u8> {
    replaced(file, entry.secret.span.clone(), &quoted(secret))
}

/// The file with another server in an entry.
#[must_use]
pub fn with_server(file: &[u8], entry: &Entry, server: &[u8]) -> Vec<u8> {
    replaced(file, entry.server.span.clone(), &quoted(server))
}

/// The file with other addresses in an entry; options behind them stay.
#[must_use]
pub fn with_addresses(file: &[u8], entry: &Entry, addresses: &[&[u8]]) -> Vec<u8> {
    let new = addresses.iter().map(|a| quoted(a)).collect::<Vec<_>>().join(&b' ');
    let (first, last) = (entry.addresses.first(), entry.addresses.last());
    match first.zip(last) {
        Some((first, last)) if !new.is_empty() => replaced(file, first.span.start..last.span.end, &new),
        Some((_, last)) => replaced(file, entry.secret.span.end..last.span.end, b""),
        None if new.is_empty() => file.to_vec(),
        None => {
            replaced(file, entry.secret.span.end..entry.secret.span.end, &[b" ", new.as_slice()].concat())
        }
    }
}

/// The file without an entry. A comment behind it stays, on a line of its own.
#[must_use]
pub fn without(file: &[u8], entry: &Entry) -> Vec<u8> {
    let mut out = file.to_vec();
    take(&mut out, entry.span.clone());
    out
}

/// The file with an entry behind a `#`, each of its lines.
#[must_use]
pub fn switched_off(file: &[u8], entry: &Entry) -> Vec<u8> {
    let text = file.get(entry.span.clone()).unwrap_or_default();
    let off =
        text.split_inclusive(|b| *b == b'\n').flat_map(|line| [b"#", line].concat()).collect::<Vec<u8>>();
    replaced(file, entry.span.clone(), &off)
}

fn replaced(file: &[u8], span: Range<usize>, new: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    out.splice(span, new.iter().copied());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(file: &str) -> Entry {
        let (entries, short) = read(file.as_bytes());
        assert!(short.is_empty() && entries.len() == 1, "{file}");
        entries.into_iter().next().unwrap()
    }

    fn texts(words: &[Word]) -> Vec<String> {
        words.iter().map(|w| w.text().into_owned()).collect()
    }

    #[test]
    fn an_entry_behind_a_sign() {
        for (file, wanted) in [
            ("a * x *\n  * h \"\" * # all\nb * y *\n", "a * x *\n  #* h \"\" * # all\nb * y *\n"),
            ("* h \"\" \\\n *\nb * y *", "#* h \"\" \\\n# *\nb * y *"),
        ] {
            let (entries, _) = read(file.as_bytes());
            let open = entries.iter().find(|e| e.client.bytes == b"*").unwrap();
            let off = switched_off(file.as_bytes(), open);
            assert_eq!(String::from_utf8_lossy(&off), wanted);
            assert!(read(&off).0.iter().all(|e| e.client.bytes != b"*"));
        }
    }

    /// Each line of the table in spec/admin.md 1.6.
    #[test]
    fn what_the_module_misreads() {
        let file = with_entry(b"", b"bob", b"*", b"pa\"ss", &[b"*"]);
        assert_eq!(one(std::str::from_utf8(&file).unwrap()).secret.bytes, b"pa\"ss");
        let entry = one("bob * 'my pass' 10.0.0.2\n");
        assert_eq!(
            (entry.secret.bytes.as_slice(), texts(&entry.addresses)),
            (&b"my pass"[..], vec!["10.0.0.2".into()])
        );
        let entry = one("bob * secret 10.0.0.2 -- idle 60\n");
        assert_eq!(
            (texts(&entry.addresses), texts(&entry.options)),
            (vec!["10.0.0.2".into()], vec!["idle".into(), "60".into()])
        );
        assert_eq!(texts(&one("bob * secret * # the boss\n").addresses), ["*"]);
        assert_eq!(find(&[one("\"\" * x *")], b"bob", b"x"), None, "an empty word is an empty name");
        assert!(find(&[one("\"*\" * x *")], b"bob", b"x").is_some(), "quotes do not matter");
        let ip = Ipv4Addr::new(10, 0, 0, 2);
        assert_eq!(allowed(&one("bob * secret\n").addresses, ip), Address::Refused, "no word, no address");
        let entry = one("bob * secret !10.0.0.0/8 192.168.1.0/24 172.16.0.0/16+ *");
        assert_eq!(allowed(&entry.addresses, ip), Address::Refused);
        assert_eq!(allowed(&entry.addresses, Ipv4Addr::new(192, 168, 1, 9)), Address::Allowed);
        assert_eq!(allowed(&one("bob * x bobs-pc *").addresses, ip), Address::Depends);
        assert_eq!(allowed(&one("bob * x - *").addresses, ip), Address::Refused);
        assert_eq!(read(b"bob *\n# x\n").1, [Short { at: Position { line: 1, column: 1 } }]);
    }

    #[test]
    fn the_fewest_wildcards_win() {
        let (entries, _) = read(b"* * any *\n* here s *\nbob * b *\nbob here bh *\nbob * later *\n");
        let secret = |client: &str, server: &str| {
            find(&entries, client.as_bytes(), server.as_bytes()).unwrap().secret.text().into_owned()
        };
        assert_eq!(secret("bob", "here"), "bh");
        assert_eq!(secret("bob", "there"), "b");
        assert_eq!(secret("ann", "here"), "s");
        assert_eq!(secret("ann", "there"), "any");
    }

    #[test]
    fn edits_touch_nothing_else() {
        let file = "# users\nbob\t*\t'my pass'\t10.0.0.2 -- idle 60 # the boss\nann * \"\" *\n";
        let (entries, _) = read(file.as_bytes());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(
            text(with_secret(file.as_bytes(), &entries[0], b"n\\ew")),
            file.replace("'my pass'", "\"n\\\\ew\"")
        );
        assert_eq!(
            text(with_addresses(file.as_bytes(), &entries[0], &[b"*"])),
            file.replace("10.0.0.2", "*")
        );
        assert_eq!(text(with_addresses(file.as_bytes(), &entries[1], &[])), file.replace("\"\" *", "\"\""));
        assert_eq!(
            text(with_server(file.as_bytes(), &entries[1], b"here")),
            file.replace("ann *", "ann here")
        );
        assert_eq!(text(without(file.as_bytes(), &entries[1])), file.replace("ann * \"\" *\n", ""));
        assert_eq!(text(without(file.as_bytes(), &entries[0])), "# users\n# the boss\nann * \"\" *\n");
    }

    proptest! {
        #[test]
        fn what_is_added_is_read_back(
            client in proptest::collection::vec(1u8..=255, 0..20),
            secret in proptest::collection::vec(1u8..=255, 0..20),
            before in "([a-z*]{1,4} [a-z*]{1,4} [a-z\"']{0,3}x # ?\n){0,2}")
        {
            prop_assume!(!ppp_words::words(before.as_bytes()).iter().any(|w| w.open));
            let file = with_entry(before.as_bytes(), &client, b"*", &secret, &[b"10.0.0.2"]);
            let (entries, _) = read(&file);
            let last = entries.last().unwrap();
            prop_assert_eq!(&last.client.bytes, &client);
            prop_assert_eq!(&last.secret.bytes, &secret);
            let (entries, _) = read(&with_secret(&file, last, b"other one"));
            prop_assert_eq!(&entries.last().unwrap().secret.bytes, b"other one");
        }
    }
}
