//! What the facts mean.

use super::Facts;
use super::facts::Program;
use crate::see::finding::Finding;

/// Judges the facts.
#[must_use]
pub fn examine(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    pppd(facts, &mut findings);
    kernel(facts, &mut findings);
    files(facts, &mut findings);
    in_the_way(facts, &mut findings);
    network(facts, &mut findings);
    for program in &facts.missing_programs {
        findings.push(Finding::problem(*program, "is not installed", format!("install {program}")));
    }
    findings
}

fn pppd(facts: &Facts, findings: &mut Vec<Finding>) {
    let Some(access) = facts.pppd else {
        findings.push(Finding::problem(
            "pppd",
            "is not installed: no caller gets PPP",
            "apt-get install ppp",
        ));
        return;
    };
    let again = "chown root:dip /usr/sbin/pppd && chmod 4754 /usr/sbin/pppd";
    if access.mode & 0o4000 == 0 || access.uid != 0 {
        let why = match &facts.pppd_override {
            Some(line) => format!("dpkg-statoverride keeps it so ({line})"),
            None => "a hardening tool or a restored backup may have taken it, and may do so again".into(),
        };
        let again = match &facts.pppd_override {
            Some(_) => "dpkg-statoverride --remove /usr/sbin/pppd && ".to_string() + again,
            None => again.into(),
        };
        let says = format!(
            "has no set-uid bit (mode {:04o}, owner {}): PPP by /AutoPPP/ runs as root and works, PPP by a user's login does not; {why}",
            access.mode, access.uid
        );
        findings.push(Finding::problem("pppd", says, again));
    } else if facts.pppd_nosuid {
        let says = "is on a file system mounted nosuid: its set-uid bit counts for nothing";
        findings.push(Finding::problem("pppd", says, "take nosuid out of /etc/fstab for that file system"));
    } else if access.mode & 0o001 != 0 {
        let says =
            format!("anybody may run it as root (mode {:04o}); Debian lets the group dip only", access.mode);
        findings.push(Finding::note("pppd", says, again));
    } else if facts.dip.is_some_and(|dip| dip != access.gid) {
        let says = format!("belongs to group {}, not to dip: members of dip cannot run it", access.gid);
        findings.push(Finding::note("pppd", says, again));
    } else {
        findings.push(Finding::good(
            "pppd",
            format!("is set-uid root, for its group (mode {:04o})", access.mode),
        ));
    }
}

fn kernel(facts: &Facts, findings: &mut Vec<Finding>) {
    if let Some(line) = &facts.ppp_blocked {
        findings.push(Finding::problem("kernel", format!("PPP is kept out: {line}"), "take that line out"));
    } else if facts.ppp_loaded {
        findings.push(Finding::good("kernel", "PPP is there"));
    } else if facts.ppp_loadable {
        findings.push(Finding::good("kernel", "PPP will be loaded when it is wanted"));
    } else {
        let says = "has no PPP: no module ppp_generic for the kernel that runs";
        findings.push(Finding::problem(
            "kernel",
            says,
            "install the kernel's modules (a cloud or container kernel has none)",
        ));
    }
    if facts.ppp_loaded && !facts.dev_ppp {
        findings.push(Finding::problem("kernel", "/dev/ppp is missing", "mknod /dev/ppp c 108 0"));
    }
}

fn files(facts: &Facts, findings: &mut Vec<Finding>) {
    match facts.locks {
        None => findings.push(Finding::problem(
            "locks",
            "there is no directory /var/lock: two programs can have one modem",
            "mkdir -p /run/lock && chmod 1777 /run/lock && ln -s /run/lock /var/lock",
        )),
        Some(access) if access.mode & 0o1000 == 0 && access.mode & 0o002 != 0 => {
            findings.push(Finding::problem(
                "locks",
                format!("anybody may remove anybody's locks (mode {:04o}, not sticky)", access.mode),
                "chmod 1777 /var/lock",
            ))
        }
        Some(_) => findings.push(Finding::good("locks", "/var/lock is there")),
    }
    if let Some((path, access)) = &facts.login_config {
        if access.uid != 0 || access.mode & 0o077 != 0 {
            findings.push(Finding::problem(
                path.clone(),
                format!(
                    "belongs to user {} with mode {:04o}: mgetty lets nobody in by it",
                    access.uid, access.mode
                ),
                format!("chown root {path} && chmod 600 {path}"),
            ));
        }
    }
    for (path, access) in &facts.secrets {
        if access.mode & 0o077 != 0 {
            findings.push(Finding::problem(
                path.clone(),
                format!("others may read the secrets in it (mode {:04o})", access.mode),
                format!("chmod 600 {path}"),
            ));
        }
    }
}

fn named<'a>(programs: &'a [Program], name: &str) -> Option<&'a Program> {
    let base = |word: &String| word.rsplit('/').next().is_some_and(|base| base == name);
    programs.iter().find(|program| program.arguments.first().is_some_and(base))
}

