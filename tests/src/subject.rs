//! Which program a test runs: ours or the original (`SUBJECT`, `SUBJECT_MGETTY` …).

use crate::originals;
use std::path::{Path, PathBuf};

/// A program under test.
pub struct Subject {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is the original, for the few tests of deliberate differences.
    pub original: bool,
}

/// The program that `SUBJECT_NAME`, else `SUBJECT`, chooses: `ours` (the default) or `original`.
pub fn subject(name: &str) -> Subject {
    let of = |variable: &str| std::env::var(variable).ok().filter(|v| !v.is_empty());
    let choice = of(&format!("SUBJECT_{}", name.to_uppercase())).or_else(|| of("SUBJECT"));
    match choice.as_deref() {
        None | Some("ours") => Subject { path: ours(name), original: false },
        Some("original") => Subject { path: originals::program(name), original: true },
        Some(other) => panic!("SUBJECT is `ours` or `original`, not `{other}`"),
    }
}

/// `target/release/NAME`, which `scripts/build` makes.
pub fn ours(name: &str) -> PathBuf {
    let path = target().join("release").join(name);
    assert!(path.exists(), "{} is missing: run scripts/build first", path.display());
    path
}

/// The workspace's top directory.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent")
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| top().join("target"), PathBuf::from)
}
