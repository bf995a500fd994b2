//! Orders: the lines of the control socket and of scripts.

use crate::faults::{Fault, Planned, time};
use crate::options::{self, NewLine, Setting, SocketKind};
use crate::port::{Deed, Held};
use crate::switch::Sound;
use crate::usb::Frame;
use std::time::Duration;

/// How long `wait` waits unless it is told.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// `add NUMBER[=PATH][,key=value…]`, `add-mux NUMBER=NODE[,key=value…]`, `add-usb NUMBER=ADAPTER[,key=value…]`
    Add(NewLine),
    /// `list`
    List,
    /// `cadence TIME`
    Cadence(Duration),
    /// `sleep TIME`
    Sleep(Duration),
    /// `again`: a script starts over.
    Again,
    /// `quit`
    Quit,
    /// An order for one line.
    Line(String, LineOrder),
}

/// What to do with a line.
#[derive(Clone, Debug)]
pub enum LineOrder {
    /// `remove NUMBER`
    Remove,
    /// `state NUMBER`
    State,
    /// `set NUMBER key=value…`
    Set(Vec<Setting>),
    /// `answer NUMBER`
    Answer,
    /// `dial NUMBER STRING`
    Dial(String),
    /// `hangup NUMBER`
    HangUp,
    /// `type NUMBER TEXT`
    Type(Vec<u8>),
    /// `note NUMBER TEXT`: a remark for the log and the ladder.
    Note(String),
    /// `heard NUMBER`
    Heard,
    /// `expect NUMBER TIME TEXT`
    Expect(Duration, Vec<u8>),
    /// `play NUMBER SOUND`
    Play(Sound),
    /// `cut NUMBER`
    Cut,
    /// `fault NUMBER FAULT… [call=N]`, `fault NUMBER clear`
    Fault(Vec<Planned>),
    /// `fault NUMBER clear`
    NoFaults,
    /// `unplug NUMBER`, `plug NUMBER`, `break NUMBER`, `lines NUMBER [cts=0|1…]`
    Hand(Deed),
    /// `wait NUMBER CONDITION… [TIME]`
    Wait(Vec<Condition>, Duration),
}

/// What `wait` waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `idle` `ringing` `offhook` `dialling` `training` `connected` `paused`
    Doing(&'static str),
    /// `dtr=0`, `dtr=1`
    Dtr(bool),
    /// `open=0`, `open=1`: whether a program has the line open.
    Open(bool),
    /// `carrier=0`, `carrier=1`
    Carrier(bool),
    /// `held=0`, `held=1`: whether the caller holds it though it is on the hook.
    Held(bool),
    /// `rings=N`: at least.
    Rings(u8),
    /// `calls=N`: at least so many calls have begun on it.
    Calls(u32),
    /// `hears=SOUND`
    Hears(Sound),
    /// `rts=0`, `rts=1` (USB, as all below)
    Rts(bool),
    /// `speed=N`: as exactly as an adapter's clock can be.
    Speed(u32),
    /// `frame=8N1`
    Frame(Frame),
    /// `breaks=N`: at least so many breaks of the computer's have ended.
    Breaks(u32),
    /// `plugged=0`, `plugged=1`
    Plugged(bool),
    /// `device=0`, `device=1`: whether the kernel has made the tty.
    Device(bool),
}

const STATES: [&str; 7] = ["idle", "ringing", "offhook", "dialling", "training", "connected", "paused"];

fn condition(word: &str) -> Option<Condition> {
    if let Some(state) = STATES.iter().find(|s| **s == word) {
        return Some(Condition::Doing(state));
    }
    let (key, value) = word.split_once('=')?;
    let flag = match value {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    match key {
        "dtr" => flag.map(Condition::Dtr),
        "open" => flag.map(Condition::Open),
        "carrier" => flag.map(Condition::Carrier),
        "held" => flag.map(Condition::Held),
        "rings" => value.parse().ok().map(Condition::Rings),
        "calls" => value.parse().ok().map(Condition::Calls),
        "hears" => Sound::named(value).map(Condition::Hears),
        "rts" => flag.map(Condition::Rts),
        "speed" => value.parse().ok().map(Condition::Speed),
        "frame" => Frame::parse(value).map(Condition::Frame),
        "breaks" => value.parse().ok().map(Condition::Breaks),
        "plugged" => flag.map(Condition::Plugged),
        "device" => flag.map(Condition::Device),
        _ => None,
    }
}

/// Reads `\r \n \t \e \\ \xNN` in typed text.
pub fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some((&kind, after)) = rest.split_first() else { return Err("a lone \\ at the end".into()) };
        rest = after;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'e' => 0x1b,
            b's' => b' ',
            b'\\' => b'\\',
            b'x' => {
                let hex = rest.get(..2).and_then(|h| std::str::from_utf8(h).ok());
                let value =
                    hex.and_then(|h| u8::from_str_radix(h, 16).ok()).ok_or("two hex digits after \\x")?;
                rest = rest.get(2..).unwrap_or_default();
                value
            }
            other => return Err(format!("\\{} is not known", char::from(other))),
        });
    }
    Ok(bytes)
}

