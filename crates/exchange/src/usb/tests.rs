//! A host, as the drivers behave, against the adapters.

use super::message::HEADER;
use super::{Coding, Device, Frame, Identity, Told};
use crate::port::ModemLines;
use proptest::prelude::*;

const STALL: i32 = -32;
const RESET: i32 = -104;

/// An answer: what it answers, how it ended, octets to the host.
#[derive(Debug, PartialEq, Eq)]
struct Back {
    seq: u32,
    status: i32,
    length: usize,
    data: Vec<u8>,
}

/// The host's side of a cable.
struct Host {
    device: Device,
    seq: u32,
    /// Transfers to the host have data behind their header.
    to_host: Vec<u32>,
}

impl Host {
    fn new(kind: &str) -> Host {
        let identity = Identity::parse(kind, "NR1").expect("an adapter");
        Host { device: Device::new(identity), seq: 0, to_host: Vec::new() }
    }

    fn send(&mut self, numbers: [u32; 10], setup: [u8; 8], data: &[u8]) -> u32 {
        self.seq += 1;
        let mut message: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        message[4..8].copy_from_slice(&self.seq.to_be_bytes());
        message.extend(setup);
        message.extend(data);
        // In pieces, as a stream socket may.
        for piece in message.chunks(7) {
            self.device.receive(piece).expect("good messages");
        }
        self.seq
    }

    fn control(&mut self, kind: u8, request: u8, value: u16, index: u16, data: &[u8], length: usize) -> Back {
        let to_host = kind & 0x80 != 0;
        let mut setup = [kind, request, 0, 0, 0, 0, 0, 0];
        setup[2..4].copy_from_slice(&value.to_le_bytes());
        setup[4..6].copy_from_slice(&index.to_le_bytes());
        let length = if to_host { length } else { data.len() };
        let seq = self.send([1, 0, 0, u32::from(to_host), 0, 0, length as u32, 0, 0, 0], setup, data);
        if to_host {
            self.to_host.push(seq);
        }
        self.back().into_iter().find(|b| b.seq == seq).expect("an answer to a control request")
    }

    fn want(&mut self, endpoint: u32, length: u32) -> u32 {
        let seq = self.send([1, 0, 0, 1, endpoint, 0, length, 0, u32::MAX, 0], [0; 8], b"");
        self.to_host.push(seq);
        seq
    }

    fn give(&mut self, data: &[u8]) -> u32 {
        self.send([1, 0, 0, 0, 2, 0, data.len() as u32, 0, 0, 0], [0; 8], data)
    }

    fn unlink(&mut self, victim: u32) -> i32 {
        let seq = self.send([2, 0, 0, 0, 0, victim, 0, 0, 0, 0], [0; 8], b"");
        self.back().into_iter().find(|b| b.seq == seq).expect("an answer to an unlink").status
    }

    /// All answers since the last call.
    fn back(&mut self) -> Vec<Back> {
        let mut back = Vec::new();
        while !self.device.output().is_empty() {
            let out = self.device.output().to_vec();
            let number = |at: usize| u32::from_be_bytes(out[at..at + 4].try_into().expect("four"));
            let (seq, length) = (number(4), number(24) as usize);
            let has_data = number(0) == 3 && self.to_host.contains(&seq);
            let data = if has_data { out[HEADER..HEADER + length].to_vec() } else { Vec::new() };
            self.device.written(HEADER + data.len());
            back.push(Back { seq, status: number(20) as i32, length, data });
        }
        back
    }

    fn told(&mut self) -> Vec<Told> {
        self.device.told().collect()
    }
}

#[test]
fn adapters_are_named_on_the_command_line() {
    let id = |text: &str| Identity::parse(text, "987654");
    assert_eq!(id("acm").map(|i| i.serial), Ok("987654".into()));
    assert_eq!(
        id("ftdi:A-1:1bc7:0021").map(|i| (i.serial, i.vendor, i.product)),
        Ok(("A-1".into(), 0x1bc7, 0x21))
    );
    for bad in
        ["", "pl2303", "acm:", "acm:a/b", "acm:x:1bc7", "acm:x:1bc7:zz", "acm:x:12345:1", "acm:x:1:2:3"]
    {
        assert!(id(bad).is_err(), "{bad}");
    }
    for text in ["8N1", "7E2", "5O1.5", "8S1"] {
        assert_eq!(Frame::parse(text).map(|f| f.to_string()).as_deref(), Some(text));
    }
    for bad in ["", "8", "9N1", "8X1", "8N3", "8N", "NN1"] {
        assert_eq!(Frame::parse(bad), None, "{bad}");
    }
}

