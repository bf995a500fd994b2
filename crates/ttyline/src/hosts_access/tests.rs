use super::*;
use proptest::prelude::*;

fn no_file(_: &str) -> Option<Vec<u8>> {
    None
}

fn visit(client: &str) -> Visit<'_> {
    Visit {
        daemon: "modemd",
        port: None,
        reached_at: None,
        client: client.parse().expect("an address"),
        name: Name::Unknown,
    }
}

fn granted(allow: &str, deny: &str, visit: &Visit<'_>) -> bool {
    let read = |path: &str| (path == "/friends").then(|| b"10.1. EXCEPT 10.1.9.\n192.168.2.1".to_vec());
    decide(&Rules::read(allow.as_bytes()), &Rules::read(deny.as_bytes()), visit, &read).granted
}

fn unescape(field: &str) -> String {
    let mut out = String::new();
    let mut chars = field.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => out.push(match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some(other) => other,
                None => '\\',
            }),
            (c, _) => out.push(c),
        }
    }
    out
}

/// 478 verdicts of the real library (tcpdmatch -d, tcp_wrappers 7.6.q).
#[test]
fn the_library_s_verdicts() {
    let table = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/conformance/hosts_access/verdicts.tsv"
    ));
    let (mut count, mut wrong) = (0, Vec::new());
    for line in table.lines().filter(|l| !l.starts_with("# ") || l.ends_with("ed")) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [allow, deny, daemon, client, verdict] = fields[..] else { panic!("{line}") };
        let visit = Visit { daemon, ..visit(client) };
        // What the library hands over to another program is refused here.
        if granted(&unescape(allow), &unescape(deny), &visit) != (verdict == "granted") {
            wrong.push(line);
        }
        count += 1;
    }
    assert_eq!(wrong, Vec::<&str>::new());
    assert_eq!(count, 478);
}

/// Found by asking the library; the table beside this has the rest.
#[test]
fn more_of_what_the_library_does() {
    let table = [
        ("modemd: 10.1.2.0/255.255.255.0\n", "10.1.2.3", true),
        ("modemd: 10.1.2.3/255.255.255.255\n", "10.1.2.3", false),
        ("modemd: 10.1.2.3/32\n", "10.1.2.3", true),
        ("modemd: 012.1.2.0/24x\n", "10.1.2.3", true),
        ("modemd: 10/8\n", "10.1.2.3", false),
        ("modemd: 0.0.0.0/0.0.0.0\n", "10.1.2.3", true),
        ("modemd: 10.0.2.1/255.0.255.1\n", "10.1.2.3", true),
        ("modemd: [2001:db8::5]/32\n", "2001:db8::7", true),
        ("modemd: [2001:db8::]/ffff\n", "::1", true),
        ("modemd: [ [::]/0 : bogus\n", "::1", true),
        ("modemd: 10.1.2.0/24.5\n", "10.1.2.3", true),
        ("modemd: [::1]/129\n", "::1", false),
        ("modemd: [::ffff:10.1.2.3]\n", "10.1.2.3", false),
        ("modemd: .1.2.3\n", "10.1.2.3", true),
        ("modemd: 10.*.\n", "10.1.2.3", false),
        ("modemd: ALL EXCEPT\n", "::1", true),
        ("modemd: EXCEPT 10.\n", "::1", false),
        ("ALL: UNKNOWN@ALL\n", "::1", true),
        ("ALL: KNOWN@ALL\n", "::1", false),
        ("ALL: ALL@\n", "::1", false),
        ("modemd@ALL: ALL\n", "::1", true),
        ("KNOWN: ALL\n", "::1", true),
        ("LOCAL: ALL\n", "::1", false),
        ("modemd: 10. : allow : deny\n", "10.1.2.3", false),
        ("modemd: 10. : severity = mail.info\n", "10.1.2.3", true),
        ("modemd: 10. : severity authpriv.info\n", "10.1.2.3", false),
        ("modemd: 10. : umask 01777\n", "10.1.2.3", false),
        ("modemd: 10. : nice\n", "10.1.2.3", true),
        ("modemd: 10. : \n", "10.1.2.3", false),
        ("modemd: 10. : spawn a\\: b : allow\n", "10.1.2.3", true),
        ("modemd: /friends\n", "10.1.2.3", true),
        ("modemd: /friends\n", "10.1.9.3", false),
        ("modemd: /friends\n", "192.168.2.1", true),
        ("modemd: 10.\n# x \\\nmodemd: ALL\n", "::1", false),
    ];
    for (allow, client, expected) in table {
        assert_eq!(granted(allow, "ALL: ALL\n", &visit(client)), expected, "{allow:?} {client}");
    }
}

