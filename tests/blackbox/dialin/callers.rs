//! Who may call: caller ID, accounts, AutoPPP, call-back; every row of spec/admin.md 1.4 to 1.6.

use super::tree::Tree;

const DIALIN: &str = "/etc/mgetty/dialin.config";
const LOGIN: &str = "/etc/mgetty/login.config";
const PAP: &str = "/etc/ppp/pap-secrets";
const CHAP: &str = "/etc/ppp/chap-secrets";

#[test]
fn a_new_caller_stands_above_the_rule_for_everybody() {
    let tree = Tree::with(&[(DIALIN, "# friends\n832, 555\t!416\n\n!all # nobody else\n")]);
    tree.change(&["callerid", "add", "+4930"]);
    tree.change(&["callerid", "add", "OUT_OF_AREA", "--deny"]);
    // Letters that modems tell instead of a number.
    for letter in ["O", "P"] {
        tree.change(&["callerid", "add", letter, "--deny"]);
        tree.change(&["undo"]);
    }
    assert_eq!(tree.read(DIALIN), "# friends\n832, 555\t!416\n\n+4930\n!OUT_OF_AREA\n!all # nobody else\n");
    tree.change(&["callerid", "mv", "3", "1"]);
    tree.change(&["callerid", "set", "2", "833"]);
    tree.change(&["callerid", "rm", "5"]);
    assert_eq!(tree.read(DIALIN), "# friends\n!416, 833\t555\n\n+4930\n!all # nobody else\n");
    for (caller, status, rule) in
        [("5551234", 0, "rule 3"), ("4161", 3, "rule 1"), ("none", 3, "rule 5"), ("+493012", 0, "rule 4")]
    {
        let ran = tree.run(&["callerid", "test", caller]);
        assert_eq!(ran.status, status, "{}", ran.out);
        assert!(ran.out.contains(rule), "{}", ran.out);
    }
    // A `#` behind words begins no comment for mgetty: its words are rules, here never reached.
    let list = tree.run(&["callerid", "list"]).ok();
    assert!(
        list.contains(
            "6  answer  numbers that begin with #   (never reached: a rule above is for everybody)"
        ),
        "{list}"
    );
    let lone = Tree::with(&[(DIALIN, "!\n")]);
    assert!(lone.run(&["callerid", "list"]).ok().contains("a lone ! refuses everybody"));
    for bad in ["5 5", "5,5", "#5", ""] {
        tree.run(&["--yes", "callerid", "add", bad]).refused();
    }
    assert!(tree.run(&["--yes", "callerid", "rm", "99"]).refused().contains("there is no rule 99"));
}

#[test]
fn secrets_are_quoted_as_pppd_reads_them() {
    let tree = Tree::with(&[(PAP, "# users\nann\t*\t'my pass'\t10.0.0.2 -- idle 60 # the boss\n")]);
    let out = tree.feed(
        "pa\"ss #1\n",
        &["--yes", "account", "add", "bob", "--addresses", "!10.0.0.0/8,192.168.1.0/24+"],
    );
    assert!(!format!("{}{}", out.out, out.err).contains("ss #1"));
    out.ok();
    let new = "bob\t*\t\"pa\\\"ss #1\"\t!10.0.0.0/8\t192.168.1.0/24+\n";
    assert_eq!(tree.read(PAP), format!("# users\nann\t*\t'my pass'\t10.0.0.2 -- idle 60 # the boss\n{new}"));
    assert_eq!(tree.read(CHAP), new);
    assert_eq!((tree.mode(PAP), tree.mode(CHAP)), (0o600, 0o600), "narrowed to its owner");
    // Only what is meant is changed.
    tree.change(&["account", "set", "ann", "--addresses", "any"]);
    assert_eq!(tree.read(PAP), format!("# users\nann\t*\t'my pass'\t* -- idle 60 # the boss\n{new}"));
    tree.feed("n'ew\n", &["--yes", "account", "set", "ann", "--secret"]).ok();
    assert_eq!(tree.read(PAP), format!("# users\nann\t*\t\"n'ew\"\t* -- idle 60 # the boss\n{new}"));
    tree.change(&["account", "rm", "bob"]);
    assert_eq!((tree.read(PAP).lines().count(), tree.read(CHAP).as_str()), (2, ""));
    let all = tree.run(&["account", "list"]).ok()
        + &tree.run(&["--json", "account", "list"]).ok()
        + &tree.run(&["log", "1"]).ok();
    assert!(!all.contains("n'ew") && !all.contains("pa\""), "{all}");
}

