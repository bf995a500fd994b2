//! Section 9: AutoPPP.

use super::*;

const FRAME: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x34\x15\xf2\x7e";

fn with_entry() -> Getty {
    let mut getty = Getty::new("");
    getty.login_config("/AutoPPP/ - a_ppp PROGRAM PPP \\I\n* - - PROGRAM @\n");
    getty.start();
    getty.wait_idle();
    getty
}

#[test]
fn all_accepted_forms() {
    let forms: &[&[u8]] = &[
        b"\x7e\xff\x03\xc0\x21",
        b"\x7e\xff\x7d\x23\xc0\x21",
        b"\x7e\x7d\xdf\x7d\x23\xc0\x21",
        b"\x7e\x7d\xdf\x7d\x23\x7d\xe0\x7d\x01",
        b"\x7e\x7e\xff\x7d\x23\xc0\x21",
        b"text before\x7e\xff\x7d\x23\xc0\x21",
    ];
    std::thread::scope(|scope| {
        for chunk in forms.chunks(2) {
            scope.spawn(move || {
                for form in chunk {
                    let mut getty = with_entry();
                    let mark = getty.prompt();
                    getty.modem.send(form);
                    let said = getty.said(mark);
                    assert!(
                        said.contains("<<arg1=PPP>>") && said.contains("<<arg2=33600>>"),
                        "{form:02x?}: {said}"
                    );
                }
            });
        }
    });
}

#[test]
fn what_is_no_frame() {
    let forms: &[&[u8]] =
        &[b"\xff\x03\xc0\x21", b"\x7e\xff\x41\x03\xc0\x21", b"\x7e\xc0\x21\x01\x01", b"\x7e\xff\x03\xc0\x23"];
    std::thread::scope(|scope| {
        for form in forms {
            scope.spawn(move || {
                let mut getty = with_entry();
                let mark = getty.prompt();
                getty.modem.send(form);
                assert!(getty.modem.expect_within("arg1=PPP", mark, ms(400)).is_none(), "{form:02x?}");
            });
        }
    });
}

#[test]
fn the_tty_is_raw_for_ppp_and_cooked_for_a_typed_name() {
    let mut getty = with_entry();
    let mark = getty.prompt();
    getty.modem.send(&FRAME[..6]);
    let said = getty.said(mark);
    for flag in ["-icanon", "-echo ", "-isig", "-opost", " icrnl", " onlcr"] {
        assert!(said.contains(flag), "{flag}: {said}");
    }
    let mut getty = with_entry();
    let mark = getty.prompt();
    getty.modem.send("/AutoPPP/\r");
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=PPP>>") && said.contains(" icanon"), "{said}");
}

#[test]
fn what_follows_the_head_is_the_programs() {
    let mut getty = Getty::new("");
    let program = getty.sandbox.script("rest", "head -c 5 | od -An -tx1; echo '<<end>>'; sleep 1000");
    getty.sandbox.write_etc("login.config", &format!("/AutoPPP/ - - {}\n", program.display()), 0o600);
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send(b"\x7e\xff\x03\xc0\x21ABCDE");
    assert!(getty.said(mark).contains("41 42 43 44 45"));
}

#[test]
fn a_frame_right_after_connect() {
    for after in [5, 100, 250, 340, 1000] {
        let mut getty = Getty::new("");
        getty.login_config("/AutoPPP/ - a_ppp PROGRAM PPP\n");
        let text = BASE.replace("prompt-waittime 0", "prompt-waittime 2500");
        getty.sandbox.write_etc("mgetty.config", &text, 0o644);
        getty.start();
        getty.wait_idle();
        let mark = getty.answer();
        std::thread::sleep(ms(after));
        getty.modem.send(FRAME);
        if getty.subject.original {
            // Difference: the original drops it and shows its prompt.
            getty.modem.expect("login: ", mark);
            return;
        }
        let said = getty.said(mark);
        assert!(said.contains("<<arg1=PPP>>") && !said.contains("login: "), "{said}");
    }
}

#[test]
fn nothing_of_a_frame_is_echoed() {
    let mut getty = with_entry();
    let mark = getty.prompt();
    for byte in b"\x7e\xff\x03\xc0\x21" {
        getty.modem.send([*byte]);
        std::thread::sleep(ms(20));
    }
    getty.said(mark);
    let back = getty.modem.received(mark);
    if getty.subject.original {
        // Difference: `~` is echoed and 03 brings the prompt again.
        assert!(back.starts_with(b"~"));
    } else {
        assert!(back.starts_with(b"<<program"), "{:?}", String::from_utf8_lossy(&back));
    }
}

#[test]
fn a_frame_kept_for_pppd_comes_back_if_it_is_no_pppd() {
    let subject = subject("mgetty");
    if subject.original {
        return;
    }
    let mut getty = Getty::new("");
    std::fs::create_dir(getty.sandbox.path().join("bin/as")).expect("a directory");
    let program =
        getty.sandbox.script("as/pppd", "head -c 17 | od -An -tx1 -w99; echo '<<end>>'; sleep 1000");
    getty.sandbox.write_etc("login.config", &format!("/AutoPPP/ - - {}\n", program.display()), 0o600);
    getty.start();
    getty.wait_idle();
    let mark = getty.prompt();
    getty.modem.send(FRAME);
    let said = getty.said(mark);
    // The head was eaten by the getty and is put back behind what it left alone, or all of it in order.
    assert!(said.contains("7e ff 7d 23 c0 21"), "{said}");
    // Nobody but the session and its watcher has the line any more.
    let line = getty.modem.pty().path().to_path_buf();
    let session = getty.running().pid().as_raw();
    let holders = || -> Vec<i32> {
        let pids = std::fs::read_dir("/proc").expect("proc").flatten();
        let pids = pids.filter_map(|p| p.file_name().to_str()?.parse::<i32>().ok());
        let has = |pid: &i32| {
            let Ok(fds) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
            fds.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == line))
        };
        pids.filter(has).collect()
    };
    let me = i32::try_from(std::process::id()).expect("a pid");
    let strangers = || {
        let all = holders().into_iter().filter(|pid| *pid != me);
        all.filter(|pid| {
            nix::unistd::getsid(Some(nix::unistd::Pid::from_raw(*pid))).is_ok_and(|s| s.as_raw() != session)
        })
        .count()
    };
    let watched = strangers();
    assert!(watched <= 1, "{watched} processes besides the session have the line");
    // The moment the session ends the watcher lets go.
    getty.running().signal(nix::sys::signal::Signal::SIGKILL);
    wait::until("the watcher to let go", || (strangers() == 0).then_some(()));
}
