//! callback: asks a caller for his number, hangs up and calls him back.
//!
//! [`question`], [`clear_down`], [`dialer`] and [`schedule`] decide and do no I/O; [`run`] puts the program
//! together, [`ask`] and [`dial`] carry decisions out, [`getty`] finds the getty that takes the call.

pub mod args;
pub mod ask;
pub mod attempts;
pub mod clear_down;
pub mod dial;
pub mod dialer;
pub mod getty;
pub mod outcome;
pub mod question;
pub mod run;
pub mod schedule;
pub mod secrets;
pub mod settings;
#[cfg(test)]
mod shipped;
