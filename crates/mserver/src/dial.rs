//! Keeps clients from dialling numbers they may not: reads what they tell the modem before it does.
//!
//! In command state everything from the letter A on that may become a command (`AT…`, `A/`) is held back
//! until its line is complete, judged, and passed on whole or not at all; all other bytes pass at once. So a
//! state that is misjudged costs a line its echo, and not the data their way.
//!
//! The state goes to data with a CONNECT that answers a command which was passed on, and back with NO
//! CARRIER, or with three escape characters in a row. A remote side may forge the words of the way back; a
//! client cannot forge those of the way there: the modem could only echo them, and the last letter of a
//! CONNECT that is no command does not reach it. What would blind this (V0, Q1, another S3 or S5, storing
//! another S2), and what dials without D (tones, call diversion, short messages), is answered ERROR; a dial
//! command that leaves the call open for more digits (`;`) or may begin another one (`!`) is refused.
//!
//! A line is judged whole, and the modem may stop at an error in its middle: an escape character that has once
//! been asked for is one for the rest of the session, and so is `+`.

use ttyline::number::{Policy, Reason, Typed};

/// The longest command line that is kept; a longer one is answered ERROR.
const MOST_LINE: usize = 400;
/// How much of what the client has said last in a call is kept: a command to dial with its number.
const RECENT: usize = 80;
/// How much of a refused number is remembered.
const MOST_SHOWN: usize = 40;
/// The most numbers that are remembered for the record.
const MOST_NUMBERS: usize = 20;
const CR: u8 = 13;
const BACKSPACE: u8 = 8;
/// Commands that send digits, dial, divert calls or send short messages without D: V.253 +VTS (#VTS before it),
/// 3GPP TS 27.007 +CCFC, +CUSD, +CTFR, +CKPD, TS 27.005 +CMGS, +CMSS, +CMGC, TIA-707 +CDV. Wherever they stand: some
/// modems take one right behind another's value.
const DIALS: [&[u8]; 10] =
    [b"+VTS", b"#VTS", b"+CCFC", b"+CUSD", b"+CTFR", b"+CKPD", b"+CMGS", b"+CMSS", b"+CMGC", b"+CDV"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Command,
    /// A call is being made or taken; a byte from the client ends that.
    Calling,
    Data,
}

/// The watch over one session.
#[derive(Debug)]
pub struct Guard {
    policy: Policy,
    state: State,
    /// What is held back, as the modem would edit it.
    held: Vec<u8>,
    /// Bytes since the last line of the modem.
    word: Vec<u8>,
    /// What S2, the escape character, may be: a bit for each.
    escape: u128,
    /// A command has had an eighth bit.
    parity: bool,
    /// Which of them the client has just sent, and how often.
    last: u8,
    escapes: u8,
    /// How much of CONNECT the client's last printable bytes spell, in command state.
    spelt: usize,
    /// What the client has said last in a call.
    recent: Vec<u8>,
    /// A command has been passed on, so that `A/` repeats one that was judged; the number that it dialled.
    passed: Option<String>,
    /// Numbers dialled, and those that were refused.
    dialled: Vec<Noted>,
    /// How many were dialled beyond those.
    more: u32,
    /// Numbers refused since this was last looked at, with the reason, for people.
    pub refused: Vec<String>,
}

/// A number of the record.
#[derive(Debug, PartialEq, Eq)]
struct Noted {
    number: String,
    refused: bool,
}

/// What a command line comes to.
#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Pass { calls: bool, escape: u128, number: String },
    NoCarrier,
    Error,
}

impl Guard {
    /// A session that begins in command state.
    #[must_use]
    pub fn new(policy: Policy) -> Guard {
        Guard {
            policy,
            state: State::Command,
            held: Vec::new(),
            word: Vec::new(),
            escape: 1 << b'+',
            parity: false,
            last: 0,
            escapes: 0,
            spelt: 0,
            recent: Vec::new(),
            passed: None,
            dialled: Vec::new(),
            more: 0,
            refused: Vec::new(),
        }
    }