#[test]
fn they_say_what_they_are() {
    for (kind, total, vendor) in [("acm", 67, 0x1d6b), ("ftdi", 32, 0x0403)] {
        let mut host = Host::new(kind);
        let device = host.control(0x80, 6, 0x0100, 0, b"", 64).data;
        assert_eq!((device.len(), u16::from_le_bytes([device[8], device[9]])), (18, vendor), "{kind}");
        assert_eq!(host.control(0x80, 6, 0x0200, 0, b"", 9).data.len(), 9, "no more than is wanted");
        let configuration = host.control(0x80, 6, 0x0200, 0, b"", 512).data;
        assert_eq!((configuration.len(), usize::from(configuration[2])), (total, total), "{kind}");
        let mut rest = &configuration[..];
        while let Some(&length) = rest.first() {
            rest = rest.get(usize::from(length).max(1)..).expect("descriptors end where they say");
        }
        let serial = host.control(0x80, 6, 0x0303, 0x0409, b"", 255).data;
        assert_eq!(serial, b"\x08\x03N\0R\x001\0");
        assert_eq!(host.control(0x80, 6, 0x0f00, 0, b"", 64).status, STALL, "no BOS descriptor");
        assert_eq!(host.control(0x00, 9, 1, 0, b"", 0).status, 0, "SET_CONFIGURATION");
    }
}

#[test]
fn a_modem_hears_speed_frame_lines_and_breaks() {
    let mut host = Host::new("acm");
    let coding = [0x00, 0xe1, 0, 0, 2, 2, 7]; // 57600 7E2
    assert_eq!(host.control(0x21, 0x20, 0, 0, &coding, 0).length, 7);
    assert_eq!(host.control(0xa1, 0x21, 0, 0, b"", 7).data, coding);
    host.control(0x21, 0x22, 3, 0, b"", 0);
    host.control(0x21, 0x22, 3, 0, b"", 0);
    host.control(0x21, 0x23, 0xffff, 0, b"", 0);
    host.control(0x21, 0x23, 0, 0, b"", 0);
    host.control(0x21, 0x23, 250, 0, b"", 0);
    host.control(0x21, 0x22, 2, 0, b"", 0); // B0 drops DTR, not RTS
    let frame = Frame::parse("7E2").expect("a frame");
    assert_eq!(
        host.told(),
        [
            Told::Coding(Coding { speed: 57600, frame }),
            Told::Lines { dtr: true, rts: true },
            Told::Break(true),
            Told::Break(false),
            Told::Break(true),
            Told::Break(false),
            Told::Lines { dtr: false, rts: true },
        ]
    );
    for bad in [&[][..], &[0; 6], &[0, 0, 0, 0, 3, 0, 8], &[0, 0, 0, 0, 0, 5, 8], &[0, 0, 0, 0, 0, 0, 9]] {
        assert_eq!(host.control(0x21, 0x20, 0, 0, bad, 0).status, STALL, "{bad:?}");
    }
    assert_eq!(host.control(0x21, 0x99, 0, 0, b"", 0).status, STALL);
    assert!(host.told().is_empty(), "what is refused changes nothing");
}

#[test]
fn a_modem_tells_its_lines() {
    let mut host = Host::new("acm");
    host.device.set_lines(ModemLines { dsr: true, cts: true, ..ModemLines::default() });
    let notice = host.want(3, 16); // the driver begins to listen: how are things?
    assert_eq!(
        host.back()[0],
        Back { seq: notice, status: 0, length: 10, data: vec![0xa1, 0x20, 0, 0, 0, 0, 2, 0, 2, 0] }
    );
    host.want(1, 512);
    assert_eq!(host.told(), [Told::InUse(true)]);
    // A pulse is seen though nobody asked in between.
    for ri in [true, false] {
        host.device.set_lines(ModemLines { dsr: true, ri, ..ModemLines::default() });
    }
    host.device.send_break();
    let mut states = Vec::new();
    for _ in 0..4 {
        host.want(3, 16);
        states.extend(host.back().iter().map(|b| b.data[8]));
    }
    assert_eq!(states, [2 | 8, 2, 2 | 4, 2], "ring, no ring, break, no break");
}

