//! Where the files are in a tree.

use crate::root::Root;

/// pppd's directory.
pub const PPP: &str = "/etc/ppp";
/// Options of every pppd.
pub const OPTIONS: &str = "/etc/ppp/options";
/// Options of callers only: `pppd call dialin`.
pub const DIALIN_PEER: &str = "/etc/ppp/peers/dialin";
/// Names and secrets for PAP.
pub const PAP: &str = "/etc/ppp/pap-secrets";
/// Names and secrets for CHAP.
pub const CHAP: &str = "/etc/ppp/chap-secrets";
/// init's table.
pub const INITTAB: &str = "/etc/inittab";
/// Shared modems.
pub const MSERVER: &str = "/etc/mserver.conf";
/// Who may do what with dialin.
pub const ROLES: &str = "/etc/ringback/roles";

/// The directory of mgetty's files.
#[derive(Clone, Debug)]
pub struct Places {
    /// `/etc/mgetty`, `/etc/mgetty+sendfax`, or what `--config-dir` says.
    pub mgetty: String,
}

impl Places {
    /// As mgetty looks for it: the first that is there.
    #[must_use]
    pub fn find(root: &Root, chosen: Option<&str>) -> Places {
        let known = ["/etc/mgetty", "/etc/mgetty+sendfax"];
        let found = known.into_iter().find(|dir| root.exists(dir)).unwrap_or(known[0]);
        Places { mgetty: chosen.unwrap_or(found).trim_end_matches('/').to_string() }
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.mgetty)
    }

    /// mgetty.config.
    #[must_use]
    pub fn mgetty_config(&self) -> String {
        self.file("mgetty.config")
    }

    /// login.config.
    #[must_use]
    pub fn login_config(&self) -> String {
        self.file("login.config")
    }

    /// dialin.config.
    #[must_use]
    pub fn dialin_config(&self) -> String {
        self.file("dialin.config")
    }

    /// callback.config.
    #[must_use]
    pub fn callback_config(&self) -> String {
        self.file("callback.config")
    }
}

/// pppd's file for a line: `options.` and the name below `/dev`, `/` as `.`.
#[must_use]
pub fn line_options(line: &str) -> String {
    format!("{OPTIONS}.{}", line.strip_prefix("/dev/").unwrap_or(line).replace('/', "."))
}

/// Units are enabled and masked by symbolic links in this directory.
pub const UNITS: &str = "/etc/systemd/system";

/// Whether a path stands for a symbolic link itself: enabled and masked units.
#[must_use]
pub fn is_link(path: &str) -> bool {
    path.starts_with(UNITS) && (path.contains(".wants/") || path.contains("/serial-getty@"))
}

/// Whether only its owner may read a file.
#[must_use]
pub fn is_secret(path: &str) -> bool {
    path.ends_with("-secrets") || path.ends_with("/login.config")
}

/// Whether a file is one that dialin edits: no other is ever written.
#[must_use]
pub fn is_ours(path: &str, places: &Places) -> bool {
    if path.contains("/../") || path.contains("//") || path.ends_with('/') {
        return false;
    }
    let fixed = [OPTIONS, PAP, CHAP, INITTAB, MSERVER, ROLES, PPPLOGIN, SYSCTL, NAT, NAT_UNIT];
    let mgetty =
        [places.mgetty_config(), places.login_config(), places.dialin_config(), places.callback_config()];
    if fixed.contains(&path) || mgetty.iter().any(|own| own == path) {
        return true;
    }
    let below =
        |dir: &str| path.strip_prefix(dir).is_some_and(|rest| !rest.contains('/') && !rest.starts_with('.'));
    below("/etc/ppp/options.") || below("/etc/ppp/peers/") || below("/etc/ringback/") || is_unit(path)
}

/// Units of ours: `mgetty@.service`, its instances' links and drop-ins, masks of serial-getty.
fn is_unit(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(UNITS).and_then(|p| p.strip_prefix('/')) else { return false };
    let (dir, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    match dir {
        "" => name == "mgetty@.service" || (name.starts_with("serial-getty@") && name.ends_with(".service")),
        _ if dir.contains('/') => false,
        _ if dir.ends_with(".wants") => {
            name.starts_with("mgetty@") && name.ends_with(".service") || name == "ringback-nat.service"
        }
        _ => dir.starts_with("mgetty@") && dir.ends_with(".service.d") && name.ends_with(".conf"),
    }
}

/// The shell of accounts that log in by name and get PPP.
pub const PPPLOGIN: &str = "/etc/ppp/ppplogin";
/// Forwarding, if setup was asked for it.
pub const SYSCTL: &str = "/etc/sysctl.d/60-ringback.conf";
/// Address translation, if setup was asked for it.
pub const NAT: &str = "/etc/ringback/nat.nft";
/// What loads it.
pub const NAT_UNIT: &str = "/etc/systemd/system/ringback-nat.service";
/// Its name.
pub const NAT_SERVICE: &str = "ringback-nat.service";

/// All files dialin edits that are there, sorted.
///
/// # Errors
/// A directory cannot be read.
pub fn all(root: &Root, places: &Places) -> anyhow::Result<Vec<String>> {
    let mut paths: Vec<String> =
        [PAP, CHAP, INITTAB, MSERVER, PPPLOGIN, SYSCTL, NAT_UNIT].map(str::to_string).into();
    paths.extend([
        places.mgetty_config(),
        places.login_config(),
        places.dialin_config(),
        places.callback_config(),
    ]);
    let mut dirs = vec![PPP.to_string(), "/etc/ppp/peers".into(), "/etc/ringback".into(), UNITS.into()];
    for name in root.names(UNITS)? {
        if name.ends_with(".wants") || name.starts_with("mgetty@") {
            dirs.push(format!("{UNITS}/{name}"));
        }
    }
    for dir in dirs {
        for name in root.names(&dir)? {
            let path = format!("{dir}/{name}");
            if is_ours(&path, places) && root.directory(&path).is_err() {
                paths.push(path);
            }
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}
