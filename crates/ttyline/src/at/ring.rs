//! Which line of a modem counts as a ring, and what it tells beside (spec section 6).

use super::caller_data::CallerData;

/// Reads the lines of one call while it rings.
#[derive(Debug, Clone, Default)]
pub struct RingReader {
    number_seen: bool,
    name_seen: bool,
    /// Distinctive ring by cadence (`DRON`, `DROF`): one bit for each part, long = 1.
    cadence: i32,
    cadence_seen: bool,
}

impl RingReader {
    /// Takes a line that [`CallerData::line`] has seen before. If it counts as a ring, gives the
    /// distinctive ring number (0 if none). `called` are the numbers of `msn-list`.
    pub fn line(&mut self, line: &[u8], data: &mut CallerData, called: &[String]) -> Option<i32> {
        let line = line.trim_ascii_start();
        if let Some((from, to)) = fm_to(line) {
            if let Some(from) = from {
                data.set_id(from);
            }
            data.set_called(to);
            return Some(index_of(to, called));
        }
        if let Some(from) = line.strip_prefix(b"FM:") {
            data.set_id(from.split(|&b| b == b'/').next().unwrap_or(&[]));
            return Some(0);
        }
        let number = line.starts_with(b"NMBR");
        if number || line.starts_with(b"NAME") {
            self.number_seen |= number;
            self.name_seen |= !number;
            // Debian's build waits for both, unless the network tells no number.
            let withheld = data.id.starts_with(['O', 'P']);
            let complete = self.number_seen && (self.name_seen || withheld) && !self.cadence_seen;
            return complete.then(|| {
                (self.number_seen, self.name_seen) = (false, false);
                0
            });
        }
        if let Some(rest) = line.strip_prefix(b"DRON").or_else(|| line.strip_prefix(b"DROF")) {
            let tenths = number_in(rest);
            let bit = i32::from(!self.cadence_seen || tenths > 9);
            self.cadence = (self.cadence << 1 | bit) & 0xffff;
            self.cadence_seen = true;
            return None;
        }
        let rest = line.strip_prefix(b"RING")?;
        self.ring(rest, data, called)
    }

    fn ring(&mut self, rest: &[u8], data: &mut CallerData, called: &[String]) -> Option<i32> {
        if let Some(rest) = rest.strip_prefix(b";") {
            let mut parts = rest.splitn(2, |&b| b == b';');
            data.set_id(parts.next().unwrap_or(&[]));
            let to = parts.next().unwrap_or(&[]);
            data.set_called(to);
            return Some(index_of(to, called));
        }
        if let Some(to) = rest.strip_prefix(b"/") {
            data.set_called(to);
            return Some(index_of(to, called));
        }
        if let Some(rest) = rest.strip_prefix(b": ") {
            // `t DNd num`: d is the distinctive number, num the caller.
            let mut words = rest.split(|&b| b == b' ').filter(|w| !w.is_empty());
            let digit = words.nth(1).and_then(|w| w.strip_prefix(b"DN")).map_or(0, number_in);
            if let Some(from) = words.next() {
                data.set_id(from);
            }
            return Some(digit);
        }
        let rest = rest.trim_ascii();
        match rest {
            [] => {
                let cadence = std::mem::take(&mut self.cadence);
                self.cadence_seen = false;
                Some(cadence)
            }
            [one] => Some(match one.to_ascii_lowercase() {
                digit @ b'0'..=b'9' => i32::from(digit - b'0'),
                letter @ b'a'..=b'z' => i32::from(letter - b'a') + 1,
                _ => 0,
            }),
            _ => {
                let digits: Vec<u8> = rest.iter().copied().filter(u8::is_ascii_digit).collect();
                let index = index_of(&digits, called);
                if !digits.is_empty() {
                    data.set_id(&digits);
                }
                Some(index)
            }
        }
    }
}

