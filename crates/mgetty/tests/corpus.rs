//! Replays the fuzzers' seeds garbled in many ways (tests/fuzz/replay.rs replays them as they are).

use std::path::Path;

fn replay(target: &str, fuzz: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&directory).expect("seeds").flatten() {
        let seed = std::fs::read(entry.path()).expect("a seed");
        fuzz(&seed);
        for place in 0..seed.len() {
            let mut garbled = seed.clone();
            garbled[place] ^= 0x21;
            fuzz(&garbled);
            fuzz(&seed[place..]);
        }
        count += 1;
    }
    assert!(count > 3, "seeds in {}", directory.display());
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
