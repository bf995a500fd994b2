//! Forwarding and address translation.

use crate::draft::{Draft, Readers};
use crate::places::{NAT, NAT_SERVICE, NAT_UNIT, SYSCTL, UNITS};
use crate::services::Init;
use crate::session::Session;
use anyhow::Result;
use std::net::Ipv4Addr;

/// Lets callers' packets through.
///
/// # Errors
/// The file cannot be read.
pub fn forward(draft: &mut Draft<'_>) -> Result<()> {
    let line = "net.ipv4.ip_forward = 1\n";
    let text = String::from_utf8_lossy(&draft.text(SYSCTL)?).into_owned();
    let says = |l: &str| {
        let words = l.replace(' ', "");
        words == "net.ipv4.ip_forward=1"
    };
    if !text.lines().any(says) {
        draft.write(SYSCTL, format!("{text}{line}").into_bytes(), Readers::All)?;
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
