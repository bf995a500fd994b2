//! Plan.
use crate::args::Options;
/// stub
pub fn run(_: &Options, _: bool) -> u8 {
    0
}
/// stub
pub fn secrets(_: &Options) -> Vec<Vec<u8>> {
    Vec::new()
}
