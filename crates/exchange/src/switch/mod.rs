//! The switch: who is connected to whom, who rings, and what each line hears.
//!
//! Pure: hooks, digits and the time go in, [`Event`]s for the lines come out.

use std::time::Duration;

/// A moment: time since the exchange's start.
pub type Now = Duration;

/// What a line hears, or sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// Nothing.
    Silence,
    /// Dial!
    DialTone,
    /// It rings at the other end.
    Ringback,
    /// The other line is busy, or the other side has cleared.
    Busy,
    /// No such number.
    Unobtainable,
    /// Somebody speaks, or anything else that is no tone.
    Voice,
    /// An answering modem.
    Answer,
    /// A calling modem.
    Originate,
    /// The carrier of a connection.
    Data,
    /// A modem ends the connection in good order.
    Bye,
}

/// The names of the sounds in orders and logs.
pub const SOUNDS: [(&str, Sound); 10] = [
    ("silence", Sound::Silence),
    ("dialtone", Sound::DialTone),
    ("ringback", Sound::Ringback),
    ("busy", Sound::Busy),
    ("unobtainable", Sound::Unobtainable),
    ("voice", Sound::Voice),
    ("answer", Sound::Answer),
    ("originate", Sound::Originate),
    ("carrier", Sound::Data),
    ("bye", Sound::Bye),
];

impl Sound {
    /// The sound of that name.
    pub fn named(name: &str) -> Option<Sound> {
        SOUNDS.iter().find(|(known, _)| *known == name).map(|(_, sound)| *sound)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        SOUNDS.iter().find(|(_, sound)| *sound == self).map_or("", |(name, _)| name)
    }
}

/// A line's place in the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u32);

/// What the switch does to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Ringing voltage on or off.
    Ring(bool),
    /// Time to send caller ID: between the first ring and the second.
    Caller {
        /// Who calls.
        from: LineId,
    },
    /// The caller has cleared before the answer, or this line has answered: no more ringing.
    RingStopped,
    /// The line hears this from now on.
    Hear(Sound),
    /// For the log: the call to `to` begins.
    Calls {
        /// The line called.
        to: LineId,
    },
    /// For the log: answered (both lines get it).
    Through {
        /// The other line.
        with: LineId,
    },
    /// The call with `peer` is over.
    Cleared {
        /// The other line.
        peer: LineId,
        /// Whether this line made the call.
        caller: bool,
    },
}

/// What holds for all lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Habits {
    /// From one ring to the next.
    pub cadence: Duration,
    /// How long the exchange keeps a call up after the called party has put the receiver down
    /// and the caller has not.
    pub hold: Duration,
    /// The digit that asks a private branch exchange for an outside line (a second dial tone).
    pub outside: Option<char>,
}

impl Default for Habits {
    fn default() -> Habits {
        Habits { cadence: Duration::from_secs(6), hold: Duration::ZERO, outside: None }
    }
}

/// How far a line's user is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// On the hook, no call.
    Idle,
    /// Off the hook, dialling; `None`: no digit yet.
    Dialling(String),
    /// Its digits led nowhere, or its call is over: it hears this tone.
    Tone(Sound),
    /// Calling, or talking to, or held by, a line.
    Calling(LineId),
    /// Being rung, or talking to its caller, or holding on to him.
    Called(LineId),
}

#[derive(Clone, Debug)]
struct Line {
    number: Box<str>,
    stage: Stage,
    off_hook: bool,
    /// What its user sends.
    sends: Sound,
    heard: Sound,
    /// As a caller it never clears by itself.
    holds: bool,
    dead: bool,
    /// The call's path is cut: neither hears the other.
    cut: bool,
    ringing: Option<Ringing>,
    /// The called party is on the hook, the caller is not: until then the call is kept.
    held_until: Option<Now>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ringing {
    next: Now,
    phase: Phase,
    rings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Burst,
    Caller,
    Pause,
}

/// A telephone exchange without wires.
#[derive(Debug, Default)]
pub struct Switch {
    /// For all lines.
    pub habits: Habits,
    lines: Vec<Option<Line>>,
}

type Out = Vec<(LineId, Event)>;

impl Switch {
    /// A switch without lines.
    pub fn new(habits: Habits) -> Switch {
        Switch { habits, lines: Vec::new() }
    }

