//! dialin: see dialin(8).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(dialin::run())
}
