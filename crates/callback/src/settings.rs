//! callback.config and the command line as one.

use crate::args::Options;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ttyline::at::profile::Choice;
use ttyline::config::call_policy::{self, CallPolicy};
use ttyline::config::callback::CallbackConfig;
use ttyline::config::mgetty::MgettyConfig;
use ttyline::config::{self, Document, Source};
use ttyline::expect::modem_chat::ModemChat;

/// Least wait before dialling: init has to start a new getty.
const LEAST_DELAY: u64 = 4;

/// What could not be read, for the log: whether it is a mere remark, and the text.
pub type Notes = Vec<(bool, String)>;

/// The configuration as a file, read once for each line.
#[derive(Clone, Debug)]
pub struct Reader {
    path: PathBuf,
    readable: bool,
    document: Document,
    options: Options,
}

/// What holds for one line and one user.
#[derive(Clone, Debug)]
pub struct Settings {
    config: CallbackConfig,
    /// Who, where, when, how often.
    pub policy: CallPolicy,
}

impl Reader {
    /// Reads the file. Gives what there is to say of it.
    #[must_use]
    pub fn open(options: &Options) -> (Reader, Notes) {
        let directory = options.config_dir.as_ref().map_or_else(config::default_directory, PathBuf::from);
        let path = directory.join("callback.config");
        let (bytes, notes) = match config::read(&path) {
            Source::Read(bytes, _) => (bytes, Vec::new()),
            Source::Missing => {
                (Vec::new(), vec![(true, format!("no config file found: {}", path.display()))])
            }
            Source::Unreadable(e) => {
                let why = format!("cannot read {}: {}", path.display(), ttyline::log::reason(&e));
                (Vec::new(), vec![(false, why)])
            }
        };
        // A mere remark is a file that is not there.
        let readable = notes.iter().all(|(mere, _)| *mere);
        (Reader { path, readable, document: Document::parse(bytes), options: options.clone() }, notes)
    }

    /// Whether the file could be read (or is not there). Otherwise policy is not known, and nobody may choose
    /// a number.
    #[must_use]
    pub fn readable(&self) -> bool {
        self.readable
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What holds for a line and a user.
    #[must_use]
    pub fn settings(&self, device: Option<&str>, user: Option<&str>) -> (Settings, Notes) {
        let mut config = CallbackConfig::default();
        if let Some(level) = self.options.debug {
            config.debug.override_with(level);
        }
        if let Some(speed) = self.options.speed {
            config.speed.override_with(i64::from(speed));
        }
        if let Some(chat) = &self.options.init {
            config.modem_init.override_with(config::value::Chat(chat.as_str().into()));
        }
        if let Some(lines) = &self.options.lines {
            config.dialout_devices.override_with(lines.join(":").as_str().into());
        }
        let (mut policy, problems) = call_policy::load(&mut config, &self.document, device, user);
        let said =
            |line: &config::LogicalLine| line.keyword().is_some_and(|word| word.bytes == b"blind-dial");
        if !self.document.entries().any(said) {
            policy.blind_dial = device.is_some_and(|device| self.dials_blindly(device));
        }
        let notes = problems.iter().map(|p| (p.is_mere_doubt(), p.describe(&self.path))).collect();
        (Settings { config, policy }, notes)
    }

    /// Whether mgetty.config says that the line's modem is of a family that hears no dial tone.
    fn dials_blindly(&self, device: &str) -> bool {
        let mut getty = MgettyConfig::default();
        getty.load_file(&self.path.with_file_name("mgetty.config"), device);
        let choice = Choice::of(&getty.modem_profile.value.as_str());
        matches!(choice, Some(Choice::Named(profile)) if profile.quirks.blind_dial)
    }
}

fn seconds(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0).min(86_400)
}

impl Settings {
    /// Lines to dial on; `None` for one outside /dev.
    #[must_use]
    pub fn lines(&self) -> Option<Vec<String>> {
        crate::args::lines(&self.config.dialout_devices.value.as_str())
    }

    /// The wait before dialling; `chance` is any number.
    #[must_use]
    pub fn delay(&self, chance: u64) -> Duration {
        let spread = seconds(self.config.delay_randomize.value).checked_sub(1).map_or(5, |n| n + 1);
        Duration::from_secs((seconds(self.config.delay.value) + chance % spread).max(LEAST_DELAY))
    }

    /// Between tries.
    #[must_use]
    pub fn retry(&self) -> Duration {
        Duration::from_secs(seconds(self.config.retry_time.value))
    }

    /// For all tries, from the start.
    #[must_use]
    pub fn most(&self) -> Duration {
        Duration::from_secs(seconds(self.config.max_time.value))
    }

