use super::*;
use crate::settings::Flow;
use proptest::prelude::*;

/// A port of memory: a UART, or a pty without lines.
struct Fake {
    settings: Settings,
    pty: bool,
    dtr: bool,
    rts: bool,
    did: Vec<String>,
}

impl Fake {
    fn new(pty: bool) -> Fake {
        Fake {
            settings: Settings::default().for_modem(115_200, Flow::None),
            pty,
            dtr: true,
            rts: true,
            did: vec![],
        }
    }
}

impl Port for Fake {
    fn settings(&self) -> Option<Settings> {
        Some(self.settings)
    }
    fn set(&mut self, settings: &Settings) {
        self.settings = if self.pty { settings.eight_bits() } else { *settings };
    }
    fn has_no_wire(&self) -> bool {
        self.pty
    }
    fn drive(&mut self, output: Output, on: bool) {
        match output {
            Output::Dtr => self.dtr = on,
            Output::Rts => self.rts = on,
        }
    }
    fn output(&self, output: Output) -> Option<bool> {
        let on = if output == Output::Dtr { self.dtr } else { self.rts };
        (!self.pty).then_some(on)
    }
    fn set_break(&mut self, on: bool) {
        self.did.push(format!("break {on}"));
    }
    fn purge(&mut self, what: Purge) {
        self.did.push(format!("{what:?}"));
    }
    fn modem_state(&self) -> Option<u8> {
        (!self.pty).then_some(modem_state::CTS)
    }
    fn watch_line_state(&mut self, mask: u8) -> u8 {
        mask & line_state::BREAK
    }
}

fn ask(server: &mut Server, port: &mut Fake, request: Request<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    server.handle(request, port, &mut out);
    out
}

