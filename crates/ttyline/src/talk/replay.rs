//! `--replay TRACE`: a recorded or hand-written remote as the line, on a clock of its own.
//!
//! Two forms. A trace as `--trace` writes it (JSON lines; only `t`, `send`, `recv`, `break` and
//! `eof` are looked at, `t` may be left out). Or lines for the hand:
//!
//! ```text
//! # what the script sends, and what comes back
//! > AT\r
//! < \r\nOK\r\n
//! . 2.5
//! < \r\nRING\r\n
//! > *
//! eof
//! ```
//!
//! `>` waits for the script to send exactly this (`*`: whatever its next send is), `<` comes from
//! the line, `.` passes seconds, `eof` hangs up. Escapes: `\r \n \t \e \0 \\ \xNN`.

use super::line::{Input, Line, Output};
use super::trace;
use crate::visible;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

/// One thing the remote does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Act {
    /// It waits until the script has sent this; `None`: one whole send, whatever it is.
    Await(Option<Vec<u8>>),
    AwaitBreak,
    Give(Vec<u8>),
    HangUp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    /// Line of the file.
    line: usize,
    /// After the event before.
    delay: Duration,
    act: Act,
}

/// The line a recording plays.
#[derive(Debug, Default)]
pub struct Replay {
    /// What is still to come; the first one waits for the script.
    events: VecDeque<Event>,
    /// What comes by itself, and when; `None` is the hang-up.
    coming: VecDeque<(Duration, Option<Vec<u8>>)>,
    now: Duration,
    alarm: Option<Duration>,
    /// The send under way has put out bytes that any send matches.
    matched_any: bool,
    /// What the script sent while something else was awaited.
    difference: Option<String>,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    /// A text with the line's number.
    pub fn load(path: &Path) -> Result<Replay, String> {
        let bytes = std::fs::read(path).map_err(|e| crate::log::reason(&e))?;
        Replay::parse(&bytes)
    }

    /// Reads a recording's text.
    ///
    /// # Errors
    /// A text with the line's number.
    pub fn parse(text: &[u8]) -> Result<Replay, String> {
        let mut replay = Replay::default();
        let mut clock = Duration::ZERO;
        let mut pause = Duration::ZERO;
        for (n, line) in text.split(|&b| b == b'\n').enumerate() {
            let line_number = n + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let fault = |text: &str| format!("line {line_number}: {text}");
            if line.trim_ascii().is_empty() || line.starts_with(b"#") {
                continue;
            }
            let (act, delay) = if line.starts_with(b"{") {
                let Some((act, at)) = json_event(line).map_err(|t| fault(&t))? else { continue };
                let at = at.unwrap_or(clock);
                let delay = at.saturating_sub(clock);
                clock = at.max(clock);
                (act, delay)
            } else {
                match hand_event(line).map_err(|t| fault(&t))? {
                    Hand::Act(act) => (act, std::mem::take(&mut pause)),
                    Hand::Pause(time) => {
                        pause = pause.saturating_add(time);
                        continue;
                    }
                }
            };
            replay.events.push_back(Event { line: line_number, delay, act });
        }
        replay.schedule();
        Ok(replay)
    }

    /// Where the script left the recording, if it did.
    pub fn difference(&self) -> Option<&str> {
        self.difference.as_deref()
    }

    /// The alarm, if it rings not after `until`.
    fn alarm_before(&mut self, until: Option<Duration>) -> bool {
        match self.alarm {
            Some(alarm) if until.is_none_or(|t| alarm <= t) => {
                self.now = self.now.max(alarm);
                // Like the original's: it goes on ringing each second.
                self.alarm = Some(self.now + Duration::from_secs(1));
                true
            }
            _ => false,
        }
    }

    /// What the script was waited for has come.
    fn done(&mut self) {
        self.events.pop_front();
        self.schedule();
    }

    /// Sets the time of everything that happens before the script is waited for again.
    fn schedule(&mut self) {
        let mut at = self.now;
        while let Some(event) = self.events.pop_front() {
            let bytes = match event.act {
                Act::Give(bytes) => Some(bytes),
                Act::HangUp => None,
                Act::Await(_) | Act::AwaitBreak => {
                    self.events.push_front(event);
                    return;
                }
            };
            at += event.delay;
            self.coming.push_back((at, bytes));
        }
    }

