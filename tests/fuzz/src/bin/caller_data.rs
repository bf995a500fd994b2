//! Lines of a modem while it rings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ttyline::at::caller_data::fuzz(data));
