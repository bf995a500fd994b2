//! What is known before the session starts: the line, where things are, who owns the device.

use crate::args::Options;
use crate::judge;
use crate::session::{Setup, Waits};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ttyline::at::profile::Choice;
use ttyline::config::mgetty::{Loaded, MgettyConfig};
use ttyline::config::value::Chat;
use ttyline::config::{self, Setting, Text, caller_rules};
use ttyline::expect::modem_chat::ModemChat;
use ttyline::line_name::LineName;
use ttyline::log::reason;
use ttyline::settings::Frame;
use ttyline::{account, speed, visible};

/// Everything about serving a line that the session itself need not know.
#[derive(Debug, Clone)]
pub struct Service {
    /// The line.
    pub name: LineName,
    /// 0 to 9.
    pub debug: u8,
    /// Bit/s.
    pub speed: u32,
    /// Whom the device belongs to; `None` leaves it.
    pub owner: Option<u32>,
    /// The same for its group.
    pub group: Option<u32>,
    /// The device's mode; `None` leaves it.
    pub mode: Option<u32>,
    /// Carrier is not looked at.
    pub ignore_carrier: bool,
    /// Data bits and parity.
    pub frame: Frame,
    /// Takes every caller at CONNECT: a program and its arguments, as in login.config.
    pub exec_on_connect: Option<Text>,
    /// Only faxes are to be answered, so nobody is.
    pub fax_only: bool,
    /// As in mgetty.config.
    pub issue: Text,
    /// Before expansion.
    pub prompt: Vec<u8>,
    /// login.config.
    pub login_file: PathBuf,
    /// `TERM` for the login program.
    pub term: Option<String>,
    /// dialin.config and the caller rules.
    pub caller_files: judge::Files,
    /// Says how many rings to wait for.
    pub cid_program: Option<Vec<String>>,
    /// Says whether to answer.
    pub cnd_program: Option<Vec<String>>,
    /// They and the programs of caller rules get so long.
    pub program_time: Duration,
    /// Calls back without answering.
    pub callback_program: String,
    /// Lines of the statistics chat are appended to it.
    pub statistics_file: Option<PathBuf>,
}

/// `caller-program-time` where it is no time.
const PROGRAM_TIME: Duration = Duration::from_secs(10);

/// The log of a line.
pub fn log_path(id: &str) -> PathBuf {
    Path::new("/var/log/mgetty").join(format!("mg_{id}.log"))
}

/// The file that tells our process id (the call-back program looks for it).
pub fn pid_path(id: &str) -> PathBuf {
    Path::new("/var/run").join(format!("mgetty.pid.{id}"))
}

/// The file that forbids logins on a line.
pub fn nologin_path(id: &str) -> PathBuf {
    Path::new("/etc").join(format!("nologin.{id}"))
}

/// Command line, configuration and built-in values put together, and what the log should hear of it.
pub fn settle(name: LineName, options: &Options) -> (Service, Setup, Vec<String>) {
    let directory = directory(options);
    let mut config = MgettyConfig::default();
    command_line(&mut config, options);
    let path = directory.join("mgetty.config");
    let mut notes = match config.load_file(&path, name.device()) {
        Loaded::Read(problems) => problems.iter().map(|p| p.describe(&path)).collect(),
        Loaded::Missing => vec![format!("{}: not there, built-in values are used", path.display())],
        Loaded::Unreadable(error) => {
            vec![format!("{}: cannot be read ({}), built-in values are used", path.display(), reason(&error))]
        }
    };
    if !matches!(config.data_bits.value, 7 | 8) {
        notes.push(format!("data-bits {}: 7 or 8 are possible, 8 is used", config.data_bits.value));
    }
    if config.fax_only.value {
        notes.push("fax-only: no fax is received, so every call is refused".into());
    }
    notes.extend(caller_files(&directory, &config).doubts());
    let speed = speed_of(&config, &mut notes);
    let setup = Setup { profile: profile(&config, &mut notes), ..setup(&config, options, &name) };
    let service = Service {
        debug: u8::try_from(config.debug.value.clamp(0, 9)).unwrap_or(4),
        speed,
        owner: id(&config.port_owner.value, account::user_id, "port-owner", &mut notes),
        group: id(&config.port_group.value, account::group_id, "port-group", &mut notes),
        mode: u32::try_from(config.port_mode.value).ok().filter(|mode| *mode <= 0o7777),
        frame: config.frame(),
        exec_on_connect: exec_on_connect(&config),
        ignore_carrier: config.ignore_carrier.value,
        fax_only: config.fax_only.value,
        issue: config.issue_file.value.clone(),
        prompt: config.login_prompt.value.as_bytes().to_vec(),
        // An absolute path stays one when it is joined.
        login_file: directory.join(config.login_conf_file.value.as_path()),
        term: config.term.value.as_ref().map(|term| term.as_str().into_owned()),
        statistics_file: config.statistics_file.value.as_ref().map(|file| file.as_path().to_path_buf()),
        caller_files: caller_files(&directory, &config),
        cid_program: words(&config.cid_program),
        cnd_program: words(&config.cnd_program),
        // Killed at once it would refuse nobody.
        program_time: seconds(&config.caller_program_time).unwrap_or(PROGRAM_TIME),
        callback_program: config.callback_program.value.as_str().into_owned(),
        name,
    };
    (service, setup, notes)
}

