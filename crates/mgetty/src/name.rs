//! Reads a login name, byte by byte (spec section 8): editing, control characters, FIDO.

use ttyline::settings::LineEnd;

/// Longest name.
pub const NAME_MAX: usize = 1024;

/// What the reader wants done after a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing more.
    More,
    /// The name is complete; CR ended it, or LF.
    Name(LineEnd),
    /// An empty name: the whole greeting again.
    Greeting,
    /// ^U or ^C: only the prompt again.
    Prompt,
    /// ^D or ^\: no login.
    Quit,
    /// A FIDO mailer: the name, beginning with `\xff`.
    Fido(Vec<u8>),
    /// `EMSI_CLI`: the prompt again, and no EMSI request any more.
    EmsiClient,
}

/// How the packets of FIDO mailers begin.
const EMSI: &[u8] = b"**EMSI_";

/// A name that is being typed.
#[derive(Debug, Clone, Default)]
pub struct NameReader {
    name: Vec<u8>,
    erase: u8,
    fido: bool,
    /// [`EMSI`] has come: the rest of the packet is read without echo.
    emsi: bool,
}

impl NameReader {
    /// Nothing typed. `erase` is the tty's own erase character; FIDO mailers are looked for if `fido`.
    pub fn new(erase: u8, fido: bool) -> NameReader {
        NameReader { name: Vec::new(), erase, fido, emsi: false }
    }

    /// What has been typed.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Takes a byte; what is to be echoed is appended to `echo`.
    pub fn feed(&mut self, byte: u8, echo: &mut Vec<u8>) -> Step {
        if self.emsi {
            return self.emsi(byte & 0x7f, echo);
        }
        match byte {
            0xae if self.fido => return fido(b"tsync", b"\r\n", echo),
            0xf1 if self.fido => return fido(b"yoohoo", b"\r\n", echo),
            _ => {}
        }
        let byte = byte & 0x7f;
        match byte {
            0x00 | 0x01 | 0x11 | 0x13 | 0x1b => Step::More,
            b'\r' | b'\n' => self.end(byte, echo),
            0x7f | 0x08 => self.rub_out(echo),
            _ if byte == self.erase => self.rub_out(echo),
            0x15 | 0x03 => {
                self.name.clear();
                Step::Prompt
            }
            0x04 if self.name.is_empty() => Step::Quit,
            0x04 => Step::More,
            0x1c => Step::Quit,
            // No name may begin like an option of the login program.
            b' ' | b'-' if self.name.is_empty() => {
                echo.extend_from_slice(&[byte, 8, b' ', 8]);
                Step::More
            }
            _ if self.name.len() >= NAME_MAX => {
                echo.extend_from_slice(&[byte, 8, b' ', 8]);
                Step::More
            }
            _ => {
                echo.push(byte);
                self.name.push(byte);
                if self.fido && self.name.ends_with(EMSI) {
                    self.name = EMSI.to_vec();
                    self.emsi = true;
                }
                Step::More
            }
        }
    }

    fn end(&mut self, byte: u8, echo: &mut Vec<u8>) -> Step {
        let (end, other) = if byte == b'\r' { (LineEnd::Cr, b'\n') } else { (LineEnd::Lf, b'\r') };
        echo.extend_from_slice(&[byte, other]);
        if self.name.is_empty() { Step::Greeting } else { Step::Name(end) }
    }

    fn rub_out(&mut self, echo: &mut Vec<u8>) -> Step {
        if self.name.pop().is_some() {
            echo.extend_from_slice(&[8, b' ', 8]);
        }
        Step::More
    }

    /// A packet up to its line end; `INQC816` needs none.
    fn emsi(&mut self, byte: u8, echo: &mut Vec<u8>) -> Step {
        let ends = byte == b'\r' || byte == b'\n';
        if !ends && byte >= b' ' && self.name.len() < NAME_MAX {
            self.name.push(byte);
        }
        if !ends && self.name != b"**EMSI_INQC816" {
            return Step::More;
        }
        self.emsi = false;
        let packet = std::mem::take(&mut self.name);
        if packet.starts_with(b"**EMSI_CLI") { Step::EmsiClient } else { fido(&packet, b"\n", echo) }
    }
}

