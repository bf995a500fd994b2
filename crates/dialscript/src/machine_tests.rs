//! Runs in no time: a script, what the other end says, what comes out.

use super::*;
use proptest::prelude::*;

/// A far end that says its pieces when the script waits, one after the other.
struct Played {
    machine: Machine,
    now: Duration,
    said: Vec<u8>,
    actions: Vec<Action>,
    rest: Vec<u8>,
}

fn machine(body: &str) -> Machine {
    let script = crate::parser::parse(format!("proc main\n{body}\nendproc").as_bytes()).unwrap();
    let program = crate::compile::compile(&script).unwrap_or_else(|f| panic!("{body}: {f:?}"));
    Machine::new(
        program,
        Known {
            userid: b"me<cr>".to_vec(),
            password: b"p^Mw".to_vec(),
            limit: Some(Duration::from_secs(1000)),
        },
    )
}

fn play(body: &str, stream: &[u8]) -> Played {
    let mut p = Played {
        machine: machine(body),
        now: Duration::ZERO,
        said: Vec::new(),
        actions: Vec::new(),
        rest: stream.to_vec(),
    };
    let mut new = Vec::new();
    p.machine.handle(p.now, Event::Start, &mut new);
    loop {
        let mut over = false;
        let mut sent = false;
        for action in &new {
            match action {
                Action::Begin(Step { what: What::Transmit { bytes, .. }, .. }) => {
                    p.said.extend_from_slice(bytes);
                    sent = !bytes.is_empty();
                }
                Action::Over(..) => over = true,
                _ => {}
            }
        }
        p.actions.append(&mut new);
        if over {
            return p;
        }
        if sent {
            p.machine.handle(p.now, Event::Sent, &mut new);
            continue;
        }
        let need = p.machine.need().min(p.rest.len());
        if need > 0 {
            let piece: Vec<u8> = p.rest.drain(..need).collect();
            assert_eq!(p.machine.bytes(p.now, &piece, &mut new), need, "no byte too many is asked for");
            continue;
        }
        p.now = p.machine.deadline().expect("something to wait for").max(p.now);
        p.machine.handle(p.now, Event::Deadline, &mut new);
    }
}

impl Played {
    fn ending(&self) -> Ending {
        match self.actions.last() {
            Some(Action::Over(ending, _)) => ending.clone(),
            other => panic!("no ending but {other:?}"),
        }
    }
    fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }
}

#[test]
fn the_how_to_script_answers_its_prompts() {
    let p = play(
        "delay 1\nwaitfor \"ogin:\"\ntransmit \"call^M\"\nwaitfor \"RING\"\ntransmit \"ATA^M\"\nwaitfor \"CONNECT\"\n\
         waitfor \"ogin:\"\ntransmit \"pppuser^M\"\nwaitfor \"word:\"\ntransmit \"ppp^M\"",
        b"\r\nLOGIN: call\r\nNO CARRIER\r\n\r\nRING\r\nATA\r\nCONNECT 33600\r\nlogin: pppuser\r\nPassword:~\xff}#",
    );
    assert_eq!(p.ending(), Ending::Done);
    assert_eq!(p.said(), "call\rATA\rpppuser\rppp\r");
    assert_eq!(p.rest, b"~\xff}#", "what follows the last match is not read");
    assert_eq!(p.now, Duration::from_secs(1));
}

#[test]
fn what_is_sent_after_a_question_for_a_password_is_secret() {
    let p = play(
        "waitfor \"word:\"\ntransmit \"ppp^M\"\nwaitfor \">\"\ntransmit \"x\"\ntransmit $USERID + \"!\"",
        b"word: >",
    );
    let secrets: Vec<bool> = p
        .actions
        .iter()
        .filter_map(|a| match a {
            Action::Begin(Step { what: What::Transmit { secret, .. }, .. }) => Some(*secret),
            _ => None,
        })
        .collect();
    assert_eq!(secrets, [true, false, true]);
}

#[test]
fn escapes_are_translated_when_sent_unless_raw() {
    assert_eq!(play("transmit $USERID", b"").said(), "me\r");
    assert_eq!(play("transmit $USERID, raw", b"").said(), "me<cr>");
    assert_eq!(play("transmit $PASSWORD, raw", b"").said(), "p^Mw");
    assert_eq!(play("transmit \"^M\" + \"<lf>\"", b"").said(), "\r\n");
    assert_eq!(play("string s = \"^\"\ntransmit s + \"M\"", b"").said(), "\r");
}

#[test]
fn alternatives_lead_to_their_labels_and_time_outs_do_not() {
    let body = "waitfor \"Login:\" then L,\n\"Pass\", matchcase then P\nuntil 10\n\
                if $FAILURE then\ntransmit \"late\"\nhalt\nendif\nL:\ntransmit \"l\"\nhalt\nP:\ntransmit \"p\"";
    assert_eq!(play(body, b"xxLOGIN:").said(), "l");
    assert_eq!(play(body, b"pass PASS Pass").said(), "p");
    let late = play(body, b"pass");
    assert_eq!(
        (late.said(), late.ending(), late.now),
        ("late".into(), Ending::Halted, Duration::from_secs(10))
    );
}

#[test]
fn without_until_it_waits_as_long_as_the_whole_run_may_last() {
    let p = play("waitfor \"x\"", b"yyyy");
    assert_eq!((p.ending(), p.now), (Ending::Limit, Duration::from_secs(1000)));
}

