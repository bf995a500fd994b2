//! Traps of any file: quotes and minus signs out of a text processor, files of the wrong name, scripts that
//! remove everybody's locks.

use super::Files;
use crate::places;
use crate::see::finding::Finding;
use ttyline::config::Position;

/// Signs that look like ASCII in a document, in UTF-8 and in Windows-1252, and what is meant.
const SIGNS: &[(&[u8], &str, &str)] = &[
    ("\u{2018}".as_bytes(), "a typographic quote", "'"),
    ("\u{2019}".as_bytes(), "a typographic quote", "'"),
    ("\u{201c}".as_bytes(), "a typographic quote", "\""),
    ("\u{201d}".as_bytes(), "a typographic quote", "\""),
    ("\u{201e}".as_bytes(), "a typographic quote", "\""),
    ("\u{2010}".as_bytes(), "a hyphen that is no minus", "-"),
    ("\u{2011}".as_bytes(), "a hyphen that is no minus", "-"),
    ("\u{2013}".as_bytes(), "a dash that is no minus", "-"),
    ("\u{2014}".as_bytes(), "a dash that is no minus", "-"),
    ("\u{2212}".as_bytes(), "a minus sign that is no ASCII minus", "-"),
    ("\u{a0}".as_bytes(), "a no-break space", "a blank"),
    ("\u{200b}".as_bytes(), "a zero-width space", "nothing"),
    ("\u{feff}".as_bytes(), "a byte order mark", "nothing"),
    (b"\x91", "a typographic quote (Windows-1252)", "'"),
    (b"\x92", "a typographic quote (Windows-1252)", "'"),
    (b"\x93", "a typographic quote (Windows-1252)", "\""),
    (b"\x94", "a typographic quote (Windows-1252)", "\""),
    (b"\x96", "a dash that is no minus (Windows-1252)", "-"),
    (b"\x97", "a dash that is no minus (Windows-1252)", "-"),
];

pub(super) fn look(files: &Files, findings: &mut Vec<Finding>) {
    for (path, bytes) in files.all() {
        let configuration = path.starts_with(&files.places.mgetty)
            || path.starts_with("/etc/ppp/")
            || path.starts_with("/etc/chatscripts/")
            || [places::INITTAB, places::MSERVER].contains(&path);
        if configuration {
            typographic(files, path, bytes, findings);
        }
        remove_locks(files, path, bytes, findings);
        if path == places::INITTAB {
            returns(files, path, bytes, findings);
        }
    }
    wrong_names(files, findings);
}

fn typographic(files: &Files, path: &str, bytes: &[u8], findings: &mut Vec<Finding>) {
    let utf8 = std::str::from_utf8(bytes).is_ok();
    for (number, line) in (1_u32..).zip(bytes.split(|b| *b == b'\n')) {
        // In comments people may write as they like.
        if line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        let first = SIGNS
            .iter()
            .filter(|(sign, ..)| sign.len() > 1 || !utf8)
            .filter_map(|sign| Some((memchr::memmem::find(line, sign.0)?, sign)))
            .min_by_key(|(place, _)| *place);
        if let Some((place, (_, what, meant))) = first {
            let at = Position { line: number, column: u32::try_from(place + 1).unwrap_or(u32::MAX) };
            let remedy = format!("write {meant} there: programs take the sign as an ordinary letter");
            findings.push(Finding::problem(files.at(path, at), format!("{what}, as documents have"), remedy));
        }
    }
}

/// init knows no carriage returns; mgetty and pppd take them for blanks.
fn returns(files: &Files, path: &str, bytes: &[u8], findings: &mut Vec<Finding>) {
    let lines = bytes.split(|b| *b == b'\n');
    let found = (1_u32..).zip(lines).find(|(_, line)| line.ends_with(b"\r") && !line.starts_with(b"#"));
    if let Some((line, _)) = found {
        findings.push(Finding::problem(
            files.at(path, Position { line, column: 1 }),
            "ends in a carriage return, as files from DOS do: init takes it for a part of the command",
            format!("sed -i 's/\\r$//' {}", files.shown(path)),
        ));
    }
}

fn wrong_names(files: &Files, findings: &mut Vec<Finding>) {
    for name in ["login", "callback", "mgetty", "dialin"] {
        let wrong = format!("{}/{name}.conf", files.places.mgetty);
        let right = format!("{}/{name}.config", files.places.mgetty);
        if files.has(&wrong) {
            let says = if files.has(&right) {
                format!("is read by nobody: {} is", files.shown(&right))
            } else {
                "is read by nobody".into()
            };
            let remedy = format!("mv {} {}", files.shown(&wrong), files.shown(&right));
            let remedy = if files.has(&right) {
                format!("rm {} (or put what is in it into {right})", files.shown(&wrong))
            } else {
                remedy
            };
            findings.push(Finding::problem(files.shown(&wrong), says, remedy));
        }
    }
}

/// `rm -f`, `do rm`, `xargs rm`, `find … -delete`, `find … -exec rm`.
fn removal(words: &[&str]) -> bool {
    let is_rm = |word: &str| matches!(word.rsplit('/').next(), Some("rm" | "unlink"));
    let behind = |before: &str| words.windows(2).any(|w| w[0] == before && is_rm(w[1]));
    words.iter().take(3).any(|word| is_rm(word))
        || behind("xargs")
        || behind("-exec")
        || words.contains(&"-delete")
}

/// A pattern that fits every lock file.
fn all_locks(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'']);
    word.contains("LCK") && word.contains('*')
        || ["/var/lock/*", "/run/lock/*", "/var/spool/locks/*"].contains(&word)
}

fn remove_locks(files: &Files, path: &str, bytes: &[u8], findings: &mut Vec<Finding>) {
    for (number, line) in (1_u32..).zip(bytes.split(|b| *b == b'\n')) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start();
        let commands: Vec<Vec<&str>> = text
            .split([';', '&', '|'])
            .map(|command| command.split_whitespace().collect())
            .filter(|words: &Vec<&str>| words.first().is_some_and(|first| *first != "echo"))
            .collect();
        let removes = commands.iter().any(|words| removal(words))
            && commands.iter().flatten().any(|word| all_locks(word));
        if removes && !text.starts_with('#') {
            let at = Position { line: number, column: 1 };
            findings.push(Finding::problem(
                files.at(path, at),
                "removes the locks of all lines, of living programs too: two programs can then use one modem",
                "use `dialin lock clear LINE` there: it removes dead locks only",
            ));
        }
    }
}
