//! Awaits many strings at once in a stream of bytes, without ever asking for a byte too many.
//!
//! An Aho-Corasick automaton over the classes of bytes that occur in the strings. Beside each
//! state stands the least number of further bytes that could complete a string: so many may be
//! read at once, and the last byte read is then the first that can end one (chat.md section 16).

/// All values of a byte.
const ALPHABET: usize = 256;
/// No string ends in this state.
const NONE: u16 = u16::MAX;

/// Awaits a list of strings; the earlier in the list wins when two end at the same byte.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// Class of each byte; 0 stands for all bytes that are in no string.
    class: [u8; ALPHABET],
    classes: usize,
    /// The next state, `classes` entries for each state.
    next: Vec<u16>,
    /// The first string that ends in a state, or [`NONE`].
    hit: Vec<u16>,
    /// The least number of further bytes that can end a string.
    need: Vec<u16>,
    state: u16,
}

impl Matcher {
    /// A matcher for chat, at its start: bytes are compared after the eighth bit has been taken off, as the
    /// line does. A string with a byte above 0x7F can never match and is left out; an empty string matches
    /// at every byte. At most 65,000 bytes of strings in all.
    pub fn new<'a>(strings: impl IntoIterator<Item = &'a [u8]> + Clone) -> Matcher {
        let mut matcher = Matcher::build(strings, <[u8]>::is_ascii, |byte| byte);
        matcher.class.copy_within(..128, 128);
        matcher
    }

    /// A matcher that compares all eight bits; with `fold`, upper and lower case of ASCII letters are the
    /// same. An empty string matches at every byte. At most 65,000 bytes of strings in all.
    pub fn eight_bit<'a>(strings: impl IntoIterator<Item = &'a [u8]> + Clone, fold: bool) -> Matcher {
        if !fold {
            return Matcher::build(strings, |_| true, |byte| byte);
        }
        let mut matcher = Matcher::build(strings, |_| true, |byte| byte.to_ascii_lowercase());
        for lower in b'a'..=b'z' {
            matcher.class[usize::from(lower.to_ascii_uppercase())] = matcher.class[usize::from(lower)];
        }
        matcher
    }

    /// The automaton for the strings that are `alive`, their bytes as `fold` gives them.
    fn build<'a>(
        strings: impl IntoIterator<Item = &'a [u8]> + Clone,
        alive: impl Fn(&[u8]) -> bool,
        fold: impl Fn(u8) -> u8,
    ) -> Matcher {
        let mut matcher = Matcher {
            class: [0; ALPHABET],
            classes: 1,
            next: Vec::new(),
            hit: Vec::new(),
            need: Vec::new(),
            state: 0,
        };
        for &byte in strings.clone().into_iter().filter(|s| alive(s)).flatten() {
            let class = &mut matcher.class[usize::from(fold(byte))];
            if *class == 0 && matcher.classes < ALPHABET {
                // When all 256 values are in strings, the last one keeps class 0: there is no other byte
                // left that it could be taken for.
                *class = u8::try_from(matcher.classes).unwrap_or(u8::MAX);
                matcher.classes += 1;
            }
        }
        let mut trie = Trie::new(matcher.classes);
        for (index, string) in strings.into_iter().enumerate() {
            if alive(string) {
                trie.add(string.iter().map(|&b| usize::from(matcher.class[usize::from(fold(b))])), index);
            }
        }
        trie.close();
        (matcher.next, matcher.hit, matcher.need) = (trie.next, trie.hit, trie.need);
        matcher
    }

    /// Forgets what was fed.
    pub fn reset(&mut self) {
        self.state = 0;
    }

    /// How many bytes may be read now without one too many: at least 1; `usize::MAX` if nothing
    /// can ever match.
    #[inline]
    pub fn need(&self) -> usize {
        match self.need[usize::from(self.state)] {
            NONE => usize::MAX,
            need => usize::from(need),
        }
    }

    /// Takes one byte; the index of the string that ends with it, the first in the list if several do.
    #[inline]
    pub fn feed(&mut self, byte: u8) -> Option<usize> {
        let class = usize::from(self.class[usize::from(byte)]);
        self.state = self.next[usize::from(self.state) * self.classes + class];
        match self.hit[usize::from(self.state)] {
            NONE => None,
            index => Some(usize::from(index)),
        }
    }

    /// Takes bytes of which no more were read than [`Matcher::need`] allowed: only the last one can
    /// end a string.
    #[inline]
    pub fn feed_read(&mut self, bytes: &[u8]) -> Option<usize> {
        debug_assert!(bytes.len() <= self.need());
        let mut state = usize::from(self.state);
        for &byte in bytes {
            state = usize::from(self.next[state * self.classes + usize::from(self.class[usize::from(byte)])]);
        }
        // States are counted in 16 bits.
        #[allow(clippy::cast_possible_truncation)]
        {
            self.state = state as u16;
        }
        match self.hit[state] {
            NONE => None,
            index => Some(usize::from(index)),
        }
    }
}