#[test]
fn names_ports_and_own_addresses() {
    let known = Visit { name: Name::Known("box.foo.org"), ..visit("10.1.2.3") };
    let local = Visit { name: Name::Known("box"), ..visit("10.1.2.3") };
    let liar = Visit { name: Name::Paranoid, ..visit("10.1.2.3") };
    for (allow, visit, expected) in [
        ("ALL: .foo.org\n", &known, true),
        ("ALL: *.FOO.org\n", &known, true),
        ("ALL: .foo.org\n", &liar, false),
        ("ALL: KNOWN\n", &known, true),
        ("ALL: KNOWN\n", &liar, false),
        ("ALL: PARANOID\n", &liar, true),
        ("ALL: LOCAL\n", &local, true),
        ("ALL: LOCAL\n", &known, false),
        ("5800: ALL\n", &Visit { port: Some(5800), ..known }, true),
        ("5800: ALL\n", &known, false),
        ("modemd@10.9.: ALL\n", &Visit { reached_at: "10.9.8.7".parse().ok(), ..known }, true),
        ("modemd@10.9.: ALL\n", &known, false),
        ("ALL: 10.\n", &Visit { client: "::ffff:10.1.2.3".parse().expect("mapped"), ..known }, true),
    ] {
        assert_eq!(granted(allow, "ALL: ALL\n", visit), expected, "{allow:?}");
    }
}

#[test]
fn who_decided_and_what_the_administrator_ought_to_know() {
    let decide = |allow: &str, deny: &str| {
        decide(&Rules::read(allow.as_bytes()), &Rules::read(deny.as_bytes()), &visit("10.1.2.3"), &no_file)
    };
    assert_eq!(decide("", "").by, None);
    assert_eq!(decide("#\nALL: 10.\n", "").by, Some((Source::Allow, 2)));
    assert_eq!(decide("", "x: y\nALL: ALL\n").by, Some((Source::Deny, 2)));
    let spawned = decide("ALL: ALL: spawn /bin/true\n", "");
    assert!(spawned.granted && spawned.remark.is_some_and(|r| r.contains("not run")));
    let long = format!("x: {}\nALL: ALL\n", "y".repeat(3000));
    for (deny, granted) in
        [(&*long, false), ("x: y", false), ("x: y\0\n", false), ("x:\0\nALL: ALL\n", true), ("x\n", true)]
    {
        assert_eq!(decide("", deny).granted, granted, "{deny:.20}");
        assert!(decide(deny, "").granted);
    }
}

#[test]
fn a_name_is_looked_up_only_where_it_can_matter() {
    let needs = |rule: &str| needs_name(&Rules::read(rule.as_bytes()), &Rules::default());
    for rule in ["a: 10. 192.168.1.1 EXCEPT 10.1.2.0/24\n", "a: ALL\n", "a: [::1] [::]/0 @group\n"] {
        assert!(!needs(rule), "{rule}");
    }
    for rule in ["a: .foo.org\n", "a: host\n", "a: KNOWN\n", "a: PARANOID\n", "a: /file\n", "a: u@host\n"] {
        assert!(needs(rule), "{rule}");
    }
}

proptest! {
    #[test]
    fn any_file_is_read_without_harm(allow: Vec<u8>, deny in "(ALL|[a-z.]{0,9}| |:|\\n|\\\\|\\[|\\]|/|@|EXCEPT ){0,40}") {
        let _ = decide(&Rules::read(&allow), &Rules::read(deny.as_bytes()), &visit("::1"), &no_file);
    }

    #[test]
    fn globs_agree_with_the_slow_way(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        fn slow(p: &[u8], t: &[u8]) -> bool {
            match (p.split_first(), t.split_first()) {
                (None, None) => true,
                (Some((b'*', p)), _) if slow(p, t) => true,
                (Some((b'*', _)), Some((_, t))) => slow(p, t),
                (Some((b'?', p)), Some((_, t))) => slow(p, t),
                (Some((x, p)), Some((y, t))) => x == y && slow(p, t),
                _ => false,
            }
        }
        let (p, t) = (pattern.as_bytes(), text.as_bytes());
        let mut p2 = p.to_vec();
        prop_assert_eq!(matching::glob(p, t), slow(&p2, t));
        p2.push(b'*');
        prop_assert_eq!(matching::glob(&p2, t), slow(&p2, t));
    }
}