impl Order {
    /// Reads a line; `None` for an empty one or a comment.
    pub fn parse(line: &str) -> Result<Option<Order>, String> {
        let line = line.trim_end_matches(['\r', '\n']).trim_start();
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words: Vec<&str> = rest.split_whitespace().collect();
        let alone =
            |order| if words.is_empty() { Ok(Some(order)) } else { Err(format!("{verb} takes nothing")) };
        let duration = |what: &str| time(what).ok_or_else(|| format!("{what:?} is no time (2s, 500ms)"));
        match verb {
            "add" => return Ok(Some(Order::Add(NewLine::parse(rest.trim(), SocketKind::Pty)?))),
            "add-mux" => return Ok(Some(Order::Add(NewLine::parse(rest.trim(), SocketKind::Mux)?))),
            "add-usb" => return Ok(Some(Order::Add(NewLine::parse(rest.trim(), SocketKind::Usb)?))),
            "list" => return alone(Order::List),
            "again" => return alone(Order::Again),
            "quit" => return alone(Order::Quit),
            "cadence" => return Ok(Some(Order::Cadence(cadence(rest.trim())?))),
            "sleep" => return Ok(Some(Order::Sleep(duration(rest.trim())?))),
            _ => {}
        }
        let order = LineOrder::parse(verb, rest, &words)?;
        let number = words.first().ok_or_else(|| format!("{verb}: which line?"))?;
        Ok(Some(Order::Line((*number).to_string(), order)))
    }
}

/// Reads a ring cadence: not faster than a modem can follow.
pub fn cadence(text: &str) -> Result<Duration, String> {
    let good = time(text).filter(|t| (Duration::from_millis(100)..=Duration::from_secs(60)).contains(t));
    good.ok_or_else(|| format!("{text:?} is no ring cadence (100ms to 60s)"))
}

impl LineOrder {
    /// `words` are those of `rest`, the line's number first.
    fn parse(verb: &str, rest: &str, words: &[&str]) -> Result<LineOrder, String> {
        let given = words.get(1..).unwrap_or_default();
        let alone =
            |order| if given.is_empty() { Ok(order) } else { Err(format!("{verb} NUMBER takes no more")) };
        // Text keeps its blanks: what follows the `skip`-th word and one blank.
        let text = |skip: usize| {
            let text = (0..skip).fold(rest.trim_start(), |text, _| text.split_once(' ').map_or("", |t| t.1));
            unescape(text)
        };
        match verb {
            "remove" => alone(LineOrder::Remove),
            "state" => alone(LineOrder::State),
            "answer" => alone(LineOrder::Answer),
            "hangup" => alone(LineOrder::HangUp),
            "heard" => alone(LineOrder::Heard),
            "cut" => alone(LineOrder::Cut),
            "unplug" => alone(LineOrder::Hand(Deed::Unplug)),
            "plug" => alone(LineOrder::Hand(Deed::Plug)),
            "break" => alone(LineOrder::Hand(Deed::Break)),
            "lines" => held(given).map(|held| LineOrder::Hand(Deed::Hold(held))),
            "set" if !given.is_empty() => {
                let settings =
                    split_settings(rest).iter().map(|s| Setting::parse(s)).collect::<Result<_, _>>()?;
                Ok(LineOrder::Set(settings))
            }
            "hold" => Ok(LineOrder::Set(vec![Setting::parse(&format!("hold={}", given.join(" ")))?])),
            "pace" => match options::pace(&given.join(" ")) {
                Some(rate) => Ok(LineOrder::Set(vec![Setting::Pace(rate)])),
                None => Err("pace NUMBER RATE, or off".into()),
            },
            "dial" if !given.is_empty() => Ok(LineOrder::Dial(given.concat().to_ascii_uppercase())),
            "type" => Ok(LineOrder::Type(text(1)?)),
            "note" => Ok(LineOrder::Note(given.join(" "))),
            "expect" => {
                let limit = given.first().and_then(|t| time(t)).ok_or("expect NUMBER TIME TEXT")?;
                let text = text(2)?;
                if text.is_empty() {
                    return Err("expect NUMBER TIME TEXT".into());
                }
                Ok(LineOrder::Expect(limit, text))
            }
            "play" => {
                let sound = Sound::named(&given.join(" "));
                sound.map(LineOrder::Play).ok_or_else(|| "play NUMBER SOUND; there is no such sound".into())
            }
            "fault" if given == ["clear"] => Ok(LineOrder::NoFaults),
            "fault" if !given.is_empty() => faults(given).map(LineOrder::Fault),
            "wait" if !given.is_empty() => wait(given),
            "set" | "dial" | "fault" | "wait" => Err(format!("{verb} NUMBER … : what?")),
            _ => Err(format!("no such order: {verb}")),
        }
    }
}

