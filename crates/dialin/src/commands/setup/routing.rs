//! Forwarding and address translation.

use crate::draft::{Draft, Readers};
use crate::places::{NAT, NAT_SERVICE, NAT_UNIT, SYSCTL, UNITS};
use crate::services::Init;
use crate::session::Session;
use anyhow::Result;
use std::net::Ipv4Addr;

/// What the kernel does now.
const KERNEL: &str = "/proc/sys/net/ipv4/ip_forward";

/// Stands in the file if forwarding was off before: what undo goes back to.
const WAS_OFF: &str = "net.ipv4.ip_forward = 0";

/// Whether the file switches forwarding on.
#[must_use]
pub fn forwards(file: &[u8]) -> bool {
    let on = |line: &str| line.replace(' ', "") == "net.ipv4.ip_forward=1";
    String::from_utf8_lossy(file).lines().any(on)
}

/// Ends forwarding with the file that began it, if it was off before.
pub fn forward_no_more(draft: &mut Draft<'_>, file: &[u8]) {
    if String::from_utf8_lossy(file).lines().any(|l| l.starts_with('#') && l.ends_with(WAS_OFF)) {
        draft.step(&["sysctl", "-q", "-w", "net.ipv4.ip_forward=0"], "forwarding ends");
    } else {
        draft.note("forwarding stays on, as it was before the change or may have been");
    }
}

/// Lets callers' packets through.
///
/// # Errors
/// The file cannot be read.
pub fn forward(draft: &mut Draft<'_>) -> Result<()> {
    let file = draft.text(SYSCTL)?;
    if !forwards(&file) {
        let text = String::from_utf8_lossy(&file);
        let kernel = if draft.root().is_host() { std::fs::read_to_string(KERNEL).ok() } else { None };
        let before = match kernel.as_deref().map(str::trim) {
            Some("0") => format!("# Before `dialin setup`: {WAS_OFF}\n"),
            _ => String::new(),
        };
        draft.write(SYSCTL, format!("{text}{before}net.ipv4.ip_forward = 1\n").into_bytes(), Readers::All)?;
        draft.step(&["sysctl", "-q", "-p", SYSCTL], "forwarding holds at once");
    }
    Ok(())
}

/// Gives callers the server's address outside. A table of its own, so that no other rule is touched.
///
/// # Errors
/// A file cannot be read.
pub fn nat(
    session: &Session,
    draft: &mut Draft<'_>,
    addresses: &[(String, (Ipv4Addr, Ipv4Addr))],
) -> Result<()> {
    let callers: Vec<String> = addresses.iter().map(|(_, (_, remote))| remote.to_string()).collect();
    let rules = format!(
        "# Callers of dialin's lines appear with this machine's address. Made by `dialin setup --nat`.\n\
         table ip ringback\n\
         delete table ip ringback\n\
         table ip ringback {{\n\
         \tchain callers {{\n\
         \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
         \t\tip saddr {{ {} }} oifname != \"ppp*\" masquerade\n\
         \t}}\n\
         }}\n",
        callers.join(", ")
    );
    draft.write(NAT, rules.into_bytes(), Readers::All)?;
    if Init::of(&session.root) == Some(Init::Systemd) {
        let unit = format!(
            "[Unit]\nDescription=Address translation for callers\nDocumentation=man:dialin(8)\nAfter=nftables.service\nBefore=network.target\n\n\
             [Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/sbin/nft -f {NAT}\nExecStop=/usr/sbin/nft delete table ip ringback\n\n\
             [Install]\nWantedBy=multi-user.target\n"
        );
        draft.write(NAT_UNIT, unit.into_bytes(), Readers::All)?;
        draft.link(&format!("{UNITS}/multi-user.target.wants/ringback-nat.service"), NAT_UNIT)?;
        draft.step(&["systemctl", "daemon-reload"], "systemd reads its units again");
        draft.step(&["systemctl", "restart", NAT_SERVICE], "address translation begins");
    } else {
        draft.note(format!("load {NAT} at each start: `nft -f {NAT}` in a start script"));
        draft.step(&["nft", "-f", NAT], "address translation begins");
    }
    if !session.root.exists("/usr/sbin/nft") {
        draft.note("nft is not installed: `apt install nftables`");
    }
    Ok(())
}
