//! Talking to the modem: chats, what their lines tell beside, and what follows each.

use super::{Action, LINE_MAX, Purpose, Session, State, Then, printable};
use ttyline::expect::modem_chat::{Dialogue, ModemChat, Note, Outcome, Timing};
use ttyline::log::Level;

impl Session {
    pub(super) fn begin_chat(&mut self, chat: ModemChat, purpose: Purpose) {
        use ttyline::at::result::{ANSWER_ABORTS, INIT_ABORTS};
        let aborts: &'static [&'static [u8]] = match purpose {
            Purpose::Init | Purpose::ForceInit => INIT_ABORTS,
            Purpose::Answer => ANSWER_ABORTS,
            Purpose::Check(_) | Purpose::Probe => &[b"ERROR"],
            Purpose::Statistics | Purpose::PostInit | Purpose::CallerId => &[],
        };
        let waits = &self.setup.waits;
        let expect = match purpose {
            Purpose::Init | Purpose::ForceInit => waits.init_answer,
            Purpose::Answer => self.setup.answer_timeout,
            Purpose::Probe => waits.probe,
            _ => waits.other_answer,
        };
        let timing = Timing { expect, before_send: waits.before_command, pause: waits.pause };
        self.line.clear();
        let mut dialogue = Dialogue::new(chat, aborts, timing, self.now);
        // One that says nothing at all, not even an echo, is switched off, or online with DTR ignored.
        let fresh = !self.init_forced && self.ladder.why().is_none();
        if purpose == Purpose::ForceInit || purpose == Purpose::Init && fresh {
            dialogue.give_up_on_silence(waits.silence);
        }
        self.after_dialogue_step(Box::new(dialogue), purpose, Vec::new());
    }

    /// One byte for a dialogue: its own matching first, then the line it may complete.
    pub(super) fn talk(&mut self, mut dialogue: Box<Dialogue>, purpose: Purpose, byte: u8) {
        if self.rings_again(&dialogue, purpose, byte) {
            return self.answer_again();
        }
        if purpose != Purpose::Probe {
            self.push(Action::LogMore(Level::Noise, vec![byte]));
        }
        // After the CONNECT line the bytes are the caller's: nothing more is learnt from them.
        let believed = self.connected_at.is_none() || !self.line.is_empty();
        if believed {
            self.modem_line_byte(byte, purpose);
        }
        dialogue.feed(byte, self.now);
        let mut out = Vec::new();
        dialogue.tick(self.now, &mut out);
        self.after_dialogue_step(dialogue, purpose, out);
    }

    /// RING long after ATA: the modem has forgotten that it was to pick up (power was lost, say), or the
    /// call was lost unsaid and this is the next one.
    fn rings_again(&self, dialogue: &Dialogue, purpose: Purpose, byte: u8) -> bool {
        purpose == Purpose::Answer
            && matches!(byte, b'\r' | b'\n')
            && self.connected_at.is_none()
            && self.line.starts_with(b"RING")
            && self.now >= self.answering_since + self.setup.waits.rings_again
            && !dialogue.expected().is_some_and(|word| word.starts_with(b"RING"))
    }

    fn answer_again(&mut self) {
        self.log(Level::Warn, "the modem rings though it was told to answer: answering again");
        self.call_over("failed: rings again");
        self.call_begins();
        self.rings = 1;
        self.line.clear();
        self.judge_or_ask();
    }

    fn modem_line_byte(&mut self, byte: u8, purpose: Purpose) {
        if byte == b'\r' || byte == b'\n' {
            let line = std::mem::take(&mut self.line);
            if line.is_empty() {
                return;
            }
            self.caller.line(&line);
            if purpose == Purpose::Statistics {
                self.push(Action::Statistics(printable(&line)));
            }
        } else if self.line.len() < LINE_MAX {
            self.line.push(byte);
            if purpose == Purpose::Answer && self.line == b"CONNECT" {
                self.connected_at = Some(self.now);
            }
        }
    }

    pub(super) fn after_dialogue_step(
        &mut self,
        mut dialogue: Box<Dialogue>,
        purpose: Purpose,
        out: Vec<u8>,
    ) {
        if self.virtual_ring && dialogue.expected().is_some_and(|word| word.starts_with(b"RING")) {
            dialogue.found(self.now);
        }
        for note in dialogue.notes() {
            // Looks at a line that is known not to work are not told.
            if purpose != Purpose::Probe {
                self.note(note);
            }
        }
        if !out.is_empty() {
            self.push(Action::Send(out));
        }
        match dialogue.outcome() {
            None => self.state = State::Talking { dialogue, purpose },
            Some(outcome) => self.dialogue_over(purpose, outcome),
        }
    }

    fn note(&mut self, note: Note) {
        // Of a modem that refuses its initialisation every few seconds only those want to hear who look for it.
        let level = if self.troubled() { Level::Noise } else { Level::Mesg };
        match note {
            Note::Waiting(word) => self.log(level, &format!("waiting for ``{}''", printable(&word))),
            Note::Found => self.push(Action::LogMore(level, b" ** found **".to_vec())),
            Note::Sent(word) => {
                self.log(level, "send: ");
                self.push(Action::LogMore(level, word));
            }
        }
    }

    fn dialogue_over(&mut self, purpose: Purpose, outcome: Outcome) {
        if outcome == Outcome::Timeout && !self.troubled() {
            self.log(Level::Warn, "timeout in chat script, waiting for the modem");
        }
        match purpose {
            Purpose::Init => self.init_over(outcome),
            Purpose::ForceInit => self.force_init_over(outcome),
            Purpose::Statistics => {
                // The word that was waited for may stand on a line that has not ended.
                if !self.line.is_empty() {
                    let line = std::mem::take(&mut self.line);
                    self.push(Action::Statistics(printable(&line)));
                }
                self.post_init();
            }
            Purpose::PostInit => self.drain(self.setup.waits.ready_drain, Then::Ready),
            Purpose::CallerId => self.judge(),
            Purpose::Answer => self.answered(outcome),
            Purpose::Check(attempt) => self.checked(attempt, outcome),
            Purpose::Probe => self.probed(outcome),
        }
    }

    pub(super) fn check(&mut self, attempt: u8) {
        self.begin_chat(ModemChat::parse(b"\"\" AT OK"), Purpose::Check(attempt));
    }

    fn checked(&mut self, attempt: u8, outcome: Outcome) {
        match (outcome, attempt) {
            (Outcome::Timeout, 1) => self.check(2),
            (Outcome::Timeout, _) => {
                self.log(Level::Fatal, "modem does not answer");
                self.recover("modem does not answer the check");
            }
            // ERROR is an answer too.
            _ => self.drain_and_clean_up(),
        }
    }
}
