//! What may stand behind the hosts: `KEY=VALUE…`.

use super::hosts::Hosts;
use super::{Mistake, Position, Word, shown};
use crate::number::{Policy, Rule, Scope, Word as NumberWord};
use crate::share::clean::Plan;
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

/// What becomes of a session whose device goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unplugged {
    /// It ends.
    End,
    /// It waits so long for the device to come back.
    Wait(Duration),
}

/// The files of a port with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Our certificate, PEM, with what links it to its authority.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
    /// The authority a client's certificate must be of, PEM; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
    /// Where it is said.
    pub at: Position,
}

impl Tls {
    fn parse(text: &str, at: Position) -> Option<Tls> {
        let mut paths = text.split(',').map(PathBuf::from);
        let (certificate, key, client_ca) = (paths.next()?, paths.next()?, paths.next());
        let all = [Some(&certificate), Some(&key), client_ca.as_ref()];
        (paths.next().is_none() && all.into_iter().flatten().all(|p| p.is_absolute())).then_some(Tls {
            certificate,
            key,
            client_ca,
            at,
        })
    }

    /// Whether two lines say the same, wherever they say it.
    pub(super) fn same(one: &Option<Tls>, other: &Option<Tls>) -> bool {
        let files = |tls: &Option<Tls>| tls.clone().map(|t| (t.certificate, t.key, t.client_ca));
        files(one) == files(other)
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
    /// `keepalive=`: how long a client may answer nothing; `None`: for ever.
    pub keepalive: Option<Duration>,
    /// `unplugged=`
    pub unplugged: Unplugged,
    /// `tls=`
    pub tls: Option<Tls>,
}

impl Options {
    /// How long a client may answer nothing, if nothing else is said.
    pub const KEEPALIVE: Duration = Duration::from_secs(40);
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
            keepalive: Some(Options::KEEPALIVE),
            unplugged: Unplugged::End,
            tls: None,
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
    "keepalive",
    "unplugged",
    "tls",
];

pub(super) fn key_value(line: u32, word: &Word, options: &mut Options) -> Result<(), Mistake> {
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
                policy.rules.push(Rule { allow, word, scope: Scope::Global, line });
                inside += text.len() + 1;
            }
        }
        "keepalive" => {
            let limit = duration(value).ok_or_else(|| expected("a time, as 40 or 2m,"))?;
            options.keepalive = Some(limit).filter(|l| !l.is_zero());
        }
        "unplugged" => {
            options.unplugged = match (value, value.strip_prefix("wait:")) {
                ("end", _) => Unplugged::End,
                (_, Some(limit)) => Unplugged::Wait(duration(limit).ok_or_else(|| expected("wait:TIME"))?),
                _ => return Err(expected("end or wait:TIME")),
            }
        }
        "tls" if value == "none" => options.tls = None,
        "tls" => {
            let column = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let tls = Tls::parse(value, Position { line, column });
            options.tls =
                Some(tls.ok_or_else(|| expected("CERTIFICATE,KEY,CLIENT-CA, paths of PEM files, or none"))?);
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
