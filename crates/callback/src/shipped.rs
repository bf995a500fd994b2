//! What is shipped beside the program agrees with it: manual pages, the sample configuration.

use crate::args;
use crate::outcome::Outcome;
use ttyline::config::call_policy;
use ttyline::config::callback::CallbackConfig;
use ttyline::config::login::LoginConfig;
use ttyline::config::{Document, Value};

const PAGE: &str = include_str!("../../../man/callback.8");
const CONFIG_PAGE: &str = include_str!("../../../man/callback.config.5");
const RECORDS_PAGE: &str = include_str!("../../../man/ringback-records.5");
const HOW_TO: &str = include_str!("../../../man/ringback-callback.7");
const SAMPLE: &str = include_str!("../../../etc/mgetty/callback.config");

#[test]
fn every_option_stands_in_the_manual() {
    for (letter, _) in args::LETTERS {
        assert!(PAGE.contains(&format!("\n.It Fl {letter}")), "-{letter}");
    }
    for (name, _) in args::LONG {
        assert!(PAGE.contains(&format!("Fl -{name}")), "--{name}");
    }
}

#[test]
fn every_keyword_and_its_default_stands_in_the_manual() {
    for entry in CallbackConfig::default().entries() {
        let at = CONFIG_PAGE.find(&format!(".It Cm {} ", entry.keyword));
        let at = at.unwrap_or_else(|| panic!("{} is missing", entry.keyword));
        let about = &CONFIG_PAGE[at..at + CONFIG_PAGE[at + 1..].find("\n.It ").unwrap_or(400)];
        let default = entry.value.replace('"', "\\(dq");
        assert!(about.contains(&default) || entry.value == false.show(), "{}: {about}", entry.keyword);
    }
    for keyword in call_policy::KEYWORDS {
        assert!(CONFIG_PAGE.contains(&format!(".It Cm {keyword} ")), "{keyword}");
    }
}

#[test]
fn every_cause_stands_in_the_manual() {
    use Outcome::{
        Blacklisted, Busy, Delayed, Error, GaveUp, Glare, HungUp, Interrupted, NoAnswer, NoCarrier,
        NoDialTone, NotClear, Silent, TimedOut, Voice,
    };
    for outcome in [
        Busy,
        NoDialTone,
        NoCarrier,
        NoAnswer,
        Voice,
        Blacklisted,
        Delayed(None),
        Glare,
        Error,
        GaveUp,
        TimedOut,
        Silent,
        NotClear(""),
        HungUp,
        Interrupted(15),
    ] {
        assert!(RECORDS_PAGE.contains(&format!(".Ql {} ", outcome.word())), "{outcome:?}");
    }
}

#[test]
fn the_sample_configuration_is_right_and_so_is_all_that_is_commented_out() {
    // What is meant to be switched on has no blank behind its `#`.
    let switched_on: String = SAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    for text in [SAMPLE, &switched_on] {
        let document = Document::parse(text.as_bytes().to_vec());
        let mut config = CallbackConfig::default();
        let (policy, problems) = call_policy::load(&mut config, &document, Some("ttyS1"), Some("mary"));
        assert_eq!(problems, []);
        assert_eq!((config.delay.value, policy.attempts), (20, (20, 60)));
    }
    let document = Document::parse(switched_on.into_bytes());
    let (policy, _) = call_policy::load(&mut CallbackConfig::default(), &document, None, Some("mary"));
    assert!(policy.password && policy.blind_dial && policy.numbers.rules.len() == 3);
}

/// The literal displays of a page that hold `word`, as files.
fn examples(page: &str, word: &str) -> Vec<Document> {
    let displays = page.split("\n.Bd -literal").skip(1).filter_map(|rest| rest.split("\n.Ed").next());
    let texts = displays.filter_map(|display| display.split_once('\n')).map(|(_, text)| format!("{text}\n"));
    texts.filter(|text| text.contains(word)).map(|text| Document::parse(text.into_bytes())).collect()
}

#[test]
fn the_manuals_configurations_are_right() {
    let documents = [examples(HOW_TO, "country-code"), examples(CONFIG_PAGE, "country-code")].concat();
    assert_eq!(documents.len(), 2);
    for document in documents {
        let mut config = CallbackConfig::default();
        assert_eq!(call_policy::load(&mut config, &document, None, None).1, []);
    }
}

#[test]
fn who_comes_in_only_when_called_cannot_by_the_manuals_examples() {
    for page in [HOW_TO, PAGE] {
        let documents = examples(page, "/usr/sbin/callback");
        assert_eq!(documents.len(), 2);
        for document in documents {
            let config = LoginConfig::parse(&document);
            assert_eq!(config.problems, []);
            let program = |name: &[u8], called_back| {
                config.find(name, called_back).map(|entry| entry.program.as_str().into_owned())
            };
            let Some(version_2) = program(b"/AutoPPP/", true) else { continue };
            assert_eq!(version_2, "/usr/sbin/pppd");
            assert_eq!(program(b"call", false).as_deref(), Some("/usr/sbin/callback"));
            for name in [&b"/AutoPPP/"[..], b"mary", b"root"] {
                // No entry at all would be /bin/login.
                assert_eq!(program(name, false).as_deref(), Some("/bin/false"));
            }
            assert_ne!(program(b"call", true).as_deref(), Some("/usr/sbin/callback"), "a loop");
        }
    }
}
