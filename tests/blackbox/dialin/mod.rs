//! dialin, run as its users run it, each test on a tree of its own (`--root`).

mod callers;
mod corpus;
mod disks;
mod doctor;
mod engine;
mod import;
mod killed;
mod lines;
mod lint;
mod manual;
mod ppp;
mod pppd_words;
mod see;
mod setup;
pub(crate) mod status;
mod tree;
mod webmin;
