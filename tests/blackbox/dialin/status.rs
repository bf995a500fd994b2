//! `dialin status` of the lines of a sandbox, for the tests of those who write what it shows.

use ringback_tests::sandbox::Sandbox;
use ringback_tests::subject::ours;
use std::process::Stdio;

fn dialin(sandbox: &Sandbox, words: &[&str]) -> String {
    let mut command = sandbox.command(&ours("dialin"), None);
    let output = command.args(words).stdout(Stdio::piped()).output().expect("dialin");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `dialin --json status` says of a line; null if nothing is known.
pub fn status(sandbox: &Sandbox, line: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(&dialin(sandbox, &["--json", "status"])).expect("JSON");
    let found = all.as_array().and_then(|all| all.iter().find(|one| one["line"] == line));
    found.cloned().unwrap_or_default()
}

/// What `dialin status` says the line is doing.
pub fn doing(sandbox: &Sandbox, line: &str) -> String {
    let table = dialin(sandbox, &["status", line]);
    let (heads, row) = table.split_once('\n').unwrap_or_default();
    let from = heads.find("DOING").unwrap_or(0);
    let to = heads.find("FOR ").unwrap_or(heads.len());
    row.chars().take(to).skip(from).collect::<String>().trim().to_string()
}
