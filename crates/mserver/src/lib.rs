//! Shares modems over the network: ports with one or more lines behind them, in one process.
//!
//! [`args`] reads the command line, [`access`] says who may in, [`tls`] is what a port may ask besides, [`speech`] is what a client speaks (pure),
//! [`server`] is the event loop with its visitors (clients without a modem), sessions and seats (modems);
//! [`lookup`] and [`lines`] do beside it what would make it wait.

pub mod access;
pub mod args;
pub mod certificate;
pub mod dial;
pub mod journal;
pub mod lines;
pub mod lookup;
pub mod pending;
pub mod port;
pub mod privilege;
pub mod server;
pub mod slab;
pub mod speech;
pub mod tls;
pub mod wire;
