//! Bytes of a call, from the counters of the serial driver.
//!
//! Many drivers count what they send and receive (TIOCGICOUNT); ptys, multiplexers and `cdc_acm` do not. On a
//! line that has been talked with, a counter at zero is none. After a hang-up the line answers no more; then
//! the kernel's list of its drivers is asked, where the UARTs of the machine stand.

use crate::sys::tty::{self, Traffic};
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

/// The counters of a line when a call began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    /// Major and minor number.
    device: (u64, u64),
    begin: Traffic,
}

impl Meter {
    /// Reads them, on a line that bytes have gone both ways on; `None` where there are none.
    #[must_use]
    pub fn start(line: impl AsFd) -> Option<Meter> {
        let begin = tty::traffic(&line).ok().filter(|begin| begin.received != 0 || begin.sent != 0)?;
        let device = tty::device_number(&line).ok()?;
        Some(Meter { device, begin })
    }

    /// Bytes received and sent since then. `line` is the line if it is still open.
    #[must_use]
    pub fn read(&self, line: Option<impl AsFd>) -> (Option<u64>, Option<u64>) {
        let end = line.and_then(|line| tty::traffic(line).ok()).or_else(|| listed(self.device));
        end.map_or((None, None), |end| self.until(end))
    }

    /// The counters have 32 bits, and may have begun anew.
    fn until(&self, end: Traffic) -> (Option<u64>, Option<u64>) {
        let grown = |begin: u32, end: u32| (begin != 0).then(|| u64::from(end.wrapping_sub(begin)));
        (grown(self.begin.received, end.received), grown(self.begin.sent, end.sent))
    }
}

fn listed(device: (u64, u64)) -> Option<Traffic> {
    let drivers = fs::read_to_string("/proc/tty/drivers").ok()?;
    let (driver, number) = driver_of(&drivers, device)?;
    let ports = fs::read_to_string(Path::new("/proc/tty/driver").join(driver)).ok()?;
    port_of(&ports, number)
}

/// The driver of a device, and the device's number with it, by the text of `/proc/tty/drivers`.
fn driver_of(drivers: &str, (major, minor): (u64, u64)) -> Option<(&str, u64)> {
    drivers.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| !name.contains('/'))?;
        let (its_major, minors) = (words.nth(1)?, words.next()?);
        let (first, last) = minors.split_once('-').unwrap_or((minors, minors));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (its_major.parse() == Ok(major) && (first..=last).contains(&minor)).then(|| (name, minor - first))
    })
}

/// The counters of a port, by the text of its driver's file in `/proc/tty/driver`.
fn port_of(ports: &str, number: u64) -> Option<Traffic> {
    let line = ports.lines().find_map(|line| line.strip_prefix(&format!("{number}: ")))?;
    let count = |name: &str| line.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse().ok());
    // Printed as signed numbers.
    let count = |name: &str| count(name).map(|n: i64| n as u32);
    Some(Traffic { received: count("rx:")?, sent: count("tx:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRIVERS: &str = "/dev/tty             /dev/tty        5       0 system:/dev/tty\n\
        usbserial            /dev/ttyUSB   188 0-511 serial\n\
        serial               /dev/ttyS       4 64-95 serial\n\
        pty_slave            /dev/pts      136 0-1048575 pty:slave\n";
    const PORTS: &str = "serinfo:1.0 driver revision:\n\
        0: uart:16550A port:000003F8 irq:4 tx:1234 rx:99 RTS|CTS|DTR|DSR|CD\n\
        1: uart:16550A port:000002F8 irq:3 tx:-2 rx:7 fe:1 RTS|DTR\n\
        2: uart:unknown port:000003E8 irq:4\n";

    #[test]
    fn ports_are_found_in_the_kernel_s_lists() {
        assert_eq!(driver_of(DRIVERS, (4, 65)), Some(("serial", 1)));
        assert_eq!(driver_of(DRIVERS, (188, 0)), Some(("usbserial", 0)));
        assert_eq!(driver_of(DRIVERS, (4, 1)), None);
        assert_eq!(driver_of(DRIVERS, (5, 0)), None);
        assert_eq!(driver_of("serial /dev/ttyS 4\n\nx y z a-b c\n", (4, 64)), None);
        assert_eq!(port_of(PORTS, 0), Some(Traffic { received: 99, sent: 1234 }));
        assert_eq!(port_of(PORTS, 1), Some(Traffic { received: 7, sent: u32::MAX - 1 }));
        assert_eq!((port_of(PORTS, 2), port_of(PORTS, 3), port_of("", 0)), (None, None, None));
    }

    #[test]
    fn only_what_is_counted_is_told() {
        let of = |received, sent| Traffic { received, sent };
        let meter = |begin| Meter { device: (0, 0), begin };
        assert_eq!(meter(of(10, 20)).until(of(110, 20)), (Some(100), Some(0)));
        assert_eq!(meter(of(u32::MAX, 1)).until(of(4, 3)), (Some(5), Some(2)));
        assert_eq!(meter(of(0, 20)).until(of(0, 25)), (None, Some(5)));
        // A pty counts nothing.
        let pty = nix::pty::openpty(None, None).unwrap();
        assert_eq!(Meter::start(&pty.slave), None);
        assert_eq!(meter(of(1, 1)).read(Some(&pty.slave)), (None, None));
    }
}
