//! `dialin port`: the serial ports of this machine: what they are, who has them, whether a modem answers.

use crate::command::{Entry, code};
use crate::modem::Modem;
use crate::session::{Session, say, say_json};
use anyhow::{Result, anyhow, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use ttyline::log::reason;
use ttyline::visible;

/// The table's entry. Probing sends commands to modems, and is not for those who may only look.
pub const ENTRY: Entry = Entry { name: "port", reads: &[], build, run };

fn build(command: Command) -> Command {
    command.about("Looks for serial ports").subcommand_required(true).subcommand(
        Command::new("list").about("Lists the ports: driver, names that stay, who has them").arg(
            Arg::new("probe")
                .long("probe")
                .action(ArgAction::SetTrue)
                .help("asks each free one what modem it is (mgetty --probe)"),
        ),
    )
}

/// A port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name below `/dev`.
    pub name: String,
    /// The driver.
    pub driver: String,
    /// Its name in `/dev/serial/by-id`, which stays when it is plugged in again.
    pub by_id: Option<String>,
    /// Its name in `/dev/serial/by-path`, which stays as long as it is plugged in at the same place: all that tells
    /// two modems of one kind, if they have no serial numbers.
    pub by_path: Option<String>,
    /// Who has it, if anybody.
    pub holder: Option<String>,
    /// What answered, if it was asked and one did.
    pub modem: Option<String>,
    /// Why it was not asked, or that none answered.
    pub silent: Option<String>,
}

impl Port {
    /// The name that stays.
    #[must_use]
    pub fn best_name(&self) -> &str {
        self.by_id.as_deref().or(self.by_path.as_deref()).unwrap_or(&self.name)
    }

    /// One line for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let stays = Some(self.best_name()).filter(|best| *best != self.name);
        let stays = stays.map_or(String::new(), |best| format!("  /dev/{}", visible::line(best)));
        let holder =
            self.holder.as_ref().map_or(String::new(), |h| format!("  in use by {}", visible::line(h)));
        let modem = match (&self.modem, &self.silent) {
            (Some(modem), _) => format!("  modem: {}", visible::line(modem)),
            (None, Some(why)) => format!("  {}", visible::line(why)),
            (None, None) => String::new(),
        };
        format!("{:<10} {:<12}{stays}{holder}{modem}", visible::line(&self.name), visible::line(&self.driver))
    }
}

fn run(session: &Session, matches: &ArgMatches) -> Result<u8> {
    if !session.root.is_host() {
        bail!("ports are of the running machine: there are none below --root");
    }
    let probe = matches.subcommand().is_some_and(|(_, own)| own.get_flag("probe"));
    let ports = find(probe)?;
    if session.json {
        let all: Vec<Value> = ports
            .iter()
            .map(|p| json!({ "port": p.name, "driver": p.driver, "by_id": p.by_id, "by_path": p.by_path, "holder": p.holder, "modem": p.modem, "silent": p.silent }))
            .collect();
        say_json(&Value::from(all));
    } else if ports.is_empty() {
        say("no serial ports are here");
    } else {
        ports.iter().for_each(|p| say(p.describe()));
    }
    Ok(code::DONE)
}

/// The ports of this machine.
///
/// # Errors
/// No /sys.
pub fn find(probe: bool) -> Result<Vec<Port>> {
    let class = Path::new("/sys/class/tty");
    let mut names: Vec<String> = fs::read_dir(class)
        .map_err(|e| anyhow!("/sys/class/tty: {}", reason(&e)))?
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|name| is_port(&class.join(name), name))
        .collect();
    names.sort_by_key(|name| {
        (name.trim_end_matches(|c: char| c.is_ascii_digit()).to_string(), name.len(), name.clone())
    });
    let mut ports = Vec::new();
    for name in names {
        let driver = fs::read_link(class.join(&name).join("device/driver")).ok();
        let driver =
            driver.and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned())).unwrap_or_default();
        let holder = holder(&name);
        let mut port = Port {
            by_id: stays("by-id", &name),
            by_path: stays("by-path", &name),
            name,
            driver,
            holder,
            modem: None,
            silent: None,
        };
        if probe {
            match &port.holder {
                Some(_) => port.silent = Some("not asked, since it is in use".into()),
                None => match ask(&port.name) {
                    Ok(modem) => port.modem = Some(modem),
                    Err(why) => port.silent = Some(why),
                },
            }
        }
        ports.push(port);
    }
    Ok(ports)
}

