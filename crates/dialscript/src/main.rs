//! dialscript(1).
fn main() {}
