//! mgetty: answers modem lines, recognises PPP, reads names, starts the login program.
//!
//! [`session`] decides and does no I/O; [`run`] carries its decisions out; [`start`] puts the
//! login program in our place.

pub mod args;
pub mod greeting;
pub mod name;
pub mod session;
