//! Each file with each mistake: what is said.

use super::*;

fn dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(dir.path().join(name), mode).unwrap();
    }
    dir
}

/// What is said, without the directory's name.
fn said(dir: &tempfile::TempDir, line: Option<&str>) -> Vec<String> {
    let mut report = Report::default();
    let configs = mgetty::check(dir.path(), line, &mut report);
    let config = configs.first().expect("one");
    login::check(&dir.path().join("login.config"), &mut report);
    let files = crate::judge::Files {
        dialin: dir.path().join("dialin.config"),
        rules: dir.path().join("caller-rules"),
        rules_named: false,
    };
    callers::check(&files, config, line, &mut report);
    callback(&dir.path().join("callback.config"), line, &mut report);
    let text = report.text();
    text.lines().map(|line| line.replace(&format!("{}/", dir.path().display()), "")).collect()
}

#[track_caller]
fn expect(said: &[String], wanted: &[&str]) {
    for wanted in wanted {
        assert!(said.iter().any(|line| line.starts_with(wanted)), "no {wanted:?} in {said:#?}");
    }
}

const LOGIN: (&str, &str) = ("login.config", "* - - /bin/true @\n");

#[test]
fn mgetty_config() {
    let text = "sped 9600\nspeed 1234\nport-owner nosuchuser\nport-mode 660\ncnd-program /no/such | x\n\
                issue-file !date\nfax-id 49 123\nrings 2\nport ttyS1\nspeed 99\nlogin-promt x\n";
    let all = dir(&[("mgetty.config", text), LOGIN]);
    let text = said(&all, None);
    expect(
        &text,
        &[
            "mgetty.config:1:1: error: unknown keyword `sped`, did you mean `speed`?",
            "mgetty.config:2:7: error: speed 1234: there is no such speed",
            "mgetty.config:3:12: error: port-owner: there is no `nosuchuser`",
            "mgetty.config:4:11: error: port-mode 660 is no mode; without a 0",
            "mgetty.config:5:13: error: cnd-program: /no/such is not there",
            "mgetty.config:5:13: warning: cnd-program: runs without a shell, `|`",
            "mgetty.config:6:12: error: issue-file: `date` is no absolute path",
            "mgetty.config:7:8: warning: fax-id: no fax is received",
            "mgetty.config:10:7: error: speed 99",
            "mgetty.config:11:1: error: unknown keyword `login-promt`, did you mean `login-prompt`?",
        ],
    );
    let one = said(&all, Some("ttyNOSUCH"));
    assert!(!one.iter().any(|line| line.contains("login-promt") || line.contains("99")), "{one:#?}");
    expect(&one, &["mgetty.config: warning: there is no /dev/ttyNOSUCH now"]);
}

#[test]
fn faxes_are_told_of_where_they_were_received() {
    let received =
        dir(&[("mgetty.config", "modem-type cls2\nswitchbd 19200\n"), ("sendfax.config", ""), LOGIN]);
    expect(
        &said(&received, None),
        &[
            "mgetty.config:1:12: warning: modem-type: no fax",
            "mgetty.config:2:10: warning: switchbd",
            "sendfax.config: warning: faxes were",
        ],
    );
    let not = dir(&[("mgetty.config", "data-only\nfax-id 12\n"), LOGIN]);
    assert!(!said(&not, None).iter().any(|line| line.contains("fax-id")), "{:#?}", said(&not, None));
}