    /// Adds a line; `None` if the number is taken or is no number.
    pub fn add(&mut self, number: &str) -> Option<LineId> {
        let fits = !number.is_empty() && number.len() <= 32 && number.bytes().all(|b| b.is_ascii_digit());
        if !fits || self.find(number).is_some() {
            return None;
        }
        let line = Line {
            number: number.into(),
            stage: Stage::Idle,
            off_hook: false,
            sends: Sound::Silence,
            heard: Sound::Silence,
            holds: false,
            dead: false,
            cut: false,
            ringing: None,
            held_until: None,
        };
        let place = self.lines.iter().position(Option::is_none).unwrap_or_else(|| {
            self.lines.push(None);
            self.lines.len() - 1
        });
        *self.lines.get_mut(place)? = Some(line);
        u32::try_from(place).ok().map(LineId)
    }

    /// Takes a line out; its call ends.
    pub fn remove(&mut self, id: LineId, now: Now, out: &mut Out) {
        if let Some(line) = self.line_mut(id) {
            line.holds = false;
        }
        self.on_hook(id, now, out);
        if let Some(Stage::Called(caller)) = self.line(id).map(|l| l.stage.clone()) {
            self.clear(caller, id, out);
        }
        if let Some(slot) = self.lines.get_mut(id.0 as usize) {
            *slot = None;
        }
    }

    /// The line with that number.
    pub fn find(&self, number: &str) -> Option<LineId> {
        let place = self.lines.iter().position(|l| l.as_ref().is_some_and(|l| *l.number == *number))?;
        u32::try_from(place).ok().map(LineId)
    }

    /// A line's number.
    pub fn number(&self, id: LineId) -> &str {
        self.line(id).map_or("", |l| &l.number)
    }

    /// Whom the line is in a call with (also while it only rings).
    pub fn peer(&self, id: LineId) -> Option<LineId> {
        match self.line(id)?.stage {
            Stage::Calling(peer) | Stage::Called(peer) => Some(peer),
            _ => None,
        }
    }

    /// Whether the line made the call it is in.
    pub fn is_caller(&self, id: LineId) -> bool {
        self.line(id).is_some_and(|l| matches!(l.stage, Stage::Calling(_)))
    }

    /// Whether the line is kept by its caller though it is on the hook.
    pub fn held(&self, id: LineId) -> bool {
        self.line(id)
            .is_some_and(|l| !l.off_hook && l.ringing.is_none() && matches!(l.stage, Stage::Called(_)))
    }

    /// Whether the two ends of a call can hear each other.
    pub fn through(&self, id: LineId) -> bool {
        self.partner(id).is_some()
    }

    /// As a caller, the line never clears by itself from now on (or again does).
    pub fn set_holds(&mut self, id: LineId, holds: bool, now: Now, out: &mut Out) {
        let Some(line) = self.line_mut(id) else { return };
        line.holds = holds;
        let gone = !holds && !line.off_hook;
        if let (true, Stage::Calling(called)) = (gone, line.stage.clone()) {
            self.clear(id, called, out);
            self.settle(id, called, out);
        }
        let _ = now;
    }

    /// The line gives no dial tone (or does again).
    pub fn set_dead(&mut self, id: LineId, dead: bool, out: &mut Out) {
        if let Some(line) = self.line_mut(id) {
            line.dead = dead;
        }
        self.refresh(id, out);
    }

    /// Cuts the path of the line's call, both ways, until the call is over.
    pub fn cut(&mut self, id: LineId, out: &mut Out) {
        for line in [Some(id), self.peer(id)].into_iter().flatten() {
            if let Some(line) = self.line_mut(line) {
                line.cut = true;
            }
        }
        let peer = self.peer(id);
        self.refresh(id, out);
        if let Some(peer) = peer {
            self.refresh(peer, out);
        }
    }

    /// The receiver is lifted: dial tone, or the answer to a ring, or the voice of who still holds.
    pub fn off_hook(&mut self, id: LineId, out: &mut Out) {
        let Some(line) = self.line_mut(id) else { return };
        if std::mem::replace(&mut line.off_hook, true) {
            return;
        }
        let rung = line.ringing.take().is_some();
        line.held_until = None;
        match line.stage {
            Stage::Idle => line.stage = Stage::Dialling(String::new()),
            Stage::Called(caller) => {
                if rung {
                    out.push((id, Event::RingStopped));
                    out.push((id, Event::Through { with: caller }));
                    out.push((caller, Event::Through { with: id }));
                }
                self.refresh(caller, out);
            }
            _ => {}
        }
        self.refresh(id, out);
    }

