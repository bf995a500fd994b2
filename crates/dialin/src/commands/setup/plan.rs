//! What setup changes: every file, in a draft.

use super::{Wanted, routing, users};
use crate::commands::{account, autoppp, callback, line, ppp};
use crate::draft::{Draft, Readers};
use crate::lint::PROOFS;
use crate::places::{self, CHAP, DIALIN_PEER, PAP};
use crate::services;
use crate::session::Session;
use anyhow::{Result, bail};
use std::net::Ipv4Addr;
use ttyline::config::dialin_edit::{self, Rule};
use ttyline::config::getty_command::Program;
use ttyline::config::ppp_options::{self, ADDRESSES};
use ttyline::config::ppp_secrets::{self, Entry};
use ttyline::visible;

/// The server's address, where none is named and the network is free.
const LOCAL: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);

/// Puts all of it into a draft.
///
/// # Errors
/// A sentence.
pub fn plan(session: &Session, draft: &mut Draft<'_>, wanted: &Wanted) -> Result<()> {
    let pppd = "/usr/sbin/pppd";
    if !session.root.exists(pppd) {
        bail!("pppd is not installed ({pppd} is not there): `apt install ppp`; nothing was changed");
    }
    if wanted.lines.is_empty() {
        bail!("no line is named; nothing was changed");
    }
    lines(session, draft, wanted)?;
    let addresses = addresses(draft, wanted)?;
    for (name, pair) in &addresses {
        ppp::set(draft, &places::line_options(name), &[&format!("{ADDRESSES}={}:{}", pair.0, pair.1)], &[])?;
    }
    callers(draft, wanted)?;
    if wanted.autoppp {
        let login = session.places.login_config();
        keep_login(draft, &login)?;
        autoppp::on(draft, &login, Some("call dialin"))?;
    } else {
        autoppp::off(draft, &session.places.login_config())?;
    }
    for (name, secret) in &wanted.accounts {
        for path in [PAP, CHAP] {
            account::put(draft, path, name, "*", secret, &[b"*"])?;
        }
    }
    close_doors(session, draft)?;
    for (name, password) in &wanted.logins {
        let login = session.places.login_config();
        keep_login(draft, &login)?;
        users::add(draft, name, password.as_deref(), wanted.pppd_shell)?;
    }
    caller_id(session, draft, wanted)?;
    for (name, number) in &wanted.callback {
        callback::put(session, draft, name, number.as_deref())?;
    }
    if wanted.forward {
        routing::forward(draft)?;
    }
    if wanted.nat {
        routing::nat(session, draft, &addresses)?;
    }
    if wanted.accounts.is_empty() && wanted.logins.is_empty() && account::names(session)?.is_empty() {
        draft.note("there is no account: nobody can get in before `dialin account add NAME`");
    }
    Ok(())
}

/// Each line's service and settings.
fn lines(session: &Session, draft: &mut Draft<'_>, wanted: &Wanted) -> Result<()> {
    let all = services::all(&session.root)?;
    for (n, name) in (0..).zip(&wanted.lines) {
        let own = all.iter().find(|s| &s.line == name && s.runs && s.command.program != Program::Other);
        let mut settings = vec!["data-only=yes".to_string()];
        if let Some(speed) = &wanted.speed {
            settings.push(format!("speed={speed}"));
        } else if own.is_none() {
            settings.push("speed=115200".into());
        }
        match wanted.rings {
            Some(rings) => settings.push(format!("rings={}", if wanted.hunt { rings + n } else { rings })),
            None if wanted.hunt => settings.push(format!("rings={}", 2 + n)),
            // The caller's number comes between the first two.
            None if own.is_none() => settings.push("rings=2".into()),
            None => {}
        }
        match own {
            None => line::add(session, draft, name, &settings, wanted.init.as_deref())?,
            Some(served) => match served.untouched() {
                None => line::set(session, draft, Some(served), name, &settings, &[])?,
                Some(why) => {
                    draft.note(format!("{name}: {why}; its own unit goes on serving it"));
                    line::set(session, draft, None, name, &settings, &[])?;
                }
            },
        }
    }
    Ok(())
}

