//! A hostile telnet server: the first byte chooses cuts and modes, the rest is the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| ttyline::telnet::check::client_never_out_of_step(stream));
