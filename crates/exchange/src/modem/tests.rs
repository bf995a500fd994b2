//! The modem at its computer and its telephone line: every command, every way a call can go.

use super::caller_id::{Caller, Dialect};
use super::profile::{self, PROFILES};
use super::whims::Whims;
use super::{Action, Doing, Make, Modem, Now};
use crate::port::ModemLines;
use crate::switch::Sound;
use proptest::prelude::*;
use std::time::Duration;

/// A modem, the clock, and all it has done.
struct Bench {
    modem: Modem,
    now: Now,
    out: Vec<Action>,
}

impl Bench {
    fn new() -> Bench {
        Bench::made(Make::default())
    }

    fn made(make: Make) -> Bench {
        let mut bench = Bench { modem: Modem::new(make), now: Duration::from_secs(100), out: Vec::new() };
        bench.modem.power_on(&mut bench.out);
        bench.modem.dtr(true, bench.now, &mut bench.out);
        bench.out.clear();
        bench
    }

    fn family(name: &str) -> Bench {
        let profile = profile::named(name).expect("a family");
        let make = Make { profile, dialect: profile.dialect, guarded: profile.guarded, ..Make::default() };
        Bench::made(make)
    }

    /// The computer types; gives what it gets back, without the echo.
    fn types(&mut self, text: &str) -> String {
        let bytes = text.as_bytes();
        let taken = if self.modem.online() { self.modem.data(bytes, self.now, &mut self.out) } else { 0 };
        self.modem.computer(&bytes[taken..], self.now, &mut self.out);
        let said = self.said();
        said.strip_prefix(text).unwrap_or(&said).to_string()
    }

