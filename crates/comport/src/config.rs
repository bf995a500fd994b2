//! comport.conf, and the ports of the command line: `NAME ADDRESS [KEY=VALUE…]`.

use crate::address::Address;
use std::path::PathBuf;
use std::time::Duration;
use ttyline::visible;

/// What happens to the application when the network or the server is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnLoss {
    /// Its port stays; the connection is made again.
    Keep,
    /// It is hung up, as by a modem that lost its carrier.
    HangUp,
}

/// When the connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connect {
    /// While an application has the port open.
    Open,
    /// Always.
    Always,
}

/// Data bits and parity, which a pty cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Byte {
    /// 5 to 8.
    pub data_bits: u8,
    /// As RFC 2217 numbers it: 1 none, 2 odd, 3 even, 4 mark, 5 space.
    pub parity: u8,
}

impl Default for Byte {
    fn default() -> Byte {
        Byte { data_bits: 8, parity: 1 }
    }
}

/// What stands behind the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `on-loss=`
    pub on_loss: OnLoss,
    /// `connect=`
    pub connect: Connect,
    /// `linger=`: how long the connection outlives the application.
    pub linger: Duration,
    /// `retry=`: the shortest and the longest pause between two tries; `None`: the first failure is the end.
    pub retry: Option<(Duration, Duration)>,
    /// `connect-timeout=`
    pub connect_timeout: Duration,
    /// `keepalive=`: silence after which the server is asked for a sign of life.
    pub keepalive: Option<Duration>,
    /// `byte=`
    pub byte: Byte,
    /// `group=`
    pub group: Option<String>,
    /// `mode=`
    pub mode: u32,
    /// `lines=`: whether comport-preload is served.
    pub lines: bool,
    /// `ca=`
    pub ca: Option<PathBuf>,
    /// `cert=`
    pub cert: Option<PathBuf>,
    /// `key=`
    pub key: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            on_loss: OnLoss::Keep,
            connect: Connect::Open,
            linger: Duration::from_secs(1),
            retry: Some((Duration::from_secs(1), Duration::from_secs(60))),
            connect_timeout: Duration::from_secs(10),
            keepalive: Some(Duration::from_secs(30)),
            byte: Byte::default(),
            group: None,
            mode: 0o660,
            lines: true,
            ca: None,
            cert: None,
            key: None,
        }
    }
}

/// The keys: each is also a long option of the command line.
pub const KEYS: [(&str, &str, &str); 13] = [
    ("on-loss", "keep|hangup", "what the application sees when the connection is lost (keep)"),
    ("connect", "open|always", "when there is a connection (open: while the port is open)"),
    ("linger", "TIME", "how long the connection outlives the application (1)"),
    ("retry", "TIME[-TIME]|none", "the shortest and the longest pause before a new try (1-60)"),
    ("connect-timeout", "TIME", "how long a connection may take (10)"),
    ("keepalive", "TIME|none", "silence after which the server must give a sign of life (30)"),
    ("byte", "BITS-PARITY", "data bits and parity, as 8N or 7E, which a pty cannot carry (8N)"),
    ("group", "NAME", "the group that may use the port (for root: dialout)"),
    ("mode", "OCTAL", "who may use the port (660)"),
    ("lines", "yes|no", "serves the modem lines to comport-preload (yes)"),
    ("ca", "FILE", "certificates that TLS servers are checked by (the system's)"),
    ("cert", "FILE", "our certificate for TLS servers that want one"),
    ("key", "FILE", "its key"),
];

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Where its symlink is.
    pub link: PathBuf,
    /// Where it leads.
    pub address: Address,
    /// The rest.
    pub options: Options,
}

/// A mistake in a file or on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    /// What.
    pub text: String,
}

type Mistake = (usize, String);

/// Gives the TCP port of a name of /etc/services.
pub type Services<'a> = &'a dyn Fn(&str) -> Option<u16>;

/// Reads a file; `defaults` hold until it says otherwise.
///
/// # Errors
/// Every mistake in it; such a file is not used at all.
pub fn parse(text: &str, mut defaults: Options, service: Services<'_>) -> Result<Vec<Port>, Vec<Remark>> {
    let (mut ports, mut mistakes) = (Vec::<Port>::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()) {
        let taken = words(line).and_then(|words| match words.as_slice() {
            [] => Ok(()),
            [first, rest @ ..] if first.text == "defaults" => {
                rest.iter().try_for_each(|word| key_value(word, &mut defaults))
            }
            [name, rest @ ..] => {
                let [address, rest @ ..] = rest else {
                    return Err((name.at + name.text.len(), "the address is missing".into()));
                };
                let mut options = defaults.clone();
                rest.iter().try_for_each(|word| key_value(word, &mut options))?;
                let port = port(&name.text, &address.text, options, service).map_err(|(of, at, why)| {
                    (if of == Part::Name { name.at } else { address.at } + at, why)
                })?;
                if ports.iter().any(|p| p.link == port.link) {
                    return Err((name.at, format!("{} is there twice", shown(&name.text))));
                }
                ports.push(port);
                Ok(())
            }
        });
        if let Err((at, text)) = taken {
            mistakes.push(Remark { line: number, column: at + 1, text });
        }
    }
    if mistakes.is_empty() { Ok(ports) } else { Err(mistakes) }
}

