//! The command line: what was typed ([`Typed`]), then what it means ([`Options`]).
//!
//! Single letters are read as the original's getopt does. Long options are ours; they stand only
//! where the original gives its usage text, so no command line of the original changes its meaning.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;
use ttyline::expect::escape::leading_integer;
pub use ttyline::talk::tty::Device;

/// A long option: the table is the truth for parsing, `--help-all` and the manual page's test.
pub struct Long {
    /// With the two dashes.
    pub name: &'static str,
    /// What its value is called, if it takes one.
    pub value: Option<&'static str>,
    /// One line for `--help-all`.
    pub help: &'static str,
}

/// All long options.
pub const LONG: &[Long] = &[
    Long {
        name: "--pace",
        value: Some("MS"),
        help: "pause MS milliseconds before each byte sent (the original: 10)",
    },
    Long {
        name: "--why",
        value: None,
        help: "on failure, one line that says why (also CHAT_WHY=1, or messages to a terminal)",
    },
    Long { name: "--explain", value: None, help: "at the end, the whole dialogue as a table with times" },
    Long {
        name: "--trace",
        value: Some("FILE"),
        help: "write the dialogue to FILE as JSON lines, for --replay",
    },
    Long { name: "--check", value: None, help: "send nothing; report what is wrong with the script" },
    Long { name: "--dry-run", value: None, help: "send nothing; print what would be sent and expected" },
    Long { name: "--json", value: None, help: "--check and --dry-run: as JSON lines" },
    Long {
        name: "--replay",
        value: Some("TRACE"),
        help: "run the script against a recorded or written remote, in no time",
    },
    Long { name: "--device", value: Some("DEV"), help: "open DEV as the line, and restore it" },
    Long { name: "--speed", value: Some("N"), help: "with --device: N bit/s" },
    Long { name: "--lock", value: None, help: "with --device: hold its UUCP lock" },
    Long { name: "--help-all", value: None, help: "this text" },
    Long { name: "--version", value: None, help: "the version" },
];

/// A report file, opened when its option is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// Its name.
    pub path: PathBuf,
    /// `-v` stood before it: its opening is written into it.
    pub announce: bool,
}

/// The command line as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    /// The program's name as it was called.
    pub program: OsString,
    /// Options of a single letter without argument, in order.
    pub flags: Vec<u8>,
    /// `-f -t -T -U` with their arguments, in order.
    pub valued: Vec<(u8, Vec<u8>)>,
    /// `-r`, in order.
    pub reports: Vec<ReportFile>,
    /// Long options, in order.
    pub long: Vec<(&'static str, Option<OsString>)>,
    /// Script words.
    pub words: Vec<Vec<u8>>,
    /// Something was typed that is no option.
    pub wrong: bool,
}

/// Reads the words of a command line.
pub fn read(args: Vec<OsString>) -> Typed {
    let mut args = args.into_iter();
    let mut typed = Typed { program: args.next().unwrap_or_default(), ..Typed::default() };
    while let Some(word) = args.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            break;
        }
        if bytes.first() != Some(&b'-') || bytes == b"-" {
            typed.words.push(word.into_vec());
            break;
        }
        let read = if bytes.starts_with(b"--") {
            long(bytes, &mut args, &mut typed)
        } else {
            cluster(bytes.get(1..).unwrap_or_default(), &mut args, &mut typed)
        };
        if read.is_none() {
            typed.wrong = true;
            return typed;
        }
    }
    typed.words.extend(args.map(OsStringExt::into_vec));
    typed
}

/// `--NAME`, `--NAME VALUE` or `--NAME=VALUE`.
fn long(word: &[u8], args: &mut impl Iterator<Item = OsString>, typed: &mut Typed) -> Option<()> {
    let (name, inline) = match word.iter().position(|&b| b == b'=') {
        Some(at) => (word.get(..at)?, word.get(at + 1..)),
        None => (word, None),
    };
    let option = LONG.iter().find(|o| o.name.as_bytes() == name)?;
    let value = match (option.value, inline) {
        (None, None) => None,
        (None, Some(_)) => return None,
        (Some(_), Some(value)) => Some(OsString::from_vec(value.to_vec())),
        (Some(_), None) => Some(args.next()?),
    };
    typed.long.push((option.name, value));
    Some(())
}