/// Accounts of everybody without a secret let everybody in, unless pppd's `login` asks the system as well. Debian's
/// pap-secrets comes with one.
fn close_doors(session: &Session, draft: &mut Draft<'_>) -> Result<()> {
    let login = account::system_login(draft, &session.places)?;
    for path in [PAP, CHAP] {
        // `login` is for PAP alone.
        if login && path == PAP {
            continue;
        }
        let mut file = draft.text(path)?;
        while let Some(entry) = ppp_secrets::read(&file).0.into_iter().find(Entry::is_open) {
            draft.note(format!(
                "{}:{} lets everybody in with any name and password; it is put behind a #",
                session.root.shown(path),
                entry.at()
            ));
            file = ppp_secrets::switched_off(&file, &entry);
            draft.write(path, file.clone(), Readers::Owner)?;
        }
    }
    Ok(())
}

type Pair = (Ipv4Addr, Ipv4Addr);

/// An address for each line that no other line has: what is there stays unless flags say otherwise.
fn addresses(draft: &mut Draft<'_>, wanted: &Wanted) -> Result<Vec<(String, Pair)>> {
    let root = draft.root();
    let mut taken: Vec<(String, Ipv4Addr)> = Vec::new();
    for name in root.names(places::PPP)? {
        let Some(line) = name.strip_prefix("options.") else { continue };
        let text = draft.text(&format!("{}/{name}", places::PPP))?;
        if let Some((_, remote)) = pair_of(&text) {
            taken.push((line.replace('.', "/"), remote));
        }
    }
    let local = wanted.local.unwrap_or_else(|| free_local(root.is_host()));
    let mut next = wanted.remote.unwrap_or_else(|| Ipv4Addr::from(u32::from(local).wrapping_add(9)));
    let mut found = Vec::new();
    for name in &wanted.lines {
        let dotted = name.replace('/', ".").replace('.', "/");
        let text = draft.text(&places::line_options(name))?;
        let old = pair_of(&text).filter(|_| wanted.local.is_none() && wanted.remote.is_none());
        let pair = match old {
            Some(pair) => pair,
            None => {
                let others: Vec<Ipv4Addr> =
                    taken.iter().filter(|(l, _)| *l != dotted).map(|(_, a)| *a).collect();
                if wanted.remote.is_some() && others.contains(&next) && found.is_empty() {
                    bail!(
                        "{next} is the address of another line already; name another one with --remote (nothing was changed)"
                    );
                }
                if wanted.remote == Some(local) {
                    bail!("--local and --remote are both {local}; name two addresses (nothing was changed)");
                }
                // .0 and .255 are no hosts' addresses in the networks people use; a first one that is named stays.
                let odd = |a: Ipv4Addr| wanted.remote != Some(a) && matches!(a.octets()[3], 0 | 255);
                while others.contains(&next) || next == local || odd(next) {
                    next = Ipv4Addr::from(u32::from(next).wrapping_add(1));
                }
                (local, next)
            }
        };
        taken.retain(|(l, _)| *l != dotted);
        taken.push((dotted, pair.1));
        next = Ipv4Addr::from(u32::from(next).wrapping_add(1));
        found.push((name.clone(), pair));
    }
    Ok(found)
}

fn pair_of(text: &[u8]) -> Option<Pair> {
    let settings = ppp_options::read(text);
    let value = ppp_options::last(&settings, &[ADDRESSES])?.value.clone()?;
    let text = String::from_utf8(value).ok()?;
    let (local, remote) = text.split_once(':')?;
    Some((local.parse().ok()?, remote.parse().ok()?))
}

/// A private network that no interface of this machine is in.
fn free_local(host: bool) -> Ipv4Addr {
    let routes =
        if host { std::fs::read_to_string("/proc/net/route").unwrap_or_default() } else { String::new() };
    let used: Vec<u32> = routes
        .lines()
        .filter_map(|l| u32::from_str_radix(l.split_ascii_whitespace().nth(1)?, 16).ok())
        .map(|net| net.swap_bytes() & 0xffff_ff00)
        .collect();
    let nets = (77..=99).map(|n| Ipv4Addr::new(192, 168, n, 1));
    nets.into_iter().find(|a| !used.contains(&(u32::from(*a) & 0xffff_ff00))).unwrap_or(LOCAL)
}

