//! `chat`: carries out modem dialogue scripts, as pppd's chat does.
//!
//! The language is in `ttyline::expect`; here are the command line, the run of a script over a
//! line (a tty, or a recording), and what is told about it.

pub mod args;
pub mod check;
pub mod explain;
pub mod journal;
pub mod messages;
pub mod plan;
pub mod received;
pub mod report;
pub mod run;
pub mod session;
pub mod source;

pub use run::main;
// Shared with dialscript.
use ttyline::talk::{line, mask, replay, trace, tty};
