//! A telephone exchange made of software: modems, the switch between them, and the program
//! that puts them on ptys, multiplexer lines and emulated USB adapters.
//!
//! Everything that decides is pure: bytes and the time go in, actions come out. Only `port` and
//! `program` touch descriptors.

pub mod args;
pub mod far;
pub mod faults;
pub mod journal;
pub mod ladder;
pub mod modem;
pub mod mux;
pub mod options;
pub mod orders;
pub mod pace;
pub mod port;
pub mod program;
pub mod switch;
pub mod usb;