#[test]
fn data_goes_both_ways_and_waits_where_nobody_takes_it() {
    let mut host = Host::new("acm");
    let wanted: Vec<u32> = (0..16).map(|_| host.want(1, 512)).collect();
    assert_eq!(host.told(), [Told::InUse(true)]);
    let given = host.give(b"AT\r");
    assert!(host.back().is_empty(), "not over before the modem has it");
    assert_eq!(host.told(), [Told::Readable]);
    let mut buffer = [0; 2];
    assert_eq!((host.device.read(&mut buffer), &buffer), (2, b"AT"));
    assert!(host.back().is_empty());
    assert_eq!(host.device.read(&mut buffer), 1);
    assert_eq!(host.back(), [Back { seq: given, status: 0, length: 3, data: vec![] }]);
    assert_eq!(host.device.read(&mut buffer), 0);
    assert_eq!(host.device.write(b"OK"), 2);
    assert_eq!(host.back(), [Back { seq: wanted[0], status: 0, length: 2, data: b"OK".to_vec() }]);
    // Nobody fetches: the modem has to wait, and is told when it may go on.
    let taken: usize = (0..40).map(|_| host.device.write(&[b'x'; 512])).sum();
    assert_eq!(taken, 15 * 512 + 4096);
    assert!(!host.told().contains(&Told::Writable));
    for _ in 0..4 {
        host.want(1, 512);
    }
    assert_eq!(host.told(), [Told::Writable]);
    // The tty is closed; a part of what nobody read is there for the next user.
    host.want(1, 512);
    for _ in 0..10 {
        host.want(1, 512);
    }
    let last = host.seq;
    host.back();
    for victim in wanted.into_iter().chain(16..=last) {
        host.unlink(victim);
    }
    assert_eq!(host.told(), [Told::InUse(false)]);
    assert_eq!(host.unlink(last), 0, "it is gone already");
    assert_eq!(host.device.write(b"NO CARRIER"), 10);
    assert_eq!(host.device.write(&[0; 1000]), 1000, "what a chip does not keep is gone");
    let next = host.want(1, 16 * 1024);
    let back = host.back();
    assert_eq!((back[0].seq, back[0].length), (next, 512));
    assert!(back[0].data.starts_with(b"NO CARRIER"));
}

#[test]
fn a_transfer_that_is_withdrawn_says_so() {
    let mut host = Host::new("acm");
    let given = host.give(b"late");
    assert_eq!(host.unlink(given), RESET);
    assert_eq!(host.device.read(&mut [0; 8]), 0);
}

#[test]
fn an_ftdi_chip_divides_its_clock() {
    // Divisors as the driver computes them.
    let rows: [(u16, u16, u32); 8] = [
        (0x2710, 0, 300),
        (0x4138, 0, 9600),
        (0x809c, 0, 19200),
        (0xc04e, 0, 38400),
        (0x0034, 0, 57692),
        (0xc034, 0, 57554),
        (0x001a, 0, 115385),
        (0, 0, 3_000_000),
    ];
    for (value, index, speed) in rows {
        let mut host = Host::new("ftdi");
        host.control(0x40, 3, value, index, b"", 0);
        assert_eq!(host.told(), [Told::Coding(Coding { speed, frame: Frame::EIGHT_BITS })], "{value:04x}");
    }
    assert!(Coding { speed: 115385, frame: Frame::EIGHT_BITS }.runs_at(115200));
    assert!(!Coding { speed: 57554, frame: Frame::EIGHT_BITS }.runs_at(115200));
}

#[test]
fn an_ftdi_chip_hears_frame_break_and_lines() {
    let mut host = Host::new("ftdi");
    host.control(0x40, 1, 0x0303, 0, b"", 0);
    host.control(0x40, 1, 0x0100, 0, b"", 0); // DTR alone
    host.control(0x40, 4, 0x1207, 0, b"", 0); // 7E2
    host.control(0x40, 4, 0x5207, 0, b"", 0); // and a break
    let seven = Coding { speed: 9600, frame: Frame::parse("7E2").expect("a frame") };
    assert_eq!(
        host.told(),
        [
            Told::Lines { dtr: true, rts: true },
            Told::Lines { dtr: false, rts: true },
            Told::Coding(seven),
            Told::Break(true),
            Told::Coding(seven),
        ]
    );
    assert_eq!(host.control(0x40, 4, 0x0009, 0, b"", 0).status, STALL, "nine bits");
    assert_eq!(host.control(0xc0, 10, 0, 0, b"", 1).data, [16], "the latency timer");
}

