//! The ladder: lines side by side, who sent what when, for people. 100 columns.
//!
//! ```text
//!    1.912  │ ▸ ATDT987654                         │
//!    2.513  ├─ calls ─────────────────────────────▶│ rings
//!    4.712  │◀──────────────────────────── answers ┤
//! ```

pub mod frames;
mod row;

use crate::journal::Happening;
use frames::Frames;
use row::{Layout, Row};
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::Duration;
use ttyline::visible;

/// Data of one direction is shown together when it comes within this time …
const TOGETHER: Duration = Duration::from_millis(250);
/// … and bulk within this.
const BULK: Duration = Duration::from_secs(1);
/// A row waits so long for what happens at the same moment on another line.
const SAME_MOMENT: Duration = Duration::from_millis(3);
/// As many lines stand side by side; more are listed one below the other.
const MOST: usize = 4;

struct Line {
    number: String,
    device: String,
    open: bool,
    calls: bool,
    frames: Frames,
    gathered: Option<Gathered>,
}

/// Data on its way from a line to another, not shown yet.
struct Gathered {
    to: String,
    since: Duration,
    bytes: usize,
    text: Vec<u8>,
    names: Vec<(String, usize)>,
    bulk: bool,
}

/// A live ladder on standard output.
pub struct Ladder {
    lines: Vec<Line>,
    layout: Layout,
    row: Option<Row>,
    colour: bool,
    heading: bool,
    out: Box<dyn FnMut(&str)>,
}

impl Default for Ladder {
    fn default() -> Ladder {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ladder::to(colour, |text| {
            // A reader that has stopped must not stop the telephone: what it cannot take is dropped.
            use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
            let out = std::io::stdout();
            let ready = poll(&mut [PollFd::new(out.as_fd(), PollFlags::POLLOUT)], PollTimeout::ZERO);
            if ready.is_ok_and(|n| n > 0) {
                let _ = out.lock().write_all(text.as_bytes());
            }
        })
    }
}

impl Ladder {
    /// A ladder without lines yet, in colour on a terminal (unless NO_COLOR is set).
    pub fn new() -> Ladder {
        Ladder::default()
    }

    /// A ladder that writes elsewhere.
    pub fn to(colour: bool, out: impl FnMut(&str) + 'static) -> Ladder {
        let layout = Layout::new(0);
        Ladder { lines: Vec::new(), layout, row: None, colour, heading: false, out: Box::new(out) }
    }

    /// Something happened on the line with that number.
    pub fn tell(&mut self, now: Duration, number: &str, what: Happening) {
        self.tick(now);
        if let Happening::Added(device) = what {
            self.add(number, device);
            return;
        }
        let Some(line) = self.lines.iter().position(|l| l.number == number) else { return };
        if let Happening::Data(to, data) = what {
            self.gather(now, line, to, data);
            return;
        }
        if std::mem::take(&mut self.heading) {
            self.head();
        }
        // What was sent before comes before, whoever sent it.
        self.show_data(now, line);
        for other in 0..self.lines.len() {
            if self.lines[other].gathered.as_ref().is_some_and(|g| !g.bulk) {
                self.show_data(now, other);
            }
        }
        match what {
            Happening::Opened => {
                self.lines[line].open = true;
                self.text(now, line, "opened");
            }
            Happening::Closed => {
                self.text(now, line, "closed");
                self.lines[line].open = false;
            }
            Happening::Dtr(on) => self.text(now, line, if on { "DTR on" } else { "DTR off" }),
            Happening::Break(true) => self.text(now, line, "break"),
            Happening::Plugged(on) => self.text(now, line, if on { "plugged in" } else { "unplugged" }),
            Happening::Coding(coding) => self.text(now, line, &coding.to_string()),
            Happening::Rts(_) | Happening::Break(false) => {}
            Happening::Command(text) => self.text(now, line, &format!("▸ {}", visible::terminal(text))),
            // The ring itself is shown; of the caller's data the number is.
            Happening::Reported("RING" | "2") => {}
            Happening::Reported(text) if text.starts_with("DATE") || text.starts_with("TIME") => {}
            Happening::Reported(text) => {
                self.text(now, line, &format!("◂ {}", visible::terminal(text)));
            }
            Happening::Calls(to) => {
                self.lines[line].calls = true;
                self.arrow(now, line, to, "calls");
            }
            Happening::Ring(1) => self.text(now, line, "rings"),
            Happening::Ring(count) => self.text(now, line, &format!("rings ({count})")),
            Happening::CallerId(_) => {}
            Happening::Answered(caller) => {
                self.lines[line].calls = true;
                self.arrow(now, line, caller, "answers");
            }
            Happening::Ended(call) => {
                for number in [&call.caller, &call.called] {
                    let Some(line) = self.lines.iter().position(|l| l.number == *number) else { continue };
                    self.show_data(now, line);
                    self.lines[line].calls = false;
                    self.lines[line].frames = Frames::default();
                }
                let seconds = call.lasted.as_secs_f64();
                let text = match call.answered {
                    true => {
                        let (out, back) = (amount(call.sent), amount(call.received));
                        format!(
                            "call over: {seconds:.1} s, {} out, {back} in",
                            out.trim_end_matches(" bytes")
                        )
                    }
                    false => "call over, not answered".to_string(),
                };
                self.text(now, line, &text);
            }
            Happening::Fault(fault) => self.text(now, line, &format!("✗ {fault}")),
            Happening::Order(order) => {
                let words: Vec<&str> = order.split_whitespace().collect();
                let rest = words.get(2..).unwrap_or_default().join(" ");
                let text = format!("○ {} {rest}", words.first().unwrap_or(&""));
                self.text(now, line, &visible_text(text.trim_end()));
            }
            Happening::Plays(sound) => self.text(now, line, &format!("plays {sound}")),
            Happening::Note(text) => self.text(now, line, &visible_text(text)),
            Happening::Removed => {
                self.flush_row();
                self.lines.remove(line);
                self.heading = true;
            }
            Happening::Added(_) | Happening::Data(..) => {}
        }
    }

