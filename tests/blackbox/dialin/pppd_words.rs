//! Words of pppd's files, as Debian's pppd reads them: it names the first option it does not know.

use ringback_tests::originals;
use std::process::{Command, Stdio};
use ttyline::config::{ppp_options, ppp_words};

/// What pppd calls the first option it does not know in a file; `None`: it knows them all.
fn unknown_to_pppd(pppd: &std::path::Path, file: &std::path::Path, bytes: &[u8]) -> Option<Vec<u8>> {
    std::fs::write(file, bytes).expect("an options file");
    let mut command = Command::new(pppd);
    command.args(["nodetach", "notty", "file"]).arg(file).stdin(Stdio::null());
    let output = command.output().expect("pppd");
    let text = [output.stdout, output.stderr].concat();
    let begin = b"unrecognized option '";
    let at = text.windows(begin.len()).position(|w| w == begin)? + begin.len();
    let rest = text.get(at..)?;
    let end = rest.windows(2).rposition(|w| w == b"'\n")?;
    Some(rest[..end].to_vec())
}

/// The same by our reader. Every option of these files is either `idle N` or begins with `zz`.
fn unknown_to_us(bytes: &[u8]) -> Option<Vec<u8>> {
    let words = ppp_words::words(bytes);
    let settings = ppp_options::read(bytes);
    let unknown = settings.iter().find(|s| s.kind == ppp_options::Kind::Unknown)?;
    words.into_iter().find(|w| w.span.start == unknown.span.start).map(|w| w.bytes)
}

#[test]
fn quotes_backslashes_comments_and_joined_lines() {
    let pppd = originals::program("pppd");
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = dir.path().join("options");
    assert_eq!(
        unknown_to_pppd(&pppd, &file, b"zzx yy\n").as_deref(),
        Some(&b"zzx"[..]),
        "pppd speaks as expected"
    );
    let pieces: [&[u8]; 24] = [
        b"\"", b"'", b"\\", b"#", b" ", b"\n", b"\t", b"zz", b"a", b"\\\n", b"\\x4", b"\\101", b"\\\"",
        b"\\'", b"\\#", b"\\ ", b"idle 5 ", b"idle 5#", b"\\n", b"\\s", b"\r\n", b"\\e", b"\\7", b"\x0b",
    ];
    let mut seed = 1_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or(0) % below
    };
    let mut compared = 0;
    for _ in 0..100 {
        let mut bytes = b"idle 7 zz".to_vec();
        for _ in 0..next(9) {
            bytes.extend(pieces[next(pieces.len())]);
        }
        bytes.push(b'\n');
        // A word that runs to the end of the file is warned of, and is the rest of it for both.
        let (theirs, ours) = (unknown_to_pppd(&pppd, &file, &bytes), unknown_to_us(&bytes));
        // pppd prints a name as far as its first NUL.
        let ours = ours.map(|w| w.split(|b| *b == 0).next().unwrap_or_default().to_vec());
        let shown = |w: &Option<Vec<u8>>| w.as_ref().map(|w| String::from_utf8_lossy(w).into_owned());
        assert_eq!(shown(&ours), shown(&theirs), "{:?}", String::from_utf8_lossy(&bytes));
        compared += 1;
    }
    assert_eq!(compared, 100);
}

#[test]
fn options_take_values_as_pppd_says() {
    let pppd = originals::program("pppd");
    let dir = tempfile::tempdir().expect("a scratch directory");
    let file = dir.path().join("options");
    // Those that take none: the word behind them is the next option.
    for name in [
        "auth",
        "lock",
        "modem",
        "local",
        "crtscts",
        "proxyarp",
        "require-pap",
        "refuse-eap",
        "-chap",
        "+pap",
        "-detach",
        "nodefaultroute",
        "login",
        "ktune",
        "hide-password",
    ] {
        assert_eq!(ppp_options::takes_value(name), Some(false), "{name}");
        let said = unknown_to_pppd(&pppd, &file, format!("{name} zzx zzy\n").as_bytes());
        assert_eq!(said.as_deref(), Some(&b"zzx"[..]), "{name}");
    }
    for (name, value) in [
        ("idle", "5"),
        ("mtu", "1400"),
        ("ms-dns", "1.1.1.1"),
        ("netmask", "255.0.0.0"),
        ("user", "zzx"),
        ("linkname", "zzx"),
        ("connect", "zzx"),
        ("ipparam", "zzx"),
        ("lcp-echo-failure", "4"),
    ] {
        assert_eq!(ppp_options::takes_value(name), Some(true), "{name}");
        let said = unknown_to_pppd(&pppd, &file, format!("{name} {value} zzy\n").as_bytes());
        assert_eq!(said.as_deref(), Some(&b"zzy"[..]), "{name}");
    }
    assert_eq!(ppp_options::takes_value("detach"), None);
    assert_eq!(
        unknown_to_pppd(&pppd, &file, b"detach\n").as_deref(),
        Some(&b"detach"[..]),
        "the documents' word is none"
    );
}
