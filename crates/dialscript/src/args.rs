//! The command line: what was typed, then what it means.

use clap::{Arg, ArgAction, Command, value_parser};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use ttyline::talk::tty::Device;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Job {
    /// Say what is wrong with the script; as JSON lines if `true`.
    Check(bool),
    /// Run it.
    Run(Box<Run>),
}

/// How a script is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Say more about a failure.
    pub why: bool,
    /// Print the dialogue.
    pub explain: bool,
    /// Write the dialogue here.
    pub trace: Option<PathBuf>,
    /// What it talks to.
    pub over: Over,
    /// Where $USERID comes from.
    pub user: Source,
    /// Where $PASSWORD comes from.
    pub password: Source,
    /// `set ipaddr` writes the address here.
    pub address: Option<PathBuf>,
    /// The longest the run may take.
    pub limit: Option<Duration>,
}

/// What a script talks to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Over {
    /// Descriptors 0 and 1, as pppd gives them.
    #[default]
    Standard,
    /// A recording.
    Replay(PathBuf),
    /// A device that is opened.
    Device(Device),
}

/// Where a value comes from that is not to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The environment, if it is there.
    #[default]
    Environment,
    /// The command line.
    Given(OsString),
    /// The first line of a file.
    File(PathBuf),
}

/// A command line that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The script.
    pub script: PathBuf,
    /// What to do with it.
    pub job: Job,
}

/// Reads a command line.
///
/// # Errors
/// A usage error, or the text of `--help` or `--version` (clap says which).
pub fn read(args: Vec<OsString>) -> Result<Options, clap::Error> {
    let mut typed = command().try_get_matches_from(args)?;
    let script = typed.remove_one("FILE").unwrap_or_default();
    if typed.get_flag("check") {
        return Ok(Options { script, job: Job::Check(typed.get_flag("json")) });
    }
    let over = if let Some(path) = typed.remove_one("replay") {
        Over::Replay(path)
    } else if let Some(path) = typed.remove_one("device") {
        Over::Device(Device { path, speed: typed.remove_one("speed"), lock: typed.get_flag("lock") })
    } else {
        Over::Standard
    };
    let user = match (typed.remove_one::<OsString>("user"), typed.remove_one("user-file")) {
        (Some(name), _) => Source::Given(name),
        (None, Some(file)) => Source::File(file),
        (None, None) => Source::Environment,
    };
    let run = Run {
        why: typed.get_flag("why"),
        explain: typed.get_flag("explain"),
        trace: typed.remove_one("trace"),
        over,
        user,
        password: typed.remove_one("password-file").map_or(Source::Environment, Source::File),
        address: typed.remove_one("ipaddr-file"),
        limit: typed.remove_one::<u32>("limit").map(|s| Duration::from_secs(u64::from(s))),
    };
    Ok(Options { script, job: Job::Run(Box::new(run)) })
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn file(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(value_parser!(PathBuf)).help(help)
}

fn command() -> Command {
    Command::new("dialscript")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Runs a Windows dial-up script (.scp) on a line: pppd's connect program, or a device of its own",
        )
        .disable_help_subcommand(true)
        .arg(Arg::new("FILE").required(true).value_parser(value_parser!(PathBuf)).help("The script"))
        .arg(flag("check", "Send nothing; say what is wrong with the script").conflicts_with_all([
            "why",
            "explain",
            "trace",
            "replay",
            "device",
            "user",
            "user-file",
            "password-file",
            "ipaddr-file",
            "limit",
        ]))
        .arg(flag("json", "With --check: JSON lines").requires("check"))
        .arg(flag("why", "On failure, say what came instead and what to look at (also DIALSCRIPT_WHY=1)"))
        .arg(flag("explain", "At the end, print the dialogue as a table with times"))
        .arg(file("trace", "FILE", "Write the dialogue to FILE as JSON lines, for --replay"))
        .arg(
            file("replay", "TRACE", "Run against a recorded or written remote, in no time")
                .conflicts_with("device"),
        )
        .arg(file("device", "DEV", "Open DEV as the line, and restore it"))
        .arg(
            Arg::new("speed")
                .long("speed")
                .value_name("N")
                .value_parser(value_parser!(u32).range(50..=4_000_000))
                .requires("device")
                .help("With --device: N bit/s"),
        )
        .arg(flag("lock", "With --device: hold its UUCP lock").requires("device"))
        .arg(
            Arg::new("user")
                .long("user")
                .value_name("NAME")
                .value_parser(value_parser!(OsString))
                .conflicts_with("user-file")
                .help("$USERID (else DIALSCRIPT_USERID of the environment)"),
        )
        .arg(file("user-file", "FILE", "$USERID is the first line of FILE"))
        .arg(file(
            "password-file",
            "FILE",
            "$PASSWORD is the first line of FILE (else DIALSCRIPT_PASSWORD of the environment)",
        ))
        .arg(file("ipaddr-file", "FILE", "`set ipaddr` writes the address to FILE"))
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("SECONDS")
                .value_parser(value_parser!(u32).range(1..))
                .help("End the run after SECONDS, wherever it is"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(args: &[&str]) -> Result<Options, clap::Error> {
        read(std::iter::once("dialscript").chain(args.iter().copied()).map(OsString::from).collect())
    }

    #[test]
    fn each_option_has_its_meaning() {
        let plain = typed(&["x.scp"]).unwrap();
        assert_eq!(plain, Options { script: "x.scp".into(), job: Job::Run(Box::default()) });
        assert_eq!(typed(&["--check", "--json", "x"]).unwrap().job, Job::Check(true));
        let Job::Run(run) = typed(&[
            "--device",
            "/dev/ttyS0",
            "--speed=115200",
            "--lock",
            "--user",
            "me",
            "--password-file",
            "p",
            "--limit",
            "60",
            "--ipaddr-file",
            "a",
            "--trace",
            "t",
            "--why",
            "--explain",
            "x",
        ])
        .unwrap()
        .job
        else {
            panic!("a run")
        };
        assert_eq!(
            *run,
            Run {
                why: true,
                explain: true,
                trace: Some("t".into()),
                over: Over::Device(Device { path: "/dev/ttyS0".into(), speed: Some(115_200), lock: true }),
                user: Source::Given("me".into()),
                password: Source::File("p".into()),
                address: Some("a".into()),
                limit: Some(Duration::from_secs(60)),
            }
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for args in [
            &[][..],
            &["--lock", "x"],
            &["--speed", "9600", "x"],
            &["--speed", "fast", "--device", "d", "x"],
            &["--replay", "t", "--device", "d", "x"],
            &["--json", "x"],
            &["--check", "--trace", "t", "x"],
            &["--user", "a", "--user-file", "b", "x"],
            &["--limit", "0", "x"],
            &["--password", "secret", "x"],
            &["x", "y"],
        ] {
            assert!(typed(args).is_err(), "{args:?}");
        }
    }
}
