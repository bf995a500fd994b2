//! pppd's options files: which options stand where, and editing them without touching anything else.
//!
//! Options may share lines and their values may stand on the next one; what takes a value is known from
//! pppd(8) and from asking pppd 2.4.9 (see [`super::ppp_words`]).

use super::document::Position;
use super::ppp_words::{self, Word, quoted};
use std::ops::Range;

/// Options with one value.
const WITH_VALUE: &[&str] = &[
    "+ua",
    "active-filter",
    "allow-ip",
    "allow-number",
    "asyncmap",
    "bsdcomp",
    "bundle",
    "ca",
    "call",
    "callback",
    "cert",
    "chap-interval",
    "chap-max-challenge",
    "chap-restart",
    "chap-timeout",
    "child-timeout",
    "connect",
    "connect-delay",
    "crl",
    "crl-dir",
    "deflate",
    "defaultroute-metric",
    "disconnect",
    "domain",
    "eap-interval",
    "eap-max-rreq",
    "eap-max-sreq",
    "eap-restart",
    "eap-timeout",
    "endpoint",
    "escape",
    "file",
    "holdoff",
    "idle",
    "ifname",
    "init",
    "ip-down-script",
    "ip-up-script",
    "ipcp-max-configure",
    "ipcp-max-failure",
    "ipcp-max-terminate",
    "ipcp-restart",
    "ipparam",
    "ipv6",
    "ipv6cp-max-configure",
    "ipv6cp-max-failure",
    "ipv6cp-max-terminate",
    "ipv6cp-restart",
    "ipx-network",
    "ipx-node",
    "ipx-router-name",
    "ipx-routing",
    "ipxcp-max-configure",
    "ipxcp-max-failure",
    "ipxcp-max-terminate",
    "kdebug",
    "key",
    "lcp-echo-failure",
    "lcp-echo-interval",
    "lcp-max-configure",
    "lcp-max-failure",
    "lcp-max-terminate",
    "lcp-restart",
    "linkname",
    "logfd",
    "logfile",
    "maxconnect",
    "maxfail",
    "maxoctets",
    "mo",
    "mo-direction",
    "mo-timeout",
    "mrru",
    "mru",
    "ms-dns",
    "ms-wins",
    "mtu",
    "name",
    "netmask",
    "pap-max-authreq",
    "pap-restart",
    "pap-timeout",
    "pass-filter",
    "password",
    "plugin",
    "privgroup",
    "pty",
    "record",
    "remotename",
    "remotenumber",
    "set",
    "srp-interval",
    "srp-pn-secret",
    "stop-bits",
    "unit",
    "unset",
    "user",
    "vj-max-slots",
    "welcome",
];

/// Options without one.
const ALONE: &[&str] = &[
    "+chap",
    "+ipv6",
    "+ipx",
    "+mschap",
    "+mschap-v2",
    "+pap",
    "-ac",
    "-all",
    "-am",
    "-as",
    "-bsdcomp",
    "-ccp",
    "-chap",
    "-crtscts",
    "-d",
    "-defaultroute",
    "-defaultroute6",
    "-deflate",
    "-detach",
    "-ip",
    "-ipv6",
    "-ipx",
    "-mn",
    "-mru",
    "-mschap",
    "-mschap-v2",
    "-p",
    "-pap",
    "-pc",
    "-predictor1",
    "-proxyarp",
    "-vj",
    "-vjccomp",
    "auth",
    "cdtrcts",
    "chapms-strip-domain",
    "crtscts",
    "debug",
    "default-asyncmap",
    "default-mru",
    "defaultroute",
    "defaultroute6",
    "demand",
    "dryrun",
    "dump",
    "enable-session",
    "hide-password",
    "ipcp-accept-local",
    "ipcp-accept-remote",
    "ipcp-no-address",
    "ipcp-no-addresses",
    "ipv6cp-accept-local",
    "ipv6cp-accept-remote",
    "ipx",
    "ipxcp-accept-local",
    "ipxcp-accept-network",
    "ipxcp-accept-remote",
    "ktune",
    "lcp-echo-adaptive",
    "local",
    "lock",
    "login",
    "master_detach",
    "modem",
    "mp",
    "mppe-stateful",
    "mpshortseq",
    "multilink",
    "need-peer-eap",
    "noaccomp",
    "noauth",
    "nobsdcomp",
    "noccp",
    "nocdtrcts",
    "nocrtscts",
    "nodefaultroute",
    "nodefaultroute6",
    "nodeflate",
    "nodeflatedraft",
    "nodetach",
    "noendpoint",
    "noip",
    "noipdefault",
    "noipv6",
    "noipx",
    "noktune",
    "nolock",
    "nolog",
    "nomagic",
    "nomp",
    "nomppe",
    "nomppe-128",
    "nomppe-40",
    "nomppe-stateful",
    "nompshortseq",
    "nomultilink",
    "nopcomp",
    "nopersist",
    "nopredictor1",
    "noproxyarp",
    "noremoteip",
    "noreplacedefaultroute",
    "nosendip",
    "notty",
    "novj",
    "novjccomp",
    "papcrypt",
    "passive",
    "persist",
    "predictor1",
    "proxyarp",
    "receive-all",
    "refuse-chap",
    "refuse-eap",
    "refuse-mschap",
    "refuse-mschap-v2",
    "refuse-pap",
    "replacedefaultroute",
    "require-chap",
    "require-eap",
    "require-mppe",
    "require-mppe-128",
    "require-mppe-40",
    "require-mschap",
    "require-mschap-v2",
    "require-pap",
    "show-password",
    "silent",
    "srp-use-pseudonym",
    "sync",
    "up_sdnotify",
    "updetach",
    "usehostname",
    "usepeerdns",
    "xonxoff",
];

