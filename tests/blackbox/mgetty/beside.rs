//! What people need beside the original: a program at CONNECT, Windows' cable connection.

use super::*;

const LCP: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x20\x7d\x20\x7d\x34\x7e";

#[test]
fn a_program_takes_the_caller_at_connect() {
    let mut getty = Getty::new("");
    if getty.subject.original {
        return;
    }
    let program = getty.sandbox.path().join("bin/program");
    let text = format!("{BASE}exec-on-connect {} minitel \\I\nissue-file hello\n", program.display());
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    // It is not asked.
    getty.login_config("* - - /no/such/program\n");
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=minitel>>") && said.contains("<<arg2=33600>>"), "{said}");
    assert!(!said.contains("login:") && !said.contains("hello"), "{said}");
    assert!(said.contains("-icanon") && said.contains("-echo ") && said.contains("-opost"), "{said}");
    let audit = format!("conn='33600', name='', cmd='{}', user=''", program.display());
    assert!(getty.log().contains(&audit), "{}", getty.log());
    // What stands behind CONNECT comes from the other end.
    let mut getty = Getty::with("", Manner { connect: "CONNECT -f,\"$(x)`".into(), ..Manner::default() });
    let program = getty.sandbox.path().join("bin/program");
    let text = format!("{BASE}exec-on-connect {} \\I\n", program.display());
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=_f_ _(x)_>>"), "{said}");
    assert!(!getty.state().contains("\"user\""), "nobody is named: {}", getty.state());
    // Nothing runs that was not named in full.
    let mut getty = Getty::new("exec-on-connect program");
    getty.start();
    getty.wait_idle();
    getty.answer();
    assert_eq!(getty.status(), 1);
    getty.wait_log("exec-on-connect: `program` is no absolute path");
}

#[test]
fn windows_cable_connection_is_answered_before_and_after_the_prompt() {
    for prompted in [false, true] {
        // A cable does not echo.
        let mut getty = Getty::with("", Manner { echo: false, ..Manner::default() });
        if getty.subject.original {
            return;
        }
        getty.login_config("/AutoPPP/ - - PROGRAM ppp\n* - - PROGRAM other @\n");
        getty.sandbox.write_etc("mgetty.config", &format!("{BASE}direct yes\nprompt-waittime 2000\n"), 0o644);
        getty.start();
        getty.wait_log("waiting...");
        let mut mark = getty.modem.mark();
        if prompted {
            getty.modem.send("x");
            mark = getty.modem.expect("login: ", mark);
            getty.modem.send("CLICL");
        }
        getty.modem.send("CLIENT");
        let mark = getty.modem.expect("CLIENTSERVER", mark);
        getty.modem.send(LCP);
        let said = getty.said(mark);
        assert!(said.contains("<<arg1=ppp>>") && !said.contains("login:"), "{said}");
    }
}

#[test]
fn on_a_modem_line_client_is_a_name() {
    let mut getty = Getty::idle("");
    let said = getty.log_in("CLIENT");
    assert!(said.contains("<<arg1=CLIENT>>"), "{said}");
    assert!(!said.contains("CLIENTSERVER"), "{said}");
}

#[test]
fn a_fax_call_is_logged_and_refused() {
    let reply = replying("ATA", "\r\n+FCON\r\n");
    let mut getty = Getty::with("", reply);
    if getty.subject.original {
        return; // It receives it.
    }
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    assert_eq!(getty.status(), 0);
    let refused = format!("##### fax call refused, dev={}, pid=", getty.modem.line());
    assert!(getty.log().contains(&refused), "{}", getty.log());
    assert!(!getty.lock_path().exists());
}
