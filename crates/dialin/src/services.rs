//! Which lines are served, by what: lines of inittab, units of systemd.

use crate::places::{INITTAB, UNITS};
use crate::root::{Root, State};
use anyhow::Result;
use std::collections::BTreeMap;
use ttyline::config::getty_command::{GettyCommand, Program};
use ttyline::config::inittab::{self, InitLine};

/// What starts the gettys of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// systemd.
    Systemd,
    /// sysvinit or BusyBox: /etc/inittab.
    Inittab,
}

impl Init {
    /// What the tree has; `None`: neither is found.
    #[must_use]
    pub fn of(root: &Root) -> Option<Init> {
        for path in ["/sbin/init", "/usr/sbin/init"] {
            if let Ok(State::Link(target)) = root.look(path, false) {
                if target.to_string_lossy().contains("systemd") {
                    return Some(Init::Systemd);
                }
            }
        }
        if root.exists(INITTAB) {
            return Some(Init::Inittab);
        }
        let systemd = ["/lib/systemd/systemd", "/usr/lib/systemd/systemd", "/run/systemd/system"];
        systemd.iter().any(|path| root.exists(path)).then_some(Init::Systemd)
    }
}

/// What serves a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A line of inittab.
    Inittab(InitLine),
    /// An instance of `mgetty@.service`, enabled by these links.
    Unit {
        /// Its name.
        unit: String,
        /// The links in `/etc/systemd/system`.
        links: Vec<String>,
    },
    /// Another unit: shown, not touched.
    Foreign {
        /// Its file, or the link that enables it.
        path: String,
    },
}

/// A line that is served, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name below `/dev`.
    pub line: String,
    /// By what.
    pub by: By,
    /// The command.
    pub command: GettyCommand,
    /// Whether it is in force.
    pub runs: bool,
}

impl Served {
    /// Why it is shown and not touched; `None`: it may be edited.
    #[must_use]
    pub fn untouched(&self) -> Option<&'static str> {
        match (&self.by, self.command.program) {
            (_, Program::Vgetty) => Some("voice: not touched"),
            (_, Program::Other) => Some("another getty"),
            _ if self.line.starts_with("term/") => Some("Solaris' name: not touched"),
            (By::Foreign { .. }, _) => Some("a unit of its own: not touched"),
            _ => None,
        }
    }
}

