use super::{Event, Habits, LineId, Sound, Switch};
use proptest::prelude::*;
use std::time::Duration;

/// A switch with lines 1, 2 and 3 (numbers 111, 222, 333), its clock and what it has done.
struct Town {
    switch: Switch,
    now: Duration,
    out: Vec<(LineId, Event)>,
}

const A: LineId = LineId(0);
const B: LineId = LineId(1);
const C: LineId = LineId(2);

impl Town {
    fn new() -> Town {
        Town::with(Habits::default())
    }

    fn with(habits: Habits) -> Town {
        let mut switch = Switch::new(habits);
        for number in ["111", "222", "333"] {
            switch.add(number).expect("a free number");
        }
        Town { switch, now: Duration::ZERO, out: Vec::new() }
    }

    fn lifts(&mut self, id: LineId) -> &mut Town {
        self.switch.off_hook(id, &mut self.out);
        self
    }

    fn clears(&mut self, id: LineId) -> &mut Town {
        self.switch.on_hook(id, self.now, &mut self.out);
        self
    }

    fn dials(&mut self, id: LineId, digits: &str) -> &mut Town {
        for digit in digits.chars() {
            self.switch.digit(id, digit, self.now, &mut self.out);
        }
        self
    }

    fn plays(&mut self, id: LineId, sound: Sound) -> &mut Town {
        self.switch.play(id, sound, &mut self.out);
        self
    }

    fn after(&mut self, ms: u64) -> &mut Town {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.switch.deadline().filter(|at| *at <= end) {
            self.now = at;
            self.switch.tick(at, &mut self.out);
        }
        self.now = end;
        self
    }

    /// What the line last heard, and forgets all events.
    fn hears(&mut self, id: LineId) -> Option<Sound> {
        self.out.iter().rev().find_map(|(line, event)| match event {
            Event::Hear(sound) if *line == id => Some(*sound),
            _ => None,
        })
    }

    /// The line's ringing events since.
    fn rung(&mut self, id: LineId) -> Vec<Event> {
        let ringing = |e: &Event| matches!(e, Event::Ring(_) | Event::RingStopped | Event::Caller { .. });
        let (mine, rest) =
            std::mem::take(&mut self.out).into_iter().partition(|(l, e)| *l == id && ringing(e));
        self.out = rest;
        let mine: Vec<(LineId, Event)> = mine;
        mine.into_iter().map(|(_, event)| event).collect()
    }

    /// A calls B, and B answers.
    fn call(&mut self) -> &mut Town {
        self.lifts(A).dials(A, "222").after(100).lifts(B);
        assert!(self.switch.through(A) && self.switch.through(B));
        self.out.clear();
        self
    }
}

#[test]
fn ringing_follows_the_cadence_with_the_number_after_the_first_burst() {
    let mut town = Town::new();
    town.lifts(A);
    assert_eq!(town.hears(A), Some(Sound::DialTone));
    town.dials(A, "22");
    assert_eq!(town.hears(A), Some(Sound::Silence));
    town.dials(A, "2").after(0);
    assert_eq!(town.hears(A), Some(Sound::Ringback));
    assert_eq!(town.rung(B), [Event::Ring(true)]);
    town.after(2000);
    assert_eq!(town.rung(B), [Event::Ring(false)]);
    town.after(1000);
    assert_eq!(town.rung(B), [Event::Caller { from: A }]);
    town.after(2999);
    assert_eq!(town.rung(B), []);
    town.after(1);
    assert_eq!(town.rung(B), [Event::Ring(true)], "6 s after the first");
    town.after(6000);
    assert_eq!(town.rung(B), [Event::Ring(false), Event::Ring(true)]);
}

#[test]
fn an_answered_call_carries_sound_both_ways() {
    let mut town = Town::new();
    town.call();
    assert_eq!(town.rung(B), []);
    town.plays(B, Sound::Answer);
    assert_eq!(town.hears(A), Some(Sound::Answer));
    town.plays(A, Sound::Originate);
    assert_eq!(town.hears(B), Some(Sound::Originate));
    assert_eq!((town.switch.peer(A), town.switch.peer(B)), (Some(B), Some(A)));
    assert!(town.switch.is_caller(A) && !town.switch.is_caller(B));
}