    /// After CONNECT.
    #[must_use]
    pub fn prompt_wait(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.config.prompt_waittime.value).unwrap_or(0).min(60_000))
    }

    /// How long the getty may take to have the call.
    #[must_use]
    pub fn hand_over(&self) -> Duration {
        Duration::from_secs(u64::from(self.policy.hand_over))
    }

    /// bit/s; `None` for a speed that is none.
    #[must_use]
    pub fn speed(&self) -> Option<u32> {
        let speed = u32::try_from(self.config.speed.value).ok()?;
        ttyline::speed::is_mgetty_speed(speed).then_some(speed)
    }

    /// The log level.
    #[must_use]
    pub fn debug(&self) -> u8 {
        u8::try_from(self.config.debug.value.clamp(0, 9)).unwrap_or(4)
    }

    /// Initialises the modem.
    #[must_use]
    pub fn init(&self) -> ModemChat {
        ModemChat::parse(self.config.modem_init.value.0.as_bytes())
    }

    /// The dial command for a number, without its CR.
    #[must_use]
    pub fn dial(&self, number: &str) -> Vec<u8> {
        [self.config.dial_prefix.value.as_bytes(), number.as_bytes()].concat()
    }

    /// What is sent so that the modem waits for a dial tone; `None` if the initialisation says it already.
    /// The flag is whether the modem will dial without one.
    #[must_use]
    pub fn tone(&self) -> (Option<&'static str>, bool) {
        match (said_of_tone(&self.init()), self.policy.blind_dial) {
            (Some(waits), _) => (None, !waits),
            (None, true) => (Some("ATX3"), true),
            (None, false) => (Some("ATX4"), false),
        }
    }
}

/// Whether an initialisation sets `X` (V.250, 6.3.6 and 6.2.7): the last value, waiting (X2, X4) or not.
fn said_of_tone(init: &ModemChat) -> Option<bool> {
    let mut found = None;
    for word in init.words().iter().skip(1).step_by(2) {
        let text = word.to_ascii_uppercase();
        for (place, pair) in text.windows(2).enumerate() {
            let before = place.checked_sub(1).and_then(|p| text.get(p)).copied().unwrap_or(b' ');
            if pair.first() == Some(&b'X') && (before.is_ascii_alphanumeric() || before == b' ') {
                found = match pair.get(1) {
                    Some(b'2' | b'4') => Some(true),
                    Some(b'0' | b'1' | b'3') => Some(false),
                    _ => found,
                };
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str, options: &Options) -> Settings {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("callback.config"), text).unwrap();
        let options = Options { config_dir: Some(dir.path().display().to_string()), ..options.clone() };
        let (reader, notes) = Reader::open(&options);
        assert!(notes.is_empty());
        reader.settings(None, None).0
    }

    #[test]
    fn delays_are_the_originals() {
        let of = |text: &str, chance| settings(text, &Options::default()).delay(chance).as_secs();
        assert_eq!((of("", 0), of("", 9), of("", 10)), (20, 29, 20));
        assert_eq!(of("delay 4\ndelay-randomize 1\n", 7), 4);
        assert_eq!(of("delay 1\ndelay-randomize 1\n", 7), 4, "init needs a moment");
        assert_eq!(of("delay 6\ndelay-randomize 0\n", 9), 10);
        assert_eq!(of("delay 6\ndelay-randomize -3\n", 9), 10);
    }

    #[test]
    fn the_command_line_comes_first() {
        let options = Options {
            debug: Some(9),
            speed: Some(9600),
            init: Some("\"\" ATZ OK".into()),
            lines: Some(vec!["ttyS3".into()]),
            ..Options::default()
        };
        let all = settings("debug 1\nspeed 300\nmodem-init \"\" AT OK\ndialout-devices ttyS1\n", &options);
        assert_eq!((all.debug(), all.speed(), all.lines()), (9, Some(9600), Some(vec!["ttyS3".into()])));
        assert_eq!(all.init().words()[1], b"ATZ");
        assert_eq!(settings("speed 1234", &Options::default()).speed(), None);
        assert_eq!(settings("dial-prefix ATDT0,", &Options::default()).dial("123"), b"ATDT0,123");
        assert_eq!(settings("", &Options::default()).lines(), Some(vec!["ttyS1".into()]));
        assert_eq!(settings("dialout-devices ttyS1:/etc/x", &Options::default()).lines(), None);
    }

    #[test]
    fn a_modem_behind_an_adapter_dials_blindly() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mgetty.config"), "port ttyS2\nmodem-profile ata\n").unwrap();
        let options = Options { config_dir: Some(dir.path().display().to_string()), ..Options::default() };
        let blind = |device| Reader::open(&options).0.settings(Some(device), None).0.policy.blind_dial;
        assert_eq!((blind("ttyS1"), blind("ttyS2")), (false, true));
        std::fs::write(dir.path().join("callback.config"), "blind-dial no\n").unwrap();
        assert!(!blind("ttyS2"));
    }

    #[test]
    fn who_waits_for_the_dial_tone() {
        let tone = |text: &str| settings(text, &Options::default()).tone();
        assert_eq!(tone(""), (Some("ATX4"), false));
        assert_eq!(tone("blind-dial yes"), (Some("ATX3"), true));
        assert_eq!(tone("modem-init \"\" ATE0X3V1 OK"), (None, true));
        assert_eq!(tone("modem-init \"\" ATX4 OK"), (None, false));
        assert_eq!(tone("modem-init \"\" AT&X1\\X1 OK"), (Some("ATX4"), false), "&X is something else");
    }
}