/// Letters behind one dash.
fn cluster(letters: &[u8], args: &mut impl Iterator<Item = OsString>, typed: &mut Typed) -> Option<()> {
    let mut rest = letters;
    while let Some((&letter, after)) = rest.split_first() {
        rest = after;
        match letter {
            b'v' | b'V' | b'e' | b'E' | b's' | b'S' => typed.flags.push(letter),
            b'f' | b't' | b'T' | b'U' | b'r' => {
                let value = if rest.is_empty() {
                    args.next().map(OsStringExt::into_vec)
                } else {
                    Some(std::mem::take(&mut rest).to_vec())
                };
                match (letter, value) {
                    // The original takes a missing report file silently.
                    (b'r', None) => {}
                    (_, None) => return None,
                    (b'r', Some(value)) => typed.reports.push(ReportFile {
                        path: OsString::from_vec(value).into(),
                        announce: typed.flags.contains(&b'v'),
                    }),
                    (_, Some(value)) => typed.valued.push((letter, value)),
                }
            }
            _ => return None,
        }
    }
    Some(())
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Carry the script out on descriptors 0 and 1.
    Run,
    /// Open a device and carry the script out on it.
    RunOn(Device),
    /// Carry the script out against a recording.
    Replay(PathBuf),
    /// Say what is wrong with the script.
    Check {
        /// As JSON lines.
        json: bool,
    },
    /// Say what the script does.
    DryRun {
        /// As JSON lines.
        json: bool,
    },
    /// Print all options.
    HelpAll,
    /// Print the version.
    Version,
}

/// Where the script comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Script {
    /// These words.
    Words(Vec<Vec<u8>>),
    /// This file.
    File(PathBuf),
    /// A file and these words: an error that the original finds only after it has set the line.
    Both(Vec<Vec<u8>>),
}

/// The command line as it is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The task.
    pub task: Task,
    /// The script.
    pub script: Script,
    /// Seconds; no limit if not above 0.
    pub timeout: i32,
    /// `-v`: log the dialogue.
    pub verbose: bool,
    /// `-V`: copy what is received to descriptor 2.
    pub copy: bool,
    /// `-e`: echo is on from the start.
    pub echo: bool,
    /// `-E`: variables are substituted.
    pub variables: bool,
    /// `-s`: messages to descriptor 2.
    pub stderr: bool,
    /// Without `-S`: messages to syslog.
    pub syslog: bool,
    /// `-T`.
    pub phone: Option<Vec<u8>>,
    /// `-U`.
    pub phone2: Option<Vec<u8>>,
    /// Pause before each byte sent.
    pub pace: Duration,
    /// `--why`.
    pub why: bool,
    /// `--explain`.
    pub explain: bool,
    /// `--trace`.
    pub trace: Option<PathBuf>,
}

/// Why a command line cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// As the original: usage text only.
    Usage,
    /// A long option of ours, and what is wrong with it.
    Long(&'static str, &'static str),
}

/// Reads the meaning out of what was typed.
///
/// # Errors
/// [`Misuse`].
pub fn mean(typed: &Typed) -> Result<Options, Misuse> {
    if typed.wrong {
        return Err(Misuse::Usage);
    }
    let flag = |letter: u8| typed.flags.contains(&letter);
    let last = |letter: u8| typed.valued.iter().rev().find(|(l, _)| *l == letter).map(|(_, v)| v.clone());
    let has = |name: &str| typed.long.iter().any(|(n, _)| *n == name);
    let value = |name: &str| typed.long.iter().rev().find(|(n, _)| *n == name).and_then(|(_, v)| v.clone());
    let number =
        |name: &'static str| match value(name).map(|v| v.to_str().and_then(|t| t.parse::<u32>().ok())) {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(Misuse::Long(name, "takes a whole number")),
        };
    let script = match (last(b'f'), typed.words.is_empty()) {
        (Some(_), false) => Script::Both(typed.words.clone()),
        (Some(file), true) => Script::File(OsString::from_vec(file).into()),
        (None, _) => Script::Words(typed.words.clone()),
    };
    let json = has("--json");
    let tasks: Vec<Task> = [
        has("--version").then_some(Task::Version),
        has("--help-all").then_some(Task::HelpAll),
        has("--check").then_some(Task::Check { json }),
        has("--dry-run").then_some(Task::DryRun { json }),
        value("--replay").map(|trace| Task::Replay(trace.into())),
        match value("--device") {
            None => None,
            Some(path) => Some(Task::RunOn(Device {
                path: path.into(),
                speed: number("--speed")?,
                lock: has("--lock"),
            })),
        },
    ]
    .into_iter()
    .flatten()
    .collect();
    let task = match <[Task; 1]>::try_from(tasks) {
        Ok([task]) => task,
        Err(none) if none.is_empty() => Task::Run,
        Err(mut several) => match several.swap_remove(0) {
            task @ (Task::Version | Task::HelpAll) => task,
            _ => {
                return Err(Misuse::Long(
                    "--check, --dry-run, --replay, --device",
                    "only one of them can be meant",
                ));
            }
        },
    };
    if matches!(script, Script::Both(_)) && task != Task::Run {
        return Err(Misuse::Usage);
    }
    if json && !matches!(task, Task::Check { .. } | Task::DryRun { .. } | Task::Version | Task::HelpAll) {
        return Err(Misuse::Long("--json", "needs --check or --dry-run"));
    }
    for name in ["--speed", "--lock"] {
        if has(name) && !has("--device") {
            return Err(Misuse::Long(name, "needs --device"));
        }
    }
    Ok(Options {
        task,
        script,
        timeout: last(b't').map_or(45, |t| leading_integer(&t)),
        verbose: flag(b'v'),
        copy: flag(b'V'),
        echo: flag(b'e'),
        variables: flag(b'E'),
        stderr: flag(b's'),
        syslog: !flag(b'S'),
        phone: last(b'T'),
        phone2: last(b'U'),
        pace: Duration::from_millis(number("--pace")?.unwrap_or(0).into()),
        why: has("--why"),
        explain: has("--explain"),
        trace: value("--trace").map(PathBuf::from),
    })
}

