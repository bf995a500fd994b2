//! The commands, one file each.

pub mod account;
pub mod autoppp;
pub mod backup;
pub mod callback;
pub mod callerid;
pub mod calls;
pub mod completions;
pub mod doctor;
pub mod explain;
pub mod import;
pub mod line;
pub mod lint;
pub mod lock;
pub mod log;
pub mod port;
pub mod ppp;
pub mod setup;
pub mod share;
pub mod status;
pub mod test;
pub mod undo;
