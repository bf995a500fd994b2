use super::frame::{FLAG, encode};
use super::*;
use proptest::prelude::*;

/// A frame of the kernel's side: as ours, with the command bit of the initiator.
fn kernel(channel: u8, kind: Kind, information: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, channel, kind, &[information]);
    out[1] = (channel << 2) | 1 | if matches!(kind, Kind::Ua | Kind::Dm) { 0 } else { 2 };
    let header = if information.len() < 128 { 4 } else { 5 };
    let end = if kind == Kind::Ui { out.len() - 2 } else { header };
    let at = out.len() - 2;
    out[at] = fcs::fcs(&out[1..end]);
    out
}

#[derive(Debug, PartialEq, Eq, Clone)]
enum Seen {
    Up,
    Down,
    Alive,
    Opened(u8),
    Closed(u8),
    Lines(u8, bool, bool),
    Break(u8),
    Data(u8, Vec<u8>),
}

fn feed(peer: &mut Peer, octets: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    peer.receive(octets, |event| {
        seen.push(match event {
            Event::Up => Seen::Up,
            Event::Down => Seen::Down,
            Event::Alive => Seen::Alive,
            Event::Opened(n) => Seen::Opened(n),
            Event::Closed(n) => Seen::Closed(n),
            Event::Lines(n, l) => Seen::Lines(n, l.dtr, l.rts),
            Event::Break(n) => Seen::Break(n),
            Event::Data(n, d) => Seen::Data(n, d.to_vec()),
        })
    });
    seen
}

/// What the peer queued, as (channel, kind, information).
fn said(peer: &mut Peer) -> Vec<(u8, Kind, Vec<u8>)> {
    let octets = peer.output().to_vec();
    peer.written(octets.len());
    let mut frames = Vec::new();
    Deframer::default().receive(&octets, |f| frames.push((f.channel, f.kind, f.information.to_vec())));
    frames
}

fn wired(lines: u8) -> Peer {
    let mut peer = Peer::new();
    (1..=lines).for_each(|n| peer.wire(n));
    peer
}

/// A peer with channel 1 open, DTR and RTS on, nothing queued.
fn opened() -> Peer {
    let mut peer = wired(2);
    for f in [kernel(0, Kind::Sabm, b""), kernel(1, Kind::Sabm, b""), kernel(1, Kind::Uih, &[0x0D])] {
        feed(&mut peer, &f);
    }
    said(&mut peer);
    peer
}

const READY: ToTerminal = ToTerminal { dsr: true, cts: true, ri: false, dcd: false };
const CALL: ToTerminal = ToTerminal { dcd: true, ..READY };

#[test]
fn the_wire_as_the_kernel_was_seen_to_use_it() {
    let mut peer = wired(1);
    peer.set_lines(1, READY);
    assert_eq!(feed(&mut peer, &[0xF9, 0x03, 0x3F, 0x01, 0x1C, 0xF9]), [Seen::Up]);
    assert_eq!(peer.output(), [0xF9, 0x03, 0x73, 0x01, 0xD7, 0xF9]);
    peer.written(6);
    assert_eq!(feed(&mut peer, &[0xF9, 0x07, 0x3F, 0x01, 0xDE, 0xF9]), [Seen::Opened(1)]);
    let lines = [0xF9, 0x05, 0xEF, 0x03, 0x0D, 0xB5, 0xF9];
    assert_eq!(peer.output(), [&[0xF9, 0x07, 0x73, 0x01, 0x15, 0xF9][..], &lines].concat());
    peer.written(13);
    assert_eq!(feed(&mut peer, &[0xF9, 0x07, 0xEF, 0x03, 0x8D, 0xD4, 0xF9]), [Seen::Lines(1, true, true)]);
    assert_eq!(feed(&mut peer, &kernel(1, Kind::Disc, b"")), [Seen::Closed(1)]);
    assert_eq!(peer.lines(1), FromTerminal::default());
}

#[test]
fn lines_that_are_off_from_the_start_are_told() {
    let mut peer = wired(1);
    feed(&mut peer, &kernel(0, Kind::Sabm, b""));
    for _ in 0..2 {
        feed(&mut peer, &kernel(1, Kind::Sabm, b""));
        assert_eq!(feed(&mut peer, &kernel(1, Kind::Uih, &[0x01])), [Seen::Lines(1, false, false)]);
        assert_eq!(feed(&mut peer, &kernel(1, Kind::Uih, &[0x01])), []);
        feed(&mut peer, &kernel(1, Kind::Disc, b""));
    }
}

