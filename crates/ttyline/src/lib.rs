//! What two or more Ringback tools need: lines, locks, modems, dialogues, configuration.
//!
//! Code that decides (`at`, `expect`, `ppp`, `config`, `visible`) does no I/O; `line`, `lock`,
//! `drive`, `signal` and `log` carry decisions out; `sys` alone holds `unsafe`.
//!
//! All is for Linux; what comport needs on other systems stands without a `cfg`.

#[cfg(target_os = "linux")]
pub mod account;
#[cfg(target_os = "linux")]
pub mod at;
#[cfg(target_os = "linux")]
pub mod claim;
#[cfg(target_os = "linux")]
pub mod config;
#[cfg(target_os = "linux")]
pub mod drive;
#[cfg(target_os = "linux")]
pub mod exit;
#[cfg(target_os = "linux")]
pub mod expect;
#[cfg(target_os = "linux")]
pub mod getopt;
#[cfg(target_os = "linux")]
pub mod handover;
#[cfg(target_os = "linux")]
pub mod hosts_access;
#[cfg(target_os = "linux")]
pub mod line;
#[cfg(target_os = "linux")]
pub mod line_name;
#[cfg(target_os = "linux")]
pub mod lock;
#[cfg(target_os = "linux")]
pub mod log;
#[cfg(target_os = "linux")]
pub mod number;
pub mod port_control;
#[cfg(target_os = "linux")]
pub mod ppp;
#[cfg(target_os = "linux")]
pub mod record;
pub mod settings;
#[cfg(target_os = "linux")]
pub mod share;
#[cfg(target_os = "linux")]
pub mod signal;
pub mod speed;
#[cfg(target_os = "linux")]
pub mod state;
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // Each block carries its reason.
pub mod sys;
#[cfg(target_os = "linux")]
pub mod talk;
pub mod telnet;
#[cfg(target_os = "linux")]
pub mod traffic;
pub mod visible;
#[cfg(target_os = "linux")]
pub mod way_out;
