//! Section 5: the states and their times.

use super::*;
use std::fs;
use std::time::Instant;

#[test]
fn an_idle_getty_reads_nothing() {
    let mut getty = Getty::idle("rings 5");
    let pid = getty.running().pid();
    let switches = || -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
        let counts = status.lines().filter(|l| l.contains("ctxt_switches"));
        counts.filter_map(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    };
    if !getty.subject.original {
        getty.wait_state("\"state\":\"idle\"");
    }
    // It may have been on its way to rest still.
    let rests = || {
        let before = switches();
        std::thread::sleep(ms(400));
        switches() == before
    };
    assert!((0..10).any(|_| rests()));
}

#[test]
fn the_phone_stopped_ringing() {
    let getty = Getty::idle("rings 3");
    getty.modem.send("\r\nRING\r\n\r\nNMBR = 555\r\n");
    getty.wait_log("phone stopped ringing (rings=1, dev=");
    assert!(getty.log().contains("caller='555')"));
    wait::until("the lock to go", || (!getty.lock_path().exists()).then_some(()));
    // The line serves on.
    let mark = getty.modem.mark();
    for _ in 0..3 {
        getty.modem.ring();
        std::thread::sleep(ms(50));
    }
    getty.modem.expect("ATA\r", mark);
}

#[test]
fn junk_ends_it() {
    let mut getty = Getty::idle("");
    let start = Instant::now();
    getty.modem.send("%&/(\r\n");
    assert_eq!(getty.status(), 0);
    assert!(start.elapsed() >= ms(9500));
    assert!(getty.log().contains("huh? Junk on the line?"));
    assert!(!getty.lock_path().exists());
}

#[test]
fn fail_strings_while_ringing() {
    let mut getty = Getty::idle("rings 4");
    getty.modem.send("\r\nRING\r\n\r\nNO CARRIER\r\n");
    assert_eq!(getty.status(), 20);
    assert!(getty.log().contains("failed A_FAIL dev="), "{}", getty.log());
    if !getty.subject.original {
        assert!(!getty.lock_path().exists());
    }
}

#[test]
fn a_modem_that_answers_by_itself() {
    let getty = Getty::idle("rings 4");
    let mark = getty.modem.mark();
    getty.modem.send("\r\nRING\r\n\r\nCONNECT 2400\r\n");
    getty.modem.expect("login: ", mark);
}

/// The file that forbids logins, as the getty sees it (its /etc is an overlay of its own).
fn nologin(getty: &mut Getty) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root/etc/nologin.{}", getty.running().pid(), getty.id()))
}

#[test]
fn no_login_while_the_file_is_there() {
    let mut getty = Getty::idle("rings 1");
    let file = nologin(&mut getty);
    fs::write(&file, "").expect("nologin");
    let mark = getty.modem.mark();
    getty.modem.ring();
    assert!(getty.modem.expect_within("AT", mark, ms(700)).is_none());
    fs::remove_file(&file).expect("login again");
    getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
}

#[test]
fn no_login_for_a_modem_that_answers_by_itself() {
    let mut getty = Getty::idle("");
    let file = nologin(&mut getty);
    fs::write(&file, "").expect("nologin");
    let mark = getty.modem.mark();
    getty.modem.send("\r\nCONNECT 2400\r\n");
    getty.modem.expect("\r\n\r\nSorry, no login allowed\r\n\r\nGoodbye...\r\n\r\n", mark);
    assert_eq!(getty.status(), 20);
}

#[test]
fn a_direct_line_greets_on_the_first_key() {
    let mut getty = Getty::new("direct yes");
    getty.start();
    getty.wait_idle();
    assert!(getty.modem.commands().is_empty());
    getty.modem.send("\r");
    getty.modem.expect("login: ", 0);
}

#[test]
fn ring_to_answer_and_connect_to_prompt() {
    let mut getty = Getty::new("");
    let text = BASE.replace("prompt-waittime 0", "prompt-waittime 500");
    getty.sandbox.write_etc("mgetty.config", &text, 0o644);
    getty.start();
    getty.wait_idle();
    let mark = getty.modem.mark();
    let rang = getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
    assert!(getty.modem.time_of(mark) - rang >= ms(49), "50 ms before a command");
    let place = getty.modem.expect("\r", mark);
    let connected = wait::until("CONNECT", || getty.modem.connected_at());
    getty.modem.expect("login: ", place);
    // Difference: the drain runs inside prompt-waittime.
    let least = if getty.subject.original { ms(840) } else { ms(480) };
    assert!(getty.modem.time_of(place) - connected >= least);
}

#[test]
fn the_statistics_chat_is_logged() {
    let manner = replying("AT#UG", "\r\nlast call 33600\r\nOK\r\n");
    let mut getty = Getty::with("statistics-chat \"\" AT#UG OK", manner);
    getty.start();
    getty.wait_idle();
    assert!(getty.modem.commands().contains(&"AT#UG".to_string()));
    for line in ["*** AT#UG", "*** last call 33600", "*** OK"] {
        assert!(getty.log().contains(line), "{}", getty.log());
    }
}
