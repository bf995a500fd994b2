//! Locks, logs and settings as other programs see them.

mod config_conformance;
mod corpus;
mod getty;
mod locks;
mod login_conformance;
mod settings;
