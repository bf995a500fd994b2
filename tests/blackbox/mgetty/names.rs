//! Section 8: reading the name.

use super::*;

/// Bytes typed, and the name the program gets.
#[test]
fn editing() {
    let table: &[(&[u8], &str)] = &[
        (b"joe\r", "joe"),
        (b"jx\x7foe\r", "joe"),
        (b"jx\x08oe\r", "joe"),
        (b"\0\x01j\x11o\x13e\r", "joe"),
        (b" -joe\r", "joe"),
        (b"j\x1b[Aoe\r", "j[Aoe"),
        (b"jo\x04e\r", "joe"),
        (b"wrong\x15joe\r", "joe"),
        (b"wrong\x03joe\r", "joe"),
        (b"j\xefe\r", "joe"),
        (b"a b-c\r", "a b-c"),
        (b"~joe~\r", "~joe~"),
        (b"}joe\r", "}joe"),
        (b"\r\rjoe\r", "joe"),
    ];
    std::thread::scope(|scope| {
        for chunk in table.chunks(4) {
            scope.spawn(move || {
                for (typed, name) in chunk {
                    let mut getty = Getty::idle("");
                    let mut mark = getty.prompt();
                    for (place, byte) in typed.iter().enumerate() {
                        getty.modem.send([*byte]);
                        // As a person types: a new prompt is not typed into.
                        if matches!(byte, 0x15 | 3 | b'\r') && place + 1 < typed.len() {
                            mark = getty.prompted(mark);
                        } else {
                            std::thread::sleep(ms(5));
                        }
                    }
                    let said = getty.said(mark);
                    assert!(said.contains(&format!("<<arg1={name}>>")), "{typed:?}: {said}");
                }
            });
        }
    });
}

#[test]
fn echo_of_editing() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    getty.modem.send("jx");
    getty.modem.expect("jx", mark);
    getty.modem.send("\x08");
    getty.modem.expect("jx\x08 \x08", mark);
    getty.modem.send("oe\r");
    getty.modem.expect("jx\x08 \x08oe\r\n", mark);
}

#[test]
fn what_ends_a_line_sets_the_tty_up() {
    for (end, maps) in [("\r", true), ("\n", false)] {
        let mut getty = Getty::idle("");
        let mark = getty.prompt();
        getty.modem.send(format!("joe{end}"));
        let said = getty.said(mark);
        assert_eq!(said.contains(" icrnl") && !said.contains("-icrnl"), maps, "{said}");
        assert_eq!(said.contains(" onlcr") && !said.contains("-onlcr"), maps, "{said}");
        for flag in [
            " echo ", " icanon", " isig", " opost", "cs8", " cread", " hupcl", " crtscts", " brkint",
            " ignpar",
        ] {
            assert!(said.contains(flag), "{flag}: {said}");
        }
        assert!(said.contains("-clocal"), "{said}");
    }
}

#[test]
fn quitting() {
    for key in ["\x04", "\x1c", "jo\x1c"] {
        let mut getty = Getty::idle("");
        getty.prompt();
        getty.modem.send(key);
        assert_eq!(getty.status(), 0, "{key:?}");
    }
}

#[test]
fn a_modem_without_carrier_detection() {
    for text in ["NO CARRIER", "ERROR", "RING"] {
        let mut getty = Getty::idle("");
        if getty.subject.original && text == "RING" {
            // Difference: it runs the login program for a user of that name.
            continue;
        }
        getty.prompt();
        getty.modem.send(format!("{text}\r"));
        assert_eq!(getty.status(), 0);
        assert!(getty.log().contains(&format!("got modem error '{text}'")), "{}", getty.log());
    }
}

#[test]
fn fido_mailers() {
    let rows: [(&[u8], &str, &str); 6] = [
        (b"\xae", "tsync", "\r\n"),
        (b"j\xf1", "yoohoo", "j\r\n"),
        (b"**EMSI_INQC816", "**EMSI_INQC816", "**EMSI_\n"),
        // Whatever the packet is but EMSI_CLI, and whatever stood before it.
        (b"**EMSI_HBTEAEE\r", "**EMSI_HBTEAEE", "**EMSI_\n"),
        (b"jo**EMSI_DAT0033\x15x\r", "**EMSI_DAT0033", "jo**EMSI_\n"),
        (b"**EMSI_\r", "**EMSI_", "**EMSI_\n"),
    ];
    each(&rows, |(bytes, name, echo)| {
        let mut getty = Getty::new("");
        getty.login_config("/FIDO/ - fido PROGRAM @\n");
        getty.start();
        getty.wait_idle();
        let mark = getty.prompt();
        getty.modem.send(bytes);
        let said = getty.said(mark);
        assert!(said.contains(&format!("<<arg1={name}")), "{said}");
        // As after a typed name.
        for set in [" icrnl", " onlcr", " echo ", " icanon"] {
            assert!(said.contains(set), "no{set}: {said}");
        }
        let echoed = getty.modem.received(mark);
        assert!(echoed.starts_with(format!("{echo}<<program").as_bytes()), "{said}");
    });
}

/// By another key the name keeps the byte that nobody can type.
#[test]
fn a_fido_mailer_is_told_from_a_user_of_its_name() {
    let mut getty = Getty::idle("");
    let mark = getty.prompt();
    getty.modem.send(b"\xae");
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=\u{fffd}tsync>>"), "{said}");
}

#[test]
fn keys_before_the_prompt() {
    let mut getty = Getty::new("");
    let text = BASE.replace("prompt-waittime 0", "prompt-waittime 2000");
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    let mark = getty.answer();
    // Behind the drain (350 ms), before the prompt.
    std::thread::sleep(ms(1200));
    getty.modem.send("jo");
    let mark = getty.modem.expect("login: ", mark);
    getty.modem.send("e\r");
    let said = getty.said(mark);
    assert!(said.contains("<<arg1=joe>>"), "{said}");
}
