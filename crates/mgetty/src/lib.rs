//! mgetty: answers modem lines, recognises PPP, reads names, starts the login program.
//!
//! [`session`] decides and does no I/O; [`getty`] carries its decisions out; [`login`] and [`exec`]
//! put the login program in our place, and [`watcher`] stays beside it. [`probe`] asks a modem what it is.

pub mod args;
mod check;
mod dialout;
pub mod exec;
mod explain;
pub mod getty;
pub mod greeting;
mod guesses;
mod handover;
mod hook;
pub mod judge;
mod login;
pub mod name;
mod probe;
pub mod run;
pub mod service;
pub mod session;
mod show;
mod watcher;
