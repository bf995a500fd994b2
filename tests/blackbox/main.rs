//! Black-box tests: the built programs, run as their users run them.
//!
//! `SUBJECT=original` runs Debian's mgetty and chat in our programs' place.

mod callback;
mod chat;
mod comport;
mod dialin;
mod dialscript;
mod exchange;
mod line;
mod mgetty;
mod modemd;
mod mserver;