/// Which half of a port is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its address, or what belongs to it.
    Address,
}

/// A port of its two words. A name without `/` is below /dev.
///
/// # Errors
/// Which part is wrong, where, and why.
pub fn port(
    name: &str,
    address: &str,
    options: Options,
    service: Services<'_>,
) -> Result<Port, (Part, usize, String)> {
    let link = link_of(name).map_err(|why| (Part::Name, 0, why))?;
    let address = Address::parse(address, service).map_err(|(at, why)| (Part::Address, at, why))?;
    let of_address = |why: &str| (Part::Address, 0, why.to_string());
    if options.cert.is_some() != options.key.is_some() {
        return Err(of_address("cert= and key= belong together"));
    }
    if address.tls && cfg!(not(feature = "tls")) {
        return Err(of_address("this comport was built without TLS"));
    }
    Ok(Port { link, address, options })
}

fn link_of(name: &str) -> Result<PathBuf, String> {
    let bad =
        name.is_empty() || name.len() > 1000 || name.ends_with('/') || name.chars().any(char::is_control);
    if bad || name.split('/').any(|part| part == "..") {
        return Err(format!("`{}` is no name of a port", shown(name)));
    }
    Ok(if name.contains('/') { name.into() } else { PathBuf::from("/dev").join(name) })
}

/// Sets one option.
///
/// # Errors
/// What is expected.
pub fn set(options: &mut Options, key: &str, value: &str) -> Result<(), String> {
    let expected = |what: &str| format!("{key}: {what} is expected, not `{}`", shown(value));
    let time = || duration(value).ok_or_else(|| expected("a time, as 10, 500ms or 2m,"));
    let file = || Some(PathBuf::from(value)).filter(|f| !f.as_os_str().is_empty());
    match key {
        "on-loss" => {
            options.on_loss = match value {
                "keep" => OnLoss::Keep,
                "hangup" => OnLoss::HangUp,
                _ => return Err(expected("keep or hangup")),
            }
        }
        "connect" => {
            options.connect = match value {
                "open" => Connect::Open,
                "always" => Connect::Always,
                _ => return Err(expected("open or always")),
            }
        }
        "linger" => options.linger = time()?,
        "retry" if value == "none" => options.retry = None,
        "retry" => {
            let (least, most) = value.split_once('-').unwrap_or((value, value));
            let times = duration(least).zip(duration(most));
            let times = times.filter(|(least, most)| !least.is_zero() && least <= most);
            options.retry = Some(times.ok_or_else(|| expected("SHORTEST-LONGEST, as 1-60, or none"))?);
        }
        "connect-timeout" => {
            options.connect_timeout =
                time().ok().filter(|t| !t.is_zero()).ok_or_else(|| expected("a time"))?;
        }
        "keepalive" if value == "none" => options.keepalive = None,
        "keepalive" => {
            let least = Duration::from_secs(1);
            let limit = time()?;
            options.keepalive =
                Some(Some(limit).filter(|t| *t >= least).ok_or_else(|| expected("1 s or more"))?);
        }
        "byte" => {
            options.byte = byte(value).ok_or_else(|| expected("5 to 8 and one of N, E, O, M, S, as 7E,"))?
        }
        "group" => options.group = Some(value.to_string()),
        "mode" => {
            let mode = u32::from_str_radix(value, 8).ok().filter(|m| *m <= 0o777);
            options.mode = mode.ok_or_else(|| expected("an octal mode, as 660,"))?;
        }
        "lines" => {
            options.lines = match value {
                "yes" => true,
                "no" => false,
                _ => return Err(expected("yes or no")),
            }
        }
        "ca" => options.ca = file(),
        "cert" => options.cert = file(),
        "key" => options.key = file(),
        _ => {
            let keys: Vec<&str> = KEYS.iter().map(|(key, ..)| *key).collect();
            return Err(format!("`{}` is no key; there are {}", shown(key), keys.join(", ")));
        }
    }
    Ok(())
}

fn byte(text: &str) -> Option<Byte> {
    let mut chars = text.chars();
    let data_bits = chars.next()?.to_digit(10).filter(|bits| (5..=8).contains(bits))?;
    let parity = match chars.next()?.to_ascii_uppercase() {
        'N' => 1,
        'O' => 2,
        'E' => 3,
        'M' => 4,
        'S' => 5,
        _ => return None,
    };
    chars.next().is_none().then_some(Byte { data_bits: u8::try_from(data_bits).ok()?, parity })
}

/// Seconds, or a number with `ms`, `s`, `m` or `h`; a day at most.
fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..end)?.parse().ok()?;
    let unit = match text.get(end..)? {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let time = Duration::from_millis(number.checked_mul(unit)?);
    (time <= Duration::from_secs(86_400)).then_some(time)
}

fn shown(text: &str) -> String {
    visible::terminal(text)
}

struct Word {
    text: String,
    at: usize,
}