    /// When something waits to be shown.
    pub fn deadline(&self) -> Option<Duration> {
        let data = self.lines.iter().filter_map(|l| l.gathered.as_ref()).map(Gathered::due);
        data.chain(self.row.as_ref().map(|row| row.at + SAME_MOMENT)).min()
    }

    /// Shows what has waited long enough.
    pub fn tick(&mut self, now: Duration) {
        for line in 0..self.lines.len() {
            if self.lines[line].gathered.as_ref().is_some_and(|g| g.due() <= now) {
                self.show_data(now, line);
            }
        }
        if self.row.as_ref().is_some_and(|row| row.at + SAME_MOMENT <= now) {
            self.flush_row();
        }
    }

    fn add(&mut self, number: &str, device: &str) {
        self.flush_row();
        self.lines.push(Line {
            number: number.to_string(),
            device: device.to_string(),
            open: device.is_empty(),
            calls: false,
            frames: Frames::default(),
            gathered: None,
        });
        self.heading = true;
    }

    /// The lines' numbers, each above its line.
    fn head(&mut self) {
        self.flush_row();
        let side_by_side = self.lines.len() <= MOST;
        self.layout = Layout::new(if side_by_side { self.lines.len() } else { 0 });
        if side_by_side {
            let mut row = Row::blank(&self.layout);
            for (place, line) in self.lines.iter().enumerate() {
                let device = if line.device.is_empty() { "(far end)" } else { &line.device };
                row.heading(&self.layout, place, &format!("{} {}", line.number, visible::terminal(device)));
            }
            let text = row.text(self.colour);
            (self.out)(&text);
        }
    }

    fn gather(&mut self, now: Duration, line: usize, to: &str, data: &[u8]) {
        if std::mem::take(&mut self.heading) {
            self.head();
        }
        let mut names = Vec::new();
        self.lines[line].frames.feed(data, |name, bulk| names.push((name, bulk)));
        let bulk = self.lines[line].frames.ppp && names.iter().all(|(_, bulk)| *bulk);
        // A dialogue is shown turn by turn; streams that cross are not.
        if let Some(other) = self.lines.iter().position(|l| l.number == to)
            && self.lines[other].gathered.as_ref().is_some_and(|g| !g.bulk)
        {
            self.show_data(now, other);
        }
        if !bulk && self.lines[line].gathered.as_ref().is_some_and(|g| g.bulk) {
            self.show_data(now, line);
        }
        let gathered = self.lines[line].gathered.get_or_insert_with(|| Gathered {
            to: to.to_string(),
            since: now,
            bytes: 0,
            text: Vec::new(),
            names: Vec::new(),
            bulk,
        });
        gathered.bytes += data.len();
        let room = 200usize.saturating_sub(gathered.text.len()).min(data.len());
        gathered.text.extend(&data[..room]);
        for (name, _) in names {
            let names = &mut gathered.names;
            match names.iter().position(|(known, _)| *known == name) {
                Some(place) => names[place].1 += 1,
                None if names.len() < 8 => names.push((name, 1)),
                None => {}
            }
        }
    }

