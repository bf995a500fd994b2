//! What is told to people.
use crate::args::Options;
use crate::journal::Journal;
use std::time::Duration;
/// stub
pub fn table(_: &Journal, _: &Options, _: u8, _: Duration) -> String {
    String::new()
}
/// stub
pub fn why(_: &Journal, _: &Options, _: u8) -> String {
    String::new()
}
/// stub
pub fn no_terminal(_: &str) -> String {
    String::new()
}
