//! What starts mgetty: inittab, systemd's unit, udev's rules. What they do with a booted systemd is shown by tests/lab-usb.

use ringback_tests::subject::top;
use std::fs;
use std::process::{Command, Stdio};

fn shipped(file: &str) -> String {
    fs::read_to_string(top().join("etc").join(file)).expect("a shipped file")
}

#[test]
fn inittab_lines_are_well_formed() {
    let text = shipped("inittab.example");
    let entry = |line: &str| {
        let fields: Vec<&str> = line.trim_start_matches('#').splitn(4, ':').collect();
        (fields.len() == 4 && fields[2] == "respawn").then(|| fields[3].to_string())
    };
    let commands: Vec<String> = text.lines().filter_map(entry).collect();
    assert!(
        commands.len() >= 5 && text.lines().all(|l| l.is_empty() || l.starts_with('#') || entry(l).is_some())
    );
    for command in commands {
        assert!(command.len() <= 127, "init takes no more: {command}");
        assert_eq!(command.split(' ').next(), Some("/sbin/mgetty")); // its words: args.rs
    }
}

/// The unit's settings: section, key, value.
fn settings(text: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut all = Vec::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(name) => section = name.to_string(),
            None => {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}: key=value"));
                all.push((section.clone(), key.to_string(), value.to_string()));
            }
        }
    }
    all
}

#[test]
fn the_unit_is_bound_to_its_device() {
    let unit = settings(&shipped("systemd/mgetty@.service"));
    let has = |section: &str, key: &str, value: &str| {
        assert!(unit.contains(&(section.into(), key.into(), value.into())), "[{section}] {key}={value}");
    };
    has("Unit", "BindsTo", "dev-%i.device");
    has("Unit", "Conflicts", "serial-getty@%i.service");
    has("Service", "ExecStart", "/sbin/mgetty %I");
    has("Service", "Restart", "always");
    has("Install", "WantedBy", "dev-%i.device");
    // login, su and sudo change users; files and mounts are seen as by everybody else.
    let never =
        ["NoNewPrivileges", "ProtectHome", "ProtectSystem", "PrivateTmp", "ReadOnlyPaths", "User", "UMask"];
    for (_, key, _) in &unit {
        assert!(!never.contains(&key.as_str()), "{key} would hold for whoever logs in");
    }
    let number = |key: &str| -> f64 {
        let setting = unit.iter().find(|(_, k, _)| k == key).unwrap_or_else(|| panic!("{key}"));
        setting.2.parse().expect("a number")
    };
    // Ends that follow each other at once do reach the limit; one call after the other (3 s at the least) does not.
    let (limit, time, rest) =
        (number("StartLimitBurst"), number("StartLimitIntervalSec"), number("RestartSec"));
    assert!(time / rest > limit && time / (rest + 1.0) < limit, "{limit} starts in {time} s, {rest} s apart");
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return; // the lab has it
    }
    let directory = tempfile::tempdir().expect("a directory");
    for entry in fs::read_dir(top().join("etc/systemd")).expect("units") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a unit");
        // The programs are not installed here.
        let text = text
            .lines()
            .map(|line| match line.split_once("=/").filter(|(key, _)| key.starts_with("Exec")) {
                Some((key, command)) => {
                    format!("{key}=/bin/true {}\n", command.split_once(' ').map_or("", |(_, rest)| rest))
                }
                None => format!("{line}\n"),
            })
            .collect::<String>();
        fs::write(directory.path().join(path.file_name().expect("a name")), text).expect("a copy");
    }
    for entry in fs::read_dir(directory.path()).expect("copies") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").replace("@.", "@ttyS9.");
        let output = Command::new("systemd-analyze")
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(&name)
            .env("SYSTEMD_UNIT_PATH", format!("{}:", directory.path().display()))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .output()
            .expect("run systemd-analyze");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let ours = said.lines().filter(|l| l.contains(&name) || l.contains(path.to_str().unwrap_or("?")));
        assert_eq!(ours.collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
}

/// Splits a rule at the commas between its items.
fn items(rule: &str) -> Vec<String> {
    let (mut items, mut quoted) = (vec![String::new()], false);
    for letter in rule.chars() {
        quoted ^= letter == '"';
        match letter {
            ',' if !quoted => items.push(String::new()),
            _ => items.last_mut().expect("one at least").push(letter),
        }
    }
    assert!(!quoted, "an open quote: {rule}");
    items.iter().map(|i| i.trim().to_string()).collect()
}

#[test]
fn udev_rules_are_well_formed() {
    const MATCH: &[&str] = &["ACTION", "SUBSYSTEM", "KERNEL", "TEST", "PROGRAM", "ATTRS", "ENV"];
    const ASSIGN: &[&str] = &["GOTO", "LABEL", "ENV", "TAG"];
    let text = shipped("udev/rules.d/65-ringback.rules");
    let (mut gotos, mut labels, mut rules) = (Vec::new(), Vec::new(), 0);
    // The examples behind # are rules too.
    let examples = text.lines().map(|l| l.strip_prefix('#').filter(|l| l.contains("==\"")).unwrap_or(l));
    for line in examples.filter(|l| !l.is_empty() && !l.starts_with('#')) {
        rules += 1;
        for item in items(line) {
            let at = item.find(['=', '!', '+']).unwrap_or_else(|| panic!("{item}: no operator"));
            let (key, rest) = item.split_at(at);
            let key = key.split('{').next().expect("a key");
            let operator: String = rest.chars().take_while(|c| *c != '"').collect();
            let value = rest[operator.len()..].strip_prefix('"').and_then(|v| v.strip_suffix('"'));
            let value = value.unwrap_or_else(|| panic!("{item}: a quoted value"));
            let known = match operator.as_str() {
                "==" | "!=" => MATCH,
                "=" | "+=" => ASSIGN,
                _ => panic!("{item}: {operator}"),
            };
            assert!(known.contains(&key), "{item}");
            match key {
                "GOTO" => gotos.push(value.to_string()),
                "LABEL" => labels.push(value.to_string()),
                _ => {}
            }
        }
    }
    assert!(rules > 8 && gotos.iter().all(|g| labels.contains(g)), "{gotos:?} {labels:?}");
    assert!(text.contains("ENV{ID_MM_PORT_IGNORE}=\"1\""));
}

#[test]
fn the_manual_names_them() {
    let page = fs::read_to_string(top().join("man/mgetty.8")).expect("the page");
    for file in ["mgetty@.service", "65-ringback.rules", "inittab.example"] {
        assert!(page.contains(&format!(".Pa {file}")), "{file}");
    }
}
