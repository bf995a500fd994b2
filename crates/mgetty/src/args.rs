//! The command line, in two steps: what was typed ([`getopt`]), then what it means ([`Command`]).

use std::fmt;
use ttyline::expect::modem_chat::ModemChat;
use ttyline::getopt::{self, Word, number};
use ttyline::{speed, visible};

/// Letters and whether they take an argument: getopt's `c:x:s:rp:n:R:i:DC:FS:k:m:I:baV`.
pub const LETTERS: &[(char, bool)] = &[
    ('c', true),
    ('x', true),
    ('s', true),
    ('r', false),
    ('p', true),
    ('n', true),
    ('R', true),
    ('i', true),
    ('D', false),
    ('C', true),
    ('F', false),
    ('S', true),
    ('k', true),
    ('m', true),
    ('I', true),
    ('b', false),
    ('a', false),
    ('V', false),
];

/// New options and how many words follow.
pub const LONG: &[(&str, usize)] = &[
    ("check", 0),
    ("config-dir", 1),
    ("explain-caller", 1),
    ("help", 0),
    ("help-all", 0),
    ("json", 0),
    ("line", 1),
    ("probe", 1),
];

/// A usage error: message on standard error, usage in the log, exit 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// What getopt says.
    Getopt(getopt::Wrong),
    /// `-s` with a speed that is none.
    Speed(String),
    /// `-c`: gettydefs are not supported.
    Gettydefs,
    /// No line named.
    NoLine,
    /// A line that no device under /dev can be.
    Line(String),
    /// The same behind `--probe`, or for `--check` and the like: a person reads the message.
    Probe(String),
    /// `--json` without `--probe`.
    Json,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Getopt(wrong) => wrong.fmt(f),
            Wrong::Speed(text) => write!(f, "invalid speed: {text}"),
            Wrong::Gettydefs => f.write_str("gettydefs not supported"),
            Wrong::NoLine => f.write_str("no line given"),
            Wrong::Line(text) | Wrong::Probe(text) => write!(f, "not a device: {text}"),
            Wrong::Json => f.write_str("--json goes with --probe"),
        }
    }
}

impl Wrong {
    /// Whether the message belongs on standard error (getopt's own and those of new options do) or only in the log.
    pub fn is_from_getopt(&self) -> bool {
        matches!(self, Wrong::Getopt(_) | Wrong::Probe(_) | Wrong::Json)
    }
}

/// First step: the words behind `argv[0]` as getopt splits them.
pub fn typed(words: impl IntoIterator<Item = String>) -> Vec<Word> {
    getopt::split(LETTERS, LONG, words)
}

/// What the command line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print the version.
    Version,
    /// Print what the options are.
    Help,
    /// Say what is wrong in the configuration, of one line or of all.
    Check(Box<Options>),
    /// Say what becomes of a call from this number.
    Explain(Box<Options>, String),
    /// Serve a line.
    Serve(Box<Options>),
    /// Tell what modem is on a line, as JSON or for people.
    Probe(Box<Options>, bool),
}

/// What the command line says of serving a line; `None` leaves it to the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The line, without `/dev/`; empty for [`Command::Check`] and [`Command::Explain`] of no line.
    pub device: String,
    /// `-x`: log level.
    pub debug: Option<i32>,
    /// `-s`: bit/s.
    pub speed: Option<u32>,
    /// `-r` or called as `getty`.
    pub direct: bool,
    /// `-b` or called as `getty`.
    pub blocking: bool,
    /// `-a`
    pub autobauding: bool,
    /// `-D`
    pub data_only: bool,
    /// `-F`
    pub fax_only: bool,
    /// `-p`
    pub prompt: Option<String>,
    /// `-n`
    pub rings: Option<i32>,
    /// `-R`: seconds.
    pub ringback: Option<i32>,
    /// `-i`
    pub issue: Option<String>,
    /// `-C`
    pub modem_type: Option<String>,
    /// `-m`
    pub init_chat: Option<ModemChat>,
    /// `--config-dir`
    pub config_dir: Option<String>,
}

