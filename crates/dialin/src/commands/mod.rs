//! The commands, one file each.

pub mod log;
pub mod undo;