    /// The modem has been unplugged and is back: it is in command state, with the settings it starts with.
    pub fn start_again(&mut self) {
        let policy = std::mem::take(&mut self.policy);
        let (dialled, refused) = (std::mem::take(&mut self.dialled), std::mem::take(&mut self.refused));
        *self = Guard { dialled, more: self.more, refused, ..Guard::new(policy) };
    }

    /// A falling DTR or a break may have brought the modem out of its data, as its settings are.
    pub fn may_be_in_command_state(&mut self) {
        if self.state != State::Command {
            self.state = State::Command;
        }
    }

    /// Bytes from the client: those for the modem are appended to `to_line`, answers in its stead to `back`.
    pub fn from_client(&mut self, bytes: &[u8], to_line: &mut Vec<u8>, back: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, behind)) = rest.split_first() {
            if self.state == State::Data {
                let data = rest.iter().position(|b| self.may_escape(*b)).unwrap_or(rest.len());
                if data > 0 {
                    let (data, behind) = rest.split_at(data);
                    self.remember(data);
                    to_line.extend_from_slice(data);
                    (self.last, self.escapes, rest) = (0, 0, behind);
                    continue;
                }
                self.escapes = if self.seen(byte) == self.last { self.escapes + 1 } else { 1 };
                self.last = self.seen(byte);
                if self.escapes >= 3 {
                    // Perhaps not: then lines that look like commands are held back in vain.
                    self.state = State::Command;
                }
                to_line.push(byte);
            } else {
                if self.state == State::Calling && byte >= b' ' {
                    // The modem gives up and is in command state again, whatever it says now. The LF behind
                    // a CR does not count.
                    self.state = State::Command;
                }
                self.take(byte, to_line, back);
            }
            rest = behind;
        }
    }

    fn remember(&mut self, data: &[u8]) {
        let kept = data.get(data.len().saturating_sub(RECENT)..).unwrap_or_default();
        let over = (self.recent.len() + kept.len()).saturating_sub(RECENT);
        self.recent.drain(..over);
        self.recent.extend(kept.iter().map(|b| (b & 0x7f).to_ascii_uppercase()));
    }

    /// A byte of data as the modem sees it: of seven bits, if commands have had parity.
    fn seen(&self, byte: u8) -> u8 {
        if self.parity { byte & 0x7f } else { byte }
    }

    /// Whether a byte may be the escape character.
    fn may_escape(&self, byte: u8) -> bool {
        let byte = self.seen(byte);
        byte < 128 && self.escape >> byte & 1 != 0
    }

    /// A byte that is no part of a command.
    fn pass(&mut self, byte: u8, to_line: &mut Vec<u8>) {
        const WORD: &[u8] = b"CONNECT";
        let seven = (byte & 0x7f).to_ascii_uppercase();
        if seven >= b' ' {
            let fits = WORD.get(self.spelt) == Some(&seven);
            self.spelt = if fits { self.spelt + 1 } else { usize::from(seven == b'C') };
            if self.spelt == WORD.len() {
                self.spelt = 0;
                return;
            }
        }
        to_line.push(byte);
    }

    fn take(&mut self, byte: u8, to_line: &mut Vec<u8>, back: &mut Vec<u8>) {
        // Modems look at seven bits of a command.
        let seven = byte & 0x7f;
        self.parity |= byte >= 128 && (!self.held.is_empty() || seven.eq_ignore_ascii_case(&b'A'));
        if self.held.is_empty() {
            if seven.eq_ignore_ascii_case(&b'A') {
                self.held.push(seven);
            } else {
                self.pass(byte, to_line);
            }
            return;
        }
        if self.held.len() == 1 {
            match seven.to_ascii_uppercase() {
                b'T' => self.held.push(seven),
                b'/' => {
                    self.held.clear();
                    match self.passed.clone() {
                        Some(number) => {
                            to_line.extend_from_slice(b"A/");
                            self.state = State::Calling;
                            self.note(number, false);
                        }
                        None => no_carrier(back),
                    }
                }
                b'A' => self.pass(b'A', to_line),
                // Not a command after all.
                _ => {
                    for byte in std::mem::take(&mut self.held) {
                        self.pass(byte, to_line);
                    }
                    self.pass(byte, to_line);
                }
            }
            return;
        }
        match seven {
            CR => self.complete(to_line, back),
            BACKSPACE if self.held.len() > 2 => drop(self.held.pop()),
            0x20..=0x7e if self.held.len() <= MOST_LINE => self.held.push(seven),
            // Control characters are no part of a command.
            _ => {}
        }
    }

    fn complete(&mut self, to_line: &mut Vec<u8>, back: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.held);
        let text = String::from_utf8_lossy(line.get(2..).unwrap_or_default()).into_owned();
        let judgement = if line.len() > MOST_LINE { Judgement::Error } else { self.judge(&text) };
        match judgement {
            Judgement::Pass { calls, escape, number } => {
                to_line.extend_from_slice(&line);
                to_line.push(CR);
                self.escape |= escape;
                self.note(number.clone(), false);
                self.passed = Some(number);
                if calls {
                    self.state = State::Calling;
                }
            }
            Judgement::NoCarrier => no_carrier(back),
            Judgement::Error => back.extend_from_slice(b"\r\nERROR\r\n"),
        }
    }

    /// Goes through the commands of one line.
    fn judge(&mut self, text: &str) -> Judgement {
        let compact: Vec<u8> = text.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_uppercase()).collect();
        if DIALS.iter().any(|dials| compact.windows(dials.len()).any(|w| w == *dials)) {
            return Judgement::Error;
        }
        let (mut rest, mut calls, mut escape) = (&compact[..], false, 0u128);
        while let Some((&letter, after)) = rest.split_first() {
            rest = after;
            match letter {
                b'D' => return self.dial(after, escape),
                b'A' | b'O' => {
                    calls = true;
                    number(&mut rest);
                }
                b'S' => {
                    let Some(register) = number(&mut rest) else {
                        // It may be the register that was named last.
                        return Judgement::Error;
                    };
                    if rest.first() == Some(&b'=') {
                        rest = rest.get(1..).unwrap_or_default();
                        let value = number(&mut rest).unwrap_or(0);
                        match (register, u8::try_from(value)) {
                            (3, Ok(CR)) | (5, Ok(BACKSPACE)) => {}
                            (3 | 5, _) | (2, Err(_)) => return Judgement::Error,
                            (2, Ok(value)) => escape |= 1 << (value & 0x7f),
                            _ => {}
                        }
                    } else if rest.first() != Some(&b'?') {
                        // It would name the register that a later `=` sets.
                        return Judgement::Error;
                    } else {
                        rest = rest.get(1..).unwrap_or_default();
                    }
                }
                b'=' => return Judgement::Error,
                b'V' if number(&mut rest).unwrap_or(0) == 0 => return Judgement::Error,
                b'Q' if number(&mut rest).unwrap_or(0) != 0 => return Judgement::Error,
                b'V' | b'Q' => {}
                b'#' if rest.starts_with(b"CID") => {
                    rest = rest.get(3..).unwrap_or_default();
                    if matches!(rest.first(), Some(b'=' | b'?')) {
                        rest = rest.get(1..).unwrap_or_default();
                    }
                    number(&mut rest);
                }
                b'&' if rest.first() == Some(&b'Z') => {
                    rest = rest.get(1..).unwrap_or_default();
                    number(&mut rest);
                    if let Some((b'=', stored)) = rest.split_first() {
                        // A number is stored; it takes the rest of the line. DS=n is not to dial it, but some
                        // modems dial one when DTR rises.
                        return match self.may_dial(stored) {
                            Ok(_) => Judgement::Pass { calls, escape, number: String::new() },
                            Err(why) => self.refuse(stored, &why),
                        };
                    }
                }
                // What ATZ brings back in the next session is to have the escape character that this knows of.
                b'&' if rest.first() == Some(&b'W') => {
                    if self.escape | escape != 1 << b'+' {
                        return Judgement::Error;
                    }
                    rest = rest.get(1..).unwrap_or_default();
                    number(&mut rest);
                }
                b'&' | b'\\' | b'%' | b'-' | b'*' | b'#' | b'$' => {
                    // &D2 is no dial command; a modem that skips the sign would make one of more.
                    if let Some((b'D', string @ ([b'T' | b'P', ..] | [b'0'..=b'9', b'0'..=b'9', ..]))) =
                        rest.split_first()
                    {
                        return self.dial(string, escape);
                    }
                    rest = rest.get(1..).unwrap_or_default();
                    number(&mut rest);
                }
                b'+' => {
                    let end = rest.iter().position(|b| *b == b';').unwrap_or(rest.len());
                    let (extended, behind) = rest.split_at(end);
                    rest = behind.get(1..).unwrap_or_default();
                    // Some modems take a command right behind the value.
                    let value = extended.iter().position(|b| matches!(b, b'=' | b'?' | b'0'..=b'9'));
                    let value = value.map_or(extended, |at| extended.get(at..).unwrap_or_default());
                    let plain =
                        |value: &[u8]| value.split(|b| *b == b'"').step_by(2).any(|v| v.contains(&b'D'));
                    let name = extended.get(..extended.len() - value.len()).unwrap_or_default();
                    if !name.is_empty() && plain(value) {
                        return Judgement::Error;
                    }
                }
                _ => drop(number(&mut rest)),
            }
        }
        Judgement::Pass { calls, escape, number: String::new() }
    }

    /// A dial command: `string` is all behind its D.
    fn dial(&mut self, string: &[u8], escape: u128) -> Judgement {
        match self.may_dial(string) {
            // Without a number it is off the hook: harmless, and how some calls are taken.
            Ok(number) => Judgement::Pass { calls: true, escape, number },
            Err(why) => self.refuse(string, &why),
        }
    }

    fn refuse(&mut self, string: &[u8], why: &str) -> Judgement {
        let text = String::from_utf8_lossy(string).into_owned();
        // A record is one line of bounded length.
        self.note(text.chars().take(MOST_SHOWN).collect(), true);
        self.refused.push(format!("`{}`: {why}", ttyline::visible::field(&text)));
        Judgement::NoCarrier
    }

    /// The digits a dial string comes to, or why it may not be dialled.
    fn may_dial(&self, string: &[u8]) -> Result<String, String> {
        let mut whole = String::new();
        let mut starts = Vec::new();
        for &byte in string {
            match byte {
                b'0'..=b'9' => whole.push(char::from(byte)),
                b'+' if whole.is_empty() => whole.push('+'),
                b'T' | b'P' => {}
                // Before the number it is how some houses give a line.
                b'!' if whole.chars().any(|c| c.is_ascii_digit()) => {
                    return Err("a flash may begin another call".into());
                }
                b',' | b'W' | b'@' | b'!' => starts.push(whole.len()),
                b'(' | b')' | b'-' | b'.' | b'/' => {}
                b';' => return Err("it leaves the call open for more digits".into()),
                _ => return Err("what it dials cannot be told".into()),
            }
        }
        if whole.is_empty() {
            return Ok(whole);
        }
        // What stands behind a pause may be the number, and what is before it the way out of the house.
        for (place, start) in std::iter::once(0).chain(starts).enumerate() {
            let Some(digits) = whole.get(start..).filter(|d| !d.is_empty()) else { continue };
            let typed = Typed::parse(digits.as_bytes()).map_err(|_| "no number")?;
            let verdict = self.policy.typed(&typed);
            let speaks = place == 0 || !matches!(verdict.reason, Reason::NotListed | Reason::Length(..));
            if !verdict.allowed && speaks {
                return Err(why(&verdict.reason));
            }
        }
        Ok(whole)
    }

    fn note(&mut self, number: String, refused: bool) {
        if number.is_empty() {
            return;
        }
        let full = self.dialled.len() == MOST_NUMBERS;
        let noted = Noted { number, refused };
        if refused && (full || self.dialled.contains(&noted)) {
            return;
        }
        if full {
            // What was dialled is more than what was not.
            let Some(place) = self.dialled.iter().position(|noted| noted.refused) else {
                self.more += 1;
                return;
            };
            self.dialled.remove(place);
        }
        self.dialled.push(noted);
    }

    /// What was dialled and what was refused, for the record; `None` if nothing.
    #[must_use]
    pub fn numbers(&self) -> Option<String> {
        let mut text = String::new();
        for (place, Noted { number, refused }) in self.dialled.iter().enumerate() {
            let (comma, refused) =
                (if place > 0 { ", " } else { "" }, if *refused { " refused" } else { "" });
            text += &format!("{comma}{number}{refused}");
        }
        if self.more > 0 {
            text += &format!(", and {} more", self.more);
        }
        (!text.is_empty()).then_some(text)
    }

    /// What the modem says: only its result codes matter. Gives whether the modem may be dialling what was meant for
    /// the other side, because that had just hung up: any byte ends it.
    #[must_use]
    pub fn from_modem(&mut self, bytes: &[u8]) -> bool {
        let mut stop = false;
        for &byte in bytes {
            if byte != CR && byte != b'\n' {
                if self.word.len() < 32 {
                    self.word.push(byte);
                }
                continue;
            }
            let word = std::mem::take(&mut self.word);
            match (self.state, &word[..]) {
                (State::Calling, word) if word.starts_with(b"CONNECT") => {
                    self.state = State::Data;
                    (self.last, self.escapes) = (0, 0);
                    self.recent.clear();
                }
                (
                    State::Calling,
                    b"NO CARRIER" | b"BUSY" | b"NO ANSWER" | b"NO DIALTONE" | b"ERROR" | b"NO DIAL TONE",
                ) => {
                    self.state = State::Command;
                }
                // ISDN adapters say why, behind it.
                (State::Data, word) if word.starts_with(b"NO CARRIER") || word.starts_with(b"DISCONNECT") => {
                    self.state = State::Command;
                    if self.recent.windows(2).any(|two| two == b"AT" || two == b"A/") {
                        // A/ would repeat that.
                        (stop, self.passed) = (true, None);
                    }
                }
                _ => {}
            }
        }
        stop
    }
}

/// Why a number may not be dialled, in the words of mserver.conf.
fn why(reason: &Reason) -> String {
    match reason {
        Reason::Rule(rule) => {
            format!("line {}: dial-{} {}", rule.line, if rule.allow { "allow" } else { "deny" }, rule.word)
        }
        Reason::NotListed => "it is not among dial-allow".into(),
        Reason::Class(class, prefix) => {
            format!("{prefix} is {} here, unless dial-allow says otherwise", class.name())
        }
        Reason::Length(digits, least, most) => format!("it has {digits} digits, not {least} to {most}"),
        Reason::Nothing => reason.to_string(),
    }
}

fn no_carrier(back: &mut Vec<u8>) {
    back.extend_from_slice(b"\r\nNO CARRIER\r\n");
}

/// Takes a decimal number off the front.
fn number(rest: &mut &[u8]) -> Option<u32> {
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, behind) = rest.split_at(end);
    *rest = behind;
    (!digits.is_empty())
        .then(|| digits.iter().fold(0u32, |n, d| n.saturating_mul(10).saturating_add(u32::from(d - b'0'))))
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
