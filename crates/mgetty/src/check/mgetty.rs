//! mgetty.config, and whether the set-up received faxes before.

use super::{Report, ports, read};
use crate::service;
use std::path::Path;
use ttyline::at::profile::{Choice, PROFILES};
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{Document, Origin, Position, Setting, Text};
use ttyline::{account, speed, visible};

/// What only a shell would understand.
const SHELL: [char; 9] = ['|', '>', '<', '&', ';', '$', '`', '\'', '"'];

/// Gives what holds for the line; without one, for lines without a section, then for each section.
pub(super) fn check(directory: &Path, line: Option<&str>, report: &mut Report) -> Vec<MgettyConfig> {
    let path = directory.join("mgetty.config");
    let mut config = MgettyConfig::default();
    let mut sections = Vec::new();
    let Some(bytes) = read(&path, report) else {
        if directory.is_dir() && !path.exists() {
            report.warn(&path, None, "not there, built-in values are used");
        }
        return vec![config];
    };
    let document = Document::parse(bytes);
    let known: Vec<&str> =
        MgettyConfig::KEYWORDS.iter().map(|(keyword, _)| *keyword).chain(["port"]).collect();
    let problems = match line {
        Some(_) => config.load(&document, line),
        None => {
            let _ = config.load(&document, None);
            MgettyConfig::check(&document)
        }
    };
    report.problems(&path, &problems, &known);
    names(&path, &document, report);
    values(&path, &config, report);
    if line.is_none() {
        for port in ports(&document) {
            let mut section = MgettyConfig::default();
            let _ = section.load(&document, Some(&port));
            values(&path, &section, report);
            sections.push(section);
        }
    }
    if let Some(line) = line {
        if !Path::new("/dev").join(line).exists() {
            report.warn(&path, None, format!("there is no /dev/{line} now"));
        }
    }
    fax(directory, &path, &config, report);
    sections.insert(0, config);
    sections
}

/// Sections that are about no line.
fn names(path: &Path, document: &Document, report: &mut Report) {
    for section in document.entries().filter(|line| line.keyword().is_some_and(|word| word.bytes == b"port"))
    {
        let at = section.words.get(1).or(section.words.first()).map(|word| word.at);
        let name = section.value();
        if name.is_empty() {
            report.warn(path, at, "port: names no line, so nothing below holds");
        } else if name.starts_with(b"/") {
            report.warn(path, at, "port: a line is named without /dev/, so nothing below holds");
        } else if name.contains(&b'*') {
            report.warn(path, at, "port: `*` is no wildcard; `?` stands for one character");
        }
    }
}

/// Where a value stands in the file; `None` if nobody set it there.
fn place<T>(setting: &Setting<T>) -> Option<Position> {
    match setting.origin {
        Origin::File(at) => Some(at),
        Origin::BuiltIn | Origin::CommandLine => None,
    }
}

