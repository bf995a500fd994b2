//! Words, strings and signs of a script, each with its place (SCRIPT.DOC, sections 3 to 6).
//!
//! A script is bytes: what a string holds goes to the line as it is, whatever code page it was written in.

use std::fmt;

/// The largest script that is read, bytes.
pub const LONGEST_SCRIPT: usize = 256 * 1024;

/// Where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// What makes a script unusable, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What, in words.
    pub text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// One sign of two characters or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The signs themselves.
pub enum Sign {
    Assign,
    Equal,
    NotEqual,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Plus,
    Minus,
    Star,
    Slash,
    Not,
    Open,
    Close,
    Comma,
    Colon,
}

impl Sign {
    /// As it is written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Sign::Assign => "=",
            Sign::Equal => "==",
            Sign::NotEqual => "!=",
            Sign::Less => "<",
            Sign::Greater => ">",
            Sign::LessEqual => "<=",
            Sign::GreaterEqual => ">=",
            Sign::Plus => "+",
            Sign::Minus => "-",
            Sign::Star => "*",
            Sign::Slash => "/",
            Sign::Not => "!",
            Sign::Open => "(",
            Sign::Close => ")",
            Sign::Comma => ",",
            Sign::Colon => ":",
        }
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a reserved word, as written.
    Word(String),
    /// `$NAME`, without the dollar.
    System(String),
    /// A number.
    Number(i32),
    /// A string: what stands between the quotes, escapes as written.
    Text(Vec<u8>),
    /// A sign.
    Sign(Sign),
    /// The end of the script.
    End,
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it begins.
    pub place: Place,
}

/// All tokens of a script; the last is [`Kind::End`].
///
/// # Errors
/// The first thing that is no token: an open string, a number too large, a character that has no place here.
pub fn tokens(script: &[u8]) -> Result<Vec<Token>, Fault> {
    if script.len() > LONGEST_SCRIPT {
        return Err(Fault {
            place: Place { line: 1, column: 1 },
            text: format!("longer than {LONGEST_SCRIPT} bytes"),
        });
    }
    let mut lexer = Lexer { rest: script, place: Place { line: 1, column: 1 } };
    // An editor's byte order mark is nobody's mistake.
    if let Some(rest) = script.strip_prefix(b"\xef\xbb\xbf") {
        lexer.rest = rest;
    }
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let end = token.kind == Kind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    rest: &'a [u8],
    place: Place,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        match byte {
            b'\n' => self.place = Place { line: self.place.line.saturating_add(1), column: 1 },
            // The tail of a UTF-8 character is no column of its own.
            0x80..=0xbf => {}
            _ => self.place.column = self.place.column.saturating_add(1),
        }
        Some(byte)
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) -> Vec<u8> {
        let mut taken = Vec::new();
        while let Some(byte) = self.peek().filter(|&b| wanted(b)) {
            self.take();
            taken.push(byte);
        }
        taken
    }

    fn skip(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0c => drop(self.take()),
                b';' => drop(self.take_while(|b| b != b'\n')),
                // DOS editors mark the end of a file; nothing behind it counts.
                0x1a => self.rest = &[],
                _ => return,
            }
        }
    }

    fn next(&mut self) -> Result<Token, Fault> {
        self.skip();
        let place = self.place;
        let fault = |text: String| Fault { place, text };
        let Some(first) = self.peek() else { return Ok(Token { kind: Kind::End, place }) };
        let kind = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => Kind::Word(self.word()),
            b'0'..=b'9' => {
                let digits = self.take_while(|b| b.is_ascii_digit());
                let number = digits
                    .iter()
                    .try_fold(0i32, |n, d| n.checked_mul(10)?.checked_add(i32::from(d - b'0')))
                    .ok_or_else(|| fault("this number is larger than 2147483647".into()))?;
                if self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
                    return Err(fault("a name begins with a letter or an underscore, not a digit".into()));
                }
                Kind::Number(number)
            }
            b'$' => {
                self.take();
                if !self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
                    return Err(fault(
                        "a name must follow the dollar sign: $USERID, $PASSWORD, $SUCCESS, $FAILURE".into(),
                    ));
                }
                Kind::System(self.word())
            }
            b'"' => Kind::Text(self.string()?),
            _ => Kind::Sign(self.sign()?),
        };
        Ok(Token { kind, place })
    }

    fn word(&mut self) -> String {
        let bytes = self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn string(&mut self) -> Result<Vec<u8>, Fault> {
        let place = self.place;
        self.take();
        let mut text = Vec::new();
        loop {
            match self.peek() {
                None | Some(b'\n' | b'\r') => {
                    return Err(Fault { place, text: "this string is not closed on its line".into() });
                }
                Some(b'"') => {
                    self.take();
                    return Ok(text);
                }
                Some(byte) => {
                    self.take();
                    text.push(byte);
                    // A backslash keeps the next character from ending the string.
                    if byte == b'\\' {
                        if let Some(next) = self.peek().filter(|b| !matches!(b, b'\n' | b'\r')) {
                            self.take();
                            text.push(next);
                        }
                    }
                }
            }
        }
    }

    fn sign(&mut self) -> Result<Sign, Fault> {
        let place = self.place;
        for (text, sign) in [
            ("==", Sign::Equal),
            ("!=", Sign::NotEqual),
            ("<=", Sign::LessEqual),
            (">=", Sign::GreaterEqual),
            ("=", Sign::Assign),
            ("!", Sign::Not),
            ("<", Sign::Less),
            (">", Sign::Greater),
            ("+", Sign::Plus),
            ("-", Sign::Minus),
            ("*", Sign::Star),
            ("/", Sign::Slash),
            ("(", Sign::Open),
            (")", Sign::Close),
            (",", Sign::Comma),
            (":", Sign::Colon),
        ] {
            if self.rest.starts_with(text.as_bytes()) {
                for _ in 0..text.len() {
                    self.take();
                }
                return Ok(sign);
            }
        }
        Err(Fault { place, text: stranger(self.rest) })
    }
}

