//! dialscript(1) tells the truth: flags, words of the language, examples.

use super::{Place, file, run, text};
use std::collections::BTreeSet;

fn page() -> String {
    text(&file("man/dialscript.1"))
}

/// `--name` of the program's help.
fn help_flags() -> BTreeSet<String> {
    let (status, help, _) = run(&["--help"]);
    assert_eq!(status, 0);
    help.split_whitespace()
        .filter_map(|w| w.strip_prefix("--"))
        .map(|w| w.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_string())
        .filter(|w| !w.is_empty())
        .collect()
}

#[test]
fn every_flag_is_described_and_no_other() {
    let page = page();
    let list =
        page.split(".Sh OPTIONS").nth(1).and_then(|p| p.split(".Sh ").next()).expect("an OPTIONS section");
    let described: BTreeSet<String> = list
        .lines()
        .filter_map(|l| l.strip_prefix(".It Fl Fl "))
        .filter_map(|l| l.split_whitespace().next())
        .map(str::to_string)
        .collect();
    assert_eq!(described, help_flags());
    let synopsis: BTreeSet<String> = page
        .split(".Sh DESCRIPTION")
        .next()
        .expect("a synopsis")
        .lines()
        .filter_map(|l| l.split("Fl Fl ").nth(1))
        .filter_map(|l| l.split_whitespace().next())
        .map(str::to_string)
        .collect();
    let mut wanted = help_flags();
    wanted.remove("help");
    wanted.remove("version");
    assert_eq!(synopsis, wanted);
}

#[test]
fn every_script_in_the_page_passes_the_check() {
    let page = page();
    let mut count = 0;
    for display in page.split(".Bd -literal").skip(1) {
        let body = display.split(".Ed").next().expect("a display's end");
        let body: String =
            body.lines().skip(1).map(|l| l.replace("\\e", "\\").replace("\\&", "") + "\n").collect();
        if body.contains("proc main") {
            let place = Place::with("");
            let script = place.write("page.scp", &body);
            assert_eq!(run(&["--check", &script]), (0, String::new(), String::new()), "{body}");
            count += 1;
        }
    }
    assert!(count >= 2);
}

#[test]
fn every_exit_status_is_described() {
    let page = page();
    let section =
        page.split(".Sh EXIT STATUS").nth(1).and_then(|p| p.split(".Sh ").next()).expect("EXIT STATUS");
    for status in 0..=5 {
        assert!(section.contains(&format!(".It {status}\n")), "{status}");
    }
}