/// Options of which the last one counts: one takes the others' place.
const RIVALS: &[&[&str]] = &[
    &["auth", "noauth"],
    &["modem", "local"],
    &["lock", "nolock"],
    &["proxyarp", "noproxyarp", "-proxyarp"],
    &["crtscts", "nocrtscts", "-crtscts", "cdtrcts", "nocdtrcts", "xonxoff"],
    &["nodetach", "-detach", "updetach"],
    &["require-pap", "+pap", "refuse-pap", "-pap"],
    &["require-chap", "+chap", "refuse-chap", "-chap"],
    &["require-mschap", "+mschap", "refuse-mschap", "-mschap"],
    &["require-mschap-v2", "+mschap-v2", "refuse-mschap-v2", "-mschap-v2"],
    &["require-eap", "refuse-eap"],
    &["defaultroute", "nodefaultroute", "-defaultroute"],
    &["hide-password", "show-password"],
    &["persist", "nopersist"],
    &["+ipv6", "noipv6", "-ipv6"],
    &["ipx", "+ipx", "noipx", "-ipx"],
    &["mp", "multilink", "nomp", "nomultilink"],
    &["novj", "-vj"],
    &["default-asyncmap", "-am", "asyncmap"],
    &["debug", "-d"],
];

/// How a pair `LOCAL:REMOTE` is called here.
pub const ADDRESSES: &str = "addresses";

/// What an option is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An option pppd knows.
    Known,
    /// `LOCAL:REMOTE`.
    Addresses,
    /// A device, or a bare speed.
    Port,
    /// Nothing pppd 2.4.9 knows (a plugin's option, or a mistake).
    Unknown,
}

/// One option of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name as written; [`ADDRESSES`] for a pair.
    pub name: String,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub at: Position,
    /// All its bytes, value included.
    pub span: Range<usize>,
}

/// Whether an option takes a value; `None`: it is not known.
#[must_use]
pub fn takes_value(name: &str) -> Option<bool> {
    if WITH_VALUE.contains(&name) {
        return Some(true);
    }
    ALONE.contains(&name).then_some(false)
}

/// The options that compete with this one, itself among them.
#[must_use]
pub fn rivals(name: &str) -> Vec<&str> {
    RIVALS.iter().find(|group| group.contains(&name)).map_or_else(|| vec![name], |group| group.to_vec())
}

/// All options of a file in their order.
#[must_use]
pub fn read(file: &[u8]) -> Vec<Setting> {
    let words = ppp_words::words(file);
    let mut rest = words.as_slice();
    let mut settings = Vec::new();
    while let Some((word, after)) = rest.split_first() {
        rest = after;
        let name = word.text().into_owned();
        let mut setting =
            Setting { name, value: None, kind: Kind::Known, at: word.at, span: word.span.clone() };
        match takes_value(&setting.name) {
            Some(true) => {
                if let Some((value, after)) = rest.split_first() {
                    rest = after;
                    setting.value = Some(value.bytes.clone());
                    setting.span.end = value.span.end;
                }
            }
            Some(false) => {}
            None => (setting.kind, setting.name, setting.value) = unknown(word),
        }
        settings.push(setting);
    }
    settings
}

