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
