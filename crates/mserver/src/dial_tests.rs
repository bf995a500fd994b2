use super::*;
use proptest::prelude::*;
use ttyline::number::{Rule, Scope, Word};

fn policy(allow: &[&str], deny: &[&str]) -> Policy {
    let rule = |allow| {
        move |word: &&str| Rule { allow, word: Word::parse(word).unwrap(), scope: Scope::Global, line: 0 }
    };
    let rules = allow.iter().map(rule(true)).chain(deny.iter().map(rule(false))).collect();
    Policy { rules, length: (1, 20), ..Policy::default() }
}

/// What a client says to a modem that answers as the second of each pair says.
fn talk(guard: &mut Guard, said: &[u8]) -> (String, String) {
    let (mut line, mut back) = (Vec::new(), Vec::new());
    guard.from_client(said, &mut line, &mut back);
    (String::from_utf8_lossy(&line).into_owned(), String::from_utf8_lossy(&back).into_owned())
}

fn guard() -> Guard {
    Guard::new(policy(&["100", "0301"], &["0900"]))
}

/// Whether the modem is told to dial anything, whatever the form.
fn told_to_dial(line: &str) -> bool {
    line.to_ascii_uppercase().contains('D') || line.contains("A/")
}

#[test]
fn permitted_numbers_pass_and_are_remembered() {
    for (said, number) in [
        ("ATDT100\r", "100"),
        ("atd 0301-55\r", "030155"),
        ("ATE1V1X4DP100\r", "100"),
        ("ATH0DT(0301) 7\r", "03017"),
        ("AATDT1000\r", "1000"),
    ] {
        let mut guard = guard();
        let (line, back) = talk(&mut guard, said.as_bytes());
        assert!(line.ends_with('\r') && back.is_empty(), "{said:?}: {line:?} {back:?}");
        assert_eq!(guard.numbers().as_deref(), Some(number), "{said:?}");
    }
}

#[test]
fn forbidden_numbers_never_reach_the_modem_in_any_form() {
    for said in [
        "ATDT0900\r",
        "atdt0900\r",
        "ATD09001\r",
        "ATE0DT0900\r",
        "ATX4&C1S0=0DT0900\r",
        "ATS7=50DP0900\r",
        "AT&FDT0900\r",
        "ATZDT0900\r",
        "ATD0301,0900\r",
        "ATDT0301W0900\r",
        "xxATDT0900\r",
        "AATDT0900\r",
        "ATDT0\x08\x080900\r",
        "ATX\x08DT0900\r",
        "AT\x01D\x02T0900\r",
        "\u{1}ATDT 09 00\r",
        "ATDT0301;\r",
        "ATDT0301!0900\r",
        "ATDS=1\r",
        "ATDL\r",
        "ATD\"home\"\r",
        "ATD>1\r",
        "ATDT*21*0900#\r",
        "AT#CID=1DT0900\r",
        "ATS0?DT0900\r",
        "ATA\x08DT0900\r",
        "AT%C1\\N3DT0900\r",
        "A/",
        "AT&Z0=0900\r",
        "AT;DT0900\r",
        "AT*DT0900\r",
        "AT-D0900\r",
        "ATDT777\r",
    ] {
        let mut guard = guard();
        let (line, back) = talk(&mut guard, said.as_bytes());
        assert!(!told_to_dial(&line), "{said:?}: {line:?}");
        assert_eq!(back, "\r\nNO CARRIER\r\n", "{said:?}");
    }
    // Seven bits with parity are what many modems read.
    let parity: Vec<u8> = b"ATDT0900\r".iter().map(|b| b | 0x80).collect();
    let mut guard = guard();
    let (mut line, mut back) = (Vec::new(), Vec::new());
    guard.from_client(&parity, &mut line, &mut back);
    assert!(line.is_empty() && back == b"\r\nNO CARRIER\r\n");
    assert_eq!(guard.numbers().as_deref(), Some("T0900 refused"));
    assert_eq!(guard.refused.len(), 1);
}

#[test]
fn what_would_blind_the_watch_is_an_error() {
    for said in [
        "ATS3=65\r",
        "ATS3=269\r",
        "ATS2=299\r",
        "ATS2=35&W\r",
        "AT+VTS=0,9,0,0\r",
        "AT#CLS=8#VTS=0,9,0,0\r",
        "AT+CDV=0900\r",
        "ATH1+VTS=\"0900\"\r",
        "AT+CCFC=0,3,\"0900\"\r",
        "AT+FCLASS=8+VTS=0,9,0,0\r",
        "AT+CSQ;+CMGS=\"0900\"\r",
        "at+cmss=1,\"0900\"\r",
        "AT+CTFR=0900\r",
        "AT+CKPD=\"0900s\"\r",
        "ATS3?S=65\r",
        "AT+GMI?DT0900\r",
        "AT+GMI1DT0900\r",
        "ATS5=65\r",
        "ATS3\r",
        "AT=65\r",
        "ATV0\r",
        "ATV\r",
        "ATQ1\r",
        "ATE1Q2\r",
        "AT+FCLASS=0DT0900\r",
    ] {
        let (line, back) = talk(&mut guard(), said.as_bytes());
        assert_eq!((line.as_str(), back.as_str()), ("", "\r\nERROR\r\n"), "{said:?}");
    }
    let long = format!("AT{}\r", "E1".repeat(300));
    assert_eq!(talk(&mut guard(), long.as_bytes()).1, "\r\nERROR\r\n");
}

