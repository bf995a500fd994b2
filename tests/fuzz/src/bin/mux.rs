//! A hostile kernel on the other side of a multiplexer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| exchange::mux::fuzz(input));
