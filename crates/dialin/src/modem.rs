//! Which modem stands on a line: mgetty asks it.

use crate::tool;
use serde_json::Value;
use std::time::Duration;

/// How long a modem may take to be asked at all speeds.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was found out: the answer of `mgetty --probe --json`.
pub struct Modem(Value);

impl Modem {
    /// Asks. `line` as mgetty takes it.
    ///
    /// # Errors
    /// Why there is no answer: mgetty's own words, or that it cannot be run.
    pub fn ask(line: &str) -> Result<Modem, String> {
        let told = tool::run("mgetty", &["--probe", line, "--json"], PATIENCE)?;
        match serde_json::from_str(&told.out) {
            Ok(value) if told.code == Some(0) => Ok(Modem(value)),
            _ => {
                let why = told.err.lines().next().unwrap_or("no answer").trim();
                // The original's getopt.
                if why.contains("invalid option") {
                    return Err("the mgetty that is installed here is not Ringback's, and cannot ask".into());
                }
                Err(why.trim_start_matches("mgetty: ").to_string())
            }
        }
    }

    /// A fact by its name; empty if it is not known.
    #[must_use]
    pub fn fact(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Profile and family, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("a modem answers, profile {}: {}", self.fact("profile"), self.fact("family"))
    }
}
