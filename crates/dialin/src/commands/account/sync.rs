//! `dialin account sync`: the accounts of a Unix group's members.

use super::{Account, check_name, secrets_file, system_login, text, those};
use crate::draft::Readers;
use crate::places::{self, PAP};
use crate::session::Session;
use anyhow::{Result, bail};
use clap::ArgMatches;
use ttyline::config::{ppp_options, ppp_secrets};
use ttyline::visible;

/// What marks a line that `sync` wrote.
const SYNCED: &str = "# dialin account sync, group ";

/// Runs it.
///
/// # Errors
/// No such group, or pppd would not ask the system.
pub fn run(session: &Session, own: &ArgMatches) -> Result<u8> {
    let group = text(own, "group").unwrap_or_default();
    let server = text(own, "server").unwrap_or("*");
    let members = members(session, group)?;
    let mut draft = session.draft();
    if !system_login(&mut draft, &session.places)? {
        bail!(
            "pppd's option `login` is not set in {} or {}: accounts without a secret would take any password; \
             set it first (`dialin ppp set --dialin login`); nothing was changed",
            places::OPTIONS,
            places::DIALIN_PEER
        );
    }
    let mark = format!("{SYNCED}{group}");
    let mut file = String::from_utf8(secrets_file(&mut draft, PAP)?)
        .map_err(|_| anyhow::anyhow!("{}: is no UTF-8", session.root.shown(PAP)))?;
    let marked = |file: &str, entry: &Account| {
        let rest = file.get(entry.span.end..).unwrap_or_default();
        rest.lines().next().is_some_and(|rest| rest.trim() == mark)
    };
    // Those who are no members any more; only lines that sync wrote.
    loop {
        let (entries, _) = ppp_secrets::read(file.as_bytes());
        let gone = entries
            .iter()
            .find(|e| marked(&file, e) && !members.iter().any(|m| m.as_bytes() == e.client.bytes));
        let Some(entry) = gone else { break };
        let end = file
            .get(entry.span.end..)
            .and_then(|r| r.find('\n'))
            .map_or(file.len(), |n| entry.span.end + n + 1);
        file.replace_range(entry.span.start..end, "");
    }
    for member in &members {
        let (entries, _) = ppp_secrets::read(file.as_bytes());
        if those(&entries, member, None).is_empty() {
            let mut line = ppp_secrets::with_entry(b"", member.as_bytes(), server.as_bytes(), b"", &[b"*"]);
            line.pop();
            let mut bytes = file.into_bytes();
            ppp_options::end_line(&mut bytes);
            file = String::from_utf8(bytes)?;
            file.push_str(&format!("{}\t{mark}\n", String::from_utf8_lossy(&line)));
        }
    }
    draft.write(PAP, file.into_bytes(), Readers::Owner)?;
    session.carry_out(draft)
}

/// The members of a group of the tree, those whose first group it is among them.
fn members(session: &Session, group: &str) -> Result<Vec<String>> {
    let lines = |path: &str| -> Result<Vec<Vec<String>>> {
        let text = session.root.read(path)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        Ok(text.lines().map(|l| l.split(':').map(str::to_string).collect()).collect())
    };
    let groups = lines("/etc/group")?;
    let Some(entry) = groups.iter().find(|g| g.first().is_some_and(|name| name == group)) else {
        bail!("there is no group {}; `groupadd {0}` makes one", visible::terminal(group));
    };
    let mut members: Vec<String> = entry
        .get(3)
        .map(|m| m.split(',').filter(|m| !m.is_empty()).map(str::to_string).collect())
        .unwrap_or_default();
    for user in lines("/etc/passwd")? {
        if user.get(3) == entry.get(2) {
            members.extend(user.first().cloned());
        }
    }
    members.retain(|m| check_name(m).is_ok());
    members.sort();
    members.dedup();
    Ok(members)
}