    /// The receiver is put down.
    pub fn on_hook(&mut self, id: LineId, now: Now, out: &mut Out) {
        let hold = self.habits.hold;
        let Some(line) = self.line_mut(id) else { return };
        if !std::mem::replace(&mut line.off_hook, false) {
            return;
        }
        line.sends = Sound::Silence;
        line.heard = Sound::Silence;
        match line.stage.clone() {
            Stage::Calling(called) => {
                if !line.holds {
                    self.clear(id, called, out);
                    self.settle(id, called, out);
                }
                self.refresh(called, out);
            }
            Stage::Called(caller) => {
                let kept = self.line(caller).is_some_and(|l| l.holds);
                if kept || !hold.is_zero() {
                    if let Some(line) = self.line_mut(id) {
                        line.held_until = (!kept).then(|| now + hold);
                    }
                } else {
                    self.clear(caller, id, out);
                    self.settle(id, caller, out);
                }
                self.refresh(caller, out);
            }
            _ => line.stage = Stage::Idle,
        }
    }

    /// The call from `caller` to `called` is over. Who is still off the hook hears that it is.
    fn clear(&mut self, caller: LineId, called: LineId, out: &mut Out) {
        for (id, peer) in [(caller, called), (called, caller)] {
            let Some(line) = self.line_mut(id) else { continue };
            line.cut = false;
            line.held_until = None;
            line.stage = if line.off_hook { Stage::Tone(Sound::Busy) } else { Stage::Idle };
            if line.ringing.take().is_some() {
                out.push((id, Event::Ring(false)));
                out.push((id, Event::RingStopped));
            }
            out.push((id, Event::Cleared { peer, caller: id == caller }));
        }
    }

    fn settle(&mut self, one: LineId, other: LineId, out: &mut Out) {
        self.refresh(one, out);
        self.refresh(other, out);
    }

    /// A digit from a line.
    pub fn digit(&mut self, id: LineId, digit: char, now: Now, out: &mut Out) {
        let outside = self.habits.outside;
        let Some(line) = self.line_mut(id) else { return };
        if line.dead {
            return;
        }
        let Stage::Dialling(digits) = &mut line.stage else { return };
        if digits.is_empty() && outside == Some(digit) {
            // The branch exchange's own tone stops and the public one's begins.
            line.heard = Sound::Silence;
            out.push((id, Event::Hear(Sound::Silence)));
            self.refresh(id, out);
            return;
        }
        digits.push(digit);
        let digits = digits.clone();
        self.route(id, &digits, now, out);
        self.refresh(id, out);
    }

    fn route(&mut self, id: LineId, digits: &str, now: Now, out: &mut Out) {
        let mut numbers = self.lines.iter().flatten().filter(|l| l.number.starts_with(digits)).peekable();
        let known = numbers.peek().is_some();
        let longer = numbers.any(|l| l.number.len() > digits.len());
        let stage = match self.find(digits) {
            // Somebody's number is the beginning of another's: the shorter one has no chance, so
            // it is taken at once, as an exchange must decide.
            Some(called) => self.call(id, called, now, out),
            None if known && longer => return,
            None => Stage::Tone(Sound::Unobtainable),
        };
        if let Some(line) = self.line_mut(id) {
            line.stage = stage;
        }
    }

    fn call(&mut self, id: LineId, called: LineId, now: Now, out: &mut Out) -> Stage {
        let free = called != id && self.line(called).is_some_and(|l| l.stage == Stage::Idle && !l.dead);
        if !free {
            return Stage::Tone(Sound::Busy);
        }
        if let Some(line) = self.line_mut(called) {
            line.stage = Stage::Called(id);
            line.ringing = Some(Ringing { next: now, phase: Phase::Burst, rings: 0 });
        }
        out.push((id, Event::Calls { to: called }));
        Stage::Calling(called)
    }

