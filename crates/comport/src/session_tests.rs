use super::*;

const S: Duration = Duration::from_secs(1);

fn session(change: impl FnOnce(&mut Options)) -> Session {
    let mut options = Options::default();
    change(&mut options);
    Session::new(&options, 42)
}

fn refused() -> Event {
    Event::Lost(Fault::Refused("refused".into()))
}

#[test]
fn the_modem_is_taken_while_the_port_is_open() {
    let mut s = session(|_| ());
    assert_eq!(s.begin(), []);
    assert_eq!(s.handle(Event::Opened, S), [Action::Dial]);
    assert_eq!(s.handle(Event::Up, S), [Action::Say("connected".into())]);
    assert_eq!(s.deadline(), None, "nothing to wake up for");
    assert_eq!(s.handle(Event::Closed, 2 * S), []);
    assert_eq!(s.deadline(), Some(3 * S));
    // stty and then the program: one connection.
    assert_eq!(s.handle(Event::Opened, 2 * S), []);
    assert_eq!(s.deadline(), None);
    s.handle(Event::Closed, 4 * S);
    assert_eq!(s.handle(Event::Time, 5 * S), [Action::Close]);
    assert_eq!((s.deadline(), s.word()), (None, "idle"));
}

#[test]
fn always_is_always() {
    let mut s = session(|o| o.connect = Connect::Always);
    assert_eq!(s.begin(), [Action::Dial]);
    s.handle(Event::Up, S);
    s.handle(Event::Opened, S);
    s.handle(Event::Closed, S);
    assert_eq!(s.deadline(), None);
    s.handle(Event::Lost(Fault::Ended), 2 * S);
    assert!(s.deadline().is_some());
}

#[test]
fn pauses_double_up_to_the_bound_with_jitter_and_the_fault_is_said_once() {
    let mut s = session(|o| o.retry = Some((S, 8 * S)));
    s.handle(Event::Opened, Duration::ZERO);
    let (mut now, mut pauses, mut said) = (Duration::ZERO, Vec::new(), 0);
    for _ in 0..6 {
        said += s.handle(refused(), now).iter().filter(|a| matches!(a, Action::Say(_))).count();
        let next = s.deadline().unwrap();
        pauses.push((next - now).as_millis());
        now = next;
        assert_eq!(s.handle(Event::Time, now), [Action::Dial]);
    }
    for (pause, whole) in pauses.iter().zip([1000, 2000, 4000, 8000, 8000, 8000]) {
        assert!((whole * 3 / 4..=whole).contains(pause), "{pauses:?}");
    }
    assert!(pauses[3..].iter().any(|p| *p != pauses[3]), "{pauses:?}");
    assert_eq!(said, 1);
    let other = s.handle(Event::Lost(Fault::NoHost("x".into())), now);
    assert!(matches!(other.last(), Some(Action::Say(_))), "another fault is news");
    // A good connection begins anew; one that is cut at once does not.
    s.handle(Event::Time, now + 8 * S);
    s.handle(Event::Up, now);
    s.handle(Event::Lost(Fault::Ended), now + S);
    assert!(s.deadline().unwrap() - now > 6 * S);
    s.handle(Event::Up, now);
    s.handle(Event::Lost(Fault::Ended), now + 10 * S);
    assert!(s.deadline().unwrap() - now <= 11 * S);
}

#[test]
fn a_kept_port_forgets_what_was_written_meanwhile() {
    let mut s = session(|_| ());
    s.handle(Event::Opened, S);
    assert!(
        !s.handle(Event::Up, S).contains(&Action::Discard),
        "what waited for the first connection is sent"
    );
    let actions = s.handle(Event::Lost(Fault::Ended), 9 * S);
    assert!(!actions.contains(&Action::HangUp));
    s.handle(Event::Time, 20 * S);
    assert_eq!(s.handle(Event::Up, 20 * S)[0], Action::Discard);
    assert!(!s.handle(Event::Up, 20 * S).contains(&Action::Discard));
}

#[test]
fn hang_up_on_loss_and_no_faster_dialling_for_it() {
    let mut s = session(|o| o.on_loss = OnLoss::HangUp);
    s.handle(Event::Opened, S);
    let actions = s.handle(refused(), S);
    assert_eq!(actions.last(), Some(&Action::HangUp));
    assert_eq!(s.deadline(), None, "it is the application's turn");
    s.handle(Event::Closed, S);
    assert_eq!(s.handle(Event::Opened, S), [], "not at once");
    let next = s.deadline().unwrap();
    assert!(next > S + S / 2);
    assert_eq!(s.handle(Event::Time, next), [Action::Dial]);
}

#[test]
fn carrier_and_giving_up() {
    let mut s = session(|o| o.retry = None);
    assert_eq!(s.handle(Event::CarrierLost, S), [], "nobody there");
    s.handle(Event::Opened, S);
    s.handle(Event::Up, S);
    assert_eq!(s.handle(Event::CarrierLost, S).last(), Some(&Action::HangUp));
    let fault = Fault::Certificate("expired".into());
    assert_eq!(s.handle(Event::Lost(fault.clone()), S), [Action::Close, Action::GiveUp(fault)]);
}
