//! How one line is served: command line, configuration and built-in values put together.

use std::time::Duration;
use ttyline::at::profile::Choice;
use ttyline::expect::modem_chat::ModemChat;

/// The waits. All but the pauses of chats can be set in mgetty.config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// DTR stays low so long (`toggle-dtr-waittime`).
    pub dtr: Duration,
    /// Before each command (`command-delay`).
    pub before_command: Duration,
    /// `\d` in a chat.
    pub pause: Duration,
    /// Silence before the init chat (`init-drain`).
    pub init_drain: Duration,
    /// Silence before the line is ready (`ready-drain`).
    pub ready_drain: Duration,
    /// Silence after CONNECT, inside `prompt-waittime` (`connect-drain`).
    pub connect_drain: Duration,
    /// From CONNECT to the prompt (`prompt-waittime`).
    pub prompt: Duration,
    /// For each expected word of the init chat.
    pub init_answer: Duration,
    /// For each expected word of the other chats.
    pub other_answer: Duration,
    /// From one ring to the next (`ring-timeout`).
    pub ring: Duration,
    /// After a refused caller's last ring (`refused-drain`).
    pub refused: Duration,
    /// After `Sorry, no login allowed`.
    pub nologin: Duration,
    /// After another program's lock is gone, before we start anew (`dialout-delay`).
    pub after_dialout: Duration,
    /// Before giving up where no lock file can be made, so that init does not respawn wildly.
    pub after_lock_failure: Duration,
    /// The same where the device cannot be opened.
    pub after_open_failure: Duration,
    /// A modem that says nothing at all for so long after the first command is silent.
    pub silence: Duration,
    /// A sign of life of a modem that was silent is waited for so long.
    pub probe: Duration,
    /// RING so long after ATA: it was not heard.
    pub rings_again: Duration,
    /// Between looks at a modem that is switched off (`need-dsr`).
    pub modem_off: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Waits {
            dtr: ms(500),
            before_command: ms(50),
            pause: ms(500),
            init_drain: ms(100),
            ready_drain: ms(300),
            connect_drain: ms(300),
            prompt: ms(500),
            init_answer: ms(20_000),
            other_answer: ms(10_000),
            ring: ms(10_000),
            refused: ms(8000),
            nologin: ms(5000),
            after_dialout: ms(200),
            after_lock_failure: ms(5000),
            after_open_failure: ms(5000),
            silence: ms(3000),
            probe: ms(1000),
            rings_again: ms(2000),
            modem_off: ms(2000),
        }
    }
}

/// How one line is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// The line under /dev.
    pub device: String,
    /// Our process id, for the log.
    pub pid: i32,
    /// Null-modem line.
    pub direct: bool,
    /// Opening waits for carrier, and so does everything else.
    pub blocking: bool,
    /// DTR is lowered at start.
    pub toggle_dtr: bool,
    /// Carrier is not looked at.
    pub ignore_carrier: bool,
    /// Pause after opening.
    pub open_delay: Option<Duration>,
    /// A switched-off modem is waited for.
    pub need_dsr: bool,
    /// Chats; an empty one is not run.
    pub init_chat: ModemChat,
    /// What follows the init chat.
    pub profile: Choice,
    /// Tried once when the init chat got no answer.
    pub force_init_chat: ModemChat,
    /// After the init chat; its result says nothing.
    pub post_init_chat: ModemChat,
    /// At start, for the log.
    pub statistics_chat: ModemChat,
    /// Before a caller is judged.
    pub get_cnd_chat: ModemChat,
    /// Picks up.
    pub answer_chat: ModemChat,
    /// For each expected word of it.
    pub answer_timeout: Duration,
    /// Idle modem check; `None` never.
    pub modem_check: Option<Duration>,
    /// Rings before the answer, at least 1.
    pub rings: u32,
    /// Answer only the second of two calls within this time.
    pub ringback: Option<Duration>,
    /// Own numbers, for distinctive ring.
    pub msn_list: Vec<String>,
    /// There is a `cid-program` to ask about rings.
    pub ask_rings: bool,
    /// Port speed follows CONNECT.
    pub autobauding: bool,
    /// From CONNECT to the end of patience; `None` is for ever.
    pub login_time: Option<Duration>,
    /// FIDO mailers are asked to show themselves.
    pub fido: bool,
    /// A program takes every caller at CONNECT.
    pub exec_on_connect: bool,
    /// No name is read; the login program gets the prompt in its environment.
    pub ttyprompt_hack: bool,
    /// The waits.
    pub waits: Waits,
}

/// The built-in init chat: Debian's without the pause at its head.
pub const INIT_CHAT: &[u8] = br#""" ATQ0V1H0 OK AT OK"#;
/// The built-in force-init chat.
pub const FORCE_INIT_CHAT: &[u8] = b"\"\" \\d\x10\x03\\d\\d\\d+++\\d\\d\\d\\r\\dATQ0V1H0 OK";
/// The built-in answer chat.
pub const ANSWER_CHAT: &[u8] = br#""" ATA CONNECT \c \n"#;

impl Default for Setup {
    fn default() -> Self {
        Setup {
            device: "unknown".into(),
            pid: 0,
            direct: false,
            blocking: false,
            toggle_dtr: true,
            ignore_carrier: false,
            open_delay: None,
            need_dsr: false,
            init_chat: ModemChat::parse(INIT_CHAT),
            profile: Choice::Plain,
            force_init_chat: ModemChat::parse(FORCE_INIT_CHAT),
            post_init_chat: ModemChat::default(),
            statistics_chat: ModemChat::default(),
            get_cnd_chat: ModemChat::default(),
            answer_chat: ModemChat::parse(ANSWER_CHAT),
            answer_timeout: Duration::from_secs(80),
            modem_check: Some(Duration::from_secs(3600)),
            rings: 1,
            ringback: None,
            msn_list: Vec::new(),
            ask_rings: false,
            autobauding: false,
            login_time: Some(Duration::from_secs(240)),
            fido: true,
            exec_on_connect: false,
            ttyprompt_hack: false,
            waits: Waits::default(),
        }
    }
}

impl Setup {
    /// `dev=…, pid=…`, as in AUDIT lines.
    pub fn dev_pid(&self) -> String {
        format!("dev={}, pid={}", self.device, self.pid)
    }
}
