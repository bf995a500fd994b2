//! dialin(8) tells the truth: flags and commands.

use super::tree::ran;
use ringback_tests::subject::{ours, top};
use std::collections::BTreeSet;
use std::process::Command;

fn help(words: &[&str]) -> String {
    let ran = ran(Command::new(ours("dialin")).args(words).arg("--help"));
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran.out
}

fn page() -> String {
    std::fs::read_to_string(top().join("man/dialin.8")).expect("the page")
}

/// `--name` of a help text.
fn flags(help: &str) -> BTreeSet<String> {
    help.lines()
        .filter_map(|l| l.trim_start().split("--").nth(1).filter(|_| l.trim_start().starts_with('-')))
        .filter_map(|l| l.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next())
        .map(str::to_string)
        .collect()
}

/// The commands of a help text.
fn commands(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let lines =
        list.lines().take_while(|l| !l.is_empty()).filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    lines.filter_map(|l| l.split_whitespace().next()).map(str::to_string).collect()
}

#[test]
fn every_command_and_flag_is_described() {
    let page = page();
    let section = page.split(".Sh COMMANDS").nth(1).and_then(|p| p.split(".Sh ").next()).expect("COMMANDS");
    let top = help(&[]);
    let general = flags(&top);
    for flag in &general {
        assert!(
            ["help", "version"].contains(&flag.as_str()) || page.contains(&format!("Fl Fl {flag}")),
            "--{flag}"
        );
    }
    for command in commands(&top) {
        let text = help(&[&command]);
        let subs = commands(&text);
        let each: Vec<Vec<&str>> = if subs.is_empty() {
            vec![vec![command.as_str()]]
        } else {
            subs.iter().map(|sub| vec![command.as_str(), sub.as_str()]).collect()
        };
        for words in each {
            let item = format!(".It Cm {}", words.join(" "));
            let mut parts = section.split(&item).skip(1).filter(|p| p.starts_with(['\n', ' ']));
            let item_text = parts.next().unwrap_or_else(|| panic!("{item} is missing"));
            let item_text = item_text.split("\n.It Cm ").next().expect("its text");
            for flag in flags(&help(&words)).difference(&general) {
                assert!(item_text.contains(&format!("Fl Fl {flag}")), "{item}: --{flag}");
            }
        }
    }
}
