//! Section 7: dialin.config, cnd-program and cid-program.

use super::*;

/// Writes down what it was given, then ends as `$1.code` says.
const TELLS: &str = r#"
me=$0
{ echo "count=$#"; for a in "$@"; do echo "<$a>"; done; env | grep -E '^(CALL|CONNECT|DEVICE)' | sort
  ls -l /proc/$$/fd | tr '\n' ' '; } >"$me.new"
mv "$me.new" "$me.told"
[ -f "$me.code" ] && . "$me.code"
exit 0
"#;

/// A getty whose `cnd-program` or `cid-program` is [`TELLS`].
fn asking(keyword: &str, config: &str, code: &str) -> Getty {
    let mut getty = Getty::new("");
    let program = getty.sandbox.script("tells", TELLS);
    std::fs::write(program.with_extension("code"), code).expect("a code");
    let text = format!("{BASE}{keyword} {}\n{config}\n", program.display());
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    getty
}

fn told(getty: &Getty) -> String {
    let file = getty.sandbox.path().join("bin/tells.told");
    wait::until("the program", || std::fs::read_to_string(&file).ok())
}

impl Getty {
    /// The modem says this; whether the call is answered.
    fn answers(&mut self, lines: &str) -> bool {
        let mark = self.modem.mark();
        self.modem.send(lines);
        let pid = self.running().pid();
        let denied = format!("denied caller dev={}, pid={pid}, caller='", self.modem.line());
        wait::until("a decision", || {
            let answered = self.modem.expect_within("ATA\r", mark, ms(1)).is_some();
            (answered || self.log().contains(&denied)).then_some(answered)
        })
    }
}

#[test]
fn dialin_config_decides_by_the_first_beginning() {
    let known = "\r\nNMBR = 5551234\r\nNAME = X\r\n";
    let table = [
        ("!all", "\r\nRING\r\n", false),
        ("!none", "\r\nRING\r\n", false),
        ("!none", known, true),
        ("555 !all", known, true),
        ("# 555\n!555,all", known, false),
        ("!5551234\n", known, false),
        ("!55512345", known, true),
        ("!", known, false),
        ("!P all", "\r\nNMBR = P\r\n", false),
    ];
    each(&table, |(file, lines, answered)| {
        let mut getty = Getty::new("");
        getty.sandbox.write_etc("dialin.config", &format!("{file}\n"), 0o644);
        getty.start();
        getty.wait_idle();
        assert_eq!(getty.answers(lines), *answered, "{file:?} {lines:?}\n{}", getty.log());
    });
}

#[test]
fn a_refused_caller_rings_out_and_the_next_is_answered() {
    let mut getty = Getty::new("");
    getty.sandbox.write_etc("dialin.config", "!666\n", 0o644);
    getty.start();
    getty.wait_idle();
    assert!(!getty.answers("\r\nNMBR = 666\r\nNAME = X\r\n"));
    assert!(getty.log().contains("caller='666'"), "{}", getty.log());
    wait::until("the line to be free", || (!getty.lock_path().exists()).then_some(()));
    let said = getty.log_in("joe");
    assert!(said.contains("<<CALLER_ID=none>>"), "{said}");
}

#[test]
fn cnd_program_is_told_of_the_call_and_only_1_is_no() {
    let table =
        [("exit 0", true), ("exit 1", false), ("exit 2", true), ("exit 127", true), ("kill -9 $$", true)];
    each(&table, |(code, answered)| {
        let mut getty = asking("cnd-program", "msn-list 1 42", code);
        assert_eq!(
            getty.answers("\r\nNAME = DOE JOHN\r\nDATE = 1120\r\nRING;555;42\r\n"),
            *answered,
            "{code}"
        );
        let line = getty.modem.line();
        let told = told(&getty);
        let wanted = format!("count=5\n<{line}>\n<555>\n<DOE JOHN>\n<2>\n<42>\n");
        assert!(told.starts_with(&wanted), "{told}");
        for variable in
            ["CALLER_ID=555", "CALLER_NAME=DOE JOHN", "CALLED_ID=42", "CALL_DATE=1120", "CONNECT="]
        {
            assert!(told.contains(&format!("\n{variable}\n")), "{variable}: {told}");
        }
        assert!(told.contains(&format!("DEVICE={line}\n")), "{told}");
        if !getty.subject.original {
            assert!(
                !told.lines().last().expect("descriptors").contains("pts/"),
                "the line is not open: {told}"
            );
        }
    });
}

#[test]
fn cnd_program_is_told_that_nothing_is_known() {
    let mut getty = asking("cnd-program", "", "");
    assert!(getty.answers("\r\nRING\r\n"));
    let told = told(&getty);
    assert!(told.starts_with(&format!("count=5\n<{}>\n<none>\n<>\n<0>\n<>\n", getty.modem.line())), "{told}");
}

