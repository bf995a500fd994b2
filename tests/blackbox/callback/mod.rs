//! callback: the program alone, and with gettys and clients.

mod mixture;
mod phone;