fn unknown(word: &Word) -> (Kind, String, Option<Vec<u8>>) {
    let text = word.text();
    if is_pair(&text) {
        return (Kind::Addresses, ADDRESSES.into(), Some(word.bytes.clone()));
    }
    let speed = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    let kind = if speed || text.starts_with("/dev/") || text.starts_with("tty") {
        Kind::Port
    } else {
        Kind::Unknown
    };
    (kind, text.into_owned(), None)
}

/// Whether a word is `LOCAL:REMOTE`, either side perhaps empty, addresses or host names.
#[must_use]
pub fn is_pair(text: &str) -> bool {
    let Some((local, remote)) = text.split_once(':') else { return false };
    let host = |h: &str| h.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    host(local) && host(remote)
}

/// The value in force in this file: the last one of a group.
#[must_use]
pub fn last<'a>(settings: &'a [Setting], names: &[&str]) -> Option<&'a Setting> {
    settings.iter().rev().find(|s| names.contains(&s.name.as_str()))
}

/// An option as it is written into a file.
#[must_use]
pub fn written(name: &str, value: Option<&[u8]>) -> Vec<u8> {
    match (name, value) {
        (ADDRESSES, Some(pair)) => quoted(pair),
        (name, None) => name.as_bytes().to_vec(),
        (name, Some(value)) => [name.as_bytes(), b" ", &quoted(value)].concat(),
    }
}

/// The file with an option, once for each of `values` (`None`: no value), in the place of what competes
/// with it; new ones at the end.
#[must_use]
pub fn with(file: &[u8], name: &str, values: &[Option<&[u8]>]) -> Vec<u8> {
    let rivals = rivals(name);
    let settings = read(file);
    let old: Vec<&Setting> = settings.iter().filter(|s| rivals.contains(&s.name.as_str())).collect();
    let as_it_is = old.len() == values.len()
        && old.iter().zip(values).all(|(s, v)| s.name == name && s.value.as_deref() == *v);
    if as_it_is {
        return file.to_vec();
    }
    let mut out = file.to_vec();
    // From the end, so that the spans before stay true; the last ones keep their places.
    let spare = old.len().saturating_sub(values.len());
    for (n, setting) in old.iter().enumerate().rev() {
        match values.get(n.wrapping_sub(spare)) {
            Some(value) if n >= spare => {
                out.splice(setting.span.clone(), written(name, *value));
            }
            _ => take(&mut out, setting.span.clone()),
        }
    }
    for value in values.get(old.len()..).unwrap_or_default() {
        end_line(&mut out);
        out.extend(written(name, *value));
        out.push(b'\n');
    }
    out
}

/// The file without an option and its rivals of the same name only.
#[must_use]
pub fn without(file: &[u8], names: &[&str]) -> Vec<u8> {
    let mut out = file.to_vec();
    for setting in read(file).iter().rev().filter(|s| names.contains(&s.name.as_str())) {
        take(&mut out, setting.span.clone());
    }
    out
}

/// Gives the last line its end; one more where a backslash would join it with what follows.
pub fn end_line(out: &mut Vec<u8>) {
    if out.last().is_some_and(|b| *b != b'\n') {
        out.push(b'\n');
    }
    if out.ends_with(b"\\\n") {
        out.push(b'\n');
    }
}