#[test]
fn whoever_clears_ends_the_call() {
    for (first, other) in [(A, B), (B, A)] {
        let mut town = Town::new();
        town.call().clears(first);
        assert_eq!(town.hears(other), Some(Sound::Busy));
        assert!(town.out.contains(&(A, Event::Cleared { peer: B, caller: true })));
        town.clears(other).lifts(other);
        assert_eq!(town.hears(other), Some(Sound::DialTone), "a fresh start");
    }
}

#[test]
fn the_caller_clears_before_the_answer() {
    let mut town = Town::new();
    town.lifts(A).dials(A, "222").after(7000).clears(A);
    assert!(town.rung(B).ends_with(&[Event::Ring(false), Event::RingStopped]));
    assert_eq!(town.switch.deadline(), None);
    town.lifts(B);
    assert_eq!(town.hears(B), Some(Sound::DialTone));
}

#[test]
fn busy_and_unknown_numbers() {
    let mut town = Town::new();
    town.call().lifts(C).dials(C, "222");
    assert_eq!(town.hears(C), Some(Sound::Busy));
    town.clears(C).lifts(C).dials(C, "333");
    assert_eq!(town.hears(C), Some(Sound::Busy), "oneself");
    town.clears(C).lifts(C).dials(C, "9");
    assert_eq!(town.hears(C), Some(Sound::Unobtainable));
    let mut town = Town::new();
    town.lifts(A).dials(A, "222").after(10).lifts(C).dials(C, "222");
    assert_eq!(town.hears(C), Some(Sound::Busy), "it rings already");
}

#[test]
fn both_dial_each_other() {
    let mut town = Town::new();
    town.lifts(A).lifts(B).dials(A, "222").dials(B, "111");
    assert_eq!((town.hears(A), town.hears(B)), (Some(Sound::Busy), Some(Sound::Busy)));
}

#[test]
fn who_lifts_to_dial_while_it_rings_has_answered() {
    let mut town = Town::new();
    town.lifts(A).dials(A, "222").after(10).lifts(B);
    town.dials(B, "333");
    assert_eq!(town.hears(B), None, "no dial tone, and the digits lead nowhere");
    assert!(town.out.contains(&(B, Event::Through { with: A })));
    assert_eq!(town.rung(C), []);
}

#[test]
fn a_caller_who_never_clears_holds_the_line() {
    let mut town = Town::new();
    town.switch.set_holds(A, true, town.now, &mut town.out);
    town.call().clears(B).after(3_600_000);
    assert!(town.switch.held(B));
    town.plays(A, Sound::DialTone).lifts(B);
    assert_eq!(town.hears(B), Some(Sound::DialTone), "it is his, not the exchange's");
    town.dials(B, "333");
    assert_eq!(town.rung(C), [], "nobody else is reached");
    town.plays(A, Sound::Answer);
    assert_eq!(town.hears(B), Some(Sound::Answer));
    town.clears(B).lifts(C).dials(C, "222");
    assert_eq!(town.hears(C), Some(Sound::Busy), "a held line is busy");
    town.plays(A, Sound::Silence).out.clear();
    town.lifts(B);
    assert_eq!(town.hears(B), None, "no dial tone");
    town.clears(B).clears(A);
    assert!(town.switch.held(B), "he has not let go");
    let now = town.now;
    town.switch.set_holds(A, false, now, &mut town.out);
    assert!(!town.switch.held(B));
    town.lifts(B);
    assert_eq!(town.hears(B), Some(Sound::DialTone));
}

