//! Configurations as people have them: the documents', Debian's and Fedora's defaults, the guides' styles, all
//! written anew for these tests (`tests/fixtures/admin-corpus`). What is added and taken away again leaves every
//! byte as it was; damaged in every way, they give sentences and stay as they are.

use super::tree::Tree;
use ringback_tests::subject::top;
use std::fs;

/// Each file's name, bytes, and place in a tree.
fn corpus() -> Vec<(String, Vec<u8>, String)> {
    let dir = top().join("tests/fixtures/admin-corpus");
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_string();
        let kind = name.split('-').next().unwrap_or_default();
        let place = match kind {
            "inittab" => "/etc/inittab".to_string(),
            "options" => "/etc/ppp/options".into(),
            "pap" | "chap" => format!("/etc/ppp/{kind}-secrets"),
            "login.config" | "dialin.config" | "mgetty.config" | "callback.config" => {
                format!("/etc/mgetty/{kind}")
            }
            "mserver.conf" => "/etc/mserver.conf".into(),
            "unit" => "/etc/systemd/system/modem.service".into(),
            _ => continue,
        };
        all.push((name, fs::read(&path).expect("a file"), place));
    }
    all.sort();
    all
}

fn tree_with(place: &str, bytes: &[u8]) -> Tree {
    let tree = Tree::with(&[("/sbin/mgetty", "")]);
    tree.write(place, bytes);
    tree.chmod(place, 0o600);
    tree
}

/// A change to a file of that kind, and what takes it back by another way than undo.
fn there_and_back(place: &str) -> Option<[Vec<&'static str>; 2]> {
    Some(match place.rsplit('/').next()? {
        "inittab" => [vec!["line", "add", "ttyX9", "--init", "inittab"], vec!["line", "rm", "ttyX9"]],
        "options" => [vec!["ppp", "set", "maxconnect=77"], vec!["ppp", "set", "--unset", "maxconnect"]],
        "pap-secrets" => {
            [vec!["account", "add", "zoe9", "--pap", "--no-secret"], vec!["account", "rm", "zoe9"]]
        }
        "chap-secrets" => {
            [vec!["account", "add", "zoe9", "--chap", "--secret-file", "/x"], vec!["account", "rm", "zoe9"]]
        }
        "login.config" => [vec!["callback", "add", "zoe9zoe9", "123456"], vec!["callback", "rm", "zoe9zoe9"]],
        "dialin.config" => [vec!["callerid", "add", "999999", "--at", "1"], vec!["callerid", "rm", "1"]],
        "mserver.conf" => [vec!["share", "add", "7999", "/dev/ttyX9"], vec!["share", "rm", "7999"]],
        "mgetty.config" => {
            [vec!["line", "add", "ttyX9", "--init", "inittab", "rings=7"], vec!["line", "rm", "ttyX9"]]
        }
        _ => return None,
    })
}

#[test]
fn forty_shapes_keep_every_byte() {
    let all = corpus();
    assert!(all.len() >= 40, "{}", all.len());
    for (name, bytes, place) in &all {
        let tree = tree_with(place, bytes);
        // Untouched: written out and put back.
        let archive = tree.at("/b.tar").display().to_string();
        tree.run(&["backup", &archive]).ok();
        if name.starts_with("unit") {
            assert!(tree.run(&["line", "list"]).ok().contains("a unit of its own"), "{name}");
            continue;
        }
        assert_eq!(tree.change(&["restore", &archive]), "nothing to change\n", "{name}");
        let Some([there, back]) = there_and_back(place) else { continue };
        tree.change(&there);
        assert_ne!(&fs::read(tree.at(place)).expect("a file"), bytes, "{name}: {there:?}");
        tree.change(&back);
        let now = fs::read(tree.at(place)).expect("a file");
        // What was added needed a line end, and in mgetty.config an empty line before it.
        let end = |b: &[u8]| b.trim_ascii_end().to_vec();
        assert_eq!(String::from_utf8_lossy(&end(&now)), String::from_utf8_lossy(&end(bytes)), "{name}");
        if bytes.ends_with(b"\n") && !name.starts_with("mgetty") {
            assert_eq!(&now, bytes, "{name}");
        }
        tree.change(&["undo"]);
        tree.change(&["undo"]);
        assert_eq!(&fs::read(tree.at(place)).expect("a file"), bytes, "{name}: undone byte for byte");
    }
}

