//! mserver.conf: one line for each modem that is shared.
//!
//! `PORT DEVICE SPEED,BITS,PARITY,STOP[,WORD…] [HOSTS] [KEY=VALUE…]`, the first four fields as in the
//! Windows Modem Sharing document; `defaults KEY=VALUE…` holds for the lines below it. Here a mistake is
//! an error: a half-understood line might let the wrong people dial.

use super::Position;
use crate::hosts_access::glob;
use crate::number::{Policy, Rule, Scope, Word as NumberWord};
use crate::share::clean::Plan;
use crate::share::wish::Wish;
use crate::visible;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What happens to a client that comes when all modems are in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Busy {
    /// It is told so.
    Refuse,
    /// It waits, so long.
    Wait(Duration),
    /// It ends the oldest session, if it is in `takeover-hosts`.
    TakeOver,
}

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

fn same_net(net: IpAddr, address: IpAddr, bits: u8) -> bool {
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
    fn parse(text: &str) -> Result<Hosts, (usize, &'static str)> {
        let mut at = 0;
        let mut hosts = Hosts::default();
        for pattern in text.split(',') {
            hosts.0.push(HostPattern::parse(pattern).map_err(|expected| (at, expected))?);
            at += pattern.len() + 1;
        }
        Ok(hosts)
    }

    /// Whether a client is in it. `name` is a verified one.
    #[must_use]
    pub fn admit(&self, address: IpAddr, name: Option<&str>) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|pattern| pattern.admits(address, name))
    }

    /// Whether it needs the client's name for `address`, which is looked up only then.
    #[must_use]
    pub fn need_name(&self, address: IpAddr) -> bool {
        !self.admit(address, None) && self.0.iter().any(|p| matches!(p, HostPattern::NameGlob(_)))
    }
}

/// What stands behind the hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `busy=`
    pub busy: Busy,
    /// `busy-text=`
    pub busy_text: Vec<u8>,
    /// `watch=`: who may look on.
    pub watch: Hosts,
    /// `takeover-hosts=`
    pub takeover_hosts: Hosts,
    /// `idle=`
    pub idle: Option<Duration>,
    /// `init=`, `hangup=`: how the modem is left after a session.
    pub clean: Plan,
    /// `dial-allow=`, `dial-deny=`: which numbers may be dialled; `None`: nobody looks.
    pub dial: Option<Policy>,
    /// `settle=`: how long a line rests between two users.
    pub settle: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            busy: Busy::Refuse,
            busy_text: Vec::new(),
            watch: Hosts::default(),
            takeover_hosts: Hosts::default(),
            idle: None,
            clean: Plan { init: Vec::new(), ..Plan::modem() },
            dial: None,
            settle: Plan::DTR_DOWN,
        }
    }
}

/// The keys, for messages and the manual page.
pub const KEYS: &[&str] = &[
    "busy",
    "busy-text",
    "watch",
    "takeover-hosts",
    "idle",
    "init",
    "hangup",
    "settle",
    "dial-allow",
    "dial-deny",
];

/// A modem that is shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Where it is reached.
    pub port: u16,
    /// Its device.
    pub device: PathBuf,
    /// How the line is set, and what clients speak.
    pub wish: Wish,
    /// Who may use it; `None`: this machine only.
    pub hosts: Option<Hosts>,
    /// The rest.
    pub options: Options,
    /// Its line in the file.
    pub line: u32,
}

/// A mistake, or something to be warned of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where.
    pub at: Position,
    /// What.
    pub text: String,
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// The modems, in their order: it is the order of a pool.
    pub lines: Vec<Shared>,
    /// What will not be what its author meant.
    pub warnings: Vec<Remark>,
}

