//! A whole life of a getty, with everything that happens chosen by the input.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mgetty::session::fuzz::fuzz(data));