#[test]
fn an_ftdi_chip_puts_its_status_before_each_packet() {
    let mut host = Host::new("ftdi");
    let lines = ModemLines { dsr: true, cts: true, ..ModemLines::default() };
    host.device.set_lines(lines);
    host.want(1, 512);
    assert_eq!(host.back()[0].data, [0x31, 0x60], "the lines at once");
    assert_eq!(host.control(0xc0, 5, 0, 0, b"", 2).data, [0x31, 0x60]);
    host.device.write(&[b'x'; 130]);
    host.want(1, 512);
    let data = &host.back()[0].data;
    assert_eq!(data.len(), 130 + 3 * 2);
    for start in [0, 64, 128] {
        assert_eq!(data[start..start + 2], [0x31, 0x60]);
    }
    host.device.send_break();
    host.want(1, 512);
    assert_eq!(host.back()[0].data, [0x31, 0x70, 0]);
    host.device.set_lines(ModemLines { dcd: true, ..lines });
    host.device.set_lines(lines);
    let mut seen = Vec::new();
    for _ in 0..2 {
        host.want(1, 512);
        seen.extend(host.back().iter().map(|b| b.data[0]));
    }
    assert_eq!(seen, [0xb1, 0x31], "a short pulse of DCD");
}

#[test]
fn an_ftdi_chip_obeys_cts() {
    let mut host = Host::new("ftdi");
    host.control(0x40, 2, 0, 0x0100, b"", 0);
    host.give(b"data");
    assert!(!host.told().contains(&Told::Readable), "CTS is off");
    assert_eq!(host.device.read(&mut [0; 8]), 0);
    assert_eq!(host.control(0xc0, 5, 0, 0, b"", 2).data, [0x01, 0], "the chip is not empty");
    host.device.set_lines(ModemLines { cts: true, ..ModemLines::default() });
    assert_eq!(host.told(), [Told::Readable]);
    assert_eq!(host.device.read(&mut [0; 8]), 4);
}

#[test]
fn a_reset_at_open_empties_an_ftdi_chip() {
    let mut host = Host::new("ftdi");
    host.device.write(b"NO CARRIER");
    host.control(0x40, 0, 0, 0, b"", 0);
    host.want(1, 512);
    host.want(1, 512);
    assert!(host.back().iter().all(|b| b.data.len() <= 2), "nothing is left over");
}

#[test]
fn a_host_that_talks_nonsense_is_cut_off() {
    let cut_off = |numbers: [u32; 10]| {
        let mut host = Host::new("acm");
        let mut message: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        message.extend([0; 8]);
        host.device.receive(&message).is_err()
    };
    assert!(cut_off([3, 1, 0, 0, 0, 0, 0, 0, 0, 0]), "an answer");
    assert!(cut_off([1, 1, 0, 0, 2, 0, 70_000, 0, 0, 0]), "too much data");
    assert!(cut_off([1, 1, 0, 0, 2, 0, 8, 0, 3, 0]), "isochronous");
    assert!(!cut_off([1, 1, 0, 0, 9, 0, 0, 0, 0, 0]), "an endpoint that is not there is refused only");
    // One that never fetches its answers.
    let mut host = Host::new("ftdi");
    let mut message: Vec<u8> =
        [1u32, 1, 0, 1, 0, 0, 64, 0, 0, 0].iter().flat_map(|n| n.to_be_bytes()).collect();
    message.extend([0x80, 6, 0, 1, 0, 0, 64, 0]);
    assert!((0..100_000).any(|_| host.device.receive(&message).is_err()));
    // Too many transfers at once are refused.
    let mut host = Host::new("acm");
    for _ in 0..300 {
        host.give(&[0; 1024]);
    }
    assert_eq!(host.back().iter().filter(|b| b.status == STALL).count(), 300 - 256);
}

proptest! {
    #[test]
    fn any_octets_are_survived(input in prop::collection::vec(any::<u8>(), 0..600)) {
        super::fuzz(&input);
    }

    /// Messages that are almost good reach deeper.
    #[test]
    fn almost_good_messages_are_survived(
        first in any::<u8>(),
        messages in prop::collection::vec((1u32..3, 0u32..4, 0u32..5, 0u32..200, any::<[u8; 8]>()), 0..60),
    ) {
        let mut input = vec![first];
        for (seq, (command, direction, endpoint, length, setup)) in (1u32..).zip(messages) {
            for number in [command, seq, 0, direction & 1, endpoint, seq / 2, length, 0, 0, 0] {
                input.extend(number.to_be_bytes());
            }
            input.extend(setup);
            if direction & 1 == 0 && command == 1 {
                input.resize(input.len() + length as usize, b'x');
            }
        }
        super::fuzz(&input);
    }
}
