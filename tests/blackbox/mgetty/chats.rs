//! Section 3: chat scripts.

use super::*;
use std::time::Instant;

#[test]
fn the_built_in_chat_is_debians() {
    let getty = Getty::idle("");
    assert_eq!(getty.modem.commands(), ["ATQ0V1H0", "AT"]);
}

#[test]
fn words_escapes_and_quotes() {
    let getty = Getty::idle(r#"init-chat "" "AT S0=0" OK AT\x\&C1 OK AT"Z 2"3 "OK\r""#);
    assert_eq!(getty.modem.commands(), ["AT S0=0", "ATX&C1", "ATZ 23"]);
}

#[test]
fn a_written_pause_is_kept() {
    let mut getty = Getty::new(r#"init-chat "" ATZ OK \dAT&C1 OK"#);
    getty.start();
    getty.wait_idle();
    let text = getty.modem.received(0);
    let place = text.windows(5).position(|w| w == b"AT&C1").expect("the second command");
    let pause = getty.modem.time_of(place) - getty.modem.time_of(0);
    assert!(pause >= ms(550), "50 ms before a command and 500 ms for \\d, not {pause:?}");
}

#[test]
fn each_command_is_preceded_by_its_pause() {
    let mut getty = Getty::new(r#"init-chat "" AT OK AT&D2 OK"#);
    let start = Instant::now();
    getty.start();
    getty.wait_idle();
    let text = getty.modem.received(0);
    let place = text.windows(5).position(|w| w == b"AT&D2").expect("the second command");
    assert!(getty.modem.time_of(0) - start >= ms(140), "100 ms of silence and 50 ms");
    assert!(getty.modem.time_of(place) - getty.modem.time_of(0) >= ms(49));
}

#[test]
fn an_error_ends_it_at_once() {
    let mut getty = Getty::with("", replying("ATQ0V1H0", "\r\nERROR\r\n"));
    getty.start();
    if !getty.subject.original {
        // Difference: it tries again, and says so once.
        getty.wait_state("modem refuses the init chat");
        wait::until("more tries", || (getty.modem.commands().len() > 4).then_some(()));
        let log = getty.log();
        assert_eq!(log.matches("failed in mg_init_data, dev=").count(), 1, "{log}");
        assert_eq!(log.matches("init chat failed").count(), 1, "{log}");
        assert_eq!(log.matches("send: ATQ0V1H0").count(), 1, "each try: {log}");
        return;
    }
    assert_eq!(getty.status(), 1);
    let log = getty.log();
    assert!(
        log.contains("failed in mg_init_data, dev=") && log.contains("init chat failed, exiting..."),
        "{log}"
    );
    assert!(!getty.lock_path().exists());
}

#[test]
fn a_post_init_chat_and_its_result_do_not_matter() {
    let mut getty = Getty::with("post-init-chat \"\" ATM0 OK", replying("ATM0", "\r\nOK\r\n"));
    getty.start();
    getty.wait_idle();
    assert_eq!(getty.modem.commands(), ["ATQ0V1H0", "AT", "ATM0"]);
}

#[test]
fn the_answer_chat_is_configurable_and_its_failure_is_told() {
    let mut getty =
        Getty::with("answer-chat \"\" ATS0=1A CONNECT \\c \\n", replying("ATS0=1A", "\r\nNO CARRIER\r\n"));
    getty.start();
    getty.wait_idle();
    getty.modem.send("\r\nNMBR = 555\r\nRING\r\n");
    assert_eq!(getty.status(), 1);
    let log = getty.log();
    assert!(log.contains("failed A_FAIL dev=") && log.contains("caller='555', conn='', name=''"), "{log}");
    assert!(!getty.lock_path().exists());
}

#[test]
fn a_modem_that_does_not_answer_is_given_up() {
    let mut getty = Getty::with("answer-chat-timeout 1", replying("ATA", ""));
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    assert_eq!(getty.status(), 1);
    assert!(getty.log().contains("failed timeout dev="), "{}", getty.log());
}

/// SIGUSR1 stands for a `RING` that a chat expects, too.
#[test]
fn a_virtual_ring_in_a_chat() {
    let mut getty = Getty::idle("answer-chat RING ATA CONNECT \\c \\n");
    let mark = getty.modem.mark();
    getty.running().signal(nix::sys::signal::Signal::SIGUSR1);
    getty.modem.expect("ATA\r", mark);
    getty.modem.expect("login: ", mark);
}

/// Difference: the original goes on to receive the fax.
#[test]
fn a_fax_is_told_and_refused() {
    if subject("mgetty").original {
        return;
    }
    for answer in ["\r\n+FCON\r\n", "\r\n+FCO\r\n", "\r\nFAX\r\n"] {
        let mut getty = Getty::with("", replying("ATA", answer));
        getty.start();
        getty.wait_idle();
        getty.modem.ring();
        assert_eq!(getty.status(), 0, "{answer:?}");
        assert!(getty.log().contains("##### fax call refused, dev="), "{}", getty.log());
        assert!(!getty.lock_path().exists());
    }
    let mut getty = Getty::idle("fax-only yes");
    let mark = getty.modem.mark();
    getty.modem.ring();
    getty.wait_log("denied caller dev=");
    assert!(getty.modem.expect_within("AT", mark, ms(100)).is_none());
    assert_eq!(getty.running().status_now(), None);
}

/// What is still to come of the CONNECT line is the modem's, even if the prompt is not waited for.
#[test]
fn an_answer_chat_that_ends_inside_the_connect_line() {
    let mut getty = Getty::idle(r#"answer-chat "" ATA CONNECT"#);
    let said = getty.log_in("joe");
    assert!(said.contains("<<arg1=joe>>") && said.contains("<<CONNECT=>>"), "{said}");
}

/// The original waits for ever then, ours as long as it does unasked.
#[test]
fn an_answer_chat_without_a_limit() {
    let mut getty = Getty::idle("answer-chat-timeout 0");
    assert!(getty.log_in("joe").contains("<<arg1=joe>>"));
}
