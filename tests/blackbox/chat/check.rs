//! `--check` and `--dry-run`.

use super::{chat, off_line};
use std::fs;
use std::path::Path;

fn script(dir: &Path, text: &str) -> String {
    let path = dir.join("script");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn faults_are_placed_and_counted_in_the_status() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = script(dir.path(), "ABORT \u{2019}BUSY\u{2019}\nABORT NO\n'' ATDT1\n'NO CARRIER' ABORT\n");
    let ended = off_line(&["--check", "-f", &path]);
    assert_eq!(ended.status, 1);
    for line in [
        ":1:7: error: \u{2019} (as on a web page) is an ordinary character here; meant was perhaps ' [typographic]",
        ":4:1: error: \"NO CARRIER\": can never be found: the ABORT string \"NO\" always fires first [abort-in-expect]",
        ":4:14: error: \"ABORT\": ABORT stands where a send is due",
    ] {
        assert!(ended.stdout.contains(&format!("{path}{line}")), "{line}\n{}", ended.stdout);
    }
    let good = script(dir.path(), "ABORT BUSY\n'' \\d\\c\nOK ''\n");
    let ended = off_line(&["--check", "-f", &good]);
    assert_eq!((ended.status, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
    let ended = off_line(&["--check", "-f", "/no/such"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (1, ""));
}

#[test]
fn json_has_one_object_a_line() {
    if chat().original {
        return;
    }
    let ended = off_line(&["--check", "--json", "", "AT^SYSCFG?", "OK", "ABORT"]);
    assert_eq!(ended.status, 1);
    let codes: Vec<(u64, String)> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
        .map(|v| (v["column"].as_u64().unwrap(), v["code"].as_str().unwrap().to_string()))
        .collect();
    assert_eq!(codes, [(2, "caret".to_string()), (4, "keyword-as-send".into())]);
}

#[test]
fn nothing_is_touched() {
    if chat().original {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    let ended =
        off_line(&["-r", report.to_str().unwrap(), "--dry-run", "", "AT", "OK-\\dAT\\K\\c-OK", "\\c"]);
    assert_eq!(ended.status, 0, "{ended:?}");
    assert!(!report.exists());
    let lines: Vec<String> =
        ended.stdout.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        lines,
        [
            "1 word 1 expect \"\" nothing is awaited",
            "2 word 2 send \"AT\\r\"",
            "3 word 3 expect \"OK\" 45 s",
            "3 word 3 if not, send <1 s> \"AT\" <BREAK>",
            "3 word 3 then expect \"OK\" 45 s",
            "4 word 4 send",
        ]
    );
}