    /// What a line's user sends into the line from now on.
    pub fn play(&mut self, id: LineId, sound: Sound, out: &mut Out) {
        let Some(line) = self.line_mut(id) else { return };
        line.sends = sound;
        if let Some(peer) = self.peer(id) {
            self.refresh(peer, out);
        }
    }

    /// When [`Switch::tick`] is wanted next.
    pub fn deadline(&self) -> Option<Now> {
        let times = |l: &Line| [l.ringing.map(|r| r.next), l.held_until].into_iter().flatten().min();
        self.lines.iter().flatten().filter_map(times).min()
    }

    /// The time is `now`: rings and lets go of held calls.
    pub fn tick(&mut self, now: Now, out: &mut Out) {
        for place in 0..self.lines.len() {
            let Ok(id) = u32::try_from(place).map(LineId) else { return };
            let Some(line) = self.line_mut(id) else { continue };
            if line.ringing.is_some_and(|r| r.next <= now) {
                self.ring(id, now, out);
            } else if line.held_until.is_some_and(|until| until <= now) {
                let Some(caller) = self.peer(id) else { continue };
                self.clear(caller, id, out);
                self.settle(caller, id, out);
            }
        }
    }

    /// The next part of the cadence: a burst (at most 2 s), after the first one the caller's
    /// number, the rest of the pause.
    fn ring(&mut self, id: LineId, now: Now, out: &mut Out) {
        let cadence = self.habits.cadence;
        let burst = (cadence / 3).min(Duration::from_secs(2));
        let data = (cadence - burst) / 4;
        let Some(line) = self.line_mut(id) else { return };
        let (Some(ringing), Stage::Called(from)) = (&mut line.ringing, line.stage.clone()) else { return };
        match ringing.phase {
            Phase::Burst => {
                ringing.rings += 1;
                let first = ringing.rings == 1;
                *ringing = Ringing {
                    next: now + burst,
                    phase: if first { Phase::Caller } else { Phase::Pause },
                    ..*ringing
                };
                out.push((id, Event::Ring(true)));
            }
            Phase::Caller => {
                // The burst is over; the number comes a little later.
                *ringing = Ringing { next: now + data, phase: Phase::Pause, ..*ringing };
                out.push((id, Event::Ring(false)));
            }
            Phase::Pause => {
                let first = ringing.rings == 1;
                let rest = cadence - burst - if first { data } else { Duration::ZERO };
                *ringing = Ringing { next: now + rest, phase: Phase::Burst, ..*ringing };
                out.push((id, if first { Event::Caller { from } } else { Event::Ring(false) }));
            }
        }
    }

    /// The other end, if there is a path to it.
    fn partner(&self, id: LineId) -> Option<&Line> {
        let line = self.line(id)?;
        let peer = self.line(self.peer(id)?)?;
        let answered = line.ringing.is_none() && peer.ringing.is_none();
        (answered && !line.cut).then_some(peer)
    }

    /// Tells a line what it hears, if that has changed.
    fn refresh(&mut self, id: LineId, out: &mut Out) {
        let Some(line) = self.line(id) else { return };
        if !line.off_hook {
            return;
        }
        let sound = match &line.stage {
            _ if line.dead => Sound::Silence,
            Stage::Idle => Sound::Silence,
            Stage::Dialling(digits) if digits.is_empty() => Sound::DialTone,
            Stage::Dialling(_) => Sound::Silence,
            Stage::Tone(tone) => *tone,
            Stage::Calling(called) if self.line(*called).is_some_and(|l| l.ringing.is_some()) => {
                Sound::Ringback
            }
            Stage::Calling(_) | Stage::Called(_) => {
                self.partner(id).filter(|peer| peer.off_hook).map_or(Sound::Silence, |peer| peer.sends)
            }
        };
        if sound != line.heard {
            if let Some(line) = self.line_mut(id) {
                line.heard = sound;
            }
            out.push((id, Event::Hear(sound)));
        }
    }

    fn line(&self, id: LineId) -> Option<&Line> {
        self.lines.get(id.0 as usize)?.as_ref()
    }

    fn line_mut(&mut self, id: LineId) -> Option<&mut Line> {
        self.lines.get_mut(id.0 as usize)?.as_mut()
    }
}

#[cfg(test)]
mod tests;