#[test]
fn signal_octets() {
    let on = ToTerminal { dsr: true, cts: true, ri: true, dcd: true };
    for (lines, octet) in [
        (ToTerminal::default(), 0x01),
        (READY, 0x0D),
        (CALL, 0x8D),
        (ToTerminal { ri: true, ..READY }, 0x4D),
        (on, 0xCD),
    ] {
        assert_eq!(lines.octet(), octet);
    }
    let from = |dtr, rts, stop| FromTerminal { dtr, rts, stop };
    for (octets, want) in [
        (&[0x0D, b'x'][..], Some((from(true, true, false), false, 1))),
        (&[0x01], Some((from(false, false, false), false, 1))),
        (&[0x0F], Some((from(true, true, true), false, 1))),
        (&[0x8C, 0x13, b'x'], Some((from(true, true, false), true, 2))),
        (&[0x0C], None),
        (&[], None),
    ] {
        assert_eq!(FromTerminal::decode(octets), want, "{octets:02x?}");
    }
}

#[test]
fn data_is_followed_by_a_kick() {
    let mut peer = opened();
    peer.set_lines(1, CALL);
    said(&mut peer);
    let both = [kernel(1, Kind::Uih, b"\x0Dab"), kernel(1, Kind::Uih, b"\x0Dcd")].concat();
    assert_eq!(feed(&mut peer, &both), [Seen::Data(1, b"ab".to_vec()), Seen::Data(1, b"cd".to_vec())]);
    let kick = [(1, Kind::Uih, vec![0x85]), (1, Kind::Uih, vec![0x8D])];
    assert_eq!(said(&mut peer), kick);
    for _ in 0..3 {
        peer.repeat();
        assert_eq!(said(&mut peer), kick);
    }
    peer.repeat();
    assert_eq!(said(&mut peer), kick[1..]);
}

#[test]
fn no_kick_while_the_modem_holds_the_program_back() {
    let mut peer = opened();
    feed(&mut peer, &kernel(1, Kind::Uih, b"\x0Dab"));
    assert_eq!(said(&mut peer), []);
}

#[test]
fn falling_carrier_is_said_to_be_up_first() {
    let mut peer = opened();
    peer.set_lines(1, CALL);
    assert_eq!(said(&mut peer), [(1, Kind::Uih, vec![0x8D])]);
    peer.set_lines(1, READY);
    assert_eq!(said(&mut peer), [(1, Kind::Uih, vec![0x8D]), (1, Kind::Uih, vec![0x0D])]);
    peer.set_lines(1, READY);
    assert_eq!(said(&mut peer), []);
}

#[test]
fn lines_are_repeated_for_open_channels_only() {
    let mut peer = opened();
    peer.set_lines(1, READY);
    peer.set_lines(2, READY);
    said(&mut peer);
    assert!(peer.any_open());
    // After CTS rose, the first three repetitions are reminders.
    (0..3).for_each(|_| peer.repeat());
    said(&mut peer);
    peer.repeat();
    assert_eq!(said(&mut peer), [(1, Kind::Uih, vec![0x0D])]);
    feed(&mut peer, &kernel(1, Kind::Disc, b""));
    said(&mut peer);
    assert!(!peer.any_open());
    peer.repeat();
    assert_eq!(said(&mut peer), []);
}

#[test]
fn data_waits_for_rts_and_room() {
    let mut peer = opened();
    peer.set_lines(1, CALL);
    said(&mut peer);
    assert_eq!(peer.send(1, b"abc"), 3);
    assert_eq!(said(&mut peer), [(1, Kind::Uih, b"\x8Dabc".to_vec())]);
    for octet in [0x05, 0x0F] {
        feed(&mut peer, &kernel(1, Kind::Uih, &[octet]));
        assert_eq!(peer.send(1, b"abc"), 0, "{octet:02x}");
    }
    feed(&mut peer, &kernel(1, Kind::Uih, &[0x0D]));
    assert_eq!(peer.send(2, b"abc"), 0, "closed");
    let much = vec![b'x'; 100_000];
    let taken = peer.send(1, &much);
    assert!((2048..10_000).contains(&taken), "{taken}");
    let queued = said(&mut peer);
    let data: usize = queued.iter().filter(|f| f.0 == 1).map(|(_, _, i)| i.len() - 1).sum();
    assert_eq!(data, taken);
}

