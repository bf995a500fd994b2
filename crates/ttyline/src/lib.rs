//! What two or more Ringback tools need: lines, locks, modems, dialogues, configuration.
//!
//! Code that decides (`at`, `expect`, `ppp`, `config`, `visible`) does no I/O; `line`, `lock`,
//! `drive`, `signal` and `log` carry decisions out; `sys` alone holds `unsafe`.

pub mod account;
pub mod at;
pub mod claim;
pub mod config;
pub mod drive;
pub mod exit;
pub mod expect;
pub mod getopt;
pub mod handover;
pub mod hosts_access;
pub mod line;
pub mod line_name;
pub mod lock;
pub mod log;
pub mod number;
pub mod port_control;
pub mod ppp;
pub mod record;
pub mod settings;
pub mod share;
pub mod signal;
pub mod speed;
pub mod state;
#[allow(unsafe_code)] // Each block carries its reason.
pub mod sys;
pub mod talk;
pub mod telnet;
pub mod visible;
pub mod way_out;
