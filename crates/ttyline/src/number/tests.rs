use super::*;
use proptest::prelude::*;

fn typed(text: &str) -> Typed {
    Typed::parse(text.as_bytes()).unwrap()
}

fn rule(allow: bool, word: &str, scope: Scope) -> Rule {
    Rule { allow, word: Word::parse(word).unwrap(), scope, line: 1 }
}

fn policy(country: Option<&str>, rules: &[(&str, &str)]) -> Policy {
    let rules = rules.iter().map(|(keyword, word)| rule(*keyword == "allow", word, Scope::Global)).collect();
    Policy { plan: Plan::new(country, None, None), rules, ..Policy::default() }
}

#[test]
fn typed_numbers_are_digits_with_one_leading_plus() {
    assert_eq!(typed(" (030) 123-456.7 ").as_str(), "0301234567");
    assert_eq!(typed(" + 49 30 1").as_str(), "+49301");
    for (bad, why) in [
        ("", BadNumber::Empty),
        (" -.() ", BadNumber::Empty),
        ("+", BadNumber::Empty),
        ("1+2", BadNumber::Plus),
        ("++1", BadNumber::Plus),
        ("123;", BadNumber::Character(b';')),
        ("1,2", BadNumber::Character(b',')),
        ("123456789012345678901", BadNumber::Long),
    ] {
        assert_eq!(Typed::parse(bad.as_bytes()), Err(why), "{bad:?}");
    }
    assert!(Typed::parse(&[b'1'; 100]).is_err());
    assert!(Typed::parse(&vec![b'1'; 1_000_000]).is_err());
}

#[test]
fn the_administrators_numbers_may_dial_on() {
    assert_eq!(Fixed::parse(b"0,W(030) 12-34*#").unwrap().as_str(), "0,W(030) 12-34*#");
    assert_eq!(Fixed::parse(b"0,0049123").unwrap().readings(), ["0049123", "00049123"]);
    for bad in [&b"123;"[..], b"S=1", b"-", b"", b"1\r", b"1\0", b"L", b"12&F", &[b'1'; 100]] {
        assert!(Fixed::parse(bad).is_err(), "{bad:?}");
    }
    let plain = Policy::default();
    assert_eq!(plain.fixed(&Fixed::parse(b"123456").unwrap()), None);
    assert_eq!(plain.fixed(&Fixed::parse(b"27").unwrap()), None);
    assert!(matches!(
        plain.fixed(&Fixed::parse(b"0,0900123456").unwrap()),
        Some(Reason::Class(Class::Premium, _))
    ));
    assert!(matches!(
        plain.fixed(&Fixed::parse(b"*21*123#").unwrap()),
        Some(Reason::Class(Class::Diversion, _))
    ));
}

#[test]
fn ordinary_numbers_pass() {
    for (country, number) in [
        (None, "123456"),
        (None, "5376443"),
        (None, "030 1234567"),
        (None, "(212) 555-1234"),
        (Some("49"), "+49 30 1234567"),
        (Some("49"), "0049301234567"),
        (Some("49"), "089 1234567"),
        (Some("44"), "020 7946 0000"),
        (Some("33"), "01 23 45 67 89"),
        (Some("1"), "1 212 555 1234"),
        (Some("1"), "+1 416 555 1234"),
        (Some("7"), "8 495 123 4567"),
    ] {
        let policy = policy(country, &[]);
        let verdict = policy.typed(&typed(number));
        assert!(verdict.allowed, "{country:?} {number}: {verdict:?}");
    }
    assert_eq!(policy(Some("49"), &[]).typed(&typed("+49 30 12")).dialled, "03012");
}

#[test]
fn rules_speak_of_the_number_as_dialled() {
    let denies = policy(Some("49"), &[("deny", "03012")]);
    for spelling in ["030 12345", "+49 30 12345", "0049 30 12345", "+49 (0) 30 12345"] {
        assert!(!denies.typed(&typed(spelling)).allowed, "{spelling}");
    }
    let allows = policy(Some("49"), &[("allow", "+44")]);
    assert!(allows.typed(&typed("0044 20 7946 0000")).allowed);
    assert!(!allows.typed(&typed("+44 909 123 4567")).allowed, "premium abroad stays premium");
    assert!(!allows.typed(&typed("030 12345")).allowed, "a list of allowed numbers is complete");
    assert_eq!(allows.typed(&typed("030 12345")).reason, Reason::NotListed);
}

