//! The program; everything is in the library.
fn main() -> std::process::ExitCode {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    std::process::ExitCode::from(callback::run::main(words))
}
