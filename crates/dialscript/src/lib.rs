//! The interpreter of Windows' dial-up scripting language (SCRIPT.DOC of Windows 95 and 98).
//!
//! `lexer`, `parser`, `syntax` read a script; `check` says what is wrong with it.

pub mod lexer;
pub mod parser;
pub mod syntax;
