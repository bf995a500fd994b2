//! Sections 10 and 12: login.config and the state in which the program starts.

use super::*;

/// Entries tried with one name: login.config, name typed, what must be in what the program says.
fn check(config: &str, name: &str, wanted: &[&str]) {
    let mut getty = Getty::new("");
    getty.login_config(config);
    getty.start();
    getty.wait_idle();
    let said = getty.log_in(name);
    for text in wanted {
        assert!(said.contains(text), "{config:?} {name:?}: no {text} in {said}");
    }
}

#[test]
fn keys_arguments_and_versions() {
    let table: &[(&str, &str, &[&str])] = &[
        ("joe - - PROGRAM exact\n* - - PROGRAM star\n", "joe", &["<<arg1=exact>>"]),
        ("joe - - PROGRAM exact\n* - - PROGRAM star\n", "Joe", &["<<arg1=star>>"]),
        ("jo* - - PROGRAM start\n", "joe", &["<<arg1=start>>"]),
        ("*oe - - PROGRAM end\n", "joe", &["<<arg1=end>>"]),
        ("*o* - - PROGRAM middle\n", "joe", &["<<arg1=middle>>"]),
        (
            "# no\n\njoe -\n* \t - - \t PROGRAM  a  x@ @ \\I \\Y\n",
            "joe",
            &["<<arg1=a>>", "<<arg2=x@>>", "<<arg3=joe>>", "<<arg4=33600>>", "<<arg5=none>>"],
        ),
        ("* - - PROGRAM 1 2 3 4 5 6 7 8 9 10 11\n", "joe", &["<<arg9=9>>"]),
        ("!version 2\njoe Y - - PROGRAM back\njoe N - - PROGRAM first\n", "joe", &["<<arg1=first>>"]),
        ("!version 2\n!version 1\njoe - - PROGRAM one\n", "joe", &["<<arg1=one>>"]),
        ("* nobody - PROGRAM @\n", "joe", &["uid=65534", "<<arg1=joe>>"]),
        (
            "* - - PROGRAM $HOME ~ 'a b' ;ls\n",
            "joe",
            &["<<arg1=$HOME>>", "<<arg2=~>>", "<<arg3='a>>", "<<arg5=;ls>>"],
        ),
    ];
    std::thread::scope(|scope| {
        for chunk in table.chunks(4) {
            scope.spawn(move || chunk.iter().for_each(|(config, name, wanted)| check(config, name, wanted)));
        }
    });
}

