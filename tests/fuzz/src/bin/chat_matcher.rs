//! Strings to await and a stream, against the plainest matcher.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ttyline::expect::check::matcher(data));
