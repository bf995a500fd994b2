//! What is shipped beside the program is true: man pages name its options and keywords, no more and
//! no less, and the sample files are read without a complaint.

use mgetty::args::{LETTERS, LONG};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use ttyline::config::caller_rules::CallerRules;
use ttyline::config::login::LoginConfig;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{Document, dialin};

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(top(path)).expect("a file of the workspace")
}

/// Options of the `.It Fl` lines of mgetty(8).
fn options_in_page() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text("man/mgetty.8").lines().filter(|line| line.starts_with(".It Fl ")) {
        let mut words = line.split_whitespace().skip(1).peekable();
        while let Some(word) = words.next() {
            if word == "Fl" || word == "," {
                continue;
            }
            if word == "Ar" {
                words.next();
                continue;
            }
            found.insert(word.to_string());
        }
    }
    found
}

#[test]
fn mgetty_8_has_each_option_and_no_other() {
    let letters = LETTERS.iter().map(|(letter, _)| letter.to_string());
    let long = LONG.iter().map(|(name, _)| format!("-{name}"));
    let known: BTreeSet<String> = letters.chain(long).collect();
    assert_eq!(options_in_page(), known);
    let synopsis: String = text("man/mgetty.8").split(".Sh DESCRIPTION").next().expect("a synopsis").into();
    for (letter, takes) in LETTERS {
        let there =
            if *takes { synopsis.contains(&format!(".Op Fl {letter} ")) } else { synopsis.contains(*letter) };
        assert!(there, "-{letter} in the synopsis");
    }
}

#[test]
fn mgetty_config_5_has_each_keyword_and_its_value() {
    let page = text("man/mgetty.config.5");
    let mut found = BTreeSet::new();
    let config = MgettyConfig::default();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix(".It Cm ") {
            let (keyword, rest) = rest.split_once(" No (").expect("kind and value");
            let value = rest.trim_end_matches(')').split_once("; ").expect("a value").1;
            found.insert(keyword.to_string());
            let entry = config.entries().into_iter().find(|e| e.keyword == keyword).expect(keyword);
            let shown = value.replace("\\&", "").replace("\\e", "\\").replace("\\ ", " ");
            let built_in = match keyword {
                "port-mode" => "0660".to_string(),
                "force-init-chat" => "see below".to_string(),
                _ if entry.value.is_empty() => "none".to_string(),
                _ => entry.value.clone(),
            };
            assert_eq!(shown, built_in, "{keyword}");
        } else if let Some(rest) = line.strip_prefix(".Cm switchbd") {
            found.insert("switchbd".into());
            found.extend(
                rest.trim_end_matches('.').split(',').map(|w| w.trim().to_string()).filter(|w| !w.is_empty()),
            );
        }
    }
    let known: BTreeSet<String> =
        MgettyConfig::KEYWORDS.iter().map(|(keyword, _)| (*keyword).to_string()).collect();
    assert_eq!(found, known);
}

/// A sample with what it only suggests (`#word`, no blank behind the `#`) switched on.
fn uncommented(path: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
        _ => format!("{line}\n"),
    };
    text(path).lines().map(on).collect()
}

/// The lines of a page's literal displays.
fn examples(page: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for line in text(page).lines() {
        match line {
            _ if line.starts_with(".Bd -literal") => inside = true,
            ".Ed" => inside = false,
            _ if inside => {
                out.push_str(line);
                out.push('\n');
            }
            _ => {}
        }
    }
    out
}

#[test]
fn samples_and_examples_are_read_without_complaint() {
    for sample in [text("etc/mgetty/mgetty.config"), examples("man/mgetty.config.5")] {
        assert!(!sample.is_empty());
        let document = Document::parse(sample.into_bytes());
        assert_eq!(MgettyConfig::check(&document), []);
    }
    for sample in [
        text("etc/ringback/caller-rules"),
        uncommented("etc/ringback/caller-rules"),
        examples("man/caller-rules.5"),
    ] {
        let rules = CallerRules::parse(&Document::parse(sample.into_bytes()));
        assert_eq!((rules.problems.as_slice(), rules.unreachable().as_slice()), (&[][..], &[][..]));
        assert!(!rules.rules.is_empty());
    }
    for sample in [
        text("etc/mgetty/dialin.config"),
        uncommented("etc/mgetty/dialin.config"),
        examples("man/dialin.config.5"),
    ] {
        assert_eq!(dialin::check(sample.as_bytes()), []);
    }
    for sample in [text("etc/mgetty/login.config"), examples("man/login.config.5")] {
        let config = LoginConfig::parse(&Document::parse(sample.into_bytes()));
        assert_eq!(config.problems, []);
        let ppp = config.find(b"/AutoPPP/", false).expect("PPP");
        assert_eq!(ppp.program.as_str(), "/usr/sbin/pppd");
        assert_eq!(config.find(b"joe", false).expect("all").program.as_str(), "/bin/login");
    }
}
