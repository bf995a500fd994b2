//! Each fault, with its place.

use crate::args::{mean, read};
use crate::check::check;
use crate::plan::Plan;
use std::ffi::OsString;

/// The codes found in a script file, with line and column.
fn codes(script: &str, options: &[&str]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("script");
    std::fs::write(&path, script).unwrap();
    let args = ["chat"].iter().chain(options).map(OsString::from);
    let args = args.chain(["-f".into(), path.into_os_string()]).collect();
    let options = mean(&read(args)).unwrap();
    let plan = Plan::read(&options.script).unwrap();
    check(&plan, &options).iter().map(|f| format!("{}:{} {}", f.place.line, f.place.column, f.code)).collect()
}

#[test]
fn a_good_script_is_silent() {
    let script = "ABORT 'NO CARRIER'\nABORT BUSY\nABORT 'NO DIALTONE'\nABORT 'NO ANSWER'\nABORT ERROR\n\
                  '' ATZ\nOK-\\d+++\\d\\c-OK ATDT123\nTIMEOUT 60\nCONNECT ''\nogin:--ogin: ppp\n";
    assert_eq!(codes(script, &[]), Vec::<String>::new());
}

#[test]
fn each_fault_has_its_code_and_place() {
    for (script, wanted) in [
        ("'' ABORT\n", "1:4 keyword-as-send"),
        ("'' x OK ''\nTIMEOUT\n", "2:1 missing-argument"),
        ("abort BUSY\n", "1:1 keyword-case"),
        ("ABORT caf\u{e9}\nOK ''\n", "1:7 eight-bit"),
        ("TIMEOUT 0\nOK ''\n", "1:9 timeout"),
        ("ECHO on\nOK ''\n", "1:6 argument"),
        ("ABORT NO\n'' x 'NO CARRIER' ''\n", "2:6 abort-in-expect"),
        ("OK ''\nABORT BUSY\n", "2:7 unreachable"),
        ("ABORT NO\nABORT 'NO CARRIER'\nOK ''\n", "2:7 shadowed"),
        ("ABORT 'NO CARRIER'\nABORT NO\nOK ''\n", "2:7 shadowed"),
        ("CLR_ABORT X\nOK ''\n", "1:11 nothing-to-clear"),
        ("ABORT ''\nOK ''\n", "1:7 empty-abort"),
        ("'' AT^SYSINFO\n", "1:4 caret"),
        ("^SYSSTART ''\n", "1:1 caret"),
        ("ogin:-ogin: ppp\n", "1:7 ends-with-send"),
        ("'' x OK-'' y\n", "1:9 ends-with-send"),
        ("-x-OK ''\n", "1:2 unreachable"),
        ("OK +++\nOK ''\n", "1:4 guard-time"),
        ("OK \\d+++\nOK ''\n", "1:4 guard-time"),
        ("TIMEOUT 2\n'' \\d\\d\\dx\n", "2:4 slow-send"),
        ("'' ATDT\\T\n", "1:4 no-number"),
        ("'' ATDT1\nCONNECT ''\n", "1:4 no-abort"),
        ("'' AT+CPIN?\nOK ''\n", "1:4 no-abort"),
        ("'' @/no/such/file\n", "1:4 no-file"),
    ] {
        let found = codes(script, &[]);
        assert!(found.iter().any(|c| c == wanted), "{script:?}: {found:?} lacks {wanted}");
    }
    assert_eq!(codes(&format!("ABORT {}\nOK ''\n", "x".repeat(50)), &[])[0], "1:7 too-long");
    assert_eq!(codes(&format!("{} ''\nOK ''", "x".repeat(1010)), &[]), Vec::<String>::new());
    let many = "ABORT a\n".repeat(51) + "OK ''\n";
    assert!(codes(&many, &[]).contains(&"51:7 too-many".to_string()));
    assert_eq!(codes("'' a$\n$NO_SUCH_NAME_X ''\n", &["-E"]), ["1:4 dollar", "2:1 dollar"]);
}

#[test]
fn after_a_dead_end_the_next_step_is_unreachable_once() {
    assert_eq!(codes("caf\u{e9} x\nOK ''\n", &[]), ["1:1 eight-bit", "1:7 unreachable"]);
}