#[test]
fn what_comes_from_the_network_runs_no_command() {
    let mut getty = asking("cnd-program", "", "");
    let trap = getty.sandbox.path().join("trap");
    getty.answers(&format!("\r\nFM:`x`$(y) TO:5';touch {};'\r\n", trap.display()));
    if getty.subject.original {
        return; // It does run it, as root.
    }
    let told = told(&getty);
    assert!(!trap.exists() && told.starts_with("count=5\n"), "{told}");
    let arguments = told.split("CALLED_ID").next().unwrap_or_default();
    assert!(!arguments.contains(['\'', ';', '$', '`', '(']), "{told}");
    let mut getty = asking("cnd-program", "", "");
    getty.answers("\r\nRING;--help;-x\r\n");
    assert!(self::told(&getty).contains("<help>\n<>\n<0>\n<x>\n"));
}

#[test]
fn cid_program_says_how_many_rings_to_wait_for() {
    let ring = "\r\nRING\r\n";
    let known = "\r\nNMBR = 555\r\nNAME = X\r\n";
    // Rings wanted, exit code, what the modem says, how often until the answer.
    let table = [
        (5, 11, known, 1),
        (5, 12, known, 2),
        (2, 0, known, 2),
        (2, 10, known, 2),
        (9, 11, ring, 3),
        (9, 14, ring, 4),
    ];
    each(&table, |(rings, code, lines, until)| {
        let getty = asking("cid-program", &format!("rings {rings}"), &format!("exit {code}"));
        for n in 1..=*until {
            let mark = getty.modem.mark();
            getty.modem.send(lines);
            let limit = if n == *until { wait::PATIENCE } else { ms(400) };
            let answered = getty.modem.expect_within("ATA\r", mark, limit).is_some();
            assert_eq!(answered, n == *until, "{code} after {n} of {until}\n{}", getty.log());
        }
        let count = std::fs::read_to_string(getty.sandbox.path().join("bin/tells.told")).unwrap_or_default();
        assert!(count.starts_with("count=5\n"), "{count}");
    });
}

#[test]
fn a_program_that_hangs_is_killed_and_the_caller_answered() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return; // It waits for ever.
    }
    let program = getty.sandbox.script("hangs", "sleep 1000 & wait");
    let text = format!("{BASE}cnd-program {}\ncaller-program-time 1\n", program.display());
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    assert!(getty.answers("\r\nRING\r\n"));
    getty.wait_log("cnd-program: its time was over, killed");
    // No time at all would let in whom it refuses.
    let mut getty = asking("cnd-program", "caller-program-time 0", "exit 1");
    assert!(!getty.answers("\r\nRING\r\n"));
    // A getty that is told to end while it asks takes the program with it.
    let mut getty = Getty::new("");
    let pid = getty.sandbox.path().join("bin/pid");
    let program = getty
        .sandbox
        .script("hangs", &format!("echo $$ >{0}.new; mv {0}.new {0}; sleep 1000 & wait", pid.display()));
    getty.sandbox.write_etc("mgetty.config", &format!("{BASE}cnd-program {}\n", program.display()), 0o644);
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    let asked: i32 =
        wait::until("the program", || std::fs::read_to_string(&pid).ok()).trim().parse().unwrap();
    getty.running().signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(getty.status(), 10);
    wait::until("the program's end", || {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(asked), None).is_err().then_some(())
    });
}

#[test]
fn a_file_that_cannot_be_read_answers_nobody() {
    let mut getty = Getty::new("");
    std::fs::create_dir(getty.sandbox.etc("dialin.config")).unwrap();
    getty.start();
    getty.wait_idle();
    let answered = getty.answers("\r\nRING\r\n");
    assert_eq!(answered, getty.subject.original, "{}", getty.log());
}

/// The original takes the CR for a part of the word, which then is about nobody.
#[test]
fn a_file_with_the_line_ends_of_windows() {
    let mut getty = Getty::new("");
    getty.sandbox.write_etc("dialin.config", "555\r\n!all\r\n", 0o644);
    getty.start();
    getty.wait_idle();
    let original = getty.subject.original;
    assert_eq!(getty.answers("\r\nRING\r\n"), original);
}

#[test]
fn a_plain_ring_does_not_take_the_distinctive_one_back() {
    let mut getty = asking("cnd-program", "rings 2", "");
    assert!(getty.answers("\r\nRING 2\r\nRING\r\n"));
    assert!(told(&getty).contains("<none>\n<>\n<2>\n"), "{}", told(&getty));
}
