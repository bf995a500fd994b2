//! What is looked at on the machine, or in the tree below `--root`.

use crate::root::{Root, State};
use anyhow::Result;
use std::os::unix::ffi::OsStrExt;

/// A file's owner, group and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits with set-uid, set-gid and sticky.
    pub mode: u32,
}

/// A running program that may be in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Process id.
    pub pid: u32,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Everything [`super::examine()`] wants to know.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// pppd, if it is there.
    pub pppd: Option<Access>,
    /// Lines of dpkg's statoverride file that are about pppd.
    pub pppd_override: Option<String>,
    /// The number of the group `dip`.
    pub dip: Option<u32>,
    /// Whether the directory of pppd is on a file system mounted `nosuid`.
    pub pppd_nosuid: bool,
    /// `/dev/ppp` is there.
    pub dev_ppp: bool,
    /// ppp_generic is loaded or built in.
    pub ppp_loaded: bool,
    /// ppp_generic is there to be loaded.
    pub ppp_loadable: bool,
    /// A line of modprobe.d that keeps it from being loaded, with its place.
    pub ppp_blocked: Option<String>,
    /// The lock directory.
    pub locks: Option<Access>,
    /// login.config.
    pub login_config: Option<(String, Access)>,
    /// pap-secrets and chap-secrets.
    pub secrets: Vec<(String, Access)>,
    /// Running programs.
    pub programs: Vec<Program>,
    /// A udev rule tells ModemManager to keep away from some ports: where.
    pub modem_manager_rule: Option<String>,
    /// Whether addresses are forwarded now; `None`: not known.
    pub forwards: Option<bool>,
    /// A file that switches forwarding on at boot.
    pub forwards_at_boot: Option<String>,
    /// What the packet filter says of masquerading; `None`: not asked or not known.
    pub masquerades: Option<bool>,
    /// mgetty's and our programs are there.
    pub missing_programs: Vec<&'static str>,
}

const PPPD: &str = "/usr/sbin/pppd";
const RULES: [&str; 3] = ["/etc/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d"];
const PROGRAMS: [(&str, &str); 2] = [("mgetty", "/sbin/mgetty"), ("login", "/bin/login")];

impl Facts {
    /// Looks at everything but modems.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn gather(root: &Root, login_config: &str) -> Result<Facts> {
        let access = |path: &str| match root.look(path, true) {
            Ok(State::File(file)) => Some(Access { uid: file.uid, gid: file.gid, mode: file.mode }),
            _ => None,
        };
        let mut facts = Facts {
            pppd: metadata(root, PPPD),
            dev_ppp: root.exists("/dev/ppp"),
            locks: metadata(root, "/var/lock").or_else(|| metadata(root, "/run/lock")),
            login_config: access(login_config).map(|access| (root.shown(login_config), access)),
            ..Facts::default()
        };
        for path in [crate::places::PAP, crate::places::CHAP] {
            if let Some(access) = access(path) {
                facts.secrets.push((root.shown(path), access));
            }
        }
        facts.pppd_override = line_with(root, "/var/lib/dpkg/statoverride", PPPD);
        facts.dip = text(root, "/etc/group").lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some("dip")).then(|| fields.nth(1)?.parse().ok())?
        });
        facts.pppd_nosuid = nosuid(&text(root, "/proc/mounts"), PPPD);
        facts.ppp_loaded = root.exists("/sys/module/ppp_generic");
        let kernel = text(root, "/proc/sys/kernel/osrelease");
        let module = format!("/lib/modules/{}/kernel/drivers/net/ppp/ppp_generic.ko", kernel.trim());
        facts.ppp_loadable =
            ["", ".xz", ".zst", ".gz"].iter().any(|end| root.exists(&format!("{module}{end}")));
        facts.ppp_blocked = blocked(root)?;
        facts.programs = programs(root)?;
        facts.modem_manager_rule = rule(root)?;
        facts.forwards = match text(root, "/proc/sys/net/ipv4/ip_forward").trim() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        };
        facts.forwards_at_boot = forwards_at_boot(root)?;
        facts.missing_programs =
            PROGRAMS.iter().filter(|(_, path)| !root.exists(path)).map(|(name, _)| *name).collect();
        Ok(facts)
    }
}