/// Takes bytes out, with the blanks that separated them; a line that says nothing any more goes whole.
pub fn take(out: &mut Vec<u8>, span: Range<usize>) {
    let start =
        out.get(..span.start).unwrap_or_default().iter().rposition(|b| *b == b'\n').map_or(0, |p| p + 1);
    let end = out.get(span.end..).unwrap_or_default().iter().position(|b| *b == b'\n');
    let end = end.map_or(out.len(), |p| span.end + p + 1);
    let blank = |bytes: Option<&[u8]>| bytes.unwrap_or_default().iter().all(u8::is_ascii_whitespace);
    if blank(out.get(start..span.start)) && blank(out.get(span.end..end)) {
        out.drain(start..end);
        return;
    }
    let is_blank = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    let (mut from, mut to) = (span.start, span.end);
    if blank(out.get(start..span.start)) {
        // First on its line: the indent stays.
        while is_blank(out.get(to)) {
            to += 1;
        }
    } else {
        while from > start && is_blank(out.get(from - 1)) {
            from -= 1;
        }
    }
    out.drain(from..to);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(file: &str) -> Vec<(String, Option<String>)> {
        let text = |v: Option<Vec<u8>>| v.map(|v| String::from_utf8_lossy(&v).into_owned());
        read(file.as_bytes()).into_iter().map(|s| (s.name, text(s.value))).collect()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    /// Each line of the table in spec/admin.md 1.3, as pppd reads it.
    #[test]
    fn what_the_module_misreads() {
        let flag = |n: &str| (n.to_string(), None);
        let valued = |n: &str, v: &str| (n.to_string(), Some(v.to_string()));
        assert_eq!(names("lock crtscts modem\n"), [flag("lock"), flag("crtscts"), flag("modem")]);
        assert_eq!(names("  proxyarp\n"), [flag("proxyarp")]);
        assert_eq!(
            names("192.168.1.1:192.168.1.2 netmask 255.255.255.0\n"),
            [valued(ADDRESSES, "192.168.1.1:192.168.1.2"), valued("netmask", "255.255.255.0")]
        );
        for pair in [":10.0.0.2", "host1:host2", "10.0.0.1:"] {
            assert_eq!(names(pair), [valued(ADDRESSES, pair)]);
        }
        assert_eq!(names("ms-dns 8.8.8.8 # google\n"), [valued("ms-dns", "8.8.8.8")]);
        assert_eq!(
            names("-chap +pap\nrequire-pap\n-detach\n"),
            ["-chap", "+pap", "require-pap", "-detach"].map(flag)
        );
        assert_eq!(names("connect \"chat ATZ#1\"\n"), [valued("connect", "chat ATZ#1")]);
    }

    #[test]
    fn edits_touch_nothing_else() {
        let set = |file: &str, name: &str, value: Option<&str>| {
            text(with(file.as_bytes(), name, &[value.map(str::as_bytes)]))
        };
        let unset = |file: &str, name: &str| text(without(file.as_bytes(), &rivals(name)));
        assert_eq!(unset("lock crtscts modem\n", "lock"), "crtscts modem\n");
        assert_eq!(unset("lock crtscts modem\n", "modem"), "lock crtscts\n");
        assert_eq!(set("  proxyarp\n", "proxyarp", None), "  proxyarp\n", "no second one");
        assert_eq!(set("lock\nnoproxyarp # no\n", "proxyarp", None), "lock\nproxyarp # no\n");
        assert_eq!(
            set("192.168.1.1:192.168.1.2 netmask 255.255.255.0\n", ADDRESSES, Some("10.0.0.1:10.0.0.2")),
            "10.0.0.1:10.0.0.2 netmask 255.255.255.0\n"
        );
        assert_eq!(set(":10.0.0.2\n", ADDRESSES, Some("10.0.0.1:10.0.0.3")), "10.0.0.1:10.0.0.3\n");
        assert_eq!(set("ms-dns 8.8.8.8 # google\n", "ms-dns", Some("9.9.9.9")), "ms-dns 9.9.9.9 # google\n");
        assert_eq!(set("lock", "idle", Some("600")), "lock\nidle 600\n");
        assert_eq!(set("", "connect", Some("chat -f x")), "connect \"chat -f x\"\n");
        assert_eq!(unset("# a\n\nlock\n# b\n", "lock"), "# a\n\n# b\n");
        assert_eq!(unset("lock # why\n", "lock"), "# why\n");
        assert_eq!(set("noauth\nauth\n", "auth", None), "auth\n", "one of them is enough");
        let two = with(b"ms-dns 1.1.1.1\nlock\n", "ms-dns", &[Some(b"2.2.2.2"), Some(b"3.3.3.3")]);
        assert_eq!(text(two), "ms-dns 2.2.2.2\nlock\nms-dns 3.3.3.3\n");
        assert_eq!(set("-pap\n", "require-pap", None), "require-pap\n");
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back(file in "[a-z \n#\"\\\\:0-9]{0,60}", value in "[ -~]{0,12}") {
            // An open quote swallows what is put behind it; the command refuses such a file.
            prop_assume!(!ppp_words::words(file.as_bytes()).iter().any(|w| w.open));
            let settings = read(file.as_bytes());
            prop_assume!(settings.last().is_none_or(|s| takes_value(&s.name) != Some(true) || s.value.is_some()));
            let out = with(file.as_bytes(), "welcome", &[Some(value.as_bytes())]);
            let settings = read(&out);
            prop_assert_eq!(last(&settings, &["welcome"]).unwrap().value.as_deref(), Some(value.as_bytes()));
            prop_assert_eq!(with(&out, "welcome", &[Some(value.as_bytes())]), out);
        }
    }
}