#[test]
fn expressions_are_worked_out() {
    for (expression, truth) in [
        ("3 + 5 * 40 == 203", true),
        ("24 / (7 - 1) == 4", true),
        ("-7 / 2 == -3", true),
        ("10 - 2 - 3 == 5", true),
        ("!5 == -6", true),
        ("!TRUE", false),
        ("TRUE or FALSE and FALSE", true),
        ("\"a\" + \"b\" == \"ab\"", true),
        ("\"A\" == \"a\"", false),
        ("1 < 2 == 2 >= 2", true),
        ("$SUCCESS != $FAILURE", true),
    ] {
        let p = play(&format!("if {expression} then\ntransmit \"yes\"\nendif"), b"");
        assert_eq!(p.said(), if truth { "yes" } else { "" }, "{expression}");
    }
}

#[test]
fn what_cannot_be_done_ends_the_run() {
    for (body, why) in [
        ("integer x = 1 / 0", "divided by zero"),
        ("integer x = 2147483647 + 1", "too large"),
        ("integer x = (-2147483647 - 1) / -1", "too large"),
        ("while TRUE do endwhile", "round and round"),
        ("l: delay 0\ngoto l", "round and round"),
        ("l: transmit \"x\"\ngoto l", "round and round"),
        ("l: transmit \"\"\ngoto l", "round and round"),
        ("l: waitfor \"\"\ngoto l", "round and round"),
        ("string s = \"x\"\nwhile TRUE do\ns = s + s\nendwhile", "longer than 4096"),
    ] {
        match play(body, b"").ending() {
            Ending::Broken(text) => assert!(text.contains(why), "{body}: {text}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_loop_that_only_looks_still_takes_time() {
    let p = play("integer n = 0\nwhile n < 100 do\nwaitfor \"x\" until 0\nn = n + 1\nendwhile", b"");
    assert_eq!((p.ending(), p.now), (Ending::Done, Duration::from_secs(1)));
}

#[test]
fn addresses_are_taken_from_the_stream() {
    let p = play("set ipaddr getip 2\nwaitfor \"ok\"", b"gw 10.0.0.1, you 10.0.0.2\r\nok");
    assert!(p.actions.contains(&Action::Begin(Step {
        place: Place { line: 2, column: 1 },
        what: What::Address(Some(Ipv4Addr::new(10, 0, 0, 2))),
    })));
    assert_eq!((p.ending(), p.rest.len()), (Ending::Done, 0));
    let p = play("set ipaddr \"11.543.23.13\"\nstring s\ns = getip\ntransmit s", b" 1.2.3.4 ");
    assert_eq!(p.said(), "1.2.3.4");
}

#[test]
fn a_hang_up_ends_it_anywhere() {
    for body in ["delay 5", "waitfor \"x\"", "transmit \"x\"", "getip"] {
        let mut m = machine(body);
        let mut actions = Vec::new();
        m.handle(Duration::ZERO, Event::Start, &mut actions);
        m.handle(Duration::ZERO, Event::HungUp, &mut actions);
        assert_eq!(actions.last(), Some(&Action::Over(Ending::HungUp, Place { line: 2, column: 1 })));
        let before = actions.len();
        m.handle(Duration::ZERO, Event::Sent, &mut actions);
        assert_eq!((m.bytes(Duration::ZERO, b"x", &mut actions), actions.len()), (0, before));
    }
}

#[test]
fn labels_in_loops_and_loops_by_goto() {
    let body = "integer count = 0\nwhile count < 4 do\ntransmit \"^M\"\nwaitfor \"Login:\" until 10\n\
                if $SUCCESS then\ngoto DoLogin\nendif\ncount = count + 1\nendwhile\nhalt\nDoLogin:\ntransmit \"in\"";
    assert_eq!(play(body, b"login:").said(), "\rin");
    let never = play(body, b"");
    assert_eq!(
        (never.said(), never.ending(), never.now),
        ("\r\r\r\r".into(), Ending::Halted, Duration::from_secs(40))
    );
}

proptest! {
    /// Nothing from the line breaks a run, whatever it is and however it is cut.
    #[test]
    fn any_stream(stream in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'1'), Just(b'.'), Just(b'a')], 0..300)) {
        let body = "waitfor \"aa\", matchcase, \"A1\" until 5\nwaitfor \"1.\" until 5\ntransmit getip\ntransmit getip 2";
        let p = play(body, &stream);
        prop_assert!(matches!(p.ending(), Ending::Done | Ending::Limit));
    }

    #[test]
    fn both_kinds_of_case_agree_with_a_plain_search(
        stream in prop::collection::vec(prop::sample::select(b"abAB\xe9".as_slice()), 0..60),
        texts in prop::collection::vec(("[abAB]{1,3}", any::<bool>()), 1..5),
    ) {
        let list: Vec<String> = texts.iter().map(|(t, exact)| format!("\"{t}\"{}", if *exact { ", matchcase" } else { "" })).collect();
        let p = play(&format!("waitfor {} until 1", list.join(", ")), &stream);
        let plain = (1..=stream.len()).find_map(|n| {
            texts.iter().position(|(t, exact)| {
                let (seen, t) = (&stream[..n], t.as_bytes());
                n >= t.len() && if *exact { seen.ends_with(t) } else { seen[n - t.len()..].eq_ignore_ascii_case(t) }
            }).map(|i| (n, i))
        });
        let outcome = p.actions.iter().find_map(|a| match a { Action::End(o) => Some(o.clone()), _ => None });
        match plain {
            Some((n, i)) => {
                prop_assert_eq!(outcome, Some(Outcome::Matched(i)));
                prop_assert_eq!(p.rest.len(), stream.len() - n);
            }
            None => prop_assert_eq!(outcome, Some(Outcome::TimedOut)),
        }
    }
}
