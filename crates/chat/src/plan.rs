//! A script read without carrying it out: its steps for `--check`, `--dry-run` and the masking of
//! secrets; and `--dry-run` itself.

use crate::args::{Options, Script};
use crate::explain;
use crate::mask::Masker;
use crate::messages::to_stderr;
use crate::report::remove_equal;
use crate::run::values;
use crate::session;
use crate::trace;
use serde_json::{Map, Value};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use ttyline::expect::escape::{self, Output, leading_integer};
use ttyline::expect::script::{Keyword, Step, Turns, alternatives, file_name, file_text};
use ttyline::expect::words::{self, Place, Unterminated, Word};
use ttyline::log::reason;
use ttyline::visible;

/// A script as a whole.
pub struct Plan {
    /// The file's bytes; empty for words of the command line.
    pub text: Vec<u8>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// A keyword at the end, without an argument.
    pub open_keyword: Option<(Keyword, Word)>,
    /// The quote at which reading ends.
    pub unterminated: Option<Unterminated>,
}

impl Plan {
    /// Reads the script that the options name.
    ///
    /// # Errors
    /// A message with the file's name.
    pub fn read(script: &Script) -> Result<Plan, String> {
        match script {
            Script::File(path) => match std::fs::read(path) {
                Ok(text) => {
                    let (words, unterminated) = words::words(&text);
                    Ok(Plan { unterminated, ..Plan::of(words, text) })
                }
                Err(_) if path.is_dir() => Ok(Plan::of(Vec::new(), Vec::new())),
                Err(e) => Err(format!("{} -- open failed: {}", path.display(), reason(&e))),
            },
            Script::Words(words) | Script::Both(words) => {
                let words = words.iter().enumerate().map(|(n, text)| Word {
                    text: text.clone(),
                    place: Place { line: 0, column: u32::try_from(n + 1).unwrap_or(u32::MAX) },
                    quoted: true,
                });
                Ok(Plan::of(words.collect(), Vec::new()))
            }
        }
    }

    fn of(words: Vec<Word>, text: Vec<u8>) -> Plan {
        let mut turns = Turns::default();
        let steps = words.into_iter().filter_map(|word| turns.take(word)).collect();
        Plan { text, steps, open_keyword: turns.open_keyword().cloned(), unterminated: None }
    }
}

/// The text a send word stands for: its own, or that of a plain `@` file. `None`: such a file
/// cannot be read now.
pub fn send_source(word: &[u8]) -> Option<Vec<u8>> {
    match file_name(word) {
        None => Some(word.to_vec()),
        Some(name) => {
            let path = Path::new(std::ffi::OsStr::from_bytes(name));
            // A FIFO may be read once only, and its writer may not be there.
            if !path.is_file() {
                return path.is_dir().then(Vec::new);
            }
            std::fs::read(path).ok().map(|contents| file_text(&contents).to_vec())
        }
    }
}

/// All sends of a script, sub-sends too.
fn sends(steps: &[Step]) -> impl Iterator<Item = &[u8]> {
    steps.iter().flat_map(|step| match step {
        Step::Send(word) => vec![word.text.as_slice()],
        Step::Expect(word) => alternatives(&word.text).iter().skip(1).step_by(2).map(|(_, s)| *s).collect(),
        Step::Keyword(..) => Vec::new(),
    })
}

/// The secrets of a script, as far as they can be known before it is carried out.
pub fn secrets(options: &Options) -> Vec<Vec<u8>> {
    let plain = match &options.script {
        Script::File(path) => path.is_file(),
        _ => true,
    };
    let Some(plan) = plain.then(|| Plan::read(&options.script).ok()).flatten() else { return Vec::new() };
    let values = values(options);
    let mut all = Vec::new();
    for text in sends(&plan.steps).filter_map(send_source) {
        let send = escape::send(&text, values);
        if send.quiet {
            all.extend(session::secrets(&send));
        }
    }
    all
}

/// `--dry-run`.
pub fn run(options: &Options, json: bool) -> u8 {
    let plan = match Plan::read(&options.script) {
        Ok(plan) => plan,
        Err(text) => {
            to_stderr(format!("chat: {text}\n").as_bytes());
            return 1;
        }
    };
    let mut out = Printer { options, json, masker: Masker::default(), text: String::new() };
    for secret in secrets(options) {
        out.masker.add(&secret);
    }
    out.plan(&plan);
    let mut status = u8::from(std::io::stdout().write_all(out.text.as_bytes()).is_err());
    if let Some(error) = plan.unterminated {
        let at = explain::place(&options.script, error.place);
        to_stderr(format!("chat: {at}: unterminated quote (line {})\n", error.piece).as_bytes());
        status = 1;
    }
    status
}

