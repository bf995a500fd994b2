//! The command line: what was typed, then what it means.

use lexopt::prelude::*;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use ttyline::share::clean::Plan;
use ttyline::share::wish::{Protocol, Wish};

/// The options, their values and what they do: help and manual page are held against it.
pub const OPTIONS: &[(&str, &str, &str)] = &[
    ("settings", "SPEED,BITS,PARITY,STOP[,crtscts|,xonxoff|,nohup]", "how the line is set (115200,8,N,1)"),
    ("init", "COMMAND", "sent to the modem after a session; may be repeated; none: no modem (ATZ, ATS0=0)"),
    ("dtr-down", "MILLISECONDS", "how long DTR is down between two users; 0: not at all (750)"),
    ("ignore-carrier", "", "carrier need not fall between two users"),
    ("end-with-carrier", "", "the session ends when carrier falls"),
    ("wait", "SECONDS", "waits so long for a modem in use (0)"),
    ("busy-text", "TEXT", r"what a client is told that gets no modem; \r, \n, \\ are understood"),
    ("idle", "SECONDS", "the session ends when no byte has come from either side for so long"),
    ("keepalive", "SECONDS", "a client that answers nothing for so long is dead; 0: never (40)"),
    ("hosts-access", "", "asks /etc/hosts.allow and /etc/hosts.deny, where no tcpd stands before us"),
    ("help", "", "prints this"),
    ("version", "", "prints the version"),
];

/// What the command line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve one client.
    Serve(Box<Options>),
    /// Print what the options are.
    Help,
    /// Print the version.
    Version,
}

/// How one client is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The device file.
    pub device: PathBuf,
    /// How it is set.
    pub wish: Wish,
    /// How the modem is left.
    pub clean: Plan,
    /// Whether the session ends with its carrier.
    pub end_with_carrier: bool,
    /// How long to wait for a modem in use.
    pub wait: Duration,
    /// What a client without a modem is told.
    pub busy_text: Vec<u8>,
    /// How long both sides may be silent.
    pub idle: Option<Duration>,
    /// How long a client may answer nothing.
    pub keepalive: Option<Duration>,
    /// Whether hosts.allow and hosts.deny are asked here.
    pub hosts_access: bool,
}

/// The usage and the options.
#[must_use]
pub fn help() -> String {
    let mut text = String::from(
        "usage: modemd DEVICE [option...]\n\nGives the client on descriptors 0 and 1 the modem on DEVICE.\n\n",
    );
    for (name, value, what) in OPTIONS {
        let equals = if value.is_empty() { "" } else { "=" };
        text.push_str(&format!("  --{name}{equals}{value}\n        {what}\n"));
    }
    text
}

/// Reads the command line, `argv[0]` included.
///
/// # Errors
/// What is wrong, for people.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    read(lexopt::Parser::from_iter(words)).map_err(|e| e.to_string())
}

fn read(mut parser: lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut device = None;
    let mut init = Vec::new();
    let mut options = Options {
        device: PathBuf::new(),
        wish: Wish::default(),
        clean: Plan::modem(),
        end_with_carrier: false,
        wait: Duration::ZERO,
        busy_text: Vec::new(),
        idle: None,
        keepalive: Some(Duration::from_secs(40)),
        hosts_access: false,
    };
    while let Some(word) = parser.next()? {
        match word {
            Value(path) if device.is_none() && !path.is_empty() => device = Some(PathBuf::from(path)),
            Long("settings") => {
                options.wish = Wish::parse(&parser.value()?.string()?).map_err(|e| e.to_string())?;
                if options.wish.protocol != Protocol::Raw {
                    let word = options.wish.protocol.word();
                    return Err(format!("--settings: bytes pass as they are; {word} is mserver's").into());
                }
            }
            Long("init") => init.push(command(parser.value()?.string()?)?),
            Long("dtr-down") => {
                options.clean.dtr_down = Duration::from_millis(u64::from(parser.value()?.parse::<u16>()?))
            }
            Long("ignore-carrier") => options.clean.watch_carrier = false,
            Long("end-with-carrier") => options.end_with_carrier = true,
            Long("wait") => options.wait = seconds(&mut parser)?,
            Long("busy-text") => options.busy_text = unescaped(&parser.value()?.string()?)?,
            Long("idle") => options.idle = Some(seconds(&mut parser)?).filter(|t| !t.is_zero()),
            Long("keepalive") => options.keepalive = Some(seconds(&mut parser)?).filter(|t| !t.is_zero()),
            Long("hosts-access") => options.hosts_access = true,
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            _ => return Err(word.unexpected()),
        }
    }
    if !init.is_empty() {
        options.clean.init = if init.iter().any(|c| c == "none") { Vec::new() } else { init };
    }
    options.device = device.ok_or("DEVICE is missing")?;
    Ok(Command::Serve(Box::new(options)))
}

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_secs(u64::from(parser.value()?.parse::<u32>()?)))
}

/// A modem command: one line.
fn command(text: String) -> Result<String, lexopt::Error> {
    if text.is_empty() || text.bytes().any(|b| b.is_ascii_control()) {
        return Err(format!("--init: {text:?} is no modem command").into());
    }
    Ok(text)
}

fn unescaped(text: &str) -> Result<Vec<u8>, lexopt::Error> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'\\') => b'\\',
                _ => return Err(format!("--busy-text: {text:?}: only \\r, \\n and \\\\ are understood").into()),
            },
            other => other,
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &str) -> Result<Options, String> {
        match parse(std::iter::once("modemd").chain(words.split_whitespace()).map(OsString::from))? {
            Command::Serve(options) => Ok(*options),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_document_s_line_and_all_options() {
        let plain = of("/dev/ttyS1").unwrap();
        assert_eq!(plain.device, PathBuf::from("/dev/ttyS1"));
        assert_eq!(plain.clean, Plan::modem());
        let all = of(
            "--settings=9600,7,E,1,crtscts /dev/modem --init AT&F --init ATM0 --dtr-down 0 --ignore-carrier \
             --end-with-carrier --wait 3 --busy-text=busy\\r\\n --idle 60 --keepalive 0 --hosts-access",
        )
        .unwrap();
        assert_eq!(all.wish.speed, 9600);
        assert_eq!(all.clean.init, ["AT&F", "ATM0"]);
        assert!(all.clean.dtr_down.is_zero() && !all.clean.watch_carrier && all.end_with_carrier);
        assert_eq!(all.busy_text, b"busy\r\n");
        assert_eq!((all.idle, all.keepalive), (Some(Duration::from_secs(60)), None));
        assert_eq!(of("/dev/x --init none").unwrap().clean.init, Vec::<String>::new());
    }

    #[test]
    fn mistakes() {
        for bad in [
            "",
            "a b",
            "x --nosuch",
            "x --settings 9600",
            "x --settings 9600,8,N,1,telnet",
            "x --busy-text \\q",
            "x --wait soon",
            "x -l y",
        ] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn help_and_manual_page_have_every_option() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../man/modemd.8"));
        for (name, ..) in OPTIONS {
            assert!(help().contains(&format!("--{name}")));
            let words = ["/dev/x", &format!("--{name}"), "1,8,N,1"].map(OsString::from);
            let known = parse(std::iter::once(OsString::from("modemd")).chain(words));
            assert!(!known.is_err_and(|e| e.contains("invalid option")), "{name}");
            assert!(page.contains(&format!("Fl Fl {name}")), "{name} is not in modemd.8");
        }
        assert_eq!(page.matches(".It Fl Fl").count(), OPTIONS.len(), "modemd.8 has an option too many");
    }
}