#[test]
fn only_a_window_of_data_is_under_way_until_its_arrival_is_proven() {
    let mut peer = opened();
    let much = vec![b'x'; 100_000];
    let first = peer.send(1, &much);
    assert_eq!(first as u64, peer::WINDOW);
    let questions: Vec<_> = said(&mut peer).into_iter().filter(|f| f.0 == 0).collect();
    assert_eq!(questions.len(), 1);
    assert_eq!(peer.send(1, &much), 0, "all of it is written, but not proven");
    let mut answer = questions[0].2.clone();
    answer[0] &= !2;
    feed(&mut peer, &kernel(0, Kind::Uih, &answer));
    assert!(peer.send(1, &much) > 0);
    said(&mut peer);
    // A question that got lost is asked again.
    let asked = (0..20).filter(|_| {
        peer.repeat();
        said(&mut peer).iter().any(|f| f.0 == 0)
    });
    assert_eq!(asked.count(), 3);
}

#[test]
fn refuses_what_it_does_not_have() {
    let mut peer = opened();
    assert_eq!(feed(&mut peer, &kernel(3, Kind::Sabm, b"")), []);
    assert_eq!(said(&mut peer), [(3, Kind::Dm, vec![])]);
    assert_eq!(feed(&mut peer, &kernel(2, Kind::Uih, b"\x0Dab")), []);
    assert_eq!(said(&mut peer), [(2, Kind::Dm, vec![])]);
}

#[test]
fn no_channel_without_the_multiplexer() {
    let mut peer = wired(1);
    assert_eq!(feed(&mut peer, &kernel(1, Kind::Sabm, b"")), []);
    assert_eq!(said(&mut peer), [(1, Kind::Dm, vec![])]);
}

#[test]
fn control_messages_are_answered() {
    for (message, answer, events) in [
        // TEST comes back as it is, as an answer.
        (&[0x23, 0x05, 1, 2][..], &[0x21, 0x05, 1, 2][..], vec![]),
        // Something unknown is refused.
        (&[0x4B, 0x03, 1], &[0x11, 0x03, 0x4B], vec![]),
        // Lines of channel 1 by message: DTR off.
        (&[0xE3, 0x05, 0x07, 0x09], &[0xE1, 0x05, 0x07, 0x09], vec![Seen::Lines(1, false, true)]),
        // Close down.
        (&[0xC3, 0x01], &[0xC1, 0x01], vec![Seen::Down]),
    ] {
        let mut peer = opened();
        assert_eq!(feed(&mut peer, &kernel(0, Kind::Uih, message)), events, "{message:02x?}");
        assert_eq!(said(&mut peer), [(0, Kind::Uih, answer.to_vec())]);
    }
}

#[test]
fn flow_control_of_the_whole_multiplexer() {
    let mut peer = opened();
    feed(&mut peer, &kernel(0, Kind::Uih, &[0x63, 0x01]));
    assert_eq!(peer.send(1, b"a"), 0);
    feed(&mut peer, &kernel(0, Kind::Uih, &[0xA3, 0x01]));
    assert_eq!(peer.send(1, b"a"), 1);
}

#[test]
fn a_probe_comes_back() {
    let mut peer = opened();
    peer.probe();
    let (_, _, mut question) = said(&mut peer).remove(0);
    question[0] &= !2;
    assert_eq!(feed(&mut peer, &kernel(0, Kind::Uih, &question)), [Seen::Alive]);
}

#[test]
fn shuts_down_from_this_side() {
    let mut peer = opened();
    peer.shut_down();
    assert_eq!(said(&mut peer), [(1, Kind::Disc, vec![]), (0, Kind::Disc, vec![])]);
    assert!(!peer.is_open(0) && !peer.is_open(1));
    assert_eq!(feed(&mut peer, &kernel(1, Kind::Ua, b"")), []);
    assert_eq!(feed(&mut peer, &kernel(0, Kind::Ua, b"")), [Seen::Down]);
}

