//! Whether a machine can be a dial-in server: [`facts`] are gathered, [`examine`] judges them.

pub mod examine;
pub mod facts;

pub use examine::examine;
pub use facts::Facts;