/// Whether hardware is behind it: a device, and for the 8250's many names a chip.
fn is_port(path: &Path, name: &str) -> bool {
    let numbered =
        name.starts_with("tty") && name.get(3..).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    if numbered || !path.join("device").exists() {
        return false;
    }
    let chip = fs::read_to_string(path.join("type")).ok();
    chip.is_none_or(|t| t.trim() != "0")
}

fn stays(directory: &str, name: &str) -> Option<String> {
    link_to(&Path::new("/dev/serial").join(directory), name).map(|link| format!("serial/{directory}/{link}"))
}

/// The first link of a directory that leads to a port.
fn link_to(directory: &Path, name: &str) -> Option<String> {
    let entries = fs::read_dir(directory).ok()?;
    let mut ids: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|e| fs::read_link(e.path()).ok().is_some_and(|t| t.file_name().is_some_and(|n| n == name)))
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    ids.sort();
    ids.into_iter().next()
}

/// The lock's owner, else a process that has it open.
fn holder(name: &str) -> Option<String> {
    let device = Path::new("/dev").join(name);
    let lock = Path::new("/var/lock").join(format!("LCK..{}", name.replace('/', "_")));
    let locked = fs::read(&lock)
        .ok()
        .and_then(|b| String::from_utf8_lossy(&b).split_whitespace().next()?.parse::<u32>().ok());
    let command = |pid: u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|c| format!("{} ({pid})", c.trim()))
    };
    if let Some(holder) = locked.and_then(command) {
        return Some(holder);
    }
    for process in fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse::<u32>().ok()) else { continue };
        let Ok(open) = fs::read_dir(process.path().join("fd")) else { continue };
        if open.filter_map(Result::ok).any(|fd| fs::read_link(fd.path()).is_ok_and(|t| t == device)) {
            return command(pid);
        }
    }
    None
}

/// What modem it is.
fn ask(name: &str) -> Result<String, String> {
    let modem = Modem::ask(name)?;
    let known = ["product", "model", "family"].into_iter().map(|key| modem.fact(key)).find(|s| !s.is_empty());
    Ok(known.unwrap_or("one that answers AT").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_name_that_stays_is_found() {
        let dir = tempfile::tempdir().unwrap();
        for (link, target) in [("b", "../../ttyUSB1"), ("c", "../../ttyUSB0"), ("a", "../../ttyUSB1")] {
            symlink(target, dir.path().join(link)).unwrap();
        }
        assert_eq!(link_to(dir.path(), "ttyUSB1").as_deref(), Some("a"));
        assert_eq!(link_to(dir.path(), "ttyUSB2"), None);
        assert_eq!(link_to(&dir.path().join("none"), "ttyUSB1"), None);
        let port = |by_id: Option<&str>, by_path: Option<&str>| Port {
            name: "ttyUSB1".into(),
            driver: "ftdi_sio".into(),
            by_id: by_id.map(String::from),
            by_path: by_path.map(String::from),
            holder: None,
            modem: None,
            silent: None,
        };
        assert_eq!(port(Some("serial/by-id/x"), Some("serial/by-path/y")).best_name(), "serial/by-id/x");
        assert_eq!(port(None, Some("serial/by-path/y")).best_name(), "serial/by-path/y");
        assert!(port(None, Some("serial/by-path/y")).describe().contains("  /dev/serial/by-path/y"));
        assert_eq!(port(None, None).best_name(), "ttyUSB1");
    }
}
