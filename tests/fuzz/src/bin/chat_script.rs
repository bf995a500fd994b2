//! A chat script file, against a plain second reader; all escapes resolved.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| ttyline::expect::check::script(text));
