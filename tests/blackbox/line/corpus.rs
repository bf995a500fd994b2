//! The seeds of the fuzz targets `config` and `lock_content`, and whatever they have found, stay harmless.

use ringback_tests::subject::top;
use std::fs;
use ttyline::config::Document;
use ttyline::config::caller_rules::CallerRules;
use ttyline::config::login::LoginConfig;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::lock::content;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = top().join("tests/fuzz/corpus").join(target);
    let files = fs::read_dir(directory).expect("a corpus").map(|entry| entry.expect("a seed").path());
    files.map(|path| fs::read(path).expect("a seed")).collect()
}

#[test]
fn configuration_files() {
    let seeds = seeds("config");
    assert!(seeds.len() >= 5);
    for seed in seeds {
        let document = Document::parse(seed.clone());
        assert_eq!(document.bytes(), seed);
        let lines = document.lines();
        assert_eq!(lines.iter().map(|line| line.span.len()).sum::<usize>(), seed.len());
        let problems = MgettyConfig::default().load(&document, Some("ttyS0"));
        assert_eq!(problems, MgettyConfig::default().load_bytes(&seed, Some("ttyS0")));
        let _ = (LoginConfig::parse(&document), CallerRules::parse(&document).unreachable());
    }
}

#[test]
fn lock_files() {
    let seeds = seeds("lock_content");
    assert!(seeds.len() >= 5);
    for pid in seeds.iter().filter_map(|seed| content::parse(seed)) {
        assert_eq!(content::parse(content::write(pid).as_bytes()), Some(pid));
    }
}
