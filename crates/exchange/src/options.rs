//! What a line can be told to be: `key=value`, on the command line, in scripts and by `set`.

use crate::faults::{Fault, Planned, time};
use crate::modem::caller_id::Dialect;
use crate::modem::profile::{self, Profile};
use crate::modem::registers::Settings;
use crate::usb::Identity;
use std::time::Duration;

/// Bit rates a line can be paced at.
pub const RATES: std::ops::RangeInclusive<u32> = 50..=4_000_000;

/// One setting of a line.
#[derive(Clone, Debug)]
pub enum Setting {
    /// `connect=TEXT`: what CONNECT says.
    Connect(String),
    /// `handshake=TIME`: from hearing the other modem to CONNECT.
    Handshake(Duration),
    /// `answer-delay=TIME`: from the S0-th ring to lifting the receiver.
    AnswerDelay(Duration),
    /// `profile=NAME`: the modem's family.
    Profile(&'static Profile),
    /// `cid=DIALECT`: how it shows callers.
    CallerId(Dialect),
    /// `guard=on|off`: whether `+++` needs silence around it.
    Guard(bool),
    /// `c=0|1`: &C at power-on.
    Carrier(u8),
    /// `d=0..3`: &D at power-on.
    Dtr(u8),
    /// `sN=VALUE`: an S-register at power-on (`s0=2`, `s7=60`, `s11=5` for quick dialling).
    Register(u32, u8),
    /// `name=TEXT`: the subscriber's name in caller ID.
    Name(String),
    /// `withheld=on|off`: its number is not shown to others.
    Withheld(bool),
    /// `pace=RATE|off`: bits per second.
    Pace(Option<u32>),
    /// `hold=on|off`: as a caller it never clears.
    Hold(bool),
    /// `tty-hangup=on|off`: whether a falling carrier hangs the pty up (when CLOCAL is off there).
    TtyHangup(bool),
    /// `fault=FAULT`: see [`Fault::parse`].
    Fault(Planned),
}

fn on_off(value: &str) -> Option<bool> {
    match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// `s0`, `s7` …
fn register(key: &str) -> Option<u32> {
    key.strip_prefix('s')?.parse().ok()
}

fn digit(value: &str, highest: u8) -> Option<u8> {
    value.parse().ok().filter(|n| *n <= highest)
}

/// Reads a pace: a bit rate, or `off`.
pub fn pace(value: &str) -> Option<Option<u32>> {
    match value {
        "off" => Some(None),
        rate => rate.parse().ok().filter(|r| RATES.contains(r)).map(Some),
    }
}

/// Printable, and short enough for a result code.
fn text(value: &str) -> Option<String> {
    let fits = value.len() <= 80 && value.bytes().all(ttyline::visible::is_printable);
    fits.then(|| value.to_string())
}

impl Setting {
    /// Reads `key=value`.
    pub fn parse(word: &str) -> Result<Setting, String> {
        let (key, value) = word.split_once('=').ok_or_else(|| format!("{word}: key=value expected"))?;
        let setting = match key {
            "connect" => text(value).filter(|t| t.starts_with("CONNECT")).map(Setting::Connect),
            "handshake" => time(value).map(Setting::Handshake),
            "answer-delay" => time(value).map(Setting::AnswerDelay),
            "profile" => profile::named(value).map(Setting::Profile),
            "cid" => Dialect::named(value).map(Setting::CallerId),
            "guard" => on_off(value).map(Setting::Guard),
            "c" => digit(value, 1).map(Setting::Carrier),
            "d" => digit(value, 3).map(Setting::Dtr),
            _ if register(key).is_some() => register(key).zip(value.parse().ok()).and_then(|(n, value)| {
                let fits = Settings::default().write(n, u32::from(value));
                fits.then_some(Setting::Register(n, value))
            }),
            "name" => text(value).map(Setting::Name),
            "withheld" => on_off(value).map(Setting::Withheld),
            "pace" => pace(value).map(Setting::Pace),
            "hold" => on_off(value).map(Setting::Hold),
            "tty-hangup" => on_off(value).map(Setting::TtyHangup),
            "fault" => Some(Setting::Fault(Planned { fault: Fault::parse(value)?, call: None })),
            _ => return Err(format!("no such option of a line: {key}")),
        };
        setting.ok_or_else(|| format!("bad value: {word}"))
    }
}

/// A line to be made.
#[derive(Clone, Debug)]
pub struct NewLine {
    /// Its telephone number.
    pub number: String,
    /// Where its computer is plugged in.
    pub socket: Socket,
    /// Its settings, later ones win.
    pub settings: Vec<Setting>,
}

/// Where a computer is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Nowhere: a far end, for orders.
    None,
    /// A pty with this symlink to it.
    Pty(std::path::PathBuf),
    /// A line of a multiplexer with this device node.
    Mux(std::path::PathBuf),
    /// An emulated USB adapter.
    Usb(Identity),
}

/// The kinds of socket that have a place behind `NUMBER=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// `--line`
    Pty,
    /// `--mux-line`
    Mux,
    /// `--usb-line`
    Usb,
}

impl SocketKind {
    fn at(self, number: &str, place: &str) -> Result<Socket, String> {
        Ok(match self {
            SocketKind::Pty => Socket::Pty(place.into()),
            SocketKind::Mux => Socket::Mux(place.into()),
            SocketKind::Usb => Socket::Usb(Identity::parse(place, number)?),
        })
    }
}

impl NewLine {
    /// Reads `NUMBER[=PLACE][,key=value…]`; `kind` says what a place is.
    pub fn parse(text: &str, kind: SocketKind) -> Result<NewLine, String> {
        let mut words = text.split(',');
        let first = words.next().unwrap_or("");
        let (number, path) = first.split_once('=').map_or((first, None), |(n, p)| (n, Some(p)));
        let good = !number.is_empty() && number.len() <= 32 && number.bytes().all(|b| b.is_ascii_digit());
        if !good {
            return Err(format!("{number:?} is no telephone number (digits only)"));
        }
        let socket = match path {
            Some("") => return Err(format!("{text}: something is missing after =")),
            Some(path) => kind.at(number, path)?,
            None => Socket::None,
        };
        let settings = words.map(Setting::parse).collect::<Result<_, _>>()?;
        Ok(NewLine { number: number.to_string(), socket, settings })
    }
}

#[cfg(test)]
mod tests {
    use super::{NewLine, Setting, Socket, SocketKind};
    use proptest::prelude::*;

    #[test]
    fn a_line_with_everything() {
        let line =
            NewLine::parse("987654=run/server,pace=33600,connect=CONNECT 28800/ARQ,d=0", SocketKind::Pty);
        let line = line.expect("a line");
        assert_eq!((line.number.as_str(), line.socket), ("987654", Socket::Pty("run/server".into())));
        assert!(matches!(
            &line.settings[..],
            [Setting::Pace(Some(33600)), Setting::Connect(text), Setting::Dtr(0)] if text == "CONNECT 28800/ARQ"
        ));
        assert_eq!(NewLine::parse("5550", SocketKind::Pty).map(|l| l.socket), Ok(Socket::None));
    }

    #[test]
    fn what_is_no_line() {
        for bad in ["", "=x", "12a=x", "1=", "1=x,pace", "1=x,pace=0", "1=x,colour=red", "1=x,connect=HELLO"]
        {
            assert!(NewLine::parse(bad, SocketKind::Pty).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9]{0,3}\\PC{0,60}") {
            let _ = NewLine::parse(&text, SocketKind::Mux);
        }
    }
}
