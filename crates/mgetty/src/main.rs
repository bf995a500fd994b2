//! Placeholder entry point while the crate is being laid down.
fn main() {}