    fn show_data(&mut self, now: Duration, line: usize) {
        let Some(gathered) = self.lines[line].gathered.take() else { return };
        // A sum stands where it ends, a message where it began.
        let at = if gathered.bulk { now } else { gathered.since };
        let to = self.lines.iter().position(|l| l.number == gathered.to);
        let room = to.map_or(80, |to| self.layout.between(line, to));
        for label in gathered.labels(self.lines[line].frames.ppp, room) {
            self.arrow(at, line, &gathered.to, &label);
        }
    }

    /// Something on one line.
    fn text(&mut self, now: Duration, line: usize, text: &str) {
        if self.lines.len() > MOST {
            let text = format!("{:8.3}  {:>10}  {text}\n", now.as_secs_f64(), self.lines[line].number);
            (self.out)(&text);
            return;
        }
        for (place, part) in self.layout.wrap(line, text).iter().enumerate() {
            let at = (place == 0).then_some(now);
            self.in_row(now, at, |row, layout| row.put(layout, line, part));
        }
    }

    /// Something from one line to another.
    fn arrow(&mut self, now: Duration, from: usize, to: &str, label: &str) {
        let Some(to_place) = self.lines.iter().position(|l| l.number == to) else {
            self.text(now, from, &format!("→ {to}: {label}"));
            return;
        };
        if self.lines.len() > MOST {
            self.text(now, from, &format!("→ {to}: {label}"));
            return;
        }
        self.in_row(now, Some(now), |row, layout| row.arrow(layout, from, to_place, label));
    }

    /// Puts something into the row of this moment, or, if it does not fit in there, a new one.
    fn in_row(&mut self, now: Duration, at: Option<Duration>, put: impl Fn(&mut Row, &Layout) -> bool) {
        if let Some(row) = &mut self.row {
            let same = at.is_some() && now.saturating_sub(row.at) < Duration::from_millis(1);
            if same && put(row, &self.layout) {
                return;
            }
        }
        self.flush_row();
        let lives: Vec<char> = self.lines.iter().map(Line::life).collect();
        let mut row = Row::new(&self.layout, now, at.is_some(), &lives);
        put(&mut row, &self.layout);
        self.row = Some(row);
    }

    fn flush_row(&mut self) {
        if let Some(row) = self.row.take() {
            let text = row.text(self.colour);
            (self.out)(&text);
        }
    }
}

impl Drop for Ladder {
    fn drop(&mut self) {
        for line in 0..self.lines.len() {
            let since = self.lines[line].gathered.as_ref().map_or(Duration::ZERO, |g| g.since);
            self.show_data(since, line);
        }
        self.flush_row();
    }
}

impl Line {
    fn life(&self) -> char {
        match (self.calls, self.open) {
            (true, _) => '┃',
            (_, true) => '│',
            _ => '┊',
        }
    }
}

impl Gathered {
    fn due(&self) -> Duration {
        self.since + if self.bulk { BULK } else { TOGETHER }
    }

    /// What to write on the arrow; on several, if the names of all messages do not fit on one.
    fn labels(&self, ppp: bool, room: usize) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        let amount = self.bulk.then(|| amount(self.bytes as u64));
        let name = |(name, count): &(String, usize)| match count {
            1 => name.clone(),
            count => format!("{name} ×{count}"),
        };
        for name in self.names.iter().map(name).chain(amount.filter(|_| !self.names.is_empty())) {
            match labels.last_mut() {
                Some(last) if last.chars().count() + 2 + name.chars().count() <= room => {
                    last.push_str(", ");
                    last.push_str(&name);
                }
                _ => labels.push(name),
            }
        }
        if labels.is_empty() {
            labels.push(self.plain(ppp));
        }
        labels
    }

    fn plain(&self, ppp: bool) -> String {
        let printable = self.text.iter().filter(|b| matches!(b, b'\r' | b'\n' | b' '..=b'~')).count();
        if !ppp && printable * 4 >= self.text.len() * 3 {
            let text = visible::terminal(self.text.trim_ascii_start());
            let short: String = text.chars().take(40).collect();
            let more = if short.len() < text.len() || self.bytes > self.text.len() {
                format!("… {}", amount(self.bytes as u64))
            } else {
                String::new()
            };
            return format!("“{short}”{more}");
        }
        amount(self.bytes as u64)
    }
}

/// Bytes for people.
fn amount(bytes: u64) -> String {
    match bytes {
        0..=9_999 => format!("{bytes} bytes"),
        10_000..=9_999_999 => format!("{} kB", bytes / 1000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// Text from an order: what is not ASCII is kept out, as everywhere.
fn visible_text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests;