/// A mailer is known by this name, and gets what the original writes then.
fn fido(name: &[u8], line_end: &[u8], echo: &mut Vec<u8>) -> Step {
    echo.extend_from_slice(line_end);
    Step::Fido([b"\xff", name].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(bytes: &[u8]) -> (Step, Vec<u8>, String) {
        let (mut reader, mut echo, mut step) = (NameReader::new(0x7f, true), Vec::new(), Step::More);
        for &byte in bytes {
            step = reader.feed(byte, &mut echo);
            if step != Step::More {
                break;
            }
        }
        (step, reader.name().to_vec(), String::from_utf8_lossy(&echo).into_owned())
    }

    #[test]
    fn each_row_of_the_table() {
        let name = |bytes: &[u8]| typed(bytes).1;
        assert_eq!(typed(b"joe\r"), (Step::Name(LineEnd::Cr), b"joe".to_vec(), "joe\r\n".into()));
        assert_eq!(typed(b"joe\n"), (Step::Name(LineEnd::Lf), b"joe".to_vec(), "joe\n\r".into()));
        assert_eq!(name(b"\0\x01\x11\x13j\0o\x13e"), b"joe");
        assert_eq!(typed(b"jx\x7foe").2, "jx\x08 \x08oe");
        assert_eq!(name(b"jx\x08oe"), b"joe");
        assert_eq!(typed(b"\x7f\x08").2, "");
        assert_eq!(typed(b"joe\x15").0, Step::Prompt);
        assert_eq!(typed(b"joe\x03").0, Step::Prompt);
        assert_eq!(typed(b"\x04").0, Step::Quit);
        assert_eq!(name(b"j\x04oe"), b"joe");
        assert_eq!(typed(b"j\x1c").0, Step::Quit);
        assert_eq!(name(b"j\x1b[A"), b"j[A");
        assert_eq!(typed(b" -froot"), (Step::More, b"froot".to_vec(), " \x08 \x08-\x08 \x08froot".into()));
        assert_eq!(name(b"j-x y"), b"j-x y");
        assert_eq!(name(b"j\xefe"), b"joe");
        assert_eq!(typed(b"\r").0, Step::Greeting);
    }

    #[test]
    fn a_long_name_is_cut() {
        assert_eq!(typed(&[b'x'; 100_000]).1.len(), NAME_MAX);
    }

    #[test]
    fn mailers_are_recognised() {
        assert_eq!(typed(b"\xae").0, Step::Fido(b"\xfftsync".to_vec()));
        assert_eq!(typed(b"\xf1").0, Step::Fido(b"\xffyoohoo".to_vec()));
        assert_eq!(typed(b"**EMSI_INQC816").0, Step::Fido(b"\xff**EMSI_INQC816".to_vec()));
        assert_eq!(typed(b"**EMSI_CLIFA8C\r").0, Step::EmsiClient);
        let packet = Step::Fido(b"\xff**EMSI_HBTx".to_vec());
        assert_eq!(typed(b"jo**EMSI_HBTx\r"), (packet, Vec::new(), "jo**EMSI_\n".into()));
        assert_eq!(typed(&[b"**EMSI_", &[b'x'; 5000][..]].concat()).1.len(), NAME_MAX);
        assert_eq!(NameReader::new(0x7f, false).feed(0xae, &mut Vec::new()), Step::More);
    }

    proptest! {
        #[test]
        fn no_name_is_too_long_or_begins_like_an_option(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let (mut reader, mut echo) = (NameReader::new(8, true), Vec::new());
            for byte in data {
                let _ = reader.feed(byte, &mut echo);
                prop_assert!(reader.name().len() <= NAME_MAX);
                prop_assert!(!reader.name().starts_with(b"-") && !reader.name().starts_with(b" "));
                prop_assert!(reader.name().iter().all(|&b| b < 0x80 && b != 0 && b != 0x1b));
            }
        }
    }
}