#[test]
fn other_commands_and_all_that_is_no_command_pass() {
    for said in [
        "ATI3\r",
        "ATS0=1S2=43\r",
        "AT&F&C1&D2\r",
        "AT+FCLASS=?\r",
        "AT+CGDCONT=1,\"IP\",\"d\"\r",
        "AT#CID=1\r",
        "ATV1Q0\r",
        "AT&Z1=100\r",
        "ATS3=13S5=8\r",
        "AT&W&D2\r",
        "AT+CGMI;+CSQ\r",
    ] {
        assert_eq!(talk(&mut guard(), said.as_bytes()), (said.into(), String::new()));
    }
    let data = b"\x7e\xff\x7d\x23\xc0\x21 data, A man, a plan\r\n";
    let (mut line, mut back) = (Vec::new(), Vec::new());
    guard().from_client(data, &mut line, &mut back);
    assert_eq!((line, back), (data.to_vec(), vec![]));
}

#[test]
fn data_pass_untouched_and_the_way_back_is_watched() {
    for way_back in ["NO CARRIER", "NO CARRIER (#3490)", "DISCONNECTED", "+++"] {
        let mut guard = guard();
        talk(&mut guard, b"ATDT100\r\n");
        let _ = guard.from_modem(b"ATDT100\r\r\nCONNECT 33600\r\n");
        assert_eq!(talk(&mut guard, b"ATDT0900\r").0, "ATDT0900\r", "it is data to the other side");
        match way_back {
            "+++" => assert_eq!(talk(&mut guard, b"+++").0, "+++"),
            other => assert!(guard.from_modem(format!("\r\n{other}\r\n").as_bytes()), "what came too late"),
        }
        assert_eq!(
            talk(&mut guard, b"ATDT0900\r"),
            (String::new(), "\r\nNO CARRIER\r\n".into()),
            "{way_back}"
        );
        talk(&mut guard, b"ATO\r");
        let _ = guard.from_modem(b"\r\nCONNECT\r\n");
        assert_eq!(talk(&mut guard, b"ATDT0900\r").0, "ATDT0900\r");
    }
    // Another escape character.
    let mut guard = guard();
    talk(&mut guard, b"ATS2=35DT100\r");
    let _ = guard.from_modem(b"\r\nCONNECT\r\n");
    assert_eq!(talk(&mut guard, b"++ATDT0900\r").0, "++ATDT0900\r");
    assert_eq!(talk(&mut guard, b"##").0, "##");
    assert!(!told_to_dial(&talk(&mut guard, b"#ATDT0900\r").0));
}

#[test]
fn an_escape_character_that_may_be_one_is_one() {
    // The modem stops at what it does not know: S2 is still `+`, or still `#`.
    for (said, escape) in [
        ("ATJ9S2=35\r", &b"+++"[..]),
        ("ATS2=35\rATJ9S2=43\r", b"###"),
        ("ATS2=35\rATJ9Z\r", b"###"),
        ("ATS2=35\rAT&F\r", b"+++"),
        ("A\u{d4}\r", b"\xab\xab\xab"),
        ("A\u{d4}\r", b"data\xab+\xab"),
    ] {
        for cut in 1..escape.len() {
            let mut guard = guard();
            talk(&mut guard, &said.chars().map(|c| c as u8).collect::<Vec<_>>());
            talk(&mut guard, b"ATDT100\r");
            let _ = guard.from_modem(b"\r\nCONNECT\r\n");
            let (mut line, mut back) = (Vec::new(), Vec::new());
            guard.from_client(&escape[..cut], &mut line, &mut back);
            guard.from_client(&escape[cut..], &mut line, &mut back);
            assert_eq!((&line[..], &back[..]), (escape, &b""[..]));
            assert!(!told_to_dial(&talk(&mut guard, b"\rATDT0900\r").0), "{said:?}");
        }
    }
    // Mixed, they are data.
    let mut guard = guard();
    talk(&mut guard, b"ATS2=35DT100\r");
    let _ = guard.from_modem(b"\r\nCONNECT\r\n");
    assert_eq!(talk(&mut guard, b"++##+x++ATDT0900\r").0, "++##+x++ATDT0900\r");
    // So are those with an eighth bit where no command had one.
    let (mut line, mut back) = (Vec::new(), Vec::new());
    guard.from_client(b"\xab\xab\xabATDT0900\r", &mut line, &mut back);
    assert_eq!((line.len(), back.len()), (12, 0));
}