impl Config {
    /// Reads the file; `service` gives the TCP port of a name of /etc/services.
    ///
    /// # Errors
    /// Every mistake in it; such a file is not used at all.
    pub fn parse(text: &str, service: &dyn Fn(&str) -> Option<u16>) -> Result<Config, Vec<Remark>> {
        let (mut config, mut mistakes) = (Config::default(), Vec::new());
        let mut defaults = Options::default();
        for (number, line) in (1u32..).zip(text.lines()) {
            let taken = words(line).and_then(|words| match words.split_first() {
                None => Ok(()),
                Some((first, rest)) if first.text == "defaults" => {
                    rest.iter().try_for_each(|word| key_value(word, &mut defaults))
                }
                Some(_) => config.take(number, &words, &defaults, service),
            });
            if let Err((column, text)) = taken {
                let column = u32::try_from(column + 1).unwrap_or(u32::MAX);
                mistakes.push(Remark { at: Position { line: number, column }, text });
            }
        }
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }

    fn take(
        &mut self,
        line: u32,
        words: &[Word],
        defaults: &Options,
        service: &dyn Fn(&str) -> Option<u16>,
    ) -> Result<(), Mistake> {
        let end = words.last().map_or(0, |w| w.at + w.text.len());
        let field = |n: usize, what: &str| words.get(n).ok_or_else(|| (end, format!("{what} is missing")));
        let (port, device, settings) =
            (field(0, "the port")?, field(1, "the device")?, field(2, "SPEED,BITS,PARITY,STOP")?);
        let number = match port.text.parse::<u16>() {
            Ok(0) | Err(_) => service(&port.text),
            Ok(number) => Some(number),
        };
        let number = number.ok_or_else(|| {
            (
                port.at,
                format!("`{}` is no port (1 to 65535) and no service of /etc/services", shown(&port.text)),
            )
        })?;
        if !device.text.starts_with('/') || device.text.len() > 1000 {
            return Err((device.at, format!("`{}`: the path of a device is expected", shown(&device.text))));
        }
        let wish = Wish::parse(&settings.text).map_err(|bad| (settings.at + bad.at, bad.to_string()))?;
        let rest = words.get(3..).unwrap_or_default();
        let (hosts, rest) = match rest.split_first() {
            Some((hosts, rest)) if !hosts.text.contains('=') => {
                let list = Hosts::parse(&hosts.text)
                    .map_err(|(at, expected)| (hosts.at + at, format!("{expected} is expected")))?;
                (Some(list), rest)
            }
            _ => (None, rest),
        };
        let mut options = defaults.clone();
        rest.iter().try_for_each(|word| key_value(word, &mut options))?;
        if hosts.is_none() {
            let text = "no hosts: only this machine is admitted (`*` stands for everybody)".into();
            self.warnings.push(Remark { at: Position { line, column: 1 }, text });
        }
        self.lines.push(Shared {
            port: number,
            device: device.text.clone().into(),
            wish,
            hosts,
            options,
            line,
        });
        Ok(())
    }
}

type Mistake = (usize, String);

#[derive(Debug)]
struct Word {
    text: String,
    at: usize,
}

fn shown(text: &str) -> String {
    visible::terminal(text)
}

/// Words between blanks; `"…"` holds blanks together, with `\"` and the escapes of values inside.
fn words(line: &str) -> Result<Vec<Word>, Mistake> {
    let mut words: Vec<Word> = Vec::new();
    let (mut inside, mut open) = (false, None);
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let blank = c.is_whitespace() && open.is_none();
        if c == '#' && !inside {
            break;
        }
        if blank {
            inside = false;
            continue;
        }
        if !inside {
            words.push(Word { text: String::new(), at });
            inside = true;
        }
        let Some(word) = words.last_mut() else { continue };
        match c {
            '"' => open = if open.is_some() { None } else { Some(at) },
            '\\' if open.is_some() && chars.peek().is_some_and(|(_, c)| *c == '"') => {
                chars.next();
                word.text.push('"');
            }
            // A control byte has no business in the file; white space is blank or quoted.
            c if c.is_control() && c != '\t' => return Err((at, "a control character".into())),
            c => word.text.push(c),
        }
    }
    open.map_or(Ok(words), |at| Err((at, "the quotation mark is not closed".into())))
}

