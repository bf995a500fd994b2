//! Replays the fuzzers' seeds (and every finding added to them) through the same functions.
//! The other targets' crates replay their own corpus in their unit tests.

use std::path::Path;

/// Calls `target` with every file of `corpus/NAME`; its assertions are the test.
fn replay(name: &str, target: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut seeds = 0;
    for entry in std::fs::read_dir(&corpus).expect("a corpus directory") {
        let path = entry.expect("a directory entry").path();
        println!("{}", path.display()); // Shown when the seed makes the target panic.
        target(&std::fs::read(&path).expect("a seed"));
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", corpus.display());
}

#[test]
fn at_command() {
    replay("at_command", exchange::modem::fuzz);
}

#[test]
fn mux() {
    replay("mux", exchange::mux::fuzz);
}

#[test]
fn usb() {
    replay("usb", exchange::usb::fuzz);
}

#[test]
fn session() {
    replay("session", mgetty::session::fuzz::fuzz);
}

#[test]
fn caller_data() {
    replay("caller_data", ttyline::at::caller_data::fuzz);
}

#[test]
fn ppp() {
    replay("ppp", ttyline::ppp::fuzz);
}
