//! Telephone numbers of callers and administrators: first byte chooses the country, the rest is typed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ttyline::number::{Fixed, Plan, Policy, Rule, Scope, Typed, Word};

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let country = [None, Some("49"), Some("1"), Some("7"), Some("39")][usize::from(*choice) % 5];
    let mut policy = Policy { plan: Plan::new(country, None, None), ..Policy::default() };
    if let Ok(number) = Typed::parse(text) {
        let before = policy.typed(&number);
        assert!(before.dialled.bytes().all(|b| b.is_ascii_digit()));
        assert!(!before.allowed || !before.dialled.is_empty());
        let deny = Rule { allow: false, word: Word::All, scope: Scope::User, line: 1 };
        policy.rules.push(deny);
        assert!(!policy.typed(&number).allowed);
    }
    if let Ok(number) = Fixed::parse(text) {
        let _ = policy.fixed(&number);
        assert!(!number.as_str().contains([';', '\r', '\n', '\0', '&']));
    }
    if let Ok(word) = std::str::from_utf8(text).map_err(drop).and_then(|w| Word::parse(w).map_err(drop)) {
        policy.rules.push(Rule { allow: true, word, scope: Scope::Global, line: 2 });
        if let Ok(number) = Typed::parse(b"+49 30 123456") {
            let _ = policy.typed(&number);
        }
    }
});