#[test]
fn the_exchange_may_hold_for_a_time() {
    let mut town = Town::with(Habits { hold: Duration::from_secs(10), ..Habits::default() });
    town.call().clears(B).after(5000).lifts(B);
    assert!(town.switch.through(B), "back in the call");
    town.clears(B).after(9_999);
    assert!(town.switch.held(B));
    town.after(1);
    assert!(!town.switch.held(B));
    assert_eq!(town.hears(A), Some(Sound::Busy));
    let mut town = Town::with(Habits { hold: Duration::from_secs(10), ..Habits::default() });
    town.call().clears(A);
    assert_eq!(town.hears(B), Some(Sound::Busy), "a caller ends it at once");
}

#[test]
fn an_outside_line_gives_a_second_dial_tone() {
    let mut town = Town::with(Habits { outside: Some('0'), ..Habits::default() });
    town.lifts(A).dials(A, "0");
    let tones: Vec<Sound> =
        town.out.iter().filter_map(|(_, e)| if let Event::Hear(s) = e { Some(*s) } else { None }).collect();
    assert_eq!(tones, [Sound::DialTone, Sound::Silence, Sound::DialTone]);
    town.dials(A, "222");
    assert_eq!(town.hears(A), Some(Sound::Ringback));
}

#[test]
fn dead_and_cut_lines() {
    let mut town = Town::new();
    town.switch.set_dead(A, true, &mut town.out);
    town.lifts(A).dials(A, "222").after(100);
    assert_eq!((town.hears(A), town.rung(B)), (None, vec![]));
    town.switch.set_dead(A, false, &mut town.out);
    assert_eq!(town.hears(A), Some(Sound::DialTone));
    let mut town = Town::new();
    town.call().plays(A, Sound::Data).plays(B, Sound::Data);
    town.switch.cut(B, &mut town.out);
    assert_eq!((town.hears(A), town.hears(B)), (Some(Sound::Silence), Some(Sound::Silence)));
    assert!(!town.switch.through(A));
    town.clears(A).clears(B).call();
}

#[test]
fn numbers_are_digits_and_belong_to_one_line() {
    let mut switch = Switch::default();
    assert_eq!(switch.add("123"), Some(A));
    for bad in ["", "123", "12a", "+12", &"1".repeat(33)] {
        assert_eq!(switch.add(bad), None, "{bad}");
    }
    switch.remove(A, Duration::ZERO, &mut Vec::new());
    assert_eq!(switch.add("999"), Some(A), "places are used again");
}

#[test]
fn a_line_removed_in_a_call_ends_it() {
    let mut town = Town::new();
    town.call();
    let now = town.now;
    town.switch.remove(B, now, &mut town.out);
    assert_eq!(town.hears(A), Some(Sound::Busy));
    assert_eq!(town.switch.peer(A), None);
}

proptest! {
    /// Whatever three telephones do, who talks to whom is mutual, and nothing rings for nobody.
    #[test]
    fn partners_are_mutual(deeds in prop::collection::vec((0u32..3, 0u8..9, 0u64..3000), 1..120)) {
        let mut town = Town::with(Habits { hold: Duration::from_secs(2), ..Habits::default() });
        for (line, deed, ms) in deeds {
            let id = LineId(line);
            let now = town.now;
            match deed {
                0 | 1 => town.lifts(id),
                2 | 3 => town.clears(id),
                4 => town.dials(id, ["111", "222", "333"][(line as usize + 1) % 3]),
                5 => town.dials(id, "9"),
                6 => { town.switch.set_holds(id, ms % 2 == 0, now, &mut town.out); &mut town }
                7 => { town.switch.cut(id, &mut town.out); &mut town }
                _ => town.plays(id, Sound::Data),
            };
            town.after(ms);
            for id in [A, B, C] {
                if let Some(peer) = town.switch.peer(id) {
                    prop_assert_eq!(town.switch.peer(peer), Some(id));
                    prop_assert_ne!(town.switch.is_caller(id), town.switch.is_caller(peer));
                }
            }
        }
        for id in [A, B, C] {
            let now = town.now;
            town.switch.set_holds(id, false, now, &mut town.out);
            town.clears(id);
        }
        town.after(10_000);
        prop_assert_eq!(town.switch.deadline(), None, "quiet in the end");
        prop_assert!([A, B, C].iter().all(|id| town.switch.peer(*id).is_none()));
    }
}