/// Directories of units, the first wins.
const UNIT_PATH: [&str; 4] =
    [UNITS, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// The file of a unit.
#[must_use]
pub fn unit_file(root: &Root, name: &str) -> Option<String> {
    UNIT_PATH.iter().map(|dir| format!("{dir}/{name}")).find(|path| root.exists(path))
}

/// All lines of a tree, in the order of their files.
///
/// # Errors
/// A file cannot be read.
pub fn all(root: &Root) -> Result<Vec<Served>> {
    let mut served = Vec::new();
    for line in inittab::read(&root.read(INITTAB)?.unwrap_or_default()) {
        if let Some(command) = line.getty() {
            served.push(Served {
                line: command.line().to_string(),
                runs: line.runs(),
                by: By::Inittab(line),
                command,
            });
        }
    }
    units(root, &mut served)?;
    Ok(served)
}

fn units(root: &Root, served: &mut Vec<Served>) -> Result<()> {
    for name in root.names(UNITS)? {
        let path = format!("{UNITS}/{name}");
        if name.ends_with(".wants") || name.ends_with(".requires") {
            for unit in root.names(&path)? {
                enabled(root, &format!("{path}/{unit}"), &unit, served)?;
            }
        } else if name.ends_with(".service") && !name.contains('@') {
            // A file of its own; a mask is a link to /dev/null.
            if let Ok(Some(text)) = root.read(&path) {
                if let Some(command) = exec_start(&String::from_utf8_lossy(&text), "") {
                    let line = command.line().to_string();
                    served.push(Served { line, by: By::Foreign { path }, command, runs: true });
                }
            }
        }
    }
    Ok(())
}

/// An instance that is enabled: `mgetty@ttyS1.service`, `serial-getty@ttyS1.service`.
fn enabled(root: &Root, link: &str, unit: &str, served: &mut Vec<Served>) -> Result<()> {
    let Some((template, instance)) = unit.strip_suffix(".service").and_then(|u| u.split_once('@')) else {
        return Ok(());
    };
    if instance.is_empty()
        || instance.starts_with("tty") && instance.get(3..).is_some_and(|n| n.parse::<u8>().is_ok())
    {
        // A console.
        return Ok(());
    }
    if template == "mgetty" {
        if let Some(known) =
            served.iter_mut().find(|s| matches!(&s.by, By::Unit { unit: u, .. } if u == unit))
        {
            if let By::Unit { links, .. } = &mut known.by {
                links.push(link.to_string());
            }
            return Ok(());
        }
    }
    let file = unit_file(root, &format!("{template}@.service"));
    let text = match &file {
        Some(file) => root.read(file)?.unwrap_or_default(),
        // Debian's own, where systemd itself is not in the tree.
        None if template == "serial-getty" => b"[Service]\nExecStart=-/sbin/agetty %I\n".to_vec(),
        None if template == "mgetty" => b"[Service]\nExecStart=/sbin/mgetty %I\n".to_vec(),
        None => return Ok(()),
    };
    let line = unescaped(instance);
    let text = [String::from_utf8_lossy(&text).into_owned(), drop_ins(root, template, instance)].concat();
    let Some(mut command) = exec_start(&text, &line) else { return Ok(()) };
    command.device = line.clone();
    let by = if template == "mgetty" {
        By::Unit { unit: unit.into(), links: vec![link.into()] }
    } else {
        By::Foreign { path: link.into() }
    };
    served.push(Served { line, by, command, runs: true });
    Ok(())
}

/// What `systemctl edit` and others have added to an instance, in systemd's order: by the files' names.
fn drop_ins(root: &Root, template: &str, instance: &str) -> String {
    let mut files = BTreeMap::new();
    for dir in UNIT_PATH.iter().rev() {
        for unit in [format!("{template}@"), format!("{template}@{instance}")] {
            let dir = format!("{dir}/{unit}.service.d");
            for name in root.names(&dir).unwrap_or_default().into_iter().filter(|n| n.ends_with(".conf")) {
                let path = format!("{dir}/{name}");
                files.insert(name, path);
            }
        }
    }
    let text = |path: &String| root.read(path).ok().flatten().unwrap_or_default();
    files.values().map(|path| format!("\n{}", String::from_utf8_lossy(&text(path)))).collect()
}

/// The getty that a unit starts, for an instance's name.
fn exec_start(unit: &str, instance: &str) -> Option<GettyCommand> {
    let mut found = None;
    for line in unit.replace("\\\n", " ").lines() {
        if let Some(command) = line.trim().strip_prefix("ExecStart=") {
            let command = command.trim().trim_start_matches(['-', '@', '+', '!', ':']);
            // An empty one takes back those before it.
            found = (!command.is_empty())
                .then(|| command.replace("%I", instance).replace("%i", instance).replace("%f", instance));
        }
    }
    GettyCommand::read(&found?)
}

/// What `[Install]` of a unit says, for an instance.
#[must_use]
pub fn wanted_by(unit: &str, instance: &str) -> Vec<String> {
    let lines = unit.lines().filter_map(|l| l.trim().strip_prefix("WantedBy="));
    lines.flat_map(str::split_ascii_whitespace).map(|name| name.replace("%i", instance)).collect()
}

/// A path below `/dev` as an instance's name (systemd-escape): `/` is `-`, odd bytes are `\xNN`.
#[must_use]
pub fn escaped(name: &str) -> String {
    let mut out = String::new();
    for (n, byte) in name.bytes().enumerate() {
        match byte {
            b'/' => out.push('-'),
            b'.' if n == 0 => out.push_str("\\x2e"),
            _ if byte.is_ascii_alphanumeric() || b":_.".contains(&byte) => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out
}

/// The name of an escaped instance.
#[must_use]
pub fn unescaped(instance: &str) -> String {
    let mut out = Vec::new();
    let mut rest = instance.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = after
            .get(1..3)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (byte, after.first(), hex) {
            (b'\\', Some(b'x'), Some(value)) => {
                out.push(value);
                rest = after.get(3..).unwrap_or_default();
            }
            (b'-', ..) => out.push(b'/'),
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_systemd_escapes_them() {
        for (name, instance) in [
            ("ttyS1", "ttyS1"),
            ("serial/by-id/usb-A_B-if00", "serial-by\\x2did-usb\\x2dA_B\\x2dif00"),
            ("pts/3", "pts-3"),
        ] {
            assert_eq!(escaped(name), instance);
            assert_eq!(unescaped(instance), name);
        }
    }

    #[test]
    fn the_command_of_a_unit() {
        let unit = "[Service]\nExecStart=/bin/false\nExecStart=\nExecStart=-/sbin/mgetty -n 3 \\\n %I\n[Install]\nWantedBy=dev-%i.device multi-user.target\n";
        let command = exec_start(unit, "ttyS1").unwrap();
        assert_eq!((command.line(), command.value(b'n')), ("ttyS1", Some("3")));
        assert_eq!(wanted_by(unit, "ttyS1"), ["dev-ttyS1.device", "multi-user.target"]);
        assert_eq!(exec_start("[Service]\nExecStart=/usr/bin/vi mgetty\n", ""), None);
    }
}