/// What can be read, but cannot be meant or does not work here.
fn values(path: &Path, config: &MgettyConfig, report: &mut Report) {
    if let Some(at) = place(&config.modem_profile) {
        let name = config.modem_profile.value.as_str();
        if Choice::of(&name).is_none() {
            let names: Vec<&str> = PROFILES.iter().map(|profile| profile.name).collect();
            let shown = visible::field(name.as_bytes());
            let known = names.join(", ");
            report.error(path, Some(at), format!("modem-profile `{shown}`: known are auto, none, {known}"));
        }
    }
    if let Some(at) = place(&config.speed) {
        if !u32::try_from(config.speed.value).is_ok_and(speed::is_mgetty_speed) {
            report.error(path, Some(at), format!("speed {}: there is no such speed", config.speed.value));
        }
    }
    for (setting, by_name, what) in [
        (&config.port_owner, account::user_id as fn(&str) -> Option<u32>, "port-owner"),
        (&config.port_group, account::group_id, "port-group"),
    ] {
        let text = setting.value.as_str();
        if place(setting).is_some() && by_name(&text).is_none() && text.parse::<u32>().is_err() {
            report.error(path, place(setting), format!("{what}: there is no `{text}` on this machine"));
        }
    }
    if let Some(at) = place(&config.port_mode) {
        let mode = config.port_mode.value;
        if !(0..=0o777).contains(&mode) {
            report.error(
                path,
                Some(at),
                format!(
                    "port-mode {mode} is no mode; without a 0 before it the number is decimal, not octal"
                ),
            );
        } else if mode & 0o007 != 0 {
            report.warn(
                path,
                Some(at),
                format!("port-mode {mode:04o}: everybody can read or write the line"),
            );
        }
    }
    for (setting, what) in [(&config.cid_program, "cid-program"), (&config.cnd_program, "cnd-program")] {
        program(path, setting, what, report);
    }
    program(path, &config.exec_on_connect, "exec-on-connect", report);
    if !matches!(config.data_bits.value, 7 | 8) {
        report.error(
            path,
            place(&config.data_bits),
            format!("data-bits {}: 7 or 8 are possible", config.data_bits.value),
        );
    } else if config.data_bits.value == 7 && config.exec_on_connect.value.is_none() {
        report.warn(path, place(&config.data_bits), "data-bits 7: PPP needs eight");
    }
    if let Some(command) = config.issue_file.value.as_str().strip_prefix('!') {
        if let Some(word) = command.split_ascii_whitespace().next() {
            report.program(path, place(&config.issue_file), word, "issue-file");
        }
        no_shell(path, place(&config.issue_file), command, "issue-file", report);
    } else if let (Some(at), true) =
        (place(&config.issue_file), config.issue_file.value.as_bytes().starts_with(b"/"))
    {
        if !config.issue_file.value.as_path().exists() {
            report.warn(
                path,
                Some(at),
                format!("issue-file: {} is not there", config.issue_file.value.as_str()),
            );
        }
    }
    if config.fax_only.value {
        report.warn(path, place(&config.fax_only), "fax-only: no fax is received, so every call is refused");
    }
    if let Some(at) = place(&config.gettydefs) {
        report.warn(path, Some(at), "gettydefs are not supported");
    }
    if config.ignore_carrier.value && !config.direct.value {
        let text = "ignore-carrier: who hangs up does not end his session, and the next caller may find it";
        report.warn(path, place(&config.ignore_carrier), text);
    }
}

fn program(path: &Path, setting: &Setting<Option<Text>>, what: &str, report: &mut Report) {
    let Some(words) = service::words(setting) else { return };
    if let Some(first) = words.first() {
        report.program(path, place(setting), first, what);
    }
    no_shell(path, place(setting), &words.join(" "), what, report);
}

fn no_shell(path: &Path, at: Option<Position>, command: &str, what: &str, report: &mut Report) {
    if let Some(character) = command.chars().find(|c| SHELL.contains(c)) {
        let text = format!("{what}: runs without a shell, `{character}` is handed on as it stands");
        report.warn(path, at, text);
    }
}

/// Whether faxes were received here: that ends with us, and somebody may be waiting for them.
fn fax(directory: &Path, path: &Path, config: &MgettyConfig, report: &mut Report) {
    const NOT_HERE: &str = "no fax is received: a fax call is logged and refused";
    let text = |setting: &Setting<Text>| place(setting).filter(|_| !setting.value.is_empty());
    let set = [
        ("fax-id", text(&config.fax_id)),
        ("notify", text(&config.notify)),
        ("fax-owner", text(&config.fax_owner)),
        ("fax-group", text(&config.fax_group)),
        ("fax-spool-in", text(&config.fax_spool_in)),
        ("fax-mode", place(&config.fax_mode)),
        ("switchbd", place(&config.fax_receive_speed)),
        ("fax-server-file", place(&config.fax_server_file)),
        ("fax-min-speed", place(&config.fax_min_speed)),
        ("fax-max-speed", place(&config.fax_max_speed)),
        ("diskspace", place(&config.diskspace)),
        ("modem-type", place(&config.modem_type).filter(|_| config.modem_type.value.as_bytes() != b"data")),
    ];
    // With data-only the original received none either.
    if !config.is_data_only() {
        for (keyword, at) in set.into_iter().filter(|(_, at)| at.is_some()) {
            report.warn(path, at, format!("{keyword}: {NOT_HERE}"));
        }
    }
    let here = ["sendfax.config", "faxrunq.config", "fax.allow"].map(|name| directory.join(name));
    let programs = ["/usr/sbin/faxrunqd", "/usr/bin/faxrunq"].map(Path::new);
    for file in here.iter().map(AsRef::as_ref).chain(programs).filter(|file: &&Path| file.exists()) {
        report.warn(file, None, format!("faxes were sent and received here; {NOT_HERE}"));
    }
    let spool = config.fax_spool_in.value.as_str().into_owned();
    let spool = Path::new(spool.split(':').next().unwrap_or_default());
    let waiting = std::fs::read_dir(spool).map(|files| files.flatten().count()).unwrap_or(0);
    if waiting > 0 && spool != Path::new("/tmp") {
        report.warn(spool, None, format!("{waiting} received faxes are here; {NOT_HERE}"));
    }
}
