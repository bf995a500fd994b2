//! `mgetty.config`: all keywords of Debian's mgetty, with its built-in values (spec section 2).
//!
//! One built-in value differs: the initialising chat has no pause at its head, which costs every start half
//! a second. A chat written in a file keeps its pauses.

use super::keywords::keyword_file;
use super::value::{Chat, Text};
use super::{Problem, Source};
use crate::settings::{Flow, Frame, Parity};
use std::path::Path;

fn chat(text: &str) -> Chat {
    Chat(Text::from(text))
}

keyword_file! {
    /// The settings of one line.
    MgettyConfig {
        /// Port speed, bit/s; must be one of [`crate::speed::MGETTY`].
        "speed" speed: i64 = 38400;
        /// Speed for receiving faxes; 0: as `speed`.
        "switchbd" fax_receive_speed: i64 = 0;
        /// A null-modem line: no modem, no RING.
        "direct" direct: bool = false;
        /// Opening waits for carrier.
        "blocking" blocking: bool = false;
        /// Owner of the device: a name or number.
        "port-owner" port_owner: Text = Text::from("root");
        /// Group of the device.
        "port-group" port_group: Text = Text::from("dialout");
        /// Mode of the device.
        "port-mode" port_mode: i64 = 0o660;
        /// DTR goes low at the start.
        "toggle-dtr" toggle_dtr: bool = true;
        /// For how long, ms.
        "toggle-dtr-waittime" toggle_dtr_waittime: i64 = 500;
        /// Pause after opening, ms.
        "open-delay" open_delay: Option<i64> = None;
        /// After a failed initialisation, wait for a modem that shows DSR or CTS.
        "need-dsr" need_dsr: bool = false;
        /// No fax.
        "data-only" data_only: bool = false;
        /// Nothing but fax.
        "fax-only" fax_only: bool = false;
        /// `auto c2.0 cls2 cls1 c1.0 data`; `data` is as `data-only`.
        "modem-type" modem_type: Text = Text::from("auto");
        /// Bits for odd fax modems.
        "modem-quirks" modem_quirks: Option<i64> = None;
        /// Initialises the modem.
        "init-chat" init_chat: Chat = chat(r#""" ATQ0V1H0 OK AT OK"#);
        /// Tried once when initialising has timed out.
        "force-init-chat" force_init_chat: Chat =
            chat("\"\" \\d\x10\x03\\d\\d\\d+++\\d\\d\\d\\r\\dATQ0V1H0 OK");
        /// After all initialising; its result does not matter.
        "post-init-chat" post_init_chat: Option<Chat> = None;
        /// Read and not used: data lines always have RTS/CTS.
        "data-flow" data_flow: Flow = Flow::Hard;
        /// Fax.
        "fax-send-flow" fax_send_flow: Flow = Flow::Both;
        /// Fax.
        "fax-rec-flow" fax_receive_flow: Flow = Flow::Both;
        /// How often an idle modem is checked, s; below 900 is 900, negative is never.
        "modem-check-time" modem_check_time: i64 = 3600;
        /// Rings before the answer; 0 is 1.
        "rings" rings: i64 = 1;
        /// Called numbers, for distinctive rings.
        "msn-list" msn_list: Option<Text> = None;
        /// Asks the modem for the caller before answering.
        "get-cnd-chat" get_cnd_chat: Option<Chat> = None;
        /// Program that decides about the rings to wait for.
        "cid-program" cid_program: Option<Text> = None;
        /// Program that decides whether to answer.
        "cnd-program" cnd_program: Option<Text> = None;
        /// Answers.
        "answer-chat" answer_chat: Chat = chat(r#""" ATA CONNECT \c \n"#);
        /// Limit for each string the answer waits for, s.
        "answer-chat-timeout" answer_chat_timeout: i64 = 80;
        /// The port's speed follows the CONNECT text.
        "autobauding" autobauding: bool = false;
        /// Answer the second call only.
        "ringback" ringback: bool = false;
        /// Within this time, s; at least 30.
        "ringback-time" ringback_time: i64 = 30;
        /// Loss of carrier does not hang up.
        "ignore-carrier" ignore_carrier: bool = false;
        /// What is shown before the prompt: a file, `!command` or text.
        "issue-file" issue_file: Text = Text::from("/etc/issue");
        /// Pause before the greeting, ms.
        "prompt-waittime" prompt_waittime: i64 = 500;
        /// The prompt. A value of a file cannot end in a blank.
        "login-prompt" login_prompt: Text = Text::from("@ login: ");
        /// Limit for logging in, s; 0 is none.
        "login-time" login_time: i64 = 240;
        /// FidoNet's greeting is sent.
        "fido-send-emsi" fido_send_emsi: bool = true;
        /// The prompt is given to the login program, which reads the name itself.
        "login-env-ttyprompt-hack" ttyprompt_hack: bool = false;
        /// The login configuration, relative to the directory of this file.
        "login-conf-file" login_conf_file: Text = Text::from("login.config");
        /// Fax.
        "fax-id" fax_id: Text = Text::from(" ");
        /// Fax.
        "fax-min-speed" fax_min_speed: i64 = 0;
        /// Fax.
        "fax-max-speed" fax_max_speed: i64 = 14400;
        /// Fax.
        "fax-server-file" fax_server_file: Option<Text> = None;
        /// Fax: KiB that must be free.
        "diskspace" diskspace: i64 = 1024;
        /// Fax.
        "notify" notify: Text = Text::from("root");
        /// Fax.
        "fax-owner" fax_owner: Text = Text::from("root");
        /// Fax.
        "fax-group" fax_group: Text = Text::from("fax");
        /// Fax.
        "fax-mode" fax_mode: i64 = 0o660;
        /// Fax.
        "fax-spool-in" fax_spool_in: Text = Text::from("/var/spool/fax/incoming:/tmp");
        /// Log level, 0 to 9.
        "debug" debug: i64 = 4;
        /// Asks the modem how the last call was.
        "statistics-chat" statistics_chat: Option<Chat> = None;
        /// Where the answers go.
        "statistics-file" statistics_file: Option<Text> = None;
        /// Not used.
        "gettydefs" gettydefs: Text = Text::from("n");
        /// TERM for the login program.
        "term" term: Option<Text> = None;
        /// New: a modem family, `auto` or `none`.
        "modem-profile" modem_profile: Text = Text::from("none");
        /// New: pause before each command to the modem, ms.
        "command-delay" command_delay: i64 = 50;
        /// New: the line must be silent for so long before it is initialised, ms.
        "init-drain" init_drain: i64 = 100;
        /// New: and before it counts as ready, ms.
        "ready-drain" ready_drain: i64 = 300;
        /// New: after CONNECT what comes before so much silence is not taken for a name, ms; runs inside
        /// `prompt-waittime`.
        "connect-drain" connect_drain: i64 = 300;
        /// New: after another program's lock is gone, pause before the line is initialised anew, ms.
        "dialout-delay" dialout_delay: i64 = 200;
        /// New: the next ring comes within this time, ms.
        "ring-timeout" ring_timeout: i64 = 10_000;
        /// New: a caller who is not answered has gone when the line is silent for so long, ms.
        "refused-drain" refused_drain: i64 = 8000;
        /// New: this program takes the caller at CONNECT: no prompt, no name.
        "exec-on-connect" exec_on_connect: Option<Text> = None;
        /// New: 7 or 8.
        "data-bits" data_bits: i64 = 8;
        /// New: parity of each byte.
        "parity" parity: Parity = Parity::None;
        /// New: `cid-program` and `cnd-program` get so long, s.
        "caller-program-time" caller_program_time: i64 = 10;
        /// New: what becomes of calls; [`super::caller_rules::FILE`] if it is there and none is named.
        "caller-rules" caller_rules: Option<Text> = None;
        /// New: the program that calls back without an answer.
        "callback-program" callback_program: Text = Text::from("/usr/sbin/callback");
    }
}

/// Keywords the original does not know: it warns of them and goes on.
pub const NEW_KEYWORDS: &[&str] = &[
    "command-delay",
    "init-drain",
    "ready-drain",
    "connect-drain",
    "dialout-delay",
    "ring-timeout",
    "refused-drain",
    "exec-on-connect",
    "data-bits",
    "parity",
    "modem-profile",
    "caller-program-time",
    "caller-rules",
    "callback-program",
];

/// What reading the file gave besides settings.
#[derive(Debug)]
pub enum Loaded {
    /// It was read; this is wrong in it.
    Read(Vec<Problem>),
    /// There is none: built-in values hold.
    Missing,
    /// It cannot be read: built-in values hold.
    Unreadable(std::io::Error),
}

impl MgettyConfig {
    /// The keywords the original does not know (and passes over with a warning).
    pub const NEW: &[&str] = NEW_KEYWORDS;

    /// Reads the file for `device`. Settings of the command line stay.
    pub fn load_file(&mut self, path: &Path, device: &str) -> Loaded {
        match super::read(path) {
            Source::Read(bytes, _) => Loaded::Read(self.load_bytes(&bytes, Some(device))),
            Source::Missing => Loaded::Missing,
            Source::Unreadable(e) => Loaded::Unreadable(e),
        }
    }

    /// Rings wanted, at least one.
    #[must_use]
    pub fn rings_wanted(&self) -> u32 {
        u32::try_from(self.rings.value.max(1)).unwrap_or(u32::MAX)
    }

    /// How often an idle modem is checked; `None` is never.
    #[must_use]
    pub fn modem_check_interval(&self) -> Option<std::time::Duration> {
        let seconds = u64::try_from(self.modem_check_time.value).ok()?;
        Some(std::time::Duration::from_secs(seconds.max(900)))
    }

    /// The window for the second call, at least 30 s.
    #[must_use]
    pub fn ringback_window(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::try_from(self.ringback_time.value).unwrap_or(0).max(30))
    }

    /// Data bits and parity.
    #[must_use]
    pub fn frame(&self) -> Frame {
        Frame { seven: self.data_bits.value == 7, parity: self.parity.value }
    }

    /// Whether the modem is never asked about fax.
    #[must_use]
    pub fn is_data_only(&self) -> bool {
        self.data_only.value || self.modem_type.value.as_bytes() == b"data"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Document, Fault, Origin, Position};

    fn load(text: &str, device: &str) -> (MgettyConfig, Vec<Problem>) {
        let mut config = MgettyConfig::default();
        let problems = config.load(&Document::parse(text.as_bytes().to_vec()), Some(device));
        (config, problems)
    }

    #[test]
    fn sections_override_in_the_order_of_the_file() {
        let text = "rings 2\nport ttyS0\nrings 3\nport ttyS?\nrings 4\nspeed 9600\nport ttyS*\nrings 5\n";
        let (config, problems) = load(text, "ttyS0");
        assert!(problems.is_empty());
        assert_eq!((config.rings.value, config.speed.value), (4, 9600));
        assert_eq!(config.rings.origin, Origin::File(Position { line: 5, column: 7 }));
        assert_eq!(config.debug.origin, Origin::BuiltIn);
        assert_eq!(load(text, "ttyS*").0.rings.value, 5);
        assert_eq!(load(text, "ttyUSB0").0.rings.value, 2);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_the_rest_holds() {
        let (config, problems) = load("Speed 9600\nspeed +5\ndirect 1\ndata-flow RTS\nrings 3\n", "ttyS0");
        let said: Vec<_> = problems.iter().map(|p| p.describe(Path::new("f"))).collect();
        assert_eq!(
            said,
            [
                "f:1:1: unknown keyword `Speed`",
                "f:2:7: `speed` is followed by `+5`, expected a number (decimal, 0octal or 0xhex)",
                "f:3:8: `direct 1` is understood as no",
                "f:4:11: `data-flow` is followed by `RTS`, expected `rts`, `hard`, `xon`, `soft`, `both` or `none`",
            ]
        );
        assert!(problems[2].is_mere_doubt());
        assert!(matches!(&problems[0].fault, Fault::UnknownKeyword(word) if word == "Speed"));
        assert_eq!((config.speed.value, config.direct.value, config.rings.value), (38400, false, 3));
    }

    #[test]
    fn the_command_line_comes_first() {
        let mut config = MgettyConfig::default();
        config.speed.override_with(300);
        let problems = config.load(&Document::parse(b"speed 9600\nrings 2\n".to_vec()), Some("x"));
        assert!(problems.is_empty());
        assert_eq!((config.speed.value, config.speed.origin), (300, Origin::CommandLine));
        assert_eq!(config.entries()[0].value, "300");
        assert_eq!(config.entries().len(), MgettyConfig::KEYWORDS.len());
    }

    #[test]
    fn limits() {
        let (config, _) = load("rings 0\nmodem-check-time 5\nringback-time 1\nmodem-type data\n", "x");
        assert_eq!(config.rings_wanted(), 1);
        assert_eq!(config.modem_check_interval().unwrap().as_secs(), 900);
        assert_eq!(config.ringback_window().as_secs(), 30);
        assert!(config.is_data_only());
        assert_eq!(load("modem-check-time -1", "x").0.modem_check_interval(), None);
    }

    #[test]
    fn the_check_looks_into_every_section() {
        let document = Document::parse(b"port a\nfoo 1\nport b\nbar 1\n".to_vec());
        assert_eq!(MgettyConfig::check(&document).len(), 2);
        assert_eq!(MgettyConfig::default().load(&document, Some("a")).len(), 1);
    }
}
