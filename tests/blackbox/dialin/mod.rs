//! dialin, run as its users run it, each test on a tree of its own (`--root`).

mod manual;
mod tree;
