//! Callers who stay on the line and play the telephone company, the exchange's `hold` and `play` being their tools.
//! Not of the original: it dials into the ear of whoever is there.

use super::office::Office;
use ringback_tests::subject::subject;

const OFFICE: &str = "987654";
const OTHER: &str = "987655";
const FRAUD: &str = "5550";
const HOME: &str = "123456";
const GUEST: &str = "5551";
const LOGIN: &str = "!version 2\nfixed N - - CALLBACK -S 123456\n* - - - WELCOME @\n";

#[test]
fn who_holds_the_line_and_plays_a_dial_tone_is_not_the_one_who_is_called_on_another_line() {
    if subject("callback").original {
        return;
    }
    let office = Office::new(&[(OFFICE, ""), (OTHER, "")], &[FRAUD, HOME, GUEST], LOGIN);
    let lines = [OFFICE, OTHER].map(|number| office.exchange.device(number)).join(":");
    let config =
        format!("delay 4\ndelay-randomize 1\nmax-time 60\nother-line yes\ndialout-devices {lines}\n");
    office.sandbox.write_etc("callback.config", &config, 0o644);
    office.exchange.orders(&[&format!("hold {FRAUD} on")]);
    office.call(FRAUD, OFFICE, "fixed");
    office.exchange.orders(&[
        &format!("expect {FRAUD} 20s Dialing continues"),
        // The office has put its receiver down; he has not.
        &format!("play {FRAUD} dialtone"),
        &format!("wait {HOME} ringing"),
        &format!("answer {HOME}"),
        &format!("expect {HOME} 20s Connection established"),
        &format!("expect {HOME} 20s login:"),
        &format!("type {HOME} mary\\r"),
        &format!("expect {HOME} 20s welcome mary"),
    ]);
    let other = office.exchange.device(OTHER);
    office.logs(&format!("callback: success, device=/dev/{other}"));
    assert!(!office.log().contains("waiting for the line to be clear"), "another line needs no proof");
    let heard = office.exchange.order(&format!("heard {FRAUD}")).expect("what he heard");
    assert!(!heard.contains("Connection") && !heard.contains("login"), "{heard}");
    office.exchange.orders(&[
        &format!("hangup {HOME}"),
        &format!("hold {FRAUD} off"),
        &format!("hangup {FRAUD}"),
    ]);
    office.serves(GUEST, OFFICE);
    office.serves(GUEST, OTHER);
}

#[test]
fn without_a_dial_tone_nobody_is_called() {
    if subject("callback").original {
        return;
    }
    // A held call has carrier again for whoever opens the line; it ends with a hang-up, and another pty.
    let office = Office::new(&[(OFFICE, ",tty-hangup=off")], &[FRAUD, HOME, GUEST], LOGIN);
    let config = "delay 4\ndelay-randomize 1\nretry-time 60\nmax-time 20\nmodem-init \"\" ATQ0V1S6=1 OK\n";
    office.sandbox.write_etc("callback.config", config, 0o644);
    office.exchange.orders(&[&format!("hold {FRAUD} on")]);
    office.call(FRAUD, OFFICE, "fixed");
    office
        .exchange
        .orders(&[&format!("expect {FRAUD} 20s Dialing continues"), &format!("play {FRAUD} silence")]);
    office.logs("cause='no dial tone'");
    office.logs("no more tries, giving up");
    office.exchange.orders(&[&format!("hold {FRAUD} off"), &format!("hangup {FRAUD}")]);
    office.serves(GUEST, OFFICE);
}

#[test]
fn blind_dialling_is_said_in_the_log() {
    if subject("callback").original {
        return;
    }
    let office = Office::new(&[(OFFICE, "")], &[HOME, GUEST], LOGIN);
    office.sandbox.write_etc(
        "callback.config",
        "delay 4\ndelay-randomize 1\nblind-dial yes\ndebug 5\n",
        0o644,
    );
    office.call(GUEST, OFFICE, "fixed");
    office.logs("the modem dials without a dial tone: only the carrier shows that the caller has gone");
    office.exchange.orders(&[&format!("wait {HOME} ringing")]);
    office.logs("send: ATX3");
}