/// Options of all callers, where dial-out does not see them.
fn callers(draft: &mut Draft<'_>, wanted: &Wanted) -> Result<()> {
    let mut words: Vec<String> = Vec::new();
    if draft.read(DIALIN_PEER)?.is_none() {
        draft.write(
            DIALIN_PEER,
            b"# Options of everybody who calls: `pppd call dialin`. See dialin(8).\n".to_vec(),
            Readers::All,
        )?;
        words.extend(
            ["modem", "crtscts", "lock", "nodefaultroute", "lcp-echo-interval=30", "lcp-echo-failure=4"]
                .map(str::to_string),
        );
    }
    words.push("auth".into());
    let there: Vec<String> =
        ppp_options::read(&draft.text(DIALIN_PEER)?).into_iter().map(|setting| setting.name).collect();
    let proofs = || PROOFS.iter().map(|(name, _)| *name).filter(|name| there.iter().any(|n| n == name));
    // Bare `auth` would offer EAP first, which old clients do not answer.
    let ways: &[&str] = match wanted.auth.as_deref() {
        Some("pap") => &["require-pap"],
        Some("chap") => &["require-chap"],
        Some("mschap-v2") => &["require-mschap-v2"],
        None if proofs().next().is_some() => &[],
        _ => &["require-pap", "require-chap", "require-mschap-v2"],
    };
    words.extend(ways.iter().map(ToString::to_string));
    let others: Vec<&str> = proofs().filter(|name| wanted.auth.is_some() && !ways.contains(name)).collect();
    words.extend(wanted.dns.iter().map(|dns| format!("ms-dns={dns}")));
    words.extend(wanted.idle.map(|idle| format!("idle={idle}")));
    if wanted.proxyarp {
        words.push("proxyarp".into());
    }
    ppp::set(draft, DIALIN_PEER, &words.iter().map(String::as_str).collect::<Vec<_>>(), &others)
}

/// A login.config that is not there would have meant /bin/login for all: it still does.
fn keep_login(draft: &mut Draft<'_>, path: &str) -> Result<()> {
    if draft.read(path)?.is_none() {
        let text = "# Which program a caller gets: see login.config(5).\n*\t-\t-\t/bin/login @\n";
        draft.write(path, text.into(), Readers::Owner)?;
    }
    Ok(())
}

fn caller_id(session: &Session, draft: &mut Draft<'_>, wanted: &Wanted) -> Result<()> {
    if wanted.allow.is_empty() {
        return Ok(());
    }
    let path = session.places.dialin_config();
    let mut text = draft.text(&path)?;
    for number in &wanted.allow {
        if !dialin_edit::is_rule(number) || number.starts_with('!') {
            bail!("--allow {}: the beginning of a number is expected", visible::terminal(number));
        }
        if !dialin_edit::rules(&text).iter().any(|r| r.text == *number) {
            text = dialin_edit::with_rule(&text, number, None);
        }
    }
    if !dialin_edit::rules(&text).iter().any(Rule::is_final) {
        text = dialin_edit::with_rule(&text, "!all", None);
    }
    draft.write(&path, text, Readers::All)
}

/// What the administrator may not think of.
#[must_use]
pub fn implications(wanted: &Wanted) -> Vec<String> {
    let mut said = vec![
        "every call on these numbers is answered by a modem: people who call to speak will hear it"
            .to_string(),
    ];
    if wanted.autoppp {
        said.push(
            "a caller who speaks PPP at once is asked for his account; everybody else sees the login prompt"
                .into(),
        );
    } else {
        said.push("callers get PPP only after a login at the prompt: /AutoPPP/ is switched off".into());
    }
    if !wanted.allow.is_empty() {
        said.push(
            "a caller's number is what the telephone company tells: it keeps strangers away, and is no proof"
                .into(),
        );
    }
    if wanted.forward {
        said.push("callers reach what this machine reaches; a firewall of its own is not touched".into());
    } else {
        said.push("callers reach this machine only (--forward, --nat for more)".into());
    }
    if wanted.hunt {
        said.push("the telephone company must ring all lines of the group, or hunt through them".into());
    }
    said
}
