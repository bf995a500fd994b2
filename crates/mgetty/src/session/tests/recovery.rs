//! A line that cannot be served, and one that is well again.

use super::*;
use crate::session::Phase;
use ttyline::state::State as Doing;

impl Bench {
    fn doing(&self) -> Doing {
        self.session.phase().doing
    }

    fn fails(&mut self, answer: &[u8]) {
        self.run_until(|b| matches!(b.session.state, State::Resting { .. }), answer);
        assert_eq!((self.doing(), self.exit()), (Doing::Failed, None));
    }

    /// From now on the modem answers; gives how long it takes until calls are waited for.
    fn recovers(&mut self) -> Duration {
        let well = self.now;
        self.run_until(|b| b.session.appetite() == Appetite::Notice, b"OK\r\n");
        assert!(self.logged.contains("the line is well again"), "{}", self.logged);
        self.now - well
    }

    fn count(&self, text: &str) -> usize {
        self.logged.matches(text).count()
    }
}

#[test]
fn a_silent_modem_is_looked_at_for_ever_and_said_once() {
    let mut bench = Bench::with(Setup::default());
    bench.fails(b"");
    assert!(bench.sent.contains("+++"), "{}", bench.sent);
    assert!(bench.now < ms(15_000), "{:?}", bench.now);
    for _ in 0..40 {
        let begun = bench.now;
        bench.tick();
        bench.fails(b"");
        let escapes = bench.sent.contains("+++");
        assert!(bench.now - begun < if escapes { ms(7000) } else { ms(3300) }, "{:?}", bench.now - begun);
        bench.sent.clear();
    }
    assert_eq!((bench.count("modem is silent: trying again"), bench.count("failed in mg_init_data")), (1, 1));
    assert!(bench.recovers() < ms(5000));
    // A new fault is news again.
    bench.event(Event::Gone);
    assert_eq!(bench.count("line is gone: trying again"), 1);
    assert!(bench.recovers() < ms(5000));
}

#[test]
fn a_modem_that_refuses_its_initialisation_is_asked_again() {
    let mut bench = Bench::with(Setup { toggle_dtr: false, ..Setup::default() });
    bench.fails(b"ERROR\r\n");
    assert_eq!(bench.now, ms(150));
    assert_eq!(bench.session.why(), Some("modem refuses the init chat"));
    assert!(bench.recovers() < ms(5000));
}

#[test]
fn what_is_left_over_of_the_last_call_fails_no_initialisation() {
    let mut bench = Bench::with(Setup { toggle_dtr: false, ..Setup::default() });
    bench.run_until(|b| b.sent.contains("ATQ0V1H0"), b"");
    bench.line("\r\nNO CARRIER\r\n");
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"OK\r\n");
    assert_eq!(bench.doing(), Doing::Idle);
}

#[test]
fn an_unplugged_modem_is_waited_for() {
    let mut bench = Bench::idle(Setup::default());
    bench.there = false;
    bench.event(Event::Gone);
    for _ in 0..20 {
        bench.fails(b"");
        bench.tick();
    }
    assert_eq!(bench.count("no such device: trying again"), 1);
    bench.there = true;
    assert!(bench.recovers() < ms(5000));
}

#[test]
fn a_modem_that_fails_its_check_is_recovered() {
    let setup = Setup { modem_check: Some(Duration::from_secs(900)), toggle_dtr: false, ..Setup::default() };
    let mut bench = Bench::idle(setup);
    bench.run_until(|b| b.sent == "AT\r", b"");
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"ERROR\r\n");
    bench.fails(b"");
    assert_eq!(bench.session.why(), Some("modem does not answer the check"));
    assert!(bench.recovers() < ms(5000));
}

#[test]
fn a_modem_that_echoes_the_prompt_is_not_answered() {
    let mut bench = Bench::connected(Setup::default());
    bench.tick();
    bench.line("\r\nhost!login: ");
    assert!(matches!(bench.session.state, State::Resting { .. }), "{:?}", bench.session.state);
    assert!(bench.login().is_none());
    assert!(bench.recovers() < ms(5000));
    // A person may type any name.
    let mut bench = Bench::connected(Setup::default());
    bench.tick();
    bench.line("host\r");
    assert!(bench.login().is_some());
}

