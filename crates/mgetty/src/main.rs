//! mgetty: see mgetty(8).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mgetty::run::main(std::env::args_os().map(|word| word.to_string_lossy().into_owned())))
}