/// Owner and mode of whatever stands there: a program may be larger than a configuration.
fn metadata(root: &Root, path: &str) -> Option<Access> {
    use nix::fcntl::AtFlags;
    let mut place = root.place(path, true).ok().flatten()?;
    // Directories may be links' ends too.
    for _ in 0..8 {
        let stat =
            nix::sys::stat::fstatat(&place.dir, place.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW).ok()?;
        if stat.st_mode & 0o170_000 != 0o120_000 {
            return Some(Access { uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode & 0o7777 });
        }
        let target = nix::fcntl::readlinkat(&place.dir, place.name.as_os_str()).ok()?;
        place = root.place(std::str::from_utf8(target.as_bytes()).ok()?, true).ok().flatten()?;
    }
    None
}

fn text(root: &Root, path: &str) -> String {
    root.read(path)
        .ok()
        .flatten()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn line_with(root: &Root, path: &str, what: &str) -> Option<String> {
    text(root, path).lines().find(|line| line.split_whitespace().any(|word| word == what)).map(String::from)
}

/// Whether the file system that `path` is on is mounted `nosuid`: that of the longest mount point before it.
fn nosuid(mounts: &str, path: &str) -> bool {
    let mut best = (0, false);
    for line in mounts.lines() {
        let mut fields = line.split_whitespace();
        let (Some(at), Some(options)) = (fields.nth(1), fields.nth(1)) else { continue };
        let inside = at == "/" || path.strip_prefix(at).is_some_and(|rest| rest.starts_with('/'));
        if inside && at.len() >= best.0 {
            best = (at.len(), options.split(',').any(|option| option == "nosuid"));
        }
    }
    best.1
}

fn blocked(root: &Root) -> Result<Option<String>> {
    for directory in ["/etc/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"] {
        for name in root.names(directory)? {
            let path = format!("{directory}/{name}");
            for (number, line) in text(root, &path).lines().enumerate() {
                let words: Vec<&str> = line.split_whitespace().collect();
                let ppp = words
                    .get(1)
                    .is_some_and(|module| ["ppp_generic", "ppp_async", "ppp-async"].contains(module));
                // `blacklist` stops aliases only; pppd asks for the module by an alias.
                if ppp && matches!(words.first(), Some(&"blacklist" | &"install")) {
                    return Ok(Some(format!("{}:{}: {}", root.shown(&path), number + 1, line.trim())));
                }
            }
        }
    }
    Ok(None)
}

fn programs(root: &Root) -> Result<Vec<Program>> {
    let mut all = Vec::new();
    for name in root.names("/proc")? {
        let Ok(pid) = name.parse() else { continue };
        let line = root.read(&format!("/proc/{name}/cmdline")).ok().flatten().unwrap_or_default();
        let arguments: Vec<String> = line
            .split(|byte| *byte == 0)
            .filter(|word| !word.is_empty())
            .take(32)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        if !arguments.is_empty() {
            all.push(Program { pid, arguments });
        }
    }
    Ok(all)
}

fn rule(root: &Root) -> Result<Option<String>> {
    for directory in RULES {
        for name in root.names(directory)? {
            let path = format!("{directory}/{name}");
            // ModemManager's own rules name the property to switch single devices off.
            if name.ends_with(".rules") && !name.contains("-mm-") && keeps_away(&text(root, &path)) {
                return Ok(Some(root.shown(&path)));
            }
        }
    }
    Ok(None)
}

fn keeps_away(rules: &str) -> bool {
    let says = |line: &str| line.contains("ID_MM_DEVICE_IGNORE") || line.contains("ID_MM_PORT_IGNORE");
    rules.lines().any(|line| !line.trim_start().starts_with('#') && says(line))
}

fn forwards_at_boot(root: &Root) -> Result<Option<String>> {
    let mut files = vec!["/etc/sysctl.conf".to_string()];
    for directory in ["/etc/sysctl.d", "/usr/lib/sysctl.d"] {
        files.extend(root.names(directory)?.into_iter().map(|name| format!("{directory}/{name}")));
    }
    let says = |line: &str| {
        let words: String = line.split_whitespace().collect();
        words.trim_start_matches('-').replace('/', ".") == "net.ipv4.ip_forward=1"
    };
    Ok(files.into_iter().find(|path| text(root, path).lines().any(says)).map(|path| root.shown(&path)))
}

#[cfg(test)]
mod tests {
    use super::nosuid;

    #[test]
    fn the_nearest_mount_decides() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /usr ext4 rw,nosuid 0 0\n/dev/c /usr/sbinx ext4 rw 0 0\n";
        assert!(nosuid(mounts, "/usr/sbin/pppd"));
        assert!(!nosuid("/dev/a / ext4 rw,relatime 0 0\n", "/usr/sbin/pppd"));
        assert!(!nosuid("", "/usr/sbin/pppd"));
    }
}