/// The automaton while it is built.
struct Trie {
    classes: usize,
    /// During [`Trie::add`], 0 is "no edge": nothing leads back to the root.
    next: Vec<u16>,
    hit: Vec<u16>,
    need: Vec<u16>,
    parents: Vec<u16>,
    /// An empty string: it ends at every byte.
    empty: u16,
}

impl Trie {
    fn new(classes: usize) -> Trie {
        Trie {
            classes,
            next: vec![0; classes],
            hit: vec![NONE],
            need: vec![NONE],
            parents: vec![0],
            empty: NONE,
        }
    }

    fn add(&mut self, string: impl Iterator<Item = usize>, index: usize) {
        let index = u16::try_from(index).unwrap_or(NONE - 1);
        let mut state = 0usize;
        for class in string {
            let edge = state * self.classes + class;
            if self.next[edge] == 0 {
                self.next[edge] = u16::try_from(self.hit.len()).expect("fewer than 65,000 bytes of strings");
                self.parents.push(u16::try_from(state).unwrap_or(0));
                self.hit.push(NONE);
                self.need.push(NONE);
                self.next.resize(self.next.len() + self.classes, 0);
            }
            state = usize::from(self.next[edge]);
        }
        if state == 0 {
            self.empty = self.empty.min(index);
        } else {
            self.hit[state] = self.hit[state].min(index);
        }
    }