#[test]
fn an_account_is_tested_as_pppd_chooses_it() {
    let tree = Tree::with(&[
        (PAP, "* * \"\" *\nbob * s3cret 10.0.0.2\nann srv x\n\"\" * any *\n"),
        ("/etc/ppp/options", "name srv\n"),
    ]);
    for (words, status, said) in [
        (&["bob"][..], 0, "pap-secrets:2:1 decides and lets him in"),
        (&["bob", "--address", "10.0.0.3"], 3, "10.0.0.3 is refused"),
        (&["bob", "--address", "10.0.0.2"], 0, "10.0.0.2 is allowed"),
        (&["ann"], 3, "no address is allowed"),
        (&["zoe"], 0, "it is everybody's account"),
    ] {
        let ran = tree.run(&[&["account", "test"], words].concat());
        assert_eq!(ran.status, status, "{words:?}: {}", ran.out);
        assert!(ran.out.contains(said), "{words:?}: {}", ran.out);
    }
    assert_eq!(tree.feed("wrong\n", &["account", "test", "bob", "--secret"]).status, 3);
    assert_eq!(tree.feed("s3cret\n", &["account", "test", "bob", "--secret"]).status, 0);
    let list = tree.run(&["account", "list"]).ok();
    assert!(list.contains("callers without a name only"), "{list}");
    // A secret in a file is the file's first word; `-` allows no address.
    tree.write(PAP, "mary * @/etc/ppp/mary *\ngone * @/etc/ppp/none *\nguest * x -\n");
    tree.write("/etc/ppp/mary", "'s3 cret' # of mary\n");
    for (input, name, status, said) in [
        ("s3 cret\n", "mary", 0, "the secret is right"),
        ("wrong\n", "mary", 3, "the secret is wrong"),
        ("x\n", "gone", 3, "there is no secret in"),
        ("x\n", "guest", 3, "no address is allowed"),
    ] {
        let ran = tree.feed(input, &["account", "test", "--secret", name]);
        assert_eq!((ran.status, ran.out.contains(said)), (status, true), "{name}: {}", ran.out);
    }
}

#[test]
fn an_account_is_tested_by_what_the_server_asks_for() {
    // The hash is crypt's of `s3cret`, the only form that counts where `papcrypt` is set.
    let hash =
        "$6$ringback$ZsCmmYUPtsoi1GM6/QHs2yu9m7QGwNFS6HRyV66G58yhoIkaPV/BVge.EdxUKualkvojyUG2eoXAPk6pBPIsq1";
    let both = [(PAP, "bob * s3cret *\nzoe * s3cret *\n"), (CHAP, "bob * s3cret *\n")];
    for (options, words, input, status, said) in [
        ("require-chap\n", &["bob"][..], "", 0, "not asked for PAP: the server demands require-chap"),
        ("require-chap\n", &["zoe"], "", 3, "chap: no account for zoe"),
        ("require-mschap-v2\n", &["zoe"], "", 3, "demands require-mschap-v2"),
        ("require-pap\n", &["bob"], "", 0, "not asked for CHAP: the server demands require-pap"),
        ("require-pap\nrequire-chap\n", &["zoe"], "", 0, "decides and lets him in"),
        ("require-chap\n", &["bob", "--secret"], "s3cret\n", 0, "the secret is right"),
        ("require-chap\n", &["bob", "--secret"], "s3cre\n", 3, "the secret is wrong"),
        ("papcrypt\nrequire-pap\n", &["bob", "--secret"], "s3cret\n", 3, "the secret is wrong"),
    ] {
        for place in ["/etc/ppp/options", "/etc/ppp/peers/dialin"] {
            let tree = Tree::with(&both);
            tree.write(place, options);
            let ran = tree.feed(input, &[&["account", "test"], words].concat());
            assert_eq!(ran.status, status, "{options}{words:?}: {}", ran.out);
            assert!(ran.out.contains(said), "{options}{words:?}: {}", ran.out);
        }
    }
    let tree = Tree::with(&[(PAP, &format!("bob * {hash} *\n")), (CHAP, &format!("bob * {hash} *\n"))]);
    let ran = tree.feed("s3cret\n", &["account", "test", "bob", "--secret"]);
    assert!(ran.out.contains("pap: ") && ran.out.matches("the secret is right").count() == 1, "{}", ran.out);
}

