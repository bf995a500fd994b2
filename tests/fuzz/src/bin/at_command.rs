//! A computer at the emulated modem: the first byte picks its family.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| exchange::modem::fuzz(data));