/// Second step. `name` is the file name of `argv[0]`.
pub fn meaning(name: &str, typed: Vec<Word>) -> Result<Command, Wrong> {
    let mut options = Options::default();
    if name == "getty" {
        (options.direct, options.blocking) = (true, true);
    }
    let mut line = None;
    let (mut check, mut caller) = (false, None);
    let (mut probe, mut json) = (None, false);
    for word in typed {
        match word {
            Word::Wrong(wrong) => return Err(Wrong::Getopt(wrong)),
            Word::Letter('V', _) => return Ok(Command::Version),
            Word::Letter('c', _) => return Err(Wrong::Gettydefs),
            Word::Letter(letter, value) => option(&mut options, letter, value)?,
            Word::Long("config-dir", values) => options.config_dir = values.into_iter().next(),
            Word::Long("check", _) => check = true,
            Word::Long("explain-caller", values) => caller = values.into_iter().next(),
            Word::Long("line", values) => line = line.or(values.into_iter().next()),
            Word::Long("probe", values) => probe = values.into_iter().next(),
            Word::Long("json", _) => json = true,
            Word::Long(..) => return Ok(Command::Help),
            // The second is a gettydefs tag where that is compiled in; all further ones say nothing.
            Word::Operand(word) => line = line.or(Some(word)),
        }
    }
    if check || caller.is_some() {
        options.device = line.map_or(Ok(String::new()), |line| asked_about(&line))?;
        let options = Box::new(options);
        return Ok(match caller {
            Some(caller) => Command::Explain(options, caller),
            None => Command::Check(options),
        });
    }
    if let Some(line) = probe {
        options.device = asked_about(&line)?;
        return Ok(Command::Probe(Box::new(options), json));
    }
    if json {
        return Err(Wrong::Json);
    }
    let line = line.ok_or(Wrong::NoLine)?;
    options.device = device(&line)?;
    Ok(Command::Serve(Box::new(options)))
}

fn option(options: &mut Options, letter: char, value: String) -> Result<(), Wrong> {
    match letter {
        'x' => options.debug = Some(number(&value)),
        's' => {
            let wanted = u32::try_from(number(&value)).unwrap_or(0);
            if !speed::is_mgetty_speed(wanted) {
                return Err(Wrong::Speed(value));
            }
            options.speed = Some(wanted);
        }
        'r' => options.direct = true,
        'b' => options.blocking = true,
        'a' => options.autobauding = true,
        'D' => options.data_only = true,
        'F' => options.fax_only = true,
        'p' => options.prompt = Some(value),
        'n' => options.rings = Some(number(&value)),
        'R' => options.ringback = Some(number(&value)),
        'i' => options.issue = Some(value),
        'C' => options.modem_type = Some(value),
        'm' => options.init_chat = Some(ModemChat::parse(value.as_bytes())),
        // -I, -k and -S are about received faxes, and none is received.
        _ => {}
    }
    Ok(())
}

/// The name under /dev. `..` would name something else, and a name as long as a path is none.
fn device(line: &str) -> Result<String, Wrong> {
    let name = line.strip_prefix("/dev/").unwrap_or(line);
    let safe = !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('/')
        && !name.bytes().any(|b| b.is_ascii_control())
        && !name.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if safe { Ok(name.to_string()) } else { Err(Wrong::Line(line.chars().take(100).collect())) }
}

/// The same where a person reads the message.
fn asked_about(line: &str) -> Result<String, Wrong> {
    device(line).map_err(|_| Wrong::Probe(visible::terminal(line.chars().take(100).collect::<String>())))
}

/// What `-V` prints; `dir` is the configuration directory.
pub fn version(dir: &str) -> String {
    format!(
        "\nmgetty+sendfax by Gert Doering\nRingback {}, a drop-in replacement of release 1.2.1\n\n\
         log file written to '/var/log/mgetty/mg_<ttyX>.log'\n\
         config file read from '{dir}/mgetty.config'\n\n",
        env!("CARGO_PKG_VERSION")
    )
}

/// The usage line, as in the log.
pub const USAGE: &str = "Usage: mgetty [-x debug] [-s speed] [-r] line";

/// What `--help-all` prints.
pub const HELP: &str = "\
usage: mgetty [options] line
  -a            set the speed the modem names behind CONNECT
  -b            open the line blocking (wait for carrier)
  -C type       modem type: auto, data, cls2, c2.0, cls1, c1.0 (faxes are refused)
  -c file       gettydefs: not supported
  -D            data only
  -F            fax only
  -I id         fax identification (ignored)
  -i file       issue file, or the text itself
  -k kbytes     free space for faxes (ignored)
  -m chat       initialisation chat
  -n rings      answer after so many rings
  -p prompt     login prompt
  -R seconds    ringback, with this window
  -r            direct line, no modem
  -S file       fax to be polled (ignored)
  -s speed      port speed, bit/s
  -V            version
  -x level      log level 0 to 9
  --check       say what is wrong in the configuration (of --line), serve nothing
  --config-dir directory
                where mgetty.config and login.config are
  --explain-caller number
                say what becomes of a call from there (on --line), and why
  --probe line [--json]
                tell what modem is on a line and what it can do
  --help, --help-all
                this text
  --line line   for --check and --explain-caller
