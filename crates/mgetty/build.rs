//! Links the unwinder in: as a library of its own (libgcc_s) it costs every idle getty 16 kB of
//! private memory for relocations, and a getty only ever unwinds to print a panic's backtrace.
//! And lets what is relocated begin at a page of its own, which saves another page.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let gnu = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let cross = std::env::var("HOST") != std::env::var("TARGET");
    // scripts/build links the shipped getty statically: nothing to do there.
    let all_static = std::env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.contains("crt-static"));
    if !gnu || cross || all_static {
        return;
    }
    // Known to lld, which Rust links with on this target; GNU ld lays them out so by itself and warns.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,separate-loadable-segments");
    // Where the C compiler keeps it; without one the shared library is used as everywhere.
    let Ok(found) = std::process::Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else {
        return;
    };
    let path = std::path::PathBuf::from(String::from_utf8_lossy(&found.stdout).trim());
    if let (true, Some(directory)) = (path.is_absolute(), path.parent()) {
        println!("cargo:rustc-link-search=native={}", directory.display());
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        println!("cargo:rustc-link-lib=static:-bundle=gcc");
    }
}
