//! `mgetty.config` means to us what it means to Debian's mgetty: at log level 9 that prints every setting
//! it has read, which is compared with what `ttyline::config` reads out of the same file.

use ringback_tests::originals;
use ringback_tests::sandbox::Sandbox;
use ringback_tests::wait;
use ttyline::config::mgetty::{MgettyConfig, NEW_KEYWORDS};
use ttyline::config::{Document, Kind};

/// The line does not exist: the original reads its configuration and ends.
const DEVICE: &str = "nosuch/tty0";

/// Values that are easy to read wrongly, of all kinds.
const ODD: [&str; 40] = [
    "",
    "0",
    "1",
    "-1",
    "-",
    "+5",
    "08",
    "010",
    "0x12c",
    "0xfg",
    "-0x10",
    "0660x",
    "4 5",
    "99999999999",
    "9600 # x",
    "yes",
    "Yes",
    "YES",
    "y",
    "t",
    "True",
    "on",
    "onward",
    "On",
    "ON",
    "off",
    "no",
    "n",
    "rts",
    "rtsx",
    "RTS",
    "hard,soft",
    "xon",
    "softy",
    "both",
    "bothx",
    "none",
    "nonex",
    "a  \t b",
    "\"a  b\" \\",
];

/// What the original prints for each keyword, after reading `config`.
fn originals_view(config: &str) -> Vec<(String, String)> {
    let sandbox = Sandbox::new();
    sandbox.write_etc("mgetty.config", config, 0o644);
    let _running = sandbox.start(&originals::program("mgetty"), &["-x", "9", DEVICE]);
    let text = wait::until("the original's settings", || {
        let text = sandbox.log_text("mg_nosuch-tty0.log");
        text.contains("key: 'term'").then_some(text)
    });
    text.lines()
        .filter_map(|line| {
            let (_, rest) = line.split_once("key: '")?;
            let (keyword, rest) = rest.split_once('\'')?;
            let (_, data) = rest.split_once("data=")?;
            Some((keyword.to_string(), data.to_string()))
        })
        .collect()
}

/// What we read, written as the original prints it.
fn our_view(config: &str) -> Vec<(String, String)> {
    let mut ours = MgettyConfig::default();
    ours.load(&Document::parse(config.as_bytes().to_vec()), Some(DEVICE));
    let entries = ours.entries().into_iter();
    entries
        .filter(|entry| !NEW_KEYWORDS.contains(&entry.keyword))
        .filter(|entry| entry.keyword != "debug" && entry.kind != Kind::Chat && entry.keyword != "msn-list")
        .map(|entry| {
            let value = match (entry.kind, entry.value.as_str()) {
                (Kind::Bool, "yes") => "TRUE",
                (Kind::Bool, "no") => "FALSE",
                (Kind::Flow, "hard") => "1",
                (Kind::Flow, "soft") => "6",
                (Kind::Flow, "both") => "7",
                (Kind::Flow, "none") => "0",
                (_, value) => value,
            };
            (entry.keyword.to_string(), value.to_string())
        })
        .collect()
}

fn compare(config: &str) {
    let theirs = originals_view(config);
    for (keyword, ours) in our_view(config) {
        let Some((_, theirs)) = theirs.iter().find(|(k, _)| *k == keyword) else {
            assert!(MgettyConfig::NEW.contains(&keyword.as_str()), "the original does not know `{keyword}`");
            continue;
        };
        // Unset: the original prints `(empty)`, or 0 after a value it could not read.
        let unset = ours.is_empty() && (theirs == "(empty)" || theirs == "0");
        assert!(
            unset || ours == *theirs,
            "`{keyword}` is {ours:?} to us, {theirs:?} to the original, in:\n{config}"
        );
    }
}

/// Each keyword with a different odd value in each of `files` files.
fn odd_files(files: usize) -> Vec<String> {
    (0..files)
        .map(|file| {
            let lines = MgettyConfig::KEYWORDS.iter().enumerate().map(|(place, (keyword, kind))| {
                let value = match kind {
                    Kind::Chat => "",
                    _ => ODD[(place * 7 + file * 3) % ODD.len()],
                };
                format!("{keyword} {value}\n")
            });
            lines.collect()
        })
        .collect()
}

#[test]
fn odd_values_mean_the_same() {
    let files = odd_files(14);
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| compare(file));
        }
    });
}

#[test]
fn sections_joins_and_comments_mean_the_same() {
    let files = [
        "rings 2\nport nosuch/tty0\nrings 3\nport nosuch/tty?\nrings 4\nspeed 9600\nport nosuch/tty*\nrings 5\n",
        "port nosuch/tty?? \nrings 3\nport nosuch/tt\nrings 4\nport ?osuch?tty0?\nrings 5\nport *\nspeed 300\n",
        "#c \\\nspeed 9600\nspeed 300 \\ \nrings 2\nterm a\\\\\nb\nport\nrings 7\n",
        "speed 38\\\n400\n \\\nrings 3\n\\\nrings 4\r\n\t# x\nnotify a\\\n b\n  switchbd\t\t300 \n",
        "modem-type x\\",
        "",
        "term x\0y z\nrings 2\nfoo bar\nSpeed 9600\n",
        "port nosuch/tty0 x\nrings 5\nport /dev/nosuch/tty0\nrings 6\nport NOSUCH/tty0\nrings 7\n",
    ];
    std::thread::scope(|scope| {
        for file in files {
            scope.spawn(|| compare(file));
        }
    });
}