/// The original's usage text.
pub fn usage(program: &[u8]) -> Vec<u8> {
    [
        b"Usage: ".as_slice(),
        program,
        b" [-e] [-E] [-v] [-V] [-t timeout] [-r report-file]\n",
        b"     [-T phone-number] [-U phone-number2] {-f chat-file | chat-script}\n",
    ]
    .concat()
}

/// What `--help-all` prints behind the usage text.
pub fn long_help() -> String {
    let mut text = String::from("Before the first word of the script also:\n");
    for option in LONG {
        let left = match option.value {
            Some(value) => format!("{} {value}", option.name),
            None => option.name.to_string(),
        };
        text.push_str(&format!("  {left:<16} {}\n", option.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &[&str]) -> Typed {
        read(std::iter::once("chat").chain(words.iter().copied()).map(OsString::from).collect())
    }

    fn options(words: &[&str]) -> Options {
        mean(&typed(words)).expect("a good command line")
    }

    #[test]
    fn letters_as_getopt_reads_them() {
        let o = options(&["-vsSt5", "-T", "1", "-T2", "", "AT", "-v"]);
        assert!(o.verbose && o.stderr && !o.syslog && !o.echo);
        assert_eq!((o.timeout, o.phone), (5, Some(b"2".to_vec())));
        assert_eq!(o.script, Script::Words(vec![vec![], b"AT".to_vec(), b"-v".to_vec()]));
        assert_eq!(options(&["-", "AT"]).script, Script::Words(vec![b"-".to_vec(), b"AT".to_vec()]));
        assert_eq!(options(&["--", "-x"]).script, Script::Words(vec![b"-x".to_vec()]));
        assert_eq!(options(&["-t", ""]).timeout, 0);
        assert_eq!(options(&["-ffile"]).script, Script::File("file".into()));
        assert_eq!(options(&["-ffile", "x"]).script, Script::Both(vec![b"x".to_vec()]));
        assert!(options(&["-v", "-r"]).verbose);
    }

    #[test]
    fn what_is_no_option_is_usage() {
        for words in [
            &["-x"][..],
            &["-t"],
            &["-vf"],
            &["--help"],
            &["--pac", "1"],
            &["-v-"],
            &["--why=1"],
            &["--trace"],
        ] {
            assert_eq!(mean(&typed(words)), Err(Misuse::Usage), "{words:?}");
        }
    }

    #[test]
    fn reports_know_whether_v_came_first() {
        let t = typed(&["-r", "a", "-v", "-rb", "-x"]);
        assert!(t.wrong);
        assert_eq!(t.reports.iter().map(|r| r.announce).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn long_options_stand_before_the_script_only() {
        assert_eq!(options(&["--pace", "10", "--why"]).pace, Duration::from_millis(10));
        assert_eq!(options(&["--pace=7"]).pace, Duration::from_millis(7));
        let o = options(&["", "--why"]);
        assert!(!o.why);
        let o = options(&["-t", "--why", "x"]);
        assert!(!o.why);
        assert_eq!(mean(&typed(&["--pace", "x"])), Err(Misuse::Long("--pace", "takes a whole number")));
        assert!(matches!(mean(&typed(&["--check", "--dry-run"])), Err(Misuse::Long(..))));
        assert!(matches!(mean(&typed(&["--lock"])), Err(Misuse::Long("--lock", _))));
        assert_eq!(
            options(&["--device", "/dev/x", "--speed", "9600"]).task,
            Task::RunOn(Device { path: "/dev/x".into(), speed: Some(9600), lock: false })
        );
    }
}
