//! Octets from CONNECT on, in which a PPP frame may begin.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ttyline::ppp::fuzz(data));
