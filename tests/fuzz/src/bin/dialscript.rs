//! Dial-up scripts and what the other end says to them: the script up to ^Z, the line behind it.
#![no_main]

use dialscript::rehearsal::{self, rehearse};
use dialscript::{check, parser};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let script = data.split(|&b| b == 0x1a).next().unwrap_or_default();
    let stream = data.get(script.len() + 1..).unwrap_or_default();
    let _ = check::check(data);
    if let Ok(tree) = parser::parse(data) {
        let written = tree.write();
        let again = parser::parse(&written).expect("what was written is read");
        assert_eq!(again.write(), written);
    }
    if let Some(run) = rehearse(data, stream) {
        // Unless it stands in the script, the name is nowhere.
        let name = rehearsal::USERID.as_bytes();
        if !script.windows(name.len()).any(|w| w.eq_ignore_ascii_case(name)) {
            assert!(!run.told.contains(rehearsal::USERID), "{}", run.told);
        }
    }
});
