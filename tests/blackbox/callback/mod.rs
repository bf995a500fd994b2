//! callback: the program alone, and with gettys and clients.

mod bad_input;
mod bench;
mod caller;
mod fraud;
mod mixture;
mod office;
mod phone;
mod program;
mod service;