    fn differs(&mut self, sent: &[u8]) {
        if self.difference.is_some() {
            return;
        }
        let wanted = match self.events.front() {
            Some(Event { line, act: Act::Await(Some(bytes)), .. }) => {
                format!("line {line} waits for \"{}\"", visible::terminal(bytes))
            }
            Some(Event { line, act: Act::AwaitBreak, .. }) => format!("line {line} waits for a BREAK"),
            _ => return,
        };
        self.difference = Some(format!("{wanted}, the script sent \"{}\"", visible::terminal(sent)));
    }
}

impl Line for Replay {
    fn read(&mut self, buffer: &mut [u8], wait: bool) -> Input {
        let Some(due) = self.coming.front().map(|(due, _)| *due) else {
            return match wait {
                false => Input::Nothing,
                true if self.alarm_before(None) => Input::Alarm,
                // Nobody will ever say anything again, and there is no limit.
                true => Input::End,
            };
        };
        if due > self.now {
            if !wait {
                return Input::Nothing;
            }
            if self.alarm_before(Some(due)) {
                return Input::Alarm;
            }
            self.now = due;
        }
        match self.coming.front_mut() {
            Some((_, Some(bytes))) => {
                let count = bytes.len().min(buffer.len());
                for (to, from) in buffer.iter_mut().zip(bytes.drain(..count)) {
                    *to = from;
                }
                if bytes.is_empty() {
                    self.coming.pop_front();
                }
                Input::Bytes(count)
            }
            _ => Input::End,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Output {
        if self.alarm_before(Some(self.now)) {
            return Output::Alarm;
        }
        if let Some(Event { act: Act::Await(Some(wanted)), .. }) = self.events.front_mut() {
            let common = wanted.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            if common < wanted.len() && common < bytes.len() {
                self.differs(bytes);
                return Output::Done(bytes.len());
            }
            wanted.drain(..common);
            if wanted.is_empty() {
                self.done();
            }
            return Output::Done(common);
        }
        match self.events.front() {
            Some(Event { act: Act::AwaitBreak, .. }) => self.differs(bytes),
            Some(Event { act: Act::Await(None), .. }) => self.matched_any = true,
            _ => {}
        }
        Output::Done(bytes.len())
    }

    fn pause(&mut self, time: Duration) -> Output {
        let until = self.now + time;
        if self.alarm_before(Some(until)) {
            return Output::Alarm;
        }
        self.now = until;
        Output::Done(0)
    }

    fn end_send(&mut self) {
        if std::mem::take(&mut self.matched_any) {
            self.done();
        }
    }

    fn send_break(&mut self) {
        if let Some(Event { act: Act::AwaitBreak, .. }) = self.events.front() {
            self.done();
        }
    }

    fn set_alarm(&mut self, seconds: i32) {
        let seconds = u64::try_from(seconds).unwrap_or(0);
        self.alarm = (seconds > 0).then(|| self.now + Duration::from_secs(seconds));
    }

    fn alarm_rang(&mut self) -> bool {
        self.alarm_before(Some(self.now))
    }

    fn ignore_hangup(&mut self, _ignored: bool) {}

    fn now(&self) -> Duration {
        self.now
    }
}

/// An event of a trace, and its time; `None` if it is nothing the remote does.
fn json_event(line: &[u8]) -> Result<Option<(Act, Option<Duration>)>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|e| format!("no JSON: {e}"))?;
    let at = match value.get("t") {
        None => None,
        Some(t) => {
            let seconds = t.as_f64().ok_or("\"t\" is no number")?;
            Some(Duration::try_from_secs_f64(seconds).map_err(|_| "\"t\" is no time")?)
        }
    };
    let bytes = |value: &Value| {
        value.as_str().and_then(trace::bytes).ok_or("a text that stands for no bytes".to_string())
    };
    let act = if let Some(sent) = value.get("send") {
        Act::Await(if sent.is_null() { None } else { Some(bytes(sent)?) })
    } else if let Some(received) = value.get("recv") {
        Act::Give(bytes(received)?)
    } else if value.get("break").is_some() {
        Act::AwaitBreak
    } else if value.get("eof").is_some() {
        Act::HangUp
    } else {
        return Ok(None);
    };
    if matches!(&act, Act::Await(Some(b)) | Act::Give(b) if b.is_empty()) {
        return Ok(None);
    }
    Ok(Some((act, at)))
}