fn in_the_way(facts: &Facts, findings: &mut Vec<Finding>) {
    if let Some(manager) = named(&facts.programs, "ModemManager") {
        match &facts.modem_manager_rule {
            Some(rule) => {
                findings.push(Finding::good("ModemManager", format!("runs, and is kept away by {rule}")))
            }
            None => findings.push(Finding::problem(
                "ModemManager",
                format!(
                    "runs (process {}) and may open and probe modems while callers use them",
                    manager.pid
                ),
                "install Ringback's udev rule (etc/udev/rules.d), or: systemctl disable --now ModemManager",
            )),
        }
    } else {
        findings.push(Finding::good("ModemManager", "does not run"));
    }
    if let Some(brltty) = named(&facts.programs, "brltty") {
        findings.push(Finding::note(
            "brltty",
            format!(
                "runs (process {}): it takes USB adapters of some makes (CH340, FTDI) for Braille displays",
                brltty.pid
            ),
            "if a ttyUSB port vanishes right after it is plugged: apt-get remove brltty",
        ));
    }
    for program in &facts.programs {
        let name = program.arguments.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        let line = program.arguments.iter().skip(1).find(|word| {
            let bare = word.strip_prefix("/dev/").unwrap_or(word);
            ["ttyS", "ttyUSB", "ttyACM", "serial/"].iter().any(|start| bare.starts_with(start))
        });
        if let (true, Some(line)) = (["agetty", "getty"].contains(&name), line) {
            findings.push(Finding::note(
                line.clone(),
                format!("another getty serves it ({name}, process {})", program.pid),
                format!(
                    "if a modem is there: systemctl mask --now serial-getty@{}.service",
                    line.trim_start_matches("/dev/")
                ),
            ));
        }
    }
}

fn network(facts: &Facts, findings: &mut Vec<Finding>) {
    match (facts.forwards, &facts.forwards_at_boot) {
        (Some(true), Some(file)) => {
            findings.push(Finding::good("forwarding", format!("is on, and will be after a boot ({file})")))
        }
        (Some(true), None) => findings.push(Finding::note(
            "forwarding",
            "is on now; no file switches it on at boot",
            "echo net.ipv4.ip_forward=1 >/etc/sysctl.d/60-dialin.conf",
        )),
        (Some(false), _) => findings.push(Finding::note(
            "forwarding",
            "is off: callers reach this machine only",
            "echo net.ipv4.ip_forward=1 >/etc/sysctl.d/60-dialin.conf && sysctl --system",
        )),
        (None, _) => {}
    }
    if facts.forwards == Some(true) {
        match facts.masquerades {
            Some(true) => findings.push(Finding::good("NAT", "addresses are masqueraded")),
            Some(false) => findings.push(Finding::note(
                "NAT",
                "nothing masquerades: callers' private addresses come back from the Internet only if your router knows them",
                "nft add table ip dialin; nft 'add chain ip dialin out { type nat hook postrouting priority 100; }'; nft add rule ip dialin out iifname 'ppp*' masquerade",
            )),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::facts::Access;
    use crate::see::finding::Weight;

    fn healthy() -> Facts {
        Facts {
            pppd: Some(Access { uid: 0, gid: 30, mode: 0o4754 }),
            dip: Some(30),
            dev_ppp: true,
            ppp_loaded: true,
            locks: Some(Access { uid: 0, gid: 0, mode: 0o1777 }),
            forwards: Some(true),
            forwards_at_boot: Some("/etc/sysctl.conf".into()),
            masquerades: Some(true),
            ..Facts::default()
        }
    }

    #[test]
    fn a_healthy_machine_has_nothing_to_mend() {
        assert!(examine(&healthy()).iter().all(|finding| finding.weight == Weight::Good));
    }

    #[test]
    fn each_trap_is_found() {
        let access = |mode| Access { uid: 0, gid: 30, mode };
        let program =
            |words: &[&str]| Program { pid: 7, arguments: words.iter().map(|w| w.to_string()).collect() };
        type Change = Box<dyn Fn(&mut Facts)>;
        let cases: Vec<(Change, &str, &str)> = vec![
            (Box::new(|f| f.pppd = None), "pppd", "not installed"),
            (Box::new(move |f| f.pppd = Some(access(0o0755))), "pppd", "no set-uid bit"),
            (Box::new(|f| f.pppd_nosuid = true), "pppd", "nosuid"),
            (Box::new(move |f| f.pppd = Some(access(0o4755))), "pppd", "anybody may run"),
            (Box::new(|f| f.dip = Some(31)), "pppd", "not to dip"),
            (Box::new(|f| f.ppp_loaded = false), "kernel", "no PPP"),
            (Box::new(|f| f.dev_ppp = false), "kernel", "/dev/ppp"),
            (
                Box::new(|f| f.ppp_blocked = Some("x:1: install ppp_generic /bin/true".into())),
                "kernel",
                "kept out",
            ),
            (Box::new(|f| f.locks = None), "locks", "no directory"),
            (Box::new(move |f| f.locks = Some(access(0o777))), "locks", "not sticky"),
            (Box::new(move |f| f.login_config = Some(("/l".into(), access(0o644)))), "/l", "lets nobody in"),
            (Box::new(move |f| f.secrets = vec![("/s".into(), access(0o640))]), "/s", "read the secrets"),
            (
                Box::new(move |f| f.programs = vec![program(&["/usr/sbin/ModemManager"])]),
                "ModemManager",
                "may open",
            ),
            (Box::new(move |f| f.programs = vec![program(&["/bin/brltty"])]), "brltty", "Braille"),
            (
                Box::new(move |f| f.programs = vec![program(&["/sbin/agetty", "-L", "ttyS0"])]),
                "ttyS0",
                "another getty",
            ),
            (Box::new(|f| f.forwards = Some(false)), "forwarding", "is off"),
            (Box::new(|f| f.forwards_at_boot = None), "forwarding", "at boot"),
            (Box::new(|f| f.masquerades = Some(false)), "NAT", "nothing masquerades"),
            (Box::new(|f| f.missing_programs = vec!["mgetty"]), "mgetty", "not installed"),
        ];
        for (change, place, says) in cases {
            let mut facts = healthy();
            change(&mut facts);
            let findings = examine(&facts);
            let found =
                findings.iter().any(|f| f.weight > Weight::Good && f.place == place && f.says.contains(says));
            assert!(found, "{place}: {says}: {findings:?}");
        }
    }
}
