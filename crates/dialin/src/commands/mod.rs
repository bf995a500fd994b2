//! The commands, one file each.

pub mod backup;
pub mod log;
pub mod ppp;
pub mod undo;
