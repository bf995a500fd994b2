//! Section 6: what rings, and what is learnt of the caller.

use super::*;

/// Lines of the modem, whether they make the getty answer, and variables of the login program.
type Row<'a> = (&'a str, &'a [&'a str]);

#[test]
fn dialects() {
    let table: &[Row<'_>] = &[
        ("RING\r\n", &["CALLER_ID=none"]),
        ("NMBR = 5551234\r\nNAME = DOE JOHN\r\n", &["CALLER_ID=5551234", "CALLER_NAME=DOE JOHN"]),
        (
            "DATE = 1120\r\nTIME = 0612\r\nNMBR = 555\r\nRING\r\n",
            &["CALL_DATE=1120", "CALL_TIME=0612", "CALLER_ID=555"],
        ),
        (
            "DATE=1120\r\nTIME=0613\r\nNMBR=556\r\nRING\r\n",
            &["CALL_DATE=1120", "CALL_TIME=0613", "CALLER_ID=556"],
        ),
        ("NMBR = P\r\n", &["CALLER_ID=P"]),
        ("FM:5551234 TO:42\r\n", &["CALLER_ID=5551234", "CALLED_ID=42"]),
        ("FM:5551235\r\n", &["CALLER_ID=5551235"]),
        ("12 34\r\nRING\r\n", &["CALLER_ID=12"]),
        ("RING;555;42\r\n", &["CALLER_ID=555", "CALLED_ID=42"]),
        ("RING/42\r\n", &["CALLER_ID=none", "CALLED_ID=42"]),
        ("RING 5551234\r\n", &["CALLER_ID=5551234"]),
        ("CALLER NUMBER: 777\r\nRING\r\n", &["CALLER_ID=777"]),
        ("CallerID: 778\r\nRING\r\n", &["CALLER_ID=778"]),
        ("+CLIP: \"+49401\",145\r\nRING\r\n", &["CALLER_ID=49401"]),
        ("NDID=99\r\nRING\r\n", &["CALLED_ID=99"]),
        (
            "CALLER NAME: DOE\r\nCALLED NUMBER: 42\r\nTIME: 0612\r\nRING\r\n",
            &["CALLER_NAME=DOE", "CALLED_ID=42", "CALL_TIME=0612"],
        ),
        ("REASON FOR NO CALLER NUMBER: PRIVATE\r\nRING\r\n", &["CALLER_ID=PRIVATE"]),
        ("DDN_NMBR= 123\r\nRING\r\n", &["CALLER_ID=123"]),
        ("CALLER'S NUMBER: 779\r\nRING\r\n", &["CALLER_ID=779"]),
        ("NBR=780\r\nRING\r\n", &["CALLER_ID=780"]),
        ("RING: A DN2 5551234\r\n", &["CALLER_ID=5551234"]),
        ("5551234\r\nRING\r\n", &["CALLER_ID=5551234"]),
        ("  RING  \r\n", &["CALLER_ID=none"]),
        ("\u{10}R", &["CALLER_ID=none"]),
    ];
    // Several lines at once: each takes half a second of waiting.
    std::thread::scope(|scope| {
        for chunk in table.chunks(4) {
            scope.spawn(move || {
                for (lines, variables) in chunk {
                    tells(lines, variables);
                }
            });
        }
    });
}

/// The modem says this, and the login program gets these variables.
fn tells(lines: &str, variables: &[&str]) {
    let mut getty = Getty::idle("");
    let mark = getty.modem.mark();
    getty.modem.send(format!("\r\n{lines}"));
    let mark = getty.modem.expect("ATA\r", mark);
    let mark = getty.modem.expect("login: ", mark);
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    for variable in variables {
        assert!(said.contains(&format!("<<{variable}>>")), "{lines:?}: no {variable} in {said}");
    }
}

#[test]
fn what_does_not_ring() {
    let getty = Getty::idle("");
    let mark = getty.modem.mark();
    getty.modem.send("\r\nNMBR = 5551234\r\nDRON=3\r\nDATE = 1\r\nxRING\r\nringing\r\n");
    assert!(getty.modem.expect_within("AT", mark, ms(700)).is_none());
}

