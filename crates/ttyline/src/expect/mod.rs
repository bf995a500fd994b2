//! Waiting for text and answering it: matchers and scripts, without I/O.

pub mod modem_chat;
