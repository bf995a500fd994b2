//! The program; everything is in the library.
fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(dialscript::main(std::env::args_os().collect()) as u8)
}
