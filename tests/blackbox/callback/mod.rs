//! callback: the program alone, and with gettys and clients.

mod bench;
mod caller;
mod mixture;
mod phone;
mod program;
mod service;
