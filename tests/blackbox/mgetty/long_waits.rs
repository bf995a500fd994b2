//! Sections 2, 3 and 5: what takes seconds or minutes, with those waits shortened.

use super::*;
use nix::sys::signal::Signal;

/// A getty whose waits of `from` seconds and more are shortened.
fn hasty(config: &str, manner: Manner, from: u32, take: Duration) -> Getty {
    let mut getty = Getty::with(config, manner);
    getty.shorten(from, take);
    getty.start();
    getty
}

const FORCED: &[u8] = b"\x10\x03+++\rATQ0V1H0\r";

/// Places at which the modem got `bytes`.
fn got(getty: &Getty, bytes: &[u8]) -> bool {
    getty.modem.received(0).windows(bytes.len()).any(|window| window == bytes)
}

#[test]
fn a_silent_modem_is_forced_once_and_given_up() {
    let manner = Manner { answers: false, echo: false, ..Manner::default() };
    let mut getty = hasty("", manner, 15, ms(300));
    if !getty.subject.original {
        // Difference: it goes on trying, and says so once.
        getty.wait_state("modem is silent");
        assert!(got(&getty, FORCED), "{:?}", String::from_utf8_lossy(&getty.modem.received(0)));
        wait::until("looks at the modem", || (getty.modem.commands().len() >= 4).then_some(()));
        assert_eq!(getty.modem.commands()[..3], ["ATQ0V1H0", "ATQ0V1H0", "AT"]);
        assert_eq!(getty.log().matches("failed in mg_init_data").count(), 1, "{}", getty.log());
        return;
    }
    assert_eq!(getty.status(), 1);
    assert!(got(&getty, FORCED), "{:?}", String::from_utf8_lossy(&getty.modem.received(0)));
    assert_eq!(getty.modem.commands(), ["ATQ0V1H0", "ATQ0V1H0"]);
    let log = getty.log();
    assert!(log.contains("init chat failed, exiting...") && log.contains("failed in mg_init_data"), "{log}");
    assert!(!getty.lock_path().exists());
}

/// The modem wakes up at `ATQ0V1H0` of the forced chat: the init chat is tried once more.
#[test]
fn a_forced_modem_is_initialised_again() {
    let config = "init-chat \"\" AT&C1 OK ATS0=0 OK\nforce-init-chat \"\" \\dATH0 OK";
    each(&["\r\nOK\r\n", "\r\nERROR\r\n"], |&reply| {
        let manner = Manner {
            replies: vec![("AT&C1".into(), String::new()), ("ATH0".into(), reply.into())],
            ..Manner::default()
        };
        let mut getty = hasty(config, manner, 15, ms(700));
        // It does not answer the second time either.
        if !getty.subject.original {
            // Difference: it is asked for a sign of life, and then initialised again.
            getty.wait_state("modem is silent");
            let commands = getty.modem.commands_seen(5);
            assert_eq!(commands[..5], ["AT&C1", "ATH0", "AT&C1", "AT", "AT&C1"], "{reply:?}");
            return;
        }
        assert_eq!(getty.status(), 1, "{reply:?}");
        assert_eq!(getty.modem.commands(), ["AT&C1", "ATH0", "AT&C1"]);
    });
}

#[test]
fn an_idle_modem_is_checked() {
    let alive = |getty: &Getty| {
        // Initialised, then asked again and again: ATQ0V1H0, AT, AT, AT …
        getty.modem.commands_seen(4);
        assert!(!getty.log().contains("exiting"), "{}", getty.log());
    };
    // Less than 900 s is 900 s.
    each(&["modem-check-time 900", "modem-check-time 5", ""], |config| {
        alive(&hasty(config, Manner::default(), 800, ms(400)));
    });
    // ERROR is an answer too.
    alive(&hasty("init-chat \"\" ATZ OK ATZ OK", replying("AT", "\r\nERROR\r\n"), 800, ms(400)));
}

#[test]
fn a_modem_that_has_died_ends_it() {
    let mut getty = hasty("init-chat \"\" ATZ OK", replying("AT", ""), 8, ms(500));
    if !getty.subject.original {
        // Difference: it does not end, and begins anew when the modem answers.
        getty.wait_state("modem does not answer the check");
        assert_eq!(getty.modem.commands()[..3], ["ATZ", "AT", "AT"]);
        return;
    }
    assert_eq!(getty.status(), 30);
    assert_eq!(getty.modem.commands(), ["ATZ", "AT", "AT"]);
}

#[test]
fn a_negative_check_time_is_never() {
    let mut getty = hasty("modem-check-time -1", Manner::default(), 800, ms(50));
    getty.wait_idle();
    std::thread::sleep(ms(400));
    assert_eq!(getty.modem.commands().len(), 2);
    assert_eq!(getty.running().status_now(), None);
}

