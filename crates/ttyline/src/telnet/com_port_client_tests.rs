use super::*;
use crate::settings::{Flow, Settings};
use crate::telnet::com_port::modem_state::{CTS, DCD, DSR};
use crate::telnet::com_port_server::{Output, Port, Server};
use proptest::prelude::*;

const START: Duration = Duration::from_secs(100);

fn modem(speed: u32) -> Wanted {
    Wanted {
        frame: Frame { speed, data_bits: 8, parity: 1, stop_bits: 1, flow: 3, in_flow: 16 },
        dtr: true,
        rts: true,
    }
}

fn sub(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    codec::push_sub(&[&[option::COM_PORT], bytes], &mut out);
    out
}

struct Talk {
    client: Client,
    out: Vec<u8>,
    news: Vec<News>,
}

impl Talk {
    fn open(com_port: bool) -> Talk {
        let mut out = Vec::new();
        let client = Client::open(com_port, START, &mut out);
        Talk { client, out: Vec::new(), news: Vec::new() }
    }

    fn controlling() -> Talk {
        let mut talk = Talk::open(true);
        talk.client.set(modem(9600), START, &mut talk.out);
        assert!(talk.out.is_empty(), "nothing is asked before it has agreed");
        talk.hear(&[255, 253, 44]);
        assert_eq!(talk.news, [News::Agreed]);
        talk.news.clear();
        talk
    }

    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = bytes.to_vec();
        let n = self.client.receive(&mut buffer, START, &mut self.out, &mut self.news);
        buffer.truncate(n);
        buffer
    }

    fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

#[test]
fn everything_is_asked_for_once_and_what_is_confirmed_is_believed() {
    let mut talk = Talk::controlling();
    let asked = [
        sub(&[11, 254]),
        sub(&[1, 0, 0, 37, 128]),
        sub(&[2, 8]),
        sub(&[3, 1]),
        sub(&[4, 1]),
        sub(&[5, 3]),
        sub(&[5, 8]),
        sub(&[5, 11]),
    ];
    assert_eq!(talk.sent(), asked.concat());
    talk.hear(&[sub(&[101, 0, 0, 37, 128]), sub(&[102, 8]), sub(&[105, 3])].concat());
    assert_eq!(talk.news, []);
    assert_eq!(talk.client.in_force(Item::Speed), Some(9600));
    talk.client.set(modem(9600), START, &mut talk.out);
    assert!(talk.sent().is_empty(), "no change");
    talk.client.set(modem(12_345), START, &mut talk.out);
    assert_eq!(talk.sent(), sub(&[1, 0, 0, 0x30, 0x39]));
    talk.hear(&sub(&[101, 0, 0, 37, 128]));
    assert_eq!(talk.news, [News::Differs { item: Item::Speed, asked: 12_345, in_force: 9600 }]);
    assert_eq!(talk.client.in_force(Item::Speed), Some(9600));
    // Two changes in a row: the answer to the first is no difference.
    talk.news.clear();
    talk.client.set(modem(1200), START, &mut talk.out);
    talk.client.set(modem(2400), START, &mut talk.out);
    talk.hear(&sub(&[101, 0, 0, 4, 176]));
    talk.hear(&sub(&[101, 0, 0, 9, 96]));
    assert_eq!((talk.news.as_slice(), talk.client.in_force(Item::Speed)), (&[][..], Some(2400)));
}

#[test]
fn speed_0_drops_dtr_and_keeps_the_speed() {
    let mut talk = Talk::controlling();
    talk.sent();
    talk.client.set(modem(0), START, &mut talk.out);
    assert_eq!(talk.sent(), sub(&[5, 9]));
    talk.client.set(modem(9600), START, &mut talk.out);
    assert_eq!(talk.sent(), sub(&[5, 8]));
}

#[test]
fn flow_control_is_set_apart_only_where_it_differs() {
    let mut talk = Talk::controlling();
    talk.sent();
    let mut wanted = modem(9600);
    (wanted.frame.flow, wanted.frame.in_flow) = (2, 14);
    talk.client.set(wanted, START, &mut talk.out);
    assert_eq!(talk.sent(), [sub(&[5, 2]), sub(&[5, 14])].concat());
    (wanted.frame.flow, wanted.frame.in_flow) = (1, 14);
    talk.client.set(wanted, START, &mut talk.out);
    assert_eq!(talk.sent(), sub(&[5, 1]));
}