/// `NUMBER key=value key=value with blanks`: a word without `=` belongs to the value before it.
fn split_settings(rest: &str) -> Vec<String> {
    let mut settings: Vec<String> = Vec::new();
    for word in rest.split_whitespace().skip(1) {
        match settings.last_mut() {
            Some(last) if !word.contains('=') => {
                last.push(' ');
                last.push_str(word);
            }
            _ => settings.push(word.to_string()),
        }
    }
    settings
}

/// `cts=0 dcd=1`; what is not named is the modem's own.
fn held(words: &[&str]) -> Result<Held, String> {
    let mut held = Held::default();
    for word in words {
        let (name, on) = match word.split_once('=') {
            Some((name, "0")) => (name, false),
            Some((name, "1")) => (name, true),
            _ => return Err(format!("{word}: dcd, ri, cts or dsr, =0 or =1")),
        };
        let line = match name {
            "dcd" => &mut held.dcd,
            "ri" => &mut held.ri,
            "cts" => &mut held.cts,
            "dsr" => &mut held.dsr,
            _ => return Err(format!("{word}: dcd, ri, cts or dsr, =0 or =1")),
        };
        *line = Some(on);
    }
    Ok(held)
}

fn faults(words: &[&str]) -> Result<Vec<Planned>, String> {
    let (calls, faults): (Vec<&str>, Vec<&str>) = words.iter().partition(|w| w.starts_with("call="));
    let call = match calls[..] {
        [] => None,
        [one] => Some(one["call=".len()..].parse().map_err(|_| format!("{one}: a number is wanted"))?),
        _ => return Err("one call= only".into()),
    };
    faults.iter().map(|f| Ok(Planned { fault: Fault::parse(f)?, call })).collect()
}

fn wait(words: &[&str]) -> Result<LineOrder, String> {
    let (limit, words) = match words.split_last() {
        Some((last, before)) if !before.is_empty() && time(last).is_some() => {
            (time(last).unwrap_or(PATIENCE), before)
        }
        _ => (PATIENCE, words),
    };
    let conditions = words
        .iter()
        .map(|w| condition(w).ok_or_else(|| format!("cannot wait for {w:?}")))
        .collect::<Result<_, _>>()?;
    Ok(LineOrder::Wait(conditions, limit))
}

#[cfg(test)]
mod tests {
    use super::{Condition, LineOrder, Order, unescape};
    use proptest::prelude::*;
    use std::time::Duration;

    fn line(text: &str) -> LineOrder {
        match Order::parse(text) {
            Ok(Some(Order::Line(number, order))) => {
                assert_eq!(number, "5550");
                order
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn typed_text_keeps_its_blanks() {
        assert!(matches!(line("type 5550  hello \\r"), LineOrder::Type(t) if t == b" hello \r"));
        assert!(matches!(line("expect 5550 2s ogin: "),
            LineOrder::Expect(limit, t) if t == b"ogin: " && limit == Duration::from_secs(2)));
    }

    #[test]
    fn waiting_has_conditions_and_a_limit() {
        assert!(matches!(line("wait 5550 connected 5"),
            LineOrder::Wait(c, limit) if c == [Condition::Doing("connected")] && limit == Duration::from_secs(5)));
        assert!(matches!(line("wait 5550 idle dtr=0"), LineOrder::Wait(c, _) if c.len() == 2));
    }

    #[test]
    fn faults_may_be_for_one_call() {
        assert!(matches!(line("fault 5550 deaf drop=2s call=3"),
            LineOrder::Fault(f) if f.len() == 2 && f.iter().all(|p| p.call == Some(3))));
    }

    #[test]
    fn values_of_set_may_have_blanks() {
        assert!(matches!(line("set 5550 connect=CONNECT 28800 V42bis pace=off"),
            LineOrder::Set(s) if s.len() == 2));
    }

    #[test]
    fn bad_orders_are_refused() {
        for bad in [
            "explode 1",
            "wait 1",
            "wait 1 soon",
            "dial 1",
            "type",
            "state",
            "state 1 2",
            "play 1 jazz",
            "add x",
            "pace 1 fast",
            "cadence 1ms",
            "expect 1 5",
            "fault 1 deaf call=x",
            "quit now",
            "hold 1 maybe",
        ] {
            assert!(Order::parse(bad).is_err(), "{bad}");
        }
        assert!(matches!(Order::parse("  # nothing"), Ok(None)));
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a\\r\\x7e\\\\"), Ok(b"a\r~\\".to_vec()));
        assert!(unescape("\\").is_err() && unescape("\\x7").is_err() && unescape("\\q").is_err());
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(text in "(add|set|wait|fault|type|expect|dial)? ?\\PC{0,80}") {
            let _ = Order::parse(&text);
        }
    }
}
