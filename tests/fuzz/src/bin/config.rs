//! Configuration files: every byte is kept, and every reader takes any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ttyline::config::callback::CallbackConfig;
use ttyline::config::caller_rules::{Call, CallerRules};
use ttyline::config::dialin;
use ttyline::config::document::{Document, read_lines};
use ttyline::config::login::{AUTO_PPP, LoginConfig, MOST_ARGUMENTS};
use ttyline::config::mgetty::MgettyConfig;

fuzz_target!(|data: &[u8]| {
    let document = Document::parse(data.to_vec());
    assert_eq!(document.bytes(), data);
    let mut end = 0;
    for line in document.lines() {
        assert!(line.span.start == end && line.span.end > end);
        end = line.span.end;
        for word in &line.words {
            assert!(line.span.start <= word.span.start && word.span.end <= line.span.end);
        }
    }
    assert_eq!(end, data.len());
    assert_eq!(read_lines(data).count(), document.lines().len());
    let mut config = MgettyConfig::default();
    let problems = config.load(&document, Some("ttyS0"));
    assert_eq!(problems, MgettyConfig::default().load_bytes(data, Some("ttyS0")));
    let _ =
        (config.rings_wanted(), config.modem_check_interval(), config.ringback_window(), config.entries());
    let _ = (MgettyConfig::check(&document), CallbackConfig::default().load(&document, None));
    let login = LoginConfig::parse(&document);
    for name in [AUTO_PPP, b"joe", b"\xfftsync", b""] {
        if let Some(entry) = login.find(name, false) {
            assert!(entry.argv(name, "", "none").len() <= 1 + MOST_ARGUMENTS);
        }
    }
    let _ = (dialin::look_up(data, "5551234"), dialin::check(data));
    let rules = CallerRules::parse(&document);
    let call = Call { caller: "5551234", called: "42", ring: 1, line: "ttyS0", weekday: 3, minute: 600 };
    if let Some(found) = rules.find(&call) {
        assert!(rules.unreachable().iter().all(|dead| dead.at != found.at));
    }
});
