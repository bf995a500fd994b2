//! The interpreter of Windows' dial-up scripting language (SCRIPT.DOC of Windows 95 and 98).
//!
//! `lexer`, `parser` and `syntax` read a script, `compile` makes a program of it, `check` says what is wrong
//! with it, `machine` runs it without I/O; `play` carries out on a line what the machine asks for.

pub mod args;
pub mod check;
pub mod compile;
pub mod escape;
pub mod explain;
pub mod journal;
pub mod lexer;
pub mod machine;
pub mod parser;
pub mod play;
pub mod port;
pub mod rehearsal;
pub mod run;
pub mod syntax;

pub use run::main;