#[test]
fn login_config() {
    let text = "call - - /usr/sbin/callback -S 1\nnobody_ nosuchuser - /bin/true\nx - - sh\ny - - /no/such\nz - - /bin/sh\n\
                f - - /bin/login -f @\n* - - /opt/callback -S 5\n/AutoPPP/ - a_ppp /bin/true auth\nlate - - /bin/true\nshort - -\n\
                typo - - /bin/callback - S 123456\nletters - - /bin/callback -S -s 9600 12x\n";
    let text = said(&dir(&[("mgetty.config", "data-only\n"), ("login.config", text)]), None);
    expect(
        &text,
        &[
            "login.config:2:1: error: there is no user `nosuchuser`",
            "login.config:3:1: error: program: `sh` is no absolute path",
            "login.config:4:1: error: program: /no/such is not there",
            "login.config:5:1: error: sh runs as root for whoever types the name",
            "login.config:6:1: error: login -f asks for no password",
            "login.config:7:1: error: `*` runs callback for everybody",
            "login.config:8:1: error: /AutoPPP/ is never reached: `*` of line 7",
            "login.config:9:1: warning: `late` is never reached: line 7",
            "login.config:10:1: error: the line for `short` is incomplete",
            "login.config:11:1: error: callback: `- S` are two words, did you mean `-S`?",
            "login.config:12:1: error: callback: `12x` is no telephone number",
        ],
    );
    let good = "!version 2\n/AutoPPP/ * - a_ppp /bin/true auth\n* N - - /bin/true\n* Y - - /bin/true\n";
    let text = said(&dir(&[("mgetty.config", "data-only\n"), ("login.config", good)]), None);
    assert_eq!(text, ["0 errors, 0 warnings"], "{text:#?}");
    let open = dir(&[("mgetty.config", "data-only\n"), LOGIN]);
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(open.path().join("login.config"), mode).unwrap();
    expect(
        &said(&open, None),
        &["login.config: error: must be readable by root only", "1 error, 0 warnings"],
    );
}

#[test]
fn callers() {
    let rules = "from 030* refuse\nfrom 0301 answer\nall program /no/such\nfrom 5 reject\nfrom 666 ignore\n";
    let files = [
        ("mgetty.config", "data-only\n"),
        LOGIN,
        ("dialin.config", "!666 # x\n!\n1\n"),
        ("caller-rules", rules),
    ];
    expect(
        &said(&dir(&files), None),
        &[
            "dialin.config:1:6: warning: `#`: comments need",
            "dialin.config:2:1: warning: a lone `!`",
            "dialin.config:3:1: warning: `1` is never reached: line 2",
            "caller-rules:2:1: warning: the rule is never reached: line 1",
            "caller-rules:3:1: error: program: /no/such is not there",
            "caller-rules:4:8: error: `reject`: expected digits",
            "caller-rules:5:1: warning: the rule is never reached: dialin.config",
            "caller-rules: warning: modems tell the number after the first ring",
        ],
    );
}

#[test]
fn callback_config() {
    let text =
        "delay five\natempts 1 2\nhours Mo\nport ttyS1\nspeed 1\nnumber-deny x1\nuser mary\nhours never\n";
    expect(
        &said(&dir(&[("mgetty.config", "data-only\n"), LOGIN, ("callback.config", text)]), None),
        &[
            "callback.config:1:7: error: `delay` is followed by `five`",
            "callback.config:2:1: error: unknown keyword `atempts`, did you mean `attempts`?",
            "callback.config:5:7: error: speed 1: there is no such speed",
            "callback.config:6:13: error: `number-deny`",
            "callback.config:8:7: error: `hours`",
        ],
    );
}

#[test]
fn the_shipped_samples_are_clean() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc");
    let text = |name: &str| std::fs::read_to_string(top.join(name)).unwrap();
    let login = text("mgetty/login.config")
        .replace("/usr/sbin/pppd", "/bin/true")
        .replace("/usr/sbin/callback", "/bin/true")
        .replace("/bin/login", "/bin/true");
    let files = dir(&[
        ("mgetty.config", &text("mgetty/mgetty.config")),
        ("login.config", &login),
        ("dialin.config", &text("mgetty/dialin.config")),
        ("callback.config", &text("mgetty/callback.config")),
        ("caller-rules", &text("ringback/caller-rules")),
    ]);
    let text = said(&files, None);
    assert!(text.last().unwrap().starts_with("0 errors"), "{text:#?}");
}
