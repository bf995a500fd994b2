//! `/etc/ringback/roles`: who may do what with dialin.
//!
//! For people whom sudo, doas or pkexec let run dialin as root and nothing else. Lines
//! `WHO RIGHT[,RIGHT…] [LINE…]`: WHO is a user, `@GROUP` or `*`; a RIGHT is the name of a command, `view` (all that
//! only reads) or `all`; with lines the rights hold for these only. Without the file nobody is restricted;
//! with it, who is not in it may do nothing. root himself may do everything.

use crate::places::ROLES;
use crate::root::{Root, State};
use anyhow::{Result, bail};
use std::path::Path;
use ttyline::account;
use ttyline::config::Document;
use ttyline::visible;

/// What the one who asks may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Who.
    pub who: String,
    /// `None`: everything.
    pub grants: Option<Vec<Grant>>,
}

/// One line of the file that is about him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Names of commands, `view`, `all`.
    pub rights: Vec<String>,
    /// Lines; none: all.
    pub lines: Vec<String>,
}

impl Role {
    /// The role of whoever started this process.
    ///
    /// # Errors
    /// The file is damaged, or others may write it.
    pub fn find() -> Result<Role> {
        let who = asker();
        // Without root's rights nobody can do more than he may anyway.
        if who == "root" || !nix::unistd::geteuid().is_root() {
            return Ok(Role { who, grants: None });
        }
        // The machine's own file, whatever tree is worked on: a tree may be anybody's.
        let root = Root::open(Path::new("/"))?;
        let file = match root.look(ROLES, true)? {
            State::File(file) => file,
            _ => return Ok(Role { who, grants: None }),
        };
        let shown = root.shown(ROLES);
        if file.uid != 0 || file.mode & 0o022 != 0 {
            bail!(
                "{shown}: must belong to root and be writable by nobody else; until then nobody else may do anything"
            );
        }
        let groups = groups_of(&who);
        let grants = parse(&file.bytes, &who, &groups).map_err(|e| anyhow::anyhow!("{shown}:{e}"))?;
        Ok(Role { who, grants: Some(grants) })
    }

    /// Whether he is held to a file's rules at all.
    #[must_use]
    pub fn restricted(&self) -> bool {
        self.grants.is_some()
    }

    /// Whether he has a right, for a line if one is named.
    #[must_use]
    pub fn may(&self, right: &str, line: Option<&str>) -> bool {
        let Some(grants) = &self.grants else { return true };
        grants.iter().any(|grant| {
            let has = |wanted: &str| grant.rights.iter().any(|r| r == wanted);
            let right = has("all") || has(right);
            right && line.is_none_or(|line| grant.lines.is_empty() || grant.lines.iter().any(|l| l == line))
        })
    }

    /// Whether he has a right for all lines.
    #[must_use]
    pub fn may_everywhere(&self, right: &str) -> bool {
        let Some(grants) = &self.grants else { return true };
        let has = |grant: &Grant| grant.rights.iter().any(|r| r == right || r == "all");
        grants.iter().any(|grant| grant.lines.is_empty() && has(grant))
    }

    /// As [`Role::may`].
    ///
    /// # Errors
    /// He has not; a sentence.
    pub fn require(&self, right: &str, line: Option<&str>) -> Result<()> {
        if self.may(right, line) {
            return Ok(());
        }
        let what = line.map_or_else(String::new, |line| format!(" for the line {line}"));
        bail!("{} has no right `{right}`{what} in {ROLES}; root can grant it", self.who)
    }
}

/// Who asks: behind root's back stands whoever called sudo, doas or pkexec.
fn asker() -> String {
    let uid = nix::unistd::getuid();
    let of = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    if uid.is_root() {
        if let Some(name) = of("SUDO_USER").or_else(|| of("DOAS_USER")) {
            return visible::field(name);
        }
        if let Some(uid) = of("PKEXEC_UID").and_then(|uid| uid.parse().ok()) {
            return name_of(nix::unistd::Uid::from_raw(uid));
        }
    }
    name_of(uid)
}

fn name_of(uid: nix::unistd::Uid) -> String {
    match nix::unistd::User::from_uid(uid) {
        Ok(Some(user)) => user.name,
        _ => format!("uid {uid}"),
    }
}

fn groups_of(who: &str) -> Vec<String> {
    let Some(user) = account::user(who) else { return Vec::new() };
    let name = |gid| nix::unistd::Group::from_gid(nix::unistd::Gid::from_raw(gid)).ok().flatten();
    account::groups(&user).into_iter().filter_map(name).map(|group| group.name).collect()
}

/// Reads the file; pure.
fn parse(file: &[u8], who: &str, groups: &[String]) -> Result<Vec<Grant>, String> {
    let mut grants = Vec::new();
    for line in Document::parse(file.to_vec()).entries() {
        let words: Vec<String> = line.words.iter().map(|w| w.text().into_owned()).collect();
        let [subject, rights, lines @ ..] = words.as_slice() else {
            return Err(format!("{}: expected `WHO RIGHT[,RIGHT...] [LINE...]`", line.at));
        };
        let rights: Vec<String> = rights.split(',').map(str::to_string).collect();
        for right in &rights {
            let known = matches!(right.as_str(), "all" | "view")
                || crate::command::TABLE.iter().any(|entry| entry.name == right);
            if !known {
                return Err(format!("{}: `{}` is no right", line.at, visible::terminal(right)));
            }
        }
        let his = match subject.strip_prefix('@') {
            Some(group) => groups.iter().any(|g| g == group),
            None => subject == "*" || subject == who,
        };
        if his {
            let lines = lines.iter().map(|l| l.strip_prefix("/dev/").unwrap_or(l).to_string()).collect();
            grants.push(Grant { rights, lines });
        }
    }
    Ok(grants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_by_name_group_and_line() {
        let file = b"# who may what\nanna view,undo\n@dip undo ttyS0 /dev/ttyS1\n* view\n";
        let role = |who: &str, groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
            Role { who: who.into(), grants: Some(parse(file, who, &groups).unwrap()) }
        };
        assert!(role("anna", &[]).may("undo", Some("ttyS9")));
        assert!(role("bob", &["dip"]).may("undo", Some("ttyS1")));
        assert!(!role("bob", &["dip"]).may("undo", Some("ttyS2")));
        assert!(!role("bob", &[]).may("undo", None));
        assert!(role("bob", &[]).may("view", None));
        assert!(Role { who: "root".into(), grants: None }.may("all", None));
        assert_eq!(parse(b"x fly\n", "x", &[]), Err("1:1: `fly` is no right".into()));
        assert!(parse(b"x\n", "x", &[]).is_err());
    }
}
