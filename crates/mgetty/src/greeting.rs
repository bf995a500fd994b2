//! What a caller is shown: issue text and prompt, with their escapes (spec section 8).

use ttyline::sys::clock::Local;

/// Longest line after expansion, bytes: what strangers' values may blow it up to.
const LINE_MAX: usize = 4096;

/// What the escapes stand for.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `@`: the machine's node name.
    pub node: String,
    /// `\s`
    pub system: String,
    /// `\m`
    pub machine: String,
    /// `\R`
    pub release: String,
    /// `\V`
    pub version: String,
    /// `\P`, `\L`
    pub device: String,
    /// `\Y`: caller's number.
    pub caller: String,
    /// `\I`: CONNECT text.
    pub connect: String,
    /// `\S`: bit/s.
    pub speed: u32,
    /// `\N`, `\U`: users logged in.
    pub users: usize,
    /// `\C`, `\D`, `\T`
    pub time: Option<Local>,
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Expands `@` and the backslash escapes of one line.
pub fn expand(template: &[u8], facts: &Facts) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), template);
    while let [byte, behind @ ..] = rest {
        rest = behind;
        match byte {
            b'@' => out.extend_from_slice(facts.node.as_bytes()),
            b'\\' => match rest {
                [letter, behind @ ..] if !letter.is_ascii_digit() => {
                    rest = behind;
                    escape(*letter, facts, &mut out);
                }
                [] => out.push(b'\\'),
                digits => {
                    let (code, used) = character_code(digits);
                    out.push(code);
                    rest = digits.get(used..).unwrap_or(&[]);
                }
            },
            other => out.push(*other),
        }
        if out.len() > LINE_MAX {
            out.truncate(LINE_MAX);
            break;
        }
    }
    out
}

fn escape(letter: u8, facts: &Facts, out: &mut Vec<u8>) {
    let time = facts.time.as_ref();
    let text = match letter {
        b'n' => return out.push(b'\n'),
        b'r' => return out.push(b'\r'),
        b't' => return out.push(b'\t'),
        b'f' => return out.push(0x0c),
        b'b' => return out.push(0x08),
        b'g' => return out.push(0x07),
        b'v' => return out.push(0x0b),
        b's' => facts.system.clone(),
        b'm' => facts.machine.clone(),
        b'R' => facts.release.clone(),
        b'V' => facts.version.clone(),
        b'P' | b'L' => facts.device.clone(),
        b'Y' => facts.caller.clone(),
        b'I' => facts.connect.clone(),
        b'N' | b'U' => facts.users.to_string(),
        b'S' => facts.speed.to_string(),
        b'C' => time.map(ctime).unwrap_or_default(),
        b'D' => time.map(|t| format!("{}/{}/{}", t.month, t.day, t.year)).unwrap_or_default(),
        b'T' => time.map(clock).unwrap_or_default(),
        other => return out.push(other),
    };
    out.extend_from_slice(text.as_bytes());
}

fn clock(t: &Local) -> String {
    format!("{:02}:{:02}:{:02}", t.hour, t.minute, t.second)
}

/// As ctime(3), without its newline.
pub(crate) fn ctime(t: &Local) -> String {
    let day = DAYS.get(t.weekday as usize).copied().unwrap_or("???");
    let month = MONTHS.get((t.month as usize).wrapping_sub(1)).copied().unwrap_or("???");
    format!("{day} {month} {:2} {} {}", t.day, clock(t), t.year)
}

/// A character's code as strtol(3) reads it with base 0, and how many bytes that took.
fn character_code(text: &[u8]) -> (u8, usize) {
    let (base, start) = match text {
        [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit() => (16, 2),
        [b'0', ..] => (8, 1),
        _ => (10, 0),
    };
    let digits: Vec<u32> = text.iter().skip(start).map_while(|&b| char::from(b).to_digit(base)).collect();
    let value = digits.iter().fold(0_u32, |n, digit| n.wrapping_mul(base).wrapping_add(*digit));
    (value.to_le_bytes()[0], start + digits.len())
}

/// The whole issue: each line expanded and followed by `\r`, its own newline sent as it is.
pub fn issue_file(text: &[u8], facts: &Facts) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split_inclusive(|&b| b == b'\n') {
        out.append(&mut expand(line, facts));
        out.push(b'\r');
    }
    out
}

/// An issue that is the text itself, not a file's name.
pub fn issue_text(text: &[u8], facts: &Facts) -> Vec<u8> {
    let mut out = expand(text, facts);
    out.extend_from_slice(b"\r\n");
    out
}

/// What asks FIDO mailers to show themselves.
pub const EMSI_REQUEST: &[u8] = b"**EMSI_REQA77E\r\x11              \r";

/// The prompt, with the EMSI request before it if `fido`.
pub fn prompt(template: &[u8], facts: &Facts, fido: bool) -> Vec<u8> {
    let mut out = if fido { EMSI_REQUEST.to_vec() } else { Vec::new() };
    out.extend_from_slice(b"\r\n");
    out.append(&mut expand(template, facts));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn facts() -> Facts {
        Facts {
            node: "host".into(),
            system: "Linux".into(),
            machine: "x86_64".into(),
            release: "6.1".into(),
            version: "#1".into(),
            device: "ttyS1".into(),
            caller: "5551234".into(),
            connect: "33600".into(),
            speed: 38400,
            users: 3,
            time: Some(Local {
                year: 2026,
                month: 11,
                day: 2,
                hour: 7,
                minute: 8,
                second: 9,
                weekday: 1,
                offset: 0,
            }),
        }
    }

    fn expanded(text: &str) -> String {
        String::from_utf8_lossy(&expand(text.as_bytes(), &facts())).into_owned()
    }

    #[test]
    fn each_escape() {
        for (template, text) in [
            ("@!login: ", "host!login: "),
            (r"\@", "@"),
            (r"\n\r\t\f\b\g\v", "\n\r\t\x0c\x08\x07\x0b"),
            (r"\s \m \R \V", "Linux x86_64 6.1 #1"),
            (r"\P \L \Y \I", "ttyS1 ttyS1 5551234 33600"),
            (r"\N \U \S", "3 3 38400"),
            (r"\C", "Mon Nov  2 07:08:09 2026"),
            (r"\D \T", "11/2/2026 07:08:09"),
            (r"\0101\65\0x41\0", "AAA\0"),
            (r"\l\o\d\\", r"lod\"),
            ("\\", "\\"),
        ] {
            assert_eq!(expanded(template), text, "{template}");
        }
    }

    #[test]
    fn lines_end_as_the_original_ends_them() {
        assert_eq!(issue_file(b"a\nb", &facts()), b"a\n\rb\r");
        assert_eq!(issue_text(b"hi", &facts()), b"hi\r\n");
        assert_eq!(prompt(b"@ login: ", &facts(), false), b"\r\nhost login: ");
        assert_eq!(prompt(b"x", &facts(), true), b"**EMSI_REQA77E\r\x11              \r\r\nx");
    }

    proptest! {
        #[test]
        fn any_template_expands_to_something_bounded(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
            prop_assert!(expand(&text, &facts()).len() <= LINE_MAX);
            let _ = issue_file(&text, &facts());
        }
    }
}