#[test]
fn connect_cannot_be_forged_by_an_echo() {
    // Before, during and after a call that is being made.
    for said in [
        "CONNECT\rATDT100\r",
        "ATDT100\rCONNECT\r",
        "ATDT100\rx\rCONNECT\r",
        "cOnNeCt\r\nATDT100\r",
        "CON\0NECT\rATDT100\r",
    ] {
        let mut guard = guard();
        let (line, _) = talk(&mut guard, said.as_bytes());
        let echo: String = line.chars().filter(|c| *c >= ' ' || *c == '\r' || *c == '\n').collect();
        assert!(!echo.to_ascii_uppercase().contains("CONNECT"), "{said:?}: {echo:?}");
        let _ = guard.from_modem(echo.as_bytes());
        assert!(!told_to_dial(&talk(&mut guard, b"ATDT0900\r").0), "{said:?}");
    }
    // A CONNECT nobody asked for.
    let mut guard = guard();
    let _ = guard.from_modem(b"\r\nCONNECT\r\n");
    assert!(!told_to_dial(&talk(&mut guard, b"ATDT0900\r").0));
}

#[test]
fn refused_numbers_do_not_crowd_dialled_ones_out_of_the_record() {
    let mut guard = guard();
    for n in 0..50 {
        talk(&mut guard, format!("ATDT0900{n}\rATDT0900{n}\r").as_bytes());
    }
    for n in 0..30 {
        talk(&mut guard, format!("ATDT100{n}\r").as_bytes());
    }
    let numbers = guard.numbers().unwrap();
    assert!(numbers.starts_with("1000, 1001, ") && numbers.ends_with(", 10019, and 10 more"), "{numbers}");
    talk(&mut guard, format!("ATDT{}\r", "9".repeat(390)).as_bytes());
    assert!(guard.numbers().unwrap().len() < 1000);
}

#[test]
fn a_repeated_command_was_judged() {
    let mut guard = guard();
    talk(&mut guard, b"ATDT100\r");
    let _ = guard.from_modem(b"\r\nBUSY\r\n");
    assert_eq!(talk(&mut guard, b"a/").0, "A/");
    talk(&mut guard, b"ATI\rA/");
    assert_eq!(guard.numbers().as_deref(), Some("100, 100"), "it was dialled twice");
}

#[test]
fn what_may_have_come_as_the_other_side_hung_up_is_stopped() {
    for (said, stop) in [
        (&["plain words"][..], false),
        (&["a long tail behind ATDT0900 ", &"x".repeat(100)], false),
        (&["\ra", "tdt09", "00\r"], true),
        (&["\ra/"], true),
    ] {
        let mut guard = guard();
        talk(&mut guard, b"ATDT100\r");
        assert!(!guard.from_modem(b"\r\nCONNECT\r\n"));
        for said in said {
            talk(&mut guard, said.as_bytes());
        }
        assert_eq!(guard.from_modem(b"\r\nNO CARRIER\r\n"), stop, "{said:?}");
        assert_eq!(talk(&mut guard, b"A/").0.is_empty(), stop, "the modem might repeat it");
    }
}

#[test]
fn another_escape_character_is_not_stored() {
    let mut guard = guard();
    talk(&mut guard, b"ATS2=35\r");
    assert_eq!(talk(&mut guard, b"AT&W\r").1, "\r\nERROR\r\n");
    // ATZ may be a command that the modem does not get to.
    talk(&mut guard, b"ATZ\r");
    assert_eq!(talk(&mut guard, b"AT&W\r").1, "\r\nERROR\r\n");
}

#[test]
fn dtr_and_breaks_may_bring_the_modem_out_of_its_data() {
    let mut guard = guard();
    talk(&mut guard, b"AT&D1DT100\r");
    let _ = guard.from_modem(b"\r\nCONNECT\r\n");
    assert_eq!(talk(&mut guard, b"ATDT0900\r").0, "ATDT0900\r");
    guard.may_be_in_command_state();
    assert!(!told_to_dial(&talk(&mut guard, b"ATDT0900\r").0));
}

proptest! {
    /// However the client's bytes are cut, and whatever stands around, a forbidden number is not dialled.
    #[test]
    fn cuts_and_junk_do_not_help(junk in "[ -@B-Zb-z\\r\\n]{0,12}", cut in 0usize..30, end in "[0-9]{0,6}") {
        prop_assume!(!junk.contains("CONNECT"));
        let said = format!("{junk}ATDT0900{end}\r");
        let cut = cut.min(said.len());
        let mut guard = guard();
        let mut line = talk(&mut guard, &said.as_bytes()[..cut]).0;
        line += &talk(&mut guard, &said.as_bytes()[cut..]).0;
        prop_assert!(!line.contains("0900") || junk.contains("0900"), "{:?} -> {:?}", said, line);
    }

    #[test]
    fn any_bytes_are_read_without_harm(said: Vec<u8>, answered: Vec<u8>) {
        let mut guard = guard();
        talk(&mut guard, &said);
        let _ = guard.from_modem(&answered);
        talk(&mut guard, &said);
        prop_assert!(guard.held.len() <= MOST_LINE + 3 && guard.word.len() <= 32);
    }
}