struct Printer<'a> {
    options: &'a Options,
    json: bool,
    masker: Masker,
    text: String,
}

impl Printer<'_> {
    fn plan(&mut self, plan: &Plan) {
        let values = values(self.options);
        let mut timeout = self.options.timeout;
        let mut aborts: Vec<Vec<u8>> = Vec::new();
        for (n, step) in plan.steps.iter().enumerate() {
            let n = n + 1;
            match step {
                Step::Keyword(keyword, word) => {
                    let raw = word.text.as_slice();
                    let string = escape::expect(raw, values);
                    let mut note = String::new();
                    let shown = match keyword {
                        Keyword::Abort => {
                            aborts.push(string.clone());
                            note = format!("exit status {}", 3 + aborts.len());
                            string
                        }
                        Keyword::ClrAbort => {
                            remove_equal(&mut aborts, |a| *a == string);
                            string
                        }
                        Keyword::Timeout => {
                            let seconds = leading_integer(&string);
                            timeout = if seconds > 0 { seconds } else { 45 };
                            note = format!("{timeout} s");
                            string
                        }
                        Keyword::Report | Keyword::ClrReport => string,
                        Keyword::Say => escape::send_text(raw, values).shown().to_vec(),
                        Keyword::Echo | Keyword::Hangup => raw.to_vec(),
                    };
                    let fields = [("text", trace::text(&self.masker.text(&shown)))];
                    self.line(n, word.place, keyword.name(), &self.quoted(&shown), &note, &fields);
                }
                Step::Send(word) => self.send(n, word.place, "send", &word.text),
                Step::Expect(word) if word.text.is_empty() => {
                    self.line(
                        n,
                        word.place,
                        "expect",
                        "\"\"",
                        "nothing is awaited",
                        &[("text", Value::from(""))],
                    );
                }
                Step::Expect(word) => {
                    for (i, (at, piece)) in alternatives(&word.text).iter().enumerate() {
                        let place = word.place_at(*at);
                        if i % 2 == 1 {
                            self.send(n, place, "if not, send", piece);
                            continue;
                        }
                        let text = escape::expect(piece, values);
                        let note = if timeout > 0 { format!("{timeout} s") } else { "no limit".into() };
                        let name = if i == 0 { "expect" } else { "then expect" };
                        let limit = Value::from(timeout.max(0));
                        let fields = [("text", trace::text(&self.masker.text(&text))), ("timeout", limit)];
                        self.line(n, place, name, &self.quoted(&text), &note, &fields);
                    }
                }
            }
        }
    }

    fn send(&mut self, n: usize, place: Place, name: &str, word: &[u8]) {
        let Some(text) = send_source(word) else {
            let what = format!("the text in {}", visible::terminal(word));
            return self.line(n, place, name, &what, "not read now", &[("file", trace::text(word))]);
        };
        let send = escape::send(&text, values(self.options));
        if send.quiet {
            return self.line(n, place, name, "??????", "hidden by \\q", &[("hidden", Value::from(true))]);
        }
        let (mut shown, mut acts) = (Vec::new(), Vec::new());
        for output in send.output() {
            let (text, act) = match output {
                Output::Bytes(bytes) => {
                    let bytes = self.masker.text(&bytes);
                    (format!("\"{}\"", visible::terminal(&bytes)), trace::text(&bytes))
                }
                Output::Delay => ("<1 s>".into(), Value::from(1.0)),
                Output::Pause => ("<10 ms>".into(), Value::from(0.01)),
                Output::Break => ("<BREAK>".into(), Value::Null),
            };
            shown.push(text);
            acts.push(act);
        }
        self.line(n, place, name, &shown.join(" "), "", &[("output", Value::from(acts))]);
    }

    fn quoted(&self, bytes: &[u8]) -> String {
        format!("\"{}\"", visible::terminal(self.masker.text(bytes)))
    }

    fn line(&mut self, n: usize, place: Place, name: &str, what: &str, note: &str, fields: &[(&str, Value)]) {
        if self.json {
            let mut object = Map::new();
            object.insert("step".into(), n.into());
            object.insert("line".into(), place.line.into());
            object.insert("column".into(), place.column.into());
            object.insert("what".into(), name.into());
            for (key, value) in fields {
                object.insert((*key).into(), value.clone());
            }
            self.text.push_str(&Value::Object(object).to_string());
            self.text.push('\n');
            return;
        }
        let at = explain::place(&self.options.script, place);
        let line = format!("{n:>4}  {at:<16}  {name:<12}  {what:<32}  {note}");
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}