/// Says what a character is that has no place in a script. Most come from web pages and word processors.
fn stranger(rest: &[u8]) -> String {
    // UTF-8 and the Windows code page, side by side.
    let known: [(&[u8], &str); 14] = [
        (b"\xe2\x80\x9c", "a typographic quote: write \""),
        (b"\xe2\x80\x9d", "a typographic quote: write \""),
        (b"\xe2\x80\x9e", "a typographic quote: write \""),
        (b"\xc2\xab", "a typographic quote: write \""),
        (b"\xc2\xbb", "a typographic quote: write \""),
        (b"\xe2\x88\x92", "a typographic minus: write -"),
        (b"\xe2\x80\x93", "a typographic dash: write -"),
        (b"\xc2\xb7", "a bullet of the page the script was copied from: take it out"),
        (b"\xe2\x80\xa2", "a bullet of the page the script was copied from: take it out"),
        (b"\xc2\xa0", "a no-break space: write a blank"),
        (b"\x93", "a typographic quote: write \""),
        (b"\x94", "a typographic quote: write \""),
        (b"\xff\xfe", "UTF-16: save the script as plain text"),
        (b"\xfe\xff", "UTF-16: save the script as plain text"),
    ];
    if let Some((_, text)) = known.iter().find(|(bytes, _)| rest.starts_with(bytes)) {
        return format!("this is {text}");
    }
    match rest.first() {
        Some(b'\'') => "strings stand in double quotes, not single ones".into(),
        Some(b'#') => "a comment begins with a semicolon".into(),
        Some(b'%') => {
            "there is no % here; the operators are * / + - < > <= >= == != and or ! ".trim_end().into()
        }
        Some(&byte) if (0x21..0x7f).contains(&byte) => {
            format!("`{}` has no meaning here", char::from(byte))
        }
        Some(byte) => format!("byte 0x{byte:02x} has no meaning outside a string"),
        None => "the script ends here".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(script: &[u8]) -> Vec<Kind> {
        tokens(script).unwrap().into_iter().map(|t| t.kind).collect()
    }

    #[test]
    fn tokens_have_places() {
        let all = tokens(b"proc main ; x\r\n  \"a\xc3\xa9\" x=$userid+12:").unwrap();
        let seen: Vec<String> = all.iter().map(|t| t.place.to_string()).collect();
        assert_eq!(seen, ["1:1", "1:6", "2:3", "2:8", "2:9", "2:10", "2:17", "2:18", "2:20", "2:21"]);
        assert_eq!(all[2].kind, Kind::Text(b"a\xc3\xa9".to_vec()));
        assert_eq!(all[5].kind, Kind::System("userid".into()));
    }

    #[test]
    fn a_backslash_keeps_a_quote_in_the_string() {
        assert_eq!(kinds(br#""a\"b\\""#), [Kind::Text(br#"a\"b\\"#.to_vec()), Kind::End]);
        assert!(tokens(b"\"a\\").is_err());
        assert!(tokens(b"\"a\nb\"").is_err());
    }

    #[test]
    fn strangers_are_named() {
        let says = |script: &[u8]| tokens(script).unwrap_err().to_string();
        assert_eq!(says("waitfor “ogin”".as_bytes()), "1:9: this is a typographic quote: write \"");
        assert!(says("· proc main".as_bytes()).contains("bullet"));
        assert!(says(b"\n 99999999999").starts_with("2:2: "));
        assert!(says(b"'x'").contains("double quotes"));
        assert!(says(b"$ x").contains("$USERID"));
        assert!(says(b"1st:").contains("digit"));
    }

    #[test]
    fn dos_files_end_at_their_mark() {
        assert_eq!(kinds(b"\xef\xbb\xbfhalt\r\n\x1a junk %"), [Kind::Word("halt".into()), Kind::End]);
    }
}
