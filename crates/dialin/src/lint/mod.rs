//! The traps in a dial-in server's files. [`Files`] are read first, the rules only look at them.

mod access;
mod lines;
mod ppp;
mod text;

pub use lines::file_of;
pub use ppp::{Effective, PROOFS, autoppp, pppd_commands};

use crate::places::{self, Places};
use crate::root::Root;
use crate::see::finding::Finding;
use crate::services::{self, Served};
use anyhow::Result;
use std::collections::BTreeMap;
use ttyline::config::Position;

/// What the rules look at.
pub struct Files {
    /// Files by their paths in the tree.
    bytes: BTreeMap<String, Vec<u8>>,
    /// Where mgetty's files are.
    pub places: Places,
    /// The lines and their gettys.
    pub served: Vec<Served>,
    /// What stands before the paths in messages: the tree's own path.
    prefix: String,
}

impl Files {
    /// Reads everything that is looked at. What cannot be read is a finding of its own.
    ///
    /// # Errors
    /// inittab or a unit cannot be read.
    pub fn gather(root: &Root, places: &Places) -> Result<(Files, Vec<Finding>)> {
        let prefix = root.shown("/x").trim_end_matches("/x").to_string();
        let served = services::all(root)?;
        let mut files = Files { bytes: BTreeMap::new(), places: places.clone(), served, prefix };
        let mut findings = Vec::new();
        let unread = |path: &str, why: String| {
            Finding::problem(root.shown(path), format!("cannot be read: {why}"), "")
        };
        let (paths, closed) = files.paths(root);
        findings.extend(closed.into_iter().map(|(directory, why)| unread(&directory, why)));
        for path in paths {
            match root.read(&path) {
                Ok(Some(bytes)) => drop(files.bytes.insert(path, bytes)),
                Ok(None) => {}
                Err(e) => findings.push(unread(&path, format!("{e:#}"))),
            }
        }
        Ok((files, findings))
    }

    /// What is looked at, and directories that cannot be, with the reason.
    fn paths(&self, root: &Root) -> (Vec<String>, Vec<(String, String)>) {
        let mut paths: Vec<String> =
            [places::INITTAB, places::OPTIONS, places::PAP, places::CHAP, places::MSERVER, "/etc/passwd"]
                .map(String::from)
                .to_vec();
        paths.extend(["/etc/rc.local", "/etc/ringback/caller-rules", "/etc/services"].map(String::from));
        let mut closed = Vec::new();
        let mut below = |directory: &str, takes: &dyn Fn(&str) -> bool| {
            let names = root.names(directory).unwrap_or_else(|e| {
                let why = format!("{e:#}").replace(&format!("{}: ", root.shown(directory)), "");
                closed.push((directory.to_string(), why));
                Vec::new()
            });
            for name in names {
                let path = format!("{directory}/{name}");
                if takes(&name) && root.look(&path, true).is_ok_and(|state| state.bytes().is_some()) {
                    paths.push(path);
                }
            }
        };
        below(&self.places.mgetty, &|name| !name.ends_with('~'));
        below(places::PPP, &|_| true);
        for directory in [
            "/etc/ppp/peers",
            "/etc/ppp/ip-up.d",
            "/etc/ppp/ip-down.d",
            "/etc/chatscripts",
            "/etc/cron.d",
            "/etc/init.d",
            "/usr/local/bin",
            "/usr/local/sbin",
        ] {
            below(directory, &|_| true);
        }
        paths.sort();
        paths.dedup();
        (paths, closed)
    }

    /// A file's bytes; none if it is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> &[u8] {
        self.bytes.get(path).map_or(&[], Vec::as_slice)
    }

    /// Whether a file is there.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.bytes.contains_key(path)
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.bytes.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// A path for messages.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// A place for messages.
    #[must_use]
    pub fn at(&self, path: &str, at: Position) -> String {
        format!("{}:{at}", self.shown(path))
    }
}

/// Everything the rules find.
#[must_use]
pub fn all(files: &Files) -> Vec<Finding> {
    let mut findings = Vec::new();
    text::look(files, &mut findings);
    lines::look(files, &mut findings);
    access::look(files, &mut findings);
    ppp::look(files, &mut findings);
    findings
}
