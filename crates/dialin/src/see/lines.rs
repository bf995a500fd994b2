//! The lines' state files, ringback-lines(5).

use crate::root::{Root, State as Standing};
use anyhow::Result;
use std::time::{Duration, SystemTime};
use ttyline::state::{DIRECTORY, LONGEST, LineState, State};

/// A line, and whether what is written of it still holds.
pub struct Line {
    /// What is written.
    pub state: LineState,
    /// Its writer is gone: the line has no getty now.
    pub stale: bool,
}

impl Line {
    /// What it is doing, in a few words.
    #[must_use]
    pub fn doing(&self) -> String {
        match (self.stale, self.state.doing()) {
            (false, _) => self.state.describe(),
            (true, State::Ended) => "no getty".into(),
            (true, _) => format!("no getty (was: {})", self.state.describe()),
        }
    }

    /// Since when it has been doing that.
    #[must_use]
    pub fn lasting(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.state.doing_since()?).ok()
    }

    /// What the caller, the program or the failure adds to it.
    #[must_use]
    pub fn details(&self) -> String {
        let state = &self.state;
        [&state.connect, &state.program, &state.why]
            .into_iter()
            .filter_map(|field| field.as_deref())
            .filter(|field| !field.is_empty())
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// All lines of which something is written, by name. Files that make no sense are left out.
///
/// # Errors
/// The directory cannot be read.
pub fn all(root: &Root) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for name in root.names(DIRECTORY)? {
        if name.starts_with('.') || !name.ends_with(".json") {
            continue;
        }
        let Ok(Standing::File(file)) = root.look(&format!("{DIRECTORY}/{name}"), false) else { continue };
        if file.bytes.len() as u64 > LONGEST {
            continue;
        }
        if let Some(state) = std::str::from_utf8(&file.bytes).ok().and_then(LineState::from_json) {
            // The processes of an image run nowhere.
            let state = if root.is_host() { state.settled() } else { state };
            let stale = !root.is_host() || state.is_over();
            lines.push(Line { state, stale });
        }
    }
    lines.sort_by(|a, b| a.state.line.cmp(&b.state.line));
    Ok(lines)
}
