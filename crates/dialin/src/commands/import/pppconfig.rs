//! pppconfig's peers of another tree: the peer, its chat script, its user's secrets.

use super::{Source, file_name};
use crate::commands::account;
use crate::draft::{Draft, Readers};
use crate::places::{CHAP, PAP};
use anyhow::{Result, bail};
use ttyline::config::{ppp_options, ppp_secrets};

/// pppconfig marks its lines so; what stands in them is its.
const MARK: &str = "pppconfig";

pub(super) fn import(source: &Source<'_>, names: &[String], draft: &mut Draft<'_>) -> Result<()> {
    if source.other.is_none() {
        bail!("say --from DIR: here pppconfig's peers work as they are (pon NAME), with our chat too");
    }
    let root = source.root();
    let mut found = 0;
    for name in root.names("/etc/ppp/peers")? {
        if !names.is_empty() && !names.contains(&name) || name != file_name(&name) {
            continue;
        }
        let peer = format!("/etc/ppp/peers/{name}");
        let Some(bytes) = root.read(&peer)? else { continue };
        if names.is_empty() && !String::from_utf8_lossy(&bytes).contains(MARK) {
            continue;
        }
        found += 1;
        copy(source, draft, &peer, &bytes)?;
        let options = ppp_options::read(&bytes);
        let value = |names: &[&str]| {
            ppp_options::last(&options, names)
                .and_then(|s| s.value.as_deref())
                .map(|v| String::from_utf8_lossy(v).into_owned())
        };
        // The script of `connect "/usr/sbin/chat -v -f /etc/chatscripts/NAME"`.
        let connect = value(&["connect"]).unwrap_or_default();
        for script in connect
            .split_whitespace()
            .filter(|word| word.starts_with("/etc/chatscripts/") && !word.contains(".."))
        {
            match root.read(script)? {
                Some(bytes) => copy(source, draft, script, &bytes)?,
                None => draft.note(format!("{} is missing, which {peer} names", root.shown(script))),
            }
        }
        if let Some(user) = value(&["user", "name"]) {
            for path in [PAP, CHAP] {
                secrets(source, draft, path, &user)?;
            }
        }
    }
    for name in names {
        if !root.exists(&format!("/etc/ppp/peers/{name}")) {
            bail!("{}: there is no such peer; nothing was changed", ttyline::visible::terminal(name));
        }
    }
    if found == 0 {
        bail!("{}: no peer of pppconfig's is there; nothing was changed", root.shown("/etc/ppp/peers"));
    }
    Ok(())
}

fn copy(source: &Source<'_>, draft: &mut Draft<'_>, path: &str, bytes: &[u8]) -> Result<()> {
    match draft.read(path)? {
        Some(here) if here != bytes => {
            draft.note(format!("{} is there already and stays as it is", source.session.root.shown(path)))
        }
        _ => draft.write(path, bytes.to_vec(), Readers::Owner)?,
    }
    Ok(())
}

fn secrets(source: &Source<'_>, draft: &mut Draft<'_>, path: &str, user: &str) -> Result<()> {
    let theirs = source.root().read(path)?.unwrap_or_default();
    for entry in ppp_secrets::read(&theirs).0.iter().filter(|entry| entry.client.bytes == user.as_bytes()) {
        let server = String::from_utf8_lossy(&entry.server.bytes).into_owned();
        let addresses: Vec<&[u8]> = entry.addresses.iter().map(|word| word.bytes.as_slice()).collect();
        account::put(draft, path, user, &server, &entry.secret.bytes, &addresses)?;
    }
    Ok(())
}
