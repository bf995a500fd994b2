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