#[test]
fn silence_is_given_up() {
    let mut talk = Talk::controlling();
    talk.hear(&sub(&[105, 3])); // sredird answers DTR and RTS so, too
    talk.hear(&[sub(&[105, 3]), sub(&[105, 3])].concat());
    assert_eq!(talk.client.deadline(), Some(START + PATIENCE));
    talk.client.tick(START + PATIENCE, &mut talk.news);
    let quiet = [Item::Speed, Item::DataBits, Item::Parity, Item::StopBits, Item::Dtr, Item::Rts];
    assert_eq!(talk.news, quiet.map(News::Unanswered));
    assert_eq!(talk.client.deadline(), None, "nothing more to wake up for");
    // No answer at all.
    let mut talk = Talk::open(true);
    assert!(!talk.client.may_send());
    talk.client.tick(START + PATIENCE, &mut talk.news);
    assert_eq!(talk.news, [News::Refused]);
    assert!(talk.client.may_send() && !talk.client.controls());
    // It was only slow.
    talk.hear(&[255, 253, 44]);
    assert!(talk.client.controls());
}

#[test]
fn who_does_not_control_the_port_is_a_telnet_server() {
    let mut talk = Talk::open(true);
    talk.hear(&[255, 254, 44, 255, 254, 44]);
    assert_eq!(talk.news, [News::Refused]);
    talk.client.set(modem(9600), START, &mut talk.out);
    talk.client.purge(Purge { received: true, unsent: true }, START, &mut talk.out);
    assert!(talk.sent().is_empty());
    talk.client.set_break(true, START, &mut talk.out);
    talk.client.set_break(false, START, &mut talk.out);
    assert_eq!(talk.sent(), [255, 243]);
}

#[test]
fn a_server_that_says_will_controls_its_port_too() {
    let mut talk = Talk::open(true);
    talk.hear(&[255, 251, 44]);
    assert_eq!(talk.news, [News::Agreed]);
    talk.hear(&[255, 253, 44]);
    assert_eq!(talk.news.len(), 1, "once");
}

#[test]
fn data_wait_for_the_dialogue_and_for_resume() {
    let mut talk = Talk::open(false);
    assert!(!talk.client.may_send());
    assert_eq!(talk.hear(b"login: "), b"login: ", "what comes is passed");
    talk.hear(&[255, 253, 0]);
    assert!(talk.client.may_send());
    let mut talk = Talk::controlling();
    assert!(talk.client.may_send());
    talk.hear(&sub(&[108]));
    assert!(!talk.client.may_send());
    talk.hear(&sub(&[109]));
    assert!(talk.client.may_send());
}

#[test]
fn without_binary_a_cr_is_cr_nul_on_plain_telnet_only() {
    let wire = |talk: &Talk, data: &[u8]| {
        let mut out = Vec::new();
        talk.client.push_data(data, &mut out);
        out
    };
    let mut talk = Talk::open(false);
    talk.hear(&[255, 254, 0]);
    assert_eq!(wire(&talk, b"a\r\xffb\r"), b"a\r\0\xff\xffb\r\0");
    assert_eq!(talk.hear(b"x\r\0y"), b"x\ry");
    talk.hear(&[255, 253, 0, 255, 251, 0]);
    assert_eq!(wire(&talk, b"a\r\xff"), b"a\r\xff\xff");
    assert_eq!(talk.hear(b"x\r\0y"), b"x\r\0y");
    let mut talk = Talk::controlling();
    talk.hear(&[255, 254, 0]);
    assert_eq!(wire(&talk, b"a\r"), b"a\r", "servers of RFC 2217 do no tricks with CR");
}