fn key_value(word: &Word, options: &mut Options) -> Result<(), Mistake> {
    let Some((key, value)) = word.text.split_once('=') else {
        return Err((word.at, format!("`{}`: KEY=VALUE is expected", shown(&word.text))));
    };
    let at = if KEYS.iter().any(|(k, ..)| *k == key) { word.at + key.len() + 1 } else { word.at };
    set(options, key, value).map_err(|why| (at, why))
}

/// Words between blanks; quotation marks hold blanks together; `#` at the start of a word begins a comment.
fn words(line: &str) -> Result<Vec<Word>, Mistake> {
    let (mut words, mut inside, mut quote) = (Vec::<Word>::new(), false, None);
    for (at, c) in line.char_indices() {
        if c == '#' && !inside {
            break;
        }
        if c.is_whitespace() && quote.is_none() {
            inside = false;
            continue;
        }
        if c.is_control() {
            return Err((at, "a control character".into()));
        }
        if !inside {
            words.push(Word { text: String::new(), at });
            inside = true;
        }
        match (c, words.last_mut()) {
            ('"', _) => quote = if quote.is_some() { None } else { Some(at) },
            (c, Some(word)) => word.text.push(c),
            (_, None) => {}
        }
    }
    quote.map_or(Ok(words), |at| Err((at, "the quotation mark is not closed".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Port>, Vec<Remark>> {
        parse(text, Options::default(), &|name| (name == "modem").then_some(2006))
    }

    #[test]
    fn ports_with_their_options() {
        let text = "# modems\n defaults linger=0 keepalive=none\n\nmodem rfc2217://office:5800 on-loss=hangup byte=7e # one\n\
                    \"/run/my modem\"\ttcp://office:modem ca=\"/etc/my ca\" retry=500ms-2m mode=600 lines=no\ndefaults linger=5\n/x/y telnet://h retry=none connect=always";
        let ports = read(text).unwrap();
        assert_eq!(ports[0].link, PathBuf::from("/dev/modem"));
        let options = &ports[0].options;
        assert_eq!(
            (options.on_loss, options.keepalive, options.linger),
            (OnLoss::HangUp, None, Duration::ZERO)
        );
        assert_eq!(options.byte, Byte { data_bits: 7, parity: 3 });
        assert_eq!(ports[1].link, PathBuf::from("/run/my modem"));
        assert_eq!(ports[1].options.ca, Some("/etc/my ca".into()));
        assert_eq!(ports[1].options.retry, Some((Duration::from_millis(500), Duration::from_secs(120))));
        assert_eq!((ports[1].options.mode, ports[1].options.lines), (0o600, false));
        assert_eq!(ports[2].options.retry, None);
        assert_eq!(
            (ports[2].options.connect, ports[2].options.linger),
            (Connect::Always, Duration::from_secs(5))
        );
    }

    #[test]
    fn every_mistake_is_told_with_its_place() {
        for (line, column, what) in [
            ("modem", 6, "the address is missing"),
            ("modem nowhere", 7, "SCHEME://"),
            ("modem tcp://a", 14, "missing"),
            ("../modem tcp://a:1", 1, "no name of a port"),
            ("/dev/ tcp://a:1", 1, "no name of a port"),
            ("a tcp://a:1 b", 13, "KEY=VALUE"),
            ("a tcp://a:1 nonsense=1", 13, "no key; there are on-loss"),
            ("a tcp://a:1 on-loss=maybe", 21, "keep or hangup"),
            ("a tcp://a:1 connect=now", 21, "open or always"),
            ("a tcp://a:1 linger=x", 20, "a time"),
            ("a tcp://a:1 retry=60-1", 19, "SHORTEST-LONGEST"),
            ("a tcp://a:1 retry=0", 19, "SHORTEST-LONGEST"),
            ("a tcp://a:1 connect-timeout=0", 29, "a time"),
            ("a tcp://a:1 keepalive=500ms", 23, "1 s or more"),
            ("a tcp://a:1 keepalive=99999h", 23, "a time"),
            ("a tcp://a:1 byte=9N", 18, "5 to 8"),
            ("a tcp://a:1 byte=8NN", 18, "5 to 8"),
            ("a tcp://a:1 mode=999", 18, "octal"),
            ("a tcp://a:1 lines=maybe", 19, "yes or no"),
            ("a tls+tcp://a:1 cert=/c", 3, "belong together"),
            ("a \"tcp://a:1", 3, "not closed"),
            ("a\x01 tcp://a:1", 2, "control"),
            ("defaults linger=x", 17, "a time"),
        ] {
            let mistakes = read(line).unwrap_err();
            assert_eq!(mistakes.len(), 1, "{line}");
            assert_eq!(mistakes[0].column, column, "{line}: {}", mistakes[0].text);
            assert!(mistakes[0].text.contains(what), "{line}: {}", mistakes[0].text);
        }
        let mistakes = read("a tcp://a:1\nb\n\na tcp://b:1\n").unwrap_err();
        assert_eq!(mistakes.iter().map(|m| m.line).collect::<Vec<_>>(), [2, 4]);
    }
}
