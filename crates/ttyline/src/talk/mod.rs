//! What the tools that carry scripts out share: the line they talk over, what is told about a run.
//!
//! `line` is the face of a line with an alarm clock, `tty` the real one, `replay` a recorded one; `trace`
//! writes recordings, `mask` keeps secrets out of whatever is told, `table` lays a dialogue out for people.

pub mod line;
pub mod mask;
pub mod replay;
pub mod table;
pub mod trace;
pub mod tty;
