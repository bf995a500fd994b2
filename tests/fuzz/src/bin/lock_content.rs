//! Lock files, which anybody may write.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ttyline::lock::content;

fuzz_target!(|data: &[u8]| {
    if let Some(pid) = content::parse(data) {
        assert!((1..=1 << 22).contains(&pid));
        assert_eq!(content::parse(content::write(pid).as_bytes()), Some(pid));
    }
});
