//! Links the unwinder into released programs instead of loading libgcc_s.so.1 with it: 12 kB less private
//! memory for every waiting getty. std asks for the shared library by name, so the static one must come
//! before it, where fat LTO has already put std's code.

use std::env::var;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, wanted: &str| var(name).is_ok_and(|value| value == wanted);
    let native = var("HOST") == var("TARGET");
    let gnu = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let crt_static = var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|f| f.split(',').any(|f| f == "crt-static"));
    // Without fat LTO two unwinders would be mixed. A build script is not told about LTO; the workspace's
    // release profile is the one that is optimised for size (fuzz targets, say, are not).
    let ours = is("PROFILE", "release") && is("OPT_LEVEL", "s");
    if !(native && gnu && ours) || crt_static {
        return;
    }
    let Ok(output) = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else { return };
    let found = String::from_utf8_lossy(&output.stdout).trim().to_string();
    if let Some(directory) = Path::new(&found).parent().filter(|d| d.is_absolute()) {
        println!("cargo:rustc-link-search=native={}", directory.display());
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
