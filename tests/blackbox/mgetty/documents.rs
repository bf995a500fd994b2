//! Section 14: the lines of the old documents, also those with slips of the pen.

use super::*;

/// login.config of the documents, with the tests' program in the place of theirs.
const LOGIN: &str = "/AutoPPP/ -\ta_ppp\tPROGRAM auth -chap +pap login detach kdebug 7 debug\n\
    call - - PROGRAM -S 123456\n\
    typo - - PROGRAM - S 123456\n\
    Top_Secret_Dialer  -   -   PROGRAM -S\n\
    call_to_Mary       -   -   PROGRAM -S 123456\n\
    call_to_Jonh       -   -   PROGRAM -S 654321\n";

#[test]
fn every_entry() {
    let rows: &[(&str, &[&str])] = &[
        ("/AutoPPP/", &["auth", "-chap", "+pap", "login", "detach", "kdebug", "7", "debug"]),
        ("call", &["-S", "123456"]),
        ("typo", &["-", "S", "123456"]),
        ("Top_Secret_Dialer", &["-S"]),
        ("call_to_Mary", &["-S", "123456"]),
        ("call_to_Jonh", &["-S", "654321"]),
    ];
    std::thread::scope(|scope| {
        for chunk in rows.chunks(2) {
            scope.spawn(move || {
                for (name, wanted) in chunk {
                    let mut getty = Getty::new("");
                    getty.login_config(LOGIN);
                    getty.start();
                    getty.wait_idle();
                    let said = getty.log_in(name);
                    let args: Vec<String> = (1..=wanted.len() + 1)
                        .filter_map(|n| {
                            let head = format!("<<arg{n}=");
                            said.lines()
                                .find_map(|l| Some(l.strip_prefix(&head)?.strip_suffix(">>")?.to_string()))
                        })
                        .collect();
                    assert_eq!(args, *wanted, "{name}: {said}");
                    // A typed name gets a cooked line, /AutoPPP/ too.
                    assert!(said.contains(" icanon"), "{name}: {said}");
                }
            });
        }
    });
}

/// `ttyS1 -D /dev/ttyS1 vt100`, in all the forms of the documents; the first operand counts.
#[test]
fn every_line_of_inittab() {
    for words in [
        "LINE -D /dev/LINE vt100",
        "LINE -s 115200 -D /dev/LINE",
        "LINE -D /dev/ttyS0 vt100",
        "-n 1 LINE -D",
        "/dev/LINE -s 9600 -n4",
    ] {
        let mut getty = Getty::new("rings 1");
        let line = getty.modem.line();
        let words: Vec<String> = words.split(' ').map(|word| word.replace("LINE", &line)).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        getty.running = Some(getty.sandbox.start(&getty.subject.path, &words));
        getty.wait_idle();
        assert!(getty.pid_path().exists());
    }
}

/// Files with names that no program reads, and an empty one that is read.
#[test]
fn files_with_other_names() {
    let mut getty = Getty::new("");
    for name in ["login.conf", "callback.conf", "mgetty.conf"] {
        getty.sandbox.write_etc(name, "* - - /bin/false\nrings 9\n", 0o600);
    }
    getty.sandbox.write_etc("callback.config", "", 0o644);
    getty.start();
    getty.wait_idle();
    assert!(getty.log_in("joe").contains("<<arg1=joe>>"));
}

/// A client's chat that sends an early CR is asked once more.
#[test]
fn an_early_return_is_asked_again() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    getty.modem.send("\r");
    let mark = getty.modem.expect("login: ", mark);
    std::thread::sleep(ms(60));
    getty.modem.send("pppuser\r");
    assert!(getty.said(mark).contains("<<arg1=pppuser>>"));
}

/// The entry of the file that `login-conf-file` names, below the configuration's directory or elsewhere.
#[test]
fn another_login_file() {
    for whole in [false, true] {
        let getty = Getty::new("");
        let name = if whole { "/run/other.config" } else { "other.config" };
        let mut getty = Getty { ..getty };
        getty.sandbox.write_etc("mgetty.config", &format!("{BASE}login-conf-file {name}\n"), 0o644);
        let program = getty.sandbox.path().join("bin/program");
        let text = format!("* - - {} other @\n", program.display());
        getty.sandbox.write_etc("other.config", &text, 0o600);
        std::fs::copy(getty.sandbox.etc("other.config"), getty.sandbox.run("other.config")).expect("copy");
        getty.start();
        getty.wait_idle();
        assert!(getty.log_in("joe").contains("<<arg1=other>>"), "{name}");
    }
}
