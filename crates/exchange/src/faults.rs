//! Faults on demand: which, on which call, and what they come to.

use crate::modem::caller_id::Dialect;
use crate::modem::whims::Whims;
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `no-dialtone`: the line is dead.
    NoDialTone,
    /// `noise=BYTES/TIME`: so many bytes of noise to this line's computer, so often.
    Noise {
        /// Bytes each time.
        bytes: usize,
        /// From one burst to the next.
        every: Duration,
    },
    /// `garbage=BYTES`: before each result code.
    Garbage(usize),
    /// `drop=BYTES`: the carrier goes after so many bytes (both ways together).
    DropAfterBytes(u64),
    /// `drop=TIME` (with a unit): the carrier goes so long after CONNECT.
    DropAfterTime(Duration),
    /// `deaf`: the modem does not hear its computer.
    Deaf,
    /// `slow=TIME`: all it says comes later.
    Slow(Duration),
    /// `error=COMMAND`: it answers ERROR to commands that begin like this.
    Error(String),
    /// `echo`: it echoes whatever E0 says.
    Echo,
    /// `lost-ring=N`: the N-th ring comes without RING.
    LostRing(u8),
    /// `cid=DIALECT`: it shows callers in another dialect.
    Dialect(Dialect),
    /// `dtr-ignored`
    DtrIgnored,
    /// `power-cycle=TIME`: so long after CONNECT; without a time: at once, when ordered.
    PowerCycle(Option<Duration>),
}

/// A fault and the calls on which it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What.
    pub fault: Fault,
    /// On this call of the line only, counted from 1; `None`: always.
    pub call: Option<u32>,
}

/// Reads `1500ms`, `2s`, `1.5` (seconds).
pub fn time(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.parse::<f64>().ok()? * unit;
    (0.0..=1e6).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

impl Fault {
    /// Reads `NAME` or `NAME=VALUE`.
    pub fn parse(text: &str) -> Result<Fault, String> {
        let (name, value) = text.split_once('=').map_or((text, None), |(n, v)| (n, Some(v)));
        let bad = || format!("bad value in fault {text}");
        let wanted = || value.ok_or_else(bad);
        let number = || wanted()?.parse::<u64>().map_err(|_| bad());
        let small = || usize::try_from(number()?).ok().filter(|n| *n <= 4096).ok_or_else(bad);
        let period = || time(wanted()?).ok_or_else(bad);
        Ok(match name {
            "no-dialtone" => Fault::NoDialTone,
            "noise" => {
                let (bytes, every) = wanted()?.split_once('/').ok_or_else(bad)?;
                let every = time(every).filter(|t| *t >= Duration::from_millis(10)).ok_or_else(bad)?;
                let bytes = bytes.parse().ok().filter(|n| *n <= 4096).ok_or_else(bad)?;
                Fault::Noise { bytes, every }
            }
            "garbage" => Fault::Garbage(small()?),
            "drop" if wanted()?.ends_with('s') => Fault::DropAfterTime(period()?),
            "drop" => Fault::DropAfterBytes(number()?),
            "deaf" => Fault::Deaf,
            "slow" => Fault::Slow(period()?),
            "error" => {
                let command = wanted()?.to_ascii_uppercase();
                let command = command.strip_prefix("AT").unwrap_or(&command);
                if command.is_empty() {
                    return Err(bad());
                }
                Fault::Error(command.to_string())
            }
            "echo" => Fault::Echo,
            "lost-ring" => Fault::LostRing(u8::try_from(number()?).map_err(|_| bad())?),
            "cid" => Fault::Dialect(Dialect::named(wanted()?).ok_or_else(bad)?),
            "dtr-ignored" => Fault::DtrIgnored,
            "power-cycle" => Fault::PowerCycle(value.map(|_| period()).transpose()?),
            _ => return Err(format!("no such fault: {name}")),
        })
    }
}

/// What the faults of the telephone line come to in one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnLine {
    /// No dial tone.
    pub dead: bool,
    /// Noise: bytes and period.
    pub noise: Option<(usize, Duration)>,
    /// Bytes until the carrier goes.
    pub drop_bytes: Option<u64>,
    /// Time from CONNECT until it goes.
    pub drop_time: Option<Duration>,
    /// Time from CONNECT until the modem loses power for a moment.
    pub power: Option<Duration>,
}

/// All faults of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// In the order in which they were asked for.
    pub planned: Vec<Planned>,
}

impl Faults {
    /// What is wrong with the modem and with the line on call number `call`.
    pub fn on_call(&self, call: u32) -> (Option<Whims>, Option<OnLine>) {
        let (mut whims, mut line) = (Whims { seed: call | 1, ..Whims::default() }, OnLine::default());
        let (healthy, quiet) = (whims.clone(), line.clone());
        for planned in self.planned.iter().filter(|p| p.call.is_none_or(|c| c == call)) {
            match &planned.fault {
                Fault::NoDialTone => line.dead = true,
                Fault::Noise { bytes, every } => line.noise = Some((*bytes, *every)),
                Fault::Garbage(bytes) => whims.garbage = *bytes,
                Fault::DropAfterBytes(bytes) => line.drop_bytes = Some(*bytes),
                Fault::DropAfterTime(time) => line.drop_time = Some(*time),
                Fault::Deaf => whims.deaf = true,
                Fault::Slow(time) => whims.slow = Some(*time),
                Fault::Error(command) => whims.errors.push(command.clone()),
                Fault::Echo => whims.echo_stuck = true,
                Fault::LostRing(ring) => whims.lost_rings.push(*ring),
                Fault::Dialect(dialect) => whims.dialect = Some(*dialect),
                Fault::DtrIgnored => whims.dtr_ignored = true,
                Fault::PowerCycle(time) => line.power = *time,
            }
        }
        ((whims != healthy).then_some(whims), (line != quiet).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Planned, time};
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn times_have_units() {
        assert_eq!(time("1500ms"), Some(Duration::from_millis(1500)));
        assert_eq!(time("2s"), Some(Duration::from_secs(2)));
        assert_eq!(time("1.5"), Some(Duration::from_millis(1500)));
        assert_eq!([time(""), time("-1"), time("nan"), time("1e99")], [None; 4]);
    }

    #[test]
    fn faults_are_read() {
        assert_eq!(Fault::parse("drop=1000"), Ok(Fault::DropAfterBytes(1000)));
        assert_eq!(Fault::parse("drop=2s"), Ok(Fault::DropAfterTime(Duration::from_secs(2))));
        assert_eq!(Fault::parse("error=at+vcid"), Ok(Fault::Error("+VCID".into())));
        let noise = Fault::Noise { bytes: 20, every: Duration::from_millis(500) };
        assert_eq!(Fault::parse("noise=20/500ms"), Ok(noise));
        assert_eq!(Fault::parse("power-cycle"), Ok(Fault::PowerCycle(None)));
        for bad in
            ["noise=20", "noise=9999/1s", "noise=1/1ms", "garbage=", "cid=klingon", "error=at", "explode"]
        {
            assert!(Fault::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_fault_may_be_for_one_call() {
        let planned = vec![Planned { fault: Fault::Deaf, call: Some(2) }];
        let faults = Faults { planned };
        assert_eq!(faults.on_call(1), (None, None));
        assert!(faults.on_call(2).0.is_some_and(|w| w.deaf));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = Fault::parse(&text);
        }
    }
}
