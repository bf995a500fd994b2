//! tcpconn HOST PORT: standard input and output joined to a TCP port, see tcpconn(1).

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(comport::args::tcpconn())
}