#[test]
fn carrier_and_protocol_go_into_the_connect_text() {
    let connect = "CARRIER 33600\r\nPROTOCOL: LAP-M\r\nCONNECT 115200";
    let mut getty = Getty::with("", Manner { connect: connect.into(), ..Manner::default() });
    getty.start();
    getty.wait_idle();
    let said = getty.log_in("joe");
    assert!(said.contains("<<CONNECT=115200/33600 LAP-M>>"), "{said}");
}

#[test]
fn shell_characters_of_the_network_go_nowhere() {
    let mut getty = Getty::idle("");
    let mark = getty.modem.mark();
    getty.modem.send("\r\nNAME = x';reboot;'\"\r\nRING\r\n");
    let mark = getty.modem.expect("ATA\r", mark);
    let mark = getty.modem.expect("login: ", mark);
    getty.modem.send("joe\r");
    let said = getty.said(mark);
    let name = said.lines().find(|l| l.contains("CALLER_NAME")).expect("a name");
    assert!(!name.contains(['\'', '"']), "{name}");
}

/// Where the original goes wrong, or knows less.
#[test]
fn dialects_of_ours() {
    if subject("mgetty").original {
        return;
    }
    let table: &[Row<'_>] = &[
        ("RING;;42\r\n", &["CALLER_ID=none", "CALLED_ID=42"]),
        ("FM: TO:42\r\n", &["CALLER_ID=none", "CALLED_ID=42"]),
        ("+CLIP: \"\",129\r\nRING\r\n", &["CALLER_ID=none"]),
        ("DDN_NMBR=123\r\nNDID=42\r\nRING\r\n", &["CALLER_ID=123", "CALLED_ID=42"]),
        ("MESG = 030735353531323334\r\nRING\r\n", &["CALLER_ID=5551234"]),
    ];
    std::thread::scope(|scope| {
        for (lines, variables) in table {
            scope.spawn(move || tells(lines, variables));
        }
    });
}

/// The distinctive ring number, and who and what was called, as `cnd-program` is told them.
#[test]
fn distinctive_rings() {
    let rows: &[(&str, &str)] = &[
        ("RING\r\n", "none||0|"),
        ("RING 2\r\n", "none||2|"),
        ("RING B\r\n", "none||2|"),
        ("RING 1234\r\n", "1234||0|"),
        ("RING B3\r\n", "3||0|"),
        ("RING/4242\r\n", "none||2|4242"),
        ("RING;555;42/7\r\n", "555||2|42/7"),
        ("RING: A DN3 5551\r\n", "5551||3|"),
        ("FM:555 TO:17\r\n", "555||1|17"),
        ("TO:9\r\n", "none||0|9"),
        ("FM: 555/8/TO: 0042\r\n", "555||2|0042"),
        ("DRON=3\r\nDROF=12\r\nRING\r\n", "none||3|"),
        ("DRON=12\r\nDROF=3\r\nDRON=3\r\nRING\r\n", "none||4|"),
        ("\u{10}h", "none||-104|"),
        ("\u{10}R", "none||0|"),
    ];
    std::thread::scope(|scope| {
        for chunk in rows.chunks(4) {
            scope.spawn(move || {
                for (lines, wanted) in chunk {
                    let mut getty = Getty::new("");
                    let program = getty
                        .sandbox
                        .script("cnd", "echo \"$2|$3|$4|$5\" >\"$0.new\"; mv \"$0.new\" \"$0.told\"");
                    let config = format!("{BASE}msn-list 7 42\ncnd-program {}\n", program.display());
                    getty.sandbox.write_etc("mgetty.config", &config, 0o644);
                    getty.start();
                    getty.wait_idle();
                    getty.modem.send(format!("\r\n{lines}"));
                    let file = program.with_extension("told");
                    let told = wait::until("the program", || std::fs::read_to_string(&file).ok());
                    assert_eq!(told.trim_end(), *wanted, "{lines:?}");
                }
            });
        }
    });
}
