//! Unix users who log in at the prompt and get PPP: their shell is /etc/ppp/ppplogin, or pppd itself, which then
//! has no arguments but those of its files.

use crate::commands::autoppp::PPPD;
use crate::draft::{Draft, Readers};
use crate::places::{DIALIN_PEER, PPPLOGIN};
use crate::session::Session;
use anyhow::{Result, anyhow, bail};
use ttyline::log::reason;
use ttyline::sys::crypt;
use ttyline::visible;

/// The shell we ship.
const SHELL: &str = include_str!("../../../../../etc/ppp/ppplogin");

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const GROUP: &str = "/etc/group";

/// The group whose members may run pppd on Debian.
const MAY_RUN_PPPD: &str = "dip";

/// Whether a name can be a user's, as Debian's adduser has it.
///
/// # Errors
/// It cannot.
pub fn check(name: &str) -> Result<()> {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    if !first || !name.bytes().all(good) || name.len() > 32 {
        bail!("--login {}: a user's name is small letters and digits, 32 at most", visible::terminal(name));
    }
    Ok(())
}

fn entry<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    text.lines().map(|l| l.split(':').collect::<Vec<_>>()).find(|f| f.first() == Some(&name))
}

fn utf8(bytes: Vec<u8>, path: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| anyhow!("{path}: is no UTF-8"))
}

/// Whether the tree has the user.
///
/// # Errors
/// Its table cannot be read.
pub fn exists(session: &Session, name: &str) -> Result<bool> {
    let text = utf8(session.root.read(PASSWD)?.unwrap_or_default(), PASSWD)?;
    Ok(entry(&text, name).is_some())
}

/// Adds a user, or looks whether the one that is there gets PPP.
///
/// # Errors
/// The machine's tables are not there or damaged.
pub fn add(draft: &mut Draft<'_>, name: &str, password: Option<&[u8]>, pppd_shell: bool) -> Result<()> {
    if !pppd_shell && draft.read(PPPLOGIN)?.is_none() {
        draft.write(PPPLOGIN, SHELL.as_bytes().to_vec(), Readers::Run)?;
    }
    let passwd = utf8(draft.read(PASSWD)?.ok_or_else(|| anyhow!("{PASSWD} is not there"))?, PASSWD)?;
    let group = utf8(draft.text(GROUP)?, GROUP)?;
    if let Some(fields) = entry(&passwd, name) {
        let shell = fields.get(6).copied().unwrap_or_default();
        if shell != PPPLOGIN && !shell.ends_with("/pppd") {
            draft.note(format!(
                "{name} is a user already, with the shell {}: he gets that, not PPP",
                visible::line(shell)
            ));
        }
        return Ok(());
    }
    let Some(password) = password else { return Ok(()) };
    let gid = match entry(&group, MAY_RUN_PPPD).and_then(|f| f.get(2)?.parse::<u32>().ok()) {
        Some(gid) => gid,
        None => bail!(
            "there is no group {MAY_RUN_PPPD}, whose members may run pppd; is ppp installed? (nothing was changed)"
        ),
    };
    let used: Vec<u32> = passwd.lines().filter_map(|l| l.split(':').nth(2)?.parse().ok()).collect();
    let uid = (1000..60000).find(|uid| !used.contains(uid)).ok_or_else(|| anyhow!("no user id is free"))?;
    let gap = |text: &str| if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let shell = if pppd_shell { PPPD } else { PPPLOGIN };
    if pppd_shell {
        draft.note(format!(
            "{name}: as a shell pppd reads /etc/ppp/options and the line's file only, not {DIALIN_PEER}"
        ));
    }
    let line = format!("{}{name}:x:{uid}:{gid}:dial-in:/:{shell}\n", gap(&passwd));
    draft.write(PASSWD, (passwd + &line).into_bytes(), Readers::All)?;
    let shadow = utf8(draft.text(SHADOW)?, SHADOW)?;
    let hash = crypt::hash(password, &format!("$6${}", salt()?))
        .map_err(|e| anyhow!("the password: {}", reason(&e)))?;
    let days = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |t| t.as_secs() / 86_400);
    let line = format!("{}{name}:{hash}:{days}:0:99999:7:::\n", gap(&shadow));
    draft.write(SHADOW, (shadow + &line).into_bytes(), Readers::Owner)
}

/// Sixteen random characters.
fn salt() -> Result<String> {
    use std::io::Read;
    let mut bytes = [0; 16];
    let random = std::fs::File::open("/dev/urandom").and_then(|mut f| f.read_exact(&mut bytes));
    random.map_err(|e| anyhow!("/dev/urandom: {}", reason(&e)))?;
    const LETTERS: &[u8] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    Ok(bytes.iter().map(|b| char::from(LETTERS[usize::from(b % 64)])).collect())
}
