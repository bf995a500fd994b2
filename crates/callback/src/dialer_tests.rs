use super::*;
use proptest::prelude::*;

fn orders() -> Orders {
    Orders {
        init: ModemChat::parse(b"\"\" ATZ OK"),
        dial: b"ATD0123".to_vec(),
        limit: Duration::from_secs(180),
        clear_down: None,
        tone: None,
        getty_is_off: true,
    }
}

/// Plays a modem that answers each command (CR ended) by `reply`; gives the end, what was sent, and the time.
fn play(orders: Orders, reply: impl Fn(&str) -> Vec<u8>) -> (Outcome, Vec<String>, Duration) {
    let mut dialer = Dialer::new(orders);
    let (mut now, mut out, mut sent, mut held) = (Duration::ZERO, Vec::new(), Vec::new(), Vec::new());
    dialer.handle(now, Event::Start, &mut out);
    for _ in 0..2000 {
        while !out.is_empty() {
            let action = out.remove(0);
            match action {
                Do::Send(bytes) => {
                    held.extend_from_slice(&bytes);
                    let text = String::from_utf8_lossy(&held).into_owned();
                    for command in text.split_inclusive('\r').filter(|c| c.ends_with('\r') && c.len() > 1) {
                        sent.push(command.trim_end().to_string());
                        let answer = reply(command.trim_end());
                        dialer.handle(now, Event::Bytes(&answer), &mut out);
                    }
                    held.clear();
                }
                Do::Look => dialer.carrier(Carrier::Unknown, now, &mut out),
                Do::LookAtGetty => dialer.getty(sent.contains(&"AT".to_string()), now, &mut out),
                Do::End(outcome) => return (outcome, sent, now),
                _ => {}
            }
        }
        now = dialer.deadline().expect("something is waited for").max(now);
        dialer.handle(now, Event::Deadline, &mut out);
    }
    panic!("no end");
}

fn says(to_dial: &'static str) -> impl Fn(&str) -> Vec<u8> {
    move |command: &str| {
        let text = if command.starts_with("ATD") { to_dial } else { "OK" };
        format!("{command}\r\r\n{text}\r\n").into_bytes()
    }
}

#[test]
fn init_then_dial() {
    let (outcome, sent, took) = play(orders(), says("CONNECT 33600"));
    assert_eq!(outcome, Outcome::Connected("33600".into()));
    assert_eq!(sent, ["ATZ", "ATD0123"]);
    assert_eq!(took, Duration::from_millis(100), "50 ms before each command");
}

#[test]
fn every_failure_has_its_own_class() {
    for (text, outcome) in [
        ("BUSY", Outcome::Busy),
        ("NO DIALTONE", Outcome::NoDialTone),
        ("NO DIAL TONE", Outcome::NoDialTone),
        ("NO ANSWER", Outcome::NoAnswer),
        ("NO CARRIER", Outcome::NoCarrier),
        ("RINGING\r\n\r\nRINGING\r\n\r\nBUSY", Outcome::Busy),
        ("BLACKLISTED", Outcome::Blacklisted),
        ("DELAYED 00:01:00", Outcome::Delayed(Some(Duration::from_secs(60)))),
        ("RING", Outcome::Glare),
        ("ERROR", Outcome::Error),
    ] {
        assert_eq!(play(orders(), says(text)).0, outcome, "{text}");
    }
}

#[test]
fn a_call_that_a_person_takes_or_nobody_is_hung_up() {
    let (outcome, sent, _) = play(orders(), says("VOICE"));
    assert_eq!(outcome, Outcome::Voice);
    assert_eq!(sent.last().unwrap(), "ATH");
    let (outcome, sent, took) = play(orders(), says("RINGING"));
    assert_eq!(outcome, Outcome::TimedOut);
    assert_eq!(sent.last().unwrap(), "ATH");
    assert!(took >= Duration::from_secs(180));
}

#[test]
fn the_initialisation_may_fail_in_three_ways() {
    let silent = |_: &str| Vec::new();
    let (outcome, _, took) = play(orders(), silent);
    assert_eq!((outcome, took.as_secs()), (Outcome::Silent, 10));
    let refused =
        |command: &str| if command == "ATZ" { b"ERROR\r\n".to_vec() } else { b"CONNECT\r\n".to_vec() };
    assert_eq!(play(orders(), refused).0, Outcome::Connected(String::new()));
    let rings = |_: &str| b"\r\nRING\r\n".to_vec();
    assert_eq!(play(orders(), rings).0, Outcome::Glare);
}

#[test]
fn the_caller_must_have_gone_and_the_modem_waits_for_the_dial_tone() {
    let orders = Orders { clear_down: Some((false, Duration::from_secs(2))), tone: Some("ATX4"), ..orders() };
    let (outcome, sent, _) = play(orders.clone(), says("CONNECT"));
    assert_eq!(outcome, Outcome::Connected(String::new()));
    assert_eq!(sent, ["+++ATH", "ATZ", "ATX4", "ATD0123"].map(|s| s.trim_start_matches("+++")));
    let (outcome, sent, _) = play(orders.clone(), |_| b"what?\r\n".to_vec());
    assert!(matches!(outcome, Outcome::NotClear(_)));
    assert!(!sent.iter().any(|command| command.starts_with("ATD")), "no proof, no dialling");
    let no_x4 = |command: &str| match command {
        "ATX4" => b"ERROR\r\n".to_vec(),
        command if command.starts_with("ATD") => b"CONNECT\r\n".to_vec(),
        _ => b"OK\r\n".to_vec(),
    };
    assert_eq!(play(orders, no_x4).0, Outcome::Connected(String::new()));
}

#[test]
fn a_getty_that_has_seen_nothing_yet_gets_something_to_see() {
    let orders = Orders { getty_is_off: false, ..orders() };
    let (_, sent, _) = play(orders, says("CONNECT"));
    assert_eq!(sent, ["ATZ", "AT", "ATD0123"]);
}

proptest! {
    #[test]
    fn any_bytes_at_any_time_end_somehow(pieces in proptest::collection::vec(
        (proptest::collection::vec(any::<u8>(), 0..40), 0u64..30_000), 0..40), clear in any::<bool>()) {
        let clear_down = clear.then_some((false, Duration::from_secs(1)));
        let mut dialer = Dialer::new(Orders { clear_down, tone: Some("ATX4"), ..orders() });
        let (mut now, mut out) = (Duration::ZERO, Vec::new());
        dialer.handle(now, Event::Start, &mut out);
        let mut over = false;
        for (bytes, wait) in pieces {
            dialer.handle(now, Event::Bytes(&bytes), &mut out);
            let end = now + Duration::from_millis(wait);
            while let Some(due) = dialer.deadline().filter(|due| *due <= end) {
                now = due.max(now);
                dialer.handle(now, Event::Deadline, &mut out);
                let look = out.contains(&Do::Look);
                let getty = out.contains(&Do::LookAtGetty);
                prop_assert!(!over || out.is_empty());
                over |= out.iter().any(|o| matches!(o, Do::End(_)));
                out.clear();
                if look { dialer.carrier(Carrier::Unknown, now, &mut out); }
                if getty { dialer.getty(true, now, &mut out); }
            }
            now = end;
        }
    }
}