/// Where mgetty.config and the files beside it are.
pub fn directory(options: &Options) -> PathBuf {
    options.config_dir.as_ref().map_or_else(config::default_directory, PathBuf::from)
}

/// The files that say who is answered.
pub fn caller_files(directory: &Path, config: &MgettyConfig) -> judge::Files {
    let rules = config.caller_rules.value.as_ref();
    judge::Files {
        dialin: directory.join("dialin.config"),
        rules: rules.map_or_else(|| caller_rules::FILE.into(), |file| directory.join(file.as_path())),
        rules_named: rules.is_some(),
    }
}

fn command_line(config: &mut MgettyConfig, options: &Options) {
    let number = |value: &mut Setting<i64>, typed: Option<i32>| {
        if let Some(typed) = typed {
            value.override_with(i64::from(typed));
        }
    };
    let yes = |value: &mut Setting<bool>, typed: bool| {
        if typed {
            value.override_with(true);
        }
    };
    let text = |value: &mut Setting<Text>, typed: &Option<String>| {
        if let Some(typed) = typed {
            value.override_with(Text::from(typed.as_str()));
        }
    };
    number(&mut config.debug, options.debug);
    number(&mut config.rings, options.rings);
    number(&mut config.ringback_time, options.ringback);
    yes(&mut config.ringback, options.ringback.is_some());
    yes(&mut config.direct, options.direct);
    yes(&mut config.blocking, options.blocking);
    yes(&mut config.autobauding, options.autobauding);
    yes(&mut config.data_only, options.data_only);
    yes(&mut config.fax_only, options.fax_only);
    text(&mut config.login_prompt, &options.prompt);
    text(&mut config.issue_file, &options.issue);
    text(&mut config.modem_type, &options.modem_type);
    if let Some(speed) = options.speed {
        config.speed.override_with(i64::from(speed));
    }
}

fn setup(config: &MgettyConfig, options: &Options, name: &LineName) -> Setup {
    let chat = |chat: &Chat| ModemChat::parse(chat.0.as_bytes());
    let maybe = |value: &Setting<Option<Chat>>| value.value.as_ref().map(chat).unwrap_or_default();
    let waits = Waits {
        dtr: ms(&config.toggle_dtr_waittime),
        before_command: ms(&config.command_delay),
        init_drain: ms(&config.init_drain),
        ready_drain: ms(&config.ready_drain),
        connect_drain: ms(&config.connect_drain),
        prompt: ms(&config.prompt_waittime),
        after_dialout: ms(&config.dialout_delay),
        // Less would take every call for noise.
        ring: ms(&config.ring_timeout).max(Duration::from_secs(1)),
        refused: ms(&config.refused_drain),
        ..Waits::default()
    };
    let words = config.msn_list.value.as_ref().map(|list| list.as_str().into_owned()).unwrap_or_default();
    Setup {
        device: name.device().to_string(),
        pid: nix::unistd::getpid().as_raw(),
        direct: config.direct.value,
        blocking: config.blocking.value,
        toggle_dtr: config.toggle_dtr.value,
        ignore_carrier: config.ignore_carrier.value,
        open_delay: config
            .open_delay
            .value
            .map(|delay| Duration::from_millis(u64::try_from(delay).unwrap_or(0))),
        need_dsr: config.need_dsr.value,
        profile: Choice::Plain,
        init_chat: options.init_chat.clone().unwrap_or_else(|| chat(&config.init_chat.value)),
        force_init_chat: chat(&config.force_init_chat.value),
        post_init_chat: maybe(&config.post_init_chat),
        statistics_chat: maybe(&config.statistics_chat),
        get_cnd_chat: maybe(&config.get_cnd_chat),
        answer_chat: chat(&config.answer_chat.value),
        // Without a limit a modem could hold the line for ever.
        answer_timeout: seconds(&config.answer_chat_timeout).unwrap_or(Setup::default().answer_timeout),
        modem_check: config.modem_check_interval(),
        rings: config.rings_wanted(),
        ringback: config.ringback.value.then(|| config.ringback_window()),
        msn_list: words.split_ascii_whitespace().map(String::from).collect(),
        ask_rings: config.cid_program.value.as_ref().is_some_and(|words| !words.is_empty()),
        autobauding: config.autobauding.value,
        // A line that waits for carrier has no limit, as in the original.
        login_time: seconds(&config.login_time).filter(|_| !config.blocking.value),
        fido: config.fido_send_emsi.value,
        exec_on_connect: exec_on_connect(config).is_some(),
        ttyprompt_hack: config.ttyprompt_hack.value,
        waits,
    }
}