#[test]
fn a_purge_discards_what_was_on_the_way() {
    let mut talk = Talk::controlling();
    talk.sent();
    talk.client.purge(Purge { received: true, unsent: false }, START, &mut talk.out);
    assert_eq!(talk.sent(), sub(&[12, 1]));
    let heard = talk.hear(&[b"old".to_vec(), sub(&[112, 1]), b"new".to_vec()].concat());
    assert_eq!((heard, talk.news.as_slice()), (b"new".to_vec(), &[News::Purged][..]));
    // A server that never answers is not waited for.
    talk.client.purge(Purge { received: true, unsent: true }, START, &mut talk.out);
    assert_eq!(talk.hear(b"lost"), b"");
    talk.client.tick(START + PATIENCE, &mut talk.news);
    assert_eq!(talk.hear(b"kept"), b"kept");
    // What only waits to be sent does not touch what comes.
    talk.client.purge(Purge { received: false, unsent: true }, START, &mut talk.out);
    assert_eq!(talk.hear(b"kept"), b"kept");
}

#[test]
fn modem_lines_are_those_told() {
    let mut talk = Talk::controlling();
    assert_eq!(talk.client.modem_state(), None);
    talk.hear(&sub(&[107, DCD | CTS | 8]));
    assert_eq!(talk.news, [News::ModemState(DCD | CTS | 8)]);
    assert_eq!(talk.client.modem_state(), Some(DCD | CTS));
}

/// A port of memory.
struct Line(Settings, bool);

impl Port for Line {
    fn settings(&self) -> Option<Settings> {
        Some(self.0)
    }
    fn set(&mut self, settings: &Settings) {
        self.0 = *settings;
    }
    fn has_no_wire(&self) -> bool {
        false
    }
    fn drive(&mut self, output: Output, on: bool) {
        if output == Output::Dtr {
            self.1 = on;
        }
    }
    fn output(&self, output: Output) -> Option<bool> {
        (output == Output::Dtr).then_some(self.1)
    }
    fn set_break(&mut self, _: bool) {}
    fn purge(&mut self, _: Purge) {}
    fn modem_state(&self) -> Option<u8> {
        Some(DSR)
    }
    fn watch_line_state(&mut self, mask: u8) -> u8 {
        mask
    }
}

proptest! {
    /// Against our own server: it falls silent, and both ends mean the same.
    #[test]
    fn our_server_does_what_it_is_asked(speed in 50u32..4_000_000, data_bits in 5u8..=8, parity in 1u8..=5, flow in 1u8..=3, dtr: bool) {
        let frame = Frame { speed, data_bits, parity, stop_bits: 1, flow, in_flow: flow + 13 };
        let wanted = Wanted { frame, dtr, rts: true };
        let (mut to_server, mut to_client, mut news) = (Vec::new(), Vec::new(), Vec::new());
        let mut client = Client::open(true, START, &mut to_server);
        client.set(wanted, START, &mut to_server);
        let mut options = Options::open(Policy::COM_PORT_SERVER, &mut to_client);
        let (mut server, mut decoder) = (Server::new("test"), Decoder::default());
        let mut line = Line(Settings::default().for_modem(300, Flow::None), !dtr);
        for _ in 0..4 {
            let mut heard = std::mem::take(&mut to_server);
            let mut at = 0;
            while at < heard.len() {
                let piece = decoder.decode(&mut heard[at..]);
                at += piece.used;
                match piece.event {
                    Some(Event::Negotiate(verb, which)) => { options.handle(verb, which, &mut to_client); }
                    Some(Event::Sub) => server.handle(Request::read(decoder.sub()).unwrap(), &mut line, &mut to_client),
                    _ => {}
                }
            }
            let mut heard = std::mem::take(&mut to_client);
            prop_assert_eq!(client.receive(&mut heard, START, &mut to_server, &mut news), 0);
        }
        prop_assert!(to_server.is_empty() && to_client.is_empty(), "both are silent");
        prop_assert_eq!(Frame::of(&line.0), frame);
        prop_assert_eq!(line.1, dtr);
        prop_assert_eq!(client.in_force(Item::Speed), Some(speed));
        prop_assert_eq!(news, vec![News::Agreed, News::ModemState(DSR)]);
        prop_assert_eq!(client.deadline(), None);
    }
}