#[test]
fn accounts_that_would_not_work_are_refused() {
    let zoe = "zoe * x *\n";
    let tree = Tree::with(&[(PAP, "bob * x *\n"), (CHAP, zoe), ("/etc/ppp/options", "auth\n")]);
    for (input, words, said) in [
        ("\n", &["add", "ann"][..], "an empty secret lets everybody in"),
        ("@x\n", &["add", "ann"], "the name of a file"),
        ("x\n", &["add", ""], "everybody is `*`"),
        ("x\n", &["add", "bob"], "already"),
        ("x\n", &["add", "ann", "--addresses", "300.1.1.1"], "neither an address nor a network"),
        ("x\n", &["set", "nobody", "--secret"], "there is no account nobody"),
        ("", &["rm", "nobody"], "there is no account nobody"),
        ("", &["sync", "--group", "dip"], "there is no group dip"),
        ("", &["set", "zoe", "--no-secret"], "an account for CHAP too"),
    ] {
        let err = tree.feed(input, &[&["--yes", "account"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
    }
    let noted = tree.change(&["account", "add", "*", "--no-secret", "--pap"]);
    assert!(noted.contains("everybody's") && noted.contains("takes any password"), "{noted}");
    assert_eq!(tree.read(CHAP), zoe);
    // One says that there is a secret, the other that there is none, or that it is for CHAP.
    for words in [["set", "bob", "--no-secret", "--secret"], ["add", "ann", "--no-secret", "--chap"]] {
        assert_eq!(tree.run(&[&["--yes", "account"], &words[..]].concat()).status, 2, "{words:?}");
    }
    let open = Tree::with(&[(PAP, "bob * \"x\n")]);
    assert!(open.feed("y\n", &["--yes", "account", "add", "ann"]).refused().contains("never closed"));
}

#[test]
fn accounts_follow_a_unix_group() {
    let tree = Tree::with(&[
        ("/etc/group", "root:x:0:\ndip:x:30:ann,bob\n"),
        ("/etc/passwd", "root:x:0:0::/:/bin/sh\nzoe:x:1001:30::/:/bin/sh\n"),
        (PAP, "# mine\nbob * s3cret *\n"),
        ("/etc/ppp/options", "auth\n"),
    ]);
    assert!(
        tree.run(&["--yes", "account", "sync", "--group", "dip"]).refused().contains("`login` is not set")
    );
    tree.change(&["ppp", "set", "--dialin", "login"]);
    tree.change(&["account", "sync", "--group", "dip"]);
    let mark = "# dialin account sync, group dip\n";
    let line = |name: &str| format!("{name}\t*\t\"\"\t*\t{mark}");
    assert_eq!(tree.read(PAP), format!("# mine\nbob * s3cret *\n{}{}", line("ann"), line("zoe")));
    tree.write("/etc/group", "dip:x:30:bob\n");
    tree.change(&["account", "sync", "--group", "dip"]);
    assert_eq!(
        tree.read(PAP),
        format!("# mine\nbob * s3cret *\n{}", line("zoe")),
        "only what sync wrote goes"
    );
    assert_eq!(tree.change(&["account", "sync", "--group", "dip"]), "nothing to change\n");
}

#[test]
fn autoppp_stands_where_it_is_reached_and_keeps_its_arguments() {
    let debian =
        "#\n#/AutoPPP/ -\ta_ppp\t/usr/sbin/pppd auth -chap +pap login debug\n*\t-\t-\t/bin/login @\n";
    let tree = Tree::with(&[(LOGIN, debian)]);
    tree.change(&["autoppp", "on"]);
    assert_eq!(tree.read(LOGIN), debian.replace("#/Auto", "/Auto"), "what the distribution ships");
    assert_eq!(tree.mode(LOGIN), 0o600, "mgetty takes it with this mode only");
    tree.change(&["autoppp", "off"]);
    assert_eq!(tree.read(LOGIN), debian);
    tree.change(&["autoppp", "on", "--args", "call dialin"]);
    assert!(tree.read(LOGIN).contains("/AutoPPP/\t-\ta_ppp\t/usr/sbin/pppd call dialin\n*\t"));
    tree.change(&["autoppp", "on", "--args", "call other"]);
    assert!(tree.read(LOGIN).contains("/AutoPPP/\t-\ta_ppp\t/usr/sbin/pppd call other\n*\t"));
    // Below `*` it is never reached, and moves up with its arguments.
    let below = Tree::with(&[(LOGIN, "* - - /bin/login @\n/AutoPPP/ - a_ppp /usr/sbin/pppd auth mine\n")]);
    assert!(below.run(&["autoppp", "show"]).ok().starts_with("off: `*`"));
    below.change(&["autoppp", "on"]);
    assert_eq!(below.read(LOGIN), "/AutoPPP/\t-\ta_ppp\t/usr/sbin/pppd auth mine\n* - - /bin/login @\n");
    // Format 2 has a column more.
    let two = Tree::with(&[(LOGIN, "!version 2\n* - - - /bin/login @\n")]);
    two.change(&["autoppp", "on"]);
    assert_eq!(
        two.read(LOGIN),
        "!version 2\n/AutoPPP/\t-\t-\ta_ppp\t/usr/sbin/pppd auth\n* - - - /bin/login @\n"
    );
    assert!(
        two.run(&["--yes", "autoppp", "on", "--args", "1 2 3 4 5 6 7 8 9 10"])
            .refused()
            .contains("takes 9 at most")
    );
}

#[test]
fn lines_for_called_back_callers_are_not_those_of_others() {
    let tree = Tree::with(&[(
        "/etc/mgetty/login.config",
        "!version 2\noperator_7 N - - /usr/sbin/callback -S 030\n* Y - @ /bin/login @\n* N - - /bin/false\n",
    )]);
    let told = tree.run(&["callback", "test", "zoe"]);
    assert!(told.status == 3 && told.out.contains("login.config:4:1 runs /bin/false"), "{}", told.out);
    assert!(tree.run(&["autoppp", "show"]).ok().contains("login.config:4:1"));
}

#[test]
fn limits_for_all_are_set_where_they_hold_for_all() {
    let path = "/etc/mgetty/callback.config";
    let bob = "user bob\n  attempts 1 2\n  number-allow 99\n";
    let tree = Tree::with(&[(path, &format!("number-allow 030\nnumber-allow 040\n{bob}"))]);
    tree.change(&["callback", "set", "attempts=3 4", "number-allow=050", "number-allow=060"]);
    assert_eq!(
        tree.read(path),
        format!("attempts 3 4\nnumber-allow 050 060\n{bob}").as_str(),
        "sections stay"
    );
    for (words, said) in [
        (&["attempts=1 2", "attempts=3 4"][..], "said twice"),
        (&["user=zoe"], "begins a section"),
        (&["attempts=x"], "two numbers"),
        (&["nosuch=1"], "unknown keyword"),
    ] {
        let err = tree.run(&[&["--yes", "callback", "set"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
    }
}

#[test]
fn who_is_called_back() {
    let tree = Tree::with(&[
        (LOGIN, "* - - /bin/login @\n"),
        ("/etc/passwd", "joe:x:1000:1000::/:/bin/sh\n"),
        ("/etc/mgetty/callback.config", "# mine\ndelay 20 \ncountry-code 49\n"),
    ]);
    tree.change(&["callback", "add", "call_to_Mary", "123456"]);
    let noted = tree.change(&["callback", "add", "cback"]);
    assert!(noted.contains("whoever guesses it"), "{noted}");
    tree.change(&["callback", "add", "Top_Secret_Dialer"]);
    assert_eq!(
        tree.read(LOGIN),
        "call_to_Mary\t-\t-\t/usr/sbin/callback -S 123456\ncback\t-\t-\t/usr/sbin/callback -S\n\
         Top_Secret_Dialer\t-\t-\t/usr/sbin/callback -S\n* - - /bin/login @\n"
    );
    for (words, said) in [
        (&["add", "*"][..], "again and again"),
        (&["add", "joe"], "a user has this name"),
        (&["add", "mary", "12;34"], "nothing was changed"),
        (&["add", "mary x"], "without blanks"),
        (&["rm", "nobody"], "not called back"),
        (&["set", "delay=soon"], "expected a number"),
        (&["set", "dealy=5"], "unknown keyword"),
    ] {
        let err = tree.run(&[&["--yes", "callback"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
    }
    tree.change(&["callback", "set", "delay=30", "number-allow=030"]);
    assert_eq!(
        tree.read("/etc/mgetty/callback.config"),
        "# mine\ndelay 30 \ncountry-code 49\nnumber-allow 030\n"
    );
    for (words, status) in [
        (&["call_to_Mary"][..], 0),
        (&["cback", "0301234567"], 0),
        (&["cback", "0900123456"], 3),
        (&["cback", "x"], 3),
        (&["ann"], 3),
    ] {
        let ran = tree.run(&[&["callback", "test"], words].concat());
        assert_eq!(ran.status, status, "{words:?}: {}{}", ran.out, ran.err);
    }
    tree.change(&["callback", "rm", "cback"]);
    assert_eq!(tree.run(&["callback", "list"]).ok().lines().count(), 2);
}

#[test]
fn modems_are_shared_and_mserver_itself_judges() {
    let conf = "/etc/mserver.conf";
    let tree = Tree::with(&[(conf, "# modems\n2006  /dev/ttyS1 115200,8,N,1 127.0.0.1 # one\n")]);
    let noted = tree.change(&["share", "add", "2007", "/dev/ttyS2"]);
    assert!(noted.contains("only this machine is admitted"), "{noted}");
    tree.change(&["share", "set", "2006", "--hosts", "192.168.2.*", "idle=600", "busy-text=all busy"]);
    tree.change(&["share", "set", "2006", "--unset", "idle", "--settings", "9600,8,N,1"]);
    assert_eq!(
        tree.read(conf),
        "# modems\n2006  /dev/ttyS1 9600,8,N,1 192.168.2.* busy-text=\"all busy\" # one\n2007 /dev/ttyS2 115200,8,N,1\n"
    );
    for (words, said) in [
        (&["add", "0", "/dev/ttyS3"][..], "is no port"),
        (&["add", "2008", "ttyS3"], "path of a device"),
        (&["add", "2008", "/dev/ttyS3", "--settings", "fast"], "nothing was changed"),
        (&["add", "2008", "/dev/ttyS3", "colour=red"], "nothing was changed"),
        (&["add", "2006", "/dev/ttyS1"], "already"),
        (&["rm", "2999"], "nothing is shared"),
    ] {
        let err = tree.run(&[&["--yes", "share"], words].concat()).refused();
        assert!(err.contains(said), "{words:?}: {err}");
    }
    tree.change(&["share", "rm", "2007"]);
    assert_eq!(tree.read(conf).lines().count(), 2);
    assert!(tree.run(&["share", "list"]).ok().contains("192.168.2.*"));
}

#[test]
fn strangers_bytes_do_not_reach_the_terminal() {
    // The last is a C1 control, which JSON would leave as it is.
    let esc = "\x1b[2J\x1b]0;x\x07\u{9b}2J";
    let tree = Tree::with(&[
        (PAP, &format!("{esc} * x {esc}\n")),
        (DIALIN, &format!("{esc}\n")),
        (LOGIN, &format!("{esc} - - /usr/sbin/callback {esc}\n/AutoPPP/ - {esc} /usr/sbin/pppd {esc}\n")),
        ("/etc/mserver.conf", &format!("{esc} {esc} {esc}\n")),
        ("/etc/ppp/options", &format!("{esc} idle {esc}\n")),
        ("/etc/inittab", &format!("S1:23:respawn:/sbin/mgetty {esc}\n")),
        ("/etc/mgetty/mgetty.config", &format!("{esc} {esc}\n")),
        ("/var/log/ringback/calls.jsonl", &format!("{{\"v\":1,\"caller\":\"\u{9b}2J\"}}\n{esc}\n")),
        (&format!("/run/ringback/lines/{esc}.json"), "{"),
    ]);
    // One change for the journal.
    tree.feed("x\n", &["--yes", "account", "add", "ann\u{9b}2J"]);
    let mut shown = String::new();
    for words in [
        &["account", "list"][..],
        &["callerid", "list"],
        &["callback", "list"],
        &["autoppp", "show"],
        &["share", "list"],
        &["ppp", "show"],
        &["callerid", "test", esc],
        &["line", "list"],
        &["lint"],
        &["explain", esc],
        &["calls"],
        &["calls", "--summary"],
        &["status"],
        &["doctor"],
        &["--plan", "account", "sync", "--group", esc],
        &["account", "test", esc],
        &["callback", "test", esc],
        &["--plan", "account", "rm", esc],
        &["--plan", "callerid", "rm", "1"],
        &["--yes", "share", "rm", esc],
        &["--yes", "ppp", "set", esc],
        &["--yes", "autoppp", "off"],
        &["log"],
        &["log", "1"],
        &["--root", esc, "log"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = tree.run(&[json, words].concat());
            shown += &ran.out;
            shown += &ran.err;
        }
    }
    let odd = |c: char| c != '\n' && c != '\t' && !(' '..='~').contains(&c) && !"…×".contains(c);
    assert!(!shown.contains(odd), "{:?}", shown.lines().find(|l| l.contains(odd)));
    assert!(shown.contains("\\x1b"));
}
