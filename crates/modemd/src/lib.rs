//! One line, one client, nothing else: what inetd or a systemd socket starts for each connection.
//!
//! [`args`] reads the command line, [`client`] finds the client's descriptors and makes a dead one be
//! noticed, [`ways`] carries bytes both ways, [`care`] opens, cleans and frees the line, [`run`] is the
//! session.

pub mod args;
pub mod care;
pub mod client;
pub mod run;
pub mod ways;
