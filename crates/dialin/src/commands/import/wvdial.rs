//! wvdial.conf: each `[Dialer NAME]` becomes a peer of pppd with a chat script; passwords go into the secrets.

use super::{Source, file_name};
use crate::commands::account;
use crate::draft::{Draft, Readers};
use crate::places::{CHAP, PAP};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use ttyline::config::ppp_words::quoted;

type Section = BTreeMap<String, String>;

/// Sections by name; keys without case, blanks squeezed.
fn sections(text: &str) -> Vec<(String, Section)> {
    let mut all: Vec<(String, Section)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let name = name.trim().strip_prefix("Dialer").unwrap_or(name).trim().to_string();
            all.push((name, Section::new()));
        } else if let (Some((_, section)), Some((key, value))) = (all.last_mut(), line.split_once('=')) {
            if !line.starts_with(['#', ';']) {
                let key = key.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
                let value = value.trim();
                // Quotes around the whole; those of AT+CGDCONT=1,"IP","apn" belong to it.
                let bare = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
                section.insert(key, bare.unwrap_or(value).to_string());
            }
        }
    }
    all
}

/// A section with what it inherits: `Inherits`, then `Defaults`.
fn whole(all: &[(String, Section)], name: &str, depth: usize) -> Section {
    let find = |name: &str| {
        all.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, section)| section.clone())
    };
    let own = find(name).unwrap_or_default();
    let mut section = match own.get("inherits") {
        Some(parent) if depth < 10 => whole(all, parent, depth + 1),
        _ => find("Defaults").unwrap_or_default(),
    };
    section.extend(own);
    section
}

/// A word of a chat script: in single quotes if it must be; nothing that chat would read as an escape is made.
fn word(text: &str) -> Option<String> {
    if text.contains(['\'', '\n', '\r']) || !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return None;
    }
    let text = text.replace('\\', "\\\\").replace('^', "\\^");
    Some(if text.is_empty() || text.contains([' ', '"']) { format!("'{text}'") } else { text })
}

pub(super) fn import(source: &Source<'_>, file: &str, draft: &mut Draft<'_>) -> Result<()> {
    let text = source.text(file)?;
    let shown = source.root().shown(file);
    let all = sections(&text);
    if all.is_empty() {
        bail!("{shown}: there is no [Dialer NAME] section in it; nothing was changed");
    }
    let single = all.len() == 1;
    for (name, _) in all.iter().filter(|(name, _)| single || !name.eq_ignore_ascii_case("Defaults")) {
        one(&shown, name, &whole(&all, name, 0), draft)?;
    }
    Ok(())
}