#[test]
fn the_corpus_is_read_as_it_is_meant() {
    let listed = |file: &str, place: &str, words: &[&str]| {
        let bytes = fs::read(top().join("tests/fixtures/admin-corpus").join(file)).expect("a file");
        tree_with(place, &bytes).run(words).ok()
    };
    for (file, place, words, said) in [
        ("inittab-webmin", "/etc/inittab", &["line", "list"][..], "ttyS0"),
        ("inittab-attached-flags", "/etc/inittab", &["line", "list"], "rings 3"),
        (
            "inittab-by-id",
            "/etc/inittab",
            &["line", "list"],
            "serial/by-id/usb-U.S.Robotics_USB_Modem_002-if00",
        ),
        ("inittab-vgetty-solaris", "/etc/inittab", &["line", "list"], "Solaris' name"),
        ("options-one-line", "/etc/ppp/options", &["ppp", "show"], ":1:29: addresses"),
        ("options-quotes", "/etc/ppp/options", &["ppp", "show"], "idle 600"),
        ("login.config-unreached", "/etc/mgetty/login.config", &["autoppp", "show"], "off: `*`"),
        ("login.config-callback-howto", "/etc/mgetty/login.config", &["callback", "list"], "call_to_Jonh"),
        ("dialin.config-traps", "/etc/mgetty/dialin.config", &["callerid", "list"], "begins no comment"),
        ("pap-secrets-open", "/etc/ppp/pap-secrets", &["account", "list"], "* (everybody)"),
        ("chap-secrets-continued", "/etc/ppp/chap-secrets", &["account", "list"], "a b"),
        ("mserver.conf-howto", "/etc/mserver.conf", &["share", "list"], "192.168.2.*,*.foo.org"),
    ] {
        let out = listed(file, place, words);
        assert!(out.contains(said), "{file}: {out}");
    }
}

/// Cut off, doubled, with other bytes in it, empty, of NULs: nothing crashes, what is refused is a sentence and
/// changes nothing, what is not refused can be undone byte for byte.
#[test]
fn damaged_files_give_sentences() {
    let all = corpus();
    // One of each kind is damaged in every way, to stay fast.
    let mut kinds: Vec<&str> = Vec::new();
    for (name, bytes, place) in &all {
        let Some([there, _]) = there_and_back(place) else { continue };
        if kinds.contains(&place.as_str()) {
            continue;
        }
        kinds.push(place);
        let half = bytes.len() / 2;
        let with = |insert: &[u8]| [&bytes[..half], insert, &bytes[half..]].concat();
        let damaged: Vec<Vec<u8>> = vec![
            Vec::new(),
            bytes[..half].to_vec(),
            with(b"\""),
            with(b"'"),
            with(b"\\"),
            with(&[0]),
            with(b"\xff\xfe\x80"),
            with(b"\r\n\r\n"),
            with(&[b'x'; 5000]),
            [bytes.as_slice(), b"\\"].concat(),
            [b"\xef\xbb\xbf", bytes.as_slice()].concat(),
            vec![0; 100],
        ];
        for (n, bytes) in damaged.iter().enumerate() {
            let tree = tree_with(place, bytes);
            let ran = tree.run(&[&["--yes"], there.as_slice()].concat());
            assert!(matches!(ran.status, 0 | 1), "{name} {n}: {} {}", ran.status, ran.err);
            if ran.status == 1 {
                assert!(
                    ran.err.starts_with("dialin: ") && ran.err.trim_end().lines().count() == 1,
                    "{name} {n}: {}",
                    ran.err
                );
            } else {
                tree.change(&["undo"]);
            }
            assert_eq!(&fs::read(tree.at(place)).expect("a file"), bytes, "{name} {n}");
        }
    }
}
