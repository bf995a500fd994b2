use super::Ladder;
use crate::journal::{Ended, Happening};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ladder() -> (Ladder, Rc<RefCell<String>>) {
    let text = Rc::new(RefCell::new(String::new()));
    let there = Rc::clone(&text);
    (Ladder::to(false, move |piece| there.borrow_mut().push_str(piece)), text)
}

#[test]
fn a_call_from_ring_to_hang_up() {
    let (mut ladder, text) = ladder();
    let ended = Ended {
        caller: "123456".into(),
        called: "987654".into(),
        answered: true,
        lasted: ms(4300),
        sent: 5,
        received: 70_000,
    };
    for (at, number, what) in [
        (0, "123456", Happening::Added("run/caller")),
        (0, "987654", Happening::Added("run/server")),
        (100, "987654", Happening::Opened),
        (200, "123456", Happening::Opened),
        (300, "123456", Happening::Command("ATDT987654")),
        (900, "123456", Happening::Calls("987654")),
        (900, "987654", Happening::Ring(1)),
        (1500, "987654", Happening::Reported("RING")),
        (1500, "987654", Happening::Command("ATA")),
        (1500, "987654", Happening::Answered("123456")),
        (2100, "123456", Happening::Reported("CONNECT 33600")),
        (2100, "987654", Happening::Reported("CONNECT 33600")),
        (2200, "987654", Happening::Data("123456", b"login: \x1b[2J")),
        (2300, "123456", Happening::Data("987654", b"you\r")),
        (4400, "123456", Happening::Ended(&ended)),
    ] {
        ladder.tell(ms(at), number, what);
    }
    drop(ladder);
    let wanted = [
        "          123456 run/caller                            987654 run/server",
        "   0.100  ┊                                            │ opened",
        "   0.200  │ opened                                     │",
        "   0.300  │ ▸ ATDT987654                               │",
        "   0.900  ┃─ calls ───────────────────────────────────▶│ rings",
        "   1.500  ┃◀───────────────────────────────── answers ─│ ▸ ATA",
        "   2.100  ┃ ◂ CONNECT 33600                            ┃ ◂ CONNECT 33600",
        "   2.200  ┃◀────────────────────────── “login: \\e[2J” ─┃",
        "   2.300  ┃─ “you\\r” ─────────────────────────────────▶┃",
        "   4.400  │ call over: 4.3 s, 5 out, 70 kB in          │",
    ];
    assert_eq!(text.borrow().lines().collect::<Vec<_>>(), wanted, "\n{}", text.borrow());
}

#[test]
fn no_row_is_wider_than_a_hundred() {
    let (mut ladder, text) = ladder();
    for number in ["1", "2", "3", "4"] {
        ladder.tell(ms(0), number, Happening::Added("a/very/long/name/of/a/device/that/goes/on/and/on"));
    }
    for at in 0..5 {
        ladder.tell(ms(at * 400), "1", Happening::Command(&"X".repeat(300)));
        ladder.tell(ms(at * 400 + 5), "4", Happening::Data("1", &[b'y'; 500]));
        ladder.tell(ms(at * 400 + 9), "2", Happening::Data("3", &[0x80; 500]));
    }
    drop(ladder);
    assert!(text.borrow().lines().all(|row| row.chars().count() <= 100), "\n{}", text.borrow());
    assert!(text.borrow().contains("500 bytes"));
}

#[test]
fn many_lines_are_listed() {
    let (mut ladder, text) = ladder();
    for number in ["1", "2", "3", "4", "5"] {
        ladder.tell(ms(0), number, Happening::Added(""));
    }
    ladder.tell(ms(10), "5", Happening::Calls("1"));
    drop(ladder);
    assert!(text.borrow().contains("5  → 1: calls"), "\n{}", text.borrow());
}

#[test]
fn bulk_is_summed_up_and_an_idle_ladder_wants_no_tick() {
    let (mut ladder, text) = ladder();
    for number in ["1", "2"] {
        ladder.tell(ms(0), number, Happening::Added(""));
    }
    ladder.tell(ms(5), "1", Happening::Data("2", b"\x7e\xff\x03\xc0\x21\x01\x01\x00\x04\x11\x22\x7e"));
    let tcp = b"\x7e\x21\x45\x00\x00\x28\x00\x00\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x02\x0a\x00\x00\x01\x11\x22\x7e";
    for at in 0..100 {
        ladder.tell(ms(500 + at), "1", Happening::Data("2", tcp));
    }
    ladder.tick(ms(1600));
    ladder.tick(ms(1700));
    assert_eq!(ladder.deadline(), None);
    assert!(text.borrow().contains("LCP ConfReq"), "\n{}", text.borrow());
    assert!(text.borrow().contains("IP TCP ×100, 2500 bytes"), "\n{}", text.borrow());
}
