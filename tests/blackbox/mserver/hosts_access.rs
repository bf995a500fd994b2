//! The open half of the library's verdicts, asked of the program.

use ringback_tests::subject::{ours, top};
use std::fs;
use std::process::Command;

#[test]
fn the_check_gives_the_library_s_verdicts() {
    let table =
        fs::read_to_string(top().join("tests/conformance/hosts_access/verdicts.tsv")).expect("verdicts");
    let dir = tempfile::tempdir().expect("a directory");
    let (allow, deny) = (dir.path().join("allow"), dir.path().join("deny"));
    let unescape = |field: &str| {
        field.replace("\\\\", "\u{1}").replace("\\n", "\n").replace("\\t", "\t").replace('\u{1}', "\\")
    };
    let mut count = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        fs::write(&allow, unescape(fields[0])).expect("allow");
        fs::write(&deny, unescape(fields[1])).expect("deny");
        let out = Command::new(ours("mserver"))
            .arg("--hosts-access-check")
            .args([&allow, &deny])
            .args(&fields[2..4])
            .output()
            .expect("mserver");
        let granted = fields[4] == "granted";
        assert_eq!(
            String::from_utf8_lossy(&out.stdout),
            if granted { "granted\n" } else { "denied\n" },
            "{line}"
        );
        assert_eq!(out.status.code(), Some(i32::from(!granted)), "{line}");
        count += 1;
    }
    assert_eq!(count, 478);
}
