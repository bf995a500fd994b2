//! mserver.conf: one line for each modem that is shared.
//!
//! `PORT DEVICE SPEED,BITS,PARITY,STOP[,WORD…] [HOSTS] [KEY=VALUE…]`, the first four fields as in the
//! Windows Modem Sharing document; `defaults KEY=VALUE…` holds for the lines below it. Here a mistake is
//! an error: a half-understood line might let the wrong people dial.

mod hosts;
mod keys;

use super::Position;
use crate::share::wish::Wish;
use crate::visible;
pub use hosts::{HostPattern, Hosts};
use keys::key_value;
pub use keys::{Busy, KEYS, Options, Tls, Unplugged};
use std::path::PathBuf;
use std::rc::Rc;

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
    /// The rest; lines that say nothing of their own share what `defaults` say.
    pub options: Rc<Options>,
    /// Its line in the file.
    pub line: u32,
}

impl Shared {
    /// Whether everybody may use it: by its host list, and no certificate is asked for.
    #[must_use]
    pub fn is_open_to_all(&self) -> bool {
        let proves = self.options.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        self.hosts.as_ref().is_some_and(Hosts::is_everybody) && !proves
    }
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
        let mut defaults = Rc::new(Options::default());
        for (number, line) in (1u32..).zip(text.lines()) {
            let taken = words(line).and_then(|words| match words.split_first() {
                None => Ok(()),
                Some((first, rest)) if first.text == "defaults" => {
                    rest.iter().try_for_each(|word| key_value(number, word, Rc::make_mut(&mut defaults)))
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
        defaults: &Rc<Options>,
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
        let mut options = Rc::clone(defaults);
        rest.iter().try_for_each(|word| key_value(line, word, Rc::make_mut(&mut options)))?;
        if hosts.is_none() {
            let text = "no hosts: only this machine is admitted (`*` stands for everybody)".into();
            self.warnings.push(Remark { at: Position { line, column: 1 }, text });
        }
        if let Some(tls) = options.tls.as_ref().filter(|tls| tls.client_ca.is_none()) {
            let text = "tls= without CLIENT-CA: clients need no certificate".into();
            self.warnings.push(Remark { at: Position { line, column: tls.at.column }, text });
        }
        if options.busy == Busy::TakeOver && options.takeover_hosts.is_empty() {
            let text = "busy=takeover without takeover-hosts=: nobody may take a modem over".into();
            self.warnings.push(Remark { at: Position { line, column: 1 }, text });
        }
        // Who is at a port is known before it is known which of its modems he gets.
        if let Some(other) =
            self.lines.iter().find(|l| l.port == number && !Tls::same(&l.options.tls, &options.tls))
        {
            return Err((
                port.at,
                format!("all lines at port {number} must have the same tls= (see line {})", other.line),
            ));
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
mod tests;