    /// Fills in the edges of failed prefixes, the best string of each state and the needs.
    fn close(&mut self) {
        // Needs along the strings themselves: children stand behind their parents.
        for state in (1..self.hit.len()).rev() {
            let below = if self.hit[state] == NONE { self.need[state] } else { 0 };
            let parent = usize::from(self.parents[state]);
            self.need[parent] = self.need[parent].min(below.saturating_add(1));
        }
        if self.empty != NONE {
            self.need[0] = 1;
        }
        // Breadth first: the longest proper suffix that is a prefix is always nearer the root.
        let mut fail = vec![0u16; self.hit.len()];
        let mut queue = Vec::with_capacity(self.hit.len());
        for class in 0..self.classes {
            if self.next[class] != 0 {
                queue.push(self.next[class]);
            }
        }
        let mut at = 0;
        while let Some(&state) = queue.get(at) {
            at += 1;
            let state = usize::from(state);
            let back = usize::from(fail[state]);
            self.hit[state] = self.hit[state].min(self.hit[back]);
            self.need[state] = self.need[state].min(self.need[back]);
            for class in 0..self.classes {
                let edge = state * self.classes + class;
                let through = self.next[back * self.classes + class];
                if self.next[edge] == 0 {
                    self.next[edge] = through;
                } else {
                    fail[usize::from(self.next[edge])] = through;
                    queue.push(self.next[edge]);
                }
            }
        }
        for hit in &mut self.hit {
            *hit = (*hit).min(self.empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plainest matcher: keeps everything, compares everything.
    fn plain(strings: &[Vec<u8>], seen: &[u8]) -> Option<usize> {
        strings.iter().position(|s| seen.ends_with(s))
    }

    /// Reads as the program does: never more than `need`.
    fn run(strings: &[Vec<u8>], stream: &[u8]) -> Option<(usize, usize)> {
        let mut matcher = Matcher::new(strings.iter().map(Vec::as_slice));
        let mut at = 0;
        while at < stream.len() {
            let want = matcher.need().min(stream.len() - at);
            for i in 0..want {
                if let Some(index) = matcher.feed(stream[at + i]) {
                    assert_eq!(i + 1, want, "a match only at the last byte asked for");
                    return Some((at + i + 1, index));
                }
            }
            at += want;
        }
        None
    }

    fn reference(strings: &[Vec<u8>], stream: &[u8]) -> Option<(usize, usize)> {
        (1..=stream.len()).find_map(|n| plain(strings, &stream[..n]).map(|i| (n, i)))
    }

    fn strings(of: &[&str]) -> Vec<Vec<u8>> {
        of.iter().map(|s| s.as_bytes().to_vec()).collect()
    }

    #[test]
    fn overlaps_are_found() {
        assert_eq!(run(&strings(&["aab"]), b"aaab"), Some((4, 0)));
        assert_eq!(run(&strings(&["OK", "NO"]), b"xNOK"), Some((3, 1)));
    }

    #[test]
    fn the_earlier_string_wins_at_the_same_byte() {
        assert_eq!(run(&strings(&["zz", "USY", "BUSY"]), b"BUSY"), Some((4, 1)));
        assert_eq!(run(&strings(&["zz", "BUSY", "USY"]), b"BUSY"), Some((4, 1)));
    }

    #[test]
    fn an_empty_string_ends_at_any_byte_after_those_before_it() {
        assert_eq!(run(&strings(&["OK", ""]), b"OK"), Some((1, 1)));
        assert_eq!(run(&strings(&["O", ""]), b"OK"), Some((1, 0)));
    }

    #[test]
    fn strings_above_seven_bits_are_dead_and_ask_for_nothing() {
        let mut matcher = Matcher::new([b"\xe9".as_slice()]);
        assert_eq!(matcher.need(), usize::MAX);
        assert_eq!(matcher.feed(0xE9), None);
        let mut ok = Matcher::new([b"OK".as_slice()]);
        assert_eq!((ok.feed(0xCF), ok.feed(0xCB)), (None, Some(0)));
    }

    #[test]
    fn eight_bits_and_both_cases() {
        let all: Vec<u8> = (0..=255).collect();
        let mut every = Matcher::eight_bit([all.as_slice()], false);
        assert_eq!(all.iter().filter_map(|&b| every.feed(b)).count(), 1);
        let mut exact = Matcher::eight_bit([b"\xe9N".as_slice()], false);
        assert_eq!((exact.feed(0x69), exact.feed(b'N')), (None, None));
        assert_eq!((exact.feed(0xE9), exact.feed(b'n')), (None, None));
        assert_eq!((exact.feed(0xE9), exact.feed(b'N')), (None, Some(0)));
        let mut any = Matcher::eight_bit([b"oGIN:".as_slice()], true);
        assert_eq!(b"LOGIN:".iter().filter_map(|&b| any.feed(b)).count(), 1);
        assert_eq!(b"login:".iter().filter_map(|&b| any.feed(b)).count(), 1);
        assert_eq!(b"logi\xce:".iter().filter_map(|&b| any.feed(b)).count(), 0);
    }

    #[test]
    fn need_shrinks_with_the_prefix_and_with_suffixes_of_it() {
        let mut matcher = Matcher::new([b"CONNECT".as_slice(), b"NNX", b"BUSY"]);
        assert_eq!(matcher.need(), 3);
        matcher.feed(b'C');
        assert_eq!(matcher.need(), 3);
        matcher.feed(b'O');
        matcher.feed(b'N');
        assert_eq!(matcher.need(), 2); // "NX" would end NNX
        matcher.feed(b'N');
        assert_eq!(matcher.need(), 1);
        matcher.feed(b'E');
        assert_eq!(matcher.need(), 2); // "CT"
    }

    #[test]
    fn fifty_aborts_of_forty_nine_bytes_and_an_expect_of_a_thousand() {
        let mut all = vec![vec![b'x'; 1024]];
        all.extend((0..50u8).map(|i| {
            let mut s = vec![b'x'; 48];
            s.push(b'0' + i);
            s
        }));
        let mut stream = vec![b'x'; 700];
        stream.extend_from_slice(b"0tail");
        assert_eq!(run(&all, &stream), Some((701, 1)));
        assert_eq!(run(&all, &[b'x'; 1100]), Some((1024, 0)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_matcher(
            strings in prop::collection::vec(prop::collection::vec(prop::sample::select(b"abN\r".as_slice()), 0..6), 1..8),
            stream in prop::collection::vec(prop::sample::select(b"abN\rz".as_slice()), 0..200),
        ) {
            prop_assert_eq!(run(&strings, &stream), reference(&strings, &stream));
        }

        #[test]
        fn agrees_with_fifty_aborts(
            strings in prop::collection::vec(prop::collection::vec(prop::sample::select(b"ab".as_slice()), 4..12), 51),
            stream in prop::collection::vec(prop::sample::select(b"abz".as_slice()), 0..300),
        ) {
            prop_assert_eq!(run(&strings, &stream), reference(&strings, &stream));
        }
    }
}