";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn command(line: &str) -> Result<Command, Wrong> {
        meaning("mgetty", typed(line.split(' ').filter(|w| !w.is_empty()).map(String::from)))
    }

    fn options(line: &str) -> Options {
        match command(line) {
            Ok(Command::Serve(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_shipped_inittab_and_unit() {
        let text = include_str!("../../../etc/inittab.example");
        let lines: Vec<&str> =
            text.lines().filter_map(|l| l.split(":respawn:/sbin/mgetty ").nth(1)).collect();
        assert_eq!(lines.len(), 5);
        let devices: Vec<String> = lines.iter().map(|line| options(line).device).collect();
        assert_eq!(devices[0], "ttyS0");
        assert!(options(lines[2]).data_only && options(lines[4]).direct);
        let unit = include_str!("../../../etc/systemd/mgetty@.service");
        let start = unit.lines().find_map(|l| l.strip_prefix("ExecStart=/sbin/mgetty ")).expect("a command");
        let name = "serial/by-id/usb-Ringback_USB_Modem_OFFICE-if00";
        assert_eq!(options(&start.replace("%I", name)).device, name);
    }

    #[test]
    fn the_four_inittab_lines() {
        for line in ["ttyS1 -D /dev/ttyS1 vt100", "ttyS1 -D /dev/ttyS1", "/dev/ttyS1 -D vt100"] {
            let options = options(line);
            assert_eq!((options.device.as_str(), options.data_only, options.speed), ("ttyS1", true, None));
        }
        let options = options("ttyS1 -s 115200 -D /dev/ttyS1");
        assert_eq!((options.speed, options.data_only), (Some(115_200), true));
    }

    #[test]
    fn letters_cluster_and_permute() {
        assert_eq!(options("-n4 ttyS0").rings, Some(4));
        assert_eq!(options("ttyS0 -n 4").rings, Some(4));
        let both = options("-rD pts/3");
        assert!(both.direct && both.data_only);
        assert_eq!(both.device, "pts/3");
        assert_eq!(options("-rn4 x").rings, Some(4));
        assert_eq!(options("-p=x y").prompt.as_deref(), Some("=x"));
        assert_eq!(options("-n -4 y").rings, Some(-4));
        assert_eq!(options("-- -x").device, "-x");
        assert_eq!(options("- b").device, "-");
    }

    #[test]
    fn mistakes_are_told_in_getopts_order() {
        assert_eq!(command("-z ttyS0"), Err(Wrong::Getopt(getopt::Wrong::Unknown('z'))));
        assert_eq!(command("--speed ttyS0"), Err(Wrong::Getopt(getopt::Wrong::Unknown('-'))));
        assert_eq!(command("ttyS0 -n"), Err(Wrong::Getopt(getopt::Wrong::Missing('n'))));
        assert_eq!(command("-D"), Err(Wrong::NoLine));
        assert_eq!(command("-s 1234 ttyS0"), Err(Wrong::Speed("1234".into())));
        assert_eq!(command("-V -z"), Ok(Command::Version));
        assert_eq!(command("-z -V"), Err(Wrong::Getopt(getopt::Wrong::Unknown('z'))));
        assert_eq!(command("-c /etc/gettydefs"), Err(Wrong::Gettydefs));
        for line in ["/dev/", "../etc/passwd", "/etc/passwd", "a//b", "x\ny"] {
            assert!(matches!(command(line), Err(Wrong::Line(_))), "{line:?}");
        }
        assert!(matches!(command(&"x".repeat(5000)), Err(Wrong::Line(_))));
    }

    #[test]
    fn new_options_are_long_and_whole() {
        assert_eq!(options("--config-dir /x ttyS0").config_dir.as_deref(), Some("/x"));
        assert_eq!(options("ttyS0 --config-dir=/x").config_dir.as_deref(), Some("/x"));
        assert_eq!(command("--config ttyS0"), Err(Wrong::Getopt(getopt::Wrong::Unknown('-'))));
        assert_eq!(command("--help-all"), Ok(Command::Help));
        assert!(matches!(command("--help-all=1"), Err(Wrong::Getopt(_))));
        assert!(matches!(command("ttyS0 --config-dir"), Err(Wrong::Getopt(_))));
        assert_eq!(options("-- --help").device, "--help");
        assert!(
            matches!(command("--probe /dev/ttyS1 --json"), Ok(Command::Probe(o, true)) if o.device == "ttyS1")
        );
        assert!(matches!(command("-s 9600 --probe=ttyS1"), Ok(Command::Probe(_, false))));
        assert_eq!(command("--json ttyS1"), Err(Wrong::Json));
        assert_eq!(command("--probe ../x"), Err(Wrong::Probe("../x".into())));
        assert_eq!(command("--check --line ../x"), Err(Wrong::Probe("../x".into())));
    }

    #[test]
    fn called_as_getty_it_is_direct_and_blocking() {
        let typed = typed(["ttyS0".to_string()]);
        let Ok(Command::Serve(options)) = meaning("getty", typed) else { panic!("a line") };
        assert!(options.direct && options.blocking);
    }

    #[test]
    fn every_option_is_in_the_help() {
        for (letter, _) in LETTERS {
            assert!(HELP.contains(&format!("  -{letter} ")), "-{letter}");
        }
        for (name, _) in LONG {
            assert!(HELP.contains(&format!("--{name}")), "--{name}");
        }
    }

    proptest! {
        #[test]
        fn any_words_mean_something(words in proptest::collection::vec("[-a-zA-Z0-9=/. ]{0,8}", 0..8)) {
            let _ = meaning("mgetty", typed(words));
        }
    }
}
