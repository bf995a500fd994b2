//! Times as administrators write and read them.

use anyhow::{Result, bail};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use ttyline::record;
use ttyline::sys::clock;

/// `2026-11-20`, `2026-11-20 08:00[:30]` (or with a `T`), a record's own form, `today`, `yesterday`, or so long
/// ago: `90s`, `30m`, `12h`, `7d`, `2w`.
///
/// # Errors
/// It is none of these.
pub fn parse(text: &str, now: SystemTime) -> Result<SystemTime> {
    let text = text.trim();
    if let Some(ago) = length(text) {
        return Ok(now.checked_sub(ago).unwrap_or(UNIX_EPOCH));
    }
    if let Some(time) = record::time_of(text) {
        return Ok(time);
    }
    let midnight = |time: SystemTime| stamp(time).get(..10).map(str::to_string).unwrap_or_default();
    let day = match text {
        "today" => midnight(now),
        "yesterday" => midnight(now.checked_sub(Duration::from_secs(86_400)).unwrap_or(UNIX_EPOCH)),
        other => other.replace(' ', "T"),
    };
    let whole = match day.len() {
        10 => format!("{day}T00:00:00"),
        16 => format!("{day}:00"),
        _ => day,
    };
    match local(&whole) {
        Some(time) => Ok(time),
        None => bail!(
            "{text:?} is no time: write 2026-11-20, \"2026-11-20 08:00\", today, yesterday, or 30m, 12h, 7d for so long ago"
        ),
    }
}

fn stamp(time: SystemTime) -> String {
    record::stamp(time)
}

/// Local time without its offset. The offset is that of the moment itself, so that summer time is right.
fn local(text: &str) -> Option<SystemTime> {
    let mut time = record::time_of(&format!("{text}+00:00"))?;
    for _ in 0..2 {
        let seconds = i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
        let offset = clock::local(seconds).offset;
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        time = record::time_of(&format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60))?;
    }
    // No 31st of November; an hour that summer time leaves out is the next one.
    (stamp(time).get(..10) == text.get(..10)).then_some(time)
}

fn length(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let number: u64 = text.get(..text.len() - unit.len_utf8())?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

/// How long, in two units at most: `42s`, `3m12s`, `5h07m`, `12d3h`.
#[must_use]
pub fn lasting(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m{:02}s", s / 60, s % 60),
        3600..86_400 => format!("{}h{:02}m", s / 3600, s / 60 % 60),
        _ => format!("{}d{}h", s / 86_400, s / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_160_438);
        let ago = |text: &str| now.duration_since(parse(text, now).unwrap()).unwrap().as_secs();
        assert_eq!([ago("90s"), ago("30m"), ago("7d"), ago("2w")], [90, 1800, 604_800, 1_209_600]);
        assert_eq!(parse("2026-11-20T08:40:38+01:00", now).unwrap(), now);
        let day = parse("2026-11-20", now).unwrap();
        assert_eq!(parse("2026-11-20 00:00", now).unwrap(), day);
        assert_eq!(parse("2026-11-20T00:01:00", now).unwrap(), day + Duration::from_secs(60));
        for text in [
            "",
            "soon",
            "7",
            "d",
            "2026-13-1",
            "2026-13-40",
            "2026-11-31",
            "2026-11-20 25:00",
            "99999999999999999999d",
            "\u{e9}d",
            "2026-11-20 8",
        ] {
            assert!(parse(text, now).is_err(), "{text}");
        }
        assert!(parse("today", now).unwrap() > parse("yesterday", now).unwrap());
    }

    #[test]
    fn lengths_are_short() {
        let told = |s| lasting(Duration::from_secs(s));
        assert_eq!([told(0), told(192), told(18_420), told(1_047_600)], ["0s", "3m12s", "5h07m", "12d3h"]);
    }
}
