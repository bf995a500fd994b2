//! Reading a rule file: lines, fields, words.

/// The library's buffer: a line (with its continuations and its end) must be shorter.
const MOST_LINE: usize = 2048;

/// One rule: who may use what, and what is to happen then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it begins, from 1.
    pub line: usize,
    /// Words of the first field.
    pub daemons: Vec<String>,
    /// Words of the second field.
    pub clients: Vec<String>,
    /// The fields after it, as they stand.
    pub options: Vec<String>,
}

/// Something in a file that its author will not have meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// The last line has no end.
    NoEnd,
    /// A line is too long.
    TooLong,
    /// A line has no colon and is no rule.
    NoColon,
}

/// A rule file.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rules {
    /// The rules in their order.
    pub rules: Vec<Rule>,
    /// Lines that are no rules, from 1, and why.
    pub oddities: Vec<(usize, Oddity)>,
    /// The line at which the library gives up reading: without end or too long.
    pub broken_at: Option<usize>,
}

impl Rules {
    /// Reads a file's text. A missing file is an empty one.
    #[must_use]
    pub fn read(text: &[u8]) -> Rules {
        let mut rules = Rules::default();
        let mut logical = Vec::new();
        let (mut start, mut open) = (1, false);
        for (number, piece) in text.split_inclusive(|b| *b == b'\n').enumerate() {
            if !open {
                start = number + 1;
            }
            // Text behind a NUL is not seen, the line's end included.
            let piece = piece.split(|b| *b == 0).next().unwrap_or(piece);
            logical.extend_from_slice(piece);
            if logical.len() >= MOST_LINE {
                rules.give_up(start, Oddity::TooLong);
                return rules;
            }
            open = !piece.ends_with(b"\n");
            if piece.ends_with(b"\\\n") {
                logical.truncate(logical.len() - 2);
                open = true;
            }
            if !open {
                logical.pop();
                rules.take(start, &logical);
                logical.clear();
            }
        }
        if !logical.is_empty() {
            rules.give_up(start, Oddity::NoEnd);
        }
        rules
    }

    fn give_up(&mut self, line: usize, why: Oddity) {
        self.oddities.push((line, why));
        self.broken_at = Some(line);
    }

    fn take(&mut self, line: usize, text: &[u8]) {
        if text.first() == Some(&b'#') || text.iter().all(|b| is_blank(*b)) {
            return;
        }
        let text = String::from_utf8_lossy(text);
        let Some((daemons, rest)) = split_field(&text) else {
            self.oddities.push((line, Oddity::NoColon));
            return;
        };
        let (clients, rest) = split_field(rest).map_or((rest, None), |(clients, rest)| (clients, Some(rest)));
        let options = rest.map_or_else(Vec::new, split_options);
        self.rules.push(Rule { line, daemons: words(daemons), clients: words(clients), options });
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn words(field: &str) -> Vec<String> {
    field
        .split(|c: char| c == ',' || u8::try_from(c).is_ok_and(is_blank))
        .filter(|word| !word.is_empty())
        .map(str::to_string)
        .collect()
}

/// Cuts at the first colon that stands in no brackets; they may nest, and need not close.
fn split_field(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// Cuts at every colon that has no backslash before it; such a backslash goes.
fn split_options(text: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, fields.last_mut()) {
            (':', _) => fields.push(String::new()),
            ('\\', Some(field)) if chars.peek() == Some(&':') => {
                chars.next();
                field.push(':');
            }
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_oddities() {
        let text = b"# c\n\nmodemd, foo : 10. , [::1]/128 : allow\nno colon\na: b \\\n c\nlast: 1";
        let rules = Rules::read(text);
        assert_eq!(rules.oddities, [(4, Oddity::NoColon), (7, Oddity::NoEnd)]);
        let seen: Vec<_> = rules
            .rules
            .iter()
            .map(|r| (r.line, r.daemons.join("+"), r.clients.join("+"), r.options.join("+")))
            .collect();
        let row = |l, d: &str, c: &str, o: &str| (l, d.to_string(), c.to_string(), o.to_string());
        assert_eq!(seen, [row(3, "modemd+foo", "10.+[::1]/128", " allow"), row(5, "a", "b+c", "")]);
    }

    #[test]
    fn the_buffer_of_the_library_is_2048_bytes() {
        for (length, seen) in [(2047, 2), (2048, 0)] {
            let mut text = b"a: ".to_vec();
            text.resize(length - 1, b'x');
            text.extend_from_slice(b"\nb: c\n");
            let rules = Rules::read(&text);
            assert_eq!(rules.rules.len(), seen, "{length}");
            assert_eq!(rules.broken_at, (seen == 0).then_some(1));
        }
    }

    #[test]
    fn option_fields() {
        assert_eq!(split_options("spawn a\\: b : allow"), ["spawn a: b ", " allow"]);
        assert_eq!(split_options(""), [""]);
    }
}
