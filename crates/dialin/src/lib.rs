//! Sets a dial-in server up, shows it, and changes it safely. See dialin(8).
//!
//! A command (one file each in [`commands`], one entry each in [`command::TABLE`]) edits a [`draft::Draft`];
//! [`session::Session::carry_out`] shows it as a [`diff`] with secrets [`mask`]ed, asks, and has [`apply`]
//! write it with the help of the [`journal`]. All paths are those of a [`root::Root`], which nothing leaves.
//! What is only looked at (states, records) is read in [`see`].
//! What the files mean, and how they are edited without loss, is `ttyline::config`'s.

pub mod apply;
pub mod archive;
pub mod ask;
pub mod chap;
pub mod command;
pub mod commands;
pub mod diff;
pub mod doctor;
pub mod draft;
pub mod holder;
pub mod journal;
pub mod json;
pub mod lcp;
pub mod lint;
pub mod mask;
pub mod modem;
pub mod places;
pub mod roles;
pub mod root;
pub mod see;
pub mod services;
pub mod session;
pub mod tool;

pub use command::run;
