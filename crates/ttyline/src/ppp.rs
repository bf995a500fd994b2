//! Recognises an incoming PPP frame.
//!
//! A peer that starts PPP opens with an LCP configure request: flag, address, control, protocol
//! `c021`, each octet but the flag possibly escaped (RFC 1662, 4.2). The accepted forms are those
//! of mgetty's AutoPPP (spec section 9); a frame with compressed address and control octets is
//! not one, as no peer may use the compression before it has negotiated it.
//!
//! Octets that may belong to a frame are held back until they prove to be or not to be one, so
//! that a name reader neither echoes a frame's head into the peer's PPP nor takes `03` for ^C.

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;
/// Longest head that is held: flag and four octets, all escaped, and some room for `7d 5d`.
const HELD_MAX: usize = 16;

/// Looks for the head of an LCP frame in a stream of octets.
#[derive(Debug, Clone, Default)]
pub struct Detector {
    /// Octets of the head recognised so far, 0–4.
    level: u8,
    escaped: bool,
    held: Vec<u8>,
}

impl Detector {
    /// Nothing seen yet.
    pub fn new() -> Detector {
        Detector::default()
    }

    /// Takes one octet; true if it completes a frame's head, which [`Detector::head`] then gives.
    /// Octets that are now known to be no part of a frame are appended to `text`, in order.
    pub fn feed(&mut self, octet: u8, text: &mut Vec<u8>) -> bool {
        let value = if self.escaped { octet ^ 0x20 } else { octet };
        self.escaped = false;
        match (value, self.level) {
            (ESCAPE, _) => self.escaped = true,
            (FLAG, _) => {
                text.append(&mut self.held);
                self.level = 1;
            }
            (0xff, 1) => self.level = 2,
            (0x03, 2) => self.level = 3,
            (0xc0, 3) => self.level = 4,
            (0x21, 4) => {
                self.held.push(octet);
                self.level = 0;
                return true;
            }
            _ => self.level = 0,
        }
        self.held.push(octet);
        if self.level == 0 && !self.escaped || self.held.len() > HELD_MAX {
            // An escape outside a frame is held for one octet more: the next one decides.
            self.level = 0;
            self.escaped = false;
            text.append(&mut self.held);
        }
        false
    }

    /// The head that made [`Detector::feed`] say true, from its flag on; empties it.
    pub fn head(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// What is held back and may yet become a frame.
    pub fn held(&self) -> &[u8] {
        &self.held
    }

    /// Gives up what is held: it was text after all.
    pub fn release(&mut self) -> Vec<u8> {
        self.level = 0;
        self.escaped = false;
        std::mem::take(&mut self.held)
    }
}

/// For the fuzzer: any octets; no state may grow without bound, no octet may be lost or doubled.
pub fn fuzz(data: &[u8]) {
    let (mut detector, mut text) = (Detector::new(), Vec::new());
    for (count, &octet) in data.iter().enumerate() {
        let hit = detector.feed(octet, &mut text);
        assert!(detector.held().len() <= HELD_MAX + 1);
        assert_eq!(text.len() + detector.held().len(), count + 1);
        if hit {
            text.append(&mut detector.head());
        }
    }
    text.append(&mut detector.release());
    assert_eq!(text, data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hit(octets: &[u8]) -> Option<(usize, Vec<u8>)> {
        let (mut detector, mut text) = (Detector::new(), Vec::new());
        for (at, &octet) in octets.iter().enumerate() {
            if detector.feed(octet, &mut text) {
                return Some((at + 1, detector.head()));
            }
        }
        None
    }

    #[test]
    fn every_accepted_form_is_a_frame() {
        for form in [
            &b"\x7e\xff\x03\xc0\x21"[..],
            b"\x7e\xff\x7d\x23\xc0\x21",
            b"\x7e\x7d\xdf\x7d\x23\xc0\x21",
            b"\x7e\x7d\xdf\x7d\x23\x7d\xe0\x7d\x01",
        ] {
            assert_eq!(hit(form), Some((form.len(), form.to_vec())));
            let doubled = [b"\x7e", form].concat();
            assert_eq!(hit(&doubled), Some((doubled.len(), form.to_vec())));
            let after_text = [b"login: \xff\x03~\r\n", form, b"rest"].concat();
            assert_eq!(hit(&after_text), Some((after_text.len() - 4, form.to_vec())));
        }
    }

    #[test]
    fn what_is_no_frame_is_none() {
        for form in [
            &b"\xff\x03\xc0\x21"[..],
            b"\x7e\xff\x03\x00\xc0\x21",
            b"\x7e\xff\x41\x03\xc0\x21",
            b"\x7e\xc0\x21",
            b"\x7e\xff\x03\xc0\x23",
            b"\x7e\xff\x03",
        ] {
            assert_eq!(hit(form), None, "{form:02x?}");
        }
    }

    #[test]
    fn a_tilde_in_a_name_comes_out_with_the_next_letter() {
        let (mut detector, mut text) = (Detector::new(), Vec::new());
        for &octet in b"a~b" {
            assert!(!detector.feed(octet, &mut text));
            if octet == b'~' {
                assert_eq!(text, b"a");
            }
        }
        assert_eq!(text, b"a~b");
    }

    proptest! {
        #[test]
        fn no_octet_is_lost(data in proptest::collection::vec(
            prop_oneof![any::<u8>(), proptest::sample::select(b"\x7e\x7d\xff\x03\xc0\x21\x5d\x5e\xdf\x23".to_vec())], 0..200)) {
            fuzz(&data);
        }

        #[test]
        fn a_frame_is_found_after_anything(noise in proptest::collection::vec(any::<u8>(), 0..50)) {
            let mut data = noise;
            // An escape just before would change the flag, as it does on the wire.
            data.push(b'x');
            data.extend_from_slice(b"\x7e\xff\x7d\x23\xc0\x21");
            prop_assert!(hit(&data).is_some());
        }
    }
}
