//! One row of the ladder: a strip of 100 characters in which texts and arrows find their place.

use std::time::Duration;

/// Width of the whole.
pub(super) const WIDTH: usize = 100;
/// Where the first line stands.
const FIRST: usize = 10;

/// Where the lines stand.
pub(super) struct Layout {
    places: Vec<usize>,
}

impl Layout {
    pub fn new(lines: usize) -> Layout {
        let step = (WIDTH - FIRST) / lines.max(1);
        Layout { places: (0..lines).map(|n| FIRST + n * step).collect() }
    }

    fn place(&self, line: usize) -> usize {
        self.places.get(line).copied().unwrap_or(FIRST)
    }

    /// Room for a line's text.
    fn room(&self, line: usize) -> usize {
        self.places.get(line + 1).copied().unwrap_or(WIDTH).saturating_sub(self.place(line) + 3).max(8)
    }

    /// Room for what an arrow between two lines says.
    pub fn between(&self, one: usize, other: usize) -> usize {
        self.place(one).abs_diff(self.place(other)).saturating_sub(7)
    }

    /// Breaks a text to the line's room, three rows at most.
    pub fn wrap(&self, line: usize, text: &str) -> Vec<String> {
        let room = self.room(line);
        let characters: Vec<char> = text.chars().collect();
        let (mut parts, mut rest) = (Vec::new(), characters.as_slice());
        while !rest.is_empty() && parts.len() < 3 {
            // At a blank in the second half, if there is one.
            let whole = rest.len() <= room;
            let head = &rest[..room.min(rest.len())];
            let blank = head.iter().rposition(|c| *c == ' ').filter(|at| *at > room / 2 && !whole);
            let (part, after) = rest.split_at(blank.unwrap_or(head.len()));
            parts.push(part.iter().collect::<String>());
            rest = if blank.is_some() { &after[1..] } else { after };
        }
        if let (false, Some(last)) = (rest.is_empty(), parts.last_mut()) {
            last.pop();
            last.push('…');
        }
        parts
    }
}

/// One row.
pub(super) struct Row {
    pub at: Duration,
    cells: Vec<char>,
    /// Which cells are taken.
    taken: Vec<bool>,
}

impl Row {
    pub fn blank(_: &Layout) -> Row {
        Row { at: Duration::ZERO, cells: vec![' '; WIDTH], taken: vec![false; WIDTH] }
    }

    pub fn new(layout: &Layout, at: Duration, timed: bool, lives: &[char]) -> Row {
        let mut row = Row { at, ..Row::blank(layout) };
        if timed {
            row.write(0, &format!("{:8.3}", at.as_secs_f64()));
        }
        for (place, life) in layout.places.iter().zip(lives) {
            row.cells[*place] = *life;
        }
        row
    }

    fn write(&mut self, from: usize, text: &str) {
        for (cell, c) in self.cells.iter_mut().skip(from).zip(text.chars()) {
            *cell = c;
        }
    }

    /// Takes a stretch if it is free.
    fn take(&mut self, from: usize, to: usize) -> bool {
        let Some(cells) = self.taken.get_mut(from..to.min(WIDTH)) else { return false };
        if cells.iter().any(|taken| *taken) {
            return false;
        }
        cells.fill(true);
        true
    }

    pub fn heading(&mut self, layout: &Layout, line: usize, text: &str) {
        let text: String = text.chars().take(layout.room(line)).collect();
        self.write(layout.place(line), &text);
    }

    /// A text beside a line; `false` if there is something already.
    pub fn put(&mut self, layout: &Layout, line: usize, text: &str) -> bool {
        let from = layout.place(line) + 2;
        let free = self.take(from, from + layout.room(line));
        if free {
            self.write(from, text);
        }
        free
    }

    /// An arrow between two lines; `false` if there is something in its way.
    pub fn arrow(&mut self, layout: &Layout, from: usize, to: usize, label: &str) -> bool {
        let (start, end) = (layout.place(from), layout.place(to));
        let (left, right) = (start.min(end), start.max(end));
        if !self.take(left + 1, right) {
            return false;
        }
        for cell in self.cells.iter_mut().take(right).skip(left + 1) {
            *cell = '─';
        }
        let room = right.saturating_sub(left + 7);
        let mut label = match label.chars().count() > room {
            true => label.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
            false => label.to_string(),
        };
        if !label.is_empty() {
            label = format!(" {label} ");
        }
        if start < end {
            self.write(left + 2, &label);
            self.cells[right - 1] = '▶';
        } else {
            self.write(right - 1 - label.chars().count(), &label);
            self.cells[left + 1] = '◀';
        }
        true
    }

    /// The row as text with its line end; in colour for a terminal.
    pub fn text(&self, colour: bool) -> String {
        let line: String = self.cells.iter().collect();
        let line = line.trim_end();
        if !colour {
            return format!("{line}\n");
        }
        let (time, rest) = line.split_at(line.char_indices().nth(FIRST).map_or(line.len(), |(at, _)| at));
        let hue = |text: &str, wanted: &[&str]| wanted.iter().any(|w| text.contains(w));
        let code = if hue(rest, &["NO CARRIER", "BUSY", "NO DIALTONE", "NO ANSWER", "ERROR", "✗"]) {
            "31"
        } else if hue(rest, &["CONNECT", "answers", "calls", "rings"]) {
            "32"
        } else if hue(rest, &["▶", "◀"]) {
            "36"
        } else {
            "0"
        };
        format!("\x1b[2m{time}\x1b[0m\x1b[{code}m{rest}\x1b[0m\n")
    }
}
