//! V.250 on the computer's side: result codes, caller data, modem families.

pub mod caller_data;
pub mod inquiry;
pub mod message;
pub mod profile;
pub mod result;
pub mod ring;