#[test]
fn what_says_more_wins_and_deny_wins_a_tie() {
    let p = policy(None, &[("allow", "030"), ("deny", "0301"), ("allow", "030123456$")]);
    assert!(p.typed(&typed("030 22")).allowed);
    assert!(!p.typed(&typed("030 1999")).allowed);
    assert!(p.typed(&typed("030 123456")).allowed);
    assert!(!p.typed(&typed("030 1234567")).allowed);
    let tie = policy(None, &[("allow", "030"), ("deny", "030")]);
    assert!(!tie.typed(&typed("030 22")).allowed);
    // Placeholders say nothing: ten digits of any kind do not make 0900 harmless.
    let any = policy(None, &[("allow", "??????????$")]);
    assert!(any.typed(&typed("0301234567")).allowed);
    assert!(!any.typed(&typed("0900123456")).allowed);
    assert!(!policy(None, &[("allow", "all")]).typed(&typed("0900123456")).allowed);
    assert!(policy(None, &[("allow", "premium")]).typed(&typed("0900123456")).allowed);
    assert!(policy(None, &[("allow", "112$")]).typed(&typed("112")).allowed);
    assert!(!policy(None, &[("allow", "11")]).typed(&typed("112")).allowed);
    let mut mine = policy(None, &[("deny", "030")]);
    mine.rules.push(rule(true, "030", Scope::User));
    assert!(mine.typed(&typed("030 22")).allowed, "the user's own section is nearer");
}

#[test]
fn length_counts_digits_as_dialled() {
    let p = Policy { length: (5, 8), ..Policy::default() };
    assert!(!p.typed(&typed("1234")).allowed);
    assert!(p.typed(&typed("12345")).allowed);
    assert!(!p.typed(&typed("234567890")).allowed);
}

#[test]
fn patterns_are_prefixes() {
    let matches = |pattern: &str, number: &str| Pattern::parse(pattern).unwrap().matches(number);
    assert!(matches("03?2", "0312345") && !matches("03?2", "0313") && !matches("03?2", "03"));
    assert!(matches("112$", "112") && !matches("112$", "1123"));
    for bad in ["", "$", "+", "12x", "1+", "1 2", &"1".repeat(100)] {
        assert!(Pattern::parse(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Pattern::parse("+49?$").unwrap().to_string(), "+49?$");
}

#[test]
fn the_fuzzers_seeds_keep_their_promises() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz/corpus/number");
    let mut count = 0;
    for entry in std::fs::read_dir(seeds).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        let text = data.get(1..).unwrap_or(&[]);
        let country = [None, Some("49"), Some("1"), Some("7"), Some("39")][usize::from(data[0]) % 5];
        if let Ok(number) = Typed::parse(text) {
            let verdict = policy(country, &[]).typed(&number);
            assert!(verdict.dialled.bytes().all(|b| b.is_ascii_digit()));
            assert!(!verdict.allowed || !verdict.dialled.is_empty());
        }
        if let Ok(number) = Fixed::parse(text) {
            let _ = policy(country, &[]).fixed(&number);
        }
        count += 1;
    }
    assert!(count >= 10);
}

proptest! {
    #[test]
    fn nothing_but_digits_is_ever_dialled_for_a_caller(
        bytes in proptest::collection::vec(any::<u8>(), 0..60), country in 0..4usize
    ) {
        if let Ok(number) = Typed::parse(&bytes) {
            let country = [None, Some("49"), Some("1"), Some("7")][country];
            let verdict = policy(country, &[("allow", "all"), ("allow", "international")]).typed(&number);
            prop_assert!(verdict.dialled.bytes().all(|b| b.is_ascii_digit()));
            prop_assert!(verdict.dialled.len() <= 40);
            prop_assert!(!verdict.allowed || !verdict.dialled.is_empty());
        }
    }

    #[test]
    fn no_fixed_number_holds_a_command(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
        if let Ok(number) = Fixed::parse(&bytes) {
            prop_assert!(number.as_str().bytes().all(|b| (0x20..0x7f).contains(&b) && b != b';' && b != b'&'));
            for reading in number.readings() {
                prop_assert!(reading.bytes().all(|b| b.is_ascii_digit() || b"*#+".contains(&b)));
            }
        }
    }

    #[test]
    fn spelling_does_not_matter(digits in "[1-9][0-9]{4,10}", gaps in "[-. ()]{0,8}") {
        let plain = policy(Some("49"), &[]).typed(&typed(&format!("0{digits}"))).allowed;
        for prefix in ["+49", "0049", "+49(0)"] {
            let (one, two) = digits.split_at(2);
            let verdict = policy(Some("49"), &[]).typed(&typed(&format!("{prefix}{gaps}{one}{gaps}{two}")));
            prop_assert_eq!(verdict.allowed, plain, "{:?}", verdict);
        }
    }

    #[test]
    fn a_denied_prefix_is_denied_in_every_longer_number(prefix in "0[1-9]{1,5}", rest in "[0-9]{0,8}") {
        let p = policy(Some("49"), &[("deny", &prefix), ("allow", "all")]);
        let verdict = p.typed(&typed(&format!("{prefix}{rest}")));
        prop_assert!(!verdict.allowed);
    }
}
