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
