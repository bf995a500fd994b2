//! dial-allow and dial-deny, against a modem that answers.

use super::{Client, Server, free_port};
use ringback_tests::modem::Modem;
use ringback_tests::wait;

#[test]
fn a_forbidden_number_is_answered_no_carrier_and_recorded() {
    let (modem, port) = (Modem::new(), free_port());
    let conf =
        format!("{port} /dev/{} 9600,8,N,1 * dial-deny=0900 dial-allow=100 settle=10ms\n", modem.line());
    let server = Server::start(&conf);
    let mut client = Client::connect(port);
    client.say("ATI\r");
    client.hear("OK\r\n");
    client.say("ATE1DT0900123\r");
    assert_eq!(client.hear("NO CARRIER\r\n"), b"\r\nNO CARRIER\r\n");
    client.say("ATDT100\r\n");
    client.hear("CONNECT 33600\r\n");
    let mark = modem.mark();
    client.say("ATDT0900 is data now\r");
    modem.expect("ATDT0900 is data now\r", mark);
    assert_eq!(modem.commands(), ["ATI", "ATDT100"]);
    drop(client);
    wait::until("the record", || (!server.records().is_empty()).then_some(()));
    assert_eq!(server.records()[0]["called"], "T0900123 refused, 100");
}

#[test]
fn no_form_of_a_command_gets_a_forbidden_number_to_the_modem() {
    let (modem, port) = (Modem::new(), free_port());
    let conf = format!(
        "{port} /dev/{} 9600,8,N,1,rfc2217 * dial-deny=0900 dial-allow=100 settle=10ms\n",
        modem.line()
    );
    let server = Server::start(&conf);
    let mut client = Client::connect(port);
    for (said, answer) in [
        ("ATDT0900\r", "NO CARRIER"),
        ("ATE1X4S0=0DT0900\r", "NO CARRIER"),
        ("A/", "NO CARRIER"),
        ("ATDT09\x0800\x089\x0800900\r", "NO CARRIER"),
        ("ATDS=1\r", "NO CARRIER"),
        ("ATDL\r", "NO CARRIER"),
        ("AT&Z1=0900\r", "NO CARRIER"),
        ("ATS3=65\r", "ERROR"),
        ("ATS5=65\r", "ERROR"),
        ("ATS2=35&W\r", "ERROR"),
        ("AT+VTS=0,9,0,0\r", "ERROR"),
        ("AT#CLS=8#VTS=0,9,0,0\r", "ERROR"),
        ("AT+CDV=0900123\r", "ERROR"),
        ("ATV0\r", "ERROR"),
        ("ATS3=13S5=8S2=35\r", "OK"),
        ("ATDT100\r", "CONNECT 33600"),
    ] {
        client.say(said);
        client.hear(format!("{answer}\r\n"));
    }
    // Escape, with the character of S2, and redial; then DTR, with &D1.
    let mark = modem.mark();
    client.say("ATDT0900 are data\r");
    let mark = modem.expect("ATDT0900 are data\r", mark);
    client.say("###");
    modem.expect("###", mark);
    modem.hang_up();
    client.say("ATDT0900\r");
    client.hear("NO CARRIER\r\n");
    let mark = modem.mark();
    client.say("A/");
    modem.expect("A/", mark);
    client.say("\rATDT100\r");
    client.hear("CONNECT 33600\r\n");
    client.say(b"\xff\xfa\x2c\x05\x09\xff\xf0");
    client.hear(b"\xff\xfa\x2c\x69\x09\xff\xf0");
    client.say("ATDT0900\r");
    client.hear("NO CARRIER\r\n");
    assert!(
        !modem.commands().iter().any(|c| c.contains("0900") || c.contains("S3=65")),
        "{:?}",
        modem.commands()
    );
    drop(client);
    let records = wait::until("the record", || Some(server.records()).filter(|r| !r.is_empty()));
    let called = records[0]["called"].as_str().expect("numbers");
    assert!(called.contains("T0900 refused") && called.contains("100"), "{called}");
}

#[test]
fn a_client_of_rfc_2217_cannot_make_the_watch_miss_the_end_of_a_call() {
    let (modem, port) = (Modem::new(), free_port());
    let conf = format!("{port} /dev/{} 9600,8,N,1,rfc2217 * dial-allow=100 settle=10ms\n", modem.line());
    let _server = Server::start(&conf);
    let mut client = Client::connect(port);
    let tricks: [(&str, &[u8], &[u8]); 4] = [
        ("suspend", b"\xff\xfa\x2c\x08\xff\xf0", b"\xff\xfa\x2c\x09\xff\xf0"),
        ("speed", b"\xff\xfa\x2c\x01\0\0\x01\x2c\xff\xf0", b"\xff\xfa\x2c\x01\0\0\x25\x80\xff\xf0"),
        ("parity", b"\xff\xfa\x2c\x03\x02\xff\xf0", b"\xff\xfa\x2c\x03\x01\xff\xf0"),
        ("RTS", b"\xff\xfa\x2c\x05\x0c\xff\xf0", b"\xff\xfa\x2c\x05\x0b\xff\xf0"),
    ];
    for (trick, before, after) in tricks {
        client.say("ATDT100\r");
        client.hear("CONNECT 33600\r\n");
        client.say(before);
        let mark = modem.mark();
        client.say("x");
        modem.expect("x", mark);
        // The other side hangs up, which the modem says, but not so that it is understood.
        modem.hang_up();
        client.say("ATDT0900\r");
        client.say(after);
        client.hear("NO CARRIER\r\n");
        assert!(!modem.commands().iter().any(|c| c.contains("0900")), "{trick}: {:?}", modem.commands());
    }
}

#[test]
fn a_command_is_not_cut_by_a_purge() {
    use nix::sys::termios::{FlowArg, tcflow};
    let (modem, port) = (Modem::new(), free_port());
    let conf = format!("{port} /dev/{} 9600,8,N,1,rfc2217 * dial-allow=100 settle=10ms\n", modem.line());
    let _server = Server::start(&conf);
    let mut client = Client::connect(port);
    client.say("ATI\r");
    client.hear("OK\r\n");
    tcflow(modem.pty().slave(), FlowArg::TCOOFF).expect("stop the line");
    client.say(b"ATDT100\r\xff\xfa\x2c\x0c\x03\xff\xf0");
    client.hear(b"\xff\xfa\x2c\x70\x03\xff\xf0");
    tcflow(modem.pty().slave(), FlowArg::TCOON).expect("let it go");
    client.hear("CONNECT 33600\r\n");
    assert_eq!(modem.commands(), ["ATI", "ATDT100"]);
}
