//! comport: see comport(1).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(comport::args::main())
}
