//! Debian's own programs, unpacked beside ours and never taken from /usr/sbin.

use crate::subject::{target, top};
use std::path::PathBuf;
use std::process::Command;

/// `$ORIGINALS/NAME`, else a copy out of Debian's package (`scripts/originals` unpacks it).
pub fn program(name: &str) -> PathBuf {
    if let Some(directory) = std::env::var_os("ORIGINALS") {
        let path = PathBuf::from(directory).join(name);
        assert!(path.exists(), "{} is missing (ORIGINALS is set)", path.display());
        return path;
    }
    let package = match name {
        "mgetty" | "callback" => "mgetty",
        "chat" | "pppd" => "ppp",
        other => other,
    };
    let status = Command::new(top().join("scripts/originals")).arg(package).status();
    assert!(status.is_ok_and(|s| s.success()), "scripts/originals {package} failed");
    let root = target().join("originals").join(package);
    ["usr/sbin", "sbin", "usr/bin", "bin"]
        .iter()
        .map(|directory| root.join(directory).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no {name} in Debian's package {package}"))
}

/// A program out of a package of Debian's, with the libraries of others that this machine may lack.
pub fn foreign(package: &str, path: &str, libraries: &[&str]) -> Command {
    let places: Vec<String> = libraries
        .iter()
        .flat_map(|library| {
            let root = unpacked(library);
            ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"]
                .map(|place| root.join(place).display().to_string())
        })
        .collect();
    let mut command = Command::new(unpacked(package).join(path));
    command.env("LD_LIBRARY_PATH", places.join(":"));
    // gensio has its parts in files of their own.
    if libraries.contains(&"libgensio4") {
        let parts = unpacked("libgensio4").join("usr/libexec");
        let find =
            Command::new("find").arg(parts).args(["-name", "libgensio_net.so", "-printf", "%h"]).output();
        command.env("GENSIO_LIBRARY_PATH", String::from_utf8_lossy(&find.expect("find").stdout).trim());
    }
    command
}

/// The directory into which Debian's package is unpacked.
pub fn unpacked(package: &str) -> PathBuf {
    let status = Command::new(top().join("scripts/originals")).arg(package).status();
    assert!(status.is_ok_and(|s| s.success()), "scripts/originals {package} failed");
    target().join("originals").join(package)
}
