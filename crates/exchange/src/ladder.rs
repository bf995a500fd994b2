//! The ladder: lines side by side, who sent what when, for people.

use crate::journal::Happening;
use std::time::Duration;

/// A live ladder on standard output.
#[derive(Default)]
pub struct Ladder {}

impl Ladder {
    /// A ladder without lines yet.
    pub fn new() -> Ladder {
        Ladder {}
    }

    /// Something happened.
    pub fn tell(&mut self, now: Duration, number: &str, what: Happening) {
        println!("{:8.3} {number} {what:?}", now.as_secs_f64());
    }

    /// When data waits to be shown.
    pub fn deadline(&self) -> Option<Duration> {
        None
    }

    /// Shows data that has waited.
    pub fn tick(&mut self, _now: Duration) {}
}