/// What an event of a voice modem (DLE and a letter, V.253 11.2) means for ringing: the
/// distinctive ring number, 0 or minus the letter's code.
pub fn voice_event(letter: u8) -> Option<i32> {
    match letter {
        b'R' => Some(0),
        b'h' | b'p' | b'H' | b'P' | b'r' => Some(-i32::from(letter)),
        _ => None,
    }
}

/// `FM:a TO:b`, `TO:b`, `FM: a/sub/TO: b`: the two numbers.
fn fm_to(line: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let at = line.windows(3).position(|w| w == b"TO:")?;
    let to = line.get(at + 3..)?.trim_ascii();
    let before = line.get(..at)?;
    if before.is_empty() {
        return Some((None, to));
    }
    let from = before.strip_prefix(b"FM:")?.trim_ascii();
    let from = from.split(|&b| b == b'/').next().unwrap_or(&[]);
    Some((Some(from), to))
}

/// Which entry of `msn-list` the called number ends in, from 1; 0 if none. An ISDN sub-address
/// (behind `/`) does not count.
fn index_of(number: &[u8], called: &[String]) -> i32 {
    let number = number.split(|&b| b == b'/').next().unwrap_or(&[]).trim_ascii();
    let at = called.iter().position(|msn| !msn.is_empty() && number.ends_with(msn.as_bytes()));
    at.and_then(|n| i32::try_from(n + 1).ok()).unwrap_or(0)
}

/// The first number in a text, 0 if there is none or it is too long.
fn number_in(text: &[u8]) -> i32 {
    let digits = text.iter().skip_while(|b| !b.is_ascii_digit()).take_while(|b| b.is_ascii_digit());
    digits.take(4).fold(0, |n, &digit| n * 10 + i32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, the answer to the last one, caller, called.
    type Row<'a> = (&'a [&'a str], Option<i32>, &'a str, &'a str);

    #[test]
    fn each_form_of_ring() {
        let table: &[Row<'_>] = &[
            (&["RING"], Some(0), "none", ""),
            (&["  RING"], Some(0), "none", ""),
            (&["FM:5551234 TO:42"], Some(2), "5551234", "42"),
            (&["TO:7"], Some(0), "none", "7"),
            (&["FM: 555/9/TO: 0142/3"], Some(2), "555", "0142/3"),
            (&["NMBR = 555"], None, "555", ""),
            (&["NMBR = 555", "NAME = X"], Some(0), "555", ""),
            (&["NAME = X", "NMBR = 555"], Some(0), "555", ""),
            (&["NMBR = P"], Some(0), "P", ""),
            (&["NMBR = O"], Some(0), "O", ""),
            (&["DRON=3"], None, "none", ""),
            (&["DRON=3", "DROF=12", "RING"], Some(3), "none", ""),
            (&["RING;555;142"], Some(2), "555", "142"),
            (&["RING/42"], Some(2), "none", "42"),
            (&["RING: A DN2 5551234"], Some(2), "5551234", ""),
            (&["RING 1234"], Some(0), "1234", ""),
            (&["RING B3"], Some(0), "3", ""),
            (&["RING 2"], Some(2), "none", ""),
            (&["RING B"], Some(2), "none", ""),
            (&["OK"], None, "none", ""),
            (&[""], None, "none", ""),
        ];
        let called = ["1".to_string(), "42".to_string()];
        for (lines, answer, from, to) in table {
            let (mut data, mut rings, mut last) = (CallerData::default(), RingReader::default(), None);
            for line in *lines {
                data.line(line.as_bytes());
                last = rings.line(line.as_bytes(), &mut data, &called);
            }
            assert_eq!((last, data.id.as_str(), data.called.as_str()), (*answer, *from, *to), "{lines:?}");
        }
    }

    #[test]
    fn voice_events_ring() {
        assert_eq!(voice_event(b'R'), Some(0));
        assert_eq!(voice_event(b'h'), Some(-104));
        assert_eq!(voice_event(b'q'), None);
    }
}
