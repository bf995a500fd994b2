//! The program; everything is in the library.
fn main() -> std::process::ExitCode {
    chat::main(std::env::args_os().collect())
}