    /// What has been said since.
    fn said(&mut self) -> String {
        let mut text = Vec::new();
        self.out.retain(|action| match action {
            Action::Say(bytes) => {
                text.extend(bytes);
                false
            }
            _ => true,
        });
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What it did to the telephone line since.
    fn did(&mut self) -> Vec<Action> {
        let (said, did): (Vec<Action>, _) =
            std::mem::take(&mut self.out).into_iter().partition(|action| matches!(action, Action::Say(_)));
        self.out = said;
        let quiet = |a: &Action| matches!(a, Action::Understood(_) | Action::Reported(_) | Action::Show(_));
        did.into_iter().filter(|action| !quiet(action)).collect()
    }

    fn hears(&mut self, sound: Sound) -> &mut Bench {
        self.modem.hear(sound, self.now, &mut self.out);
        self
    }

    /// Lets time go by, deadline after deadline.
    fn after(&mut self, ms: u64) -> &mut Bench {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.modem.deadline().filter(|at| *at <= end) {
            self.now = at;
            self.modem.tick(at, &mut self.out);
        }
        self.now = end;
        self
    }

    fn rings(&mut self) -> &mut Bench {
        self.modem.ring(true, self.now, &mut self.out);
        self.modem.ring(false, self.now, &mut self.out);
        self
    }

    /// Dials a number and gets through, up to CONNECT.
    fn connects(&mut self) -> &mut Bench {
        self.types("ATE0DT1\r");
        self.hears(Sound::DialTone).after(1000);
        self.hears(Sound::Ringback).hears(Sound::Answer).after(600);
        self.hears(Sound::Data);
        assert!(self.modem.online());
        assert!(self.said().ends_with("CONNECT 33600\r\n"));
        self.out.clear();
        self
    }
}

#[track_caller]
fn answers(table: &[(&str, &str)]) {
    for (command, answer) in table {
        let mut bench = Bench::new();
        bench.types("ATE0\r");
        assert_eq!(bench.types(&format!("AT{command}\r")), *answer, "AT{command}");
    }
}

const OK: &str = "\r\nOK\r\n";
const ERROR: &str = "\r\nERROR\r\n";

#[test]
fn commands_that_are_taken() {
    let good = [
        "",
        "E1",
        "E0",
        "E",
        "H",
        "H0",
        "H1",
        "I0Q0",
        "Q0",
        "V1",
        "X0",
        "X4",
        "X7",
        "&C0",
        "&C1",
        "&D0",
        "&D1",
        "&D2",
        "&D3",
        "&K3",
        "&K0",
        "&W",
        "&W1",
        "&F",
        "&F1",
        "&S0",
        "&M4",
        "&Q5",
        "\\N3",
        "%C3",
        "-J1",
        "\\V1",
        "L0",
        "M1",
        "B1",
        "N1",
        "W2",
        "Y0",
        "Z",
        "T",
        "P",
        "S0=0",
        "S0=255",
        "S7=60S10=14",
        "S95=44",
        "S3=13",
        "+FCLASS=0",
        "+VCID=1",
        "#CID=1",
        "+VCID=0",
        "+MR=1;+ER=1;+DR=1",
        "+IPR=115200",
        "+ICF=3",
        "+IFC=2,2",
        "+ILRR=1",
        "+MS=V34,0,2400,14400",
        "+ES=3,0,2",
        "+DS=3",
        "+PCW=2;+PMH=1;+PQC=3",
        "E0 Q0 V1 X4 &C1 &D2 S0=0",
    ];
    for command in good {
        let mut bench = Bench::new();
        let told = bench.types(&format!("AT{command}\r"));
        assert!(told.ends_with(OK), "AT{command}: {told:?}");
    }
}

#[test]
fn commands_that_are_refused() {
    let bad = [
        "E2",
        "V2",
        "Q2",
        "X8",
        "H2",
        "Z2",
        "&C2",
        "&D4",
        "&W2",
        "U",
        "J",
        "R",
        "I12",
        "S100=0",
        "S100?",
        "S0=256",
        "S1=5",
        "S3=128",
        "S",
        "S0",
        "+",
        "+NOSUCH",
        "+VCID=9",
        "+FCLASS=7",
        "+FCLASS",
        "+IPR",
        "&",
        "!",
        "E0?",
        "+CGMI",
        "+CLIP=1",
        "%CCID=1",
        "*ID1",
        "D?",
        "DQ",
        "\u{e9}",
        "+MR=2",
        "+GMI=1",
    ];
    for command in bad {
        assert!(Bench::new().types(&format!("AT{command}\r")).ends_with(ERROR), "AT{command}");
    }
}

#[test]
fn what_a_modem_says_of_itself() {
    answers(&[
        ("I", "\r\n33600\r\n\r\nOK\r\n"),
        ("I3", "\r\nV2.210-V34_DP\r\n\r\nOK\r\n"),
        ("I9", OK),
        ("+GMI;+GMM", "\r\nRingback\r\n\r\nRB336 V.34 data/fax modem\r\n\r\nOK\r\n"),
        ("+GMR", "\r\nV1.00\r\n\r\nOK\r\n"),
        ("+GCAP", "\r\n+GCAP: +FCLASS,+MS,+ES,+DS\r\n\r\nOK\r\n"),
        ("+FCLASS=?", "\r\n0,1,8\r\n\r\nOK\r\n"),
        ("+FCLASS?", "\r\n0\r\n\r\nOK\r\n"),
        ("+VCID=?", "\r\n+VCID: (0-2)\r\n\r\nOK\r\n"),
        ("+VCID=1;+VCID?", "\r\n+VCID: 1\r\n\r\nOK\r\n"),
        ("+IPR?", "\r\n+IPR: 0\r\n\r\nOK\r\n"),
        ("+IPR=9600;+IPR?", "\r\n+IPR: 9600\r\n\r\nOK\r\n"),
        ("S7=60S7?", "\r\n060\r\n\r\nOK\r\n"),
        ("+MR=1;+MR?", "\r\n+MR: 1\r\n\r\nOK\r\n"),
        ("V0", "0\r"),
        ("V0E2", "4\r"),
        ("V0I3", "V2.210-V34_DP\r\n0\r"),
        ("Q1", ""),
    ]);
}

#[test]
fn families_differ() {
    let says = |family: &str, command: &str| Bench::family(family).types(&format!("ATE0{command}\r"));
    assert!(says("usr", "I").contains("5607"));
    assert!(says("usr", "+GMI").ends_with(ERROR));
    assert!(says("wifi", "I").contains("Zimodem"));
    assert!(says("wifi", "+FCLASS=0").ends_with(ERROR));
    assert!(says("iridium", "+CGMI").contains("Iridium"));
    assert!(says("iridium", "+CLIP=1").ends_with(OK));
    assert!(says("zyxel", "S40.2=1").ends_with(OK));
    assert!(says("acm", "I").starts_with(OK));
    for profile in &PROFILES {
        assert!(says(profile.name, "Q0V1X4&C1S0=0").ends_with(OK), "{}", profile.name);
    }
}

#[test]
fn commands_are_echoed_edited_and_repeated() {
    let mut bench = Bench::new();
    bench.modem.computer(b"atE1\r", bench.now, &mut bench.out);
    assert_eq!(bench.said(), "atE1\r\r\nOK\r\n");
    assert_eq!(bench.types("ATX9\x084\r"), OK, "backspace");
    assert_eq!(bench.types("A/"), OK, "once more");
    assert_eq!(bench.types("garbage ATE0?AT\r"), ERROR, "the first AT counts");
    assert_eq!(bench.types("aT\r"), OK);
    assert_eq!(bench.types(&format!("AT{}\r", "X".repeat(300))), ERROR, "too long");
    assert_eq!(bench.types("ATE0\r"), OK);
    bench.modem.computer(b"AT\r", bench.now, &mut bench.out);
    assert_eq!(bench.said(), OK, "no echo");
    bench.types("ATS3=36S4=37\r");
    assert_eq!(bench.types("AT$"), "$%OK$%", "other line ends");
}

#[test]
fn profiles_are_kept_and_fetched() {
    let mut bench = Bench::new();
    bench.types("ATE0X1S0=3&C0&W\r");
    bench.types("AT&F\r");
    assert!(bench.types("ATS0?\r").contains("000"));
    bench.types("ATZ\r");
    assert_eq!(bench.types("ATS0?\r"), "\r\n003\r\n\r\nOK\r\n");
    bench.modem.power_cycle(&mut bench.out);
    bench.out.clear();
    assert_eq!(bench.types("ATS0?\r"), "\r\n003\r\n\r\nOK\r\n");
    assert!(bench.modem.lines().dcd, "&C0");
}

#[test]
fn a_call_goes_out() {
    let mut bench = Bench::new();
    bench.types("ATE0DT0,1\r");
    assert_eq!(bench.did(), [Action::OffHook]);
    bench.hears(Sound::DialTone).after(250);
    assert_eq!(bench.did(), [Action::Digit('0')]);
    bench.after(2000);
    assert_eq!(bench.did(), [Action::Digit('1')]);
    assert_eq!(bench.modem.doing(), Doing::Dialling);
    bench.after(500).hears(Sound::Ringback).hears(Sound::Silence).hears(Sound::Answer);
    assert_eq!(bench.did(), [Action::Play(Sound::Originate)]);
    assert_eq!(bench.modem.doing(), Doing::Training);
    bench.after(599);
    assert_eq!(bench.did(), []);
    bench.after(1);
    assert_eq!(bench.did(), [Action::Play(Sound::Data)]);
    assert_eq!(bench.said(), "", "the other modem is not ready");
    bench.hears(Sound::Data);
    assert!(bench.modem.lines().dcd);
    assert_eq!(bench.said(), "\r\nCONNECT 33600\r\n");
    assert_eq!(bench.did(), [Action::Online]);
}

#[track_caller]
fn call_ends(settings: &str, sounds: &[(u64, Sound)], wait: u64, wanted: &str) {
    let mut bench = Bench::new();
    bench.types(&format!("ATE0{settings}DT1\r"));
    for (ms, sound) in sounds {
        bench.hears(*sound).after(*ms);
    }
    bench.after(wait);
    assert_eq!(bench.said(), wanted, "{settings} {sounds:?}");
    assert_eq!(bench.modem.doing(), Doing::Idle);
    assert_eq!(bench.modem.deadline(), None, "nothing is left to do");
}

#[test]
fn calls_that_come_to_nothing() {
    let tone = (1000, Sound::DialTone);
    call_ends("", &[(1000, Sound::Silence)], 1000, "\r\nNO DIALTONE\r\n");
    call_ends("X2", &[(1000, Sound::Silence)], 1000, "\r\nNO DIALTONE\r\n");
    call_ends("V0", &[(1000, Sound::Silence)], 1000, "6\r");
    call_ends("", &[tone, (0, Sound::Busy)], 0, "\r\nBUSY\r\n");
    call_ends("X3", &[(2500, Sound::Silence), (0, Sound::Busy)], 0, "\r\nBUSY\r\n");
    call_ends("X2S7=5", &[tone, (0, Sound::Busy)], 5000, "\r\nNO CARRIER\r\n");
    call_ends("", &[tone, (0, Sound::Unobtainable)], 0, "\r\nNO CARRIER\r\n");
    call_ends("S7=5", &[tone, (0, Sound::Ringback)], 5000, "\r\nNO ANSWER\r\n");
    call_ends("S7=5X1", &[(2500, Sound::Silence), (0, Sound::Ringback)], 5000, "\r\nNO CARRIER\r\n");
    call_ends("S7=5X5", &[tone, (0, Sound::Ringback)], 5000, "\r\nRINGING\r\n\r\nNO ANSWER\r\n");
    call_ends("S7=5", &[tone, (0, Sound::Voice)], 5000, "\r\nNO CARRIER\r\n");
    call_ends("S7=5", &[tone, (0, Sound::Originate)], 5000, "\r\nNO CARRIER\r\n");
    call_ends("", &[tone, (100, Sound::Answer), (0, Sound::Busy)], 0, "\r\nNO CARRIER\r\n");
    call_ends("S7=5", &[tone, (1000, Sound::Answer), (0, Sound::Answer)], 5000, "\r\nNO CARRIER\r\n");
    call_ends("Q1", &[(1000, Sound::Silence)], 1000, "");
}

#[test]
fn a_key_aborts_dialling_but_not_the_line_feed() {
    let mut bench = Bench::new();
    bench.types("ATE0DT12345\r\n");
    bench.hears(Sound::DialTone).after(100);
    bench.types("\n");
    assert_eq!(bench.modem.doing(), Doing::Dialling, "within 125 ms");
    bench.after(100);
    assert_eq!(bench.types("x"), "\r\nNO CARRIER\r\n");
    assert!(bench.did().contains(&Action::OnHook));
    let mut bench = Bench::new();
    bench.types("ATE0A\r");
    bench.hears(Sound::Originate).after(300);
    assert_eq!(bench.types(" "), "\r\nNO CARRIER\r\n", "in the handshake");
}

#[test]
fn dialling_in_two_parts_and_blindly() {
    let mut bench = Bench::new();
    bench.types("ATE0X3DT1;\r");
    bench.after(1999);
    assert_eq!(bench.did(), [Action::OffHook], "S6 goes by first");
    bench.after(200);
    assert_eq!((bench.did(), bench.said().as_str()), (vec![Action::Digit('1')], OK));
    assert_eq!(bench.modem.doing(), Doing::Lifted);
    bench.types("ATDP23\r");
    bench.after(1500);
    assert_eq!(bench.did(), [Action::Digit('2'), Action::Digit('3')]);
    assert_eq!(bench.types("ATH\r"), "\r\nNO CARRIER\r\n", "pulses take their time: a key aborts");
    bench.types("ATE0X3DL\r");
    bench.after(6000);
    assert_eq!(bench.did().iter().filter(|a| matches!(a, Action::Digit(_))).count(), 2, "the last number");
}

#[test]
fn waiting_for_a_second_dial_tone_and_for_silence() {
    let mut bench = Bench::new();
    bench.types("ATE0DT0W1@\r");
    bench.hears(Sound::DialTone).after(150).hears(Sound::Silence).after(3000);
    assert_eq!(bench.did(), [Action::OffHook, Action::Digit('0')]);
    bench.hears(Sound::DialTone).after(300);
    assert_eq!(bench.did(), [Action::Digit('1')]);
    bench.hears(Sound::Ringback).after(60_000);
    assert_eq!(bench.said(), "\r\nNO ANSWER\r\n", "@ without silence");
}

#[test]
fn a_call_comes_in() {
    let mut bench = Bench::new();
    bench.types("ATE0\r");
    bench.modem.ring(true, bench.now, &mut bench.out);
    assert_eq!(bench.said(), "\r\nRING\r\n");
    assert!(bench.modem.lines().ri);
    bench.modem.ring(false, bench.now, &mut bench.out);
    assert!(!bench.modem.lines().ri);
    assert_eq!((bench.modem.doing(), bench.modem.rings()), (Doing::Ringing, 1), "between two bursts, too");
    bench.types("ATA\r");
    assert_eq!(bench.did(), [Action::OffHook, Action::Play(Sound::Answer)]);
    bench.hears(Sound::Originate).after(600).hears(Sound::Data);
    assert_eq!(bench.said(), "\r\nCONNECT 33600\r\n");
}

#[test]
fn s0_answers_when_dtr_is_on() {
    let mut bench = Bench::new();
    bench.types("ATE0S0=2\r");
    bench.rings().after(5000);
    assert_eq!(bench.did(), []);
    bench.rings().after(499);
    assert_eq!(bench.did(), []);
    bench.after(1);
    assert_eq!(bench.did(), [Action::OffHook, Action::Play(Sound::Answer)]);
    let mut bench = Bench::new();
    bench.types("ATE0S0=1\r");
    bench.modem.dtr(false, bench.now, &mut bench.out);
    bench.rings().after(5000);
    assert_eq!(bench.did(), [], "DTR off");
    bench.modem.dtr(true, bench.now, &mut bench.out);
    bench.rings();
    bench.modem.ring_stopped(&mut bench.out);
    bench.after(5000);
    assert_eq!(bench.did(), [], "the caller has gone");
}

#[test]
fn the_ring_counter_forgets() {
    let mut bench = Bench::new();
    bench.rings().after(6000).rings();
    assert_eq!(bench.modem.rings(), 2);
    bench.after(9000).rings();
    assert_eq!(bench.modem.rings(), 1);
}

fn caller() -> Caller {
    Caller {
        number: "5550".into(),
        called: "1".into(),
        date: "1120".into(),
        time: "0612".into(),
        ..Caller::default()
    }
}

#[test]
fn callers_are_shown_when_asked_for() {
    let mut bench = Bench::new();
    bench.types("ATE0\r");
    bench.rings();
    bench.modem.caller(caller(), bench.now, &mut bench.out);
    assert_eq!(bench.said(), "\r\nRING\r\n");
    bench.types("AT+VCID=1\r");
    bench.modem.caller(caller(), bench.now, &mut bench.out);
    assert_eq!(bench.said(), "\r\nDATE = 1120\r\nTIME = 0612\r\nNMBR = 5550\r\n");
    assert!(bench.types("AT+VRID\r").contains("NMBR = 5550"));
    let make = Make { dialect: Dialect::Elsa, ..Make::default() };
    let mut bench = Bench::made(make);
    bench.types("ATE0\r");
    bench.rings();
    bench.modem.caller(caller(), bench.now, &mut bench.out);
    bench.after(6000).rings();
    assert_eq!(bench.said(), "\r\nRING\r\n\r\nRING;5550;1\r\n");
    let mut bench = Bench::family("iridium");
    bench.types("ATE0+CLIP=1\r");
    bench.modem.caller(caller(), bench.now, &mut bench.out);
    bench.rings();
    assert_eq!(bench.said(), "\r\nRING\r\n", "a ring after a long silence is another caller");
    bench.modem.caller(caller(), bench.now, &mut bench.out);
    bench.after(6000).rings();
    assert_eq!(bench.said(), "\r\nRING\r\n\r\n+CLIP: \"5550\",129\r\n");
}

#[test]
fn plus_plus_plus_and_back() {
    let mut bench = Bench::new();
    bench.connects().after(1500);
    assert_eq!(bench.types("+++"), "");
    bench.after(999);
    assert_eq!(bench.said(), "");
    bench.after(1);
    assert_eq!((bench.said().as_str(), bench.did()), (OK, vec![Action::Offline]));
    assert_eq!(bench.modem.doing(), Doing::Paused);
    assert!(bench.modem.lines().dcd);
    assert_eq!(bench.types("ATDT2\r"), ERROR, "in a call");
    assert_eq!(bench.types("ATO\r"), "\r\nCONNECT 33600\r\n");
    bench.after(1500).types("+++");
    bench.after(500);
    assert_eq!(bench.types("more"), "", "data after the three");
    bench.after(2000);
    assert_eq!(bench.said(), "");
    bench.types("+++");
    bench.after(1000);
    assert_eq!(bench.types("ATH\r"), "\r\nOK\r\n\r\nOK\r\n");
    assert_eq!(bench.types("ATO\r"), "\r\nNO CARRIER\r\n");
}

#[test]
fn escape_registers() {
    let mut bench = Bench::new();
    bench.types("ATS2=42S12=10\r");
    bench.connects().after(200);
    bench.types("***");
    bench.after(200);
    assert_eq!(bench.said(), OK);
    let mut bench = Bench::new();
    bench.types("ATS2=128\r");
    bench.connects().after(2000);
    bench.types("+++");
    assert!(bench.modem.deadline().is_none(), "no escape at all");
}

#[test]
fn without_guard_times_data_can_hang_up() {
    let mut bench = Bench::family("ties");
    bench.connects();
    let data = b"ping -p 2b2b2b +++ATH0\r rest";
    let taken = bench.modem.data(data, bench.now, &mut bench.out);
    assert_eq!(&data[taken..], b" rest");
    assert_eq!(bench.modem.doing(), Doing::Idle);
    assert!(bench.did().contains(&Action::OnHook));
}

#[test]
fn dtr_does_what_d_says() {
    for (d, doing, said) in [
        (0, Doing::Connected, ""),
        (1, Doing::Paused, OK),
        (2, Doing::Idle, "\r\nNO CARRIER\r\n"),
        (3, Doing::Idle, "\r\nNO CARRIER\r\n"),
    ] {
        let mut bench = Bench::new();
        bench.types(&format!("ATS0=5&D{d}\r"));
        bench.connects();
        bench.modem.dtr(false, bench.now, &mut bench.out);
        assert_eq!((bench.modem.doing(), bench.said().as_str()), (doing, said), "&D{d}");
        let rings = bench.modem.settings_mut().read(0);
        assert_eq!(rings, Some(if d == 3 { 0 } else { 5 }), "&D{d}");
    }
}

#[test]
fn carrier_detect_follows_the_carrier() {
    let mut bench = Bench::new();
    bench.connects();
    bench.hears(Sound::Bye);
    assert_eq!((bench.said().as_str(), bench.modem.lines().dcd), ("\r\nNO CARRIER\r\n", false));
    let mut bench = Bench::new();
    bench.connects();
    bench.hears(Sound::Silence).after(1399);
    assert_eq!((bench.said().as_str(), bench.modem.lines().dcd), ("", false), "S10");
    bench.hears(Sound::Data).after(5000);
    assert!(bench.modem.lines().dcd && bench.modem.online(), "the carrier has come back");
    bench.hears(Sound::Silence).after(1400);
    assert_eq!(bench.said(), "\r\nNO CARRIER\r\n");
    let mut bench = Bench::new();
    bench.types("AT&C0\r");
    bench.connects();
    bench.hears(Sound::Bye);
    assert!(bench.modem.lines().dcd, "&C0");
    let mut bench = Bench::new();
    bench.types("ATS10=255\r");
    bench.connects();
    bench.hears(Sound::Silence);
    assert_eq!(bench.modem.deadline(), None, "never");
}

#[test]
fn reports_come_before_connect() {
    let mut bench = Bench::new();
    bench.types("ATE0+MR=1;+ER=1;+DR=1\r");
    bench.types("ATDT1\r");
    bench.hears(Sound::DialTone).after(1000).hears(Sound::Answer).after(600).hears(Sound::Data);
    let wanted =
        "\r\n+MCR: V34\r\n\r\n+MRR: 33600\r\n\r\n+ER: LAPM\r\n\r\n+DR: V42B\r\n\r\nCONNECT 33600\r\n";
    assert_eq!(bench.said(), wanted);
}

#[track_caller]
fn with(whims: Whims) -> Bench {
    let mut bench = Bench::new();
    bench.types("ATE0\r");
    bench.modem.set_whims(Some(whims));
    bench
}

#[test]
fn what_can_be_wrong_with_a_modem() {
    assert_eq!(with(Whims { deaf: true, ..Whims::default() }).types("AT\r"), "");
    assert_eq!(with(Whims { echo_stuck: true, ..Whims::default() }).types("AT\r"), OK, "echo was cut off");
    let errors = Whims { errors: vec!["+VCID".into(), "D".into()], ..Whims::default() };
    assert_eq!(with(errors.clone()).types("AT+VCID=1\r"), ERROR);
    assert_eq!(with(errors.clone()).types("ATDT1\r"), ERROR);
    assert_eq!(with(errors).types("ATX4\r"), OK);
    let mut slow = with(Whims { slow: Some(Duration::from_secs(3)), ..Whims::default() });
    assert_eq!(slow.types("AT\r"), "");
    slow.after(2999);
    assert_eq!(slow.said(), "");
    slow.after(1);
    assert_eq!(slow.said(), OK);
    let garbage = with(Whims { garbage: 9, ..Whims::default() }).types("AT\r");
    assert!(garbage.ends_with(OK) && garbage.len() > OK.len(), "{garbage:?}");
    let mut lost = with(Whims { lost_rings: vec![1], ..Whims::default() });
    lost.rings();
    assert_eq!((lost.said().as_str(), lost.modem.rings()), ("", 1));
    lost.rings();
    assert_eq!(lost.said(), "\r\nRING\r\n");
    let mut other = with(Whims { dialect: Some(Dialect::Nbr), ..Whims::default() });
    other.modem.caller(caller(), other.now, &mut other.out);
    assert_eq!(other.said(), "\r\nNBR=5550\r\n");
    let mut stubborn = with(Whims { dtr_ignored: true, ..Whims::default() });
    stubborn.connects();
    stubborn.modem.dtr(false, stubborn.now, &mut stubborn.out);
    assert_eq!(stubborn.modem.doing(), Doing::Connected);
}

#[test]
fn a_power_cycle_ends_everything() {
    let mut bench = Bench::new();
    bench.types("ATS0=9\r");
    bench.connects();
    bench.modem.power_cycle(&mut bench.out);
    assert_eq!(bench.modem.doing(), Doing::Idle);
    let shown: Vec<ModemLines> =
        bench.out.iter().filter_map(|a| if let Action::Show(l) = a { Some(*l) } else { None }).collect();
    assert!(shown.iter().any(|l| !l.dsr) && shown.last().is_some_and(|l| l.dsr), "DSR falls and rises");
    assert_eq!(bench.modem.settings_mut().read(0), Some(0));
    assert!(bench.said().is_empty());
}

#[test]
fn a_far_end_plays_tricks() {
    let mut bench = Bench::new();
    bench.modem.play(Sound::DialTone, &mut bench.out);
    assert_eq!(bench.did(), [Action::OffHook, Action::Play(Sound::DialTone)]);
    bench.modem.answer(bench.now, &mut bench.out);
    bench.hears(Sound::Originate).after(600).hears(Sound::Data);
    assert!(bench.modem.online());
}

#[test]
fn a_seed_of_the_fuzzer() {
    super::fuzz(b"\x00ATE0DT1\r\xff\x01\xff\x40\xff\x40\xff\x06\xff\x40\xff\x08data+++\xff\x40ATH\r");
}

proptest! {
    #[test]
    fn nothing_upsets_it(data in prop::collection::vec(prop_oneof![
        Just(0xff), 0u8..20, Just(b'\r'), Just(b'A'), Just(b'T'), Just(b'D'), Just(b'+'), any::<u8>()
    ], 0..200)) {
        super::fuzz(&data);
    }

    #[test]
    fn command_lines_end_in_one_result(body in "[A-Z&0-9+=?;]{0,60}") {
        prop_assume!(!body.contains(['Q', 'V', 'D', 'A', 'O']));
        let mut bench = Bench::new();
        bench.types("ATE0\r");
        let said = bench.types(&format!("AT{body}\r"));
        let results = said.matches("\r\nOK\r\n").count() + said.matches("\r\nERROR\r\n").count();
        prop_assert_eq!(results, 1, "{}: {:?}", body, said);
    }
}