enum Hand {
    Act(Act),
    Pause(Duration),
}

/// A line written by hand.
fn hand_event(line: &[u8]) -> Result<Hand, String> {
    if line == b"eof" {
        return Ok(Hand::Act(Act::HangUp));
    }
    if line == b"break" {
        return Ok(Hand::Act(Act::AwaitBreak));
    }
    let (sign, rest) = line.split_at(1);
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    match sign {
        b">" if rest == b"*" => Ok(Hand::Act(Act::Await(None))),
        b">" | b"<" if rest.is_empty() => Err("nothing is sent".into()),
        b">" => Ok(Hand::Act(Act::Await(Some(unescape(rest)?)))),
        b"<" => Ok(Hand::Act(Act::Give(unescape(rest)?))),
        b"." => std::str::from_utf8(rest)
            .ok()
            .and_then(|t| t.trim().parse::<f64>().ok())
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .map(Hand::Pause)
            .ok_or_else(|| "`.` takes seconds".into()),
        _ => Err("expected `>`, `<`, `.`, `break`, `eof`, `#` or a JSON object".into()),
    }
}

fn unescape(text: &[u8]) -> Result<Vec<u8>, String> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&letter, after) = rest.split_first().ok_or("a backslash at the end")?;
        rest = after;
        out.push(match letter {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'e' => 0x1B,
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = rest.get(..2).and_then(|d| std::str::from_utf8(d).ok());
                let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
                rest = rest.get(2..).unwrap_or_default();
                byte.ok_or("\\x takes two hexadecimal digits")?
            }
            _ => return Err(format!("unknown escape \\{}", visible::terminal([letter]))),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &[u8] = b"# a modem\n> AT\\r\n< AT\\r\\r\\nOK\\r\\n\n> *\n. 2.5\n< \\x41B\neof\n";

    fn read(line: &mut Replay, most: usize) -> Result<String, Input> {
        let mut buffer = vec![0; most];
        match line.read(&mut buffer, true) {
            Input::Bytes(n) => Ok(String::from_utf8(buffer[..n].to_vec()).unwrap()),
            other => Err(other),
        }
    }

    #[test]
    fn the_remote_answers_when_it_was_spoken_to_and_time_is_its_own() {
        let mut line = Replay::parse(WRITTEN).unwrap();
        line.set_alarm(5);
        assert_eq!(read(&mut line, 9), Err(Input::Alarm));
        assert_eq!(line.now(), Duration::from_secs(5));
        assert!(matches!(line.write(b"AT"), Output::Done(2)));
        assert!(matches!(line.write(b"\rxx"), Output::Done(1)));
        assert_eq!(read(&mut line, 5), Ok("AT\r\r\n".into()));
        // The rest waits while the script sends.
        assert!(matches!(line.write(b"secret"), Output::Done(6)));
        line.end_send();
        assert_eq!(read(&mut line, 9), Ok("OK\r\n".into()));
        line.set_alarm(2);
        assert_eq!(read(&mut line, 9), Err(Input::Alarm));
        line.set_alarm(2);
        assert_eq!(read(&mut line, 9), Ok("AB".into()));
        assert_eq!(line.now(), Duration::from_millis(7500));
        assert_eq!(read(&mut line, 9), Err(Input::End));
        assert_eq!(line.difference(), None);
    }

    #[test]
    fn leaving_the_recording_is_told() {
        let mut line = Replay::parse(b"> ATZ\\r\n< OK\n").unwrap();
        assert!(matches!(line.write(b"ATX\r"), Output::Done(4)));
        assert_eq!(line.difference(), Some("line 1 waits for \"ATZ\\r\", the script sent \"ATX\\r\""));
    }

    #[test]
    fn faults_name_their_line() {
        for (text, fault) in [
            (&b"\n? x"[..], "line 2: expected"),
            (b"> ", "line 1: nothing is sent"),
            (b". x", "line 1: `.` takes seconds"),
            (b"< \\q", "line 1: unknown escape"),
            (b"{\"recv\":1}", "line 1: a text"),
            (b"{\"recv\":\"\\u0100\"}", "line 1: a text"),
            (b"{", "line 1: no JSON"),
            (b"{\"t\":-1,\"recv\":\"x\"}", "line 1: \"t\" is no time"),
        ] {
            let error = Replay::parse(text).unwrap_err();
            assert!(error.starts_with(fault), "{error}");
        }
    }
}
