//! Calls summed up: how they ended and how fast they were, for each line and each caller.

use crate::see::columns::columns;
use crate::see::times;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use ttyline::record::Record;

/// What is counted of a group of calls.
#[derive(Clone, Debug, Default)]
pub struct Count {
    calls: u64,
    connected: u64,
    seconds: u64,
    /// End causes, without what follows a colon.
    causes: BTreeMap<String, u64>,
    /// CONNECT rates, bit/s; 0 where the modem did not tell.
    rates: BTreeMap<u32, u64>,
}

/// All that is counted.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    all: Count,
    lines: BTreeMap<String, Count>,
    callers: BTreeMap<String, Count>,
}

impl Count {
    fn add(&mut self, record: &Record) {
        self.calls += 1;
        let cause = record.cause.split(':').next().unwrap_or_default().trim();
        let cause = if cause.is_empty() { "unknown" } else { cause };
        *self.causes.entry(cause.to_string()).or_default() += 1;
        if let Some(connect) = &record.connect {
            self.connected += 1;
            *self.rates.entry(rate(connect)).or_default() += 1;
        }
        if let (Some(start), Some(end)) = (record.start, record.end) {
            self.seconds += end.duration_since(start).map_or(0, |d| d.as_secs());
        }
    }

    /// The middle one of the rates that are known.
    fn middle_rate(&self) -> Option<u32> {
        let known: u64 = self.rates.iter().filter(|(rate, _)| **rate > 0).map(|(_, count)| count).sum();
        let mut before = 0;
        self.rates.iter().filter(|(rate, _)| **rate > 0).find_map(|(rate, count)| {
            before += count;
            (before * 2 >= known).then_some(*rate)
        })
    }

    fn row(&self, name: &str) -> Vec<String> {
        let many = |counts: &BTreeMap<String, u64>| {
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            counts.into_iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
        };
        vec![
            name.to_string(),
            self.calls.to_string(),
            self.connected.to_string(),
            times::lasting(Duration::from_secs(self.seconds)),
            self.middle_rate().map(|rate| rate.to_string()).unwrap_or_default(),
            many(&self.causes),
        ]
    }

    fn to_json(&self) -> Value {
        let rates: BTreeMap<String, u64> =
            self.rates.iter().map(|(rate, n)| (rate.to_string(), *n)).collect();
        json!({ "calls": self.calls, "connected": self.connected, "seconds": self.seconds,
                "causes": self.causes, "rates": rates })
    }
}

/// The first number of `33600/ARQ/V34/LAPM`; 0 if there is none.
fn rate(connect: &str) -> u32 {
    let digits: String =
        connect.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

impl Summary {
    /// Counts calls.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Summary {
        let mut summary = Summary::default();
        for record in records {
            summary.all.add(record);
            summary.lines.entry(record.line.clone()).or_default().add(record);
            let caller = record.caller.clone().filter(|caller| !caller.is_empty());
            summary.callers.entry(caller.unwrap_or_else(|| "unknown".into())).or_default().add(record);
        }
        summary
    }

    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let head =
            |what: &str| [what, "CALLS", "CONNECTED", "TIME", "RATE", "ENDS"].map(String::from).to_vec();
        let mut rates: Vec<String> = Vec::new();
        for (rate, count) in self.all.rates.iter().rev() {
            rates.push(if *rate == 0 {
                format!("{count} at an unknown rate")
            } else {
                format!("{count} at {rate} bit/s")
            });
        }
        let mut text = columns(&[head("ALL"), self.all.row("")]);
        if !rates.is_empty() {
            text.push_str(&format!("CONNECT: {}\n", rates.join(", ")));
        }
        for (what, groups) in [("LINE", &self.lines), ("CALLER", &self.callers)] {
            let mut sorted: Vec<_> = groups.iter().collect();
            sorted.sort_by(|a, b| b.1.calls.cmp(&a.1.calls).then(a.0.cmp(b.0)));
            let mut rows = vec![head(what)];
            rows.extend(sorted.into_iter().map(|(name, count)| count.row(name)));
            text.push('\n');
            text.push_str(&columns(&rows));
        }
        text
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let group = |groups: &BTreeMap<String, Count>| {
            groups
                .iter()
                .map(|(name, count)| (name.clone(), count.to_json()))
                .collect::<serde_json::Map<_, _>>()
        };
        json!({ "all": self.all.to_json(), "lines": group(&self.lines), "callers": group(&self.callers) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_summed_up() {
        let call = |line: &str, caller: Option<&str>, connect: Option<&str>, cause: &str| Record {
            line: line.into(),
            caller: caller.map(String::from),
            connect: connect.map(String::from),
            cause: cause.into(),
            ..Record::default()
        };
        let calls = [
            call("ttyS0", Some("1"), Some("33600/ARQ"), "hang-up"),
            call("ttyS0", Some("1"), Some("CONNECT 14400"), "hang-up"),
            call("ttyS1", None, None, "refused: premium"),
        ];
        let summary = Summary::of(calls.iter());
        let text = summary.to_text();
        assert!(text.contains("-    3      2          0s    14400  2 hang-up, 1 refused\n"), "{text}");
        assert!(text.contains("CONNECT: 1 at 33600 bit/s, 1 at 14400 bit/s\n"), "{text}");
        assert!(text.contains("unknown  1      0          0s    -      1 refused\n"), "{text}");
        assert_eq!(summary.to_json()["lines"]["ttyS0"]["rates"]["33600"], 1);
    }
}