#[test]
fn empty_names_end_some_time() {
    let mut bench = Bench::connected(Setup::default());
    bench.tick();
    for n in 0..=20 {
        assert_eq!(bench.exit(), None, "{n}");
        bench.line("\r");
    }
    assert_eq!(bench.exit(), Some(0));
}

#[test]
fn a_modem_that_rings_on_is_answered_again() {
    let mut bench = Bench::idle(Setup::default());
    bench.line("RING\r\n");
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
    bench.sent.clear();
    bench.wait(500);
    bench.line("RING\r\n");
    bench.wait(100);
    assert_eq!(bench.sent, "", "a RING on its way is none");
    bench.wait(5000);
    bench.line("RING\r\n");
    bench.wait(100);
    assert_eq!(bench.sent, "ATA\r");
}

#[test]
fn carrier_without_a_caller_is_dropped_and_if_it_stays_the_modem_shows_it_always() {
    let mut bench = Bench::with(Setup::default());
    bench.carrier = Some(true);
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"OK\r\n");
    let drops = bench.last.iter().filter(|a| **a == Action::DtrLow).count();
    assert_eq!((drops, bench.doing()), (2, Doing::CarrierStuck));
    assert_eq!(bench.count("carrier is stuck"), 1);
    // Calls are answered all the same.
    bench.line("RING\r\n");
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
}

#[test]
fn a_caller_who_is_left_on_the_line_is_hung_up_on_and_not_answered() {
    let mut bench = Bench::idle(Setup::default());
    bench.carrier = Some(true);
    // He types RING, to be asked for a name.
    bench.line("RING\r\n");
    assert!(matches!(bench.session.state, State::Resting { .. }));
    assert_eq!(bench.sent, "");
    bench.carrier = Some(false);
    assert!(bench.recovers() < ms(5000));
}

#[test]
fn carrier_that_fell_unseen_ends_the_call() {
    let mut bench = Bench::connected(Setup::default());
    bench.tick();
    bench.event(Event::CarrierLost);
    assert_eq!(bench.exit(), Some(0));
}

#[test]
fn each_state_has_its_word_and_each_call_its_record() {
    let calls = |bench: &Bench| {
        let told = bench.last.iter().filter_map(|action| match action {
            Action::CallBegins => Some("begins".to_string()),
            Action::CallOver(cause) => Some(cause.clone()),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    let mut bench = Bench::with(Setup { rings: 2, ..Setup::default() });
    assert_eq!(bench.doing(), Doing::Starting);
    bench.run_until(|b| b.session.appetite() == Appetite::Notice, b"OK\r\n");
    assert_eq!(bench.doing(), Doing::Idle);
    bench.line("RING\r\n");
    assert_eq!(bench.session.phase(), Phase { doing: Doing::Ringing, ring: 1 });
    bench.wait(30_000);
    assert_eq!((bench.doing(), calls(&bench)), (Doing::Idle, vec!["begins".into(), "unanswered".into()]));
    assert_eq!(bench.session.rings(), 0);
    bench.last.clear();
    bench.line("RING\r\nRING\r\n");
    assert_eq!(bench.doing(), Doing::Answering);
    bench.run_until(|b| b.sent.contains("ATA\r"), b"");
    bench.line("\r\nCONNECT 2400\r\n");
    bench.run_until(|b| b.sent.contains("<prompt>"), b"");
    assert_eq!(bench.doing(), Doing::Login);
    bench.line("\x04");
    assert_eq!(calls(&bench), ["begins", "quit at the prompt"]);
    let mut bench = Bench::idle(Setup::default());
    bench.verdict = Verdict::Refuse;
    bench.line("RING\r\n");
    assert_eq!((bench.doing(), calls(&bench)), (Doing::Idle, vec!["begins".into(), "refused".into()]));
    let mut bench = Bench::connected(Setup::default());
    bench.line(LCP);
    assert_eq!(calls(&bench), ["begins"], "the watcher writes its end");
}