fn wire(answers: &[Answer<'_>]) -> Vec<u8> {
    answers.iter().fold(Vec::new(), |mut out, a| {
        a.write(&mut out);
        out
    })
}

/// What a fresh port of either kind answers to a request.
fn fresh(pty: bool, requests: &[Request<'_>]) -> Vec<u8> {
    let (mut server, mut port) = (Server::new("ringback 0"), Fake::new(pty));
    requests.iter().flat_map(|r| ask(&mut server, &mut port, *r)).collect()
}

#[test]
fn every_request_is_answered_with_the_value_in_force() {
    type Row = (Request<'static>, Answer<'static>, Answer<'static>);
    let same = |r, a| (r, a, a);
    let table: Vec<Row> = vec![
        same(Request::Signature(b""), Answer::Signature(b"ringback 0")),
        same(Request::Speed(0), Answer::Speed(115_200)),
        same(Request::Speed(12_345), Answer::Speed(12_345)),
        same(Request::Speed(3_000_000), Answer::Speed(3_000_000)),
        same(Request::DataBits(0), Answer::DataBits(8)),
        same(Request::DataBits(7), Answer::DataBits(7)),
        same(Request::DataBits(9), Answer::DataBits(8)),
        same(Request::Parity(3), Answer::Parity(3)),
        same(Request::Parity(6), Answer::Parity(1)),
        same(Request::StopBits(2), Answer::StopBits(2)),
        // One and a half are not to be had with eight data bits; a pty has no say.
        (Request::StopBits(3), Answer::StopBits(1), Answer::StopBits(3)),
        same(Request::StopBits(0), Answer::StopBits(1)),
        same(Request::Control(0), Answer::Control(1)),
        same(Request::Control(3), Answer::Control(3)),
        same(Request::Control(13), Answer::Control(14)),
        same(Request::Control(16), Answer::Control(16)),
        same(Request::Control(4), Answer::Control(6)),
        same(Request::Control(5), Answer::Control(5)),
        same(Request::Control(7), Answer::Control(8)),
        same(Request::Control(9), Answer::Control(9)),
        same(Request::Control(12), Answer::Control(12)),
        same(Request::Control(17), Answer::Control(1)),
        same(Request::Control(18), Answer::Control(14)),
        same(Request::Control(20), Answer::Control(1)),
        same(Request::PollLineState, Answer::LineState(0)),
        (Request::PollModemState, Answer::ModemState(16), Answer::ModemState(176)),
        same(Request::LineStateMask(255), Answer::LineStateMask(16)),
        same(Request::Purge(3), Answer::Purge(3)),
        same(Request::Purge(4), Answer::Purge(0)),
    ];
    for (request, uart, pty) in table {
        assert_eq!(fresh(false, &[request]), wire(&[uart]), "{request:?}");
        assert_eq!(fresh(true, &[request]), wire(&[pty]), "{request:?} on a pty");
    }
    assert_eq!(fresh(false, &[Request::Suspend, Request::Resume, Request::Signature(b"me")]), b"");
    let mask = [Answer::ModemStateMask(128), Answer::ModemState(0)];
    assert_eq!(fresh(false, &[Request::ModemStateMask(128)]), wire(&mask));
}

#[test]
fn a_pty_keeps_what_was_asked_though_the_kernel_does_not() {
    let asked = [Request::DataBits(7), Request::Parity(3), Request::StopBits(2), Request::Speed(9600)];
    let all = [Request::DataBits(0), Request::Parity(0), Request::StopBits(0), Request::Speed(0)];
    let in_force = [Answer::DataBits(7), Answer::Parity(3), Answer::StopBits(2), Answer::Speed(9600)];
    for pty in [false, true] {
        let (mut server, mut port) = (Server::new("x"), Fake::new(pty));
        for request in asked {
            ask(&mut server, &mut port, request);
        }
        let answers: Vec<u8> = all.iter().flat_map(|r| ask(&mut server, &mut port, *r)).collect();
        assert_eq!(answers, wire(&in_force), "pty: {pty}");
    }
}

#[test]
fn breaks_and_lines_are_driven_and_remembered() {
    let (mut server, mut port) = (Server::new("x"), Fake::new(false));
    ask(&mut server, &mut port, Request::Control(5));
    assert!(server.breaking());
    assert_eq!(ask(&mut server, &mut port, Request::Control(4)), wire(&[Answer::Control(5)]));
    assert_eq!(ask(&mut server, &mut port, Request::Control(6)), wire(&[Answer::Control(6)]));
    assert_eq!(ask(&mut server, &mut port, Request::Control(4)), wire(&[Answer::Control(6)]));
    ask(&mut server, &mut port, Request::Control(9));
    assert!(!port.dtr && port.rts);
    ask(&mut server, &mut port, Request::Purge(1));
    assert_eq!(port.did, ["break true", "break false", "Purge { received: true, unsent: false }"]);
    ask(&mut server, &mut port, Request::Suspend);
    assert!(server.suspended());
}

#[test]
fn notices_follow_the_masks_and_only_after_agreement() {
    let (mut server, port) = (Server::new("x"), Fake::new(false));
    let mut out = Vec::new();
    server.modem_state_changed(modem_state::DCD, &mut out);
    assert_eq!(out, b"");
    server.activate(&port, &mut out);
    server.activate(&port, &mut out);
    assert_eq!(out, wire(&[Answer::ModemState(16)]), "once");
    out.clear();
    server.modem_state_changed(modem_state::CTS | modem_state::DCD, &mut out);
    server.modem_state_changed(modem_state::CTS | modem_state::DCD, &mut out);
    assert_eq!(out, wire(&[Answer::ModemState(16 | 128 | 8)]));
    out.clear();
    server.line_state_changed(line_state::BREAK, &mut out);
    assert_eq!(out, b"", "the line mask is 0 at first");
    server.handle(Request::LineStateMask(16), &mut Fake::new(false), &mut Vec::new());
    server.line_state_changed(line_state::BREAK | line_state::PARITY, &mut out);
    assert_eq!(out, wire(&[Answer::LineState(16)]));
}

proptest! {
    /// Whatever is asked, each answer is one well-formed sub-negotiation of the request's number.
    #[test]
    fn any_request_gets_its_own_answer(sub in proptest::collection::vec(any::<u8>(), 0..8), command in 0u8..20, pty: bool) {
        let mut whole = vec![44, command];
        whole.extend(sub);
        let (mut server, mut port) = (Server::new("x"), Fake::new(pty));
        if let Some(request) = Request::read(&whole) {
            let out = ask(&mut server, &mut port, request);
            let silent = matches!(request, Request::Suspend | Request::Resume)
                || matches!(request, Request::Signature(t) if !t.is_empty());
            prop_assert_eq!(out.is_empty(), silent);
            if !silent {
                prop_assert_eq!(&out[..4], &[255, 250, 44, command + 100]);
                prop_assert_eq!(&out[out.len() - 2..], &[255, 240]);
            }
        }
    }
}
