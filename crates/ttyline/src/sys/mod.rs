//! System calls that nix lacks or gets wrong for lines: the only `unsafe` of the workspace.

pub mod gsm;
