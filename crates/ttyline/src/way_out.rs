//! What must be undone on every way out of a process: a line's settings, lock files.
//!
//! Drop covers returning. It does not cover `process::exit`, nor a panic under `panic = "abort"`: for these
//! what is to be undone is also noted here. SIGKILL is covered by nothing; stale locks are seen by their pid.

use std::process::exit;
use std::sync::{Mutex, Once, PoisonError};

type Undo = Box<dyn Fn() + Send>;

/// Everything to be undone, in the order in which it was noted.
struct Notes(Mutex<Vec<(u64, Undo)>>);

static NOTES: Notes = Notes::none();

/// As long as it lives, its action is done when the process ends by [`leave`] or by a panic. Dropping it
/// only forgets the action.
#[must_use]
pub struct Noted {
    id: u64,
    notes: &'static Notes,
}

impl std::fmt::Debug for Noted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Noted({})", self.id)
    }
}

impl Notes {
    const fn none() -> Notes {
        Notes(Mutex::new(Vec::new()))
    }

    fn note(&'static self, undo: Undo) -> Noted {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = notes.last().map_or(1, |(id, _)| id + 1);
        notes.push((id, undo));
        Noted { id, notes: self }
    }

    fn undo_all(&self) {
        // In a panic inside note() or drop() the list is locked by this very thread: then it is left alone.
        let Ok(mut notes) = self.0.try_lock() else { return };
        let actions = std::mem::take(&mut *notes);
        drop(notes);
        for (_, undo) in actions.iter().rev() {
            undo();
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut notes = self.notes.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.retain(|(id, _)| *id != self.id);
    }
}

/// Notes an action for [`leave`] and for panics. It must not panic, and not wait long.
pub fn note(undo: impl Fn() + Send + 'static) -> Noted {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A panic that is caught (tests) must not undo what others still use.
            if cfg!(panic = "abort") {
                undo_all();
            }
            before(info);
        }));
    });
    NOTES.note(Box::new(undo))
}

/// Does everything noted, the latest first, each once.
pub fn undo_all() {
    NOTES.undo_all();
}

/// Ends the process with `code`, after everything noted has been done.
pub fn leave(code: u8) -> ! {
    undo_all();
    exit(i32::from(code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn what_is_noted_is_done_once_the_latest_first_and_what_is_dropped_is_not() {
        static NOTES: Notes = Notes::none();
        static DONE: AtomicU32 = AtomicU32::new(0);
        let adds = |digit: u32| {
            NOTES.note(Box::new(move || {
                DONE.store(DONE.load(Ordering::Relaxed) * 10 + digit, Ordering::Relaxed)
            }))
        };
        let (first, dropped, last) = (adds(1), adds(9), adds(2));
        drop(dropped);
        NOTES.undo_all();
        NOTES.undo_all();
        assert_eq!(DONE.load(Ordering::Relaxed), 21);
        drop((first, last));
    }
}
