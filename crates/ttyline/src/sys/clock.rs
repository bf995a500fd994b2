//! Wall-clock time in the machine's own time zone.

use std::time::{SystemTime, UNIX_EPOCH};

/// A moment as people write it, in local time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Local {
    /// Year, as 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute.
    pub minute: u32,
    /// Second, 60 in a leap second.
    pub second: u32,
    /// Day of the week, 0 is Sunday.
    pub weekday: u32,
    /// East of Greenwich, seconds.
    pub offset: i64,
}

/// Now, in local time.
#[must_use]
pub fn local_now() -> Local {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    local(i64::try_from(now).unwrap_or(0))
}

/// `seconds` after the epoch, in local time; all zero where the C library cannot tell.
#[must_use]
pub fn local(seconds: i64) -> Local {
    let time: libc::time_t = seconds as libc::time_t;
    // SAFETY: struct tm is plain integers and a pointer that localtime_r sets; all zero is a value of it.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: reads one time_t and writes one tm, both ours; localtime_r is thread-safe.
    if unsafe { libc::localtime_r(&raw const time, &raw mut tm) }.is_null() {
        return Local::default();
    }
    let small = |n: libc::c_int| u32::try_from(n).unwrap_or(0);
    Local {
        year: tm.tm_year + 1900,
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
        weekday: small(tm.tm_wday),
        offset: tm.tm_gmtoff,
    }
}

/// Seconds since boot, suspended time included: the clock of `/proc/PID/stat`.
#[must_use]
pub fn since_boot() -> std::time::Duration {
    use nix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(std::time::Duration::ZERO, std::time::Duration::from)
}

/// Clock ticks per second, as `/proc/PID/stat` counts them.
#[must_use]
pub fn ticks_per_second() -> u64 {
    // SAFETY: sysconf takes an integer and touches no memory of ours.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|t| *t > 0).unwrap_or(100)
}
