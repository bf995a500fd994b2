//! dialin, run as its users run it, each test on a tree of its own (`--root`).

mod callers;
mod doctor;
mod engine;
mod killed;
mod lines;
mod lint;
mod manual;
mod ppp;
mod see;
mod setup;
mod tree;
