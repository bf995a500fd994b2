//! What must be undone on every way out of a process: a line's settings, lock files.
//!
//! Drop covers returning. It does not cover `process::exit`, nor a panic under `panic = "abort"`: for these
//! what is to be undone is also noted here. SIGKILL is covered by nothing; stale locks are seen by their pid.

use std::sync::{Mutex, Once};

type Undo = Box<dyn Fn() + Send>;

static NOTED: Mutex<Vec<(u64, Undo)>> = Mutex::new(Vec::new());

/// As long as it lives, its action is done when the process ends by [`leave`] or by a panic. Dropping it
/// only forgets the action.
#[derive(Debug)]
#[must_use]
pub struct Noted(u64);

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
    let mut noted = NOTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let id = noted.last().map_or(1, |(id, _)| id + 1);
    noted.push((id, Box::new(undo)));
    Noted(id)
}

impl Drop for Noted {
    fn drop(&mut self) {
        let mut noted = NOTED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        noted.retain(|(id, _)| *id != self.0);
    }
}

/// Does everything noted, the latest first, each once.
pub fn undo_all() {
    // In a panic inside note() or drop() the list is locked by this very thread: then it is left alone.
    let Ok(mut noted) = NOTED.try_lock() else { return };
    let actions = std::mem::take(&mut *noted);
    drop(noted);
    for (_, undo) in actions.iter().rev() {
        undo();
    }
}

/// Ends the process with `code`, after everything noted has been done.
pub fn leave(code: u8) -> ! {
    undo_all();
    std::process::exit(i32::from(code))
}