fn one(shown: &str, name: &str, section: &Section, draft: &mut Draft<'_>) -> Result<()> {
    let get = |key: &str| section.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let yes = |key: &str| {
        get(key)
            .is_some_and(|value| ["on", "yes", "1", "true"].contains(&value.to_ascii_lowercase().as_str()))
    };
    let peer = file_name(if name.eq_ignore_ascii_case("Defaults") { "wvdial" } else { name });
    let (peer_path, script_path) = (format!("/etc/ppp/peers/{peer}"), format!("/etc/chatscripts/{peer}"));
    for path in [&peer_path, &script_path] {
        if draft.read(path)?.is_some() {
            draft.note(format!("{path} is there already; [Dialer {name}] is left out"));
            return Ok(());
        }
    }
    let Some(phone) = get("phone") else {
        draft.note(format!("[Dialer {name}] has no Phone and is left out"));
        return Ok(());
    };
    let mut script = format!(
        "# Made of {shown}, [Dialer {name}].\nTIMEOUT 10\nABORT BUSY\nABORT 'NO CARRIER'\nABORT 'NO DIALTONE'\nABORT 'NO DIAL TONE'\nABORT 'NO ANSWER'\nABORT ERROR\n"
    );
    let mut before = "''";
    for number in 0..=9 {
        let key = if number == 0 { "init".to_string() } else { format!("init{number}") };
        let Some(init) = get(&key) else { continue };
        match word(init) {
            Some(word) => script.push_str(&format!("{before} {word}\n")),
            None => draft
                .note(format!("[Dialer {name}]: {key} has signs no chat script can hold; it is left out")),
        }
        before = "OK";
    }
    let dial =
        format!("{}{}{}", get("dial command").unwrap_or("ATDT"), get("dial prefix").unwrap_or(""), phone);
    let Some(dial) = word(&dial) else {
        bail!("{shown}: [Dialer {name}]: its number has signs no modem dials; nothing was changed")
    };
    script.push_str(&format!("{before} {dial}\nTIMEOUT 60\nCONNECT \\d\\c\n"));
    if !yes("stupid mode") && (get("login prompt").is_some() || get("password prompt").is_some()) {
        draft.note(format!("[Dialer {name}]: its login prompts are not taken over: PAP or CHAP is tried; add them to {script_path} if the other side asks"));
    }
    let mut options = format!(
        "# Made of {shown}, [Dialer {name}]: pon {peer}\nconnect \"/usr/sbin/chat -v -f {script_path}\"\n"
    );
    let device = get("modem").unwrap_or("/dev/modem");
    options.push_str(&format!(
        "{}\n{}\n",
        String::from_utf8_lossy(&quoted(device.as_bytes())),
        get("baud").filter(|b| b.bytes().all(|c| c.is_ascii_digit())).unwrap_or("57600")
    ));
    let user = get("username");
    if let Some(user) = user {
        options.push_str(&format!(
            "user {}\nremotename {peer}\n",
            String::from_utf8_lossy(&quoted(user.as_bytes()))
        ));
    }
    options.push_str("noauth\nnoipdefault\ndefaultroute\ncrtscts\nlock\n");
    options.push_str(
        if get("carrier check").is_some_and(|v| v.eq_ignore_ascii_case("no") || v.eq_ignore_ascii_case("off"))
        {
            "local\n"
        } else {
            "modem\n"
        },
    );
    if get("auto dns").is_none() || yes("auto dns") {
        options.push_str("usepeerdns\n");
    }
    if let Some(idle) = get("idle seconds").filter(|s| s.parse::<u32>().is_ok_and(|s| s > 0)) {
        options.push_str(&format!("idle {idle}\n"));
    }
    if yes("auto reconnect") {
        options.push_str("persist\n");
    }
    draft.write(&peer_path, options.into_bytes(), Readers::Owner)?;
    draft.write(&script_path, script.into_bytes(), Readers::Owner)?;
    if let (Some(user), Some(password)) = (user, get("password")) {
        for path in [PAP, CHAP] {
            account::put(draft, path, user, &peer, password.as_bytes(), &[])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_inherit() {
        let all = sections(
            "[Dialer Defaults]\nModem = /dev/ttyS1\nBaud = 115200\n; x = y\n[Dialer a]\nInherits = b\nPhone = 1\n[Dialer b]\nBaud=9600\n",
        );
        let a = whole(&all, "a", 0);
        assert_eq!(
            (a["modem"].as_str(), a["baud"].as_str(), a["phone"].as_str()),
            ("/dev/ttyS1", "9600", "1")
        );
        // Each inherits from the other.
        let all = sections("[Dialer c]\nInit3 = AT+CGDCONT=1,\"IP\",\"apn\"\nUsername = \"bob\"\n");
        assert_eq!(
            (all[0].1["init3"].as_str(), all[0].1["username"].as_str()),
            ("AT+CGDCONT=1,\"IP\",\"apn\"", "bob")
        );
        let all = sections("[Dialer a]\nInherits = b\n[Dialer b]\nInherits = a\nx = 1\n");
        assert_eq!(whole(&all, "a", 0)["x"], "1");
    }

    #[test]
    fn words_are_what_the_modem_gets() {
        assert_eq!(word("ATZ").unwrap(), "ATZ");
        assert_eq!(word("AT+CGDCONT=1,\"IP\",\"x\"").unwrap(), "'AT+CGDCONT=1,\"IP\",\"x\"'");
        assert_eq!(word("AT\\Q3").unwrap(), "AT\\\\Q3");
        assert_eq!(word("AT'"), None);
    }
}
