//! The user's side of a line, to order: what was typed for it, and what it heard.

use memchr::memmem;

/// Heard data that is kept; older data is forgotten.
const KEPT: usize = 64 * 1024;
/// Typed data that may wait.
const TYPED: usize = 256 * 1024;

/// What a far end has typed and heard.
#[derive(Debug, Default)]
pub struct Far {
    typed: Vec<u8>,
    heard: Vec<u8>,
    /// Up to here an `expect` has looked with success.
    seen: usize,
}

impl Far {
    /// Types; `false` if too much is waiting already.
    pub fn type_in(&mut self, bytes: &[u8]) -> bool {
        let fits = self.typed.len() + bytes.len() <= TYPED;
        if fits {
            self.typed.extend(bytes);
        }
        fits
    }

    /// Whether something typed waits.
    pub fn has_typed(&self) -> bool {
        !self.typed.is_empty()
    }

    /// Takes typed bytes out.
    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        let n = self.typed.len().min(buffer.len());
        buffer[..n].copy_from_slice(&self.typed[..n]);
        self.typed.drain(..n);
        if self.typed.is_empty() {
            self.typed = Vec::new();
        }
        n
    }

    /// Hears data.
    pub fn hear(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(KEPT)..];
        let over = (self.heard.len() + bytes.len()).saturating_sub(KEPT);
        self.heard.drain(..over);
        self.seen = self.seen.saturating_sub(over);
        self.heard.extend(bytes);
    }

    /// Whether `text` has been heard since the last success; if so, the place moves behind it.
    pub fn expect(&mut self, text: &[u8]) -> bool {
        let Some(at) = memmem::find(&self.heard[self.seen..], text) else { return false };
        self.seen += at + text.len();
        true
    }

    /// What was heard and not yet expected; the place moves to its end.
    pub fn heard(&mut self) -> Vec<u8> {
        let new = self.heard[self.seen..].to_vec();
        self.seen = self.heard.len();
        new
    }

    /// A call ends: what was typed and has not gone out is gone.
    pub fn forget_typed(&mut self) {
        self.typed = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::Far;

    #[test]
    fn expecting_moves_on() {
        let mut far = Far::default();
        far.hear(b"login: ");
        assert!(far.expect(b"ogin:"));
        assert!(!far.expect(b"ogin:"));
        far.hear(b"Passw");
        assert!(!far.expect(b"Password:"));
        far.hear(b"ord: ");
        assert!(far.expect(b"Password:"));
        assert_eq!(far.heard(), b" ");
    }

    #[test]
    fn little_is_kept_of_much() {
        let mut far = Far::default();
        for _ in 0..1000 {
            far.hear(&[b'x'; 1000]);
        }
        far.hear(b"end");
        assert!(far.heard.len() <= super::KEPT);
        assert!(far.expect(b"xxend"));
    }

    #[test]
    fn typed_bytes_come_out_in_order() {
        let mut far = Far::default();
        assert!(far.type_in(b"hello"));
        let mut buffer = [0; 3];
        assert_eq!((far.take(&mut buffer), &buffer), (3, b"hel"));
        assert_eq!((far.take(&mut buffer), &buffer[..2]), (2, &b"lo"[..]));
        assert!(!far.has_typed());
        assert!(!far.type_in(&vec![0; 1 << 20]));
    }
}
