//! modemd: see modemd(8).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(modemd::run::main(std::env::args_os()))
}