/// The first call is a sign, the second is answered (at once: rings is 1).
#[test]
fn ringback() {
    let mut getty = hasty("ringback yes\nringback-time 3", Manner::default(), 15, ms(1500));
    getty.wait_idle();
    let mark = getty.modem.mark();
    getty.modem.ring();
    getty.modem.ring();
    std::thread::sleep(ms(300));
    assert!(getty.modem.expect_within("ATA", mark, ms(0)).is_none());
    // 17 s without a ring; then within 30 s, though 3 is written.
    std::thread::sleep(ms(1900));
    // A ring may fall into a check of the modem, which the short waits make frequent; the next is a call of its own.
    let answered = (0..6).any(|_| {
        getty.modem.ring();
        getty.modem.expect_within("ATA\r", mark, ms(2200)).is_some()
    });
    assert!(answered, "{}", getty.log());
    getty.modem.expect("login: ", mark);
}

#[test]
fn missed_ringback() {
    let mut getty = Getty::new("");
    getty.args = vec!["-R".into(), "40".into()];
    getty.shorten(15, ms(400));
    getty.start();
    getty.wait_idle();
    getty.modem.ring();
    getty.wait_log("missed ringback!");
    wait::until("the lock to go", || (!getty.lock_path().exists()).then_some(()));
    // The line serves on; a virtual ring is no call to be waited for.
    let mark = getty.modem.mark();
    getty.running().signal(Signal::SIGUSR1);
    getty.modem.expect("ATA\r", mark);
}

/// Counted rings, silence, and what the log says.
#[test]
fn a_refused_ring_is_told() {
    let mut getty = Getty::new("rings 2");
    getty.shorten(9, ms(1500));
    getty.start();
    getty.wait_idle();
    let file = PathBuf::from(format!("/proc/{}/root/etc/nologin.{}", getty.running().pid(), getty.id()));
    std::fs::write(&file, "").expect("nologin");
    getty.modem.ring();
    getty.modem.ring();
    getty.modem.ring();
    getty.wait_log("rejected, rings=3");
    wait::until("the lock to go", || (!getty.lock_path().exists()).then_some(()));
    // Rings that were counted while logins were forbidden count.
    let mark = getty.modem.mark();
    getty.modem.ring();
    std::thread::sleep(ms(200));
    std::fs::remove_file(&file).expect("login again");
    getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
}

/// Silence of 10 s between rings, and the count begins anew with the next call.
#[test]
fn rings_of_two_calls_do_not_add_up() {
    let mut getty = Getty::new("rings 2");
    getty.shorten(9, ms(1500));
    getty.start();
    getty.wait_idle();
    let mark = getty.modem.mark();
    getty.modem.ring();
    getty.wait_log("phone stopped ringing (rings=1, dev=");
    wait::until("the lock to go", || (!getty.lock_path().exists()).then_some(()));
    getty.modem.ring();
    assert!(getty.modem.expect_within("ATA", mark, ms(200)).is_none());
    getty.modem.ring();
    getty.modem.expect("ATA\r", mark);
}

/// The modem is asked for the caller when the phone has rung enough; no answer, no number, and the call goes on.
#[test]
fn asking_the_modem_who_calls() {
    for (reply, id) in
        [("\r\nNMBR = 777\r\nNAME = X\r\nOK\r\n", "777"), ("\r\nERROR\r\n", "none"), ("", "none")]
    {
        let manner = replying("AT+VRID", reply);
        let mut getty = hasty("get-cnd-chat \"\" AT+VRID OK", manner, 9, ms(1500));
        getty.wait_idle();
        let said = getty.log_in("joe");
        assert!(said.contains(&format!("<<CALLER_ID={id}>>")), "{reply:?}: {said}");
        let commands = getty.modem.commands();
        assert_eq!(commands[commands.len() - 2..], ["AT+VRID", "ATA"]);
    }
}

/// Chats whose end does not matter: no answer, or an ERROR, is no reason to stop.
#[test]
fn chats_that_may_fail() {
    let statistics = |getty: &Getty| getty.sandbox.path().join("bin/statistics").display().to_string();
    each(&["", "\r\nERROR\r\n", "\r\nlast 33600\r\nOK\r\n"], |reply| {
        let replies = ["ATM9", "AT#UG"].map(|command| (command.to_string(), reply.to_string())).to_vec();
        let mut getty = Getty::with("", Manner { replies, ..Manner::default() });
        let file = statistics(&getty);
        let config = format!(
            "{BASE}post-init-chat \"\" ATM9 OK\nstatistics-chat \"\" AT#UG OK\nstatistics-file {file}\n"
        );
        getty.sandbox.write_etc("mgetty.config", &config, 0o644);
        getty.shorten(9, ms(1500));
        getty.start();
        getty.wait_idle();
        assert_eq!(getty.modem.commands(), ["ATQ0V1H0", "AT", "AT#UG", "ATM9"]);
        let told = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(told.contains("\nlast 33600\nOK\n"), reply.contains("last"), "{told}");
        assert!(told.starts_with("--- ") && told.contains(" ---\nAT#UG\n"), "{told}");
        assert!(!getty.log().contains("*** "), "{}", getty.log());
        getty.prompt();
    });
}