#[test]
fn a_line_taken_off_hangs_its_program_up_and_is_refused_then() {
    let mut peer = opened();
    peer.unwire(1);
    peer.unwire(2);
    assert_eq!(said(&mut peer), [(1, Kind::Disc, vec![])]);
    feed(&mut peer, &kernel(1, Kind::Sabm, b""));
    assert_eq!(said(&mut peer), [(1, Kind::Dm, vec![])]);
}

#[test]
fn a_flood_of_questions_without_reading_the_answers_is_bounded() {
    let mut peer = opened();
    let flood = [kernel(1, Kind::Sabm, b""), kernel(0, Kind::Uih, &[0x23, 0x01])].concat().repeat(20_000);
    feed(&mut peer, &flood);
    peer.set_lines(1, CALL);
    peer.set_lines(1, READY);
    assert!(peer.output().len() < 40_000, "{}", peer.output().len());
    said(&mut peer);
    // The lines, unsaid so far, are said when there is room again.
    assert_eq!(said(&mut peer), [(1, Kind::Uih, vec![0x0D])]);
}

fn any_frame() -> impl Strategy<Value = (u8, Kind, Vec<u8>)> {
    let kind = prop::sample::select(vec![Kind::Sabm, Kind::Ua, Kind::Dm, Kind::Disc, Kind::Uih, Kind::Ui]);
    (0..=LAST_CHANNEL, kind, prop::collection::vec(any::<u8>(), 0..400))
}

proptest! {
    #[test]
    fn frames_survive_the_wire_in_any_pieces(
        frames in prop::collection::vec(any_frame(), 1..8),
        cuts in prop::collection::vec(1_usize..200, 1..40),
    ) {
        let wire: Vec<u8> = frames.iter().flat_map(|(n, k, i)| kernel(*n, *k, i)).collect();
        let mut deframer = Deframer::default();
        let mut got = Vec::new();
        let mut rest = &wire[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (now, later) = rest.split_at((*cut).min(rest.len()));
            deframer.receive(now, |f| got.push((f.channel, f.kind, f.information.to_vec())));
            rest = later;
        }
        prop_assert_eq!(got, frames);
        prop_assert_eq!(deframer.noise(), 0);
    }

    #[test]
    fn neighbours_may_share_a_flag(a in any_frame(), b in any_frame()) {
        let mut wire = kernel(a.0, a.1, &a.2);
        wire.pop();
        wire.extend(kernel(b.0, b.1, &b.2));
        let mut got = Vec::new();
        Deframer::default().receive(&wire, |f| got.push((f.channel, f.kind, f.information.to_vec())));
        prop_assert_eq!(got, vec![a, b]);
    }

    /// After any garbage, at most two frames' worth of octets pass before frames are seen again.
    #[test]
    fn finds_its_way_back(garbage in prop::collection::vec(any::<u8>(), 0..3000)) {
        let mut deframer = Deframer::default();
        deframer.receive(&garbage, |_| {});
        let good = kernel(5, Kind::Uih, b"\x0Dhello");
        let mut seen = 0;
        for _ in 0..100 {
            deframer.receive(&good, |f| seen += usize::from(f.channel == 5 && f.information == b"\x0Dhello"));
        }
        prop_assert!(seen >= 55, "{} of 100", seen);
        let before = seen;
        deframer.receive(&good, |_| seen += 1);
        prop_assert_eq!(seen, before + 1);
    }

    /// Hostile octets: no panic, nothing grows, nothing is held back beyond a frame.
    #[test]
    fn anything_is_survived(
        pieces in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..600),
            prop::collection::vec(prop::sample::select(vec![FLAG, 0x01, 0x03, 0x07, 0xEF, 0x3F, 0xFF, 0x00]), 0..600),
            any_frame().prop_map(|(n, k, i)| kernel(n, k, &i)),
        ], 0..30),
    ) {
        let mut peer = wired(LAST_CHANNEL);
        let mut deframer = Deframer::default();
        for piece in pieces {
            peer.receive(&piece, |event| if let Event::Data(n, d) = event {
                assert!((1..=LAST_CHANNEL).contains(&n) && !d.is_empty());
            });
            peer.send(1, &piece);
            peer.repeat();
            prop_assert!(peer.output().len() < 40_000);
            peer.written(peer.output().len() / 2);
            deframer.receive(&piece, |_| {});
            prop_assert!(deframer.held() < 600);
        }
    }
}
