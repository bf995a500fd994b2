//! mserver: see mserver(8).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(mserver::args::main())
}
