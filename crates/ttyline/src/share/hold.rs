//! A shared line, from lock to unlock.

use super::wish::Wish;
use crate::line::{Line, OpenError, Opening, Restore};
use crate::line_name::LineName;
use crate::lock::{Holder, Lock, LockError, Locks};
use crate::settings::Settings;
use crate::sys::termios::{self, Queue, When};
use crate::sys::tty::{self, ModemLines};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Why a line is not ours.
#[derive(Debug)]
pub enum NotHeld {
    /// Somebody else has it.
    Busy(Holder),
    /// It cannot be locked, opened or set; for people.
    Unusable(String),
}

impl std::fmt::Display for NotHeld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NotHeld::Busy(holder) => write!(f, "in use by {holder}"),
            NotHeld::Unusable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for NotHeld {}

/// A line that is locked, open and set as wished.
#[derive(Debug)]
pub struct Held {
    // Before the lock: it is closed while nobody else may have it.
    /// The line.
    pub line: Line,
    lock: Lock,
    name: LineName,
    wanted: Settings,
    hang_up: bool,
    /// Our predecessor was killed: its lock was stale.
    pub left_dirty: bool,
}

/// The name a device is locked by. One outside /dev (a symlink anywhere) goes by what it leads to.
///
/// # Errors
/// What cannot be a device; for people.
pub fn line_name(device: &Path) -> Result<LineName, String> {
    let path = if device.starts_with("/dev") {
        device.to_path_buf()
    } else if device.is_absolute() {
        std::fs::canonicalize(device).map_err(|e| crate::log::reason(&e))?
    } else {
        Path::new("/dev").join(device)
    };
    LineName::new(&path.to_string_lossy()).map_err(|e| e.to_string())
}

impl Held {
    /// Locks, opens and sets the line. What came while nobody was there is thrown away: the last call's
    /// NO CARRIER is nobody's.
    ///
    /// # Errors
    /// [`NotHeld`].
    pub fn take(device: &Path, wish: &Wish) -> Result<Held, NotHeld> {
        let name = line_name(device).map_err(NotHeld::Unusable)?;
        let mut lock = Locks::default().acquire_files(&name).map_err(not_held)?;
        let line = open(&name.path())?;
        lock.hold(&line).map_err(not_held)?;
        let wanted = wish.settings(*line.found());
        let left_dirty = !lock.removed().is_empty();
        let mut held = Held { line, lock, name, wanted, hang_up: wish.hang_up, left_dirty };
        held.restore_later();
        held.raise().map_err(|e| NotHeld::Unusable(format!("cannot be set: {}", crate::log::reason(&e))))?;
        let _ = held.line.flush(Queue::Input);
        Ok(held)
    }

    fn restore_later(&mut self) {
        let restore = if self.hang_up { Restore::FoundWithHangUp } else { Restore::Found };
        self.line.restore_on_way_out(restore);
    }

    /// The name it is locked by.
    #[must_use]
    pub fn name(&self) -> &LineName {
        &self.name
    }

    /// Whether carrier is up; `None` where the port cannot tell.
    #[must_use]
    pub fn carrier(&self) -> Option<bool> {
        self.line.modem_lines().ok().map(|lines| lines.carrier())
    }

    /// Whether a falling carrier is nothing to us (`true`), or hangs the line up.
    pub fn ignore_carrier(&mut self, ignored: bool) {
        self.wanted = self.wanted.ignoring_carrier(ignored);
        let _ = self.line.set(&self.wanted, When::Now);
    }

    /// Sets the line as wished; DTR comes up. So does RTS, and a break ends, which a client of RFC 2217 may have left.
    ///
    /// # Errors
    /// `EIO` after a hang-up.
    pub fn raise(&self) -> io::Result<()> {
        self.line.set(&self.wanted, When::Now)?;
        // A pty has none.
        let _ = self.line.raise_dtr();
        let _ = tty::raise(&self.line, ModemLines::RTS);
        let _ = termios::set_break(&self.line, false);
        Ok(())
    }

    /// As [`Held::raise`], after a hang-up: what the modem said of it is thrown away.
    pub fn raise_clean(&self) {
        let _ = self.raise();
        let _ = self.line.flush(Queue::Input);
    }

    /// Whether the line is hung up for good, or its device gone.
    #[must_use]
    pub fn is_hung_up(&self) -> bool {
        self.line.settings().is_err()
    }

    /// A hung-up line must be opened anew; the lock files stay ours meanwhile. Tries for two seconds.
    pub fn open_again(&mut self) -> bool {
        self.lock.let_go_of_line();
        for _ in 0..20 {
            if let Ok(line) = Line::open(&self.name.path(), Opening::AtOnce) {
                self.line = line;
                self.restore_later();
                return self.lock.hold(&self.line).is_ok() && self.raise().is_ok();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        false
    }
}

fn open(device: &Path) -> Result<Line, NotHeld> {
    Line::open(device, Opening::AtOnce).map_err(|e| {
        NotHeld::Unusable(match &e {
            OpenError::Open(e) => format!("cannot be opened: {}", crate::log::reason(e)),
            other => other.to_string(),
        })
    })
}

fn not_held(error: LockError) -> NotHeld {
    match error {
        LockError::Held(holder) => NotHeld::Busy(holder),
        other => NotHeld::Unusable(other.to_string()),
    }
}
