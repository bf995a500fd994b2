//! Waiting for text and answering it: the chat language, the matcher that awaits strings, dialogues.
//!
//! Nothing here owns a descriptor or reads a clock.

pub mod check;
pub mod escape;
pub mod matcher;
pub mod modem_chat;
pub mod script;
pub mod words;
