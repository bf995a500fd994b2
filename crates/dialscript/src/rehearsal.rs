//! A script tried on bytes, in no time and without a line: what tests and fuzzing run.

use crate::compile;
use crate::explain;
use crate::journal::Journal;
use crate::machine::{Known, Machine};
use crate::parser;
use crate::play::{End, Surroundings, play};
use crate::syntax::Port;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use ttyline::talk::line::Line;
use ttyline::talk::replay::Replay;
use ttyline::talk::trace;

/// $USERID in a rehearsal.
pub const USERID: &str = "Zaphod-8472";
/// $PASSWORD in a rehearsal.
pub const PASSWORD: &str = "x^Mq<lf>Heart-of-Gold";

/// What came of it.
#[derive(Debug)]
pub struct Rehearsal {
    /// How it ended.
    pub end: End,
    /// What `--explain` and `--why` say.
    pub told: String,
}

/// Runs a script against `stream`, which comes at once; after a minute it is over. `None`: it cannot be run.
#[must_use]
pub fn rehearse(script: &[u8], stream: &[u8]) -> Option<Rehearsal> {
    let program = compile::compile(&parser::parse(script).ok()?).ok()?;
    let known =
        Known { userid: USERID.into(), password: PASSWORD.into(), limit: Some(Duration::from_secs(60)) };
    let mut journal = Journal::default();
    journal.hide_both(&known.userid);
    journal.hide_both(&known.password);
    let recording = serde_json::json!({ "recv": trace::text(stream) }).to_string();
    let mut line = Replay::parse(recording.as_bytes()).ok()?;
    let mut machine = Machine::new(program, known);
    let (end, _) = play(&mut machine, &mut line, &mut journal, &mut Nothing);
    let _ = journal.over(&explain::ending(&end), 0, line.now());
    let told = explain::table(&journal, Path::new("x"), 0, line.now()) + &explain::why(&journal, &end, true);
    Some(Rehearsal { end, told })
}

struct Nothing;

impl Surroundings for Nothing {
    fn port(&mut self, _port: Port) -> Result<(), String> {
        Ok(())
    }

    fn address(&mut self, _address: Ipv4Addr) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use crate::machine::Ending;

    #[test]
    fn a_login_is_rehearsed() {
        let script =
            b"proc main waitfor \"ogin:\" transmit $USERID waitfor \"word:\" transmit $PASSWORD endproc";
        let run = rehearse(script, b"login: Zaphod-8472\r\npassword:").unwrap();
        assert_eq!(run.end, End::Machine(Ending::Done));
        assert!(run.told.contains("??????") && !run.told.contains("Zaphod"), "{}", run.told);
    }

    /// Every input that fuzzing starts from, or has found.
    #[test]
    fn the_corpus_is_harmless() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/dialscript");
        let mut run = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            let data = std::fs::read(entry.unwrap().path()).unwrap();
            let stream = data.iter().position(|&b| b == 0x1a).map_or(&[][..], |at| &data[at + 1..]);
            let _ = check::check(&data);
            run += usize::from(rehearse(&data, stream).is_some());
        }
        assert!(run >= 5, "seeds that can be run");
    }
}
