//! What must hold for any stream a peer sends: the fuzz target and the ordinary tests call it.

use super::codec::{self, Decoder, Event};
use super::com_port::{Answer, Request};
use super::com_port_client::{Client, Item, Wanted};
use super::com_port_server::{Output, Port, Purge, Server};
use super::frame::Frame;
use super::option;
use super::options::{Options, Policy};
use crate::settings::{Flow, Settings};
use std::time::Duration;

/// A port of memory that takes everything.
struct Pretended(Settings);

impl Port for Pretended {
    fn settings(&self) -> Option<Settings> {
        Some(self.0)
    }
    fn set(&mut self, settings: &Settings) {
        self.0 = *settings;
    }
    fn has_no_wire(&self) -> bool {
        false
    }
    fn drive(&mut self, _: Output, _: bool) {}
    fn output(&self, _: Output) -> Option<bool> {
        None
    }
    fn set_break(&mut self, _: bool) {}
    fn purge(&mut self, _: Purge) {}
    fn modem_state(&self) -> Option<u8> {
        None
    }
    fn watch_line_state(&mut self, mask: u8) -> u8 {
        mask
    }
}

/// Plays `stream` (its first byte chooses the cuts and the mode) to a server of RFC 2217.
///
/// # Panics
/// When bytes are lost or made up, when answers outgrow requests, when the stream stays out of step.
pub fn never_out_of_step(stream: &[u8]) {
    let Some((&mode, stream)) = stream.split_first() else { return };
    let mut decoder = Decoder::default();
    decoder.cr_nul = mode & 1 != 0;
    let mut opening = Vec::new();
    let mut options = Options::open(Policy::COM_PORT_SERVER, &mut opening);
    let mut server = Server::new("fuzzed");
    let mut port = Pretended(Settings::default().for_modem(9600, Flow::None));
    let mut sent = Vec::new();
    // The end brings any state back to data.
    let end = [255, 240, 255, 240, b'x'];
    let size = usize::from(mode >> 1) + 1;
    for chunk in stream.chunks(size).chain([&end[..]]) {
        let mut buffer = chunk.to_vec();
        let mut at = 0;
        while let Some(rest) = buffer.get_mut(at..).filter(|rest| !rest.is_empty()) {
            let piece = decoder.decode(rest);
            assert!(piece.used > 0 && piece.used <= rest.len() && piece.data <= piece.used);
            at += piece.used;
            let before = sent.len();
            match piece.event {
                Some(Event::Negotiate(verb, option)) => {
                    options.handle(verb, option, &mut sent);
                    assert!(sent.len() - before <= 3);
                }
                Some(Event::Sub) => {
                    assert!(decoder.sub().len() <= Decoder::MOST_SUB);
                    let _ = Answer::read(decoder.sub());
                    if let Some(request) = Request::read(decoder.sub()) {
                        server.activate(&port, &mut sent);
                        server.handle(request, &mut port, &mut sent);
                    }
                    assert!(sent.len() - before <= 64);
                }
                Some(Event::Command(_)) | None => {}
            }
        }
    }
    // What we sent is itself well-formed, option 44 or negotiation only.
    let mut reader = Decoder::default();
    let mut at = 0;
    while let Some(rest) = sent.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let piece = reader.decode(rest);
        assert_eq!(piece.data, 0);
        at += piece.used;
        match piece.event {
            Some(Event::Sub) => assert_eq!(reader.sub().first(), Some(&option::COM_PORT)),
            Some(Event::Negotiate(..)) => {}
            other => panic!("sent {other:?}"),
        }
    }
    // Doubling and undoubling of the same bytes as data.
    let mut wire = Vec::new();
    codec::push_data(stream, &mut wire);
    let mut plain = Decoder::default();
    let piece = plain.decode(&mut wire);
    assert_eq!((piece.used, piece.event), (wire.len(), None));
    assert_eq!(wire.get(..piece.data), Some(stream));
}

/// Plays `stream` (its first byte chooses the cuts and the mode) to a client of RFC 2217.
///
/// # Panics
/// When bytes are made up, when what is sent is malformed or outgrows what was received, when the client
/// believes what was not said, when the stream stays out of step.
pub fn client_never_out_of_step(stream: &[u8]) {
    let Some((&mode, stream)) = stream.split_first() else { return };
    let (mut sent, mut news, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let now = Duration::from_secs(1);
    let mut client = Client::open(mode & 1 != 0, now, &mut sent);
    let frame = Frame::of(&Settings::default().for_modem(9600, Flow::Hard));
    client.set(Wanted { frame, dtr: true, rts: true }, now, &mut sent);
    let opening = sent.len();
    let size = usize::from(mode >> 1) + 1;
    for chunk in stream.chunks(size).chain([&[255, 240, 255, 240, 255, 250, 44, 112, 3, 255, 240, b'x'][..]])
    {
        let mut buffer = chunk.to_vec();
        let data = client.receive(&mut buffer, now, &mut sent, &mut news);
        kept.extend_from_slice(buffer.get(..data).expect("no more than there was"));
    }
    assert!(kept.len() <= stream.len() + 12 && kept.last() == Some(&b'x'));
    // A few answers to each request, and what is asked for once.
    assert!(sent.len() <= opening + 40 * (stream.len() + 12) && news.len() <= stream.len() + 12);
    // 240: the end that was put behind the stream may complete a speed that was cut.
    let spoken = client
        .in_force(Item::Speed)
        .is_none_or(|speed| speed.to_be_bytes().iter().all(|byte| stream.contains(byte) || *byte == 240));
    assert!(spoken, "a speed nobody said");
    client.tick(now + Duration::from_secs(60), &mut news);
    assert_eq!(client.deadline(), None);
    let (mut reader, mut at) = (Decoder::default(), 0);
    while let Some(rest) = sent.get_mut(at..).filter(|rest| !rest.is_empty()) {
        let piece = reader.decode(rest);
        assert_eq!(piece.data, 0);
        at += piece.used;
        match piece.event {
            Some(Event::Sub) => assert!(Request::read(reader.sub()).is_some()),
            Some(Event::Negotiate(..)) => {}
            other => panic!("sent {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The seeds of the fuzz target, and what it ever found.
    #[test]
    fn the_corpora_hold() {
        type Target = fn(&[u8]);
        let targets: [(&str, Target); 2] =
            [("telnet", never_out_of_step), ("telnet_client", client_never_out_of_step)];
        for (name, target) in targets {
            let corpus = format!("{}/../../tests/fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
            let mut count = 0;
            for entry in std::fs::read_dir(corpus).unwrap() {
                target(&std::fs::read(entry.unwrap().path()).unwrap());
                count += 1;
            }
            assert!(count >= 5, "the seeds are there");
        }
    }

    proptest! {
        #[test]
        fn random_streams_hold(stream in proptest::collection::vec(
            prop_oneof![any::<u8>(), 240u8..=255, Just(44u8), 0u8..13], 0..300)) {
            never_out_of_step(&stream);
        }

        #[test]
        fn random_servers_hold(stream in proptest::collection::vec(
            prop_oneof![any::<u8>(), 240u8..=255, Just(44u8), Just(253u8), 100u8..113], 0..300)) {
            client_never_out_of_step(&stream);
        }
    }
}