fn exec_on_connect(config: &MgettyConfig) -> Option<Text> {
    config.exec_on_connect.value.clone().filter(|program| !program.is_empty())
}

/// A program and its arguments: words at blanks, no shell.
pub fn words(value: &Setting<Option<Text>>) -> Option<Vec<String>> {
    let text = value.value.as_ref()?.as_str();
    let words: Vec<String> = text.split_ascii_whitespace().map(String::from).collect();
    (!words.is_empty()).then_some(words)
}

fn profile(config: &MgettyConfig, notes: &mut Vec<String>) -> Choice {
    let text = config.modem_profile.value.as_str();
    Choice::of(&text).unwrap_or_else(|| {
        let name = visible::field(text.as_bytes());
        notes.push(format!("modem-profile: no family `{name}` is known, the init chat alone is used"));
        Choice::Plain
    })
}

/// A limit; none if it is not positive.
fn seconds(value: &Setting<i64>) -> Option<Duration> {
    u64::try_from(value.value).ok().filter(|limit| *limit > 0).map(Duration::from_secs)
}

fn ms(value: &Setting<i64>) -> Duration {
    Duration::from_millis(u64::try_from(value.value).unwrap_or(0))
}

fn speed_of(config: &MgettyConfig, notes: &mut Vec<String>) -> u32 {
    let wanted = u32::try_from(config.speed.value).unwrap_or(0);
    if speed::is_mgetty_speed(wanted) {
        return wanted;
    }
    notes.push(format!("speed {}: no such speed, 38400 is used", config.speed.value));
    38400
}

/// A name or number that exists; `None` (and a note) if there is none such.
fn id(value: &Text, by_name: fn(&str) -> Option<u32>, keyword: &str, notes: &mut Vec<String>) -> Option<u32> {
    let text = value.as_str();
    let found = by_name(&text).or_else(|| text.parse().ok());
    if found.is_none() {
        notes.push(format!(
            "{keyword}: no `{}` on this machine, the device keeps its own",
            visible::field(text.as_bytes())
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_file(text: &str, options: &Options) -> (Service, Setup, Vec<String>) {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("mgetty.config"), text).expect("a file");
        let options = Options { config_dir: Some(directory.path().display().to_string()), ..options.clone() };
        settle(LineName::new("ttyS1").expect("a name"), &options)
    }

    #[test]
    fn the_command_line_comes_before_the_file_and_the_file_before_what_is_built_in() {
        let file = "speed 9600\nrings 3\nlogin-prompt x\nport ttyS1\nprompt-waittime 100\ncommand-delay 7\n";
        let (service, setup, notes) = with_file(file, &Options { rings: Some(5), ..Options::default() });
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!((service.speed, setup.rings, service.prompt.as_slice()), (9600, 5, &b"x"[..]));
        assert_eq!(
            (setup.waits.prompt, setup.waits.before_command),
            (Duration::from_millis(100), Duration::from_millis(7))
        );
        assert_eq!(setup.init_chat, Setup::default().init_chat);
        assert_eq!(setup.answer_chat, Setup::default().answer_chat);
        assert_eq!(setup.force_init_chat, Setup::default().force_init_chat);
        assert_eq!(setup.waits.pause, Duration::from_millis(500));
    }

    #[test]
    fn what_is_wrong_is_said_once_and_does_no_harm() {
        let (service, _, notes) =
            with_file("speed 12345\nport-owner nobody-of-that-name\nwibble 1\n", &Options::default());
        assert_eq!((service.speed, service.owner), (38400, None));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes.iter().any(|n| n.contains("mgetty.config:3:1: unknown keyword `wibble`")), "{notes:?}");
        let missing = Options { config_dir: Some("/nonexistent".into()), ..Options::default() };
        let (_, setup, notes) = settle(LineName::new("x").expect("a name"), &missing);
        assert_eq!((notes.len(), setup.rings), (1, 1));
    }

    #[test]
    fn the_built_in_values_are_those_of_the_configuration() {
        let (_, setup, _) = with_file("", &Options::default());
        let wanted = Setup { device: setup.device.clone(), pid: setup.pid, ..Setup::default() };
        assert_eq!(setup, wanted);
    }
}
