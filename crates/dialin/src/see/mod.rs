//! What is looked at and never changed: the lines' states, the call records.

pub mod columns;
pub mod finding;
pub mod history;
pub mod lines;
pub mod screen;
pub mod summary;
pub mod times;
