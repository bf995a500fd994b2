//! A hostile host on the other side of an emulated USB adapter.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| exchange::usb::fuzz(input));
