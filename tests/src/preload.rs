//! C libraries that are loaded before a program under test, ours and the original's alike.

use crate::subject::{target, top};
use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

/// Builds `SOURCE` (a C file, from the workspace's top) once in this run; gives the library.
pub fn library(source: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let from = top().join(source);
    let name = from.file_stem().expect("a file name").to_string_lossy().into_owned();
    let library = target().join(format!("{name}.so"));
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if built.get_or_insert_default().insert(library.clone()) {
        // Another run of the tests may have it loaded: it is replaced, not overwritten.
        let fresh = target().join(format!("{name}.{}.so", std::process::id()));
        let status =
            Command::new("cc").args(["-O2", "-shared", "-fPIC", "-o"]).args([&fresh, &from]).status();
        assert!(status.is_ok_and(|s| s.success()), "cc {source}");
        std::fs::rename(&fresh, &library).expect("the library's place");
    }
    library
}

/// Our program `name` as one that a library can be loaded into: what ships is linked statically. The same
/// source, of the profile of the tests; built once in this run.
pub fn dynamic(name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if built.get_or_insert_default().insert(name.to_string()) {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(top()).args(["build", "--quiet", "--locked", "--package", name]);
        assert!(command.status().is_ok_and(|s| s.success()), "cargo build -p {name}");
    }
    target().join("debug").join(name)
}