#[test]
fn the_program_runs_in_the_gettys_place() {
    let mut getty = Getty::idle("");
    let pid = getty.running().pid();
    let said = getty.log_in("joe");
    assert!(said.contains(&format!("<<program pid={pid} uid=0")), "{said}");
    assert!(said.contains(&format!("lock: {pid:>10}")), "the lock stays valid: {said}");
    assert!(!getty.pid_path().exists());
    assert!(said.contains(&format!("<<DEVICE={}>>", getty.modem.line())), "{said}");
    assert!(said.contains("<<CALLER_ID=none>>") && said.contains("<<CONNECT=33600>>"), "{said}");
    // Session leader with the line as its terminal: pid, session and group are one.
    let stat = said.lines().find(|l| l.starts_with(&format!("{pid} ("))).expect("stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    assert_eq!((fields[2], fields[3]), (pid.to_string().as_str(), pid.to_string().as_str()), "{stat}");
    assert_ne!(fields[4], "0", "a controlling terminal");
    let mask = |name: &str| {
        said.lines()
            .find(|l| l.starts_with(name))
            .map(|l| l.split_whitespace().nth(1).expect("a mask").to_string())
    };
    assert_eq!(mask("SigBlk:"), Some("0000000000000000".into()), "{said}");
    // Real-time signals are as init (here: the test's own parent) left them.
    let ignored = u64::from_str_radix(&mask("SigIgn:").expect("a mask"), 16).expect("a number");
    assert_eq!(ignored & 0x7fff_ffff, 0, "{said}");
    // 0, 1, 2 on the line; the shell itself keeps its script open.
    let fds = said.lines().filter(|l| l.starts_with("fd:") && l.contains("->"));
    for fd in fds {
        if getty.subject.original {
            // Difference: it hands on what it was started with.
            continue;
        }
        let own = fd.contains("bin/program") || fd.contains("/proc/") || fd.contains("pipe:");
        assert!(own || fd.contains(&getty.modem.line()), "{fd}");
    }
    getty.modem.send("bye\r");
    assert_eq!(getty.status(), 0);
}

#[test]
fn no_match_runs_login() {
    let mut getty = Getty::new("");
    getty.login_config("nobodyelse - - PROGRAM\n");
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send("ringback-test\r");
    getty.modem.expect("assword:", mark);
    assert!(getty.log().contains("cmd='/bin/login'"), "{}", getty.log());
}

#[test]
fn an_unknown_user_lets_nobody_in() {
    let mut getty = Getty::new("");
    getty.login_config("joe nosuchuser - PROGRAM first\n* - - PROGRAM second\n");
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send("joe\r");
    if getty.subject.original {
        // Difference: the original runs it as root.
        assert!(getty.said(mark).contains("uid=0"));
        return;
    }
    assert_eq!(getty.status(), 1);
    assert!(!String::from_utf8_lossy(&getty.modem.received(mark)).contains("<<"));
    assert!(getty.log().contains("login.config:1:1: no user `nosuchuser`"), "{}", getty.log());
    assert!(!getty.lock_path().exists());
}

#[test]
fn a_file_that_others_can_read_lets_nobody_in() {
    for bits in [0o644, 0o660] {
        let mut getty = Getty::new("");
        getty.sandbox.write_etc("login.config", "* - - /bin/false\n", bits);
        getty.start();
        getty.wait_idle();
        let mark = getty.prompt();
        getty.modem.send("joe\r");
        if getty.subject.original {
            // Difference: the original falls back to /bin/login.
            getty.modem.expect("assword:", mark);
            continue;
        }
        assert_eq!(getty.status(), 1);
        assert!(getty.log().contains("nobody may log in"), "{}", getty.log());
    }
}

#[test]
fn a_missing_file_runs_login() {
    let mut getty = Getty::new("");
    std::fs::remove_file(getty.sandbox.etc("login.config")).expect("remove");
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send("ringback-test\r");
    getty.modem.expect("assword:", mark);
}

#[test]
fn a_program_that_cannot_run() {
    let mut getty = Getty::new("");
    getty.login_config("* - - /nonexistent/program @\n");
    getty.start();
    getty.wait_idle();
    getty.prompt();
    getty.modem.send("joe\r");
    assert_eq!(getty.status(), 255);
    if !getty.subject.original {
        assert!(!getty.lock_path().exists());
    }
}

#[test]
fn a_session_in_utmp() {
    use ttyline::sys::utmp;
    let mut getty = Getty::new("");
    let (utmp_file, wtmp) = (getty.sandbox.run("utmp"), getty.sandbox.path().join("log/wtmp"));
    std::fs::write(&wtmp, "").expect("wtmp");
    getty.login_config("joe - @ PROGRAM @\n");
    // As init does: a record with the getty's pid, before it is started.
    let init = getty.sandbox.script(
        "init",
        r#"bytes=$(printf '\\%03o' $(($$ & 255)) $(($$ >> 8 & 255)) $(($$ >> 16 & 255)))
printf "\\005\\000\\000\\000$bytes\\000" > /run/utmp
{ head -c 32 /dev/zero; printf s1; head -c 342 /dev/zero; } >> /run/utmp
exec "$@""#,
    );
    let line = getty.modem.line();
    let program = getty.subject.path.display().to_string();
    getty.running = Some(getty.sandbox.start(&init, &[&program, &line]));
    getty.wait_idle();
    let pid = getty.running().pid().as_raw();
    let mark = getty.prompt();
    let (kind, line, user, host) = utmp::look(&utmp_file, pid).expect("our record");
    assert_eq!((kind, line, user.as_str(), host.as_str()), (6, getty.modem.line(), "LOGIN", "33600"));
    getty.modem.send("joe\r");
    getty.said(mark);
    let (kind, _, user, host) = utmp::look(&utmp_file, pid).expect("our record");
    assert_eq!((kind, user.as_str(), host.as_str()), (7, "joe", "33600"));
    assert_eq!(std::fs::metadata(&wtmp).expect("wtmp").len(), 2 * utmp::RECORD as u64);
}
