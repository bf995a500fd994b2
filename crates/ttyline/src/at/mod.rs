//! V.250 on the computer's side: result codes, caller data.

pub mod caller_data;
pub mod result;
pub mod ring;