fn key_value(word: &Word, options: &mut Options) -> Result<(), Mistake> {
    let Some((key, value)) = word.text.split_once('=') else {
        return Err((word.at, format!("`{}`: KEY=VALUE is expected", shown(&word.text))));
    };
    let at = word.at + key.len() + 1;
    let expected = |what: &str| (at, format!("{key}=: {what} is expected"));
    let hosts =
        || Hosts::parse(value).map_err(|(inside, what)| (at + inside, format!("{key}=: {what} is expected")));
    match key {
        "busy" => {
            options.busy = match (value, value.strip_prefix("wait:")) {
                ("refuse", _) => Busy::Refuse,
                ("takeover", _) => Busy::TakeOver,
                (_, Some(limit)) => Busy::Wait(duration(limit).ok_or_else(|| expected("wait:SECONDS"))?),
                _ => return Err(expected("refuse, wait:SECONDS or takeover")),
            }
        }
        "busy-text" => options.busy_text = unescaped(value).ok_or_else(|| expected(ESCAPES))?,
        "watch" => options.watch = hosts()?,
        "takeover-hosts" => options.takeover_hosts = hosts()?,
        "idle" => {
            let limit = duration(value).ok_or_else(|| expected("a time, as 600 or 10m,"))?;
            options.idle = Some(limit).filter(|l| !l.is_zero());
        }
        "init" => options.clean.init = commands(value).ok_or_else(|| expected(ESCAPES))?,
        "hangup" => {
            hang_up(value, &mut options.clean).ok_or_else(|| expected("dtr, none or a modem command"))?
        }
        "dial-allow" | "dial-deny" => {
            let policy = options.dial.get_or_insert_with(|| Policy { length: (1, 20), ..Policy::default() });
            let allow = key == "dial-allow";
            // What stands on the line itself comes in the place of what `defaults` said of the same.
            policy.rules.retain(|rule| rule.allow != allow);
            let mut inside = at;
            for text in value.split(',') {
                let word = NumberWord::parse(text)
                    .map_err(|e| (inside, format!("{key}=: `{}`: {e}", shown(text))))?;
                policy.rules.push(Rule { allow, word, scope: Scope::Global, line: 0 });
                inside += text.len() + 1;
            }
        }
        "settle" => options.settle = duration(value).ok_or_else(|| expected("a time, as 2 or 500ms,"))?,
        _ => {
            return Err((word.at, format!("`{}` is no key; there are {}", shown(key), KEYS.join(", "))));
        }
    }
    Ok(())
}

const ESCAPES: &str = r#"text with no escapes but \r, \n, \\ and \""#;

fn unescaped(value: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b'\\' => b'\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

/// Modem commands with `\r` between them.
fn commands(value: &str) -> Option<Vec<String>> {
    let text = String::from_utf8(unescaped(value)?).ok()?;
    if text.contains('\n') {
        return None;
    }
    Some(text.split('\r').filter(|c| !c.is_empty()).map(str::to_string).collect())
}

fn hang_up(value: &str, plan: &mut Plan) -> Option<()> {
    match value {
        "" => return None,
        "dtr" => (plan.dtr_down, plan.escape_always) = (Plan::DTR_DOWN, false),
        "none" => (plan.dtr_down, plan.escape_always) = (Duration::ZERO, false),
        command => {
            plan.hang_up_command = commands(command).filter(|c| c.len() == 1)?.pop()?;
            plan.escape_always = true;
        }
    }
    Some(())
}

/// `30`, `500ms`, `2s`, `10m`, `1h`; at most a year.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let limit = number.checked_mul(milliseconds)?;
    (limit <= 365 * 24 * 3_600_000).then(|| Duration::from_millis(limit))
}

/// The TCP port of a service in the text of /etc/services, by its name or an alias.
#[must_use]
pub fn service_port(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let line = line.split('#').next().unwrap_or("");
        let mut words = line.split_whitespace();
        let (first, port) = (words.next()?, words.next()?);
        let port = port.strip_suffix("/tcp")?;
        (first == name || words.any(|alias| alias == name)).then(|| port.parse().ok())?
    })
}

#[cfg(test)]
#[path = "mserver_tests.rs"]
mod tests;
